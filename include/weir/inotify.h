/* SPDX-License-Identifier: MIT */
/* inotify.h - what happens to files and folders, told by the kernel as it happens: inotify(7). Not
 * in a simulation: WEIR_ESIMREFUSED. Loop thread only. */
#ifndef WEIR_INOTIFY_H
#define WEIR_INOTIFY_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_inotify; /* the paths that are watched, and the events not yet read */

/* One event. */
struct weir_inotify_event {
    int watch;         /* what weir_inotify_add returned; -1: events were lost (IN_Q_OVERFLOW) */
    uint32_t mask;     /* IN_CREATE, IN_MODIFY, ... of <sys/inotify.h>; IN_ISDIR; IN_IGNORED: the
                        * watch is gone */
    uint32_t cookie;   /* the same for IN_MOVED_FROM and IN_MOVED_TO of one rename */
    const char *path;  /* as given to weir_inotify_add; lent until the watch is removed; "" when
                        * events were lost */
    const char *name;  /* in the folder that is watched; "": it is the watched path itself. Lent
                        * until the next call of weir_inotify_next */
};

/* Open an inotify queue. The caller must close *ret_inotify.
 * Returns 0; -EMFILE (of the process, or of the user's queues), -ENOMEM, WEIR_ESIMREFUSED,
 * WEIR_ENOLOOP. */
WEIR_API int weir_inotify_open(struct weir_inotify **ret_inotify);

/* Watch a path for the events of mask. A path that leads to a file which is watched already changes
 * the mask of that watch. path is copied.
 * Returns the number of the watch, 1 or more; -ENOENT, -EACCES, -ENOSPC (too many watches of this
 * user), -EINVAL (no event in mask), -EAGAIN (no helper thread), -ENOMEM, -ECANCELED, -ETIME,
 * WEIR_ENOLOOP. On error or cancel nothing new is watched. */
WEIR_SUSPENDS int weir_inotify_add(struct weir_inotify *in, const char *path, uint32_t mask);

/* Stop a watch. Its events that came before are still returned, then one with IN_IGNORED.
 * Returns 0; -EINVAL (no such watch). */
WEIR_API int weir_inotify_remove(struct weir_inotify *in, int watch);

/* Wait for the next event. When events come faster than they are read, the kernel drops some, and
 * an event with watch -1 and IN_Q_OVERFLOW stands in their place: look at the folder anew.
 * Returns 0; -EBUSY (another task waits), -ECANCELED, -ETIME, -ENOMEM, WEIR_ECLOSED (closed
 * meanwhile), WEIR_ENOLOOP. On error or cancel no event is lost. */
WEIR_SUSPENDS int weir_inotify_next(struct weir_inotify *in, struct weir_inotify_event *ret_event);

/* Close the queue; *take_inotify becomes NULL. A task in weir_inotify_next gets WEIR_ECLOSED. NULL
 * and *NULL are fine. Never suspends, never fails. */
WEIR_API void weir_inotify_close(struct weir_inotify **take_inotify);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/* inotify.h - what happens to files and directories, as the kernel reports it: inotify(7). A
 * simulation has no inotify: WEIR_ESIMREFUSED. Loop thread only. */
#ifndef WEIR_INOTIFY_H
#define WEIR_INOTIFY_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_inotify; /* the watched paths, and the events not yet read */

/* One event. */
struct weir_inotify_event {
    int watch;         /* what weir_inotify_add returned; -1: events were lost (IN_Q_OVERFLOW) */
    uint32_t mask;     /* IN_CREATE, IN_MODIFY, ... of <sys/inotify.h>; IN_ISDIR; IN_IGNORED: the
                        * watch is gone */
    uint32_t cookie;   /* the same for IN_MOVED_FROM and IN_MOVED_TO of one rename */
    const char *path;  /* as given to weir_inotify_add; lent until the watch is gone; "" when
                        * events were lost */
    const char *name;  /* in the watched directory; "": it is the watched path itself. Lent until
                        * the next call of weir_inotify_next */
};

/* Open an inotify queue. The caller must close *ret_inotify.
 * Returns 0; -EMFILE (also: too many queues of this user), -ENOMEM, WEIR_ESIMREFUSED, WEIR_ENOLOOP.
 * On error *ret_inotify is untouched. */
WEIR_API int weir_inotify_open(struct weir_inotify **ret_inotify);

/* Watch a path for the events of mask. If the path leads to a file that is watched already, the
 * call changes the mask of that watch. path is copied.
 * Returns the number of the watch, 1 or more; -ENOENT, -EACCES, -ENOSPC (too many watches of this
 * user), -EINVAL (no event in mask), WEIR_ECLOSED (closed meanwhile), -EAGAIN (no helper thread),
 * -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. On error or cancel nothing new is watched. */
WEIR_SUSPENDS int weir_inotify_add(struct weir_inotify *in, const char *path, uint32_t mask);

/* Remove a watch. Its earlier events are still returned, and then one with IN_IGNORED.
 * Returns 0; -EINVAL (no such watch). */
WEIR_API int weir_inotify_remove(struct weir_inotify *in, int watch);

/* Wait for the next event. If events come faster than they are read, the kernel drops some, and an
 * event with watch -1 and IN_Q_OVERFLOW takes their place: then look at the watched paths anew.
 * Returns 0; -EBUSY (another task waits), WEIR_ECLOSED (closed meanwhile), -ECANCELED, -ETIME,
 * -ENOMEM, WEIR_ENOLOOP. On error or cancel no event is lost, and *ret_event is untouched. */
WEIR_SUSPENDS int weir_inotify_next(struct weir_inotify *in, struct weir_inotify_event *ret_event);

/* Close a queue; *take_inotify becomes NULL. A task in a call on it gets WEIR_ECLOSED. NULL and
 * *NULL are fine. In a fork child it only closes the child's copy of the descriptor. Never
 * suspends, never fails. */
WEIR_API void weir_inotify_close(struct weir_inotify **take_inotify);

#ifdef __cplusplus
}
#endif
#endif

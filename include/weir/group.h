/* SPDX-License-Identifier: MIT */
/* group.h - the children of a group, as they end. weir/task.h has the group itself. */
#ifndef WEIR_GROUP_H
#define WEIR_GROUP_H

#include <weir/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Wait until a child of g has ended on which a handle is held, and that was not handed out before.
 * They come in the order in which they ended. *ret_task is the handle that the spawn gave, and
 * stays the caller's to give back: by weir_await, which returns at once, or by weir_task_release.
 * So the handles need not be kept in an array:
 *   while ((rc = weir_group_next(&g, &task)) == 1)
 *       rc = weir_await(&task, &result, sizeof result);
 * A child whose handle is given back before is passed over.
 * Returns 1; 0, if all children have ended and been handed out; -ECANCELED, -ETIME: no child is
 * lost, the next call gets it; WEIR_ENOLOOP. Aborts unless the calling task has opened g. */
WEIR_SUSPENDS int weir_group_next(struct weir_group *g, struct weir_task **ret_task);

/* The error of one child. */
struct weir_child_error {
    const struct weir_child_error *next; /* the one that came next; NULL: it was the last */
    const char *task;                    /* the child's name */
    const struct weir_site *site;        /* where it was spawned */
    struct weir_error error;             /* its record, with its text */
};

/* The errors of a group's children, in memory of the caller; see weir_group_keep_errors. */
struct weir_errors {
    size_t count;                         /* how many are kept */
    size_t more;                          /* how many there was no room or memory for: logged */
    const struct weir_child_error *first; /* the one that came first; NULL: there is none */
    void *private_[4];
};

/* Keep each error of g's children, from now on and until g is closed or drained, so that all can be
 * read together: at most max. Call it before the first spawn. errs is initialised here; it must
 * stay until g is closed, and the caller must free it by weir_errors_free. What weir_group_close
 * returns does not change: in a WEIR_TOGETHER group the first error is returned (by a drain:
 * logged) and kept as well. The others, and all of a WEIR_INDEPENDENT group, are kept and not
 * logged. An error does not reach g while a handle on its task is held.
 * Aborts if g is no open group of this loop, or if its errors are kept already. */
WEIR_API void weir_group_keep_errors(struct weir_group *g, struct weir_errors *errs, size_t max);

/* Free the errors; errs is empty then. NULL, an empty and a zeroed one are fine. */
WEIR_API void weir_errors_free(struct weir_errors *errs);

#ifdef __cplusplus
}
#endif
#endif

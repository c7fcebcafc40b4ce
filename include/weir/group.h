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

#ifdef __cplusplus
}
#endif
#endif

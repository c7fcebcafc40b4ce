/* SPDX-License-Identifier: MIT */
/* deadlock.h - finds the cycle of tasks, each of which waits for the next, before the last of them
 * parks. Known are waits that one task must end: for the owner of a lock, for the end of a task;
 * and a close, which waits for all children of a group. doc/design/sync.md has the rules. */
#ifndef WEIR_TASK_DEADLOCK_H
#define WEIR_TASK_DEADLOCK_H

#include "task/task.h"

/* "task 'server' (spawned at await_test.c:3)" */
enum { WEIR__TASK_TEXT = 160 };
const char *weir__task_text(const struct weir_task *t, char buf[static WEIR__TASK_TEXT]);

/* The running task is about to wait for on. Returns 0; or -EDEADLK if the wait would close a cycle:
 * the cycle stands in the error record of the call what->text, and in the log. */
int weir__deadlock_refuse(const struct weir__what *what, const void *on);

/* The same for a wait that cannot be refused, the close of a group: in each cycle that it would
 * close, one wait of another task ends with -EDEADLK. Of those that can be refused it is the first
 * one behind the close, so a descendant of the closer fails. Aborts, with the cycle, if none can be
 * refused. */
void weir__deadlock_break(const struct weir__what *what, const void *on);

/* The same for t, which is parked and waits for something else from here on, with no cancel to end
 * that; or for the same, whose grace is over. by_cancel: a cancel has moved it, and may not have
 * reached the others of the cycle yet. So none of these is refused, and only a cycle of waits that
 * no cancel ends is one. */
void weir__deadlock_moved(struct weir_task *t, bool by_cancel);

#endif

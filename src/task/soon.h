/* SPDX-License-Identifier: MIT */
/* soon.h - callbacks of users, for the rooms that call them: what surrounds each call, and the
 * queue of those that the loop calls soon. */
#ifndef WEIR_TASK_SOON_H
#define WEIR_TASK_SOON_H

#include <stdbool.h>

#include "base/list.h"
#include "task/task.h"

/* What surrounds the call of a user's function that runs outside of its tasks (a callback of a
 * loop, or of an object that a task has just changed). Until the end the thread has no running
 * task: a suspending call returns WEIR_ENOLOOP, opening a scope aborts. And it has an error record
 * of its own, so that the running task's is not overwritten. Begin and end nest; c is the caller's
 * frame. A thread without a loop may use both. */
struct weir__callback {
    void *sched; /* the scheduler of the thread; NULL: none */
    struct weir_task *task;
    struct weir_error *outer; /* the record of the callback around this one; NULL: none */
    struct weir_error error;
};
void weir__callback_begin(struct weir__callback *c);
void weir__callback_end(struct weir__callback *c);
/* Between two functions that are called inside one begin and end: forget the first one's record. */
static inline void weir__callback_again(struct weir__callback *c) {
    c->error.code = 0;
}

/* A callback that the loop calls soon, in memory of its owner. called runs once, inside a
 * callback_begin and _end, when the ready tasks of this round have run; or with dropped true when
 * the run ends first. In the order in which they were added. */
struct weir__soon {
    struct weir__list link;
    void (*called)(struct weir__soon *n, bool dropped);
};
static inline void weir__soon_prepare(struct weir__soon *n,
                                      void (*called)(struct weir__soon *n, bool dropped)) {
    weir__list_init(&n->link);
    n->called = called;
}
WEIR_API void weir__soon_add(struct weir__soon *n); /* loop thread; n is not queued */
static inline void weir__soon_remove(struct weir__soon *n) { /* harmless if it is not queued */
    weir__list_remove(&n->link);
}

/* Is one queued? */
bool weir__soon_waits(void);

/* Have all tasks of this thread's loop ended? Then nothing more can be called soon. */
bool weir__run_is_ending(void);

#endif

/* SPDX-License-Identifier: MIT */
/* task.h - what the rooms above may know of tasks: park, unpark, ops awaited, error records. */
#ifndef WEIR_TASK_TASK_H
#define WEIR_TASK_TASK_H

#include <weir/loop.h>
#include <weir/task.h>

#include "loop/loop.h"

/* A wait, in the frame of the task that waits. The one upward door is unpark. */
struct weir__park {
    struct weir_task *task; /* set by weir__park */
    /* Called once when the task is cancelled while parked. WEIR__DONE: the wait is over, nobody
     * will unpark it: it returns -ECANCELED or -ETIME. WEIR__PENDING: unpark will still come.
     * NULL: the wait cannot be cut short. Must not suspend. */
    int (*abort)(struct weir__park *p);
    int64_t result;
    const char *what; /* for people: "read", "sleep", "await" */
    const void *on;   /* the object waited for, or NULL */
};

/* Begin a suspending call: every function marked WEIR_SUSPENDS calls it first (joins excepted).
 * Returns 0, or what the call must return: WEIR_ENOLOOP, WEIR_EFORKED, or the scope's code,
 * which has cost a yield. frame is the calling function's own: what lies below it belongs to none
 * of its callers. So a function of ours that holds a scope must not have one inlined into it that
 * says this: those are public calls, which never are, or are marked WEIR_NOINLINE. */
int weir__suspend_enter_from(const char *what, const void *frame);
#define weir__suspend_enter(what) weir__suspend_enter_from((what), __builtin_frame_address(0))

/* For calls (and loops inside them) that may find all at hand: each 64th since the task was resumed
 * lets the others run. Called where the task could as well wait: its object is pinned, and looked
 * at again if it says true. */
bool weir__breathe(void);

/* The same for a call that has moved bytes by itself: each KiB counts as a call, so that 64 of them
 * let the others run and a MiB ends the turn. */
bool weir__breathe_bytes(size_t len);

/* The same count for joins, which answer at return instead. */
void weir__mark(void);

/* A hook on the end of a task, in the memory of whoever hangs it there. What a task owns by being
 * itself (the middle of a message) is known by the hook and not by the task's address, which the
 * next task may have. */
struct weir__at_end {
    struct weir__at_end *next, *prev; /* a ring, of which the task knows the last */
    struct weir_task *task;           /* NULL: it hangs nowhere */
    void (*ended)(struct weir__at_end *e);
};

/* ended will be called once, when the running task's function has returned, on its stack, with
 * e->task NULL. It must not suspend. */
void weir__at_end_add(struct weir__at_end *e, void (*ended)(struct weir__at_end *e));
void weir__at_end_remove(struct weir__at_end *e); /* harmless if it hangs nowhere */

/* Suspend the running task until unpark; the only function that switches stacks. Returns the
 * result given to unpark, or -ECANCELED / -ETIME if abort answered WEIR__DONE. */
int64_t weir__park(struct weir__park *p);

/* Marked calls so far on this thread, and the one at which the running task is cancelled as by
 * weir_task_cancel (0: none). Story tests sweep it. */
extern WEIR_API __thread uint64_t weir__marks, weir__cancel_at_mark;

/* Is there a stack of that many bytes? Of 0, the run's default, always. */
bool weir__stack_exists(size_t size);

/* The errors with which this thread's tasks ended, and their ends: handed to who awaits, to who
 * closes the group or calls weir_run, logged, or excused (-ECANCELED of a cancelled task). Each has
 * a number, and the sums of these tell one lost and one told twice from none. After a run both
 * sides are equal: story tests compare. Here and not in the scheduler, which is gone by then. */
struct weir__ledger {
    uint64_t raised, raised_sum, settled, settled_sum;
};
extern WEIR_API __thread struct weir__ledger weir__ledger;

/* Make the parked task ready, with the result that weir__park will return. Loop thread. */
void weir__unpark(struct weir__park *p, int64_t result);

/* Cut the wait short that t is parked in, if it can be, as a cancel would, but t is not cancelled:
 * the wait returns -ECANCELED, or its result if that wins, and the next one waits again. For who
 * must know how far an op has come, which only the op's end says. Loop thread. */
void weir__wait_cut(struct weir_task *t);

/* Let the loop look at the world once, without waiting for anything, and run what that makes ready.
 * Returns 0, -ECANCELED or -ETIME. Does not call weir__suspend_enter: the caller has. */
int weir__look_around(const char *what);

/* Submit op and wait for it; a cancel goes to the backend. op->wake is set here. Returns
 * op->result, where -ECANCELED caused by a scope's budget becomes -ETIME. Does not call
 * weir__suspend_enter: the caller has. Never fails to wait: op's memory is free on return. */
int64_t weir__op_await(struct weir__op *op, const char *what, const void *on);

/* The same for ops that are always done at once: no task needed. */
int64_t weir__op_now(struct weir_loop *l, struct weir__op *op);

/* The loop of this thread; NULL outside. */
struct weir_loop *weir__loop(void);

/* Abort unless there is an object: every public call that takes one says so first. */
_Noreturn void weir__is_null(const char *call) __attribute__((cold));
static inline void weir__not_null(const void *object, const char *call) {
    if (__builtin_expect(object == NULL, 0))
        weir__is_null(call);
}

/* Abort unless l is this thread's running loop: names both. For use at the head of calls on
 * objects pinned to a loop. */
void weir__loop_assert(struct weir_loop *l, const char *call);

/* The same for calls that give errors: 0, or WEIR_EFORKED if l is the parent process's. */
int weir__loop_enter(struct weir_loop *l, const char *call);

/* Write the running task's error record; returns rc. Only at the origin of an error. on and
 * format may be NULL (the text is then made from what, on and the code). on and the arguments of
 * format may lie in the record itself. what is static. */
int weir__fail(int rc, const char *what, const char *on) __attribute__((cold));
int weir__failf(int rc, const char *what, const char *on, const char *format, ...)
    __attribute__((cold, format(printf, 4, 5)));
/* The record's count of bytes done before the error. */
void weir__fail_done(int rc, size_t done);

/* Copy the record, whatever it is of; put a copy back: other calls were made meanwhile. A call that
 * fails on the way and succeeds in the end keeps and restores it, for what the caller passed may
 * lie in it. */
void weir__error_keep(struct weir_error *ret_e);
void weir__error_restore(const struct weir_error *e);

/* A group whose opener is no task: a connection's. It hangs below parent like a child: the
 * parent's cancel reaches it, the parent's close waits until weir__group_close_under. ended is
 * called (possibly inside another task's turn) each time its last child ends, and when a cancel
 * reaches it while it has no child; it must not suspend, and may close the group. */
void weir__group_open_under(struct weir_group *g, struct weir_group *parent,
                            enum weir_policy policy, void (*ended)(struct weir_group *g));
void weir__group_close_under(struct weir_group *g); /* no live child */
/* Code that a call inside g would return: 0, -ECANCELED or -ETIME. */
int weir__group_cancelled(const struct weir_group *g);

#endif

/* SPDX-License-Identifier: MIT */
/* task.h - what the rooms above use of tasks: the cancel point, park and unpark, waiting for an op,
 * error records, groups of connections. doc/design/task.md explains how to write a call that
 * parks. */
#ifndef WEIR_TASK_TASK_H
#define WEIR_TASK_TASK_H

#include <weir/loop.h>
#include <weir/task.h>

#include "loop/loop.h"
#include "task/what.h"

/* One wait, in the frame of the task that waits. weir__unpark ends it. */
struct weir__park {
    struct weir_task *task; /* set by weir__park */
    /* Called at most once, when the task is cancelled while parked. It returns WEIR__DONE if it has
     * made sure that nothing will unpark the task: weir__park then returns -ECANCELED or -ETIME.
     * It returns WEIR__PENDING if an unpark will still come. NULL: the wait cannot be cut short.
     * Must not suspend. */
    int (*abort)(struct weir__park *p);
    int64_t result;
    const struct weir__what *what; /* the call, and the type of on; static */
    const void *on; /* the object for which the task waits, or NULL */
};

/* The scheduler of this thread, or NULL. It begins with these, which are read where a call of a few
 * nanoseconds asks for them; internal.h has the rest. */
struct weir__sched_head {
    struct weir__loop loop;
    struct weir_task *current;
};
extern WEIR_API __thread struct sched *weir__sched;

/* As weir__loop, inline. */
static inline struct weir__loop *weir__loop_here(void) {
    return (struct weir__loop *)(void *)weir__sched;
}

/* The running task, or NULL outside a task. */
static inline struct weir_task *weir__task_here(void) {
    return weir__sched ? ((struct weir__sched_head *)(void *)weir__sched)->current : NULL;
}

/* The cancel point: every function marked WEIR_SUSPENDS calls it first (joins excepted).
 * Returns 0, or what the call must return: WEIR_ENOLOOP, WEIR_EFORKED, or the felt code after one
 * yield. frame is the frame of the calling function. A scope at an address below it lies in a
 * function that has returned, and aborts. So a function that calls this must not be inlined into
 * one that holds a scope: public calls never are, others are marked WEIR_NOINLINE. */
WEIR_API int weir__suspend_enter_from(const char *what, const void *frame);
#define weir__suspend_enter(what) weir__suspend_enter_from((what), __builtin_frame_address(0))

/* For calls that need a loop, but no task: writes a record of WEIR_ENOLOOP or WEIR_EFORKED, and
 * returns that. */
WEIR_API int weir__no_loop(const char *what) __attribute__((cold));

/* Both checks of a call on an object of loop l in one: the cancel point, then weir__loop_assert.
 * l is NULL if the object is; the caller refuses that when this has returned 0. */
WEIR_API int weir__suspend_enter_on_from(struct weir__loop *l, const char *what, const void *frame);
#define weir__suspend_enter_on(l, what) \
    weir__suspend_enter_on_from((l), (what), __builtin_frame_address(0))

/* Count a call that completed without waiting. Every 64th since the task was resumed lets the other
 * tasks run, and then returns true. Another task may close the object meanwhile: so mark it as in
 * use before, and look at its state again after true. */
bool weir__breathe(void);

/* Would weir__breathe let the others run now? l is the loop of this thread. */
static inline bool weir__must_breathe(const struct weir__loop *l) {
    return __builtin_expect(l->slice <= 1, 0);
}

/* Count such a call while weir__must_breathe is false: no other task runs. */
static inline void weir__breathe_in(struct weir__loop *l) {
    l->slice--;
}

/* The same for a call that copied len bytes: each KiB counts as a call. So 64 KiB let the others
 * run, and after a MiB the loop has a turn. */
WEIR_API bool weir__breathe_bytes(size_t len);

/* Count a call of a marked function that is no cancel point at entry: the joins. Tests cancel a
 * task at the N-th marked call, and count here. weir__suspend_enter calls it by itself. */
void weir__mark(void);

/* A hook that runs when a task ends, in the memory of the object that wants to know. An object that
 * belongs to a task (a message that the task is writing) must use a hook and not compare the task's
 * address: the next task may get the same address. */
struct weir__at_end {
    struct weir__at_end *next, *prev; /* a ring, of which the task knows the last */
    struct weir_task *task;           /* NULL: not added to a task */
    void (*ended)(struct weir__at_end *e);
};

/* Add e to the running task. When the task's function has returned, ended is called once, on the
 * task's stack, with e->task NULL. It must not suspend. */
void weir__at_end_add(struct weir__at_end *e, void (*ended)(struct weir__at_end *e));
/* The same for t, which has not ended. */
void weir__at_end_add_to(struct weir_task *t, struct weir__at_end *e,
                         void (*ended)(struct weir__at_end *e));
void weir__at_end_remove(struct weir__at_end *e); /* harmless if e is not added to a task */
/* The first hook of the running task that calls ended; NULL: it has none. */
struct weir__at_end *weir__at_end_find(void (*ended)(struct weir__at_end *e));

/* Has a task of this loop ended? Aborts, naming call, if t is no task that somebody holds. */
bool weir__task_has_ended(const struct weir_task *t, const char *call);

/* What the function of t has returned: when t has ended, and in its hooks. */
int weir__task_result(const struct weir_task *t);

/* As weir_await of a task that has ended, but no cancel point: the result is returned although the
 * running task is cancelled. */
WEIR_API int weir__task_take(struct weir_task **take_task, void *ret_args, size_t size);
/* Wait until t has ended, also if the running task is cancelled. The caller holds t. Where what has
 * an owner, a wait of another task that this one would close a cycle with ends with -EDEADLK; if
 * nothing can cut it short, the call aborts. */
WEIR_API void weir__task_join(struct weir_task *t, const struct weir__what *what);
/* The result of a task that has ended. If it is an error, its record becomes the running task's;
 * the handle still has it for an await. */
int weir__task_look(const struct weir_task *t);

/* The queue of those that await t, all of which are granted when it ends. */
struct weir__waitq *weir__task_awaiters(struct weir_task *t);

/* Suspend the running task until weir__unpark. A task waits in no other function (a yield lets the
 * others run, but the task stays ready). Returns the result given to unpark, or -ECANCELED or
 * -ETIME if abort answered WEIR__DONE. */
int64_t weir__park(struct weir__park *p);

/* How many marked calls this thread has made, and the number of the call at which the running task
 * is cancelled as by weir_task_cancel (0: none). Tests go through all numbers. */
extern WEIR_API __thread uint64_t weir__marks, weir__cancel_at_mark;

/* Can a task have a stack of that many bytes? 0 (the run's default) is always true. */
bool weir__stack_exists(size_t size);

/* The errors with which tasks of this thread ended. Each failed task gives its error a number, and
 * the error is settled when it is returned by an await, a close or weir_run, is logged, or is
 * excused (-ECANCELED of a cancelled task). Counts and sums of the numbers raised and settled must
 * match after a run: so one error lost plus one reported twice is caught. Tests compare them. Not
 * in the scheduler, which is gone by then. */
struct weir__ledger {
    uint64_t raised, raised_sum, settled, settled_sum;
};
extern WEIR_API __thread struct weir__ledger weir__ledger;

/* Make the parked task ready, with the result that weir__park will return. Loop thread. */
WEIR_API void weir__unpark(struct weir__park *p, int64_t result);

/* Cut short the wait in which t is parked, as a cancel would, but without cancelling t: the wait
 * returns -ECANCELED, or its result if that came first, and t's next wait is not affected. For a
 * caller that must know how many bytes an op has moved: only the finished op says that. Loop
 * thread. */
WEIR_API void weir__wait_cut(struct weir_task *t);

/* Let the loop run one turn without waiting, and run the tasks that it makes ready. Returns 0,
 * -ECANCELED or -ETIME. The caller has called weir__suspend_enter. */
int weir__look_around(const struct weir__what *what);

/* Submit op and wait for it; a cancel is handed to the backend. op->wake is set here. Returns
 * op->result, where -ECANCELED caused by a scope's budget becomes -ETIME. The caller has called
 * weir__suspend_enter. On return the backend does not hold op any more, whatever the result. */
int64_t weir__op_await(struct weir__op *op, const struct weir__what *what, const void *on);

/* Submit an op of a kind that is always done at once. Needs no task. Returns op->result. */
int64_t weir__op_now(struct weir__loop *l, struct weir__op *op);

/* The loop that runs on this thread; NULL if none does. */
WEIR_API struct weir__loop *weir__loop(void);

/* Is this thread inside a step of a loop: in a task, a posted function or a callback? */
bool weir__is_stepping(void);
/* Is l one of the loops that this thread has open? l may be any thread's. */
bool weir__loop_is_here(const struct weir_loop *l);
/* The thread spoke to outside, and then to inside. Have it speak to outside again, unless the code
 * that ran meanwhile has chosen another loop; if it has closed outside, to the last one opened. */
void weir__loop_speak_again(const struct sched *inside, struct sched *outside);

/* Abort if object is NULL. Every public call that takes an object calls this first. */
_Noreturn WEIR_API void weir__is_null(const char *call) __attribute__((cold));
static inline void weir__not_null(const void *object, const char *call) {
    if (__builtin_expect(object == NULL, 0))
        weir__is_null(call);
}

/* The same for another argument, such as the item: what is its name in the message. */
_Noreturn WEIR_API void weir__argument_is_null(const char *call, const char *what)
    __attribute__((cold));
static inline void weir__argument_not_null(const void *argument, const char *call,
                                           const char *what) {
    if (__builtin_expect(argument == NULL, 0))
        weir__argument_is_null(call, what);
}

/* Abort, with the names of both loops, unless l is the loop that runs on this thread. For the head
 * of calls on objects that belong to a loop. The memory of object may be gone, and l be what lies
 * there now: in debug mode the text says where object was closed. NULL: there is no object. */
WEIR_API void weir__loop_assert(struct weir__loop *l, const void *object, const char *call);

/* The same for calls that return errors: 0, or WEIR_EFORKED if l belongs to the parent process. */
WEIR_API int weir__loop_enter(struct weir__loop *l, const void *object, const char *call);

/* Write the running task's error record and return rc. Only where the error begins. what: the call,
 * static text. on: the object, or NULL. format: what happened; weir__fail makes the text from what,
 * on and the code. on and the arguments of format may lie in the record itself. */
WEIR_API int weir__fail(int rc, const char *what, const char *on) __attribute__((cold));
WEIR_API int weir__failf(int rc, const char *what, const char *on, const char *format, ...)
    __attribute__((cold, format(printf, 4, 5)));
/* As weir__fail, for an error with which a wait has ended. If the wait was refused while the task
 * stood in it (-EDEADLK, deadlock.h), the record has the cycle, and stays. */
WEIR_API int weir__fail_wait(int rc, const char *what, const char *on) __attribute__((cold));
/* Set how many bytes were done before the error rc, if the record is rc's. */
void weir__fail_done(int rc, size_t done);
/* Set the status of the HTTP answer that refused us, if the record is rc's. */
WEIR_API void weir__fail_status(int rc, int status);
/* Set the code of the last attempt, if the record is rc's. */
void weir__fail_reason(int rc, int reason);

/* rc, an error that is returned now, has no record: if the record has that code, it is an older
 * error's, and is forgotten. For calls that return the code of another task or thread. */
void weir__error_forget(int rc);

/* Forget the record. Called before a function of the user's that begins a new story in a task that
 * has had others: if it returns a bare code, no record of an earlier story is taken for its. */
WEIR_API void weir__error_begin(void);

/* The same between two messages; l is the loop of this thread. */
static inline void weir__error_begin_in(const struct weir__loop *l) {
    if (__builtin_expect(l->recorded, 0))
        weir__error_begin();
}

/* Copy the record, and put the copy back after other calls. A call that fails on the way but
 * succeeds in the end does both: arguments of its caller may lie in the record. */
WEIR_API void weir__error_keep(struct weir_error *ret_e);
WEIR_API void weir__error_restore(const struct weir_error *e);

/* Open a group that no task opened: the group of a connection. It hangs below parent (NULL: the
 * run's own group) like a child: a cancel of parent reaches it, and the close of parent waits until
 * weir__group_close_under. ended is called each time its last child ends, and when a cancel reaches
 * it while it has no child. It may run on the stack of any task, must not suspend, and may close
 * the group. */
WEIR_API void weir__group_open_under(struct weir_group *g, struct weir_group *parent,
                                     enum weir_policy policy, void (*ended)(struct weir_group *g));
WEIR_API void weir__group_close_under(struct weir_group *g); /* no live child */
/* Cancel those of the groups that were opened under g for which is_meant returns true. It must not
 * suspend. */
void weir__group_cancel_unders(struct weir_group *g, const char *cause,
                               bool (*is_meant)(const struct weir_group *under, const void *arg),
                               const void *arg);
/* Is t the task top, or a child, at any depth, of a group that top has opened? */
bool weir__task_is_within(const struct weir_task *t, const struct weir_task *top);
/* Keep the record of rc that the running task has: the function that is told of the connection's
 * end may run in another task. The first record stays. Without memory only the code travels. */
void weir__group_error_keep(struct weir_group *g, int rc) __attribute__((cold));
/* Give the record that was kept, if it is rc's, to the running task. */
void weir__group_error_give(const struct weir_group *g, int rc);
/* Cancel the run's own group, but not the first task, that of weir_run, and what belongs to it.
 * Tasks that are spawned into the group later begin cancelled. weir_stop, or a run in which nothing
 * can happen any more, cancels the first task too. Loop thread. */
void weir__stop_others(const char *cause);
/* The code that a suspending call inside g would return: 0, -ECANCELED or -ETIME. */
int weir__group_cancelled(const struct weir_group *g);

/* Give an error that nobody will read to the hook of this thread's loop (on_unhandled), if it has
 * one. Returns true if that has handled it; else the caller logs it. e: its record, or NULL. */
bool weir__unhandled(const char *task, const struct weir_site *site, int rc,
                     const struct weir_error *e) __attribute__((cold));
/* Return rc, the felt code. Writes a record, unless the present one already names its reason. */
int weir__error_felt(int rc, const char *what);

#endif

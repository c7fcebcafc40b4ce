/* SPDX-License-Identifier: MIT */
/* task.h - tasks, groups that wait for their tasks, scopes that bound them in time.
 *
 * A scope fires when it is cancelled, or when the loop notices that its budget is spent. The loop
 * looks when no task is ready, else now and then: a task that computes, or whose calls return at
 * once, may run on past its deadline. Every suspending call is a cancel point: from then on, until
 * the task leaves the scope, it does nothing and returns the scope's code, -ECANCELED (cancelled)
 * or -ETIME (budget spent). If several scopes have fired, -ECANCELED outranks -ETIME. A call that
 * is parked when the scope fires returns the code too; but if it has just completed, it returns its
 * result, and the next call the code. weir_group_close, weir_group_drain and weir_mesh_close wait
 * for tasks nevertheless, and weir_offload for a function that has begun.
 *
 * All calls: loop thread only, on objects of that loop. A call aborts if its scope, group or task
 * is NULL, not open, moved in memory, or belongs to another loop (or, after fork, to the parent
 * process). The message names the call, both loops, and the file and line where the object was
 * opened. To know that line, the calls that open something are macros over functions named ..._at.
 * So are the calls that cancel: the error record of an -ECANCELED says who cancelled, and where.
 * The function behind the macro, (weir_scope_enter)(&s, ns), works too; its line is then unknown.
 */
#ifndef WEIR_TASK_H
#define WEIR_TASK_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_task; /* a task: a function that runs on a stack of its own and may suspend */

/* A deadline or a cancel for a part of a task's work. The caller gives the memory, and must not
 * move it while the scope is open. */
struct weir_scope { uint64_t opaque_[13]; };

/* A group of child tasks; it is a scope too. The caller gives the memory, and must not move it
 * while the group is open. */
struct weir_group { uint64_t opaque_[20]; };

/* What the error of a child does to its group. */
enum weir_policy {
    WEIR_TOGETHER,   /* it cancels the other children and the opener; weir_group_close returns it */
    WEIR_INDEPENDENT /* it is logged and counted, and the others go on, as in a server */
};

/* Start a scope. Once budget_ns has passed and the loop has noticed it (WEIR_NEVER: never; <= 0: at
 * once), suspending calls of this task, and of children in groups that it opens inside, return
 * -ETIME until weir_scope_leave. The same task must leave it, the innermost scope first, and before
 * the function returns in whose frame s lies. Otherwise the task aborts in its next suspending
 * call, enter or leave, or when it ends; the message names the places. Outside a task
 * weir_scope_enter aborts. */
WEIR_API void weir_scope_enter(struct weir_scope *s, weir_ns budget_ns);
WEIR_API void weir_scope_enter_at(const struct weir_site *site, struct weir_scope *s,
                                  weir_ns budget_ns);
#define weir_scope_enter(...) weir_scope_enter_at(WEIR_SITE(weir_scope_enter), __VA_ARGS__)

/* Start a shield: a scope that holds back cancels and deadlines from outside, for at most
 * budget_ns. It is for clean-up that must suspend. When budget_ns has passed, what has fired
 * outside makes calls inside fail too. budget_ns is no deadline: if nothing outside has fired, work
 * inside goes on past it. Leave it by weir_scope_leave, under the rules of weir_scope_enter. Aborts
 * if budget_ns is 0 or less, or WEIR_NEVER. */
WEIR_API void weir_shield_enter(struct weir_scope *s, weir_ns budget_ns);
WEIR_API void weir_shield_enter_at(const struct weir_site *site, struct weir_scope *s,
                                   weir_ns budget_ns);
#define weir_shield_enter(...) weir_shield_enter_at(WEIR_SITE(weir_shield_enter), __VA_ARGS__)

/* Give a scope a new budget that counts from now, for idle time-outs. budget_ns <= 0: s fires at
 * once. WEIR_NEVER: s has no deadline any more; a shield keeps the budget that it has. The call has
 * no effect on a scope that has fired, nor on a shield whose budget is spent. Any task of the loop
 * may call it. Aborts if s is a group. */
WEIR_API void weir_scope_renew(struct weir_scope *s, weir_ns budget_ns);

/* Cancel a scope: suspending calls inside return -ECANCELED, now and until s is left. A second
 * cancel changes nothing; the first cause stays. cause: static text, or NULL. Any task, posted
 * function or callback of the loop may call it. */
WEIR_API void weir_scope_cancel(struct weir_scope *s, const char *cause);
WEIR_API void weir_scope_cancel_at(const struct weir_site *site, struct weir_scope *s,
                                   const char *cause);
#define weir_scope_cancel(...) weir_scope_cancel_at(WEIR_SITE(weir_scope_cancel), __VA_ARGS__)

/* Let signals cancel a scope: weir_scope_on_signal(&s, SIGTERM, SIGINT). From now until s is left,
 * each cancels s when the process receives it, and has no other effect, even if the process ignored
 * it before. Several calls add up, and scopes may share a signal. The loop notices a signal when it
 * next looks for events: one that comes after this task last suspended is lost if s is left first.
 * So keep one scope around the whole work, not one for each round of a loop; and of several loops
 * let one take it and stop the others (weir_loops_run). Aborts if s is a shield or a group.
 * Returns 0; -EINVAL (no such signal, SIGKILL, SIGSTOP, and the faults SIGSEGV, SIGBUS, SIGFPE and
 * SIGILL), -EPERM (every thread blocks the signal, perhaps because the parent process did, so that
 * it would never arrive; pthread_sigmask unblocks it), -ENOMEM, WEIR_ENOLOOP: none was taken. */
WEIR_API int weir_scope_on_signal(struct weir_scope *s, ...);
#define weir_scope_on_signal(s, ...) weir_scope_on_signal((s), __VA_ARGS__, INT32_MIN)

/* Leave a scope, and translate the code of its cancel. rc is the result of the work inside.
 * Returns WEIR_ESTOPPED if rc is -ECANCELED and s was cancelled, wherever rc came from; else rc,
 * also if s has fired. If a scope around s is cancelled too, or the task by weir_task_cancel, and
 * no shield holds that back, -ECANCELED is returned as it is. -ETIME stays -ETIME: weir_scope_fired
 * tells whether s or a scope around it ran out of time. Keep byte counts out of rc. Aborts if s is
 * not the innermost scope of the calling task. */
WEIR_API int weir_scope_leave(struct weir_scope *s, int rc);

/* Leave a scope when control leaves its block, by return, break, goto or at the last brace:
 *   WEIR_AUTO(weir_scope_auto_leave) struct weir_scope s = {0};
 * It calls weir_scope_leave(s, 0). It cannot see the block's result, so it translates no code: call
 * weir_scope_leave yourself where the result may be -ECANCELED because s was cancelled. Does
 * nothing to a scope that was left already, or that is zeroed and was never entered. */
WEIR_API void weir_scope_auto_leave(struct weir_scope *s);

/* The code of a cancel or deadline that the running task is under: what a suspending call made now
 * would return at once. Returns -ECANCELED or -ETIME; 0 if no scope has fired, and outside a task.
 * It sees a spent budget only once tasks have suspended; in a computation compare weir_now with
 * weir_deadline. */
WEIR_API int weir_cancelled(void);

/* Which signal cancelled a scope, and the cause of its cancel. weir_scope_signal returns the
 * signal, or 0 if none did. weir_scope_cause returns the text, or "" if there is none; "signal" if
 * a signal was first. Valid until s is entered again; after the leave any thread may ask. Both
 * abort if s was never entered. */
WEIR_API int weir_scope_signal(const struct weir_scope *s);
WEIR_API const char *weir_scope_cause(const struct weir_scope *s);

/* Tell whether this very scope has fired, and how. A scope that fired around s does not count,
 * although calls inside s return the same code then: so after -ETIME this tells whose deadline it
 * was. A shield's budget is no deadline, so only a cancel fires a shield.
 * Returns 0 (s has not fired); -ETIME (its budget is spent, and the loop has noticed it, as for
 * weir_cancelled); WEIR_ESTOPPED (weir_scope_cancel or a signal cancelled s). Valid until s is
 * entered again; after the leave any thread may ask. Aborts if s was never entered. */
WEIR_API int weir_scope_fired(const struct weir_scope *s);

/* The deadline of the innermost scope that has one, as weir_now counts. The search begins with the
 * task's own scopes, and goes on with those that were open when its group was opened. It stops at a
 * shield whose budget is not spent. A scope farther out may fire earlier: its deadline is not
 * looked at. The deadline of a scope whose budget is spent is in the past.
 * Returns WEIR_NEVER if no scope has a deadline, and outside a task. */
WEIR_API weir_ns weir_deadline(void);

/* Open a group, in memory of the caller. It is a scope too. The task that opened it must close it,
 * by weir_group_close or weir_group_drain, innermost first. Children are under the scopes that are
 * open now, not under those that are open when they are spawned. Aborts if policy is not one of
 * enum weir_policy; a function that returns with its group open makes its task abort. */
WEIR_API void weir_group_open(struct weir_group *g, enum weir_policy policy);
WEIR_API void weir_group_open_at(const struct weir_site *site, struct weir_group *g,
                                 enum weir_policy policy);
#define weir_group_open(...) weir_group_open_at(WEIR_SITE(weir_group_open), __VA_ARGS__)

/* Cancel a group: its children, and what its opener does before the close. g NULL: the run's own
 * group, which holds the function given to weir_run and every task spawned with g NULL; outside a
 * loop that aborts. A second cancel changes nothing; the first cause stays. cause: static text, or
 * NULL. Any task, posted function or callback of the loop may call it. */
WEIR_API void weir_group_cancel(struct weir_group *g, const char *cause);
WEIR_API void weir_group_cancel_at(const struct weir_site *site, struct weir_group *g,
                                   const char *cause);
#define weir_group_cancel(...) weir_group_cancel_at(WEIR_SITE(weir_group_cancel), __VA_ARGS__)

/* Close a group: wait until all its children have ended. rc is the result of the body, which is the
 * code between open and close. If rc < 0 the children are cancelled first; a scope around the group
 * that fires cancels them too. Even then the call waits for them, however long they take.
 * Returns the first of these that applies:
 *   rc, if it is an error of the body's own;
 *   the first error of a child (WEIR_TOGETHER);
 *   -ECANCELED or -ETIME, if a scope around the group has fired;
 *   WEIR_ESTOPPED, if rc is -ECANCELED because this group was cancelled;
 *   rc.
 * -ECANCELED or -ETIME that the body or a child got because a scope around it fired, or because the
 * group was cancelled, is not an error of its own. The error returned counts as handled; the other
 * errors of children are logged.
 * A child that waits for the calling task, directly or through others (by weir_await, or for a
 * mutex that this task holds), would wait for ever: its wait ends with -EDEADLK. If the waits in
 * such a cycle are of a kind that nothing cuts short, the call aborts and prints the cycle.
 * Aborts outside a task, and as weir_scope_leave. */
WEIR_SUSPENDS int weir_group_close(struct weir_group *g, int rc);

/* Close a group, but give its children time to finish. Waits for them for at most grace_ns (<= 0:
 * not at all), then cancels the group, and waits until they have ended. If anything else cancels
 * the group, the grace is over too. Errors of children are logged.
 * Returns no error, but how many children were cancelled because the group was, before or during
 * it: when the grace was over, by weir_group_cancel, by a scope around that fired, by a cancel of
 * the opener, or by a sibling's error. Not counted are a child that weir_task_cancel cancelled
 * alone, and the child whose error cancelled the others. With WEIR_NEVER it treats children that
 * wait for the calling task as weir_group_close does; with a grace their waits last until that is
 * over. Aborts as weir_group_close. */
WEIR_SUSPENDS int weir_group_drain(struct weir_group *g, weir_ns grace_ns);

/* Tell whether this very group was cancelled. A scope that fired around it does not count.
 * Returns 0; WEIR_ESTOPPED (it was cancelled: by weir_group_cancel, a child's error in a
 * WEIR_TOGETHER group, an error given to weir_group_close, or a drain whose grace was over). Valid
 * until g is opened again; after the close any thread may ask. Aborts if g was never opened. */
WEIR_API int weir_group_fired(const struct weir_group *g);

/* How many children of a group have not ended; how many have failed so far. A child counts as
 * failed when its error reaches the group: not while a handle on it is held, nor if weir_await has
 * read the error, nor if the child returned the code of a cancel or deadline that it was under.
 * Valid until g is opened again; any thread may ask after the close. Abort if g never was open. */
WEIR_API size_t weir_group_live(const struct weir_group *g);
WEIR_API size_t weir_group_failed(const struct weir_group *g);

/* The options of a task that is spawned. */
struct weir_spawn_options { /* zero: the default */
    size_t size;            /* sizeof (struct weir_spawn_options) */
    size_t stack_size;      /* bytes, rounded up to a size class; 0: the run's default */
    const char *name;       /* static text; NULL: the function's name */
    bool daemon;            /* does not hold the run open: see weir_wait_stopping. g must be NULL */
};

/* Start a task: fn, with a copy of args[0 .. args_size-1] of its own, as a child of g (NULL: the
 * run's own group). The task begins after the caller next suspends. It begins even if it is
 * cancelled before. fn's result < 0 is an error. While a close or drain of g waits, its children
 * may spawn more into g: it waits for those too.
 * ret_task NULL: the error goes to the group. Else *ret_task is a handle that the caller must give
 * back, by weir_await or weir_task_release; until then it keeps the error from the group, which is
 * not cancelled by it. weir_await hands out what fn left in its copy of args. A handle that was not
 * given back becomes invalid when the run ends. The run then logs each error that such a handle
 * kept, and counts the others in one warning.
 * Returns 0; -ENOMEM, -EAGAIN (no stack could be had), WEIR_ENOLOOP, WEIR_EFORKED. On error nothing
 * was started, and *ret_task is untouched. Posted functions and callbacks may call it too. Aborts
 * if g is not open or belongs to another loop. */
WEIR_API int weir_spawn(struct weir_group *g, const struct weir_site *site, int (*fn)(void *args),
                        const void *args, size_t args_size,
                        const struct weir_spawn_options *options, struct weir_task **ret_task);

/* weir_go(&g, fn, .a = 1) fills a struct fn_args and spawns fn. weir_go_task gives a handle too,
 * weir_go_with takes a struct weir_spawn_options *. C only: in C++ call weir_spawn; a weir_go there
 * fails to compile, and the message shows the call to write. */
#ifndef __cplusplus
#define weir_go(g, fn, ...) weir_go_any_(g, fn, NULL, NULL, __VA_ARGS__)
#define weir_go_task(g, fn, ret_task, ...) weir_go_any_(g, fn, NULL, ret_task, __VA_ARGS__)
#define weir_go_with(g, options, fn, ...) weir_go_any_(g, fn, options, NULL, __VA_ARGS__)
#define weir_go_any_(g, fn, options, ret_task, ...)                                                \
    weir_spawn((g), WEIR_SITE(fn), fn, &(struct fn##_args){__VA_ARGS__},                           \
               sizeof(struct fn##_args), (options), (ret_task))
#else
#define weir_go(g, fn, ...) weir_go_in_cpp_(#g, #fn, "nullptr", "nullptr")
#define weir_go_task(g, fn, ret_task, ...) weir_go_in_cpp_(#g, #fn, "nullptr", #ret_task)
#define weir_go_with(g, options, fn, ...) weir_go_in_cpp_(#g, #fn, #options, "nullptr")
#define weir_go_in_cpp_(g, fn, options, ret)                                                       \
    (__extension__({                                                                               \
        static_assert(sizeof(fn) == 0, "weir_go is C only. In C++ fill a struct " fn               \
                      "_args args and call weir_spawn(" g ", WEIR_SITE(" fn "), " fn               \
                      ", &args, sizeof args, " options ", " ret ")");                              \
        0;                                                                                         \
    }))
#endif
#define weir_go0(g, fn) weir_spawn((g), WEIR_SITE(fn), fn, NULL, 0, NULL, NULL)

/* How much stack the tasks spawned at one place have used. */
struct weir_stack_use {
    size_t size;                  /* in: sizeof (struct weir_stack_use), or 0 */
    const struct weir_site *site; /* where the tasks are spawned */
    size_t stack_size, deepest;   /* bytes; deepest is 0 until a task was measured */
    uint64_t begun, measured;     /* how many tasks */
};

/* How deep the stacks of the tasks spawned at the i-th place went. i counts from 0, in the order in
 * which this loop met the places; each size of stack counts as a place of its own. The library's
 * own tasks have places too. Measured are the 1st, 2nd, 4th .. 65536th task of a place, then each
 * 65536th: when it ends, and by this call while it runs. Not seen is what a task reserved and left
 * zero in pages that an earlier task had used. Nothing is measured under sanitizers and Valgrind.
 * A place that uses 7/8 of its stack is logged, once. The call looks at every task of the loop, so
 * it is not for a hot path.
 * Returns 1; 0 past the last place, with *ret untouched; WEIR_ENOLOOP. */
WEIR_API int weir_stack_use(size_t i, struct weir_stack_use *ret);

/* The running task; NULL outside a task. The pointer is no handle: to keep it, weir_task_ref. */
WEIR_API struct weir_task *weir_task_current(void);

/* The name of a task; never NULL. Lent as long as a handle on t is held, or t runs. */
WEIR_API const char *weir_task_name(const struct weir_task *t);

/* Take one more handle on a task, to be given back by weir_await or weir_task_release.
 * Returns t. */
WEIR_API struct weir_task *weir_task_ref(struct weir_task *t);

/* Wait until a task has ended, and give the handle back. Cancelling the waiter does not cancel the
 * task. Each waiter needs a handle of its own (weir_task_ref): the call aborts if another task
 * gives this handle back meanwhile.
 * Returns the task's result, and *take_task is then NULL; what the task left in its copy of args is
 * copied to ret_args, which may be NULL: at most size bytes. Or, with *take_task unchanged, so that
 * the handle is still the caller's: -ECANCELED, -ETIME (a scope around the caller has fired, even
 * if the task has ended already), -EDEADLK (the task is this one, or waits for this one, directly
 * or through others; or began to while this call waited, see weir_mutex_lock), WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_await(struct weir_task **take_task, void *ret_args, size_t size);

/* Cancel a task, and all children in groups that it has opened: their suspending calls return
 * -ECANCELED. Its handles stay as they are. A task that has ended is left alone. A second cancel
 * changes nothing; the first cause stays. cause: static text, or NULL. Any task, posted function or
 * callback of the loop may call it. */
WEIR_API void weir_task_cancel(struct weir_task *t, const char *cause);
WEIR_API void weir_task_cancel_at(const struct weir_site *site, struct weir_task *t,
                                  const char *cause);
#define weir_task_cancel(...) weir_task_cancel_at(WEIR_SITE(weir_task_cancel), __VA_ARGS__)

/* Give a handle back without waiting for the task, which runs on; *take_task becomes NULL. After
 * the last handle, an error that no weir_await has read goes to the task's group; it is logged if
 * that group is closed. NULL and *NULL are fine. */
WEIR_API void weir_task_release(struct weir_task **take_task);

#ifdef __cplusplus
}
#endif
#endif

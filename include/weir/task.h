/* SPDX-License-Identifier: MIT */
/* task.h - scopes (deadline, cancel), groups (who joins whom), tasks.
 *
 * A scope that has fired makes every suspending call inside it return its code at entry:
 * -ECANCELED (cancelled; outranks the other) or -ETIME (budget spent). Only joins answer at
 * return: weir_group_close, weir_group_drain.
 *
 * All calls: loop thread only, on objects of that loop. A call aborts if its scope, group or task
 * is NULL, not open, moved in memory, or belongs to another loop (or, after fork, to the parent
 * process). The message names the call, both loops, and the file and line where the object was
 * opened. To know that line, the calls that open something are macros over functions named ..._at.
 * A call past the macro, (weir_scope_enter)(&s, ns), works too; its line is then unknown. */
#ifndef WEIR_TASK_H
#define WEIR_TASK_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_task;                        /* opaque, pinned to its loop */
struct weir_scope { uint64_t opaque_[13]; }; /* caller's memory, never moved; cookie-checked */
struct weir_group { uint64_t opaque_[20]; }; /* likewise */

enum weir_policy {
    WEIR_TOGETHER,   /* a child's error cancels siblings and body; close returns it */
    WEIR_INDEPENDENT /* a child's error is logged and counted; the others go on: servers */
};

/* Start a scope. Once budget_ns has passed (WEIR_NEVER: never; <= 0: at once), suspending calls of
 * this task, and of children in groups that it opens inside, return -ETIME until weir_scope_leave.
 * The same task must leave it, innermost scope first, and before the function returns in whose
 * frame s lies; otherwise the task aborts in its next suspending call, enter or leave, or when it
 * ends, and names the places. Outside a task it aborts. */
WEIR_API void weir_scope_enter(struct weir_scope *s, weir_ns budget_ns);
WEIR_API void weir_scope_enter_at(const struct weir_site *site, struct weir_scope *s,
                                  weir_ns budget_ns);
#define weir_scope_enter(...) weir_scope_enter_at(WEIR_SITE(weir_scope_enter), __VA_ARGS__)

/* Begin a scope inside which outer cancels and deadlines wait, at most budget_ns (finite and
 * > 0, else aborts); after that they are felt here too. For clean-up that must suspend. budget_ns
 * is no deadline: where nothing outside has fired, work inside goes on past it. */
WEIR_API void weir_shield_enter(struct weir_scope *s, weir_ns budget_ns);
WEIR_API void weir_shield_enter_at(const struct weir_site *site, struct weir_scope *s,
                                   weir_ns budget_ns);
#define weir_shield_enter(...) weir_shield_enter_at(WEIR_SITE(weir_shield_enter), __VA_ARGS__)

/* Give s a new budget that counts from now, for idle time-outs. budget_ns <= 0: s fires at once, as
 * at enter. WEIR_NEVER: s has no deadline any more, but a shield keeps its present bound. A scope
 * that has fired stays fired; a shield whose bound was reached does not shield again. Aborts if s
 * is a group. */
WEIR_API void weir_scope_renew(struct weir_scope *s, weir_ns budget_ns);

/* Cancel all inside s, now and until it is left. Twice is harmless; the first cause stays.
 * cause: static text, or NULL. Any task of the loop may call it. */
WEIR_API void weir_scope_cancel(struct weir_scope *s, const char *cause);

/* From now until s is left, signal cancels s when the process receives it, and has no other effect.
 * That holds also for a signal that the process ignored before. Several signals and several scopes
 * may be combined. The loop notices a signal when it next looks for events. A signal that comes
 * after this task last suspended is lost if s is left first: so keep one scope around the whole
 * work, not one for each round of a loop. weir_scope_enter must have begun s: a shield or a group
 * aborts.
 * Returns 0; -EINVAL (no such signal, SIGKILL, SIGSTOP, and the faults SIGSEGV, SIGBUS, SIGFPE and
 * SIGILL), -EPERM (every thread blocks the signal, perhaps because the parent process did, so that
 * it would never arrive; pthread_sigmask unblocks it), -ENOMEM, WEIR_ENOLOOP. */
WEIR_API int weir_scope_on_signal(struct weir_scope *s, int signal);

/* End s. Returns rc if rc >= 0 or if rc is an error that s did not raise, even if s has fired.
 * The code that s raised becomes -ETIME (budget) or WEIR_ESTOPPED (cancel), and is used up. But if
 * a scope around s has fired too, its code is returned as it is, for the owner of that scope; tell
 * the two cases apart by weir_cancelled, which is then not 0. Keep byte counts out of rc. */
WEIR_API int weir_scope_leave(struct weir_scope *s, int rc);

/* Leave s when control leaves its block, by whatever way:
 *   WEIR_AUTO(weir_scope_auto_leave) struct weir_scope s = {0};
 * It calls weir_scope_leave(s, 0). It cannot see the block's result, so it translates no code: call
 * weir_scope_leave yourself where the result may be a code that s raised. Does nothing to a scope
 * that was left already, or that is zeroed and was never entered. */
WEIR_API void weir_scope_auto_leave(struct weir_scope *s);

/* 0, or the code that the next suspending call would return: -ECANCELED or -ETIME. */
WEIR_API int weir_cancelled(void);

/* The signal that fired s, 0 if none did; the cause given with its cancel, "" if none. */
WEIR_API int weir_scope_signal(const struct weir_scope *s);
WEIR_API const char *weir_scope_cause(const struct weir_scope *s);

/* What has fired s itself. A scope that fired around s does not count, although calls inside s then
 * return the same code: after -ETIME this tells whose deadline it was. A shield fires by its own
 * cancel only, for its budget raises nothing. A budget is spent when the loop has noticed it, as
 * for weir_cancelled. The call is allowed after the leave too, until s is entered again, and then
 * from any thread. It aborts if s was never entered.
 * Returns 0 (s has not fired); -ETIME (its budget is spent); WEIR_ESTOPPED (weir_scope_cancel or a
 * signal cancelled s). */
WEIR_API int weir_scope_fired(const struct weir_scope *s);

/* The deadline of the innermost scope that has one, as weir_now counts; WEIR_NEVER if none has, and
 * outside a task. Behind the task's own scopes come those around the opening of its group. An
 * outer scope may end earlier. A shield ends the search, unless its bound has passed. The deadline
 * of a scope whose budget is spent is in the past. */
WEIR_API weir_ns weir_deadline(void);

/* Open a group in caller's memory. It is a scope too: opened and closed like one, by one task,
 * innermost first. Children obey the scopes around the open, not around their spawn. Leaving it
 * open aborts, and so does a policy that is none. */
WEIR_API void weir_group_open(struct weir_group *g, enum weir_policy policy);
WEIR_API void weir_group_open_at(const struct weir_site *site, struct weir_group *g,
                                 enum weir_policy policy);
#define weir_group_open(...) weir_group_open_at(WEIR_SITE(weir_group_open), __VA_ARGS__)

/* Cancel the children, and what the opener does inside the group. g NULL: the run's own group,
 * which holds the function given to weir_run and every task spawned with g NULL; outside a loop
 * that aborts. cause as weir_scope_cancel. */
WEIR_API void weir_group_cancel(struct weir_group *g, const char *cause);

/* Wait for all children; with rc < 0, or if an outer scope fires, cancel them first. Always
 * joins, however long the children take. rc is the result of the body: the code between open and
 * close.
 * Returns the first of these that applies:
 *   rc, if it is an error of the body's own;
 *   the first error of a child (WEIR_TOGETHER);
 *   -ECANCELED or -ETIME, if an outer scope has fired;
 *   WEIR_ESTOPPED, if rc is -ECANCELED because this group was cancelled;
 *   rc.
 * -ECANCELED or -ETIME that the body or a child got because a scope around it fired, or because the
 * group was cancelled, is not an error of its own. The error returned counts as handled; the other
 * errors of children are logged. Outside a task it aborts. */
WEIR_SUSPENDS int weir_group_close(struct weir_group *g, int rc);

/* Wait for all children, at most grace_ns (<= 0: not at all); then cancel the group and wait until
 * the children have ended. If anything else cancels the group, the grace ends early.
 * Returns how many children were cancelled because the group was, before the drain or during it: by
 * the end of the grace, weir_group_cancel, a scope around that fired, a cancel of the opener, or
 * a sibling's error. Not counted: a child cancelled alone (weir_task_cancel), and the child whose
 * error cancelled its siblings. Errors of children are logged. The group is closed. Outside a task
 * it aborts. */
WEIR_SUSPENDS int weir_group_drain(struct weir_group *g, weir_ns grace_ns);

/* What has fired the group itself, as weir_scope_fired. It aborts if g was never opened.
 * Returns 0; WEIR_ESTOPPED (the group was cancelled: by weir_group_cancel, a child's error in a
 * WEIR_TOGETHER group, an error given to weir_group_close, or a drain whose grace was over). */
WEIR_API int weir_group_fired(const struct weir_group *g);

/* Children not yet ended; children that ended with an error so far. */
WEIR_API size_t weir_group_live(const struct weir_group *g);
WEIR_API size_t weir_group_failed(const struct weir_group *g);

struct weir_spawn_options { /* zero: the default */
    size_t size;            /* sizeof (struct weir_spawn_options) */
    size_t stack_size;      /* bytes, rounded up to a size class; 0: the run's default */
    const char *name;       /* static text; NULL: the function's name */
};

/* Start fn on its own copy of args[0 .. args_size-1] as a child of g (NULL: the run's own group).
 * It begins after the caller next suspends, and always begins. ret_task NULL: its error goes to
 * the group. Otherwise *ret_task is a counted handle: await or release it. Until then the handle
 * keeps the task's error from the group. Handles that are neither awaited nor released become
 * invalid when the run ends: the run logs each error that one kept, and counts those without an
 * error in one warning.
 * fn's result < 0 is an error; what fn leaves in its copy of args is handed to weir_await.
 * Allowed while g is being joined: the join waits for it too.
 * Returns 0; -ENOMEM, -EAGAIN (no stack could be had), WEIR_ENOLOOP, WEIR_EFORKED. On error nothing
 * was started and args are still the caller's. Aborts, before the task exists, if g is not open or
 * belongs to another loop. */
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

struct weir_stack_use {
    size_t size;                  /* in: sizeof (struct weir_stack_use), or 0 */
    const struct weir_site *site; /* where the tasks are spawned */
    size_t stack_size, deepest;   /* bytes; 0 until one was measured */
    uint64_t begun, measured;     /* tasks */
};

/* How deep the stacks of the tasks spawned at the i-th place went (0: the first that this loop
 * met; each size of stack counts as a place of its own). Measured are the 1st, 2nd, 4th .. 65536th
 * task of a place, then each 65536th: at its end, and by this call while it goes on. Not seen: what
 * a task reserved and left zero in pages that an earlier task had used; nothing is measured under
 * sanitizers and Valgrind. The library's own tasks are places too. A place that uses 7/8 of its
 * stack is logged, once. Looks at every task of the loop: not for a hot path.
 * Returns 1; 0 past the last place, with *ret untouched; WEIR_ENOLOOP. */
WEIR_API int weir_stack_use(size_t i, struct weir_stack_use *ret);

/* The running task; NULL outside a loop. Not counted: weir_task_ref to keep it. */
WEIR_API struct weir_task *weir_task_current(void);

/* The task's name; never NULL. */
WEIR_API const char *weir_task_name(const struct weir_task *t);

/* One more handle on t. Returns t. */
WEIR_API struct weir_task *weir_task_ref(struct weir_task *t);

/* Wait for the task's end. Joined: *take_task becomes NULL, the return is the task's result, and
 * its args as it left them are copied to ret_args (size bytes at most; may be NULL).
 * Interrupted: *take_task stands and the return is the waiter's own -ECANCELED, -ETIME (or
 * WEIR_ENOLOOP); cancelling the waiter never cancels the awaited. -EDEADLK: a task awaits
 * itself. Each waiter needs a handle of its own (weir_task_ref): one that another gave back
 * meanwhile aborts. */
WEIR_SUSPENDS int weir_await(struct weir_task **take_task, void *ret_args, size_t size);

/* Cancel all that the task does: its suspending calls return -ECANCELED. cause as above. */
WEIR_API void weir_task_cancel(struct weir_task *t, const char *cause);

/* Give the handle back; an error nobody read goes to the group. NULL and *NULL are fine. */
WEIR_API void weir_task_release(struct weir_task **take_task);

/* The details of the error that the last failing call of this task returned as rc. NULL if the
 * record is not rc's: rc >= 0, a code of your own or of an offloaded function, an older error.
 * weir_error_message gives a text in these cases too. Valid until the task's next error. */
WEIR_API const struct weir_error *weir_error(int rc);

/* What to print of rc: the text of the error record if the record is rc's (see weir_error), else
 * weir_error_text(rc). Never NULL. Valid until the task's next error. */
WEIR_API const char *weir_error_message(int rc);

/* Say why the running task's function returns rc:
 *   return weir_fail(rc, "no buzzer: %s", weir_error_message(rc));
 * format makes the text of the error record, which is cut and escaped like every text; arguments
 * may lie in the record. If the record is rc's already, the rest of it stays: the peer's status,
 * the budget, the bytes done. Else it is a new one: what is "", where the task's name. rc is a code
 * of the library's or of the program's own (WEIR_EUSER and below); rc >= 0 aborts. Whoever gets rc
 * from the task's function gets the text too: weir_group_close, weir_await, weir_run, the log. To
 * scopes rc means what it meant before.
 * Returns rc. Outside a task it does no more. */
WEIR_API int weir_fail(int rc, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif

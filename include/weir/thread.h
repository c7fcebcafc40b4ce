/* SPDX-License-Identifier: MIT */
/* thread.h - tasks on the loops of other threads: begin one from anywhere, wait for it in a plain
 * thread or in a task, cancel it; and several loops, each on a thread of its own. For a bare
 * function call on another loop see weir_post; for items between loops weir/shared.h. */
#ifndef WEIR_THREAD_H
#define WEIR_THREAD_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_remote; /* a task on a loop, as other threads know it: counted */

/* Start a task on loop l: fn, with a copy of args[0 .. args_size-1] of its own, as a child of the
 * run's own group. Calls from one thread begin in their order, and so do posts among them. l must
 * be referenced (weir_loop_ref), or outlive the call; it may be the caller's own. site names the
 * place: WEIR_SITE(fn).
 * *ret_remote is a handle that the caller gives back, by weir_remote_wait, weir_remote_await or
 * weir_remote_release. ret_remote NULL: the task is started and forgotten.
 * An error of fn that no wait has read goes to on_unhandled (struct weir_run_options) when the last
 * reference ends, with the last handle or with the task: to that of the loop on the thread where
 * this happens; or it is logged. The code of the cancel that stopped the task is no such error. A
 * task that has not begun does not hold l's run
 * open: if l ends before, fn is not called and the result is WEIR_ENOLOOP; if there is no memory or
 * stack for the task, -ENOMEM or -EAGAIN.
 * Returns 0; -ENOMEM, WEIR_ECLOSED (l has ended), WEIR_EFORKED (l is the parent process's). On
 * error nothing was started, and *ret_remote is untouched. Any thread. */
WEIR_API int weir_run_threadsafe(struct weir_loop *l, const struct weir_site *site,
                                 int (*fn)(void *args), const void *args, size_t args_size,
                                 struct weir_remote **ret_remote);

/* Take one more handle, for another thread or task that waits too. Returns r. Any thread. */
WEIR_API struct weir_remote *weir_remote_ref(struct weir_remote *r);

/* Give a handle back without waiting; *take_remote becomes NULL. The task runs on. NULL and *NULL
 * are fine. Any thread. */
WEIR_API void weir_remote_release(struct weir_remote **take_remote);

/* Block this thread until the task has ended, for at most timeout_ns (0 or less: only look;
 * WEIR_NEVER: as long as it takes), and give the handle back. For threads without a loop, and for
 * plain code between the steps of one (weir/drive.h).
 * Returns the task's result, with its record (weir_error), and *take_remote is then NULL; what the
 * task left in its copy of args is copied to ret_args, which may be NULL: at most size bytes. Or,
 * with *take_remote unchanged: -ETIME (the time is over), -EDEADLK (it belongs to a loop
 * of this thread, which would not run meanwhile), -EBUSY (a task or a posted function called it:
 * weir_remote_await), WEIR_EFORKED. Any thread. */
WEIR_API int weir_remote_wait(struct weir_remote **take_remote, weir_ns timeout_ns, void *ret_args,
                              size_t size);

/* Wait in a task until the remote task has ended, and give the handle back. A cancel of the waiter
 * does not cancel the remote task.
 * Returns as weir_remote_wait; or, with *take_remote unchanged, -ECANCELED, -ETIME (a scope around
 * the caller has fired), -EDEADLK (the task awaits itself), WEIR_ENOLOOP, WEIR_EFORKED. Any
 * loop. */
WEIR_SUSPENDS int weir_remote_await(struct weir_remote **take_remote, void *ret_args, size_t size);

/* Cancel the task, as weir_task_cancel does on its own loop; it begins even if it is cancelled
 * before. The call returns at once. A task that has ended is left alone, a second cancel changes
 * nothing. The handle stays as it is. cause: static text, or NULL. Any thread. */
WEIR_API void weir_remote_cancel(struct weir_remote *r, const char *cause);
WEIR_API void weir_remote_cancel_at(const struct weir_site *site, struct weir_remote *r,
                                    const char *cause);
#define weir_remote_cancel(...) weir_remote_cancel_at(WEIR_SITE(weir_remote_cancel), __VA_ARGS__)

/* Has the task ended? Then a wait returns at once. Any thread. */
WEIR_API bool weir_remote_is_done(struct weir_remote *r);

/* The options of weir_loops_run. */
struct weir_loops_options {            /* zero: the default; fn is required */
    size_t size;                       /* sizeof (struct weir_loops_options) */
    int count;                         /* how many loops; 0: weir_cpus(); at most 1,024 */
    int (*fn)(void *arg, int index);   /* each loop's first task; index: 0 .. count-1 */
    void *arg;                         /* the same for all */
    bool affinity;                     /* pin thread i to the i-th processor that the caller may
                                        * use; with more threads than these, begin again */
    const char *name;                  /* of the loops and threads: "NAME-0", "NAME-1", ... (a
                                        * thread's is cut to 15 bytes); NULL: "loop" */
    const struct weir_run_options *run; /* of each loop; its name is not used. NULL is fine */
};

/* Run a loop on each of several new threads, as weir_run would, and wait until all have ended. One
 * function may play another role for each index: accept, serve, write the log. Loops share nothing
 * but what arg points to; for items between them see weir/shared.h. Listeners on one port need
 * .reuse_port (weir_listen), or one loop accepts for all (weir_accept_fd).
 * If fn returns an error in one loop, or a loop or a thread cannot be made, all loops are stopped,
 * as by weir_stop, the one with the error too, and fn is not called where it was not yet. So to end
 * all from within, return an error, for instance -ECANCELED after a weir_stop. A loop in which fn
 * returned 0 or more ends when all its tasks have ended, and the others go on. Options are borrowed
 * until return. The calling thread only waits, and must not be inside a step of a loop.
 * Returns 0; or the first error, with its record (later ones are logged unless they come from the
 * stop): fn's, or one of weir_run, such as WEIR_EBACKEND; -EAGAIN (no more threads); -EINVAL (count
 * is negative or too large, or a thread could not be pinned), -ENOMEM, -EBUSY (inside a step). Any
 * thread. */
WEIR_API int weir_loops_run(const struct weir_loops_options *options);

#ifdef __cplusplus
}
#endif
#endif

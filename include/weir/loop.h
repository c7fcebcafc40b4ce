/* SPDX-License-Identifier: MIT */
/* loop.h - running a program of tasks: weir_run, time, posts from other threads, offload.
 *
 * Below, "a scope fires" means: the budget of a scope around the call is spent (-ETIME), or such a
 * scope is cancelled (-ECANCELED). See weir/task.h. Loop thread only, except where the contract
 * says "any thread". */
#ifndef WEIR_LOOP_H
#define WEIR_LOOP_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_loop; /* a loop: it runs the tasks of one thread */

/* An error that no call will return any more: of a child whose group does not hand it on, of a task
 * or a remote task whose last handle was given back unread, of a future. Lent during the call. */
struct weir_unhandled {
    const char *task;             /* whose error it is: the task's name */
    const struct weir_site *site; /* where that was spawned or made; NULL: not known */
    const struct weir_error *error; /* its record; never NULL */
};

/* The options of weir_run. */
struct weir_run_options { /* zero: the default */
    size_t size;          /* sizeof (struct weir_run_options) */
    const char *backend;  /* "uring" or "epoll". NULL: the variable WEIR_BACKEND, else what the
                           * kernel offers. "sim" in programs that link libweir-test. Or a name
                           * that was registered: see weir/backend.h */
    const char *name;     /* the loop's name in texts; copied (36 bytes); NULL: "main". If another
                           * running loop has that name, this one is "main-2", "main-3", ... */
    size_t stack_size;    /* of each task, bytes; 0: 256 KiB (64 KiB on 32-bit) */
    bool crash_reports;   /* stack overflows and aborts name the task. During the run the library
                           * then handles SIGSEGV, SIGBUS and SIGABRT, and calls the handlers that
                           * were there before */
    bool debug;           /* debug mode, which the variable WEIR_DEBUG asks for too, unless it is ""
                           * or "0". The log names a task that does not let others run for slow_ns,
                           * with its stack while it does not; and what was never closed: streams,
                           * files, processes, HTTP clients and responses and the like, with the
                           * place where each was made. A second close of one aborts and names both
                           * places; a use of a closed one aborts, and most often the place of the
                           * close is known. An abort for a mistake (NULL, a closed object) names
                           * the program's call. Crashes are reported as by crash_reports, unless
                           * the program handles SIGSEGV itself. A switch then takes four to five
                           * times as long, and there is one thread more. The library handles
                           * SIGURG and sends it to the blocked thread, where it cuts short sleep
                           * and poll (EINTR) */
    weir_ns slow_ns;      /* debug mode: how long is too long; 0: 100 ms */
    weir_ns grace_ns;     /* when the function given to weir_run has returned, the other tasks are
                           * shut down as by weir_stop_within(grace_ns, ...); 0: they run on */
    bool (*on_unhandled)(const struct weir_unhandled *u, void *arg); /* is called instead of the log
                           * line for each error that nobody will read. Returns true: it has been
                           * seen to; false: log it. Must not suspend. NULL: the log */
    void *unhandled_arg;
};

/* Run fn(arg) as the first task of a new loop on this thread, until all its tasks have ended.
 * It does not cancel the tasks that are left when fn returns: see weir_stop. options may be NULL;
 * arg and options are borrowed until return. A thread runs one loop at a time.
 * Without crash_reports and debug mode, weir_run installs nothing process-wide. The macro weir_run
 * passes the place of the call to weir_run_at, and texts name that place.
 * After fork the child cannot use its parent's loops. Calls that return errors return WEIR_EFORKED;
 * but weir_memory_pair and weir_stream_from_fd return WEIR_ENOLOOP, and so do all on a thread that
 * had no loop. Calls that close an object close the child's copies of its descriptors only.
 * Signals have the effect that they had before the run. The child may call weir_run for a loop of
 * its own. It must end by _exit or exec: if a task's function returns in the child, the child
 * aborts.
 * Returns fn's result, whose record weir_error has if it is an error; or, before fn was called,
 * WEIR_EBACKEND, -EMFILE (both logged with the reason, which the record has too), -ENOMEM, -EBUSY
 * (a loop runs on this thread), -EAGAIN (the process has 65,535 loops), -EEXIST (the process
 * contains the library twice, for instance in a program and in a plugin that were each linked with
 * libweir.a, and the other copy was first to open a loop; logged). Any thread. */
WEIR_API int weir_run(int (*fn)(void *arg), void *arg, const struct weir_run_options *options);
WEIR_API int weir_run_at(const struct weir_site *site, int (*fn)(void *arg), void *arg,
                         const struct weir_run_options *options);
#define weir_run(...) weir_run_at(WEIR_SITE(main), __VA_ARGS__)

/* The monotonic clock now, read at each call. In a simulation it is the virtual clock. Any thread;
 * outside a loop it is the system's clock. */
WEIR_API weir_ns weir_now(void);

/* Sleep for duration_ns: weir_sleep(WEIR_SECONDS(0.5)). 0 or less: as weir_yield; WEIR_NEVER: until
 * a scope fires. A plain number counts nanoseconds: weir_sleep(1) is none to speak of.
 * Returns 0; -ECANCELED, -ETIME if a scope fires; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_sleep(weir_ns duration_ns);

/* Sleep until weir_now is when_ns (in the past: as weir_yield; WEIR_NEVER: until a scope fires).
 * Returns as weir_sleep. */
WEIR_SUSPENDS int weir_sleep_until(weir_ns when_ns);

/* Let the other ready tasks run before this one goes on.
 * Returns 0; -ECANCELED, -ETIME if a scope has fired; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_yield(void);

/* Stop the run of this thread's loop: cancel all its tasks, as weir_group_cancel(NULL, cause) does.
 * weir_stop returns at once. From then on suspending calls return -ECANCELED. weir_run returns when
 * all tasks have ended, with what its function returned. A second weir_stop changes nothing.
 * cause: static text, or NULL. Any task, posted function or callback of the loop may call it.
 * Outside a loop it does nothing: to stop a loop from another thread, post a function that calls
 * weir_stop. The log does not name tasks that do not end: see weir_stop_within(0, cause). */
WEIR_API void weir_stop(const char *cause);
WEIR_API void weir_stop_at(const struct weir_site *site, const char *cause);
#define weir_stop(...) weir_stop_at(WEIR_SITE(weir_stop), __VA_ARGS__)

/* Shut this thread's loop down, with time to finish. From now on weir_stopping is true, and
 * weir_wait_stopping returns: tasks should take no new work and finish what they have. After
 * grace_ns (0 or less: now; WEIR_NEVER: not) all tasks that are left are cancelled, as by weir_stop
 * with that cause. If some have still not ended 5 seconds later, the log names each of them and
 * what it waits for; again after 10 seconds, 20, and so on.
 * A second call can only shorten the grace; the first cause stays. cause: static text, or NULL. Any
 * task, posted function or callback of the loop may call it. Outside a loop it does nothing. To
 * shut down at a signal, call it in a daemon to which weir_signals_next (weir/select.h) has
 * returned one. */
WEIR_API void weir_stop_within(weir_ns grace_ns, const char *cause);
WEIR_API void weir_stop_within_at(const struct weir_site *site, weir_ns grace_ns,
                                  const char *cause);
#define weir_stop_within(...) weir_stop_within_at(WEIR_SITE(weir_stop_within), __VA_ARGS__)

/* Is this thread's loop being shut down, or stopped? Returns false outside a loop. */
WEIR_API bool weir_stopping(void);

/* Wait until the loop is being shut down. For a task that then closes a listener, say. Spawn it as
 * a daemon, or it holds the run open: a daemon (see weir_spawn_options) does not. When only daemons
 * are left, weir_run cancels and joins them.
 * Returns 0; -ECANCELED, -ETIME if a scope fires first; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_wait_stopping(void);

/* Draw a random number. In a simulation it comes from the world's seed, so that a test draws the
 * same again; else from the kernel. Not for keys and other secrets. Any thread. */
WEIR_API uint64_t weir_random(void);

/* The loop that runs on this thread, for weir_post; NULL if none does. The pointer is valid during
 * the run; weir_loop_ref keeps it longer. Any thread. */
WEIR_API struct weir_loop *weir_loop_current(void);

/* The backend of a loop, and why it was chosen, in one line. Lent as long as l. Aborts if l is
 * NULL. */
WEIR_API const char *weir_loop_explain(struct weir_loop *l);

/* Take a reference to a loop, for a thread that posts to it. l's memory then stays valid after its
 * run has ended, and weir_post returns WEIR_ECLOSED. Take the reference while the loop runs, then
 * hand it to the thread, which gives it back by weir_loop_unref.
 * Returns l. Aborts if l is NULL. Any thread. */
WEIR_API struct weir_loop *weir_loop_ref(struct weir_loop *l);

/* Give a reference to a loop back; *take_loop becomes NULL. NULL and *NULL are fine. Any thread. */
WEIR_API void weir_loop_unref(struct weir_loop **take_loop);

/* Post a call of fn(arg) to l's thread, which makes it between tasks. fn belongs to no task: in it
 * a suspending call returns WEIR_ENOLOOP, and opening a scope or a group aborts. It may spawn a
 * task, cancel, close, and call the functions named try. l must outlive this call: hold a
 * reference, or join the posting thread before the loop's run ends. arg must stay until fn has been
 * called.
 * Returns 0; -ENOMEM; WEIR_ECLOSED (the run has ended); WEIR_EFORKED (in a fork child, the parent's
 * loop). On error fn is not called. After 0 fn is called once, unless the run ends first: then a
 * log line says how many posted calls were dropped. Calls from one thread keep their order. Any
 * thread. */
WEIR_API int weir_post(struct weir_loop *l, void (*fn)(void *arg), void *arg);

/* Run a blocking function, fn(arg), on a helper thread and wait for its result. All loops of the
 * process share the threads: 16, or 4 more than weir_cpus() if that is fewer (weir/offload.h sets
 * and shows the number). Further functions wait for their turn, and the loops take turns. Until fn
 * has begun, a cancel ends the wait, and fn is not called. Once it has begun, weir_offload waits
 * for fn even if a scope fires; the next suspending call then returns the scope's code. arg is
 * borrowed until return.
 * Returns fn's result; -ECANCELED, -ETIME if a scope fired before fn began; -ENOMEM, -EAGAIN (no
 * thread could be made, or all are lost to abandoned functions: see weir_offload_detached);
 * WEIR_ENOLOOP. After these errors fn was not called. */
WEIR_SUSPENDS int weir_offload(int (*fn)(void *arg), void *arg);

/* Run a blocking function on a helper thread; a cancel leaves it behind. fn gets a copy of
 * args[0 .. size-1] of its own, so args may go.
 * On a cancel the call returns at once. If fn has not begun, it is not called. Else it is
 * abandoned: it runs on with its copy, and its result is dropped. If the run ends before an
 * abandoned function returns, a log line names it, with the task and the place of this call. An
 * abandoned function does not count among those of weir_offload: a new thread takes its place.
 * With the abandoned ones there are at most four times as many threads. When as many functions are
 * abandoned as may run, the library logs their number and the oldest, at most once a second.
 * The macro weir_offload_detached passes the place of the call.
 * Returns fn's result; -ECANCELED, -ETIME, -ENOMEM, -EAGAIN (as weir_offload), WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_offload_detached(int (*fn)(void *args), const void *args, size_t size);
WEIR_SUSPENDS int weir_offload_detached_at(const struct weir_site *site, int (*fn)(void *args),
                                           const void *args, size_t size);
#define weir_offload_detached(fn, ...) weir_offload_detached_at(WEIR_SITE(fn), fn, __VA_ARGS__)

/* Wait until a descriptor is ready for one of events: POLLIN, POLLOUT, POLLPRI, to be or-ed. fd
 * stays the caller's and must stay open during the call. A regular file, a directory or /dev/null
 * is always ready to read and to write and never has urgent data, so waiting there for POLLPRI
 * alone returns -EPERM.
 * Returns the events that fd is ready for, as poll(2) shows them, POLLERR and POLLHUP too; -EINVAL
 * (events is 0, or has other bits), -EPERM, -ECANCELED, -ETIME, -EBADF, -ENOMEM, WEIR_ENOLOOP.
 * Nothing is consumed. Several tasks may wait for one fd; each wakes when fd is ready for what it
 * waits for. */
WEIR_SUSPENDS int weir_wait_fd(int fd, int events);

#ifdef __cplusplus
}
#endif
#endif

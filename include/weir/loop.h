/* SPDX-License-Identifier: MIT */
/* loop.h - running a program of tasks: weir_run, time, posts from other threads, offload. */
#ifndef WEIR_LOOP_H
#define WEIR_LOOP_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_loop; /* opaque; runs on one thread; reference-counted: see weir_loop_ref */

struct weir_run_options { /* zero: the default */
    size_t size;          /* sizeof (struct weir_run_options) */
    const char *backend;  /* "uring" or "epoll"; NULL: WEIR_BACKEND, else by probe.
                           * "sim" in programs that link libweir-test */
    const char *name;     /* of the loop, in texts; copied (36 bytes); NULL: "main". If another
                           * running loop has that name, this one is "main-2", "main-3", ... */
    size_t stack_size;    /* default of its tasks, bytes; 0: 256 KiB (64 KiB on 32-bit) */
    bool crash_reports;   /* stack overflow and aborts name the task; installs and chains SIGSEGV,
                           * SIGBUS and SIGABRT handlers for the duration of the run */
};

/* Run fn(arg) as the first task of a new loop on this thread, until it and all it spawned ended.
 * Returns fn's result; an error of the loop itself: WEIR_EBACKEND, -ENOMEM, -EMFILE (logged with
 * the reason), -EAGAIN (the process has 65,535 loops). Installs nothing process-wide unless asked.
 * One at a time per thread: inside a loop -EBUSY. options may be NULL. weir_run is also a macro
 * that passes the place of the call to weir_run_at; texts name that place.
 * After fork the child cannot use its parent's loops: calls that return errors return WEIR_EFORKED
 * (WEIR_ENOLOOP on a thread that had no loop). Calls that close an object close the child's copies
 * of its descriptors only. Signals have the effect that they had before the run. The child may call
 * weir_run for a loop of its own. It must end by _exit or exec: if a task's function returns in the
 * child, the child aborts. */
WEIR_API int weir_run(int (*fn)(void *arg), void *arg, const struct weir_run_options *options);
WEIR_API int weir_run_at(const struct weir_site *site, int (*fn)(void *arg), void *arg,
                         const struct weir_run_options *options);
#define weir_run(...) weir_run_at(WEIR_SITE(main), __VA_ARGS__)

/* The monotonic clock now (virtual in a simulation), read afresh. Outside a loop: the system's. */
WEIR_API weir_ns weir_now(void);

/* Sleep for duration_ns (<= 0: like weir_yield).
 * Returns 0; -ECANCELED, -ETIME if the scope fires; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_sleep(weir_ns duration_ns);

/* Sleep until weir_now is when_ns (already so: like weir_yield; WEIR_NEVER: until the scope fires).
 * Returns as weir_sleep. */
WEIR_SUSPENDS int weir_sleep_until(weir_ns when_ns);

/* Let the other ready tasks run first.
 * Returns 0; -ECANCELED, -ETIME if the scope has fired; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_yield(void);

/* End the run of this thread's loop: cancel all its tasks, as weir_group_cancel(NULL, cause) does.
 * Returns at once; suspending calls return -ECANCELED from then on, and weir_run returns when all
 * tasks have ended, with what its function returned. Twice is harmless; the first cause stays.
 * cause: static text, or NULL. Any task, posted function or callback may call it. Outside a loop it
 * does nothing: to stop a loop from another thread post a function that calls it. */
WEIR_API void weir_stop(const char *cause);

/* A random number: in a simulation of the world's seed, so that a test draws the same again; else
 * of the kernel. Not for keys and other secrets. Any thread. */
WEIR_API uint64_t weir_random(void);

/* The loop that runs on this thread, for weir_post; NULL outside. */
WEIR_API struct weir_loop *weir_loop_current(void);

/* The backend in use and why, one line; valid as long as l. l NULL aborts. */
WEIR_API const char *weir_loop_explain(struct weir_loop *l);

/* Take a reference to l, for a thread that posts to it. l's memory then stays valid after its run
 * has ended, and weir_post returns WEIR_ECLOSED. Take the reference while the loop runs, then hand
 * it to the thread. Returns l. Any thread. */
WEIR_API struct weir_loop *weir_loop_ref(struct weir_loop *l);

/* Give a reference back. NULL and *NULL are fine. Any thread. */
WEIR_API void weir_loop_unref(struct weir_loop **take_loop);

/* Have fn(arg) called on l's thread, between tasks. fn belongs to no task: in it a suspending call
 * returns WEIR_ENOLOOP, and opening a scope or a group aborts; it may spawn a task, cancel, close
 * and weir_ws_try_send. l must outlive the call: hold a reference, or join the posting thread
 * before the loop ends.
 * Returns 0; -ENOMEM; WEIR_ECLOSED (the loop has ended); WEIR_EFORKED (in a fork child, the
 * parent's loop). On error fn is not called. After 0 fn is called once, unless the loop ends first:
 * a log line then says how many posted calls were dropped. Any thread; calls from one thread keep
 * their order. */
WEIR_API int weir_post(struct weir_loop *l, void (*fn)(void *arg), void *arg);

/* Run fn(arg) on a helper thread and wait for it; once fn has begun, a cancel does not end the
 * wait. At most 16 functions run at once per loop; further ones wait.
 * Returns fn's result; -ECANCELED, -ETIME if the scope fired before fn began; -ENOMEM, -EAGAIN
 * (no thread could be made, or 64 abandoned functions still run); WEIR_ENOLOOP. arg is borrowed
 * until return. */
WEIR_SUSPENDS int weir_offload(int (*fn)(void *arg), void *arg);

/* Run fn on a helper thread with its own copy of args[0 .. size-1]; wait for the result.
 * A cancel abandons fn: it runs on with its copy, and its result is dropped. If the run ends before
 * it, a log line names fn. An abandoned function no longer counts among the 16: a new thread takes
 * its place. With the abandoned ones there are at most 64 threads; from 16 abandoned functions on
 * the library logs their number, at most once a second.
 * Returns fn's result; -ECANCELED, -ETIME, -ENOMEM, -EAGAIN (as weir_offload), WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_offload_detached(int (*fn)(void *args), const void *args, size_t size);

/* Wait until fd has one of events (POLLIN, POLLOUT, POLLPRI); fd stays the caller's and must stay
 * open. A regular file, a directory or /dev/null is always ready to read and to write and never has
 * urgent data, so waiting there for POLLPRI alone returns -EPERM.
 * Returns the events that are true, as poll(2) does (POLLERR, POLLHUP may be added); -EINVAL
 * (events is 0, or has other bits), -EPERM, -ECANCELED, -ETIME, -EBADF, -ENOMEM, WEIR_ENOLOOP.
 * Nothing is consumed. Several tasks may wait for one fd: all that it becomes ready for wake. */
WEIR_SUSPENDS int weir_wait_fd(int fd, int events);

#ifdef __cplusplus
}
#endif
#endif

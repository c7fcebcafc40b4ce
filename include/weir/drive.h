/* SPDX-License-Identifier: MIT */
/* drive.h - a loop that the program drives itself: open, step, close. For a program that has a loop
 * already (GLib, libuv, poll), or that only now and then waits for a task. weir_run is these three:
 * it opens a loop, starts one task, steps until all tasks have ended, and closes.
 *
 * A loop belongs to the thread that opened it. Between two steps the thread runs plain code, which
 * belongs to no task: a suspending call there returns WEIR_ENOLOOP, but weir_spawn, weir_post,
 * weir_now, weir_stop, weir_task_cancel and everything else that a posted function may do work on
 * the loop. All calls are for that thread only. */
#ifndef WEIR_DRIVE_H
#define WEIR_DRIVE_H

#include <weir/base.h>
#include <weir/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Open a loop on this thread. Plain code of the thread then speaks to this loop. A thread may open
 * several; see weir_loop_use. options as for weir_run, borrowed until return; NULL is fine.
 * *ret_loop stays valid until weir_loop_close; other threads take references (weir_loop_ref).
 * Returns 0; WEIR_EBACKEND, -EMFILE (both logged with the reason), -ENOMEM, -EBUSY (called inside a
 * step or a run), -EAGAIN (the process has 65,535 loops), -EEXIST (as weir_run). On error *ret_loop
 * is untouched. */
WEIR_API int weir_loop_open(const struct weir_run_options *options, struct weir_loop **ret_loop);

/* Step: wait for something that makes a task ready, at most timeout_ns (0 or less: do not wait;
 * WEIR_NEVER: as long as it takes), and run the tasks that are ready. A step with work at hand does
 * not wait. Tasks that are always ready do not hold it: it returns after some 512 switches. A post
 * from another thread (weir_post) ends the wait. In a simulation virtual time passes in the wait.
 * Returns 1 (there are tasks that have not ended); 0 (there are none); -EBUSY (inside a step: a
 * task or a posted function called it); WEIR_ECLOSED (l has been closed, and this is a reference);
 * WEIR_EFORKED. Aborts on another thread than l's. */
WEIR_API int weir_loop_step(struct weir_loop *l, weir_ns timeout_ns);

/* A descriptor for a foreign loop: it is ready to read when l has work. It stays the library's:
 * watch it for input, level-triggered, and neither read nor close it. The first call may make it.
 * Returns the descriptor, the same for each call; -EOPNOTSUPP (in a simulation, which waits for no
 * descriptor), -EMFILE, -ENOMEM, WEIR_ECLOSED, WEIR_EFORKED. Aborts on another thread than l's. */
WEIR_API int weir_loop_fd(struct weir_loop *l);

/* Call this before each wait of the foreign loop, when nothing more is done on l before the wait.
 * It hands to the kernel what the tasks have asked for, and arms the descriptor: without it a post
 * from another thread may not be seen. Calling it more often does no harm.
 *
 *   weir_ns wait = weir_loop_prepare(l);        the foreign loop is about to wait:
 *   poll(&weir_loop_fd(l), at most wait)        for its own descriptors, this one, and so long
 *   weir_loop_step(l, 0);                       then, whatever ended the wait
 *
 * Returns how long the wait may last at most: 0 (do not wait: there is work), nanoseconds until the
 * next timer of l, or WEIR_NEVER. In a simulation and for a closed loop always 0. Aborts on another
 * thread than l's. */
WEIR_API weir_ns weir_loop_prepare(struct weir_loop *l);

/* Close a loop: cancel the tasks that have not ended, as weir_stop does, run until they have ended,
 * and close. *take_loop becomes NULL; NULL and *NULL are fine. Posts made later get WEIR_ECLOSED.
 * In a fork child the parent's loop is only forgotten. Aborts inside a step, and on another thread
 * than the loop's. */
WEIR_API void weir_loop_close(struct weir_loop **take_loop);
WEIR_API void weir_loop_close_at(const struct weir_site *site, struct weir_loop **take_loop);
#define weir_loop_close(...) weir_loop_close_at(WEIR_SITE(weir_loop_close), __VA_ARGS__)

/* Of several loops that this thread has open, have plain code speak to l from now on:
 * weir_loop_current, weir_spawn, weir_block_on. Without this call it is the one that was opened
 * last, of those that are not closed. Aborts inside a step, on another thread than l's, and if l
 * has been closed. */
WEIR_API void weir_loop_use(struct weir_loop *l);

/* Run fn(arg) as a task of the loop that plain code speaks to, and step the loop until that task
 * has ended. The other tasks of the loop run meanwhile, and go on in later steps. The macro passes
 * the place of the call, which messages name.
 * Returns fn's result, whose record weir_error has if it is an error; or, before fn was called,
 * WEIR_ENOLOOP (this thread has no loop open), -EBUSY (inside a step or a run: a task awaits
 * instead), -ENOMEM, -EAGAIN, WEIR_EFORKED. */
WEIR_API int weir_block_on(int (*fn)(void *arg), void *arg);
WEIR_API int weir_block_on_at(const struct weir_site *site, int (*fn)(void *arg), void *arg);
#define weir_block_on(...) weir_block_on_at(WEIR_SITE(block_on), __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif

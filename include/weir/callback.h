/* SPDX-License-Identifier: MIT */
/* callback.h - callbacks, for programs that come from Twisted, asyncio or libuv. New code is
 * shorter and safer with tasks (weir/task.h).
 *
 * A callback is a function that the loop, or an object, calls outside of the tasks. In it a
 * suspending call returns WEIR_ENOLOOP, and opening a scope or a group aborts. It may spawn tasks,
 * cancel, close, and call the functions named try. It has an error record of its own (weir_fail,
 * weir_error), so that the record of a task inside which it happens to run stays. Loop thread only,
 * except where the contract says otherwise. */
#ifndef WEIR_CALLBACK_H
#define WEIR_CALLBACK_H

#include <stdbool.h>
#include <weir/future.h>
#include <weir/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- calls: asyncio's call_soon, call_later, call_at ---- */

struct weir_call; /* a callback that was asked for */

/* Have the loop call fn(arg): in the next round; after delay_ns; at when_ns, as weir_now counts (in
 * the past: in the next turn of the loop). Callbacks run one after the other, in the order in which
 * they were asked for or their time came; those of equal time in the order of asking. Between two
 * rounds of callbacks the ready tasks run. A callback that asks for another gets it in a later
 * round, so callbacks cannot keep the loop from its events.
 * ret_call NULL: no handle. Else *ret_call is one, to be given back by weir_call_cancel or
 * weir_call_release. When the run ends, calls that are still to come are dropped, and handles
 * become invalid. What is still to come does not keep the run from ending: only tasks do; but what
 * weir_call_soon queued before the last task ended is called.
 * Returns 0; -ENOMEM; WEIR_ENOLOOP; WEIR_EFORKED; WEIR_ECLOSED (the run is ending). On error fn is
 * not called. Aborts if fn is NULL. */
WEIR_API int weir_call_soon(void (*fn)(void *arg), void *arg, struct weir_call **ret_call);
WEIR_API int weir_call_later(weir_ns delay_ns, void (*fn)(void *arg), void *arg,
                             struct weir_call **ret_call);
WEIR_API int weir_call_at(weir_ns when_ns, void (*fn)(void *arg), void *arg,
                          struct weir_call **ret_call);

/* Give a handle back, and cancel the call unless fn was called already; *take_call becomes NULL.
 * Returns whether that was in time. NULL and *NULL are fine: false. */
WEIR_API bool weir_call_cancel(struct weir_call **take_call);

/* Give a handle back; fn is called as it was asked for. *take_call becomes NULL. NULL and *NULL are
 * fine. */
WEIR_API void weir_call_release(struct weir_call **take_call);

/* Have loop l call fn(arg) as weir_call_soon does, from any thread. Calls from one thread keep
 * their order. l must outlive this call: hold a reference (weir_loop_ref), or join the calling
 * thread before the loop's run ends. arg must stay until fn has been called. If the run ends first,
 * fn is not called.
 * Returns 0; -ENOMEM; WEIR_ECLOSED (the run of l has ended, or is ending); WEIR_EFORKED. Aborts if
 * l or fn is NULL. Any thread. */
WEIR_API int weir_call_soon_threadsafe(struct weir_loop *l, void (*fn)(void *arg), void *arg);

/* ---- readiness: asyncio's add_reader, add_writer ---- */

/* Call fn(arg) in each round in which fd can be read (written) without waiting, or has an error or
 * a hang-up, until weir_remove_reader (writer). fd stays the caller's and must stay open until
 * then. A second add for fd replaces fn and arg. A descriptor that was closed nevertheless is
 * removed when the loop sees it, with a line in the log. Readers and writers do not keep a run from
 * ending: then they are removed.
 * Returns 0; -EBADF; -EPERM, -ENOMEM (it cannot be watched); WEIR_ENOLOOP; WEIR_EFORKED;
 * WEIR_ECLOSED (the run is ending). On error nothing has changed. Aborts if fn is NULL. */
WEIR_API int weir_add_reader(int fd, void (*fn)(void *arg), void *arg);
WEIR_API int weir_add_writer(int fd, void (*fn)(void *arg), void *arg);

/* Remove the reader (writer) of fd: from now on it is not called any more. It may remove itself.
 * Returns whether fd had one. */
WEIR_API bool weir_remove_reader(int fd);
WEIR_API bool weir_remove_writer(int fd);

/* ---- running a loop that weir_loop_open has opened (weir/drive.h) ---- */

/* Step l until f, a future of l, is settled. The step in which that happens goes on to its end. l
 * is the loop that plain code of this thread speaks to (weir_loop_use).
 * Returns as weir_future_result; -ECANCELED (weir_loop_stop was called first; f goes on); -EBUSY
 * (inside a step: a task awaits f instead); -EDEADLK (in a simulation: nothing can come any more);
 * WEIR_ECLOSED; WEIR_EFORKED. Aborts on another thread than l's. */
WEIR_API int weir_run_until_complete(struct weir_loop *l, struct weir_future *f, void *ret_value);

/* Step l until weir_loop_stop is called. That no task is left does not end it: callbacks may come.
 * Returns 0; -EBUSY, -EDEADLK, WEIR_ECLOSED, WEIR_EFORKED as weir_run_until_complete. */
WEIR_API int weir_run_forever(struct weir_loop *l);

/* Have weir_run_until_complete or weir_run_forever return when its present step is over; if neither
 * runs, the next call of one of them returns so.
 * Tasks and calls that have not ended are not cancelled: they go on when l runs again.
 * weir_loop_close cancels the tasks, and names them in the log. To cancel all tasks now, call
 * weir_stop. Aborts on another thread than l's: there, pass a function that calls this to
 * weir_call_soon_threadsafe. */
WEIR_API void weir_loop_stop(struct weir_loop *l);

#ifdef __cplusplus
}
#endif
#endif

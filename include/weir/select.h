/* SPDX-License-Identifier: MIT */
/* select.h - waiting for several things at once, of which exactly one happens. And two objects that
 * were made for it: a watch of a descriptor, and a set of signals.
 *
 * All calls: loop thread only, on objects of that loop. */
#ifndef WEIR_SELECT_H
#define WEIR_SELECT_H

#include <limits.h>
#include <weir/base.h>
#include <weir/broadcast.h>
#include <weir/chan.h>
#include <weir/queue.h>
#include <weir/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_task;
struct weir__select_ops;

/* One thing that a select may wait for, made by a macro WEIR_ON_... below. Its object and item must
 * stay during the select. The same case may be selected again and again. */
struct weir_case {
    int rc; /* of the case that happened: what the call of its own would have returned */
    const struct weir__select_ops *ops_;
    void *object_, *item_;
    int64_t number_;
    uint64_t opaque_[7];
};

/* Wait until one of n cases can happen, and let it happen: exactly one has an effect. If several
 * can happen at once when the select begins, the first in the array does. cases[i].rc of that case
 * is what its call would have returned: for one that receives 1, or 0 at the end; WEIR_ECLOSED;
 * events; a signal. No error record is made for it. The rc of each other case stays as it is. An
 * object may stand in several cases, also in both directions: a select never hands an item to
 * itself. A select of cases that are all WEIR_ON_NEVER waits until a scope fires.
 * Returns the index of the case that happened; -ECANCELED, -ETIME, WEIR_ENOLOOP, and then no case
 * has had an effect. A case that happened is returned although a scope has fired meanwhile. Aborts
 * if n is 0. */
WEIR_SUSPENDS int weir_select(struct weir_case *cases, size_t n);

/* As weir_select, but only if a case can happen at once. Never suspends: posted functions and
 * callbacks may call it.
 * Returns as weir_select; -EAGAIN (no case can happen now). */
WEIR_API int weir_try_select(struct weir_case *cases, size_t n);

/* Receive from a chan, send to it; get from a queue, put into it; receive from an inbox (its owner
 * only), send to it. item is a pointer to an item. Each is as the call of that name. */
#define WEIR_ON_RECV(chan, ret_item) WEIR__ON_ITEM(weir__case_recv, chan, ret_item)
#define WEIR_ON_SEND(chan, item) WEIR__ON_ITEM(weir__case_send, chan, item)
#define WEIR_ON_GET(queue, ret_item) WEIR__ON_ITEM(weir__case_get, queue, ret_item)
#define WEIR_ON_PUT(queue, item) WEIR__ON_ITEM(weir__case_put, queue, item)
#define WEIR_ON_INBOX(inbox, ret_item) WEIR__ON_ITEM(weir__case_inbox, inbox, ret_item)
#define WEIR_ON_INBOX_SEND(inbox, item) WEIR__ON_ITEM(weir__case_inbox_send, inbox, item)

/* Receive from a broadcast, as weir_broadcast_recv (rc -EOVERFLOW: weir_subscriber_missed has grown
 * by what was missed); see a new value, as weir_latest_wait. */
#define WEIR_ON_SUBSCRIBER(subscriber, ret_item)                                                   \
    WEIR__ON_ITEM(weir__case_subscriber, subscriber, ret_item)
#define WEIR_ON_LATEST(latest, view, ret_value)                                                    \
    WEIR__ON_ITEM(weir__case_latest, weir__latest_view_of((latest), (view)), ret_value)

/* An event is set: rc 0. A task has ended: rc 0; weir_await then returns its result without a
 * wait. The select needs a handle on the task, and does not give it back. rc is -EDEADLK if it is
 * the running task. */
#define WEIR_ON_EVENT(event) WEIR__CASE(weir__case_event, event, NULL, 0)
#define WEIR_ON_TASK(task) WEIR__CASE(weir__case_task, task, NULL, 0)

/* A future is settled: rc 0, also if it failed; weir_future_await then returns its result without a
 * wait. The select needs a reference to the future, and does not give it back. */
#define WEIR_ON_FUTURE(future) WEIR__CASE(weir__case_future, future, NULL, 0)

/* WEIR_ON_SLEEP: ns have passed since the select began. WEIR_ON_TIME: weir_now has reached when_ns.
 * rc is 0. A select may have several of these: the earliest counts, and of equal ones the first in
 * the array. WEIR_ON_NEVER never happens; it switches a case off: cases[1] = WEIR_ON_NEVER. */
#define WEIR_ON_SLEEP(ns) WEIR__CASE(weir__case_sleep, NULL, NULL, ns)
#define WEIR_ON_TIME(when_ns) WEIR__CASE(weir__case_time, NULL, NULL, when_ns)
#define WEIR_ON_NEVER WEIR__CASE(weir__case_never, NULL, NULL, 0)

/* A descriptor is ready, or a signal has come: rc is what weir_watch_next or weir_signals_next
 * would have returned. */
#define WEIR_ON_WATCH(watch) WEIR__CASE(weir__case_watch, watch, NULL, 0)
#define WEIR_ON_SIGNALS(signals) WEIR__CASE(weir__case_signals, signals, NULL, 0)

#ifdef __cplusplus
#define WEIR__CASE(ops, object, item, number)                                                      \
    (weir_case{0, &(ops), (object), (void *)(item), (int64_t)(number), {}})
#else
#define WEIR__CASE(ops, object, item, number)                                                      \
    ((struct weir_case){0, &(ops), (object), (void *)(item), (int64_t)(number), {0}})
#endif
#define WEIR__ON_ITEM(ops, object, item) WEIR__CASE(ops, object, item, sizeof *(item))

WEIR_API extern const struct weir__select_ops weir__case_recv;
WEIR_API extern const struct weir__select_ops weir__case_send;
WEIR_API extern const struct weir__select_ops weir__case_get;
WEIR_API extern const struct weir__select_ops weir__case_put;
WEIR_API extern const struct weir__select_ops weir__case_inbox;
WEIR_API extern const struct weir__select_ops weir__case_inbox_send;
WEIR_API extern const struct weir__select_ops weir__case_subscriber;
WEIR_API extern const struct weir__select_ops weir__case_latest;
WEIR_API extern const struct weir__select_ops weir__case_event;
WEIR_API extern const struct weir__select_ops weir__case_task;
WEIR_API extern const struct weir__select_ops weir__case_future;
WEIR_API extern const struct weir__select_ops weir__case_sleep;
WEIR_API extern const struct weir__select_ops weir__case_time;
WEIR_API extern const struct weir__select_ops weir__case_never;
WEIR_API extern const struct weir__select_ops weir__case_watch;
WEIR_API extern const struct weir__select_ops weir__case_signals;

/* ---- a watch of a descriptor ---- */

/* Waits for a descriptor to be ready, again and again, and keeps what it has seen while nobody
 * waits. The caller gives the memory, and must not move it while it is open. */
struct weir_watch { uint64_t opaque_[2]; };

/* Begin to watch fd for events: POLLIN, POLLOUT, POLLPRI, to be or-ed. fd stays the caller's, and
 * must stay open until weir_watch_close, which the caller must call.
 * Returns 0; -EINVAL (events is 0, or has other bits), -EBADF, -EPERM (as weir_wait_fd), -EMFILE
 * (another wait for fd goes on, and no descriptor is free for a second), -ENOSPC (the user watches
 * as many as the system allows), -ENOMEM, WEIR_ENOLOOP, WEIR_ESIMREFUSED (a real descriptor in a
 * simulation). On error w is closed. */
WEIR_API int weir_watch_open(struct weir_watch *w, int fd, int events);

/* Wait until the descriptor is ready. Events that were seen since the last call are returned at
 * once; they may be gone if something else has used fd meanwhile, so read without blocking. Each
 * call looks anew: if the caller leaves bytes unread, the next call returns at once.
 * Returns the events as poll(2) shows them, POLLERR and POLLHUP too; WEIR_ECLOSED (closed, perhaps
 * meanwhile), -EPERM, -EMFILE, -ENOSPC, -ENOMEM (as weir_watch_open), -EBADF, -ECANCELED, -ETIME,
 * WEIR_ENOLOOP. A cancel loses no event. Several tasks may wait; each wakes when the descriptor is
 * ready. */
WEIR_SUSPENDS int weir_watch_next(struct weir_watch *w);

/* As weir_watch_next, without waiting. The loop sees events between the turns of the tasks.
 * Returns as weir_watch_next; -EAGAIN (no event was seen). */
WEIR_API int weir_watch_try_next(struct weir_watch *w);

/* Stop watching. Tasks in weir_watch_next get WEIR_ECLOSED. A zeroed or closed watch is fine. Never
 * suspends, never fails. */
WEIR_API void weir_watch_close(struct weir_watch *w);

/* ---- signals ---- */

/* Signals to the process, counted while nobody waits. The caller gives the memory, and must not
 * move it while it is open. */
struct weir_signals { uint64_t opaque_[2]; };

/* Begin to take signals: weir_signals_open(&s, SIGUSR1, SIGTERM). From now until weir_signals_close
 * they have no other effect on the process. Several objects, and scopes (weir_scope_on_signal), may
 * take one signal: each gets it. A signal that is named twice is as one named once. The caller must
 * call weir_signals_close.
 * Returns 0; -EINVAL, -EPERM (as weir_scope_on_signal), -ENOMEM, WEIR_ENOLOOP. On error s is
 * closed, and no signal is taken. Aborts if more than 64 are named. */
WEIR_API int weir_signals_open(struct weir_signals *s, ...);
#define weir_signals_open(s, ...) weir_signals_open((s), __VA_ARGS__, INT_MIN)

/* Wait for the next signal. Each signal that the process has received since weir_signals_open is
 * returned once, also those that came between two calls: three of SIGUSR1 are returned three times.
 * (The kernel itself merges a signal with an equal one that it could not yet deliver.) If several
 * are at hand, they come in the order of the call of weir_signals_open.
 * Returns the signal's number; -EPERM (one is blocked in every thread by now), WEIR_ECLOSED
 * (closed, perhaps meanwhile), -ECANCELED, -ETIME, WEIR_ENOLOOP. A cancel loses no signal.
 * weir_signals_try_next returns -EAGAIN instead of waiting. */
WEIR_SUSPENDS int weir_signals_next(struct weir_signals *s);
WEIR_API int weir_signals_try_next(struct weir_signals *s);

/* Take signals no more: each has the effect again that it had before. Signals that were counted and
 * not yet returned are dropped. Tasks in weir_signals_next get WEIR_ECLOSED. A zeroed or closed
 * object is fine. Never suspends, never fails. */
WEIR_API void weir_signals_close(struct weir_signals *s);

#ifdef __cplusplus
}
#endif
#endif

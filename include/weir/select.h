/* SPDX-License-Identifier: MIT */
/* select.h - waiting for several things at once, of which exactly one happens.
 *
 * All calls: loop thread only, on objects of that loop. */
#ifndef WEIR_SELECT_H
#define WEIR_SELECT_H

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
 * is what its call would have returned: for WEIR_ON_RECV 1, or 0 at the end; WEIR_ECLOSED; events;
 * a signal. No error record is made for it. The rc of the other cases are left alone. An object may
 * stand in several cases, also in both directions: a select never hands an item to itself. A select
 * of cases that are all WEIR_ON_NEVER waits until a scope fires.
 * Returns the index of the case that happened; -ECANCELED, -ETIME, WEIR_ENOLOOP, and then no case
 * has had an effect. A case that happened is returned although a scope has fired meanwhile. Aborts
 * if n is 0. */
WEIR_SUSPENDS int weir_select(struct weir_case *cases, size_t n);

/* The same, only if that needs no wait: else -EAGAIN. Never suspends: posted functions and
 * callbacks may call it. */
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

/* ns have passed since the select began; it is the time when_ns, as weir_now counts; rc 0. A select
 * may have several of these: the earliest counts, and of equal ones the first in the array. Never:
 * a case that does not happen, to switch one off: cases[1] = WEIR_ON_NEVER. */
#define WEIR_ON_SLEEP(ns) WEIR__CASE(weir__case_sleep, NULL, NULL, ns)
#define WEIR_ON_TIME(when_ns) WEIR__CASE(weir__case_time, NULL, NULL, when_ns)
#define WEIR_ON_NEVER WEIR__CASE(weir__case_never, NULL, NULL, 0)

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
WEIR_API extern const struct weir__select_ops weir__case_sleep;
WEIR_API extern const struct weir__select_ops weir__case_time;
WEIR_API extern const struct weir__select_ops weir__case_never;

#ifdef __cplusplus
}
#endif
#endif

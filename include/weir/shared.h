/* SPDX-License-Identifier: MIT */
/* shared.h - an event, a queue and a chan for plain threads and tasks of any loop at once. The
 * kinds of weir/sync.h, weir/queue.h and weir/chan.h are for the tasks of one loop, and cost less.
 *
 * Shared objects are counted: each thread and task that uses one holds a reference meanwhile, and
 * the last unref frees it. A call that waits parks a task, as every call marked WEIR_SUSPENDS, and
 * blocks a thread that runs no task. A call named _for waits for at most timeout_ns (0 or less:
 * only look) and then returns -ETIME. In a posted function or a callback, which must not block, a
 * call that may wait returns -EBUSY: use the calls named try, which never wait.
 *
 * Waiters are served in the order in which they began to wait, whatever they are, and a newcomer
 * overtakes none. An item stays inside until the waiter to which it is offered takes it, on its own
 * thread. If that waiter is cancelled or its time is over, the next one gets the offer: no item is
 * lost, and none is taken twice. What was taken is returned although a scope has fired meanwhile;
 * the next call feels that.
 *
 * In a fork child an object made before the fork cannot be used: calls that return errors return
 * WEIR_EFORKED, the others do nothing, and its memory is not freed.
 *
 * All calls: any thread. */
#ifndef WEIR_SHARED_H
#define WEIR_SHARED_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_shared_event; /* set or clear, for threads and tasks: counted */
struct weir_shared_queue; /* items, first in first out, for threads and tasks: counted */
struct weir_shared_chan;  /* a chan between threads and tasks: counted */

/* ---- event ----------------------------------------------------------------------------------- */

/* Make an event that is clear, with one reference.
 * Returns 0; -ENOMEM. On error *ret_event is untouched. */
WEIR_API int weir_shared_event_new(struct weir_shared_event **ret_event);
WEIR_API int weir_shared_event_new_at(const struct weir_site *site,
                                      struct weir_shared_event **ret_event);
#define weir_shared_event_new(ret_event)                                                           \
    weir_shared_event_new_at(WEIR_SITE(weir_shared_event_new), (ret_event))

/* Take a reference, for another thread or task. Returns e. */
WEIR_API struct weir_shared_event *weir_shared_event_ref(struct weir_shared_event *e);
/* Give a reference back; *take_event becomes NULL. NULL and *NULL are fine. Aborts if it is the
 * last one, and a call waits or has been served and not yet returned. */
WEIR_API void weir_shared_event_unref(struct weir_shared_event **take_event);

/* Set the event: all that wait go on. Later waits return at once, until it is cleared. */
WEIR_API void weir_shared_event_set(struct weir_shared_event *e);
/* Clear it. Waiters that a set has woken before go on nevertheless. */
WEIR_API void weir_shared_event_clear(struct weir_shared_event *e);
/* Is it set? Another thread may change it at once. */
WEIR_API bool weir_shared_event_is_set(struct weir_shared_event *e);

/* Wait until the event is set; not at all if it is.
 * Returns 0 (it was set, and may be clear again); -ECANCELED, -ETIME (a scope has fired, or the
 * time is over), -EBUSY, WEIR_EFORKED. */
WEIR_SUSPENDS int weir_shared_event_wait(struct weir_shared_event *e);
WEIR_SUSPENDS int weir_shared_event_wait_for(struct weir_shared_event *e, weir_ns timeout_ns);

/* ---- queue ----------------------------------------------------------------------------------- */

/* Make a queue for items of a type, with one reference: weir_shared_queue_new(struct job, 64, &q).
 * It holds at most max items. SIZE_MAX: it has no limit, and grows when it is full. All items have
 * one size; the macros pass the size of what their pointer points to, and another size aborts.
 * Returns 0; -ENOMEM. On error *ret_queue is untouched. Aborts if max or the size is 0. */
WEIR_API int weir_shared_queue_new(size_t item_size, size_t max,
                                   struct weir_shared_queue **ret_queue);
WEIR_API int weir_shared_queue_new_at(const struct weir_site *site, size_t item_size, size_t max,
                                      struct weir_shared_queue **ret_queue);
#define weir_shared_queue_new(type, max, ret_queue)                                                \
    weir_shared_queue_new_at(WEIR_SITE(weir_shared_queue_new), sizeof *(type *)0, (max),           \
                             (ret_queue))

/* Take a reference, for another thread or task. Returns q. */
WEIR_API struct weir_shared_queue *weir_shared_queue_ref(struct weir_shared_queue *q);
/* Give a reference back; *take_queue becomes NULL. NULL and *NULL are fine. The last one frees the
 * queue; items in it go to the function of weir_shared_queue_on_drop. Aborts if it is the last one,
 * and a call waits or has been served and not yet returned. */
WEIR_API void weir_shared_queue_unref(struct weir_shared_queue **take_queue);

/* Have fn(item, arg) called with each item that the queue gives up, by
 * weir_shared_queue_shutdown_now or the last unref, on the thread that calls it. fn must not
 * suspend, and must not use q. item is lent during the call. Call this before others use q. */
WEIR_API void weir_shared_queue_on_drop(struct weir_shared_queue *q,
                                        void (*fn)(void *item, void *arg), void *arg);

/* Put an item into the queue. Waits while the queue is full. The item is borrowed until return.
 * Returns 0; WEIR_ECLOSED (the queue was shut down, before or meanwhile), -ECANCELED, -ETIME (a
 * scope has fired, or the time is over), -ENOMEM (a queue without a limit cannot grow), -EBUSY,
 * WEIR_EFORKED. On error or cancel the item was not put, and is still the caller's.
 * weir_shared_queue_try_put never waits, and returns -EAGAIN instead. */
WEIR_SUSPENDS int weir_shared_queue_put(struct weir_shared_queue *q, const void *item,
                                        size_t item_size);
WEIR_SUSPENDS int weir_shared_queue_put_for(struct weir_shared_queue *q, const void *item,
                                            size_t item_size, weir_ns timeout_ns);
WEIR_API int weir_shared_queue_try_put(struct weir_shared_queue *q, const void *item,
                                       size_t item_size);
#define weir_shared_queue_put(q, item) weir_shared_queue_put((q), (item), sizeof *(item))
#define weir_shared_queue_put_for(q, item, timeout_ns)                                             \
    weir_shared_queue_put_for((q), (item), sizeof *(item), (timeout_ns))
#define weir_shared_queue_try_put(q, item) weir_shared_queue_try_put((q), (item), sizeof *(item))

/* Get the oldest item. Waits while there is none.
 * Returns 1 (an item); 0 at the end (the queue was shut down and is empty); -ECANCELED, -ETIME (a
 * scope has fired, or the time is over), -EBUSY, WEIR_EFORKED. Unless it returns 1, *ret_item is
 * untouched, and no item was taken. weir_shared_queue_try_get never waits, and returns -EAGAIN
 * instead, also if the items that are left are offered to others. */
WEIR_SUSPENDS int weir_shared_queue_get(struct weir_shared_queue *q, void *ret_item,
                                        size_t item_size);
WEIR_SUSPENDS int weir_shared_queue_get_for(struct weir_shared_queue *q, void *ret_item,
                                            size_t item_size, weir_ns timeout_ns);
WEIR_API int weir_shared_queue_try_get(struct weir_shared_queue *q, void *ret_item,
                                       size_t item_size);
#define weir_shared_queue_get(q, ret_item)                                                         \
    weir_shared_queue_get((q), (ret_item), sizeof *(ret_item))
#define weir_shared_queue_get_for(q, ret_item, timeout_ns)                                         \
    weir_shared_queue_get_for((q), (ret_item), sizeof *(ret_item), (timeout_ns))
#define weir_shared_queue_try_get(q, ret_item)                                                     \
    weir_shared_queue_try_get((q), (ret_item), sizeof *(ret_item))

/* Shut the queue down. Those that wait to put, and later calls of put, get WEIR_ECLOSED. 
 * weir_shared_queue_get gets the items that are left, then returns 0. A second call changes
 * nothing. */
WEIR_API void weir_shared_queue_shutdown(struct weir_shared_queue *q);

/* The same, and the queue gives up its items at once: they go to the function of
 * weir_shared_queue_on_drop. May follow weir_shared_queue_shutdown.
 * Returns how many items the queue gave up. */
WEIR_API size_t weir_shared_queue_shutdown_now(struct weir_shared_queue *q);

/* How many items the queue holds. Another thread may change it at once. */
WEIR_API size_t weir_shared_queue_len(struct weir_shared_queue *q);

/* ---- chan ------------------------------------------------------------------------------------ */

/* Make a chan for items of a type, with one reference: weir_shared_chan_new(struct job, 16, &c). It
 * holds at most capacity items. 0: none, so each send waits until a receiver takes its item.
 * SIZE_MAX: it has no limit, and grows when it is full. Sizes as weir_shared_queue_new.
 * Returns 0; -ENOMEM. On error *ret_chan is untouched. Aborts if the size is 0. */
WEIR_API int weir_shared_chan_new(size_t item_size, size_t capacity,
                                  struct weir_shared_chan **ret_chan);
WEIR_API int weir_shared_chan_new_at(const struct weir_site *site, size_t item_size,
                                     size_t capacity, struct weir_shared_chan **ret_chan);
#define weir_shared_chan_new(type, capacity, ret_chan)                                             \
    weir_shared_chan_new_at(WEIR_SITE(weir_shared_chan_new), sizeof *(type *)0, (capacity),        \
                            (ret_chan))

/* As weir_shared_queue_ref, weir_shared_queue_unref, weir_shared_queue_on_drop. Items are given up
 * by weir_shared_chan_refuse and the last unref. weir_shared_chan_ref returns c. */
WEIR_API struct weir_shared_chan *weir_shared_chan_ref(struct weir_shared_chan *c);
WEIR_API void weir_shared_chan_unref(struct weir_shared_chan **take_chan);
WEIR_API void weir_shared_chan_on_drop(struct weir_shared_chan *c,
                                       void (*fn)(void *item, void *arg), void *arg);

/* Send an item. Waits while the chan is full. The item is borrowed until return.
 * Returns 0, when the chan or a receiver has the item; WEIR_ECLOSED (closed or refused, before or
 * meanwhile), -ECANCELED, -ETIME (a scope has fired, or the time is over), -ENOMEM (a chan without
 * a limit cannot grow), -EBUSY, WEIR_EFORKED. On error or cancel the item was not sent, and is
 * still the caller's. weir_shared_chan_try_send never waits, and returns -EAGAIN instead; for a
 * chan of capacity 0 always, since a receiver takes the item only on its own thread. */
WEIR_SUSPENDS int weir_shared_chan_send(struct weir_shared_chan *c, const void *item,
                                        size_t item_size);
WEIR_SUSPENDS int weir_shared_chan_send_for(struct weir_shared_chan *c, const void *item,
                                            size_t item_size, weir_ns timeout_ns);
WEIR_API int weir_shared_chan_try_send(struct weir_shared_chan *c, const void *item,
                                       size_t item_size);
#define weir_shared_chan_send(c, item) weir_shared_chan_send((c), (item), sizeof *(item))
#define weir_shared_chan_send_for(c, item, timeout_ns)                                             \
    weir_shared_chan_send_for((c), (item), sizeof *(item), (timeout_ns))
#define weir_shared_chan_try_send(c, item) weir_shared_chan_try_send((c), (item), sizeof *(item))

/* Receive the oldest item into *ret_item. Waits while there is none.
 * Returns 1 (an item); 0 at the end (the chan is closed and empty, or refused); -ECANCELED, -ETIME
 * (a scope has fired, or the time is over), -EBUSY, WEIR_EFORKED. Unless it returns 1, *ret_item is
 * untouched, and no item was taken. weir_shared_chan_try_recv never waits, and returns -EAGAIN
 * instead, also if the items that are left are offered to others. */
WEIR_SUSPENDS int weir_shared_chan_recv(struct weir_shared_chan *c, void *ret_item,
                                        size_t item_size);
WEIR_SUSPENDS int weir_shared_chan_recv_for(struct weir_shared_chan *c, void *ret_item,
                                            size_t item_size, weir_ns timeout_ns);
WEIR_API int weir_shared_chan_try_recv(struct weir_shared_chan *c, void *ret_item,
                                       size_t item_size);
#define weir_shared_chan_recv(c, ret_item)                                                         \
    weir_shared_chan_recv((c), (ret_item), sizeof *(ret_item))
#define weir_shared_chan_recv_for(c, ret_item, timeout_ns)                                         \
    weir_shared_chan_recv_for((c), (ret_item), sizeof *(ret_item), (timeout_ns))
#define weir_shared_chan_try_recv(c, ret_item)                                                     \
    weir_shared_chan_try_recv((c), (ret_item), sizeof *(ret_item))

/* Close the sending side: nothing more will be sent. Those that wait to send get WEIR_ECLOSED, and
 * keep their items. Receivers get what the chan holds, then 0. A second close changes nothing. */
WEIR_API void weir_shared_chan_close(struct weir_shared_chan *c);

/* Close the receiving side: no task or thread will receive. Those that wait to send, and later
 * senders, get WEIR_ECLOSED. Items that the chan holds go to the function of
 * weir_shared_chan_on_drop. Receivers get 0.
 * Returns how many items the chan gave up. */
WEIR_API size_t weir_shared_chan_refuse(struct weir_shared_chan *c);

/* How many items the chan holds. Items of those that wait to send do not count. */
WEIR_API size_t weir_shared_chan_len(struct weir_shared_chan *c);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/* queue.h - a queue of work: first in first out, last in first out, or by priority; with a count of
 * what is not yet done. It is asyncio's Queue.
 *
 * Items are copied, and all items of one queue have one size; see weir/chan.h. Tasks that wait to
 * put, and those that wait to get, are served in the order in which they began to wait, and a
 * newcomer overtakes none of them. An item that was handed over is returned although a scope of the
 * task has fired meanwhile.
 *
 * All calls: loop thread only; a call from a loop that the queue does not belong to aborts. Calls
 * that never suspend may be made by posted functions and callbacks too. */
#ifndef WEIR_QUEUE_H
#define WEIR_QUEUE_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A queue. The caller gives the memory, and must not move it. */
struct weir_queue {
    struct weir_sync sync; /* for weir_sync_stats: waiting counts only getters, the rest all */
    uint64_t opaque_[14];
};

/* Which item weir_queue_get returns next. */
enum weir_order {
    WEIR_FIFO,    /* the one that was put first */
    WEIR_LIFO,    /* the one that was put last */
    WEIR_PRIORITY /* the least; among equals the one that was put first */
};

/* Make a queue for items of a type: weir_queue_init(&q, struct job, 100). It holds at most max
 * items. SIZE_MAX: it has no limit, and grows when it is full. The macro makes one that is first in
 * first out; weir_queue_init_lifo makes one that is last in first out, and
 * weir_queue_init_priority(&q, struct job, 100, compare) one by priority. The function behind them
 * takes the size of an item and the order. compare(a, b) is for WEIR_PRIORITY: it returns < 0 if a
 * must be got before b, 0 if they are equal, > 0 else, and must not suspend. The caller must call
 * weir_queue_fini.
 * Returns 0; -ENOMEM. On error q is zeroed. Aborts if max or the size is 0, or if an order by
 * priority has no compare. */
WEIR_API int weir_queue_init(struct weir_queue *q, size_t item_size, size_t max,
                             enum weir_order order, int (*compare)(const void *a, const void *b));
WEIR_API int weir_queue_init_at(const struct weir_site *site, struct weir_queue *q,
                                size_t item_size, size_t max, enum weir_order order,
                                int (*compare)(const void *a, const void *b));
#define weir_queue_init(q, type, max) WEIR__QUEUE_INIT(q, type, max, WEIR_FIFO, NULL)
#define weir_queue_init_lifo(q, type, max) WEIR__QUEUE_INIT(q, type, max, WEIR_LIFO, NULL)
#define weir_queue_init_priority(q, type, max, compare)                                            \
    WEIR__QUEUE_INIT(q, type, max, WEIR_PRIORITY, compare)
#define WEIR__QUEUE_INIT(q, type, max, order, compare)                                             \
    weir_queue_init_at(WEIR_SITE(weir_queue_init), (q), sizeof *(type *)0, (max), (order),         \
                       (compare))

/* Free what a queue holds, and zero it. Items that it still holds go to the function of
 * weir_queue_on_drop. A zeroed queue is fine. Aborts if a task waits on q. */
WEIR_API void weir_queue_fini(struct weir_queue *q);

/* Have fn(item, arg) called with each item that the queue gives up, by weir_queue_shutdown_now or
 * weir_queue_fini. fn must not suspend, and must not use q. item is lent during the call. */
WEIR_API void weir_queue_on_drop(struct weir_queue *q, void (*fn)(void *item, void *arg),
                                 void *arg);

/* Put an item into the queue, which counts it as not done. Waits while the queue is full. The item
 * is borrowed until return.
 * Returns 0; WEIR_ECLOSED (the queue was shut down, before or meanwhile), -ECANCELED, -ETIME,
 * -ENOMEM (a queue without a limit cannot grow), WEIR_ENOLOOP. On error or cancel the item was not
 * put. weir_queue_try_put returns -EAGAIN instead of waiting. */
WEIR_SUSPENDS int weir_queue_put(struct weir_queue *q, const void *item, size_t item_size);
WEIR_API int weir_queue_try_put(struct weir_queue *q, const void *item, size_t item_size);
#define weir_queue_put(q, item) weir_queue_put((q), (item), sizeof *(item))
#define weir_queue_try_put(q, item) weir_queue_try_put((q), (item), sizeof *(item))

/* Get the next item. Waits while there is none.
 * Returns 1 (an item); 0 at the end (the queue was shut down and is empty); -ECANCELED, -ETIME,
 * WEIR_ENOLOOP. Unless it returns 1, *ret_item is untouched, and no item was taken.
 * weir_queue_try_get returns -EAGAIN instead of waiting. */
WEIR_SUSPENDS int weir_queue_get(struct weir_queue *q, void *ret_item, size_t item_size);
WEIR_API int weir_queue_try_get(struct weir_queue *q, void *ret_item, size_t item_size);
#define weir_queue_get(q, ret_item) weir_queue_get((q), (ret_item), sizeof *(ret_item))
#define weir_queue_try_get(q, ret_item) weir_queue_try_get((q), (ret_item), sizeof *(ret_item))

/* Count one item that was got as done. Aborts if it is called more often than items were got. */
WEIR_API void weir_queue_task_done(struct weir_queue *q);

/* Wait until each item that was put is done: until weir_queue_task_done was called for it, or
 * weir_queue_shutdown_now gave it up.
 * Returns 0; -ECANCELED, -ETIME, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_queue_join(struct weir_queue *q);

/* Shut the queue down. Tasks that wait to put, and later calls of put, get WEIR_ECLOSED.
 * weir_queue_get gets the items that are left, then returns 0. A second call changes nothing. */
WEIR_API void weir_queue_shutdown(struct weir_queue *q);

/* The same, and the queue gives up its items at once: they count as done, and go to the function of
 * weir_queue_on_drop. May follow weir_queue_shutdown.
 * Returns how many items the queue gave up. */
WEIR_API size_t weir_queue_shutdown_now(struct weir_queue *q);

/* How many items a queue holds; how many were put and are not done. */
WEIR_API size_t weir_queue_len(const struct weir_queue *q);
WEIR_API size_t weir_queue_unfinished(const struct weir_queue *q);

#ifdef __cplusplus
}
#endif
#endif

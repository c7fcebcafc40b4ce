/* SPDX-License-Identifier: MIT */
/* broadcast.h - one sender, many that receive: each subscriber of a broadcast receives every item,
 * and each view of a latest value sees the newest.
 *
 * Items are copied, and all items of one object have one size; see weir/chan.h. What was handed to
 * a task is returned although a scope of the task has fired meanwhile.
 *
 * All calls: loop thread only; a call from a loop that the object does not belong to aborts. Calls
 * that never suspend may be made by posted functions and callbacks too. */
#ifndef WEIR_BROADCAST_H
#define WEIR_BROADCAST_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- broadcast: every item, to every subscriber ---------------------------------------------- */

/* A broadcast, and one that receives from it. The caller gives the memory of both, and must not
 * move it while the broadcast is initialised, and the subscriber subscribed. */
struct weir_broadcast {
    struct weir_sync sync; /* for weir_sync_stats: waiting counts only senders, the rest all */
    uint64_t opaque_[10];
};
struct weir_subscriber { uint64_t opaque_[6]; };

/* What a send does when a subscriber has not yet received the oldest item that is kept. */
enum weir_slow {
    WEIR_OVERTAKE,    /* it replaces that item: the subscriber has missed it */
    WEIR_WAIT_FOR_ALL /* it waits until all subscribers have received that item */
};

/* Make a broadcast for items of a type: weir_broadcast_init(&b, struct tick, 64, WEIR_OVERTAKE). It
 * keeps the last `ring` items. The caller must call weir_broadcast_fini.
 * Returns 0; -ENOMEM. On error b is zeroed. Aborts if ring or the size is 0. */
WEIR_API int weir_broadcast_init(struct weir_broadcast *b, size_t item_size, size_t ring,
                                 enum weir_slow slow);
WEIR_API int weir_broadcast_init_at(const struct weir_site *site, struct weir_broadcast *b,
                                    size_t item_size, size_t ring, enum weir_slow slow);
#define weir_broadcast_init(b, type, ring, slow)                                                   \
    weir_broadcast_init_at(WEIR_SITE(weir_broadcast_init), (b), sizeof *(type *)0, (ring), (slow))

/* Free what a broadcast holds, and zero it. A zeroed one is fine. Aborts if a task waits on b, or
 * if it has a subscriber. */
WEIR_API void weir_broadcast_fini(struct weir_broadcast *b);

/* Subscribe: from now on, each item that is sent is for s too. Items that were sent before are not.
 * The caller must unsubscribe. Aborts if s is subscribed already; a zeroed s is not. */
WEIR_API void weir_subscribe(struct weir_broadcast *b, struct weir_subscriber *s);

/* Receive no more. A zeroed or unsubscribed s is fine. Aborts if a task waits on s. */
WEIR_API void weir_unsubscribe(struct weir_subscriber *s);

/* Send an item to all subscribers; if there are none, it is lost. With WEIR_WAIT_FOR_ALL it waits
 * while the slowest subscriber has as many items before it as the ring keeps.
 * Returns 0; WEIR_ECLOSED (closed, before or meanwhile), -ECANCELED, -ETIME, WEIR_ENOLOOP. On error
 * or cancel no subscriber gets the item. weir_broadcast_try_send returns -EAGAIN instead of
 * waiting; with WEIR_OVERTAKE it never does. */
WEIR_SUSPENDS int weir_broadcast_send(struct weir_broadcast *b, const void *item,
                                      size_t item_size);
WEIR_API int weir_broadcast_try_send(struct weir_broadcast *b, const void *item, size_t item_size);
#define weir_broadcast_send(b, item) weir_broadcast_send((b), (item), sizeof *(item))
#define weir_broadcast_try_send(b, item) weir_broadcast_try_send((b), (item), sizeof *(item))

/* Receive the next item. Waits until one is sent.
 * Returns 1 (an item); 0 at the end (closed, and all items received); -EOVERFLOW (s was overtaken:
 * the items that it missed are gone, weir_error(rc)->done is how many, and the next call returns
 * the oldest that is kept); -ECANCELED, -ETIME, WEIR_ENOLOOP. Unless it returns 1, *ret_item is
 * untouched. Several tasks may receive from one subscriber: each item goes to one of them.
 * weir_broadcast_try_recv returns -EAGAIN instead of waiting. */
WEIR_SUSPENDS int weir_broadcast_recv(struct weir_subscriber *s, void *ret_item,
                                      size_t item_size);
WEIR_API int weir_broadcast_try_recv(struct weir_subscriber *s, void *ret_item, size_t item_size);
#define weir_broadcast_recv(s, ret_item) weir_broadcast_recv((s), (ret_item), sizeof *(ret_item))
#define weir_broadcast_try_recv(s, ret_item)                                                       \
    weir_broadcast_try_recv((s), (ret_item), sizeof *(ret_item))

/* How many items a subscriber has missed since it subscribed. A miss counts from the call that has
 * returned -EOVERFLOW for it. 0 once s has unsubscribed. */
WEIR_API uint64_t weir_subscriber_missed(const struct weir_subscriber *s);

/* Nothing more will be sent. Tasks that wait to send get WEIR_ECLOSED. Subscribers receive what is
 * kept for them, then 0. A second close changes nothing. */
WEIR_API void weir_broadcast_close(struct weir_broadcast *b);

/* ---- latest: the newest value ---------------------------------------------------------------- */

/* A value that is replaced, of which only the newest counts: a configuration, a state. Elsewhere it
 * is called a watch channel. The caller gives the memory, and must not move it. */
struct weir_latest {
    struct weir_sync sync;
    uint64_t opaque_[3];
};

/* What one observer has seen. A zeroed view has seen nothing. */
struct weir_latest_view {
    struct weir_latest *latest_;
    uint64_t seen_;
};

/* Make a value of a type, with *first in it: weir_latest_init(&l, &first). first NULL, with the
 * type: weir_latest_init(&l, (struct config *)NULL): it has no value yet. The caller must call
 * weir_latest_fini.
 * Returns 0; -ENOMEM. On error l is zeroed. */
WEIR_API int weir_latest_init(struct weir_latest *l, const void *first, size_t size);
WEIR_API int weir_latest_init_at(const struct weir_site *site, struct weir_latest *l,
                                 const void *first, size_t size);
#define weir_latest_init(l, first)                                                                 \
    weir_latest_init_at(WEIR_SITE(weir_latest_init), (l), (first), sizeof *(first))

/* Free the value, and zero l. A zeroed one is fine. Aborts if a task waits on l. */
WEIR_API void weir_latest_fini(struct weir_latest *l);

/* Replace the value. All tasks that wait get this one.
 * Returns 0; WEIR_ECLOSED (closed: nothing has changed). */
WEIR_API int weir_latest_set(struct weir_latest *l, const void *value, size_t size);
#define weir_latest_set(l, value) weir_latest_set((l), (value), sizeof *(value))

/* Copy the value that is there now.
 * Returns 1; 0 (there is none yet, and *ret_value is untouched). */
WEIR_API int weir_latest_get(const struct weir_latest *l, void *ret_value, size_t size);
#define weir_latest_get(l, ret_value) weir_latest_get((l), (ret_value), sizeof *(ret_value))

/* Wait until there is a value that view has not seen, and copy it. Values that were replaced before
 * are skipped.
 * Returns 1 (a value, which view has seen now); 0 (closed, and view has seen the last value);
 * -ECANCELED, -ETIME, WEIR_ENOLOOP. Unless it returns 1, view and *ret_value are untouched.
 * weir_latest_try_wait returns -EAGAIN instead of waiting. */
WEIR_SUSPENDS int weir_latest_wait(struct weir_latest *l, struct weir_latest_view *view,
                                   void *ret_value, size_t size);
WEIR_API int weir_latest_try_wait(struct weir_latest *l, struct weir_latest_view *view,
                                  void *ret_value, size_t size);
#define weir_latest_wait(l, view, ret_value)                                                       \
    weir_latest_wait((l), (view), (ret_value), sizeof *(ret_value))
#define weir_latest_try_wait(l, view, ret_value)                                                   \
    weir_latest_try_wait((l), (view), (ret_value), sizeof *(ret_value))

/* No value will follow. Tasks that wait get 0. The last value stays readable. A second close
 * changes nothing. */
WEIR_API void weir_latest_close(struct weir_latest *l);

/* For WEIR_ON_LATEST: l, as seen by view. */
static inline struct weir_latest_view *weir__latest_view_of(struct weir_latest *l,
                                                            struct weir_latest_view *view) {
    view->latest_ = l;
    return view;
}

#ifdef __cplusplus
}
#endif
#endif

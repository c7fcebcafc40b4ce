/* SPDX-License-Identifier: MIT */
/* chan.h - chans, which carry items from tasks to tasks; and inboxes: many senders, one owner.
 *
 * Items are copied, and all items of one chan have one size. The macros pass the size of what their
 * pointer points to; the functions behind them, (weir_chan_send)(&c, &item, size), take it. A size
 * that is not the chan's aborts. Tasks are served strictly in the order in which they began to
 * wait, and a newcomer never overtakes one that waits. If a task waits on the other side, an item
 * is copied from the sender's memory into the receiver's at once. An item that was handed over is
 * returned although a scope of the receiver has fired meanwhile; its next call feels that.
 *
 * All calls: loop thread only. A chan belongs to the loop whose tasks use it; a call from another
 * loop aborts. Calls that never suspend may be made by posted functions and callbacks too. */
#ifndef WEIR_CHAN_H
#define WEIR_CHAN_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A chan. The caller gives the memory, and must not move it. */
struct weir_chan {
    struct weir_sync sync; /* for weir_sync_stats: waiting counts only receivers, the rest all */
    uint64_t opaque_[9];
};

/* Make a chan for items of a type: weir_chan_init(&c, struct job, 16). It holds at most capacity
 * items. 0: none, so each send waits until a receiver takes its item. SIZE_MAX: it has no limit,
 * and grows when it is full. The caller must call weir_chan_fini.
 * Returns 0; -ENOMEM. On error c is zeroed. Aborts if the size is 0. */
WEIR_API int weir_chan_init(struct weir_chan *c, size_t item_size, size_t capacity);
WEIR_API int weir_chan_init_at(const struct weir_site *site, struct weir_chan *c, size_t item_size,
                               size_t capacity);
#define weir_chan_init(c, type, capacity)                                                          \
    weir_chan_init_at(WEIR_SITE(weir_chan_init), (c), sizeof *(type *)0, (capacity))

/* Free what a chan holds, and zero it. Items that it still holds go to the function of
 * weir_chan_on_drop. A zeroed chan, so also a second fini, is fine. Aborts if a task waits on c. */
WEIR_API void weir_chan_fini(struct weir_chan *c);

/* Have fn(item, arg) called with each item that the chan gives up, by weir_chan_refuse or
 * weir_chan_fini: for items that own memory. NULL: nothing is called. fn must not suspend, and must
 * not use c. item is lent during the call. */
WEIR_API void weir_chan_on_drop(struct weir_chan *c, void (*fn)(void *item, void *arg), void *arg);

/* Send an item: copy it to the receiver that waits longest, else into the chan. Waits while the
 * chan is full. The item is borrowed until return.
 * Returns 0, when the chan or a receiver has the item; WEIR_ECLOSED (closed or refused, before or
 * meanwhile), -ECANCELED, -ETIME, -ENOMEM (a chan without a limit cannot grow), WEIR_ENOLOOP. On
 * error or cancel the item was not sent, and is still the caller's. */
WEIR_SUSPENDS int weir_chan_send(struct weir_chan *c, const void *item, size_t item_size);
#define weir_chan_send(c, item) weir_chan_send((c), (item), sizeof *(item))

/* Receive the oldest item into *ret_item. Waits while there is none.
 * Returns 1 (an item); 0 at the end (the chan is closed and empty, or refused); -ECANCELED, -ETIME,
 * WEIR_ENOLOOP. Unless it returns 1, *ret_item is untouched, and no item was taken. */
WEIR_SUSPENDS int weir_chan_recv(struct weir_chan *c, void *ret_item, size_t item_size);
#define weir_chan_recv(c, ret_item) weir_chan_recv((c), (ret_item), sizeof *(ret_item))

/* Send or receive only if that needs no wait.
 * Return -EAGAIN where the other call would wait; else as weir_chan_send and weir_chan_recv. */
WEIR_API int weir_chan_try_send(struct weir_chan *c, const void *item, size_t item_size);
WEIR_API int weir_chan_try_recv(struct weir_chan *c, void *ret_item, size_t item_size);
#define weir_chan_try_send(c, item) weir_chan_try_send((c), (item), sizeof *(item))
#define weir_chan_try_recv(c, ret_item) weir_chan_try_recv((c), (ret_item), sizeof *(ret_item))

/* Close the sending side: nothing more will be sent. Tasks that wait to send get WEIR_ECLOSED, and
 * keep their items. Receivers get what the chan holds, then 0. A second close changes nothing. */
WEIR_API void weir_chan_close(struct weir_chan *c);

/* Close the receiving side: no task will receive any more. Tasks that wait to send, and later
 * senders, get WEIR_ECLOSED. Items that the chan holds go to the function of weir_chan_on_drop.
 * Receivers get 0.
 * Returns how many items the chan gave up. */
WEIR_API size_t weir_chan_refuse(struct weir_chan *c);

/* How many items a chan holds. Items of tasks that wait to send do not count. */
WEIR_API size_t weir_chan_len(const struct weir_chan *c);

/* An inbox: a chan with many senders and one task that receives, its owner. The senders are
 * counted, so that the owner learns when the last has left; and the senders learn when the owner
 * has ended. The caller gives the memory, and must not move it. */
struct weir_inbox {
    struct weir_chan chan; /* weir_sync_stats(&inbox.chan.sync, ...) */
    uint64_t opaque_[6];
};

/* Make an inbox for items of a type, owned by the running task. capacity as weir_chan_init. When
 * the owner ends, the inbox refuses, as weir_chan_refuse does: so i must outlive the owner, or
 * weir_inbox_fini must be called before the function returns in whose frame i lies.
 * Returns 0; -ENOMEM, WEIR_ENOLOOP (outside a task). On error i is zeroed. */
WEIR_API int weir_inbox_init(struct weir_inbox *i, size_t item_size, size_t capacity);
WEIR_API int weir_inbox_init_at(const struct weir_site *site, struct weir_inbox *i,
                                size_t item_size, size_t capacity);
#define weir_inbox_init(i, type, capacity)                                                         \
    weir_inbox_init_at(WEIR_SITE(weir_inbox_init), (i), sizeof *(type *)0, (capacity))

/* Free what an inbox holds, and zero it; as weir_chan_fini. */
WEIR_API void weir_inbox_fini(struct weir_inbox *i);

/* As weir_chan_on_drop. */
WEIR_API void weir_inbox_on_drop(struct weir_inbox *i, void (*fn)(void *item, void *arg),
                                 void *arg);

/* Count one more sender, or one less. Join for a task before it is spawned, and leave when it has
 * sent its last item. When the last sender leaves, the inbox is closed for good. weir_inbox_leave
 * aborts if no sender is counted.
 * weir_inbox_join returns 0; WEIR_ECLOSED (the last sender has left, or the owner has ended: the
 * sender was not counted). */
WEIR_API int weir_inbox_join(struct weir_inbox *i);
WEIR_API void weir_inbox_leave(struct weir_inbox *i);

/* Send an item to the owner. Waits while the inbox is full.
 * Returns 0; WEIR_ECLOSED (the owner has ended or has called weir_inbox_close, or the last sender
 * has left), -ECANCELED, -ETIME, -ENOMEM (an inbox without a limit cannot grow), WEIR_ENOLOOP. On
 * error or cancel the item was not sent. weir_inbox_try_send returns -EAGAIN instead of waiting. */
WEIR_SUSPENDS int weir_inbox_send(struct weir_inbox *i, const void *item, size_t item_size);
WEIR_API int weir_inbox_try_send(struct weir_inbox *i, const void *item, size_t item_size);
#define weir_inbox_send(i, item) weir_inbox_send((i), (item), sizeof *(item))
#define weir_inbox_try_send(i, item) weir_inbox_try_send((i), (item), sizeof *(item))

/* Receive the oldest item. Only the owner may call it; another task aborts.
 * Returns 1 (an item); 0 at the end (the last sender has left and the inbox is empty, or it was
 * closed); -ECANCELED, -ETIME, WEIR_ENOLOOP. Unless it returns 1, *ret_item is untouched, and no
 * item was taken. weir_inbox_try_recv returns -EAGAIN instead of waiting. */
WEIR_SUSPENDS int weir_inbox_recv(struct weir_inbox *i, void *ret_item, size_t item_size);
WEIR_API int weir_inbox_try_recv(struct weir_inbox *i, void *ret_item, size_t item_size);
#define weir_inbox_recv(i, ret_item) weir_inbox_recv((i), (ret_item), sizeof *(ret_item))
#define weir_inbox_try_recv(i, ret_item) weir_inbox_try_recv((i), (ret_item), sizeof *(ret_item))

/* Close the receiving side, as weir_chan_refuse does. When the owner ends, this happens too.
 * Returns how many items the inbox gave up. */
WEIR_API size_t weir_inbox_close(struct weir_inbox *i);

/* How many items an inbox holds; how many senders are counted. */
WEIR_API size_t weir_inbox_len(const struct weir_inbox *i);
WEIR_API size_t weir_inbox_senders(const struct weir_inbox *i);

#ifdef __cplusplus
}
#endif
#endif

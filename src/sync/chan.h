/* SPDX-License-Identifier: MIT */
/* chan.h - a chan from the inside, for the inbox, which is one with an owner. */
#ifndef WEIR_SYNC_CHAN_H
#define WEIR_SYNC_CHAN_H

#include <weir/chan.h>

#include "sync/item.h"
#include "sync/sync.h"

/* Receivers wait in sync.queue, senders in senders. Both have waiters only while one select that
 * does both waits alone: whoever comes next is served by it. Receivers wait only while nothing is
 * held, senders only while the chan is full. */
struct weir__chan {
    struct weir__sync sync;
    struct weir__waitq senders;
    uint8_t *ring;
    size_t slots, capacity; /* slots: of the ring. Fewer than capacity only in one without limit */
    size_t first, len;      /* of the items in the ring */
    size_t size;            /* of an item */
    void (*drop)(void *item, void *arg);
    void *drop_arg;
};
static_assert(sizeof(struct weir__chan) <= sizeof(struct weir_chan), "public size is ABI");

static inline struct weir__chan *weir__chan_of(const struct weir_chan *c) {
    return (struct weir__chan *)(void *)(uintptr_t)c;
}

int weir__chan_init(struct weir__chan *c, const char *kind, const char *call,
                    const struct weir_site *site, size_t size, size_t capacity);
void weir__chan_fini(struct weir__chan *c, const char *kind, const char *call);
int weir__chan_send(struct weir__chan *c, const void *item, const struct weir__what *what);
int weir__chan_recv(struct weir__chan *c, void *ret_item, const struct weir__what *what);

/* Send or receive if that needs no wait; else -EAGAIN. */
int weir__chan_give(struct weir__chan *c, const void *item);
int weir__chan_take(struct weir__chan *c, void *ret_item);

bool weir__chan_is_closed(const struct weir__chan *c); /* or refused */
void weir__chan_close(struct weir__chan *c);
size_t weir__chan_refuse(struct weir__chan *c);

/* The waits of a select. */
void weir__chan_enlist_recv(struct weir__chan *c, void *ret_item, struct weir__wait *wait,
                            struct weir__waiter *w);
void weir__chan_enlist_send(struct weir__chan *c, void *item, struct weir__wait *wait,
                            struct weir__waiter *w);

#endif

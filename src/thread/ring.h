/* SPDX-License-Identifier: MIT */
/* ring.h - what a shared queue and a shared chan are: a ring of items, those who wait to put one,
 * and those who wait to get one.
 *
 * What is in the ring stays there until a getter claims it. An item that is offered to a getter is
 * counted in `offered`, and is not given to anybody who comes later. The item of a putter that
 * waits moves into the ring, under the lock, when there is room for it; without a ring (max 0) a
 * getter takes it out of the putter's memory. */
#ifndef WEIR_THREAD_RING_H
#define WEIR_THREAD_RING_H

#include "thread/shared.h"

struct weir__ring {
    struct weir__shared shared;
    struct weir__list getters, putters; /* who wait */
    struct weir__list offers;           /* getters that have an offer, by ticket */
    size_t item_size, max;
    size_t count, offered, putting; /* items in the ring; offers out; putters that wait */
    size_t room, first; /* how many items fit into the memory of the ring; where the oldest is */
    unsigned char *items;
    void (*drop)(void *item, void *arg);
    void *drop_arg;
    bool closed;
};

/* Returns 0 or -ENOMEM. what: "shared queue". */
int weir__ring_new(const struct weir_site *site, size_t item_size, size_t max, const char *what,
                   struct weir__ring **ret_ring);
/* call: the public call, for messages. */
void weir__ring_unref(struct weir__ring *r, const char *call);

/* Returns 0; WEIR_ECLOSED, -ECANCELED, -ETIME, -ENOMEM, -EBUSY, WEIR_EFORKED. */
int weir__ring_put(struct weir__ring *r, const void *item, size_t size, weir_ns timeout_ns,
                   const struct weir__what *what, const void *frame);
/* Returns 1, 0 at the end, -ECANCELED, -ETIME, -EBUSY, WEIR_EFORKED. */
int weir__ring_get(struct weir__ring *r, void *item, size_t size, weir_ns timeout_ns,
                   const struct weir__what *what, const void *frame);
int weir__ring_try_put(struct weir__ring *r, const void *item, size_t size, const char *call);
int weir__ring_try_get(struct weir__ring *r, void *item, size_t size, const char *call);

void weir__ring_on_drop(struct weir__ring *r, void (*fn)(void *item, void *arg), void *arg,
                        const char *call);
void weir__ring_close(struct weir__ring *r, const char *call);
/* Close, and drop what is in the ring. Returns how many items. */
size_t weir__ring_drop(struct weir__ring *r, const char *call);
size_t weir__ring_len(struct weir__ring *r, const char *call);

#endif

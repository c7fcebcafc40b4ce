/* SPDX-License-Identifier: MIT */
/* ws_spare.c - what all connections of a thread share, while it has any: an empty queue for the
 * next one that needs a queue, and random bytes for masks. */
#include "proto/ws_spare.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/limits.h"

static __thread struct {
    size_t holders;
    struct ws_queue *queues; /* empty */
    size_t bytes; /* room in them */
    size_t random_left;
    uint8_t random[256];
} spare;

void weir__ws_spare_hold(void) {
    spare.holders++;
}

void weir__ws_spare_unhold(void) {
    WEIR_CHECK(spare.holders > 0);
    if (--spare.holders > 0)
        return;
    while (spare.queues != NULL) {
        struct ws_queue *q = spare.queues;
        spare.queues = q->next;
        weir__free(q);
    }
    spare.bytes = 0;
    spare.random_left = 0; /* the next run draws its own, so that a seed replays it */
}

struct ws_queue *weir__ws_spare_take(size_t len) {
    struct ws_queue *q = spare.queues;
    if (q == NULL || q->max < len)
        return NULL;
    spare.queues = q->next;
    spare.bytes -= q->max;
    return q;
}

/* The queue that was written last lies in the cache, and is taken first. */
void weir__ws_spare_give(struct ws_queue *q) {
    if (spare.bytes + q->max > WS_SPARE_MAX) {
        weir__free(q);
        return;
    }
    q->len = 0;
    q->next = spare.queues;
    spare.queues = q;
    spare.bytes += q->max;
}

/* RFC 6455 10.3: masks must not be guessed. Drawn from the backend a handful at a time. */
void weir__ws_spare_mask(struct weir__backend *b, uint8_t mask[4]) {
    if (spare.random_left < 4) {
        b->ops->random(b, spare.random, sizeof spare.random);
        spare.random_left = sizeof spare.random;
    }
    spare.random_left -= 4;
    memcpy(mask, spare.random + spare.random_left, 4);
}

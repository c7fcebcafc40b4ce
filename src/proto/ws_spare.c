/* SPDX-License-Identifier: MIT */
/* ws_spare.c - what all connections of a thread share, while it has any: random bytes for masks. */
#include "proto/ws_spare.h"

#include <string.h>

#include "base/check.h"

static __thread struct {
    size_t holders;
    size_t random_left;
    uint8_t random[256];
} spare;

void weir__ws_spare_hold(void) {
    spare.holders++;
}

void weir__ws_spare_unhold(void) {
    WEIR_CHECK(spare.holders > 0);
    if (--spare.holders == 0)
        spare.random_left = 0; /* the next run draws its own, so that a seed replays it */
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

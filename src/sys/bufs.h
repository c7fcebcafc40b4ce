/* SPDX-License-Identifier: MIT */
/* bufs.h - large receive buffers, last in first out so that the few in use stay in cache, and
 * pieces on the heap for when all of them are pinned. Both are named by tokens.
 *
 * Tokens: 1 .. WEIR__TOKEN_RING-1 the large buffers; from WEIR__TOKEN_RING the provided-buffer
 * ring's (uring_ring.c gives them out); from WEIR__TOKEN_HEAP pieces on the heap. */
#ifndef WEIR_SYS_BUFS_H
#define WEIR_SYS_BUFS_H

#include <stddef.h>

#include "sys/backend.h"
#include "sys/slots.h"

#define WEIR__TOKEN_RING 0x00010000u
#define WEIR__TOKEN_HEAP 0x80000000u

struct weir__bufs {
    uint8_t *memory; /* mapped when first needed */
    size_t stride;
    uint32_t size, count;
    uint32_t *free; /* a stack of tokens */
    uint32_t free_count;
    struct weir__slots heap;
};

int weir__bufs_init(struct weir__bufs *b);
void weir__bufs_fini(struct weir__bufs *b);

/* Take the large buffer that was used last; its size is in len. Returns 0, -ENOBUFS or -ENOMEM. */
int weir__bufs_take(struct weir__bufs *b, struct weir__lent *ret_lent);
/* Allocate a piece of size bytes on the heap. Returns 0 or -ENOMEM. */
int weir__bufs_heap(struct weir__bufs *b, uint32_t size, struct weir__lent *ret_lent);
/* Cut a piece to its first len bytes. One on the heap frees the memory behind them. */
void weir__bufs_shrink(struct weir__bufs *b, struct weir__lent *lent, uint32_t len);
/* Release a piece. Not for tokens of the ring. */
void weir__bufs_put(struct weir__bufs *b, struct weir__lent *lent);

#endif

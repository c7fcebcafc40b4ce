/* SPDX-License-Identifier: MIT */
/* The provided-buffer ring that every receive of the load generator draws from. Small
 * enough to stay in L2 whatever the number of connections; a receive that finds it empty
 * ends with -ENOBUFS and is armed again once the turn has given its buffers back. */
#ifndef BENCH_LOAD_POOL_H
#define BENCH_LOAD_POOL_H

#include <liburing.h>
#include <stddef.h>
#include <stdint.h>

enum { POOL_GROUP = 1 };

struct pool {
    struct io_uring_buf_ring *ring;
    uint8_t *memory;
    unsigned count;         /* buffers; a power of two */
    size_t size, stride;    /* bytes of a buffer; distance, never a power of two */
    unsigned returned;      /* given back since the last publish */
};

/* Register a ring fit for messages of message_size bytes. Returns 0 or a negative errno. */
int pool_init(struct pool *p, struct io_uring *ring, size_t message_size);
void pool_fini(struct pool *p);

static inline const uint8_t *pool_buffer(const struct pool *p, unsigned id) {
    return p->memory + id * p->stride;
}

static inline void pool_give(struct pool *p, unsigned id) {
    io_uring_buf_ring_add(p->ring, p->memory + id * p->stride, (unsigned)p->size,
                          (unsigned short)id, (int)(p->count - 1), (int)p->returned++);
}

/* Make what was given back visible to the kernel. */
static inline void pool_publish(struct pool *p) {
    io_uring_buf_ring_advance(p->ring, (int)p->returned);
    p->returned = 0;
}

#endif

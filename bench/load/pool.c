/* SPDX-License-Identifier: MIT */
/* See pool.h. */
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    BUFFER_MIN = 256,
    BUFFER_MAX = 32 << 10,
    COUNT_MAX = 512,
    COUNT_MIN = 8,
    MEMORY_MAX = 256 << 10      /* a quarter of L2 */
};

static void choose_sizes(struct pool *p, size_t message_size) {
    p->size = (message_size + 63) & ~(size_t)63;
    if (p->size < BUFFER_MIN)
        p->size = BUFFER_MIN;
    if (p->size > BUFFER_MAX)
        p->size = BUFFER_MAX;
    p->stride = p->size + 64;
    p->count = COUNT_MAX;
    while (p->count > COUNT_MIN && p->count * p->size > MEMORY_MAX)
        p->count /= 2;
}

int pool_init(struct pool *p, struct io_uring *ring, size_t message_size) {
    struct io_uring_buf_reg reg = {.bgid = POOL_GROUP};
    void *entries;
    int rc;

    choose_sizes(p, message_size);
    p->memory = aligned_alloc(4096, (p->count * p->stride + 4095) & ~(size_t)4095);
    entries = mmap(NULL, p->count * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p->ring = entries == MAP_FAILED ? NULL : entries;
    if (!p->memory || !p->ring)
        return -ENOMEM;
    io_uring_buf_ring_init(p->ring);
    reg.ring_addr = (uintptr_t)entries;
    reg.ring_entries = p->count;
    rc = io_uring_register_buf_ring(ring, &reg, 0);
    if (rc < 0)
        return rc;
    p->returned = 0;
    for (unsigned i = 0; i < p->count; i++)
        pool_give(p, i);
    pool_publish(p);
    return 0;
}

void pool_fini(struct pool *p) {
    if (p->ring)
        munmap(p->ring, p->count * sizeof(struct io_uring_buf));
    free(p->memory);
    p->ring = NULL;
    p->memory = NULL;
}

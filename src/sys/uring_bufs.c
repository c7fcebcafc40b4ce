/* SPDX-License-Identifier: MIT */
/* uring_bufs.c - the ring of buffers that multishot receives fill. See struct uring_bufs. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "sys/limits.h"
#include "sys/uring.h"

enum {
    TARGET_FIRST = 32, /* a turn of a loaded server: the kernel ends at most 20 requests at once */
    TARGET_MIN = 8,
    SKEW = 192 /* no power of two between buffers: see bufs.c */
};

static void *map(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static size_t ring_bytes(const struct uring_bufs *r) {
    return r->count * sizeof(struct io_uring_buf);
}

/* The kernel pins the pages of the ring: a fork child must not share them. */
static int register_ring(struct uring_backend *b) {
    struct uring_bufs *r = &b->bufs;
    struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)r->ring,
                                   .ring_entries = r->count,
                                   .bgid = URING_GROUP};
    madvise(r->ring, ring_bytes(r), MADV_DONTFORK);
    io_uring_buf_ring_init(r->ring);
    return io_uring_register_buf_ring(&b->ring, &reg, 0);
}

int weir__uring_bufs_init(struct uring_backend *b) {
    struct uring_bufs *r = &b->bufs;
    *r = (struct uring_bufs){.size = weir__sys_limits.ring_buffer_size,
                             .count = weir__sys_limits.ring_buffers,
                             .hot_bytes = weir__sys_limits.ring_hot_bytes};
    WEIR_CHECK(r->count > 0 && (r->count & (r->count - 1)) == 0 && r->count <= 32768);
    r->target = r->count < TARGET_FIRST ? r->count : TARGET_FIRST;
    r->mean_len = 64;
    r->stride = ((size_t)r->size + SKEW + 63) & ~(size_t)63;
    r->free = weir__alloc(r->count * sizeof *r->free);
    r->pieces = weir__alloc(r->count * sizeof *r->pieces);
    r->memory = map(r->stride * r->count);
    r->ring = map(ring_bytes(r));
    if (r->free == NULL || r->pieces == NULL || r->memory == NULL || r->ring == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < r->count; i++)
        r->free[i] = (uint16_t)(r->count - 1 - i);
    r->free_count = r->count;
    return register_ring(b);
}

void weir__uring_bufs_fini(struct uring_backend *b) {
    struct uring_bufs *r = &b->bufs;
    if (r->ring != NULL)
        munmap(r->ring, ring_bytes(r));
    if (r->memory != NULL)
        munmap(r->memory, r->stride * r->count);
    weir__free(r->free);
    weir__free(r->pieces);
    *r = (struct uring_bufs){0};
}

/* How many buffers to give to the kernel: as many pieces of average length as fit into hot_bytes,
 * but not fewer than a small turn needs. */
static uint32_t most(const struct uring_bufs *r) {
    uint32_t fit = r->hot_bytes / (r->mean_len + 1);
    if (fit < TARGET_MIN)
        fit = TARGET_MIN;
    return fit < r->count ? fit : r->count;
}

void weir__uring_bufs_refill(struct uring_bufs *r) {
    uint32_t limit = most(r), added = 0;
    r->ran_out = false;
    if (limit > r->target)
        limit = r->target;
    while (r->with_kernel < limit && r->free_count > 0) {
        uint16_t id = r->free[--r->free_count];
        io_uring_buf_ring_add(r->ring, r->memory + r->stride * id, r->size, id,
                              io_uring_buf_ring_mask(r->count), (int)added++);
        r->with_kernel++;
    }
    if (added > 0)
        io_uring_buf_ring_advance(r->ring, (int)added);
}

void weir__uring_bufs_starved(struct uring_bufs *r) {
    if (r->ran_out)
        return; /* counted already: many files report it in one turn */
    r->ran_out = true;
    r->target = r->target * 2 < r->count ? r->target * 2 : r->count;
}

struct uring_piece *weir__uring_bufs_filled(struct uring_bufs *r, uint32_t id, uint32_t len) {
    WEIR_CHECK(id < r->count && len <= r->size && r->with_kernel > 0);
    struct uring_piece *p = &r->pieces[id];
    r->with_kernel--;
    r->mean_len += (len >> 4) - (r->mean_len >> 4);
    p->next = NULL;
    p->lent = (struct weir__lent){.base = r->memory + r->stride * id,
                                  .len = len,
                                  .token = WEIR__TOKEN_RING + id};
    return p;
}

void weir__uring_bufs_put(struct uring_bufs *r, struct weir__lent *lent) {
    uint32_t id = lent->token - WEIR__TOKEN_RING;
    WEIR_CHECK(id < r->count && r->free_count + r->with_kernel < r->count);
    r->free[r->free_count++] = (uint16_t)id;
    lent->token = 0;
}

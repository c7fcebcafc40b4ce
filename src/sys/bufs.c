/* SPDX-License-Identifier: MIT */
/* bufs.c - see bufs.h. The distance between two buffers is no power of two: else the first lines
 * of all of them, which small messages use, would compete for one cache set. */
#include "sys/bufs.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/check.h"
#include "sys/limits.h"

enum { STRIDE_SKEW = 4096 + 576 }; /* another page and another cache set each time */

int weir__bufs_init(struct weir__bufs *b) {
    *b = (struct weir__bufs){.size = weir__sys_limits.bulk_size,
                             .count = weir__sys_limits.bulk_count};
    WEIR_CHECK(b->count > 0 && b->count < WEIR__TOKEN_RING - 1);
    weir__slots_init(&b->heap);
    b->stride = ((size_t)b->size + STRIDE_SKEW + 63) & ~(size_t)63;
    b->free = weir__alloc(b->count * sizeof *b->free);
    if (b->free == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < b->count; i++)
        b->free[i] = b->count - i;
    b->free_count = b->count;
    return 0;
}

void weir__bufs_fini(struct weir__bufs *b) {
    if (b->memory != NULL)
        munmap(b->memory, b->stride * b->count);
    weir__slots_fini(&b->heap);
    weir__free(b->free);
    *b = (struct weir__bufs){0};
}

static int map(struct weir__bufs *b) {
    void *p = mmap(NULL, b->stride * b->count, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return -ENOMEM;
    b->memory = p;
    return 0;
}

int weir__bufs_take(struct weir__bufs *b, struct weir__lent *ret_lent) {
    if (b->free_count == 0)
        return -ENOBUFS;
    if (b->memory == NULL && map(b) != 0)
        return -ENOMEM;
    uint32_t token = b->free[--b->free_count];
    ret_lent->base = b->memory + b->stride * (token - 1);
    ret_lent->len = b->size;
    ret_lent->token = token;
    return 0;
}

int weir__bufs_heap(struct weir__bufs *b, uint32_t size, struct weir__lent *ret_lent) {
    uint8_t *base = weir__alloc(size);
    uint64_t handle;
    if (base == NULL)
        return -ENOMEM;
    if (weir__slots_add(&b->heap, base, &handle) != 0) {
        weir__free(base);
        return -ENOMEM;
    }
    ret_lent->base = base;
    ret_lent->len = size;
    ret_lent->token = WEIR__TOKEN_HEAP | (uint32_t)handle;
    return 0;
}

void weir__bufs_shrink(struct weir__bufs *b, struct weir__lent *lent, uint32_t len) {
    WEIR_CHECK(len > 0 && len <= lent->len);
    lent->len = len;
    if (lent->token < WEIR__TOKEN_HEAP)
        return;
    uint8_t *base = weir__realloc(lent->base, len);
    if (base == NULL)
        return; /* the piece stays larger than necessary */
    lent->base = base;
    b->heap.all[lent->token & ~WEIR__TOKEN_HEAP].ptr = base;
}

void weir__bufs_put(struct weir__bufs *b, struct weir__lent *lent) {
    uint32_t token = lent->token;
    lent->token = 0;
    if (token < WEIR__TOKEN_HEAP) {
        WEIR_CHECK(token >= 1 && token <= b->count && b->free_count < b->count);
        b->free[b->free_count++] = token;
        return;
    }
    uint32_t index = token & ~WEIR__TOKEN_HEAP;
    void *base = weir__slots_at(&b->heap, index);
    WEIR_CHECK(base != NULL);
    weir__slots_remove(&b->heap, index, base);
    weir__free(base);
}

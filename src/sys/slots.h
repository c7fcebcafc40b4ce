/* SPDX-License-Identifier: MIT */
/* slots.h - small numbers for pointers, with generations. The kernel or a user gets the number
 * instead of the address, so that an old or wrong number is detected. One thread. */
#ifndef WEIR_SYS_SLOTS_H
#define WEIR_SYS_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct weir__slot {
    void *ptr; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct weir__slots {
    struct weir__slot *all;
    uint32_t count, max; /* slots that were ever used; slots with memory */
    uint32_t free;       /* index + 1 of the first free slot; 0: none */
};

void weir__slots_init(struct weir__slots *s);
void weir__slots_fini(struct weir__slots *s);

/* Give ptr a number. Returns 0 or -ENOMEM. The low 32 bits of the handle are the index. */
int weir__slots_add(struct weir__slots *s, void *ptr, uint64_t *ret_handle);
/* Free the number. Aborts unless ptr has that number. */
void weir__slots_remove(struct weir__slots *s, uint32_t index, const void *ptr);

/* The pointer that has the handle; NULL if none has it any more. */
static inline void *weir__slots_get(const struct weir__slots *s, uint64_t handle) {
    uint32_t index = (uint32_t)handle;
    if (index >= s->count || s->all[index].generation != (uint32_t)(handle >> 32))
        return NULL;
    return s->all[index].ptr;
}

static inline void *weir__slots_at(const struct weir__slots *s, uint32_t index) {
    return index < s->count ? s->all[index].ptr : NULL;
}

#endif

/* SPDX-License-Identifier: MIT */
/* slots.c - see slots.h. */
#include "sys/slots.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"

void weir__slots_init(struct weir__slots *s) {
    *s = (struct weir__slots){0};
}

void weir__slots_fini(struct weir__slots *s) {
    weir__free(s->all);
    weir__slots_init(s);
}

/* New slots are not written before they are used: half of a large table may never be touched. */
static int grow(struct weir__slots *s) {
    uint32_t max = s->max ? s->max * 2 : 16;
    struct weir__slot *all = weir__realloc(s->all, max * sizeof *all);
    if (all == NULL)
        return -ENOMEM;
    s->all = all;
    s->max = max;
    return 0;
}

static int slot_take(struct weir__slots *s, uint32_t *ret_index) {
    if (s->free != 0) {
        *ret_index = s->free - 1;
        s->free = s->all[*ret_index].next_free;
        return 0;
    }
    if (s->count == s->max && grow(s) != 0)
        return -ENOMEM;
    *ret_index = s->count++;
    s->all[*ret_index].generation = 1;
    return 0;
}

int weir__slots_add(struct weir__slots *s, void *ptr, uint64_t *ret_handle) {
    uint32_t index = 0;
    WEIR_CHECK(ptr != NULL);
    if (slot_take(s, &index) != 0)
        return -ENOMEM;
    s->all[index].ptr = ptr;
    *ret_handle = (uint64_t)s->all[index].generation << 32 | index;
    return 0;
}

void weir__slots_remove(struct weir__slots *s, uint32_t index, const void *ptr) {
    WEIR_CHECK(index < s->count && ptr != NULL && s->all[index].ptr == ptr);
    struct weir__slot *slot = &s->all[index];
    slot->ptr = NULL;
    slot->generation++;
    slot->next_free = s->free;
    s->free = index + 1;
}

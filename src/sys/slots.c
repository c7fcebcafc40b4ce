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

static int grow(struct weir__slots *s) {
    uint32_t count = s->count ? s->count * 2 : 16;
    struct weir__slot *all = weir__realloc(s->all, count * sizeof *all);
    if (all == NULL)
        return -ENOMEM;
    for (uint32_t i = count; i-- > s->count;) {
        all[i] = (struct weir__slot){.generation = 1, .next_free = s->free};
        s->free = i + 1;
    }
    s->all = all;
    s->count = count;
    return 0;
}

int weir__slots_add(struct weir__slots *s, void *ptr, uint64_t *ret_handle) {
    WEIR_CHECK(ptr != NULL);
    if (s->free == 0 && grow(s) != 0)
        return -ENOMEM;
    uint32_t index = s->free - 1;
    struct weir__slot *slot = &s->all[index];
    s->free = slot->next_free;
    slot->ptr = ptr;
    *ret_handle = (uint64_t)slot->generation << 32 | index;
    return 0;
}

void weir__slots_remove(struct weir__slots *s, uint32_t index) {
    WEIR_CHECK(index < s->count && s->all[index].ptr != NULL);
    struct weir__slot *slot = &s->all[index];
    slot->ptr = NULL;
    slot->generation++;
    slot->next_free = s->free;
    s->free = index + 1;
}

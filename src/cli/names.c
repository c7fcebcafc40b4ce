/* SPDX-License-Identifier: MIT */
/* names.c - a hash table: FNV-1a, and the next free slot after a collision. */
#include "cli/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <weir/base.h>

#include "base/check.h"

struct names_slot {
    const char *text; /* NULL: free */
    size_t len, number;
};

size_t names_compared;

static uint64_t hash_of(const char *text, size_t len) {
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3;
    return hash ^ hash >> 32;
}

int names_init(struct names *n, struct arena *a, size_t most) {
    size_t size = 8;
    while (size < 2 * most)
        size *= 2;
    *n = (struct names){arena_take(a, size * sizeof *n->slots), size - 1};
    return n->slots ? 0 : -ENOMEM;
}

/* The slot of text, or the free one where it belongs. */
static struct names_slot *slot_of(const struct names *n, const char *text, size_t len) {
    WEIR_CHECK(n->slots != NULL && text != NULL);
    size_t at = (size_t)hash_of(text, len) & n->mask;
    for (size_t tried = 0; tried <= n->mask; tried++, at = (at + 1) & n->mask) {
        struct names_slot *s = &n->slots[at];
        names_compared++;
        if (s->text == NULL || (s->len == len && memcmp(s->text, text, len) == 0))
            return s;
    }
    WEIR_BUG("more names than there is room for");
}

size_t names_put(struct names *n, const char *text, size_t len, size_t number) {
    WEIR_CHECK(text != NULL && number != NAMES_NONE);
    struct names_slot *s = slot_of(n, text, len);
    if (s->text != NULL)
        return s->number;
    *s = (struct names_slot){text, len, number};
    return NAMES_NONE;
}

size_t names_find(const struct names *n, const char *text, size_t len) {
    const struct names_slot *s = slot_of(n, text, len);
    return s->text != NULL ? s->number : NAMES_NONE;
}

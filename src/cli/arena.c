/* SPDX-License-Identifier: MIT */
/* arena.c - a list of blocks, the newest first; a piece larger than a block gets its own. */
#include "cli/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

enum { BLOCK_BYTES = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) uint8_t bytes[];
};

void *arena_take(struct arena *a, size_t size) {
    struct arena_block *b = a->blocks;
    size_t aligned = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    WEIR_CHECK(aligned >= size);
    if (b == NULL || b->size - b->used < aligned) {
        size_t room = aligned > BLOCK_BYTES ? aligned : BLOCK_BYTES;
        b = weir__alloc_zero(sizeof *b + room);
        if (b == NULL)
            return NULL;
        *b = (struct arena_block){.next = a->blocks, .size = room};
        a->blocks = b;
    }
    void *piece = b->bytes + b->used;
    b->used += aligned;
    WEIR_CHECK(b->used <= b->size);
    return piece;
}

char *arena_text(struct arena *a, const char *bytes, size_t len) {
    WEIR_CHECK(len < SIZE_MAX);
    char *copy = arena_take(a, len + 1);
    return copy ? memcpy(copy, bytes, len) : NULL;
}

char *arena_format(struct arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_take(a, (size_t)len + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    int again = vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    WEIR_CHECK(again == len);
    return text;
}

void arena_fini(struct arena *a) {
    for (struct arena_block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        weir__free(b);
    }
    a->blocks = NULL;
}

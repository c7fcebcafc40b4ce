/* SPDX-License-Identifier: MIT */
/* bytes.c - see bytes.h. */
#include "torture/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static bool make_room(struct bytes *b, size_t len) {
    if (b->lost || len <= b->room - b->len)
        return !b->lost;
    size_t room = b->room * 2 > b->len + len ? b->room * 2 : b->len + len + 64;
    uint8_t *base = weir__realloc(b->base, room);
    if (base == NULL) {
        b->lost = true;
        return false;
    }
    b->base = base;
    b->room = room;
    return true;
}

void bytes_add(struct bytes *b, const void *data, size_t len) {
    if (len == 0 || !make_room(b, len))
        return;
    memcpy(b->base + b->len, data, len);
    b->len += len;
}

void bytes_fill(struct bytes *b, uint8_t c, size_t count) {
    if (count == 0 || !make_room(b, count))
        return;
    memset(b->base + b->len, c, count);
    b->len += count;
}

void bytes_print(struct bytes *b, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len > 0)
        bytes_add(b, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

void bytes_free(struct bytes *b) {
    weir__free(b->base);
    *b = (struct bytes){0};
}

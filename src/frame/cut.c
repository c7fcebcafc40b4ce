/* SPDX-License-Identifier: MIT */
/* cut.c - where in some bytes a frame ends: by a delimiter, or by a number. */
#include "frame/cut.h"

#include <errno.h>
#include <string.h>

#include "base/options.h"
#include "task/task.h"

enum { MAX_DEFAULT = 64 << 10, MAX_MAX = 1 << 30 };

static int refuse(const char *call, const char *why) {
    return weir__failf(-EINVAL, call, NULL, "%s (EINVAL)", why);
}

static int init_delimited(struct weir__cut *c, const struct weir_framing *f, const char *call) {
    if (f->delimiter == NULL || f->delimiter_len == 0 || f->delimiter_len > WEIR__CUT_DELIMITER)
        return refuse(call, "a delimiter has 1 to 16 bytes");
    memcpy(c->delimiter, f->delimiter, f->delimiter_len);
    c->delimiter_len = (uint8_t)f->delimiter_len;
    return 0;
}

static int init_number(struct weir__cut *c, const struct weir_framing *f, const char *call) {
    unsigned n = f->length_bytes == 0 ? 4 : f->length_bytes;
    if (n != 1 && n != 2 && n != 3 && n != 4 && n != 8)
        return refuse(call, "a length has 1, 2, 3, 4 or 8 bytes");
    c->number_len = (uint8_t)n;
    c->little = f->little_endian;
    c->counts_itself = f->counts_itself;
    return 0;
}

int weir__cut_init(struct weir__cut *c, const struct weir_framing *framing, const char *call) {
    struct weir_framing f;
    WEIR_OPTIONS_COPY(struct weir_framing, counts_itself, &f, framing);
    if (f.max > MAX_MAX && f.kind != WEIR_FRAME_FIXED)
        return refuse(call, "max is more than 1 GiB");
    *c = (struct weir__cut){.kind = (uint8_t)f.kind, .max = f.max > 0 ? f.max : MAX_DEFAULT};
    switch (f.kind) {
    case WEIR_FRAME_LINE:
        c->delimiter[0] = '\n';
        c->delimiter_len = 1;
        c->crlf = f.crlf;
        return 0;
    case WEIR_FRAME_DELIMITED:
        return init_delimited(c, &f, call);
    case WEIR_FRAME_LENGTH:
        return init_number(c, &f, call);
    case WEIR_FRAME_FIXED:
        if (f.fixed == 0 || f.fixed > MAX_MAX)
            return refuse(call, "a fixed size is 1 byte to 1 GiB");
        c->max = f.fixed;
        return 0;
    }
    return refuse(call, "no such kind of frame");
}

/* ---- by a number ---- */

static uint64_t number_at(const struct weir__cut *c, const uint8_t *bytes) {
    uint64_t n = 0;
    for (size_t i = 0; i < c->number_len; i++)
        n = n << 8 | bytes[c->little ? c->number_len - 1u - i : i];
    return n;
}

/* The size of the whole frame with its number, as far as len bytes tell. */
static int whole_size(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                      size_t *ret_size) {
    *ret_size = c->kind == WEIR_FRAME_FIXED ? c->max : c->number_len;
    if (c->kind == WEIR_FRAME_FIXED || len < c->number_len)
        return 0;
    uint64_t n = number_at(c, bytes);
    if (c->counts_itself && n < c->number_len)
        return WEIR_EPROTO;
    if (c->counts_itself)
        n -= c->number_len;
    if (n > c->max)
        return WEIR_ETOOBIG;
    *ret_size += (size_t)n;
    return 0;
}

static int find_counted(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                        struct weir__found *ret) {
    size_t size = 0;
    int rc = whole_size(c, bytes, len, &size);
    if (rc < 0 || len < c->number_len || len < size)
        return rc;
    *ret = (struct weir__found){c->number_len, size - c->number_len, size};
    return 1;
}

size_t weir__cut_number(const struct weir__cut *c, size_t len, uint8_t ret[WEIR__CUT_NUMBER]) {
    uint64_t n = len + (c->counts_itself ? c->number_len : 0u);
    if (c->number_len < sizeof n && n >> (8 * c->number_len) != 0)
        return 0;
    for (size_t i = 0; i < c->number_len; i++, n >>= 8)
        ret[c->little ? i : c->number_len - 1u - i] = (uint8_t)n;
    return c->number_len;
}

/* ---- by a delimiter ---- */

/* The delimiter begins at len. A line's CR in front of it belongs to it. */
static int marked(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                  struct weir__found *ret) {
    *ret = (struct weir__found){0, len, len + c->delimiter_len};
    if (c->kind == WEIR_FRAME_LINE && len > 0 && bytes[len - 1] == '\r')
        ret->len--;
    return ret->len <= c->max ? 1 : WEIR_ETOOBIG;
}

/* No delimiter in len bytes: may one still come in time? A CR may stand before it, or a part of
 * it. */
static int unmarked(const struct weir__cut *c, size_t len) {
    return len <= c->max + c->delimiter_len ? 0 : WEIR_ETOOBIG;
}

static int find_marked(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                       struct weir__found *ret) {
    const uint8_t *hit = c->delimiter_len == 1
                             ? memchr(bytes, c->delimiter[0], len)
                             : memmem(bytes, len, c->delimiter, c->delimiter_len);
    return hit != NULL ? marked(c, bytes, (size_t)(hit - bytes), ret) : unmarked(c, len);
}

/* ---- either ---- */

int weir__cut_find(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                   struct weir__found *ret) {
    if (len == 0)
        return 0;
    return weir__cut_marks(c) ? find_marked(c, bytes, len, ret)
                              : find_counted(c, bytes, len, ret);
}

size_t weir__cut_next(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                      struct weir_view more) {
    size_t size = 0;
    if (more.len == 0)
        return 0;
    if (weir__cut_marks(c)) {
        size_t most = c->max + c->delimiter_len + 1 - len; /* the last of these is too much */
        most = most < more.len ? most : more.len;
        const uint8_t *hit = memchr(more.base, c->delimiter[c->delimiter_len - 1], most);
        return hit != NULL ? (size_t)(hit - (const uint8_t *)more.base) + 1 : most;
    }
    if (whole_size(c, bytes, len, &size) < 0)
        return 0;
    return size - len < more.len ? size - len : more.len;
}

int weir__cut_find_last(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                        struct weir__found *ret) {
    size_t d = c->delimiter_len;
    if (!weir__cut_marks(c))
        return find_counted(c, bytes, len, ret);
    if (len >= d && memcmp(bytes + len - d, c->delimiter, d) == 0)
        return marked(c, bytes, len - d, ret);
    return unmarked(c, len);
}

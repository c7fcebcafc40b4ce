/* SPDX-License-Identifier: MIT */
/* target.c - paths and queries taken apart. */
#include "http/target.h"

#include <string.h>
#include <weir/base.h>

/* The byte that "%XX" at p means; -1: it means none. */
static int escape_at(const char *p, size_t len) {
    if (len < 3 || !weir__char_is((uint8_t)p[1], WEIR__CHAR_HEX) ||
        !weir__char_is((uint8_t)p[2], WEIR__CHAR_HEX))
        return -1;
    return (int)(weir__char_hex((uint8_t)p[1]) << 4 | weir__char_hex((uint8_t)p[2]));
}

ssize_t weir__percent_decode(char *text, const char *encoded, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (encoded[i] != '%') {
            text[n++] = encoded[i];
            continue;
        }
        int byte = escape_at(encoded + i, len - i);
        if (byte < 0)
            return -1;
        text[n++] = (char)byte;
        i += 2;
    }
    return (ssize_t)n;
}

/* ---- the path ---- */

static int refused(struct weir__target *t, int code, const char *why) {
    t->why = why;
    return code;
}

static int segment_check(struct weir__target *t, const char *text, size_t len) {
    if (memchr(text, '\0', len) != NULL)
        return refused(t, WEIR_EPROTO, "the path has an escaped NUL");
    bool is_dots = (len == 1 || len == 2) && text[0] == '.' && text[len - 1] == '.';
    return is_dots ? refused(t, WEIR_EPROTO, "the path has a segment . or ..") : 0;
}

int weir__target_split(struct weir__target *t, const char *path, size_t len, char *text) {
    t->text = text;
    t->count = 0;
    t->slashed = 0;
    t->why = NULL;
    size_t used = 0;
    for (size_t from = 0, end; from < len; from = end) {
        from++; /* the slash */
        const char *slash = memchr(path + from, '/', len - from);
        end = slash != NULL ? (size_t)(slash - path) : len;
        if (t->count == WEIR__TARGET_SEGMENTS)
            return refused(t, WEIR_ETOOBIG, "the path has more than 64 segments");
        ssize_t n = weir__percent_decode(text + used, path + from, end - from);
        if (n < 0)
            return refused(t, WEIR_EPROTO, "the path has a bad escape");
        int rc = segment_check(t, text + used, (size_t)n);
        if (rc < 0)
            return rc;
        if (memchr(text + used, '/', (size_t)n) != NULL)
            t->slashed |= UINT64_C(1) << t->count;
        t->segments[t->count++] = (struct weir__slice){(uint32_t)used, (uint32_t)n};
        used += (size_t)n;
        text[used++] = '\0';
    }
    return 0;
}

int weir__target_join(struct weir__target *t, uint32_t i) {
    if (i < t->count && t->slashed >> i != 0)
        return refused(t, WEIR_EPROTO, "the path has an escaped slash");
    for (uint32_t next = i + 1; next < t->count; next++) {
        t->text[t->segments[next].offset - 1] = '/';
        t->segments[i].len += 1 + t->segments[next].len;
    }
    t->count = i < t->count ? i + 1 : t->count;
    return 0;
}

size_t weir__target_query(const char *target, size_t len, size_t *ret_path_len) {
    const char *mark = memchr(target, '?', len);
    *ret_path_len = mark != NULL ? (size_t)(mark - target) : len;
    return mark != NULL ? *ret_path_len + 1 : len;
}

/* ---- pairs ---- */

static size_t part_decode(char *text, const char *encoded, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int byte = encoded[i] == '%' ? escape_at(encoded + i, len - i) : -1;
        if (byte >= 0)
            i += 2;
        text[n++] = byte >= 0 ? (char)byte : encoded[i] == '+' ? ' ' : encoded[i];
    }
    text[n] = '\0';
    return n;
}

int weir__pair_next(const char *encoded, size_t len, size_t *at, char *text, size_t *used,
                    struct weir__pair *ret) {
    size_t from = *at;
    while (from < len && encoded[from] == '&')
        from++;
    *at = from;
    if (from == len)
        return 0;
    const char *separator = memchr(encoded + from, '&', len - from);
    size_t end = separator != NULL ? (size_t)(separator - encoded) : len;
    const char *equals = memchr(encoded + from, '=', end - from);
    size_t name_end = equals != NULL ? (size_t)(equals - encoded) : end;
    size_t value_from = equals != NULL ? name_end + 1 : end;
    ret->name = text + *used;
    ret->name_len = part_decode(text + *used, encoded + from, name_end - from);
    *used += ret->name_len + 1;
    ret->value = text + *used;
    ret->value_len = part_decode(text + *used, encoded + value_from, end - value_from);
    *used += ret->value_len + 1;
    *at = end < len ? end + 1 : len;
    return 1;
}

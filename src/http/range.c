/* SPDX-License-Identifier: MIT */
/* range.c - numbers that do not fit saturate: a range may end far behind the resource. */
#include "http/range.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire/chars.h"

/* Digits at *at, perhaps none. Returns how many; *ret saturates. */
static size_t digits_take(const char *value, size_t len, size_t *at, int64_t *ret) {
    size_t from = *at;
    int64_t n = 0;
    for (; *at < len && weir__char_is((uint8_t)value[*at], WEIR__CHAR_DIGIT); ++*at) {
        int digit = value[*at] - '0';
        n = n > (INT64_MAX - digit) / 10 ? INT64_MAX : n * 10 + digit;
    }
    *ret = n;
    return *at - from;
}

enum one { FAULT, OUTSIDE, INSIDE };

/* "first-last", "first-", "-suffix" */
static enum one one_parse(const char *text, size_t len, int64_t size, struct weir__range *ret) {
    int64_t first, last;
    size_t at = 0, has_first = digits_take(text, len, &at, &first);
    if (at == len || text[at++] != '-')
        return FAULT;
    size_t has_last = digits_take(text, len, &at, &last);
    if (at != len || (has_first == 0 && has_last == 0))
        return FAULT;
    if (has_first == 0) {
        int64_t suffix = last < size ? last : size;
        *ret = (struct weir__range){size - suffix, suffix};
        return suffix > 0 ? INSIDE : OUTSIDE;
    }
    if (has_last > 0 && last < first)
        return FAULT;
    if (first >= size)
        return OUTSIDE;
    int64_t end = has_last > 0 && last < size - 1 ? last + 1 : size;
    *ret = (struct weir__range){first, end - first};
    return INSIDE;
}

int weir__ranges_parse(const char *value, size_t len, int64_t size, struct weir__ranges *ret) {
    static const char unit[] = "bytes=";
    enum { UNIT = sizeof unit - 1 };
    struct weir__slice item;
    int64_t bytes = 0;
    size_t at = 0, count = 0;
    ret->count = 0;
    if (len < UNIT || !weir__chars_equal(value, UNIT, unit))
        return 200;
    const uint8_t *set = (const uint8_t *)value + UNIT;
    while (weir__chars_list_next(set, len - UNIT, &at, &item)) {
        struct weir__range r;
        enum one one = one_parse((const char *)set + item.offset, item.len, size, &r);
        if (one == FAULT || ++count > WEIR__RANGES_MAX)
            return 200;
        if (one == OUTSIDE)
            continue;
        if (r.len > size - bytes)
            return 200;
        bytes += r.len;
        ret->at[ret->count++] = r;
    }
    return count == 0 ? 200 : ret->count == 0 ? 416 : 206;
}

size_t weir__range_value(char *text, size_t room, const struct weir__range *r, int64_t size) {
    int n = r == NULL ? snprintf(text, room, "bytes */%" PRId64, size)
                      : snprintf(text, room, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, r->from,
                                 r->from + r->len - 1, size);
    return (size_t)n;
}

size_t weir__range_part(char text[static WEIR__RANGE_PART_MAX], const char *boundary,
                        const char *type, const struct weir__range *r, int64_t size) {
    char value[80];
    if (r == NULL)
        return (size_t)snprintf(text, WEIR__RANGE_PART_MAX, "\r\n--%s--\r\n", boundary);
    weir__range_value(value, sizeof value, r, size);
    int n = snprintf(text, WEIR__RANGE_PART_MAX, "\r\n--%s\r\n%s%.128s%sContent-Range: %s\r\n\r\n",
                     boundary, type != NULL ? "Content-Type: " : "", type != NULL ? type : "",
                     type != NULL ? "\r\n" : "", value);
    return (size_t)n;
}

int64_t weir__ranges_body_len(const struct weir__ranges *ranges, const char *boundary,
                              const char *type, int64_t size) {
    char text[WEIR__RANGE_PART_MAX];
    int64_t len = 0;
    for (uint32_t i = 0; i < ranges->count; i++)
        len += (int64_t)weir__range_part(text, boundary, type, &ranges->at[i], size) +
               ranges->at[i].len;
    return len + (int64_t)weir__range_part(text, boundary, type, NULL, size);
}

/* SPDX-License-Identifier: MIT */
/* chars.h - bytes and slices of text protocols: character classes, wide scans, comparison
 * without case. Locale plays no part. Used by the parsers of this room. */
#ifndef WEIR_WIRE_CHARS_H
#define WEIR_WIRE_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

/* A part of the caller's buffer, by its offset: valid also after the buffer was moved. */
struct weir__slice {
    uint32_t offset, len;
};

enum {
    WEIR__CHAR_TOKEN = 1,   /* tchar: RFC 9110 5.6.2 */
    WEIR__CHAR_TARGET = 2,  /* may stand in a request target: see http1.c */
    WEIR__CHAR_PATH = 4,    /* pchar, "/" and "?" of RFC 3986, without "%" */
    WEIR__CHAR_HOST = 8,    /* letters, digits, "-", "_", "." */
    WEIR__CHAR_DIGIT = 16,
    WEIR__CHAR_HEX = 32,
    WEIR__CHAR_ALPHA = 64,
};

extern WEIR_API const uint8_t weir__char_classes[256];

/* True if c belongs to one of the classes of the mask. */
static inline bool weir__char_is(uint8_t c, int classes) {
    return (weir__char_classes[c] & classes) != 0;
}

/* ASCII letters in lower case, every other byte as it is. */
static inline uint8_t weir__char_lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* The value of a hex digit that weir__char_is(c, WEIR__CHAR_HEX) allowed. */
static inline unsigned weir__char_hex(uint8_t c) {
    return c <= '9' ? c - (unsigned)'0' : (c | 0x20u) - 'a' + 10u;
}

/* The first byte at or after from, before end, that may not stand in a line of text: a control
 * character other than HTAB, or DEL. Returns end if there is none. */
WEIR_API size_t weir__chars_line_end(const uint8_t *bytes, size_t from, size_t end);

/* How many bytes from the start belong to the classes. */
WEIR_API size_t weir__chars_span(const uint8_t *bytes, size_t len, int classes);

/* True if the bytes are a non-empty run of the classes. */
WEIR_API bool weir__chars_all(const uint8_t *bytes, size_t len, int classes);

/* True if the bytes equal the text, ASCII letters compared without case. */
WEIR_API bool weir__chars_equal(const void *bytes, size_t len, const char *text);

/* Decimal digits only, at least one, at most value_max; anything else is -1. */
WEIR_API int64_t weir__chars_decimal(const uint8_t *bytes, size_t len, int64_t value_max);

/* Take the next element of a comma-separated list (RFC 9110 5.6.1), without the white space
 * around it; empty elements are skipped. *at starts at 0 and moves. Returns false when
 * there is no further element. */
WEIR_API bool weir__chars_list_next(const uint8_t *bytes, size_t len, size_t *at,
                                    struct weir__slice *ret);

#endif

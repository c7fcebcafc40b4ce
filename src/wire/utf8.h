/* SPDX-License-Identifier: MIT */
/* utf8.h - checks UTF-8 (RFC 3629) in pieces of any size. No overlong forms, no surrogates,
 * nothing above U+10FFFF. A zeroed struct is at the start of a text. */
#ifndef WEIR_WIRE_UTF8_H
#define WEIR_WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

struct weir__utf8 {
    uint8_t state; /* 0 between characters; see utf8.c */
};

/* Check the next piece of the text.
 * Returns len, or the offset of the first byte that makes the text invalid; after that every
 * further piece returns 0. */
size_t weir__utf8_feed(struct weir__utf8 *u, const void *buf, size_t len);

/* True if the text may end here: its last character is complete and no byte was invalid. */
static inline bool weir__utf8_done(const struct weir__utf8 *u) {
    return u->state == 0;
}

/* True if the whole text is UTF-8. */
WEIR_API bool weir__utf8_valid(const void *buf, size_t len);

/* The length of the longest beginning that is UTF-8, whole characters only. */
size_t weir__utf8_prefix(const void *buf, size_t len);

/* The longest len <= len_max that does not cut a character of this valid text. */
size_t weir__utf8_cut(const void *buf, size_t len, size_t len_max);

#endif

/* SPDX-License-Identifier: MIT */
/* base64.h - RFC 4648 section 4, with padding, no line breaks. */
#ifndef WEIR_WIRE_BASE64_H
#define WEIR_WIRE_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <weir/base.h>

/* The text length of len bytes. */
#define WEIR__BASE64_LEN(len) (((len) + 2) / 3 * 4)

/* Write WEIR__BASE64_LEN(len) characters, no NUL. Returns that length. */
size_t weir__base64_encode(char *ret_text, const void *bytes, size_t len);

/* Decode a whole text: padded, no other characters. The unused bits of the last character
 * may have any value (RFC 4648 3.5): makers of random keys often do not clear them.
 * Returns the count of bytes; WEIR_EPROTO, also if more than size_max would be written. */
WEIR_API ssize_t weir__base64_decode(void *ret_bytes, size_t size_max, const char *text,
                                     size_t len);

#endif

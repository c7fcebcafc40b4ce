/* SPDX-License-Identifier: MIT */
/* range.h - ranges of bytes (RFC 9110 14): the Range field of a request, and the heads of the parts
 * of a multipart/byteranges answer. Pure. */
#ifndef WEIR_HTTP_RANGE_H
#define WEIR_HTTP_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEIR__RANGES_MAX = 16,     /* of one request */
    WEIR__RANGE_BOUNDARY = 24, /* characters of a boundary */
    WEIR__RANGE_PART_MAX = 400, /* bytes of a part's head, or of the end */
};

struct weir__range {
    int64_t from, len; /* len > 0, and from + len is at most the size */
};

struct weir__ranges {
    uint32_t count;
    struct weir__range at[WEIR__RANGES_MAX];
};

/* Parse the value of a Range field for a resource of size bytes.
 * Returns 206 and the ranges, in the order in which they were asked for; 416: none of them lies in
 * the resource; 200: the field is to be ignored, since it has a fault, another unit, more than 16
 * ranges, or asks for more bytes than there are (a known way to make servers work). */
int weir__ranges_parse(const char *value, size_t len, int64_t size, struct weir__ranges *ret);

/* Write the value of Content-Range, "bytes 0-4/10"; r NULL: that none could be sent of size bytes.
 * Returns its length. */
size_t weir__range_value(char *text, size_t room, const struct weir__range *r, int64_t size);

/* Write the head of a part, with the line end before it; r NULL: the end behind the last part.
 * type may be NULL: no Content-Type. Returns its length. */
size_t weir__range_part(char text[static WEIR__RANGE_PART_MAX], const char *boundary,
                        const char *type, const struct weir__range *r, int64_t size);

/* The length of a multipart/byteranges body. */
int64_t weir__ranges_body_len(const struct weir__ranges *ranges, const char *boundary,
                              const char *type, int64_t size);

#endif

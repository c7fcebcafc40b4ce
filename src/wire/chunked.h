/* SPDX-License-Identifier: MIT */
/* chunked.h - takes the chunked transfer coding off a body (RFC 9112 7.1), piece by piece, in
 * place. Chunk extensions are skipped; trailer fields are checked, and handed on as they came. */
#ifndef WEIR_WIRE_CHUNKED_H
#define WEIR_WIRE_CHUNKED_H

#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

struct weir__chunked {
    uint64_t chunk_left;    /* data bytes of the open chunk still to come */
    uint64_t body_left;     /* bytes of body that the limit still allows */
    uint32_t line_len;      /* of a size line with its extension, or of all trailers */
    uint32_t excess;        /* bytes of size lines beyond what their data allows */
    int failed;             /* the error code, which every later call returns too */
    const char *why;        /* after a failure: static text */
    uint16_t answer;        /* after a failure: the status to answer with, 400, 413 or 431 */
    uint8_t state;          /* see chunked.c */
};

/* A view of body or trailer bytes inside the buffer that was fed. */
struct weir__chunked_data {
    const uint8_t *data;
    size_t len;
    size_t used; /* bytes of the buffer that were used, data included: feed what follows them */
};

enum {
    WEIR__CHUNKED_MORE, /* all was used, more bytes are needed */
    WEIR__CHUNKED_DATA, /* ret has body bytes; consume them, feed the rest */
    WEIR__CHUNKED_END,  /* the body is whole; what follows ret->used belongs to the next message */
    WEIR__CHUNKED_TRAILER, /* ret has bytes of trailer lines, each "name:value CRLF"; feed the rest.
                            * Not before WEIR__CHUNKED_END are they all there */

    WEIR__CHUNKED_LINE_MAX = 256,     /* a size and its extensions, which no known sender uses */
    /* A size line may have LINE_FREE bytes and twice those of its data. By so many bytes the lines
     * of a body may exceed that: EXCESS_MAX. Without this a byte of body could cost 256. */
    WEIR__CHUNKED_LINE_FREE = 16,
    WEIR__CHUNKED_EXCESS_MAX = 16384,
    WEIR__CHUNKED_TRAILER_MAX = 8192, /* all trailer fields together */
};

/* Begin a body of at most body_len_max bytes. */
WEIR_API void weir__chunked_init(struct weir__chunked *c, uint64_t body_len_max);

/* Decode the next bytes of the body; len may be 0. The decoder keeps none of them.
 * Returns one of the values above; WEIR_EPROTO, WEIR_ETOOBIG with c->why and c->answer. */
WEIR_API int weir__chunked_feed(struct weir__chunked *c, const void *buf, size_t len,
                                struct weir__chunked_data *ret);

#endif

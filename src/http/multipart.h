/* SPDX-License-Identifier: MIT */
/* multipart.h - a multipart/form-data body (RFC 7578, 2046) taken apart, piece by piece. Pure; it
 * keeps no bytes: what an event did not use must be fed again, with more behind it. The texts of a
 * part's head are ended by a NUL in place.
 *
 * Invariant: the parts and the faults do not depend on how the body was cut. Each byte of data is
 * looked at once; a head, which is bounded, once for each piece in which it comes. */
#ifndef WEIR_HTTP_MULTIPART_H
#define WEIR_HTTP_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEIR__MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 5.1.1 */
    WEIR__MULTIPART_HEADERS_MAX = 16,  /* of one part */
};

struct weir__multipart {
    char delimiter[4 + WEIR__MULTIPART_BOUNDARY_MAX]; /* CR LF - - BOUNDARY */
    uint32_t delimiter_len, head_max;
    uint8_t state; /* see multipart.c */
    int failed;    /* the code; it stays */
    const char *why; /* static text */
};

enum weir__multipart_kind {
    WEIR__MULTIPART_MORE,     /* more bytes are needed behind those that were not used */
    WEIR__MULTIPART_PART,     /* a part begins: name, filename, type */
    WEIR__MULTIPART_DATA,     /* bytes of it, at least one */
    WEIR__MULTIPART_PART_END, /* it is whole */
    WEIR__MULTIPART_END,      /* so is the form; what follows is ignored */
};

struct weir__multipart_event {
    size_t used;     /* bytes of the buffer that need not be fed again */
    const char *data; /* DATA: in the buffer */
    size_t len;
    const char *name, *filename, *type; /* PART: in the buffer; filename and type may be NULL */
};

/* Begin with the value of the Content-Type field. head_max: bytes of one part's head, so the caller
 * has a buffer of at least head_max + 80 bytes. Returns 0; WEIR_EPROTO with m->why: it is no
 * multipart/form-data, or its boundary is not usable (answer 415 or 400). */
int weir__multipart_init(struct weir__multipart *m, const char *content_type, size_t len,
                         uint32_t head_max);

/* Find the next event at the start of buf. Returns its kind; WEIR_EPROTO, WEIR_ETOOBIG (a head)
 * with m->why. */
int weir__multipart_next(struct weir__multipart *m, char *buf, size_t len,
                         struct weir__multipart_event *ret);

#endif

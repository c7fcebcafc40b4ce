/* SPDX-License-Identifier: MIT */
/* limits.h - bounds of the HTTP server that are not options, with their reasons. */
#ifndef WEIR_HTTP_LIMITS_H
#define WEIR_HTTP_LIMITS_H

#include <weir/base.h>

enum {
    HTTP_OUT_SIZE = 16 << 10,    /* one block of bytes to send: what the kernel takes in one go on
                                  * a connection that rests */
    HTTP_OUT_MAX = 1 << 20,      /* the head of one answer, with all its lines */
    HTTP_TEXT_SIZE = 1 << 10,    /* of a head, at first: what browsers send fits */
    HTTP_TEXT_KEPT = 4 << 10,    /* a spare request keeps no larger texts */
    HTTP_SPARES_MAX = 64,        /* requests, and blocks to send, kept for the next ones */
    HTTP_STEP = 16,  /* bytes: a request lies so far behind the one before it in the same memory */
    HTTP_STEPS = 64, /* and so often, then at its begin again: see memory.c */
    HTTP_RESERVE_MAX = 64 << 10, /* memory for a body that was announced and has not come */
    HTTP_LINGER_MAX = 1 << 20,   /* bytes thrown away behind the last answer: a client that sends
                                  * more is cut off */
    HTTP_BODY_MAX = 1 << 20,     /* the options' defaults */
    HTTP_DRAIN_MAX = 64 << 10,
    HTTP_CONNECTIONS_MAX = 10000,
    HTTP_BODY_RATE = 1024,
    HTTP_HOST_KEPT = 64,         /* a longer Host is parsed at each request */
    HTTP_UNKNOWN_SHARE = 8,      /* of the requests with other fields one is remembered */
    HTTP_TEXT_HEAD_KEPT = 256,   /* a longer head of a text is written for each answer */
    HTTP_HEAD_LIMIT = 1 << 20,   /* the options' bounds */
    HTTP_HEADERS_LIMIT = 1000,
    HTTP_ADDED_MAX = 64 << 10,   /* header lines that a handler adds */
    HTTP_PAIRS_MAX = 1000,       /* of a query: each call walks over them */
    HTTP_PACK_SLICE = 64 << 10,  /* of a streamed piece, compressed before others may run: 1 ms */
    HTTP_STATE_ALIGN = 16,
    HTTP_HEAD_REST = 512,        /* of an answer, beside the lines and the name of the program */
    HTTP_CHUNK_REST = 32,        /* of a chunk or of the last one, beside data and trailers */
};

#define HTTP_DRAIN_NS_MAX WEIR_SECONDS(366LL * 24 * 3600)
#define HTTP_LINGER_NS WEIR_SECONDS(1) /* for the client to read the last answer */

#endif

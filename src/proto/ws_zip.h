/* SPDX-License-Identifier: MIT */
/* ws_zip.h - compressed messages (permessage-deflate): the state of one connection, and of all of a
 * config. ws_zip.c has the life of the contexts, ws_deflate.c what is sent, ws_inflate.c what
 * comes. A connection without compression has no struct ws_zip, and calls nothing here.
 *
 *   a direction     between messages                  in the middle of one
 *   no takeover     has no context                    has one of the thread's spare ones
 *   takeover        has one; idle: only a window      has one */
#ifndef WEIR_PROTO_WS_ZIP_H
#define WEIR_PROTO_WS_ZIP_H

#include <weir/ws_deflate.h>

#include "proto/weir_ws.h"
#include "wire/deflate.h"

struct ws_zips { /* of a config */
    struct weir_ws_deflate o;      /* with the defaults filled in */
    struct weir__ws_limits limits; /* of what is on the wire, where a message may be longer */
    struct weir__loop *loop;
    struct weir__list held;  /* connections that hold a context, the longest unused first */
    struct weir__timer idle; /* armed while there are any */
};

struct ws_zip {
    struct weir_ws *ws;
    struct weir__list link; /* in held, or in no list */
    struct weir__inflater *in;
    struct weir__deflater *out;
    uint8_t *window; /* of an inflater that was released */
    weir_ns used;    /* the turn in which a context was used last */
    struct weir__utf8 text; /* of the message that comes */
    uint32_t window_len;
    uint8_t in_bits, out_bits;
    bool in_takeover, out_takeover, is_text;
    bool in_message, out_message; /* in the middle of one; out: in parts */
    /* Received in parts: what is still to be decompressed of the lent piece, and what follows. */
    bool ends, tail_is_in;
    bool is_broken; /* bytes were skipped, so nothing more can be read */
    const uint8_t *rest;
    size_t rest_len;
    uint64_t total; /* of the message, so far */
};

/* What is said to a peer whose bytes cannot be a message. */
struct ws_fault {
    int code;
    const char *why;
};

/* ---- ws_zip.c ---- */

/* Can the config compress as o.deflate says? Makes config->zips. Returns 0; WEIR_ENOZLIB, -EINVAL,
 * -ENOMEM, with a record. */
int weir__ws_zips_open(struct ws_config *c, const char *what);
void weir__ws_zips_close(struct ws_config *c);
/* What this side offers, or wants of an offer. */
struct weir__ws_deflate_terms weir__ws_zip_terms(const struct ws_config *c);
/* The handshake has agreed on t; from now on frames may be compressed. NULL: no memory. */
struct ws_zip *weir__ws_zip_new(struct weir_ws *ws, const struct weir__ws_deflate_terms *t);
void weir__ws_zip_free(struct ws_zip *z); /* NULL is fine */

/* The context of a message that begins or goes on. NULL: no memory. */
struct weir__deflater *weir__ws_zip_out(struct ws_zip *z);
struct weir__inflater *weir__ws_zip_in(struct ws_zip *z);
/* The message is over: without takeover, the context goes back. */
void weir__ws_zip_out_done(struct ws_zip *z);
void weir__ws_zip_in_done(struct ws_zip *z);
/* Memory for a compressor's output, size bytes at least; the first kept bytes of what the call
 * before gave are still in it. It is the thread's, until the next task runs. NULL: no memory. */
uint8_t *weir__ws_zip_scratch(size_t size, size_t kept, size_t *ret_size);
void weir__ws_zip_scratch_done(void);

/* ---- ws_deflate.c ---- */

/* As weir__ws_queue, of a whole message: compressed, if that is worth it. */
int weir__ws_deflate_send(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);
/* A whole message of a server's, compressed without takeover, as a frame that all connections whose
 * peers have a window of z->out_bits can take. Returns 0 with *ret_seg; 0 without: it would not
 * become shorter; -ENOMEM. */
int weir__ws_deflate_seg(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len,
                         struct weir__seg **ret_seg);
/* Of one part of a message. */
int weir__ws_deflate_part(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);

/* ---- ws_inflate.c ---- */

/* Take bytes of a compressed message. Returns 1: it is whole, in ws->gather; 0; a failure, with
 * *ret_fault. */
int weir__ws_inflate(struct weir_ws *ws, const struct weir__ws_event *ev,
                     struct ws_fault *ret_fault);
/* The same for a message that is received in parts: take its bytes, then make parts of them. part
 * returns 1: the next one is in ws->gather, and *ret_last says whether it is the last; 0: there is
 * none until more bytes come; a failure. */
int weir__ws_inflate_take(struct weir_ws *ws, const struct weir__ws_event *ev,
                          struct ws_fault *ret_fault);
int weir__ws_inflate_part(struct weir_ws *ws, bool *ret_last, struct ws_fault *ret_fault);

#endif

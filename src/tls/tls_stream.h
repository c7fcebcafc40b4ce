/* SPDX-License-Identifier: MIT */
/* tls_stream.h - the kind of stream that encrypts what goes through another. */
#ifndef WEIR_TLS_TLS_STREAM_H
#define WEIR_TLS_TLS_STREAM_H

#include "stream/stream.h"
#include "task/waitq.h"
#include "tls/context.h"

/* A stream over `below`, which it owns. */
struct weir__tls {
    struct weir_stream stream;
    struct weir_stream *below; /* NULL once closed */
    struct weir__tls_engine engine;
    struct weir__tls_seat *seat;
    struct weir__tls_piece *piece;  /* lent to stream */
    struct weir__tls_bytes sending; /* ciphertext that a task is writing, or has yet to write */
    struct weir__waitq line; /* tasks that wait until `sending` is free, or for the handshake */
    bool is_sending, is_shaking;
    int16_t broken; /* why nothing more can be sent; 0: it can */
};

/* Make one; the handshake is not done. host NULL: a server. On success *take_stream is NULL, else
 * it stays. Returns 0; -ENOMEM, -EINVAL, with a record. */
int weir__tls_new(struct weir_stream **take_stream, struct weir_tls *tls, const char *host,
                  struct weir__tls **ret_tls);

/* Give `below` back and free the rest: the handshake has failed. No task is inside. */
void weir__tls_undo(struct weir__tls *t, struct weir_stream **ret_below);

/* Do the handshake, or wait while another task does it. Suspends; its caller has passed a cancel
 * point. Returns 0 or an error, without a record. */
int weir__tls_shake(struct weir__tls *t);

/* The record of such an error. */
int weir__tls_failed(struct weir__tls *t, int rc, const char *what) __attribute__((cold));

/* Send all ciphertext that waits. Suspends. Returns 0 or an error, without a record. */
int weir__tls_send(struct weir__tls *t);

/* NULL: s is no TLS stream. */
struct weir__tls *weir__tls_of(struct weir_stream *s, const char *call);
/* NULL: nor if its handshake is not done. */
SSL *weir__tls_ssl(struct weir_stream *s, const char *call);

#endif

/* SPDX-License-Identifier: MIT */
/* engine.h - one TLS connection as a machine without input and output: it is fed with ciphertext,
 * and gives plaintext and ciphertext back. It never waits, and no call here suspends; it knows
 * neither tasks nor streams.
 *
 * Its BIO reads from `in`, memory that the caller lends for one call, and appends to `out`, a write
 * line that the caller starts. Without memory for that the connection has failed. OpenSSL's queue
 * of errors belongs to the thread: each call finds it empty and leaves it empty. */
#ifndef WEIR_TLS_ENGINE_H
#define WEIR_TLS_ENGINE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/out.h"

struct weir_tls;
struct weir__tls_seat;

enum {
    WEIR__TLS_RECORD = 16 << 10, /* plaintext of a record: RFC 8446 */
    WEIR__TLS_WHY = 160,         /* bytes of a text that says why, with its NUL */
    WEIR__TLS_STEPS = 128        /* messages behind the handshake, of one peer in a turn of the
                                  * loop: a KeyUpdate of 27 bytes costs tens of microseconds */
};

/* Records that one key encrypts; then TLS 1.3 changes it. RFC 8446 allows AES-GCM 2^24.5 full ones.
 * A test may lower it before a connection is made. */
extern uint32_t weir__tls_key_records;

struct weir__tls_engine {
    SSL *ssl; /* NULL: of a server that has heard nothing */
    const uint8_t *in;
    size_t in_len;
    struct weir__out *out;
    struct weir_tls *owner;
    uint64_t generation; /* of the material that it was made of */
    char *host;    /* client: what the certificate must be for, and the key of its sessions; server:
                    * the name that the client asks for; NULL: none */
    char *why;     /* the text of code; NULL: none, or no memory for it */
    uint32_t records_left; /* that the key for writing may still encrypt */
    int16_t code;  /* why it failed; each later call returns it */
    uint16_t steps; /* messages behind the handshake; the caller sets it to 0 in each turn */
    bool server : 1;
    bool shaken : 1;   /* the handshake is done */
    bool heard : 1;    /* the peer has sent a byte */
    bool is_plain : 1; /* the peer speaks HTTP: `out` has an answer in plain text */
    bool peeked : 1;   /* the next read returns something, without ciphertext */
    bool stepped : 1;  /* a message of the handshake has come or gone since buffers were freed */
};

/* Make an engine that begins with a handshake. host: the name or address of a server; NULL for a
 * server. Returns 0; -ENOMEM; -EINVAL (host is no name that a certificate can have). owner, seat
 * and out must outlive it. */
int weir__tls_engine_init(struct weir__tls_engine *e, struct weir_tls *owner,
                          struct weir__tls_seat *seat, struct weir__out *out, const char *host);
/* The client's first bytes have come: use what the seat has now. Before this a server has no SSL,
 * so a silent client costs none. Returns 0, also if it was done before, or -ENOMEM. */
int weir__tls_engine_serve(struct weir__tls_engine *e, struct weir__tls_seat *seat);
void weir__tls_engine_fini(struct weir__tls_engine *e);

/* Each call takes what it needs from in, and appends what the peer must get to out, also when it
 * fails (an alert). They return -EAGAIN if they need more ciphertext. */
int weir__tls_engine_shake(struct weir__tls_engine *e); /* 0: done */
/* Decrypt into buf, which has room for a record. Returns the count; 0 after the peer's
 * close_notify. */
int64_t weir__tls_engine_read(struct weir__tls_engine *e, void *buf, size_t len);
/* Take the rest of a message of the peer's handshake that has come in part, and nothing behind it.
 * Returns 0 once it is whole. */
int weir__tls_engine_read_rest(struct weir__tls_engine *e);
/* Look at what has come: the next read returns the record that this meets. Returns its length; 0,
 * the peer's close_notify; an error, such as the peer's alert. */
int64_t weir__tls_engine_peek(struct weir__tls_engine *e, void *buf, size_t len);
/* Encrypt at most a record. Returns 0 or an error; -EPIPE: close_notify was sent; -EAGAIN: a
 * message of the peer's to OpenSSL itself, such as a ticket, has come in part, and nothing can be
 * written before the rest of it was read. */
int weir__tls_engine_write(struct weir__tls_engine *e, const void *buf, size_t len);
/* Append close_notify, once. Returns as write; 0 if it was sent before. */
int weir__tls_engine_end(struct weir__tls_engine *e);

/* OpenSSL calls this for each step of a handshake, and of what follows it: tickets, KeyUpdates. */
void weir__tls_engine_note_step(const SSL *ssl, int where, int rc);

/* Set code and its text, unless they are set: the first reason counts. Returns code. */
int weir__tls_engine_fail(struct weir__tls_engine *e, int code, const char *format, ...)
    __attribute__((cold, format(printf, 3, 4)));

static inline struct weir__tls_engine *weir__tls_engine_of(const SSL *ssl) {
    return SSL_get_app_data(ssl);
}

#endif

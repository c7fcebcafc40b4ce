/* SPDX-License-Identifier: MIT */
/* context.h - what is inside struct weir_tls. One for all threads; inside, one seat for each loop,
 * since threads that share an SSL_CTX wait for each other's locks in OpenSSL 3.0.
 *
 *   weir_tls --- options (copied)
 *            |-- material: certificates, keys, trust; replaced by a reload, counted
 *            |-- keys of tickets, sessions of a client: shared by all loops
 *            `-- seats: one for each loop that has used it, with an SSL_CTX of the material */
#ifndef WEIR_TLS_CONTEXT_H
#define WEIR_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <weir/tls.h>

#include "task/waitq.h"
#include "tls/engine.h"
#include "tls/pem.h"
#include "tls/session.h"
#include "tls/settings.h"
#include "tls/ticket.h"

/* What a reload replaces. */
struct weir__tls_material {
    struct weir__tls_identity own;      /* chain NULL: none */
    struct weir__tls_identity *by_name; /* in the order of options.names */
    size_t names;
    X509_STORE *trust;                  /* of a client; NULL: the system's */
    X509_STORE *client_trust;           /* of a server; NULL: clients are not asked */
    STACK_OF(X509) *client_roots;       /* what is in it */
    uint64_t generation;
};

/* A piece of memory for decrypted bytes. */
struct weir__tls_piece {
    uint8_t bytes[WEIR__TLS_RECORD];
};

/* The part of one loop. Its loop's thread alone uses it; a later loop gets the number, and the
 * seat, of one that has ended. It lives as long as the weir_tls. */
struct weir__tls_seat {
    struct weir__tls_seat *next;
    struct weir_tls *tls;
    uint16_t number; /* of the loop */
    bool simulated;
    uint64_t generation;     /* of the material that ctx was made of */
    SSL_CTX *ctx, **by_name; /* by_name has one for each of options.names */
    size_t names;
    X509_STORE *client_trust;
    struct weir__tls_piece *spare;
    size_t lent; /* pieces that readers have */
    size_t handshakes;       /* of servers, that go on */
    struct weir__waitq room; /* tasks that accept, while there are handshakes_max */
};

struct weir_tls {
    _Atomic uint32_t refs;
    pthread_mutex_t lock; /* of all that follows, but options and what seats own */
    struct weir_tls_options options; /* strings and tables are copies, in `strings` */
    struct weir__tls_strings strings;
    struct weir__tls_material *material;
    struct weir__tls_seat *seats;
    struct weir__tls_tickets tickets;
    struct weir__tls_sessions sessions;
};

/* The seat of the loop of this thread, with an SSL_CTX of the newest material. Returns 0; -ENOMEM,
 * or another error, with a record. */
int weir__tls_seat_get(struct weir_tls *tls, struct weir__tls_seat **ret_seat);

/* The caller holds the lock. Makes the SSL_CTX of a seat anew. */
int weir__tls_seat_make(struct weir__tls_seat *seat, const struct weir__tls_material *m);
/* The roots that a client trusts, with a reference. NULL: no memory. */
X509_STORE *weir__tls_roots(struct weir_tls *tls);

/* Let e, which is new, look at its peer's certificate as the options say. Returns 0 or -ENOMEM. */
int weir__tls_seat_verify(const struct weir__tls_seat *seat, struct weir__tls_engine *e);
void weir__tls_seat_free(struct weir__tls_seat *seat);

/* A piece for a record; the seat keeps one that is given back. */
struct weir__tls_piece *weir__tls_piece_get(struct weir__tls_seat *seat);
void weir__tls_piece_put(struct weir__tls_seat *seat, struct weir__tls_piece *piece);

/* Has it a certificate, so that it can serve? */
bool weir__tls_can_serve(const struct weir_tls *tls);

#endif

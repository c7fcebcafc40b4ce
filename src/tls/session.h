/* SPDX-License-Identifier: MIT */
/* session.h - the sessions that servers gave us, by the name that we dialled: the next connection
 * there is resumed, on any loop. A session of TLS 1.3 is used once, as RFC 8446 advises. */
#ifndef WEIR_TLS_SESSION_H
#define WEIR_TLS_SESSION_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct weir__tls_engine;

enum { WEIR__TLS_SESSIONS = 64 }; /* the oldest goes when one more comes */

struct weir__tls_kept {
    SSL_SESSION *session; /* NULL: a free place */
    char *host;
    uint64_t since;       /* a count: the smallest is the oldest */
    bool simulated;
};

/* Made when the first session comes. */
struct weir__tls_sessions {
    struct weir__tls_kept *places;
    uint64_t count;
};

/* Keep those that servers will give to connections of ctx. */
void weir__tls_sessions_keep(SSL_CTX *ctx);
/* Let e, which has not begun its handshake, resume a session, if there is one. */
void weir__tls_session_use(struct weir__tls_engine *e);
/* The caller holds the lock, or the last reference. */
void weir__tls_sessions_drop(struct weir__tls_sessions *s);

/* Can the peer's certificate still be used? A resumed session shows none, so it is looked at here:
 * else a peer could come back by one ticket after the other when it has expired. */
bool weir__tls_session_is_valid(const SSL_SESSION *session);

/* In a simulation: let OpenSSL, which looks at the machine's clock, take the session for a new
 * one. */
void weir__tls_session_age(SSL_SESSION *session);

#endif

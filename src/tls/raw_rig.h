/* SPDX-License-Identifier: MIT */
/* raw_rig.h - OpenSSL itself on one end of a pair in memory, for tests. */
#ifndef WEIR_TLS_RAW_RIG_H
#define WEIR_TLS_RAW_RIG_H

#include <openssl/ssl.h>

#include "tls/tls_rig.h"

struct raw { /* OpenSSL itself on one end, which does what weir never would */
    SSL *ssl;
    BIO *in, *out;
    struct weir_stream *s;
};

static inline int raw_send(struct raw *r) {
    char buf[4096];
    int n, rc = 0;
    while (rc == 0 && (n = BIO_read(r->out, buf, sizeof buf)) > 0)
        rc = weir_write(r->s, buf, (size_t)n);
    return rc;
}

static inline void raw_get(struct raw *r) {
    char buf[4096];
    ssize_t n = weir_read(r->s, buf, sizeof buf);
    assert_true(n > 0);
    assert_int_equal(BIO_write(r->in, buf, (int)n), n);
}

/* As the client. */
static inline void raw_open(struct raw *r, SSL_CTX *ctx, struct weir_stream *s) {
    *r = (struct raw){SSL_new(ctx), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()), s};
    BIO_set_mem_eof_return(r->in, -1);
    SSL_set_bio(r->ssl, r->in, r->out);
    SSL_set_connect_state(r->ssl);
    while (SSL_do_handshake(r->ssl) != 1) {
        assert_int_equal(raw_send(r), 0);
        raw_get(r);
    }
    assert_int_equal(raw_send(r), 0);
}

#endif

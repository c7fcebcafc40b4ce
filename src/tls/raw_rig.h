/* SPDX-License-Identifier: MIT */
/* raw_rig.h - OpenSSL itself on one end of a pair in memory, for tests. */
#ifndef WEIR_TLS_RAW_RIG_H
#define WEIR_TLS_RAW_RIG_H

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

#endif

/* SPDX-License-Identifier: MIT */
/* pem.h - certificates and keys from PEM, by file or by text. Errors name the file and the line. No
 * call suspends: files are read while no other task runs, and not in a simulation. */
#ifndef WEIR_TLS_PEM_H
#define WEIR_TLS_PEM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A certificate that one side shows, and its key. The key is kept as DER, since each loop makes its
 * own of it. */
struct weir__tls_identity {
    STACK_OF(X509) *chain; /* the first is ours */
    uint8_t *key;
    size_t key_len;
};

/* Where PEM comes from: a file, or a text; both NULL: not given. what: how the user calls it. */
struct weir__tls_source {
    const char *file, *text, *what;
};

static inline bool weir__tls_is_given(const struct weir__tls_source *s) {
    return s->file != NULL || s->text != NULL;
}

/* Each returns 0, or an error with a record; *ret is untouched on error. */
int weir__tls_pem_identity(const struct weir__tls_source *cert, const struct weir__tls_source *key,
                           struct weir__tls_identity *ret);
void weir__tls_identity_fini(struct weir__tls_identity *i);
/* All certificates of a source: at least one. */
int weir__tls_pem_certificates(const struct weir__tls_source *source, STACK_OF(X509) **ret);

#endif

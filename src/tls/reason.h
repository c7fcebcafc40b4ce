/* SPDX-License-Identifier: MIT */
/* reason.h - why TLS has failed, as a code of ours and a text for people: which certificate, what
 * is wrong with it, and what to do. */
#ifndef WEIR_TLS_REASON_H
#define WEIR_TLS_REASON_H

#include "tls/engine.h"

/* What stands in OpenSSL's queue of errors; sets the engine's code and text. Returns the code. */
int weir__tls_reason(struct weir__tls_engine *e) __attribute__((cold));

/* The check of the peer's chain has failed, at the certificate that store names. Sets the engine's
 * code and text. */
void weir__tls_reason_chain(struct weir__tls_engine *e, X509_STORE_CTX *store)
    __attribute__((cold));

/* OpenSSL's queue as one line; size bytes of text. Empties the queue. */
void weir__tls_reason_queue(char *text, size_t size) __attribute__((cold));

#endif

/* SPDX-License-Identifier: MIT */
/* chance.h - OpenSSL inside a simulation: a library context of its own, whose random numbers are
 * those of the world (weir_random), so that a seed repeats a handshake to the last bit. */
#ifndef WEIR_TLS_CHANCE_H
#define WEIR_TLS_CHANCE_H

#include <openssl/crypto.h>
#include <stdbool.h>

/* Is this thread in a simulated world? */
bool weir__tls_is_simulated(void);

/* The library context of this thread's loop: NULL is OpenSSL's own. *ret_failed: there was no
 * memory to make the other. */
OSSL_LIB_CTX *weir__tls_library_get(bool *ret_failed);

#endif

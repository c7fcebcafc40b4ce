/* SPDX-License-Identifier: MIT */
/* peer.h - certificates as text. Nothing here fails: a text that does not fit is cut. */
#ifndef WEIR_TLS_PEER_H
#define WEIR_TLS_PEER_H

#include <openssl/x509.h>
#include <stddef.h>

/* "CN=alice,O=Example": the most specific part first. */
void weir__tls_name_text(const X509_NAME *name, char *text, size_t size);

/* The DNS names and addresses of a certificate, with spaces between them; without any the CN of
 * its subject. Returns the length of the whole text. */
size_t weir__tls_names_text(X509 *cert, char *text, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
/* settings.h - a copy of struct weir_tls_options with all its strings, in one block of memory. */
#ifndef WEIR_TLS_SETTINGS_H
#define WEIR_TLS_SETTINGS_H

#include <weir/tls.h>

/* Copy, check and fill in the defaults. Returns 0, -EINVAL or -ENOMEM, with a record. The caller
 * frees *ret_memory. */
int weir__tls_settings_copy(const struct weir_tls_options *given, struct weir_tls_options *ret,
                            void **ret_memory);

/* The list of protocols as it goes over the wire: each behind its length. Returns the length. */
enum { WEIR__TLS_ALPN = 256 };
size_t weir__tls_settings_alpn(const struct weir_tls_options *o, unsigned char *wire);

#endif

/* SPDX-License-Identifier: MIT */
/* settings.h - a copy of struct weir_tls_options with all its strings, in one block of memory. */
#ifndef WEIR_TLS_SETTINGS_H
#define WEIR_TLS_SETTINGS_H

#include <weir/tls.h>

/* The strings and tables of a copy. */
struct weir__tls_strings {
    void *base;
    size_t len;
};

/* Copy, check and fill in the defaults. Returns 0, -EINVAL or -ENOMEM, with a record. */
int weir__tls_settings_copy(const struct weir_tls_options *given, struct weir_tls_options *ret,
                            struct weir__tls_strings *ret_strings);
/* Cleanse them, since they may have keys, and free them. */
void weir__tls_settings_free(struct weir__tls_strings *strings);

/* The list of protocols as it goes over the wire: each behind its length. Returns the length. */
enum { WEIR__TLS_ALPN = 256 };
size_t weir__tls_settings_alpn(const struct weir_tls_options *o, unsigned char *wire);

#endif

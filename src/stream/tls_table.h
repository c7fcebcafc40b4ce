/* SPDX-License-Identifier: MIT */
/* tls_table.h - what libweir needs of the library weir-tls, which fills the table when it is
 * loaded. Without it every use of TLS returns WEIR_ENOTLS. */
#ifndef WEIR_STREAM_TLS_TABLE_H
#define WEIR_STREAM_TLS_TABLE_H

#include <weir/stream.h>

struct weir__waitq;
struct weir_tls_options;

struct weir__tls_table {
    /* As weir_tls_new. */
    int (*make)(const struct weir_tls_options *options, struct weir_tls **ret_tls);
    /* As weir_tls_connect. Suspends; a cancel point. */
    int (*connect)(struct weir_stream **take_stream, struct weir_tls *tls, const char *host,
                   struct weir_stream **ret_stream);
    /* Make a server's TLS stream of one that was accepted; its handshake comes with its first read
     * or write. Never suspends. Returns 0; -ENOMEM: *take_stream stays. */
    int (*serve)(struct weir_stream **take_stream, struct weir_tls *tls,
                 struct weir_stream **ret_stream);
    /* Are there as many handshakes on this loop as tls allows? Then the queue in which to wait
     * until one has ended; ask again after that. NULL: there is room. */
    struct weir__waitq *(*full)(struct weir_tls *tls);
    /* Can tls serve? 0, or an error with a record. */
    int (*can_serve)(struct weir_tls *tls, const char *what, const char *url);
    struct weir_tls *(*ref)(struct weir_tls *tls);
    void (*unref)(struct weir_tls **take_tls);
    /* The protocol that ALPN has agreed on; NULL: none, or no TLS stream. */
    const char *(*alpn)(struct weir_stream *s);
};

/* NULL: the library is not there. */
extern WEIR_API const struct weir__tls_table *weir__tls_table;

/* Returns WEIR_ENOTLS, with a record that names the library and its package. */
WEIR_API int weir__tls_missing(const char *what, const char *on) __attribute__((cold));

#endif

/* SPDX-License-Identifier: MIT */
/* secure.h - puts TLS over streams and listeners of this room, by the table of the library
 * weir-tls. The caller has checked that the table is filled. */
#ifndef WEIR_STREAM_SECURE_H
#define WEIR_STREAM_SECURE_H

#include <weir/stream.h>

/* Let connections to l be TLS. Returns 0; -EINVAL (tls has no certificate), -EOPNOTSUPP (a listener
 * in memory), with a record. */
int weir__secure_listener(struct weir_listener *l, struct weir_tls *tls, const char *url);

/* Speak TLS, as the client, on the stream that a dial has just opened; *take_stream is closed on
 * error. Suspends. */
int weir__secure_dial(struct weir_stream **take_stream, const char *url, const char *host,
                      const struct weir_dial_options *options, struct weir_stream **ret_stream);

#endif

/* SPDX-License-Identifier: MIT */
/* proxy.h - an HTTP proxy: its address and its password, which hosts are reached without it, and
 * CONNECT, which makes a tunnel through it. For clients of HTTP and of WebSocket. What goes through
 * the tunnel, TLS as a rule, is the caller's. */
#ifndef WEIR_PROTO_PROXY_H
#define WEIR_PROTO_PROXY_H

#include <weir/stream.h>

#include "wire/uri.h"

struct weir__proxy {
    char url[WEIR__URI_AUTHORITY + 8]; /* tcp://HOST:PORT, to dial */
    char *authorization;               /* the value of Proxy-Authorization; NULL: none */
};

/* "Basic " and the base64 of user:password, in memory that weir__free frees; NULL: none left. */
WEIR_API char *weir__http_basic(const char *user, size_t user_len, const char *password,
                                size_t password_len);

/* Read "http://[USER:PASSWORD@]HOST[:PORT][/]", or that without http://. user, not NULL, and
 * password take the place of those in the URL. *ret is made anew; give it to weir__proxy_fini.
 * Returns 0; WEIR_EURL, with *ret_why, static text; -ENOMEM. */
WEIR_API int weir__proxy_init(struct weir__proxy *ret, const char *url, const char *user,
                              const char *password, const char **ret_why);
WEIR_API void weir__proxy_fini(struct weir__proxy *p); /* all zero is fine */

/* Does the list no_proxy (NULL: empty) name host, which has no brackets, and port? The rules are
 * those of weir_http_client_options. */
WEIR_API bool weir__proxy_skips(const char *no_proxy, const char *host, size_t len, uint16_t port);
WEIR_API bool weir__proxy_is_local(const char *host, size_t len); /* localhost, 127.0.0.1, ::1 */

/* The variables that name the proxy for http:// or https:// (ws, wss: the same), and the hosts that
 * need none; NULL: not set, or empty. Lent from the environment. */
WEIR_API const char *weir__proxy_from_environment(bool tls);
WEIR_API const char *weir__no_proxy_from_environment(void);

/* Dial the proxy; and make a tunnel to authority, "HOST:PORT", over a stream to it. What the other
 * side sends first stays in the stream. what: the call, for the error's record.
 * Returns 0; WEIR_EHTTP (refused: the record has the status), WEIR_EPROTO, WEIR_ETOOBIG, WEIR_EEOF,
 * or as weir_dial, weir_write, weir_peek. After an error the stream is of no use. Suspend. */
WEIR_API int weir__proxy_dial(const struct weir__proxy *p, const struct weir_dial_options *options,
                              struct weir_stream **ret_stream);
WEIR_API int weir__proxy_connect(struct weir_stream *s, const struct weir__proxy *p,
                                 const char *authority, const char *what);

#endif

/* SPDX-License-Identifier: MIT */
/* ws_dial.h - how a client comes to its server. */
#ifndef WEIR_PROTO_WS_DIAL_H
#define WEIR_PROTO_WS_DIAL_H

#include "proto/weir_ws.h"
#include "wire/uri.h"

/* Is it the URL of a WebSocket? Returns 0; WEIR_EURL, WEIR_ENOTLS. */
int weir__ws_url_check(const char *url, struct weir__uri *ret_uri);

/* Dial the server of url, whose parts u has, and shake hands; follow where answers lead. Returns as
 * weir_ws_dial; on failure ws may have a stream. Suspends. */
int weir__ws_dial(struct weir_ws *ws, const char *url, const struct weir__uri *u);

/* The URL that a Location on url, whose parts u has, leads to: absolute, or relative as in RFC 3986
 * 5.2; http:// counts as ws://, https:// as wss://, and a fragment is left out. Returns it, to be
 * freed by weir__free; NULL: no memory. It may be no URL of a WebSocket. */
char *weir__ws_url_join(const char *url, const struct weir__uri *u, const char *location);

#endif

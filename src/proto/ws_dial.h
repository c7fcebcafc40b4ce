/* SPDX-License-Identifier: MIT */
/* ws_dial.h - how a client comes to its server. */
#ifndef WEIR_PROTO_WS_DIAL_H
#define WEIR_PROTO_WS_DIAL_H

#include "proto/weir_ws.h"
#include "wire/uri.h"

/* Is it the URL of a WebSocket? Returns 0; WEIR_EURL, WEIR_ENOTLS. */
int weir__ws_url_check(const char *url, struct weir__uri *ret_uri);

/* Dial the server of url, whose parts u has, and shake hands. Returns as weir_ws_dial; on failure
 * ws may have a stream. Suspends. */
int weir__ws_dial(struct weir_ws *ws, const char *url, const struct weir__uri *u);

#endif

/* SPDX-License-Identifier: MIT */
/* ws.h - what rooms above may ask of a WebSocket beside <weir/ws.h>. */
#ifndef WEIR_PROTO_WS_H
#define WEIR_PROTO_WS_H

#include <weir/ws.h>

/* The code of the close frame that told the peer how it broke the rules, or that we could not go
 * on (1002, 1007, 1008, 1009, 1011), and *ret_why, its reason; 0 if none did, *ret_why untouched.
 * The text is static. */
int weir__ws_told(const struct weir_ws *ws, const char **ret_why);

#endif

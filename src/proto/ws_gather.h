/* SPDX-License-Identifier: MIT */
/* ws_gather.h - what came in pieces: the head of a handshake, a message in fragments, a frame's
 * header. */
#ifndef WEIR_PROTO_WS_GATHER_H
#define WEIR_PROTO_WS_GATHER_H

#include "proto/weir_ws.h"

struct ws_gather *weir__ws_gather(struct weir_ws *ws); /* made if there is none; NULL: no memory */
int weir__ws_gather_append(struct ws_gather *g, const uint8_t *data, size_t len, size_t hint);
void weir__ws_gather_drop(struct weir_ws *ws);

#endif

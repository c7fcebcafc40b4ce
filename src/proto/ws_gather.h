/* SPDX-License-Identifier: MIT */
/* ws_gather.h - a buffer for what came in pieces: the head of a handshake, a message in fragments,
 * the header of a frame. */
#ifndef WEIR_PROTO_WS_GATHER_H
#define WEIR_PROTO_WS_GATHER_H

#include "proto/weir_ws.h"

/* Allocated if there is none. NULL: no memory. */
struct ws_gather *weir__ws_gather(struct weir_ws *ws);
/* hint: the length that it will have in the end, as announced. Returns 0 or -ENOMEM. */
int weir__ws_gather_append(struct ws_gather *g, const uint8_t *data, size_t len, size_t hint);
/* Room for more: of first bytes if it has none, then of twice as many, at most of one more than max
 * in all. Returns 0 or -ENOMEM. */
int weir__ws_gather_room(struct ws_gather *g, size_t first, size_t max);
void weir__ws_gather_drop(struct weir_ws *ws);

#endif

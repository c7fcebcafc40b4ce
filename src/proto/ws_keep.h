/* SPDX-License-Identifier: MIT */
/* ws_keep.h - keepalive: a ping after silence, and a cut after more of it; the latency. */
#ifndef WEIR_PROTO_WS_KEEP_H
#define WEIR_PROTO_WS_KEEP_H

#include "proto/weir_ws.h"

/* Queue a ping whose payload is its stamp, which no other ping of the connection has. Returns 0
 * with *ret_stamp (may be NULL), or -ENOMEM. */
int weir__ws_ping_queue(struct weir_ws *ws, uint64_t *ret_stamp);
/* A pong has come. */
void weir__ws_pong(struct weir_ws *ws, const uint8_t *data, size_t len);
void weir__ws_keep_start(struct weir_ws *ws); /* takes the connection's timer */
/* Bytes have come. */
static inline void ws_heard(struct weir_ws *ws) {
    ws->heard = ws->config->loop->turn_ns;
    ws->ping = WS_HEARD;
}

#endif

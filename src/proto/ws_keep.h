/* SPDX-License-Identifier: MIT */
/* ws_keep.h - keepalive: a ping after silence, and a cut after more of it. */
#ifndef WEIR_PROTO_WS_KEEP_H
#define WEIR_PROTO_WS_KEEP_H

#include "proto/weir_ws.h"

void weir__ws_keep_start(struct weir_ws *ws); /* takes the connection's timer */
/* Bytes have come. */
static inline void ws_heard(struct weir_ws *ws) {
    ws->heard = ws->config->loop->turn_ns;
    ws->ping = WS_HEARD;
}

#endif

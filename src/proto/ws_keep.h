/* SPDX-License-Identifier: MIT */
/* ws_keep.h - keepalive: pings, and the end after silence. */
#ifndef WEIR_PROTO_WS_KEEP_H
#define WEIR_PROTO_WS_KEEP_H

#include "proto/weir_ws.h"

void weir__ws_keep_start(struct weir_ws *ws);
/* End it now with rc. Whoever reads is woken by the close of the stream; the peer's address stays.
 * With nobody reading a message may be lent: the stream stays until the drop. */
void weir__ws_cut(struct weir_ws *ws, int rc);
static inline void ws_heard(struct weir_ws *ws) {
    ws->heard = ws->config->loop->turn_ns;
    ws->pinged = false;
    ws->late = 0;
}

#endif

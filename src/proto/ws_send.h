/* SPDX-License-Identifier: MIT */
/* ws_send.h - what is left of a message in parts when its task is gone. */
#ifndef WEIR_PROTO_WS_SEND_H
#define WEIR_PROTO_WS_SEND_H

#include "proto/weir_ws.h"

/* The running task has left its message in parts open for good: 1011, and the others
 * send no more. Returns whether it had one. */
bool weir__ws_parts_abandon(struct weir_ws *ws);
/* For a driver whose connection has an abandoned message: queue the close frame with 1011.
 * Returns 0; -ENOMEM: the connection was cut. */
int weir__ws_parts_close(struct weir_ws *ws);

#endif

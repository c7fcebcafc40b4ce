/* SPDX-License-Identifier: MIT */
/* ws_send.h - messages in parts that will not be finished. */
#ifndef WEIR_PROTO_WS_SEND_H
#define WEIR_PROTO_WS_SEND_H

#include "proto/weir_ws.h"

/* If the running task is in the middle of a message in parts, that will not be finished: the driver
 * closes the connection with 1011. Returns whether it was. */
bool weir__ws_parts_abandon(struct weir_ws *ws);
/* For a driver whose connection has an abandoned message: queue the close frame with 1011.
 * Returns 0; -ENOMEM: the connection was cut. */
int weir__ws_parts_close(struct weir_ws *ws);

/* Can a message be sent? Returns 0, or why not, with a record. */
int weir__ws_send_state(struct weir_ws *ws);

/* Aborts if type is none of a message. */
void weir__ws_type_check(enum weir_ws_type type, const char *call);

#endif

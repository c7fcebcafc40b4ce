/* SPDX-License-Identifier: MIT */
/* ws_in.h - bytes in, messages out. */
#ifndef WEIR_PROTO_WS_IN_H
#define WEIR_PROTO_WS_IN_H

#include "proto/weir_ws.h"

/* Take bytes. Returns 1: *ret_message is whole, lent until the next feed or as long as
 * base; 0: all bytes are taken, more are needed; WEIR_EWSCLOSED, or a failure that the peer has
 * been told. *ret_used counts the bytes taken. */
int weir__ws_feed(struct weir_ws *ws, uint8_t *base, size_t len, size_t *ret_used,
                  struct weir_ws_message *ret_message);
/* A control frame was decoded elsewhere. Returns 0; WEIR_EWSCLOSED; -ENOMEM, which ends it. */
int weir__ws_control(struct weir_ws *ws, int kind, const struct weir__ws_event *ev);
void weir__ws_message_drop(struct weir_ws *ws); /* the buffer of a message that is done with */

#endif

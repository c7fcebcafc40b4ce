/* SPDX-License-Identifier: MIT */
/* ws_in.h - bytes in, messages out. */
#ifndef WEIR_PROTO_WS_IN_H
#define WEIR_PROTO_WS_IN_H

#include "proto/weir_ws.h"

/* Decode received bytes up to the end of one message; control frames are acted on.
 * Returns 1: *ret_message is whole, and lent until the next feed or as long as base; 0: all bytes
 * were taken, and more are needed; WEIR_EWSCLOSED: the peer's close frame was read; another code:
 * the connection has failed, and a close frame that says why is queued. *ret_used counts the bytes
 * taken. */
int weir__ws_feed(struct weir_ws *ws, uint8_t *base, size_t len, size_t *ret_used,
                  struct weir_ws_message *ret_message);
/* Act on a control frame that was decoded elsewhere. Returns 0; WEIR_EWSCLOSED; -ENOMEM: the
 * connection has failed. */
int weir__ws_control(struct weir_ws *ws, int kind, const struct weir__ws_event *ev);
void weir__ws_message_drop(struct weir_ws *ws); /* free the buffer of the message lent last */

#endif

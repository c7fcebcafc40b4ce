/* SPDX-License-Identifier: MIT */
/* ws_room.h - what rooms above may ask of a WebSocket beside <weir/ws.h>. */
#ifndef WEIR_PROTO_WS_ROOM_H
#define WEIR_PROTO_WS_ROOM_H

#include <weir/ws.h>

/* The code of the close frame that told the peer how it broke the rules, or that we could not go
 * on (1002, 1007, 1008, 1009, 1011), and *ret_why, its reason; 0 if none did, *ret_why untouched.
 * The text is static. */
int weir__ws_told(const struct weir_ws *ws, const char **ret_why);

/* As weir_ws_dial. *ret_status: of the answer that was no 101 (then WEIR_EHTTP); else 0. */
int weir__ws_dial(const char *url, const struct weir_ws_options *options, struct weir_ws **ret_ws,
                  unsigned *ret_status);

/* Has part of a message come? Its end may be on its way, and is no answer to what we send now. */
bool weir__ws_is_inside(const struct weir_ws *ws);

/* weir_ws_receive in its two halves, for rooms with somebody to tell between them: the second may
 * take close_ns, and what the first has found is known before.
 *
 * Wait for the next message. As weir_ws_receive, but an end is told before the peer has been:
 * then *ret_ends, and the caller owes weir__ws_receive_end. Suspends; a cancel point. */
int weir__ws_receive(struct weir_ws *ws, struct weir_ws_message *ret_message, bool *ret_ends);

/* Let our close frame leave, and after a failure wait for the peer's end, at most close_ns; after
 * the peer's end without a close frame, let leave what was queued, which pong_ns bounds.
 * why: what weir__ws_receive returned; its error record stays. Suspends; a cancel ends it. */
void weir__ws_receive_end(struct weir_ws *ws, int why);

#endif

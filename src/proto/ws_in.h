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
/* weir_ws_receive_part runs: is there a part already, without further bytes? Returns 1: its result
 * is set; 0; a failure, as weir__ws_feed. */
int weir__ws_part_at_hand(struct weir_ws *ws);
/* The bytes of the part before are given back, and no task takes the next: a close reads on. */
void weir__ws_part_skip(struct weir_ws *ws);
/* Act on a control frame that was decoded elsewhere. Returns 0; WEIR_EWSCLOSED; -ENOMEM: the
 * connection has failed. */
int weir__ws_control(struct weir_ws *ws, int kind, const struct weir__ws_event *ev);
/* The same for the most common case: a small message that lies whole at base. Returns the count of
 * bytes taken; 0: something else comes, and nothing was done. */
static inline size_t weir__ws_feed_small(struct weir_ws *ws, uint8_t *base, size_t len,
                                         struct weir_ws_message *ret_message) {
    size_t used = ws->gather == NULL ? weir__ws_decode_small(&ws->decoder, base, len) : 0;
    if (__builtin_expect(used == 0, 0))
        return 0;
    ret_message->type = (enum weir_ws_type)(base[0] & 0x0f);
    ret_message->data = (struct weir_view){base + WEIR__WS_SMALL_HEAD, used - WEIR__WS_SMALL_HEAD};
    return used;
}
void weir__ws_message_drop_gathered(struct weir_ws *ws);
static inline void weir__ws_message_drop(struct weir_ws *ws) { /* free the message lent last */
    if (ws->gather != NULL)
        weir__ws_message_drop_gathered(ws);
}

#endif

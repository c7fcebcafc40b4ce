/* SPDX-License-Identifier: MIT */
/* ws_out.h - frames out: the queue, which a frame enters whole or not at all. The functions that
 * queue return 0 or -ENOMEM, and arrange for the queue to be written at the end of this turn. */
#ifndef WEIR_PROTO_WS_OUT_H
#define WEIR_PROTO_WS_OUT_H

#include <string.h>

#include "proto/weir_ws.h"

/* Queue a frame. Returns 0 or -ENOMEM. */
int weir__ws_queue(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);

/* A short payload is copied in the steps in which it was unmasked just before: a wider load would
 * have to wait until these stores have left the store buffer (8 ns a message of 64 bytes). */
static inline void ws_copy(uint8_t *target, const uint8_t *source, size_t len) {
    if (len >= 126) {
        memcpy(target, source, len);
        return;
    }
    if (len >= 64) {
        memcpy(target, source, 16);
        memcpy(target + 16, source + 16, 16);
        memcpy(target + 32, source + 32, 16);
        memcpy(target + 48, source + 48, 16);
        target += 64, source += 64, len -= 64;
    }
    for (; len >= 16; target += 16, source += 16, len -= 16)
        memcpy(target, source, 16);
    for (; len > 0; len--)
        *target++ = *source++;
}

/* Queue a frame, as a server, behind others: there must be room for it. */
static inline void ws_queue_more(struct weir_ws *ws, unsigned first_byte, const void *data,
                                 size_t len) {
    uint8_t *at = weir__out_end(&ws->out);
    size_t head = weir__ws_head_write(at, first_byte, len, NULL);
    ws_copy(at + head, data, len);
    weir__out_add(&ws->out, head + len);
    if (!weir__out_writes(&ws->out))
        weir__loop_flush_later(ws->config->loop, &ws->flush);
}

/* A server's frame, for any number of connections. NULL: no memory. */
struct weir__seg *weir__ws_seg(unsigned first_byte, const void *data, size_t len);

int weir__ws_queue_close(struct weir_ws *ws, int code, const char *reason);
int weir__ws_queue_pong(struct weir_ws *ws, const void *data, size_t len);
void weir__ws_queue_late_pong(struct weir_ws *ws); /* all was written: the pong that waited */
/* May the user close with this? Returns 0; -EINVAL (code), WEIR_EUTF8 (reason). */
int weir__ws_close_check(const char *what, int code, const char *reason);

#endif

/* SPDX-License-Identifier: MIT */
/* ws_out.h - frames out: the queue, which a frame enters whole or not at all. The functions that
 * queue return 0 or -ENOMEM, and arrange for the queue to be written at the end of this turn. */
#ifndef WEIR_PROTO_WS_OUT_H
#define WEIR_PROTO_WS_OUT_H

#include "proto/weir_ws.h"

int weir__ws_queue(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);
int weir__ws_queue_close(struct weir_ws *ws, int code, const char *reason);
int weir__ws_queue_pong(struct weir_ws *ws, const void *data, size_t len);
int weir__ws_queue_reserve(struct weir_ws *ws, size_t more); /* room for so many bytes more */
void weir__ws_queue_late_pong(struct weir_ws *ws); /* all was written: the pong that waited */
/* May the user close with this? Returns 0; -EINVAL (code), WEIR_EUTF8 (reason). */
int weir__ws_close_check(const char *what, int code, const char *reason);

#endif

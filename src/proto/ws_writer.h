/* SPDX-License-Identifier: MIT */
/* ws_writer.h - the one who takes the queue and writes it. */
#ifndef WEIR_PROTO_WS_WRITER_H
#define WEIR_PROTO_WS_WRITER_H

#include "proto/weir_ws.h"

/* A server's frame, sent from the caller's bytes while nothing is queued; waits until the kernel
 * has it. A cancel has sent nothing, or all is sent or queued (then 0). */
int weir__ws_send_direct(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);
int weir__ws_write_out(struct weir_ws *ws); /* suspends until the queue is empty */
/* Spawn a task in g that writes the queue, unless there is nothing to write or a writer already. */
void weir__ws_writer_start(struct weir_ws *ws, struct weir_group *g);

#endif

/* SPDX-License-Identifier: MIT */
/* ws_writer.h - the writer: the one task at a time that writes a connection's queue. */
#ifndef WEIR_PROTO_WS_WRITER_H
#define WEIR_PROTO_WS_WRITER_H

#include "proto/weir_ws.h"

/* Send one frame of a server's from the caller's bytes, while nothing is queued and nobody writes.
 * Returns 0 when the kernel has it; -ECANCELED or -ETIME if nothing was sent; if a cancel came in
 * the middle, the rest is queued and the result is 0. Suspends. */
int weir__ws_send_direct(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);
/* Be the writer until the queue is empty; then close our side of the stream, if it finishes.
 * Returns at once if there is another writer. Returns 0 or what ended the writing. Suspends. */
int weir__ws_write_out(struct weir_ws *ws);
/* Spawn a writer in g, unless nothing is queued or there is one already. */
void weir__ws_writer_start(struct weir_ws *ws, struct weir_group *g);

#endif

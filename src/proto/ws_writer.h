/* SPDX-License-Identifier: MIT */
/* ws_writer.h - when a connection's line writes, and what follows. */
#ifndef WEIR_PROTO_WS_WRITER_H
#define WEIR_PROTO_WS_WRITER_H

#include "proto/weir_ws.h"

/* Begin to write what is queued, unless a write is under way. When all is written, our side of the
 * stream is closed, if it finishes. Outside a task, too. */
void weir__ws_go(struct weir_ws *ws);
/* The same, and wait while more than WS_PUSH_MAX bytes are left; after a cancel, for at most
 * close_ns. Returns 0 or what ended the writing. Suspends. */
int weir__ws_push(struct weir_ws *ws);
/* The same, and wait until all is written. until: when the caller's own bound is over, after which
 * a cancel ends the writing at once; WEIR_NEVER: it has none. */
int weir__ws_write_out(struct weir_ws *ws, weir_ns until);
/* What a driver's line calls after each write. */
void weir__ws_moved(struct weir__out *o, int rc);

/* Send one frame of a server's from the caller's bytes, while nothing is queued and nobody writes.
 * Returns 0 when the kernel has it; -ECANCELED or -ETIME if nothing was sent; if a cancel came in
 * the middle, the rest is queued and the result is 0. Suspends. */
int weir__ws_send_direct(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);

#endif

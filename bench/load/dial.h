/* SPDX-License-Identifier: MIT */
/* Opens the connections, before the run and blocking: connect, and for WebSocket the
 * opening handshake of RFC 6455. Not part of anything measured. */
#ifndef BENCH_LOAD_DIAL_H
#define BENCH_LOAD_DIAL_H

#include <stdint.h>

/* Connect to 127.0.0.1:port, with the handshake if websocket. Returns the descriptor or a
 * negative errno; -EPROTO after a line on stderr if the handshake was refused. */
int dial(uint16_t port, int websocket);

/* Let this process open count descriptors and some. */
int dial_raise_limit(unsigned count);

#endif

/* SPDX-License-Identifier: MIT */
/* ws_deflate.h - compressed WebSocket messages (permessage-deflate, RFC 7692), for the clients and
 * servers of weir/ws.h.
 *
 * It is off unless the member deflate of struct weir_ws_options says how to do it, and the peer
 * agrees in the handshake. The program must be linked with the library weir-zlib (pkg-config --libs
 * weir-zlib); without it weir_ws_dial, weir_ws_accept and weir_ws_react return WEIR_ENOZLIB.
 *
 * By default no side keeps a context from one message to the next. Then all connections of a thread
 * share a compressor and a decompressor, and an idle connection has neither. Takeover, where a side
 * may refer to its earlier messages, makes small and similar messages much smaller. Its price is a
 * compressor and a decompressor for each connection that is in use, which are released when it is
 * idle; what it then keeps is the window that the peer may refer to, at most 32 KiB.
 *
 * message_max counts the bytes of the message itself, so a small frame that would become a large
 * message is refused with 1009 as soon as it exceeds this. Loop thread only. */
#ifndef WEIR_WS_DEFLATE_H
#define WEIR_WS_DEFLATE_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_ws;

/* How to compress. A member of 0 has its default, which stands first below. */
struct weir_ws_deflate {
    size_t size;            /* sizeof (struct weir_ws_deflate) */
    int level;              /* 6; 1 (fast) .. 9 (small) */
    int memory_level;       /* 6; 1 .. 9. A compressor has 2 to the power of memory_level + 9 bytes,
                             * and of its window_bits + 2 */
    int server_window_bits; /* 15; 8 .. 15. The window of the server's compressor, at most. Smaller
                             * ones save memory on both sides */
    int client_window_bits; /* 15; 8 .. 15. That of the client's. A client that does not say that
                             * it can have a smaller one keeps 15 */
    bool server_takeover;   /* false. May the server's compressor refer to earlier messages? */
    bool client_takeover;   /* false. May the client's? */
    size_t threshold;       /* 64. Shorter messages are sent as they are */
    weir_ns idle_ns;        /* 10 s. The contexts of a connection that sent and received no
                             * compressed message for so long are released; WEIR_NEVER: never */
};

/* What was agreed on in a handshake. */
struct weir_ws_deflated {
    int server_window_bits, client_window_bits;
    bool server_takeover, client_takeover;
};

/* Are the messages of a connection compressed? If so, *ret is what was agreed on; ret may be NULL.
 * A message below the threshold still is sent as it is. */
WEIR_API bool weir_ws_is_deflated(const struct weir_ws *ws, struct weir_ws_deflated *ret);

#ifdef __cplusplus
}
#endif
#endif

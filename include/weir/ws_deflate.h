/* SPDX-License-Identifier: MIT */
/* ws_deflate.h - compressed WebSocket messages (permessage-deflate, RFC 7692), for the clients and
 * servers of weir/ws.h.
 *
 * It is used if the member deflate of struct weir_ws_options is set, and the peer agrees in the
 * handshake. The program must be linked with the library weir-zlib (pkg-config --libs
 * weir-zlib); without it weir_ws_dial, weir_ws_accept and weir_ws_react return WEIR_ENOZLIB.
 *
 * By default neither side keeps a context from one message to the next. Then all connections of a
 * thread share a compressor and a decompressor, and an idle connection has neither. With context
 * takeover a side may refer to its earlier messages, which makes small and similar messages much
 * smaller. The price is a compressor and a decompressor for each connection. When the connection is
 * idle they are released, but the window stays that the peer may refer to, at most 32 KiB.
 *
 * message_max bounds a received message after decompression: the connection is closed with 1009 as
 * soon as a message exceeds it, however small its frames are. Loop thread only. */
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
    int memory_level;       /* 6; 1 .. 9. A compressor takes 2^(memory_level + 9) bytes and
                             * 2^(window bits + 2): by default 32 + 128 KiB */
    int server_window_bits; /* 15; 8 .. 15. The window of the server's compressor has at most 2 to
                             * the power of this bytes. A smaller one saves memory on both sides */
    int client_window_bits; /* 15; 8 .. 15. That of the client's. It stays 15 if the client does not
                             * offer to limit it */
    bool server_takeover;   /* false. May the server's compressor refer to earlier messages? */
    bool client_takeover;   /* false. May the client's? */
    size_t threshold;       /* 64. Messages of fewer bytes are not compressed */
    weir_ns idle_ns;        /* 10 s. With takeover: when a connection has sent and received no
                             * compressed message for so long, its contexts are released;
                             * WEIR_NEVER: never */
};

/* What was agreed on in a handshake. */
struct weir_ws_deflated {
    int server_window_bits, client_window_bits;
    bool server_takeover, client_takeover;
};

/* Have the two sides of a connection agreed on compression? If so, *ret is filled with what they
 * have agreed on, else untouched; ret may be NULL. */
WEIR_API bool weir_ws_is_deflated(const struct weir_ws *ws, struct weir_ws_deflated *ret);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/* limits.h - the bounds of this room that are not options, with their reasons. */
#ifndef WEIR_PROTO_LIMITS_H
#define WEIR_PROTO_LIMITS_H

#include <weir/base.h>

enum {
    /* A header or control frame that came in pieces: at most 14 + 125 bytes. */
    WS_TAIL_MAX = 144,
    /* Fragments without a byte in one message. They cost the sender 2 to 6 bytes each, and could
     * keep a message unfinished for ever without ever failing the keepalive. */
    WS_EMPTY_MAX = 1000,
    /* While more than this is queued, pongs wait in one slot: only the last ping must be answered
     * (RFC 6455 5.5.3), so a flood of pings by a peer that does not read costs nothing. */
    WS_PONG_QUEUED_MAX = 4096,
    /* Reserved for a frame because its header announces it; more is reserved as bytes come. */
    WS_ANNOUNCED_MAX = 64 << 10,
    /* A reactive connection that has so much to write decodes no further piece before the peer
     * takes some of it. */
    WS_PUSH_MAX = 16 << 10,
    /* A server's message from here to WEIR__OUT_SLICE leaves at once, from the caller's bytes: the
     * copy, and the memory of as many queues as there are messages in a turn, cost more than the
     * send that coalescing would save. */
    WS_DIRECT_MIN = 8 << 10,
    /* While a function of the user's is suspended: with less than this waiting for it (a minute of
     * a chatty client), the next piece is read, so that pings behind it are answered. So a
     * connection holds at most this and one piece (128 KiB); while it decodes what it put aside, as
     * much again. */
    WS_AHEAD_MAX = 16 << 10,
    WS_ASIDE_MIN = 256, /* the first size: some pings, a small message */
    /* A compressed frame or message may be longer than what it becomes: stored blocks of zlib add
     * 5 bytes to each 4 KiB or more, at memory level 1 to each 127 bytes. */
    WS_ZIP_SHARE = 16, /* one part in so many */
    WS_ZIP_MORE = 64,
    /* What a message of n bytes is expected to become: WS_ZIP_MORE and half of it. Memory for the
     * output of compressors that is kept for the next message. */
    WS_ZIP_SCRATCH = 64 << 10,
    /* The first memory of a message that is decompressed: so many times its bytes. */
    WS_ZIP_RATIO = 4,
    /* A part of a compressed message, at most. */
    WS_ZIP_PART = 16 << 10,
    /* Contexts that a thread keeps for the next message, of each direction. */
    WS_ZIP_SPARES = 2,
    /* What a line counts are 32-bit numbers. */
    WS_QUEUE_MAX = 1 << 30,
    /* The head of a handshake: what peek joins at most. */
    WS_HEAD_MAX = 1 << 20,
    /* The client's own request: beside the URL, the subprotocols and the origin. */
    WS_REQUEST_REST = 512,
    WS_PROTOCOLS_TEXT_MAX = 512,
    /* Messages that a client keeps while it is not connected. Each costs a block of memory, also
     * one that has no byte to count. */
    WS_KEPT_MAX = 1 << 16,
    /* Redirects of one dial: browsers follow 20. */
    WS_REDIRECTS_MAX = 20,
};

/* How long a refused client may take to read the refusal before it is cut off. */
#define WS_REFUSED_NS WEIR_SECONDS(1)
/* Both close frames were written, or the connection was dropped with bytes on their way: what the
 * peer still sends is read and thrown away until it closes its side, for a close with bytes unread
 * is a reset, which overtakes what was sent. A peer that keeps the rules closes at once. */
#define WS_LINGER_NS WEIR_SECONDS(1)
/* And at most so much of it. */
enum { WS_LINGER_MAX = 64 << 20 };
/* No closing handshake takes longer, whatever close_ns says. */
#define WS_CLOSE_NS_MAX WEIR_SECONDS(60)
/* A pong that lies in the kernel when its time is over is not late: the reader gets two turns of
 * the loop, at least this long apart, to find it. */
#define WS_LATE_NS WEIR_MILLISECONDS(1)

#endif

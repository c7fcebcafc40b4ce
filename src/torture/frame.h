/* SPDX-License-Identifier: MIT */
/* frame.h - frames of RFC 6455 as a judge writes and reads them: it can write every wrong one, and
 * takes no wrong one from the peer. */
#ifndef WEIR_TORTURE_FRAME_H
#define WEIR_TORTURE_FRAME_H

#include "torture/talk.h"

enum {
    OP_CONT = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9,
    OP_PONG = 10,
};

enum length_form { LENGTH_SHORTEST, LENGTH_16, LENGTH_64, LENGTH_TOP_BIT, LENGTH_HUGE };

struct frame {
    unsigned opcode;
    bool more;    /* FIN is 0 */
    unsigned rsv; /* RSV1 is 4, RSV2 2, RSV3 1 */
    enum length_form form;
    bool wrong_mask; /* masked where it must not be, or not masked where it must */
    bool zero_mask;
    const uint8_t *payload;
    size_t len;
};

void frame_write(struct bytes *out, const struct frame *f, bool masked);

enum got_kind {
    GOT_MESSAGE,
    GOT_PING,
    GOT_PONG,
    GOT_CLOSE,
    GOT_END,     /* the connection has ended */
    GOT_NOTHING, /* in the time that the peer had */
    GOT_WRONG,   /* the peer broke the protocol: talk->why */
};

struct got {
    enum got_kind kind;
    unsigned opcode;
    int code;            /* of a close; 1005: it had none */
    const uint8_t *data; /* valid until the next call */
    size_t len;
};

/* Wait for the next message or control frame of the peer. */
struct got frame_next(struct talk *t, weir_ns budget_ns);

const char *got_name(const struct got *g);

#endif

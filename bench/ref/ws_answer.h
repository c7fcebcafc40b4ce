/* SPDX-License-Identifier: MIT */
/* The WebSocket side of the references, frozen: received bytes become the bytes to send back, in
 * one pass and without a copy of any message. The header of a frame gives up its mask bit and
 * its mask, the payload is unmasked while it moves up behind it, so the answer to all frames of
 * a receive lies in a row and needs one send. Less than a library does: a message is never put
 * together, text is not checked, nothing is refused but an unmasked frame. Only the opening
 * handshake, which is not measured, borrows SHA-1 and base64 from src/wire. */
#ifndef BENCH_REF_WS_ANSWER_H
#define BENCH_REF_WS_ANSWER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WS_RESPONSE_MAX = 160 };

/* What is kept of a connection between two receives. All zero: a new one. */
struct ws_peer {
    uint64_t left;          /* payload bytes of the frame that have not come */
    char *request;          /* what has come of the opening handshake */
    uint16_t request_len;
    uint8_t open;           /* the handshake is done */
    uint8_t dropped;        /* the frame gets no answer */
    uint8_t head, head_len; /* bytes of the frame's header that have come, and all; 0: not known */
    uint8_t mask[4], phase; /* the next payload byte's place in the mask */
};

/* Take bytes of the opening handshake. Returns the length of the response to send, at most
 * WS_RESPONSE_MAX; 0 until the request is whole; -1 if this is none. */
int ws_shake(struct ws_peer *p, const uint8_t *bytes, size_t len, char *ret_response);

/* Turn received bytes into the answer. out may be in, or lie before it in the same buffer; the
 * answer is never longer than the input. Returns its length, or -1 to hang up. */
ssize_t ws_answer(struct ws_peer *p, const uint8_t *in, size_t len, uint8_t *out);

/* Make p a new connection's. */
void ws_reset(struct ws_peer *p);

#endif

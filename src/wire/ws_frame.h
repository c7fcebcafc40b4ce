/* SPDX-License-Identifier: MIT */
/* ws_frame.h - frames of the WebSocket protocol (RFC 6455 section 5), both roles, without I/O:
 * bytes in, events out. Not the handshake (handshake.h), not the closing handshake (proto).
 *
 * The decoder unmasks in place and returns views of the caller's buffer; it keeps no bytes. If a
 * header or a control frame is not yet complete, it stays in the buffer, and `need` says how many
 * bytes must be there for the next call (at most 139). */
#ifndef WEIR_WIRE_WS_FRAME_H
#define WEIR_WIRE_WS_FRAME_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/utf8.h"

enum weir__ws_opcode {
    WEIR__WS_CONTINUATION = 0,
    WEIR__WS_TEXT = 1,
    WEIR__WS_BINARY = 2,
    WEIR__WS_CLOSE = 8,
    WEIR__WS_PING = 9,
    WEIR__WS_PONG = 10,
};

enum { /* bits of a frame's first byte */
    WEIR__WS_FIN = 0x80,
    WEIR__WS_RSV1 = 0x40, /* permessage-deflate: this message is compressed */
    WEIR__WS_RSV = 0x70,
};

enum {
    WEIR__WS_HEAD_MAX = 14,
    WEIR__WS_CONTROL_MAX = 125,
    WEIR__WS_REASON_MAX = 123,
    WEIR__WS_SMALL_HEAD = 6, /* of a masked frame of at most 125 bytes */
};

enum weir__ws_code { /* RFC 6455 7.4.1 */
    WEIR__WS_NORMAL = 1000,
    WEIR__WS_GOING_AWAY = 1001,
    WEIR__WS_PROTOCOL_ERROR = 1002,
    WEIR__WS_UNSUPPORTED = 1003,
    WEIR__WS_NO_STATUS = 1005, /* never on the wire: the close frame was empty */
    WEIR__WS_ABNORMAL = 1006,  /* never on the wire: there was no close frame */
    WEIR__WS_INVALID_DATA = 1007,
    WEIR__WS_POLICY = 1008,
    WEIR__WS_TOO_BIG = 1009,
    WEIR__WS_INTERNAL = 1011,
};

enum weir__ws_role { WEIR__WS_SERVER, WEIR__WS_CLIENT };

/* Limits that are checked when a header has come, before its payload. whole_max: a data frame up to
 * this size is returned only when it is complete, so the buffer must have room for it; larger
 * frames are returned in parts. rsv_allowed: RSV bits of the negotiated extensions, on first
 * frames. */
struct weir__ws_limits {
    uint64_t frame_max, message_max;
    uint32_t whole_max;
    uint8_t rsv_allowed;
};

extern const struct weir__ws_limits weir__ws_limits_default;

enum weir__ws_kind {
    WEIR__WS_ON_MORE,  /* no event yet: consume used bytes, then bring at least need bytes */
    WEIR__WS_ON_DATA,  /* bytes of a message; first && last: the whole message */
    WEIR__WS_ON_PING,  /* data is what the pong must carry */
    WEIR__WS_ON_PONG,
    WEIR__WS_ON_CLOSE, /* code, and data is the reason; all bytes after it are ignored */
};

struct weir__ws_event {
    uint8_t *data;       /* inside the buffer, unmasked; NULL if len is 0 */
    size_t len;
    size_t used;         /* bytes to consume when data is not needed any more */
    size_t need;         /* MORE: bytes that must lie in the buffer, counted after used */
    uint64_t frame_left; /* payload bytes of the open frame that come after this event */
    uint16_t code;       /* CLOSE: 1005 if the frame was empty */
    uint8_t opcode;      /* DATA: TEXT or BINARY, of the message */
    uint8_t rsv;         /* DATA: the RSV bits of its first frame */
    bool first, last;    /* DATA: the message begins, ends with this view */
};

struct weir__ws_decoder {
    const struct weir__ws_limits *limits;
    union {
        struct {
            int failed;     /* the error code, which every later call returns too */
            uint8_t opcode; /* of the open message; 0 between messages */
            bool in_frame, closed;
            uint8_t role;
        };
        uint64_t busy;      /* all of these at once; 0: a server's, and a new message may come */
    };
    uint8_t small_max;    /* payload of a small frame, at most */
    uint8_t rsv;
    uint16_t code;        /* after a failure: the close code to send, 1002, 1007 or 1009 */
    uint8_t mask[4];
    const char *why;      /* after a failure: static text */
    uint64_t frame_len, frame_left;
    uint64_t message_len; /* payload of the open message, its announced frames included */
    struct weir__utf8 utf8;
    bool fin, begun;
};

/* 16 bytes, which the compiler turns into SSE2, NEON or plain words; moved by memcpy, so that
 * neither alignment nor aliasing matters. (gcc 12 at -O2 leaves a loop over an array scalar, even
 * of vectors: 22 GB/s instead of 60.) */
typedef uint32_t weir__ws_wide __attribute__((vector_size(16)));

static inline void weir__ws_mask_wide(uint8_t *target, const uint8_t *source, weir__ws_wide key) {
    weir__ws_wide v;
    memcpy(&v, source, sizeof v);
    v ^= key;
    memcpy(target, &v, sizeof v);
}

/* Begin a connection as role. limits must stay valid as long as d is used. */
void weir__ws_decoder_init(struct weir__ws_decoder *d, enum weir__ws_role role,
                           const struct weir__ws_limits *limits);

/* Decode the next event from the received bytes; buf begins behind what earlier events used.
 * Payload is unmasked in place: bytes up to ret->used must not be fed again. Returns an enum
 * weir__ws_kind; WEIR_EPROTO, WEIR_EUTF8, WEIR_ETOOBIG with d->why and d->code, which stay. Views
 * live as long as the buffer. */
int weir__ws_decode(struct weir__ws_decoder *d, void *buf, size_t len,
                    struct weir__ws_event *ret);

/* Unmask size bytes behind a small frame's head; masks them again if they are unmasked. The widest
 * steps come first, as in weir__ws_mask. */
static inline void weir__ws_small_unmask(uint8_t *p, size_t size) {
    uint32_t mask;
    uint8_t *at = p + WEIR__WS_SMALL_HEAD, *end = at + size;
    memcpy(&mask, p + 2, sizeof mask);
    weir__ws_wide wide = {mask, mask, mask, mask};
    if (size >= 64) {
        weir__ws_mask_wide(at, at, wide);
        weir__ws_mask_wide(at + 16, at + 16, wide);
        weir__ws_mask_wide(at + 32, at + 32, wide);
        weir__ws_mask_wide(at + 48, at + 48, wide);
        at += 64;
    }
    for (; end - at >= 16; at += 16)
        weir__ws_mask_wide(at, at, wide);
    for (size_t step = 0; at < end; at++, step++)
        *at ^= p[2 + (step & 3)];
}
/* Is an unmasked small frame valid text? If not, it is masked again, for weir__ws_decode to refuse
 * it. */
bool weir__ws_small_is_text(uint8_t *p, size_t size);

/* Decode the most common frame alone, as a server: a whole message in one frame of at most 125
 * bytes, complete in the len bytes at p. Returns the length of the frame: WEIR__WS_SMALL_HEAD
 * bytes, whose first has the opcode in its low half, then the payload, unmasked in place. Returns 0
 * and changes nothing for all else and for any fault: call weir__ws_decode then. */
static inline size_t weir__ws_decode_small(struct weir__ws_decoder *d, uint8_t *p, size_t len) {
    static_assert(WEIR__WS_SERVER == 0, "busy is 0 between messages");
    if (__builtin_expect(d->busy != 0 || len < WEIR__WS_SMALL_HEAD, 0))
        return 0;
    size_t size = p[1] ^ 0x80u, opcode = p[0] ^ WEIR__WS_FIN, whole = WEIR__WS_SMALL_HEAD + size;
    if (__builtin_expect(size > d->small_max || opcode - WEIR__WS_TEXT > 1u || len < whole, 0))
        return 0;
    weir__ws_small_unmask(p, size);
    if (opcode == WEIR__WS_TEXT && !weir__ws_small_is_text(p, size))
        return 0;
    return whole;
}

/* True between messages and frames: if the stream ended here, no message would be cut short. */
bool weir__ws_decoder_idle(const struct weir__ws_decoder *d);

/* Read the lengths in a header without checking it. Returns the header's length and
 * *ret_payload_len; 0 if the len bytes do not contain the whole header. */
size_t weir__ws_head_look(const uint8_t *head, size_t len, uint64_t *ret_payload_len);

/* The size of a frame's header, 2 .. 14: write it that far in front of the payload. */
size_t weir__ws_head_len(uint64_t payload_len, bool masked);

/* Write a header. first_byte is opcode | WEIR__WS_FIN | RSV bits; mask is NULL from a server.
 * Returns its length, as weir__ws_head_len. */
size_t weir__ws_head_write_any(uint8_t *head, unsigned first_byte, uint64_t payload_len,
                               const uint8_t *mask);
static inline size_t weir__ws_head_write(uint8_t *head, unsigned first_byte, uint64_t payload_len,
                                         const uint8_t *mask) {
    bool is_small = payload_len < 126 && mask == NULL && (first_byte & WEIR__WS_FIN);
    if (__builtin_expect(!is_small, 0))
        return weir__ws_head_write_any(head, first_byte, payload_len, mask);
    head[0] = (uint8_t)first_byte;
    head[1] = (uint8_t)payload_len;
    return 2;
}

/* target = source ^ mask, the mask rotated by phase bytes: the phase of a frame's byte n is n.
 * target is source or does not overlap it. */
void weir__ws_mask(uint8_t *target, const uint8_t *source, size_t len, const uint8_t *mask,
                   uint64_t phase);

/* True if an endpoint may send this code in a close frame. */
bool weir__ws_code_valid(unsigned code);

/* Write a close payload: the code and as much of the reason as fits, whole characters.
 * Returns its length; 0 for 1005, the empty close. The code must be valid, or 1005. */
size_t weir__ws_close_write(uint8_t payload[WEIR__WS_CONTROL_MAX], unsigned code,
                            const char *reason, size_t reason_len);

#endif

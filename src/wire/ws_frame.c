/* SPDX-License-Identifier: MIT */
/* ws_frame.c - the decoder reads a header, checks all that can be wrong with one, then returns
 * views of the payload. The common case, a whole message in one frame in the buffer, is one pass
 * without a copy. */
#include "wire/ws_frame.h"

#include <string.h>
#include <weir/base.h>

#include "base/check.h"

static_assert(sizeof(int) + 4 == sizeof(uint64_t), "busy is failed and the four bytes behind it");

const struct weir__ws_limits weir__ws_limits_default = {
    .frame_max = 1 << 20,
    .message_max = 1 << 20, /* as Python's websockets: a peer must not fill our memory */
    .whole_max = 0,
    .rsv_allowed = 0,
};

/* ---- masking ----------------------------------------------------------------------------- */

/* The mask twice, from byte phase on. */
static inline uint64_t mask_key(const uint8_t *mask, uint64_t phase) {
    unsigned turn = 8 * (unsigned)(phase & 3);
    uint32_t key;
    memcpy(&key, mask, sizeof key);
    if (turn != 0 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        key = key >> turn | key << (32 - turn);
    else if (turn != 0)
        key = key << turn | key >> (32 - turn);
    return (uint64_t)key << 32 | key;
}

static inline void mask(uint8_t *target, const uint8_t *source, size_t len, uint64_t key) {
    uint64_t word;
    size_t at = 0;
    uint32_t half[2];
    memcpy(half, &key, sizeof half);
    weir__ws_wide wide_key = {half[0], half[1], half[0], half[1]};
    for (; len - at >= 64; at += 64) {
        weir__ws_mask_wide(target + at, source + at, wide_key);
        weir__ws_mask_wide(target + at + 16, source + at + 16, wide_key);
        weir__ws_mask_wide(target + at + 32, source + at + 32, wide_key);
        weir__ws_mask_wide(target + at + 48, source + at + 48, wide_key);
    }
    for (; len - at >= 16; at += 16)
        weir__ws_mask_wide(target + at, source + at, wide_key);
    for (; len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, source + at, sizeof word);
        word ^= key;
        memcpy(target + at, &word, sizeof word);
    }
    for (unsigned i = 0; at < len; at++, i++)
        target[at] = source[at] ^ ((const uint8_t *)&key)[i];
}

void weir__ws_mask(uint8_t *target, const uint8_t *source, size_t len, const uint8_t *mask_bytes,
                   uint64_t phase) {
    mask(target, source, len, mask_key(mask_bytes, phase));
}

enum { SMALL_MAX = 125 }; /* a frame with a length of one byte */

/* ---- decoder ----------------------------------------------------------------------------- */

struct head {
    uint64_t payload_len;
    size_t len; /* 2 .. 14 */
    uint8_t first_byte, opcode;
};

static int fail(struct weir__ws_decoder *d, int rc, enum weir__ws_code code, const char *why) {
    d->failed = rc;
    d->code = (uint16_t)code;
    d->why = why;
    return rc;
}

static int broken(struct weir__ws_decoder *d, const char *why) {
    return fail(d, WEIR_EPROTO, WEIR__WS_PROTOCOL_ERROR, why);
}

void weir__ws_decoder_init(struct weir__ws_decoder *d, enum weir__ws_role role,
                           const struct weir__ws_limits *limits) {
    WEIR_CHECK((limits->rsv_allowed & ~WEIR__WS_RSV) == 0);
    uint64_t max = limits->frame_max;
    max = max < limits->message_max ? max : limits->message_max;
    *d = (struct weir__ws_decoder){.role = (uint8_t)role, .limits = limits};
    d->small_max = max < SMALL_MAX ? (uint8_t)max : SMALL_MAX;
}

bool weir__ws_decoder_idle(const struct weir__ws_decoder *d) {
    return d->opcode == 0 && !d->in_frame;
}

/* What the first byte may say:
 *                   no message open   message open
 *   continuation    refused           goes on
 *   text, binary    begins            refused
 *   control         fin only          fin only
 *   3-7, 11-15      refused           refused
 * RSV bits belong to extensions and stand on a first frame only. */
static int check_first_byte(struct weir__ws_decoder *d, uint8_t byte) {
    uint8_t opcode = byte & 0x0f, rsv = byte & WEIR__WS_RSV;
    bool begins = opcode == WEIR__WS_TEXT || opcode == WEIR__WS_BINARY;
    if (rsv & ~(begins ? d->limits->rsv_allowed : 0))
        return broken(d, "reserved bit set");
    if (begins)
        return d->opcode ? broken(d, "new message inside a fragmented one") : 0;
    if (opcode == WEIR__WS_CONTINUATION)
        return d->opcode ? 0 : broken(d, "continuation without a message");
    if (opcode < WEIR__WS_CLOSE || opcode > WEIR__WS_PONG)
        return broken(d, "reserved opcode");
    return byte & WEIR__WS_FIN ? 0 : broken(d, "fragmented control frame");
}

static int check_second_byte(struct weir__ws_decoder *d, uint8_t opcode, uint8_t byte) {
    bool masked = byte & 0x80;
    if (masked && d->role == WEIR__WS_CLIENT)
        return broken(d, "masked frame from a server");
    if (!masked && d->role == WEIR__WS_SERVER)
        return broken(d, "unmasked frame from a client");
    if (opcode >= WEIR__WS_CLOSE && (byte & 0x7f) > WEIR__WS_CONTROL_MAX)
        return broken(d, "control frame above 125 bytes");
    return 0;
}

static uint64_t big_endian(const uint8_t *bytes, size_t len) {
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return value;
}

static int check_length(struct weir__ws_decoder *d, const struct head *h, size_t extra) {
    if (extra == 8 && h->payload_len >> 63)
        return broken(d, "length above 63 bits");
    if ((extra == 2 && h->payload_len < 126) || (extra == 8 && h->payload_len <= UINT16_MAX))
        return broken(d, "length not in its shortest form");
    if (h->opcode >= WEIR__WS_CLOSE)
        return 0;
    if (h->payload_len > d->limits->frame_max)
        return fail(d, WEIR_ETOOBIG, WEIR__WS_TOO_BIG, "frame too big");
    uint64_t before = h->opcode == WEIR__WS_CONTINUATION ? d->message_len : 0;
    if (before + h->payload_len > d->limits->message_max) /* both < 2^63 */
        return fail(d, WEIR_ETOOBIG, WEIR__WS_TOO_BIG, "message too big");
    return 0;
}

/* Read and check a header. Each check needs only the bytes before it, in one order, so a fault is
 * reported alike however the bytes were cut. Returns 1, 0 with *ret_need, or the failure. */
static int head_read(struct weir__ws_decoder *d, const uint8_t *p, size_t len, struct head *ret,
                     size_t *ret_need) {
    *ret_need = 2;
    if (len < 1)
        return 0;
    ret->first_byte = p[0];
    ret->opcode = p[0] & 0x0f;
    int rc = check_first_byte(d, p[0]);
    if (rc < 0 || len < 2)
        return rc;
    if ((rc = check_second_byte(d, ret->opcode, p[1])) < 0)
        return rc;
    uint8_t short_len = p[1] & 0x7f;
    size_t extra = short_len == 127 ? 8 : short_len == 126 ? 2 : 0;
    ret->len = 2 + extra + (d->role == WEIR__WS_SERVER ? 4 : 0);
    *ret_need = ret->len;
    if (len < 2 + extra)
        return 0;
    ret->payload_len = extra ? big_endian(p + 2, extra) : short_len;
    if ((rc = check_length(d, ret, extra)) < 0)
        return rc;
    return len >= ret->len;
}

/* Payload of [at, at + len) of a frame: unmask, and check text while it is in the cache. */
static int payload_open(struct weir__ws_decoder *d, uint8_t *p, size_t len, const uint8_t *mask,
                        uint64_t phase) {
    enum { BLOCK = 4096 };
    bool text = d->opcode == WEIR__WS_TEXT && d->rsv == 0;
    for (size_t at = 0; at < len; at += BLOCK) {
        size_t step = len - at < BLOCK ? len - at : BLOCK;
        if (d->role == WEIR__WS_SERVER)
            weir__ws_mask(p + at, p + at, step, mask, phase + at);
        if (text && weir__utf8_feed(&d->utf8, p + at, step) < step)
            return fail(d, WEIR_EUTF8, WEIR__WS_INVALID_DATA, "text is not utf-8");
    }
    return 0;
}

static int on_close(struct weir__ws_decoder *d, struct weir__ws_event *ev) {
    d->closed = true;
    ev->code = WEIR__WS_NO_STATUS;
    if (ev->len == 0)
        return WEIR__WS_ON_CLOSE;
    if (ev->len == 1)
        return broken(d, "close payload of one byte");
    ev->code = (uint16_t)big_endian(ev->data, 2);
    ev->len -= 2;
    ev->data = ev->len ? ev->data + 2 : NULL;
    if (!weir__ws_code_valid(ev->code))
        return broken(d, "bad close code");
    if (!weir__utf8_valid(ev->data, ev->len))
        return fail(d, WEIR_EUTF8, WEIR__WS_INVALID_DATA, "close reason is not utf-8");
    return WEIR__WS_ON_CLOSE;
}

/* A control frame that is whole in the buffer; the open message is not touched. */
static int control(struct weir__ws_decoder *d, const struct head *h, uint8_t *p,
                   struct weir__ws_event *ev) {
    ev->len = (size_t)h->payload_len;
    ev->data = ev->len ? p + h->len : NULL;
    ev->used = h->len + ev->len;
    if (d->role == WEIR__WS_SERVER)
        weir__ws_mask(p + h->len, p + h->len, ev->len, p + h->len - 4, 0);
    if (h->opcode == WEIR__WS_CLOSE)
        return on_close(d, ev);
    return h->opcode == WEIR__WS_PING ? WEIR__WS_ON_PING : WEIR__WS_ON_PONG;
}

/* Enter a data frame whose header is good. */
static void frame_begin(struct weir__ws_decoder *d, const struct head *h, const uint8_t *p) {
    if (h->opcode != WEIR__WS_CONTINUATION) {
        d->opcode = h->opcode;
        d->rsv = h->first_byte & WEIR__WS_RSV;
        d->message_len = 0;
        d->begun = false;
    }
    d->in_frame = true;
    d->fin = h->first_byte & WEIR__WS_FIN;
    d->frame_len = d->frame_left = h->payload_len;
    d->message_len += h->payload_len;
    if (d->role == WEIR__WS_SERVER)
        memcpy(d->mask, p + h->len - 4, 4);
}

/* Return a view of what has come of the open frame; it begins ev->used bytes into the buffer. */
static int data(struct weir__ws_decoder *d, uint8_t *p, size_t len, struct weir__ws_event *ev) {
    size_t there = len - ev->used;
    if (there == 0 && d->frame_left > 0) {
        ev->need = 1;
        ev->frame_left = d->frame_left;
        return WEIR__WS_ON_MORE;
    }
    ev->len = d->frame_left < there ? (size_t)d->frame_left : there;
    ev->data = ev->len ? p + ev->used : NULL;
    int rc = payload_open(d, p + ev->used, ev->len, d->mask, d->frame_len - d->frame_left);
    if (rc < 0)
        return rc;
    ev->used += ev->len;
    ev->frame_left = d->frame_left -= ev->len;
    ev->opcode = d->opcode;
    ev->rsv = d->rsv;
    ev->first = !d->begun;
    ev->last = d->fin && d->frame_left == 0;
    d->begun = true;
    d->in_frame = d->frame_left > 0;
    if (ev->last) {
        d->opcode = 0;
        if (!weir__utf8_done(&d->utf8))
            return fail(d, WEIR_EUTF8, WEIR__WS_INVALID_DATA, "text ends inside a character");
    }
    return WEIR__WS_ON_DATA;
}

bool weir__ws_small_is_text(uint8_t *p, size_t size) {
    if (weir__utf8_valid(p + WEIR__WS_SMALL_HEAD, size))
        return true;
    weir__ws_small_unmask(p, size);
    return false;
}

int weir__ws_decode(struct weir__ws_decoder *d, void *buf, size_t len,
                    struct weir__ws_event *ret) {
    uint8_t *p = buf;
    struct head h = {0};
    *ret = (struct weir__ws_event){0};
    if (d->failed < 0)
        return d->failed;
    if (d->closed) {
        ret->used = len;
        ret->need = 1;
        return WEIR__WS_ON_MORE;
    }
    if (!d->in_frame) {
        int rc = head_read(d, p, len, &h, &ret->need);
        if (rc <= 0)
            return rc;
        bool is_control = h.opcode >= WEIR__WS_CLOSE;
        uint64_t whole_max = is_control ? WEIR__WS_CONTROL_MAX : d->limits->whole_max;
        if (h.payload_len > len - h.len && h.payload_len <= whole_max) {
            ret->need = h.len + (size_t)h.payload_len;
            ret->frame_left = h.payload_len;
            return WEIR__WS_ON_MORE;
        }
        ret->need = 0;
        if (is_control)
            return control(d, &h, p, ret);
        frame_begin(d, &h, p);
        ret->used = h.len;
    }
    return data(d, p, len, ret);
}

size_t weir__ws_head_look(const uint8_t *head, size_t len, uint64_t *ret_payload_len) {
    if (len < 2)
        return 0;
    uint8_t short_len = head[1] & 0x7f;
    size_t extra = short_len == 127 ? 8 : short_len == 126 ? 2 : 0;
    size_t whole = 2 + extra + (head[1] & 0x80 ? 4 : 0);
    if (len < whole)
        return 0;
    *ret_payload_len = extra ? big_endian(head + 2, extra) : short_len;
    return whole;
}

/* ---- encoder ----------------------------------------------------------------------------- */

size_t weir__ws_head_len(uint64_t payload_len, bool masked) {
    size_t extra = payload_len < 126 ? 0 : payload_len <= UINT16_MAX ? 2 : 8;
    return 2 + extra + (masked ? 4 : 0);
}

size_t weir__ws_head_write_any(uint8_t *head, unsigned first_byte, uint64_t payload_len,
                               const uint8_t *mask) {
    size_t len = weir__ws_head_len(payload_len, mask != NULL);
    size_t extra = len - 2 - (mask ? 4 : 0);
    unsigned short_len = extra == 8 ? 127 : extra == 2 ? 126 : (unsigned)payload_len;
    WEIR_CHECK(payload_len >> 63 == 0);
    WEIR_CHECK((first_byte & 0x08) == 0 || (extra == 0 && (first_byte & WEIR__WS_FIN)));
    head[0] = (uint8_t)first_byte;
    head[1] = (uint8_t)(short_len | (mask ? 0x80u : 0));
    for (size_t i = 0; i < extra; i++)
        head[2 + i] = (uint8_t)(payload_len >> (8 * (extra - 1 - i)));
    if (mask)
        memcpy(head + 2 + extra, mask, 4);
    return len;
}

/* RFC 6455 7.4 and the IANA registry: 1004 is reserved, 1005, 1006 and 1015 never travel, 1012 to
 * 1014 were registered later, 3000 to 4999 belong to libraries and applications. */
bool weir__ws_code_valid(unsigned code) {
    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
           (code >= 3000 && code <= 4999);
}

size_t weir__ws_close_write(uint8_t payload[WEIR__WS_CONTROL_MAX], unsigned code,
                            const char *reason, size_t reason_len) {
    if (code == WEIR__WS_NO_STATUS)
        return 0;
    WEIR_CHECK(weir__ws_code_valid(code));
    size_t len = weir__utf8_cut(reason, reason_len, WEIR__WS_REASON_MAX);
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    if (len > 0)
        memcpy(payload + 2, reason, len);
    return 2 + len;
}

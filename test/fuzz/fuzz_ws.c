/* SPDX-License-Identifier: MIT */
/* Frames: fed whole, cut in two, and byte by byte; returned whole and in parts. The first byte of
 * the input chooses the role, the second the place of the cut. The decoded messages are then
 * written by the encoder, and must be decoded to the same again. */
#include <weir/base.h>

#include "fuzz.h"
#include "wire/ws_frame.h"

enum { LOG_MAX = 1 << 16 };

/* The decoded events: for each whole message or control frame its kind, length and bytes. A message
 * that a failure cut short is taken back, because how much of it was seen depends on the pieces. */
struct outcome {
    struct weir__ws_decoder d;
    int rc;
    size_t len, message_at;
    uint8_t log[LOG_MAX];
};

static void note(struct outcome *o, const void *bytes, size_t len) {
    FUZZ_SAME(len <= LOG_MAX - o->len);
    if (len > 0)
        memcpy(o->log + o->len, bytes, len);
    o->len += len;
}

static void note_byte(struct outcome *o, unsigned byte) {
    uint8_t b = (uint8_t)byte;
    note(o, &b, 1);
}

static void note_event(struct outcome *o, const struct weir__ws_event *ev) {
    if (o->rc == WEIR__WS_ON_MORE)
        return;
    if (o->rc == WEIR__WS_ON_DATA) {
        if (ev->first) {
            o->message_at = o->len;
            note_byte(o, ev->opcode);
        }
        note(o, ev->data, ev->len);
        if (!ev->last)
            return;
        o->message_at = SIZE_MAX;
    } else {
        note_byte(o, 0xf0 + (unsigned)o->rc);
        note(o, &ev->code, sizeof ev->code);
        note(o, ev->data, ev->len);
    }
    note_byte(o, 0xff);
}

static void drain(struct outcome *o, uint8_t **pending, size_t *pending_len) {
    struct weir__ws_event ev;
    do {
        o->rc = weir__ws_decode(&o->d, *pending, *pending_len, &ev);
        if (o->rc < 0)
            break;
        FUZZ_SAME(ev.used <= *pending_len);
        FUZZ_SAME(o->rc != WEIR__WS_ON_MORE || ev.used + ev.need > *pending_len);
        note_event(o, &ev);
        uint8_t *rest = fuzz_copy(*pending + ev.used, *pending_len - ev.used);
        free(*pending);
        *pending = rest;
        *pending_len -= ev.used;
    } while (o->rc != WEIR__WS_ON_MORE);
}

static void play(struct outcome *o, enum weir__ws_role role, const struct weir__ws_limits *limits,
                 const uint8_t *bytes, size_t len, size_t cut, size_t step) {
    size_t pending_len = 0;
    uint8_t *pending = fuzz_copy(NULL, 0);
    o->rc = 0;
    o->len = 0;
    o->message_at = SIZE_MAX;
    weir__ws_decoder_init(&o->d, role, limits);
    for (size_t at = 0; at < len && o->rc >= 0;) {
        size_t piece = at < cut ? cut : len - at < step ? len - at : step;
        uint8_t *more = malloc(pending_len + piece);
        if (!more)
            abort();
        memcpy(more, pending, pending_len);
        memcpy(more + pending_len, bytes + at, piece);
        free(pending);
        pending = more;
        pending_len += piece;
        at += piece;
        drain(o, &pending, &pending_len);
    }
    free(pending);
    if (o->rc < 0 && o->message_at != SIZE_MAX)
        o->len = o->message_at;
}

/* b may have waited for the rest of a text frame that a already knows to be bad. */
static bool b_waits(const struct outcome *a, const struct outcome *b) {
    return b->d.limits->whole_max > 0 && a->rc == WEIR_EUTF8 && b->rc == WEIR__WS_ON_MORE &&
           b->len >= a->len && memcmp(a->log, b->log, a->len) == 0;
}

static void outcomes_same(const struct outcome *a, const struct outcome *b) {
    if (b_waits(a, b))
        return;
    FUZZ_SAME(a->rc == b->rc && a->d.why == b->d.why && a->d.code == b->d.code);
    FUZZ_SAME(a->len == b->len || (a->rc >= 0 && a->message_at != SIZE_MAX));
    FUZZ_SAME(memcmp(a->log, b->log, a->len < b->len ? a->len : b->len) == 0);
}

/* Encode the whole payload as one frame for this role; it must come out as it went in. */
static void round_trip(enum weir__ws_role role, const uint8_t *payload, size_t len) {
    static const struct weir__ws_limits wide = {.frame_max = INT64_MAX, .message_max = INT64_MAX};
    static const uint8_t mask[4] = {0xa1, 0x02, 0xff, 0x80};
    const uint8_t *key = role == WEIR__WS_SERVER ? mask : NULL;
    uint8_t *frame = malloc(WEIR__WS_HEAD_MAX + len);
    if (!frame)
        abort();
    size_t head = weir__ws_head_write(frame, WEIR__WS_BINARY | WEIR__WS_FIN, len, key);
    if (key)
        weir__ws_mask(frame + head, payload, len, key, 0);
    else if (len > 0)
        memcpy(frame + head, payload, len);
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    weir__ws_decoder_init(&d, role, &wide);
    FUZZ_SAME(weir__ws_decode(&d, frame, head + len, &ev) == WEIR__WS_ON_DATA);
    FUZZ_SAME(ev.first && ev.last && ev.len == len && ev.used == head + len);
    FUZZ_SAME(len == 0 || memcmp(ev.data, payload, len) == 0);
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    static struct outcome whole, other;
    struct weir__ws_limits limits = {.frame_max = 300, .message_max = 500};
    if (len < 2 || len > LOG_MAX / 4)
        return 0;
    enum weir__ws_role role = input[0] & 1 ? WEIR__WS_CLIENT : WEIR__WS_SERVER;
    const uint8_t *bytes = input + 2;
    size_t bytes_len = len - 2, cut = input[1] < bytes_len ? input[1] : 0;
    play(&whole, role, &limits, bytes, bytes_len, 0, SIZE_MAX);
    for (uint32_t whole_max = 0; whole_max <= 400; whole_max += 200) {
        limits.whole_max = whole_max;
        play(&other, role, &limits, bytes, bytes_len, cut, SIZE_MAX);
        outcomes_same(&whole, &other);
        play(&other, role, &limits, bytes, bytes_len, 0, 1);
        outcomes_same(&whole, &other);
    }
    round_trip(role, bytes, bytes_len);
    return 0;
}

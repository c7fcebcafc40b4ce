/* SPDX-License-Identifier: MIT */
/* ws_ahead.c - what a reactive connection reads while a function of the user's is suspended.
 * Control frames are acted on. Data frames are put aside as they came, and decoded when the
 * function has returned. Called from flushes and wakes, never in a task.
 *
 *   the task's piece                  aside                              part
 *   +-----------------+-----------+   +-------------------------------+  +---------------------+
 *   | decoded: the    | at, len   |   | what came later, as it came,  |  | the beginning of a  |
 *   | lent message is |           |   | without control frames        |  | header or control   |
 *   | in here         |           |   |                               |  | frame               |
 *   +-----------------+-----------+   +-------------------------------+  +---------------------+
 *
 * Only at and len are set until a function suspends; most do not. Then all three are scanned, and
 * the scanner stands behind part, possibly inside a frame.
 *
 * Each byte has one owner. A piece is put aside while this is open, that is, while
 * weir__ws_ahead_next will still be asked for its bytes. Once that has returned false, a piece is
 * not taken: the connection keeps it whole, and delivers it next. The server checks after each
 * piece that nothing is left. */
#include "proto/ws_ahead.h"

#include <string.h>

#include "base/alloc.h"
#include "proto/ws_in.h"

void weir__ws_ahead_init(struct ws_ahead *a, uint8_t *base, size_t len) {
    a->at = base;
    a->len = len;
    a->open = true;
    a->scanned = false;
}

void weir__ws_ahead_fini(struct ws_ahead *a) {
    if (!a->scanned)
        return;
    weir__free(a->in_use);
    weir__free(a->aside);
}

size_t weir__ws_ahead_left(const struct ws_ahead *a) {
    if (!a->scanned)
        return a->len;
    return a->len + (a->aside ? a->aside->len : 0) + a->part_len;
}

/* part holds a whole control frame. Returns false if the decoder refuses it. A copy is decoded,
 * since a refused one must stay as it came. */
static bool control_frame(struct weir_ws *ws, struct ws_ahead *a) {
    uint8_t frame[WS_TAIL_MAX];
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    weir__ws_decoder_init(&d, WEIR__WS_SERVER, &ws->config->limits);
    memcpy(frame, a->part, a->part_len);
    int kind = weir__ws_decode(&d, frame, a->part_len, &ev);
    if (kind < 0)
        return false;
    a->closed = weir__ws_control(ws, kind, &ev) != 0;
    return true;
}

/* The next byte of a header or control frame. Returns how many bytes go to `to`: the header of a
 * data frame, or what the decoder will refuse. */
static size_t part_add(struct weir_ws *ws, struct ws_ahead *a, uint8_t byte, uint8_t *to) {
    uint64_t payload = 0;
    a->part[a->part_len++] = byte;
    size_t head = weir__ws_head_look(a->part, a->part_len, &payload), len = a->part_len;
    bool is_data = (a->part[0] & 0x08) == 0;
    bool is_control = !is_data && payload <= WEIR__WS_CONTROL_MAX;
    if (head == 0 || (is_control && len < head + payload))
        return 0;
    bool done = is_control && control_frame(ws, a);
    a->part_len = 0;
    if (done)
        return 0;
    a->frame_left = payload;
    a->blind = !is_data;
    memcpy(to, a->part, len);
    return len;
}

/* Act on the control frames in [from, from + len); all else goes to `to`, which is from or lies
 * elsewhere, with room for len and what part holds. Returns how much that is. */
static size_t scan(struct weir_ws *ws, struct ws_ahead *a, uint8_t *to, const uint8_t *from,
                   size_t len) {
    size_t out = 0;
    for (size_t at = 0, n; at < len && !a->closed; at += n) {
        n = len - at;
        if (!a->blind && a->frame_left == 0) {
            n = 1;
            out += part_add(ws, a, from[at], to + out);
            continue;
        }
        if (!a->blind) {
            n = a->frame_left < n ? (size_t)a->frame_left : n;
            a->frame_left -= n;
        }
        memmove(to + out, from + at, n);
        out += n;
    }
    return out;
}

void weir__ws_ahead_rest(struct weir_ws *ws, struct ws_ahead *a) {
    if (a->scanned)
        return;
    a->scanned = true;
    a->in_use = a->aside = NULL;
    a->frame_left = 0;
    a->part_len = 0;
    a->blind = a->closed = false;
    a->len = scan(ws, a, a->at, a->at, a->len);
}

bool weir__ws_ahead_may_read(const struct ws_ahead *a) {
    size_t aside = a->aside ? a->aside->len : 0;
    return !a->blind && !a->closed && a->len + aside < WS_AHEAD_MAX;
}

static bool reserve(struct ws_ahead *a, size_t more) {
    struct ws_aside *s = a->aside;
    size_t len = s ? s->len : 0, max = s ? 2 * (size_t)s->max : WS_ASIDE_MIN;
    if (s != NULL && len + more <= s->max)
        return true;
    max = max < len + more ? len + more : max;
    s = weir__realloc(s, sizeof *s + max);
    if (s == NULL)
        return false;
    s->len = (uint32_t)len;
    s->max = (uint32_t)max;
    a->aside = s;
    return true;
}

bool weir__ws_ahead_take(struct weir_ws *ws, struct ws_ahead *a, const uint8_t *base, size_t len) {
    if (!reserve(a, len + a->part_len))
        return false;
    a->aside->len += (uint32_t)scan(ws, a, a->aside->bytes + a->aside->len, base, len);
    return true;
}

bool weir__ws_ahead_next(struct ws_ahead *a) {
    if (!a->scanned) {
        a->open = false;
        return false;
    }
    weir__free(a->in_use);
    a->in_use = a->aside;
    a->aside = NULL;
    a->at = a->in_use ? a->in_use->bytes : a->part;
    a->len = a->in_use ? a->in_use->len : a->part_len;
    if (a->in_use == NULL) {
        a->part_len = 0; /* no whole message: no function will run on it */
        a->open = false; /* the scanner no longer knows where it stands */
    }
    return a->in_use != NULL || a->len > 0;
}

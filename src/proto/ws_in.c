/* SPDX-License-Identifier: MIT */
/* ws_in.c - bytes in, messages out. An unfragmented message that lies whole in the received bytes
 * is lent from there, unmasked in place; any other is gathered in a buffer of its own. */
#include "proto/ws_in.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_conn.h"
#include "proto/ws_gather.h"
#include "proto/ws_keep.h"
#include "proto/ws_out.h"
#include "proto/ws_room.h"
#include "proto/ws_wait.h"
#include "proto/ws_zip.h"

void weir__ws_message_drop_gathered(struct weir_ws *ws) {
    struct ws_gather *g = ws->gather;
    if (ws->decoder.opcode != 0)
        return; /* there is none, or it is still being gathered */
    if (g->tail_len == 0) {
        weir__ws_gather_drop(ws);
        return;
    }
    weir__free(g->base);
    g->base = NULL;
    g->len = g->max = 0;
}

/* ---- events ---- */

/* Fail the connection with rc. The peer gets one close frame, with code and why, then our end of
 * the stream. Both stay in the decoder, which is not used any more, for weir__ws_refusal; the code
 * is 0 if there was no memory for the frame. */
static int refuse_peer(struct weir_ws *ws, int rc, int code, const char *why) {
    bool is_queued = ws->state == WS_OPEN && weir__ws_queue_close(ws, code, why) == 0;
    ws->decoder.code = is_queued ? (uint16_t)code : 0;
    ws->decoder.why = why;
    if (ws->finish == WS_GOES_ON)
        ws->finish = WS_FINISHES;
    weir__ws_broke(ws, rc);
    return weir__failf(rc, "ws receive", weir_ws_peer(ws), "%s: %s", weir_error_text(rc), why);
}

int weir__ws_refusal(const struct weir_ws *ws, const char **ret_why) {
    if (ws->failed == 0 || ws->decoder.code == 0)
        return 0;
    *ret_why = ws->decoder.why;
    return ws->decoder.code;
}

/* Without memory the peer has given no reason. */
static void keep_reason(struct weir_ws *ws, const struct weir__ws_event *ev) {
    struct ws_extra *x = ev->len > 0 ? weir__ws_extra(ws) : NULL;
    if (x == NULL || x->reason != NULL || (x->reason = weir__alloc(ev->len + 1)) == NULL)
        return;
    memcpy(x->reason, ev->data, ev->len);
    x->reason[ev->len] = '\0';
}

static int take_close(struct weir_ws *ws, const struct weir__ws_event *ev) {
    ws->code = ev->code;
    keep_reason(ws, ev);
    if (ws->state == WS_OPEN)
        (void)weir__ws_queue_close(ws, ev->code, weir_ws_close_reason(ws));
    ws->state = WS_CLOSED;
    ws->finish = WS_LINGERS;
    weir__ws_wake(ws);
    return WEIR_EWSCLOSED;
}

static int take_fragment(struct weir_ws *ws, const struct weir__ws_event *ev,
                       struct weir_ws_message *ret) {
    struct ws_gather *g = weir__ws_gather(ws);
    if (g == NULL)
        return refuse_peer(ws, -ENOMEM, WEIR__WS_INTERNAL, "out of memory");
    if (ev->first)
        g->len = g->empties = 0;
    bool is_empty = ev->len == 0 && ev->frame_left == 0 && !ev->last;
    if (is_empty && ++g->empties > WS_EMPTY_MAX)
        return refuse_peer(ws, WEIR_EPROTO, WEIR__WS_POLICY, "too many empty fragments");
    size_t hint = g->len + ev->len + (size_t)ev->frame_left;
    if (weir__ws_gather_append(g, ev->data, ev->len, hint) < 0)
        return refuse_peer(ws, -ENOMEM, WEIR__WS_INTERNAL, "out of memory");
    if (!ev->last)
        return 0;
    ret->data = (struct weir_view){g->base, g->len};
    return 1;
}

/* ---- in parts ---- */

static int part_is(struct ws_extra *x, const uint8_t *data, size_t len, bool is_last) {
    x->taken->data = (struct weir_view){data, len};
    x->taken->first = !x->takes_parts;
    x->taken->last = is_last;
    x->takes_parts = !is_last;
    return 1;
}

/* The next part of what a compressed frame has become. */
static int part_of_zip(struct weir_ws *ws) {
    struct ws_fault f;
    bool is_last;
    int rc = weir__ws_inflate_part(ws, &is_last, &f);
    if (rc < 0)
        return refuse_peer(ws, rc, f.code, f.why);
    return rc == 0 ? 0 : part_is(ws->extra, ws->gather->base, ws->gather->len, is_last);
}

/* The rest of its message goes with it: what is not decompressed yet lies in those bytes, and a
 * message would have a hole. */
void weir__ws_part_skip(struct weir_ws *ws) {
    struct ws_extra *x = ws->extra;
    struct ws_zip *z = x->zip;
    x->skips |= x->takes_parts;
    if (z == NULL || (z->rest_len == 0 && !z->ends))
        return;
    x->takes_parts = x->skips = !z->ends;
    z->is_broken = true;
    z->ends = false;
    z->rest_len = 0;
}

/* A close reads on, and no task takes the rest of a message that was begun in parts. */
static int skip_part(struct weir_ws *ws, const struct weir__ws_event *ev) {
    if (ev->rsv != 0)
        ws->extra->zip->is_broken = true;
    ws->extra->takes_parts = ws->extra->skips = !ev->last;
    return 0;
}

static int take_part(struct weir_ws *ws, const struct weir__ws_event *ev) {
    struct ws_extra *x = ws->extra;
    struct ws_fault f;
    x->taken->type = (enum weir_ws_type)ev->opcode;
    if (x->skips || (ev->rsv != 0 && x->zip->is_broken))
        return skip_part(ws, ev);
    if (ev->rsv != 0) {
        int rc = weir__ws_inflate_take(ws, ev, &f);
        return rc < 0 ? refuse_peer(ws, rc, f.code, f.why) : part_of_zip(ws);
    }
    bool is_empty = ev->len == 0 && ev->frame_left == 0 && !ev->last;
    x->empty_parts = ev->first ? 0 : x->empty_parts;
    if (is_empty && ++x->empty_parts > WS_EMPTY_MAX)
        return refuse_peer(ws, WEIR_EPROTO, WEIR__WS_POLICY, "too many empty fragments");
    return ev->len == 0 && !ev->last ? 0 : part_is(x, ev->data, ev->len, ev->last);
}

int weir__ws_part_at_hand(struct weir_ws *ws) {
    struct ws_zip *z = ws_zip_of(ws);
    struct ws_gather *g = ws->gather;
    bool is_gathered = g != NULL && g->len > 0 && ws->decoder.opcode != 0;
    if (!ws->extra->takes_parts && is_gathered) { /* by a receive that was cancelled */
        ws->extra->taken->type = (enum weir_ws_type)ws->decoder.opcode;
        return part_is(ws->extra, g->base, g->len, false);
    }
    return z != NULL && (z->rest_len > 0 || z->ends) ? part_of_zip(ws) : 0;
}

static int take_compressed(struct weir_ws *ws, const struct weir__ws_event *ev,
                           struct weir_ws_message *ret) {
    struct ws_fault f;
    if (ws_zip_of(ws)->is_broken)
        return 0;
    int rc = weir__ws_inflate(ws, ev, &f);
    if (rc < 0)
        return refuse_peer(ws, rc, f.code, f.why);
    if (rc > 0)
        ret->data = (struct weir_view){ws->gather->base, ws->gather->len};
    return rc;
}

/* On a connection that compresses, the decoder's limits are those of compressed messages. */
static bool is_too_big(const struct weir_ws *ws) {
    const struct weir__ws_limits *plain = &ws->config->limits;
    return ws->decoder.frame_len > plain->frame_max ||
           ws->decoder.message_len > plain->message_max;
}

static int take_data(struct weir_ws *ws, const struct weir__ws_event *ev,
                   struct weir_ws_message *ret) {
    const struct ws_extra *x = ws->extra;
    ret->type = (enum weir_ws_type)ev->opcode;
    if (__builtin_expect(ws->decoder.limits != &ws->config->limits, 0) && ev->rsv == 0 &&
        is_too_big(ws))
        return refuse_peer(ws, WEIR_ETOOBIG, WEIR__WS_TOO_BIG, "message too big");
    if (__builtin_expect(x != NULL, 0) && x->taken != NULL)
        return take_part(ws, ev);
    if (__builtin_expect(x != NULL, 0) && x->takes_parts)
        return skip_part(ws, ev);
    if (__builtin_expect(ev->rsv != 0, 0))
        return take_compressed(ws, ev, ret);
    if (!ev->first || !ev->last)
        return take_fragment(ws, ev, ret);
    ret->data = (struct weir_view){ev->data, ev->len};
    return 1;
}

static int take_ping(struct weir_ws *ws, const struct weir__ws_event *ev) {
    if (ws->state != WS_OPEN || ws->out.failed != 0)
        return 0;
    int rc = weir__ws_queue_pong(ws, ev->data, ev->len);
    return rc < 0 ? refuse_peer(ws, rc, WEIR__WS_INTERNAL, "out of memory") : 0;
}

int weir__ws_control(struct weir_ws *ws, int kind, const struct weir__ws_event *ev) {
    if (kind == WEIR__WS_ON_CLOSE)
        return take_close(ws, ev);
    if (kind == WEIR__WS_ON_PING)
        return take_ping(ws, ev);
    weir__ws_pong(ws, ev->data, ev->len);
    return 0;
}

static int take_event(struct weir_ws *ws, int kind, const struct weir__ws_event *ev,
                    struct weir_ws_message *ret) {
    if (kind < 0)
        return refuse_peer(ws, kind, ws->decoder.code, ws->decoder.why);
    return kind == WEIR__WS_ON_DATA ? take_data(ws, ev, ret) : weir__ws_control(ws, kind, ev);
}

bool weir__ws_is_inside(const struct weir_ws *ws) {
    const struct ws_gather *g = ws->gather;
    bool head = g != NULL && g->tail_len > 0 && (g->tail[0] & 0x08) == 0; /* of a data frame */
    return head || !weir__ws_decoder_idle(&ws->decoder);
}

/* ---- bytes ---- */

/* Keep the bytes that the decoder left: the beginning of a header or control frame. */
static int tail_begin(struct weir_ws *ws, const uint8_t *rest, size_t len, size_t need) {
    struct ws_gather *g = weir__ws_gather(ws);
    if (g == NULL)
        return refuse_peer(ws, -ENOMEM, WEIR__WS_INTERNAL, "out of memory");
    WEIR_CHECK(len < need && need <= WS_TAIL_MAX);
    memmove(g->tail, rest, len);
    g->tail_len = (uint8_t)len;
    g->tail_need = (uint8_t)need;
    return 0;
}

/* Decode from base, up to the end of a message. An unfinished header or control frame goes to the
 * tail. */
static int decode_bytes(struct weir_ws *ws, uint8_t *base, size_t len, size_t *used,
                  struct weir_ws_message *ret) {
    while (*used < len) {
        struct weir__ws_event ev;
        int kind = weir__ws_decode(&ws->decoder, base + *used, len - *used, &ev);
        if (kind >= 0)
            *used += ev.used;
        int rc = take_event(ws, kind, &ev, ret);
        if (rc != 0)
            return rc;
        if (kind == WEIR__WS_ON_MORE && *used < len) {
            rc = tail_begin(ws, base + *used, len - *used, ev.need);
            *used = len;
            return rc;
        }
    }
    return 0;
}

/* Complete what is in the tail with bytes of the new piece, and decode it there. Of a data frame
 * only the header lies here, so no message is ever lent from the tail. */
static int decode_tail(struct weir_ws *ws, const uint8_t *base, size_t len, size_t *used,
                     struct weir_ws_message *ret) {
    struct ws_gather *g = ws->gather;
    while (g->tail_len > 0) {
        size_t want = (size_t)g->tail_need - g->tail_len, have = len - *used;
        size_t n = want < have ? want : have;
        memcpy(g->tail + g->tail_len, base + *used, n);
        g->tail_len = (uint8_t)(g->tail_len + n);
        *used += n;
        if (g->tail_len < g->tail_need)
            return 0;
        size_t whole = g->tail_len, done = 0;
        g->tail_len = 0;
        int rc = decode_bytes(ws, g->tail, whole, &done, ret); /* may begin a longer tail */
        if (rc != 0)
            return rc;
    }
    return 0;
}

int weir__ws_feed(struct weir_ws *ws, uint8_t *base, size_t len, size_t *ret_used,
                  struct weir_ws_message *ret_message) {
    int rc = 0;
    *ret_used = 0;
    weir__ws_message_drop(ws); /* of the message lent before */
    if (ws->gather != NULL && ws->gather->tail_len > 0) {
        rc = decode_tail(ws, base, len, ret_used, ret_message);
        if (rc != 0 || ws->gather->tail_len > 0)
            return rc;
    }
    return decode_bytes(ws, base, len, ret_used, ret_message);
}

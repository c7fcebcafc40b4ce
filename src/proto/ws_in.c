/* SPDX-License-Identifier: MIT */
/* ws_in.c - bytes in, messages out. An unfragmented message that lies whole in the received bytes
 * is lent from there, unmasked in place; any other is gathered in a buffer of its own. */
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_conn.h"

static int bytes_append(struct ws_bytes *b, const uint8_t *data, size_t len, size_t hint) {
    if (b->len + len > b->max) {
        size_t max = b->max ? b->max * 2 : 256;
        if (max < hint)
            max = hint; /* a frame whose length is known grows once */
        if (max < b->len + len)
            max = b->len + len;
        uint8_t *base = weir__realloc(b->base, max);
        if (base == NULL)
            return -ENOMEM;
        b->base = base;
        b->max = max;
    }
    if (len > 0)
        memcpy(b->base + b->len, data, len);
    b->len += len;
    return 0;
}

void weir__ws_message_drop(struct weir_ws *ws) {
    if (ws->message.base == NULL || ws->decoder.opcode != 0)
        return; /* none, or still being gathered */
    weir__free(ws->message.base);
    ws->message = (struct ws_bytes){0};
}

/* The peer is told once, and everything after is an error. */
static int refuse(struct weir_ws *ws, int rc, int code, const char *why) {
    if (ws->state == WS_OPEN)
        (void)weir__ws_queue_close(ws, code, why); /* without memory the connection just ends */
    weir__ws_broke(ws, rc);
    ws->code = ws->code ? ws->code : WEIR__WS_ABNORMAL;
    return weir__failf(rc, "ws receive", weir_ws_peer(ws), "%s: %s", weir_error_text(rc), why);
}

static int on_close(struct weir_ws *ws, const struct weir__ws_event *ev) {
    ws->code = ev->code;
    ws->reason = weir__alloc(ev->len + 1);
    if (ws->reason != NULL) {
        memcpy(ws->reason, ev->len > 0 ? (char *)ev->data : "", ev->len);
        ws->reason[ev->len] = '\0';
    }
    if (ws->state == WS_OPEN)
        (void)weir__ws_queue_close(ws, ev->code, "");
    ws->state = WS_CLOSED;
    weir__ws_wake(ws);
    return WEIR_EWSCLOSED;
}

static int on_data(struct weir_ws *ws, const struct weir__ws_event *ev,
                   struct weir_ws_message *ret) {
    ret->type = (enum weir_ws_type)ev->opcode;
    if (ev->first && ev->last) {
        ret->data = (struct weir_view){ev->data, ev->len};
        return 1;
    }
    if (ev->first)
        ws->message.len = 0;
    size_t hint = ws->message.len + ev->len + (size_t)ev->frame_left;
    if (bytes_append(&ws->message, ev->data, ev->len, hint) < 0)
        return refuse(ws, -ENOMEM, WEIR__WS_INTERNAL, "out of memory");
    if (!ev->last)
        return 0;
    ret->data = (struct weir_view){ws->message.base, ws->message.len};
    return 1;
}

/* A flood of pings must not fill the queue: past a small bound only the last one matters (RFC 6455
 * 5.5.3), and those that find the queue busy are dropped. */
static int on_ping(struct weir_ws *ws, const struct weir__ws_event *ev) {
    if (ws->state != WS_OPEN || ws_queued(ws) > ws->config->o.queue_max / 2)
        return 0;
    int rc = weir__ws_queue(ws, WEIR__WS_PONG | WEIR__WS_FIN, ev->data, ev->len);
    return rc < 0 ? refuse(ws, rc, WEIR__WS_INTERNAL, "out of memory") : 0;
}

static int on_event(struct weir_ws *ws, int kind, const struct weir__ws_event *ev,
                    struct weir_ws_message *ret) {
    switch (kind) {
    case WEIR__WS_ON_DATA:
        return on_data(ws, ev, ret);
    case WEIR__WS_ON_PING:
        return on_ping(ws, ev);
    case WEIR__WS_ON_CLOSE:
        return on_close(ws, ev);
    case WEIR__WS_ON_PONG:
        return 0;
    default:
        return kind < 0 ? refuse(ws, kind, ws->decoder.code, ws->decoder.why) : 0;
    }
}

/* The bytes that the decoder left: they are too few to make sense of alone. */
static int tail_begin(struct weir_ws *ws, const uint8_t *rest, size_t len, size_t need) {
    if (ws->tail == NULL && (ws->tail = weir__alloc(sizeof *ws->tail)) == NULL)
        return refuse(ws, -ENOMEM, WEIR__WS_INTERNAL, "out of memory");
    WEIR_CHECK(len < need && need <= WS_TAIL_MAX);
    memmove(ws->tail->bytes, rest, len);
    ws->tail->len = len;
    ws->tail->need = need;
    return 0;
}

/* Decode from base; the rest that makes no sense yet goes to the tail. */
static int decode(struct weir_ws *ws, uint8_t *base, size_t len, size_t *used,
                  struct weir_ws_message *ret) {
    while (*used < len) {
        struct weir__ws_event ev;
        int kind = weir__ws_decode(&ws->decoder, base + *used, len - *used, &ev);
        if (kind >= 0)
            *used += ev.used;
        int rc = on_event(ws, kind, &ev, ret);
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

/* Complete what the tail began with bytes of the new piece, then decode it there. */
static int feed_tail(struct weir_ws *ws, const uint8_t *base, size_t len, size_t *used,
                     struct weir_ws_message *ret) {
    struct ws_tail *t = ws->tail;
    while (t->len > 0) {
        size_t want = t->need - t->len, have = len - *used;
        size_t n = want < have ? want : have;
        memcpy(t->bytes + t->len, base + *used, n);
        t->len += n;
        *used += n;
        if (t->len < t->need)
            return 0;
        size_t whole = t->len, done = 0;
        t->len = 0;
        int rc = decode(ws, t->bytes, whole, &done, ret); /* may begin a longer tail */
        if (rc != 0)
            return rc;
    }
    return 0;
}

int weir__ws_feed(struct weir_ws *ws, uint8_t *base, size_t len, size_t *ret_used,
                  struct weir_ws_message *ret_message) {
    int rc = 0;
    *ret_used = 0;
    weir__ws_message_drop(ws); /* the one lent before */
    if (ws->tail != NULL && ws->tail->len > 0) {
        rc = feed_tail(ws, base, len, ret_used, ret_message);
        if (rc != 0 || ws->tail->len > 0)
            return rc;
    }
    return decode(ws, base, len, ret_used, ret_message);
}

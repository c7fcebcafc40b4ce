/* SPDX-License-Identifier: MIT */
/* ws_keep.c - keepalive: a ping after silence, an end after more silence. Any byte from the peer
 * counts as a sign of life. The timer is not moved for each byte: it looks when it fires. */
#include "proto/ws_conn.h"

static void arm(struct weir_ws *ws, weir_ns from, weir_ns after) {
    weir_ns deadline = after > WEIR_NEVER - from ? WEIR_NEVER : from + after;
    weir__timer_arm(ws->loop->timers, &ws->timer, deadline);
}

/* Does somebody read? Without a reader silence says nothing of the peer. */
static bool is_read(const struct weir_ws *ws) {
    return ws->conn != NULL || ws->receiving;
}

static void ping_or_end(struct weir__timer *timer) {
    struct weir_ws *ws = WEIR_CONTAINER(timer, struct weir_ws, timer);
    const struct weir_ws_options *o = &ws->config->o;
    weir_ns now = weir__loop_now(ws->loop);
    if (ws->state != WS_OPEN || ws->failed != 0)
        return;
    if (ws->pinged && is_read(ws)) { /* nothing came since */
        weir__ws_broke(ws, WEIR_EKEEPALIVE);
        return;
    }
    weir_ns silence = now - ws->heard;
    if (silence < o->ping_ns && !ws->pinged) {
        arm(ws, ws->heard, o->ping_ns);
        return;
    }
    if (!ws->pinged)
        (void)weir__ws_queue(ws, WEIR__WS_PING | WEIR__WS_FIN, NULL, 0); /* else: next time */
    ws->pinged = true;
    arm(ws, now, o->pong_ns);
}

void weir__ws_keep_start(struct weir_ws *ws) {
    weir__timer_init(&ws->timer, ping_or_end);
    ws->heard = weir__loop_now(ws->loop);
    if (ws->config->o.ping_ns != WEIR_NEVER)
        arm(ws, ws->heard, ws->config->o.ping_ns);
}

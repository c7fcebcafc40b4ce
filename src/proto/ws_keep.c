/* SPDX-License-Identifier: MIT */
/* ws_keep.c - keepalive: a ping after silence, and a cut after more of it. Any byte from the peer
 * is a sign of life. No timer is moved for it: when the timer fires, it looks when bytes last came
 * and is armed again. */
#include "proto/ws_keep.h"

#include <string.h>

#include "proto/ws_conn.h"
#include "proto/ws_out.h"
#include "proto/ws_wait.h"

/* A pong is ours if it has the stamp of a ping that was not answered. Others are legal (RFC 6455
 * 5.5.3), and signs of life. The stamp is the time since the config began, so a peer that makes one
 * up changes no more than what we think of its own latency. */
int weir__ws_ping_queue(struct weir_ws *ws, uint64_t *ret_stamp) {
    uint64_t stamp = (uint64_t)(weir__loop_now(ws->config->loop) - ws->config->began);
    stamp = stamp > ws->pinged ? stamp : ws->pinged + 1;
    int rc = weir__ws_queue(ws, WEIR__WS_PING | WEIR__WS_FIN, &stamp, sizeof stamp);
    if (rc < 0)
        return rc;
    ws->pinged = stamp;
    ws->pong_due = true;
    if (ret_stamp != NULL)
        *ret_stamp = stamp;
    return 0;
}

static void note_latency(struct weir_ws *ws, uint64_t ns) {
    uint64_t us = ns / 1000;
    ws->latency_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    int64_t from = ws->has_latency ? ws->smoothed_us : ws->latency_us;
    ws->smoothed_us = (uint32_t)(from + ((int64_t)ws->latency_us - from) / 8);
    ws->has_latency = true;
}

void weir__ws_pong(struct weir_ws *ws, const uint8_t *data, size_t len) {
    uint64_t stamp, now = (uint64_t)(ws->config->loop->turn_ns - ws->config->began);
    if (!ws->pong_due || len != sizeof stamp)
        return;
    memcpy(&stamp, data, sizeof stamp);
    bool is_earlier = ws->extra != NULL && stamp < ws->pinged && stamp > ws->extra->ponged;
    if (stamp != ws->pinged && !is_earlier)
        return;
    ws->pong_due = stamp != ws->pinged;
    note_latency(ws, now > stamp ? now - stamp : 0);
    if (ws->extra != NULL) {
        ws->extra->ponged = stamp;
        ws->extra->ponged_at = now;
    }
    weir__ws_wake(ws);
}

/* What the timer does when it fires; it looks again after the time in brackets.
 *
 *   ping         being written   somebody reads   then
 *   HEARD        -               -                silence < ping_ns: (when it is as long)
 *   HEARD        -               -                silence >= ping_ns: PINGED (pong_ns)
 *   all others   yes             -                BEHIND: the ping may lie behind it (pong_ns)
 *   BEHIND       no              -                PINGED: only now it counts (pong_ns)
 *   all others   no              no               PINGED: silence says nothing (pong_ns)
 *   PINGED       no              yes              LATE_ONCE: the answer may lie in our kernel
 *   LATE_ONCE    no              yes              LATE_TWICE: one turn more
 *   LATE_TWICE   no              yes              cut
 *
 * Whether the peer takes what is being written, its line finds out itself (stream/out.c). */
static void ping_or_cut(struct weir__timer *timer) {
    struct weir_ws *ws = WEIR_CONTAINER(timer, struct weir_ws, timer);
    const struct weir_ws_options *o = &ws->config->o;
    weir_ns now = weir__loop_now(ws->config->loop);
    if (ws->state != WS_OPEN || ws->failed != 0)
        return;
    if (ws->ping == WS_HEARD && now - ws->heard < o->ping_ns) {
        weir__ws_timer(ws, ping_or_cut, ws->heard, o->ping_ns);
    } else if (ws->ping == WS_HEARD) {
        if (ws->out.failed != 0 || weir__ws_ping_queue(ws, NULL) == 0)
            ws->ping = WS_PINGED;
        weir__ws_timer(ws, ping_or_cut, now, o->pong_ns);
    } else if (weir__out_writes(&ws->out) || !ws_is_reading(ws) || ws->ping == WS_BEHIND) {
        ws->ping = weir__out_writes(&ws->out) ? WS_BEHIND : WS_PINGED;
        weir__ws_timer(ws, ping_or_cut, now, o->pong_ns);
    } else if (ws->ping != WS_LATE_TWICE) {
        ws->ping = ws->ping == WS_PINGED ? WS_LATE_ONCE : WS_LATE_TWICE;
        weir__ws_timer(ws, ping_or_cut, now, WS_LATE_NS);
    } else {
        weir__ws_cut(ws, WEIR_EKEEPALIVE);
    }
}

void weir__ws_keep_start(struct weir_ws *ws) {
    ws->heard = weir__loop_now(ws->config->loop);
    weir__ws_timer(ws, ping_or_cut, ws->heard, ws->config->o.ping_ns);
}

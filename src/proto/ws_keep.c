/* SPDX-License-Identifier: MIT */
/* ws_keep.c - keepalive: a ping after silence, and a cut after more of it. Any byte from the peer
 * is a sign of life. No timer is moved for it: when the timer fires, it looks when bytes last came
 * and is armed again. */
#include "proto/ws_keep.h"

#include "proto/ws_conn.h"
#include "proto/ws_out.h"

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
        if (ws->out.failed != 0 || weir__ws_queue(ws, WEIR__WS_PING | WEIR__WS_FIN, NULL, 0) == 0)
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

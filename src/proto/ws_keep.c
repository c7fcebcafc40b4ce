/* SPDX-License-Identifier: MIT */
/* ws_keep.c - keepalive: a ping after silence, an end after more silence. Any byte from the peer
 * counts as a sign of life. The timer is not moved for each byte: it looks when it fires. */
#include "proto/ws_keep.h"

#include "proto/ws_conn.h"
#include "proto/ws_out.h"

/*   silence       answer due   being written    somebody reads   then
 *   < ping_ns     -            -                -                look when it would be ping_ns
 *   >= ping_ns    no           -                -                ping, look again in pong_ns
 *   since a ping  yes          yes              -                the ping waits behind it: look in
 *                                                                pong_ns, and once more after it
 *   since a ping  yes          no               no               says nothing of the peer: look in
 *                                                                pong_ns
 *   since a ping  yes          no               yes              it may lie in the kernel: two
 *                                                                turns; then cut
 * Whether the peer takes what is being written is the writer's own question (ws_writer.c). */
static void ping_or_cut(struct weir__timer *timer) {
    struct weir_ws *ws = WEIR_CONTAINER(timer, struct weir_ws, timer);
    const struct weir_ws_options *o = &ws->config->o;
    weir_ns now = weir__loop_now(ws->config->loop);
    if (ws->state != WS_OPEN || ws->failed != 0)
        return;
    if (ws->ping == WS_HEARD && now - ws->heard < o->ping_ns) {
        weir__ws_timer(ws, ping_or_cut, ws->heard, o->ping_ns);
    } else if (ws->ping == WS_HEARD) {
        if (ws->unsent != 0 || weir__ws_queue(ws, WEIR__WS_PING | WEIR__WS_FIN, NULL, 0) == 0)
            ws->ping = WS_PINGED;
        weir__ws_timer(ws, ping_or_cut, now, o->pong_ns);
    } else if (ws->writing || !ws_is_reading(ws) || ws->ping == WS_BEHIND) {
        ws->ping = ws->writing ? WS_BEHIND : WS_PINGED;
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

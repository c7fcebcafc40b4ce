/* SPDX-License-Identifier: MIT */
/* ws_react_conn.c - the bounds of a reactive connection: its timer, and what closes it early. */
#include "proto/ws_react_conn.h"

#include "proto/ws_conn.h"
#include "proto/ws_wait.h"

/* A function of the user's that runs is not cancelled: it may be half way through work that
 * matters to others too. But its waits on this connection return. */
void weir__ws_react_cut(struct weir_ws *ws) {
    struct ws_react_conn *c = WEIR_CONTAINER(ws, struct ws_react_conn, ws);
    weir_conn_close(c->conn);
    if (ws->out.failed == 0)
        ws->out.failed = ws->failed ? ws->failed : WEIR_EEOF;
    weir__out_stop(&ws->out, ws->out.failed);
    if (!ws_is_serving(ws))
        weir_group_cancel(weir_conn_group(c->conn), "the WebSocket was cut off");
    weir__ws_wake(ws);
}

void weir__ws_react_bound_over(struct ws_react_conn *c) {
    if (ws_is_serving(&c->ws) && c->ws.state == WS_CLOSED && !weir__out_writes(&c->ws.out))
        return; /* all was done in time, but for the user's function, which may take longer */
    if (c->rc == 0 && c->ws.state != WS_CLOSED)
        c->rc = c->phase == WS_SHAKING ? -ETIME : WEIR_EEOF;
    c->phase = c->phase == WS_SHAKING ? WS_LATE : WS_OVER;
    weir__ws_react_cut(&c->ws);
}

static void bound_over(struct weir__timer *t) {
    weir__ws_react_bound_over(WEIR_CONTAINER(t, struct ws_react_conn, ws.timer));
}

void weir__ws_react_arm(struct ws_react_conn *c, weir_ns after) {
    weir__ws_timer(&c->ws, bound_over, weir__loop_now(c->ws.config->loop), after);
}

bool weir__ws_react_is_bounded(const struct ws_react_conn *c) {
    return c->ws.timer.fire == bound_over;
}

void weir__ws_react_over(struct ws_react_conn *c, int rc) {
    if (c->phase >= WS_OVER)
        return;
    c->rc = c->rc ? c->rc : rc;
    c->phase = WS_OVER;
    weir_conn_close(c->conn);
}

void weir__ws_react_closing(struct ws_react_conn *c, int rc, weir_ns bound) {
    c->rc = c->rc ? c->rc : rc;
    if (c->phase >= WS_ENDING)
        return;
    c->phase = WS_ENDING;
    weir__ws_react_arm(c, bound);
}

void weir__ws_react_discard(struct ws_react_conn *c) {
    struct weir_view v;
    ssize_t n;
    for (size_t sum = 0; sum < WS_LINGER_MAX; sum += (size_t)n)
        if ((n = weir__conn_next(c->conn, &v)) <= 0)
            break;
}

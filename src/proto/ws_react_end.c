/* SPDX-License-Identifier: MIT */
/* ws_react_end.c - how a reactive connection closes: what was queued is written, the peer gets a
 * close frame, and closed is called. */
#include "base/time.h"
#include "proto/ws_conn.h"
#include "proto/ws_in.h"
#include "proto/ws_out.h"
#include "proto/ws_react_conn.h"
#include "proto/ws_sub.h"
#include "proto/ws_wait.h"
#include "proto/ws_writer.h"

/* closed finds a record for rc, also if no call of this task has returned that code. */
static int recorded(struct ws_react_conn *c, int rc) {
    weir__group_error_give(weir_conn_group(c->conn), rc);
    return rc >= 0 || weir_error(rc) ? rc : weir__fail(rc, "ws connection", weir_ws_peer(&c->ws));
}

static void tell_closed(struct ws_react_conn *c) {
    struct ws_server *sv = ws_server_of(c);
    if (c->ws.code == 0)
        c->ws.code = WEIR__WS_ABNORMAL;
    weir__ws_subs_end(&c->ws);
    if (c->known == WS_OPENED && sv->fn.closed != NULL)
        sv->fn.closed(&c->ws, c->user, recorded(c, c->rc));
    if (c->known == WS_COUNTED || c->known == WS_OPENED)
        sv->live--;
    c->known = WS_UNKNOWN;
}

/* Has the handshake succeeded, and is the peer still read? */
static bool is_between(const struct ws_react_conn *c) {
    return c->phase >= WS_TALKING && c->phase <= WS_LINGERING;
}

static weir_ns linger_ns(const struct ws_react_conn *c) {
    weir_ns bound = c->ws.config->o.close_ns;
    return bound < WS_LINGER_NS ? bound : WS_LINGER_NS;
}

void weir__ws_react_shut(struct ws_react_conn *c) {
    if (c->ws.out.failed != 0 || weir__ws_write_out(&c->ws, WEIR_NEVER) < 0) {
        weir__ws_react_over(c, 0);
        return;
    }
    if (c->phase < WS_LINGERING)
        c->phase = WS_LINGERING;
    weir__ws_react_arm(c, linger_ns(c));
    if (weir_group_live(weir_conn_group(c->conn)) == 1 && c->ws.inside == 0)
        tell_closed(c);
}

/* Nothing more is read, and sends fail from now on. What was queued is written before the group,
 * and with it a writer, is cancelled: the peer may have closed its own side only. */
static void let_leave(struct ws_react_conn *c, int rc) {
    if (c->ws.state != WS_CLOSED && ws_react_stops(c) == 0)
        weir__ws_broke(&c->ws, rc < 0 ? rc : WEIR_EEOF);
    if (c->ws.out.failed != 0 || ws_queued(&c->ws) == 0)
        return;
    struct weir_error why = {0};
    if (rc < 0 && weir_error(rc) != NULL)
        why = *weir_error(rc);
    weir__ws_go(&c->ws);
    if (weir__ws_flushed(&c->ws, &weir__ws_ends) < 0 && ws_react_stops(c) != 0)
        (void)weir__ws_write_out(&c->ws, WEIR_NEVER); /* as long as if the peer still sent */
    if (why.code != 0)
        weir__error_restore(&why);
}

/* The server stops within the handshake. Answers to HTTP requests before it may be on their way: a
 * close with bytes unread would be a reset, which drops what the peer has not got yet. */
static void let_answers_arrive(struct ws_react_conn *c) {
    struct weir_stream *s = c->ws.stream;
    struct weir_scope shield;
    if (weir__stream_unacked(s) <= 0)
        return;
    weir_shield_enter(&shield, WS_LINGER_NS);
    int rc = s->torn ? weir__stream_cut(s) : weir_shutdown(s);
    if (rc == 0)
        weir__ws_react_discard(c);
    weir_scope_leave(&shield, rc);
}

void weir__ws_react_ends(struct weir_conn *conn, void *state, int rc) {
    struct ws_react_conn *c = state;
    if (c->phase == WS_LATE)
        weir__ws_react_late(c);
    else if (is_between(c))
        let_leave(c, rc);
    else if (c->known == WS_COUNTED && ws_react_stops(c) != 0)
        let_answers_arrive(c);
}

/* Wait for the answer to our close frame. Messages are thrown away. */
static int hear(struct ws_react_conn *c) {
    struct weir_view v;
    struct weir_ws_message m;
    ssize_t n = weir__conn_next(c->conn, &v);
    if (n <= 0)
        return n < 0 ? (int)n : WEIR_EEOF;
    int rc = 0;
    for (size_t at = 0, used; at < v.len && rc >= 0; at += used)
        rc = weir__ws_feed(&c->ws, (uint8_t *)(uintptr_t)v.base + at, v.len - at, &used, &m);
    return rc == WEIR_EWSCLOSED ? 0 : rc < 0 ? rc : 0;
}

/* The server stops, and all tasks of the connection have ended. A close frame with 1001 follows
 * what was queued, unless another was queued before; then the peer's is waited for. */
static void say_going_away(struct ws_react_conn *c, int rc) {
    struct weir_scope shield;
    bool is_open = c->ws.state == WS_OPEN && c->ws.failed == 0;
    if (!is_between(c) || c->ws.out.failed != 0)
        return;
    if (is_open && weir__ws_queue_close(&c->ws, WEIR__WS_GOING_AWAY, "") < 0)
        return;
    c->rc = c->rc ? c->rc : is_open ? rc : 0;
    weir__timer_disarm(c->ws.config->loop->timers, &c->ws.timer);
    weir_ns bound = c->phase == WS_LINGERING ? linger_ns(c) : c->ws.config->o.close_ns;
    weir_ns until = weir__deadline(weir__loop_now(c->ws.config->loop), bound);
    weir_shield_enter(&shield, bound);
    rc = weir__ws_write_out(&c->ws, until);
    while (rc == 0 && c->ws.state == WS_CLOSING && c->ws.failed == 0)
        rc = hear(c);
    if (rc == 0)
        rc = weir__ws_write_out(&c->ws, until);
    if (c->ws.failed == 0 && c->ws.config->o.close_ns > WS_LINGER_NS)
        weir_scope_renew(&shield, WS_LINGER_NS);
    if (rc == 0 && (c->ws.failed != 0 || c->ws.finish == WS_LINGERS))
        weir__ws_react_discard(c);
    weir_scope_leave(&shield, rc);
}

static int end_code(const struct ws_react_conn *c, int rc) {
    if (c->phase >= WS_OVER || c->rc != 0 || c->ws.state == WS_CLOSED)
        return c->rc;
    int failed = c->ws.failed ? c->ws.failed : c->ws.out.failed;
    return failed ? failed : rc < 0 ? rc : WEIR_EEOF;
}

/* Wait until no task is in a call on it: tasks elsewhere may be sending. */
static void last_out(struct weir_ws *ws) {
    struct ws_waiter w;
    weir__ws_wait_begin(ws, &w, WS_LEAVES_LAST);
    weir__ws_wake(ws);
    while (ws->inside > 0)
        weir__ws_wait_park(ws, &w, &weir__ws_ends);
    weir__ws_wait_end(ws, &w);
}

void weir__ws_react_closed(struct weir_conn *conn, void *state, int rc) {
    struct ws_react_conn *c = state;
    if (rc == -ECANCELED || rc == -ETIME)
        say_going_away(c, rc);
    weir__ws_react_tell(c, 0, 0, rc);
    weir__timer_disarm(c->ws.config->loop->timers, &c->ws.timer);
    c->rc = end_code(c, rc);
    c->phase = WS_OVER;
    tell_closed(c);
    c->ws.state = WS_DROPPED;
    c->ws.stream = NULL;
    weir__out_stop(&c->ws.out, c->rc < 0 ? -ECANCELED : WEIR_EEOF);
    last_out(&c->ws);
    weir__ws_fini(&c->ws);
}

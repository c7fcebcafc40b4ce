/* SPDX-License-Identifier: MIT */
/* ws_react.c - a WebSocket server without a task per connection. A message's way, down the page:
 *
 *   react_conn.c    conn_run, conn_deliver    a task of the pool has a piece of received bytes
 *   here            react_piece, work_off     shakes hands first, in ws_react_open.c
 *                   decode_all, decode_rest   as long as there are bytes:
 *   ws_in.c         weir__ws_feed             takes one frame (wire/ws_frame.c: weir__ws_decode),
 *                                             and returns 1 if a message is whole
 *   here            deliver                   calls the user's message, which may send
 *                   write_out                 writes all that was sent, in one go
 *
 * If a function of the user's suspends, react_flush and react_ahead read on meanwhile. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
#include "proto/ws_admit.h"
#include "proto/ws_ahead.h"
#include "proto/ws_conn.h"
#include "proto/ws_gather.h"
#include "proto/ws_in.h"
#include "proto/ws_keep.h"
#include "proto/ws_out.h"
#include "proto/ws_react_conn.h"
#include "proto/ws_room.h"
#include "proto/ws_send.h"
#include "proto/ws_wait.h"
#include "proto/ws_writer.h"
#include "proto/ws_zip.h"

/* ---- the user's functions ---- */

/* Secrets travel in queries: the log has none. */
static void log_failed(struct ws_react_conn *c, const char *which, int rc) {
    const char *path = weir_ws_path(&c->ws);
    bool is_known = weir_error(rc) != NULL || *weir_error_name(rc) != '?';
    weir__log(WEIR_LOG_WARNING, "ws %s: %.*s: %s returned %d: %s%s", weir_ws_peer(&c->ws),
              (int)strcspn(path, "?"), path, which, rc,
              is_known ? weir_error_message(rc) : "weir_fail would give it a text",
              c->ws.state == WS_OPEN ? " (closed with 1011)" : "");
}

/* If the function returns the code that its send returned because the peer is gone, or because the
 * server stops, it has not failed: messages that came before are still delivered. The words of an
 * error may name what is inside: they are for closed, or for the log, and not for the peer. */
static __attribute__((noinline)) void user_failed(struct ws_react_conn *c, const char *which,
                                                  int rc) {
    int over = c->ws.state != WS_OPEN ? WEIR_EWSCLOSED : c->ws.out.failed;
    if (rc == over || rc == ws_react_stops(c))
        return;
    if (ws_server_of(c)->fn.closed == NULL)
        log_failed(c, which, rc);
    weir__group_error_keep(weir_conn_group(c->conn), rc);
    if (c->ws.state == WS_OPEN)
        (void)weir__ws_queue_close(&c->ws, WEIR__WS_INTERNAL, "internal error");
    weir__ws_react_closing(c, rc, c->ws.config->o.close_ns);
}

/* The flush comes when all ready tasks have run. A function that has not returned by then has
 * suspended, and react_flush begins to read ahead. */
static inline void user_begins(struct ws_react_conn *c) {
    c->ws.reading = ws_is_reading(&c->ws) ? WS_SERVES_AHEAD : WS_SERVES;
    weir__loop_flush_later(c->ws.config->loop, &c->ws.flush);
}

static inline void user_ends(struct ws_react_conn *c, const char *which, int rc) {
    c->ws.reading = WS_RESTS;
    if (__builtin_expect(rc < 0, 0))
        user_failed(c, which, rc);
    if (__builtin_expect(c->ws.extra != NULL, 0))
        (void)weir__ws_parts_abandon(&c->ws); /* the task itself goes on, for other connections */
}

static void user_opened(struct ws_react_conn *c) {
    struct ws_server *sv = ws_server_of(c);
    weir__ws_gather_drop(&c->ws);
    weir__ws_keep_start(&c->ws);
    c->known = WS_OPENED;
    if (sv->fn.opened == NULL)
        return;
    weir__error_begin(); /* the handshake's, or that of request */
    user_begins(c);
    int rc = sv->fn.opened(&c->ws, c->user);
    user_ends(c, "opened", rc);
    if (rc >= 0)
        weir__error_begin(); /* for the first message */
}

static inline void deliver(struct ws_react_conn *c, const struct ws_server *sv,
                           const struct weir_group *g, const struct weir_ws_message *m) {
    if (c->phase != WS_TALKING || weir__group_cancelled(g) != 0)
        return; /* our close frame is queued, or the server stops */
    user_begins(c);
    int rc = sv->fn.message(&c->ws, c->user, m);
    user_ends(c, "message", rc);
    weir__ws_message_drop(&c->ws); /* an idle connection keeps no buffer */
    if (weir__must_breathe(c->ws.config->loop))
        weir__breathe(); /* a piece may hold ten thousand of them */
    else
        weir__breathe_in(c->ws.config->loop);
    if (rc >= 0) /* the record of one that failed is for closed */
        weir__error_begin_in(c->ws.config->loop);
}

/* ---- the way of a piece ---- */

/* Decode what a has at hand, and deliver each message. Returns false if nothing behind it may be
 * decoded: the connection failed, or the peer's close frame was read. */
static bool decode_rest(struct ws_react_conn *c, struct ws_ahead *a) {
    const struct ws_server *sv = ws_server_of(c);
    const struct weir_group *g = weir_conn_group(c->conn);
    while (a->len > 0 && c->phase < WS_OVER && c->ws.failed == 0) {
        struct weir_ws_message m;
        size_t used;
        int rc = 1;
        if ((used = weir__ws_feed_small(&c->ws, a->at, a->len, &m)) == 0)
            rc = weir__ws_feed(&c->ws, a->at, a->len, &used, &m);
        a->at += used;
        a->len -= used;
        if (rc > 0)
            deliver(c, sv, g, &m);
        else if (rc < 0)
            return false;
    }
    return c->phase < WS_OVER && c->ws.failed == 0;
}

/* Decode the piece, then what was read ahead while a function of the user's was suspended. A close
 * frame read ahead has been answered already; the messages before it are still delivered. */
static void decode_all(struct ws_react_conn *c, struct ws_ahead *a) {
    while (decode_rest(c, a) && weir__ws_ahead_next(a))
        ;
    a->open = false; /* before this task waits: what comes from now on is the next piece */
    if (c->ws.state == WS_CLOSED || c->ws.failed != 0)
        weir__ws_react_closing(c, c->ws.failed, c->ws.config->o.close_ns);
}

/* Write what was queued. If that fails, the connection still reads, within a bound: the peer may
 * have sent messages, and its close frame, before it went. */
static void write_out(struct ws_react_conn *c) {
    if ((c->ws.out.tail == NULL && c->ws.out.failed == 0) || c->ws.stream == NULL)
        return;
    int rc = c->ws.out.failed ? c->ws.out.failed : weir__ws_push(&c->ws);
    if (rc < 0 && c->phase == WS_TALKING && !weir__ws_react_is_bounded(c))
        weir__ws_react_arm(c, c->ws.config->o.close_ns);
}

static void work_off(struct ws_react_conn *c, struct ws_ahead *a) {
    if (c->phase == WS_SHAKING) {
        a->open = false; /* these are no frames yet: what comes meanwhile is the next piece */
        ssize_t n = weir__ws_react_shake(c, a->at, a->len);
        if (n < 0)
            return;
        a->at += n;
        a->len -= (size_t)n;
        if (c->phase == WS_SHAKING)
            return;
        a->open = true;
        user_opened(c);
    }
    ws_heard(&c->ws);
    decode_all(c, a);
    write_out(c);
    if (c->ws.state == WS_CLOSED)
        weir__ws_react_shut(c);
}

/* Until the peer closes its side of the stream, or the bound is over. */
static void throw_away(struct ws_react_conn *c, size_t len) {
    c->ws.used += (uint32_t)len; /* unused in this driver: it counts */
    if (c->ws.used > WS_LINGER_MAX)
        weir__ws_react_over(c, 0);
}

/* Nothing more will be delivered, so bytes that are not decoded may be thrown away. */
static bool needs_no_more(const struct ws_react_conn *c) {
    return c->phase >= WS_OVER || c->ws.failed != 0 || c->ws.state == WS_CLOSED;
}

static int react_piece(struct weir_conn *conn, void *state, struct weir_view v) {
    struct ws_react_conn *c = state;
    struct ws_ahead a;
    void **aside = weir__conn_aside(conn);
    if (c->ws.failed != 0 || c->phase == WS_LINGERING) {
        throw_away(c, v.len);
        return 0;
    }
    c->ws.reading = WS_RESTS; /* so that the keepalive does not count while this task works */
    /* We may write into the piece: it is unmasked in place. Nothing follows a close frame. */
    weir__ws_ahead_init(&a, (uint8_t *)(uintptr_t)v.base, c->ws.state == WS_CLOSED ? 0 : v.len);
    *aside = &a;
    work_off(c, &a);
    *aside = NULL;
    WEIR_CHECK(weir__ws_ahead_left(&a) == 0 || needs_no_more(c));
    weir__ws_ahead_fini(&a);
    c->ws.reading = WS_READS;
    return 0;
}

/* ---- reading ahead ---- */

/* The keepalive stops at the peer's close frame. From then on the bound cuts off a peer that reads
 * nothing, for which a function of the user's may be waiting in a flush. */
static void bound_if_closed(struct weir_ws *ws, bool was_closed) {
    if (ws->state == WS_CLOSED && !was_closed)
        weir__ws_react_arm(WEIR_CONTAINER(ws, struct ws_react_conn, ws), ws->config->o.close_ns);
}

/* A function of the user's is suspended. Act on the control frames behind its message, and ask for
 * the next piece. */
static void read_ahead(struct ws_react_conn *c) {
    struct ws_ahead *a = *weir__conn_aside(c->conn);
    bool was_closed = c->ws.state == WS_CLOSED;
    weir__ws_ahead_rest(&c->ws, a);
    bound_if_closed(&c->ws, was_closed);
    bool awaits = weir__ws_ahead_may_read(a) && weir__conn_ahead(c->conn);
    c->ws.reading = awaits ? WS_SERVES_AHEAD : WS_SERVES;
}

/* A piece has come while a function of the user's was suspended, or an error, which the next send
 * returns. The end of the stream stops no send: the peer may have closed its own side only. */
static enum weir__ahead react_ahead(struct weir_conn *conn, void *state, struct weir_view v,
                                    int rc) {
    struct ws_react_conn *c = state;
    struct ws_ahead *a = *weir__conn_aside(conn);
    enum weir__ahead answer = WEIR__AHEAD_KEEP;
    if (v.len > 0)
        ws_heard(&c->ws);
    if (v.len > 0 && a != NULL && a->open) {
        bool was_closed = c->ws.state == WS_CLOSED;
        weir__ws_ahead_rest(&c->ws, a);
        if (weir__ws_ahead_take(&c->ws, a, v.base, v.len))
            answer = weir__ws_ahead_may_read(a) ? WEIR__AHEAD_MORE : WEIR__AHEAD_STOP;
        bound_if_closed(&c->ws, was_closed);
    }
    if (rc < 0 && c->ws.out.failed == 0) {
        c->ws.out.failed = WEIR_SMALL_CODE(rc);
        weir__ws_wake(&c->ws);
    }
    bool awaits = answer == WEIR__AHEAD_MORE;
    if (ws_is_serving(&c->ws))
        c->ws.reading = awaits ? WS_SERVES_AHEAD : WS_SERVES;
    else
        c->ws.reading = awaits ? WS_READS : WS_RESTS; /* the function has returned meanwhile */
    return answer;
}

static void react_flush(struct weir__flush *f) {
    struct ws_react_conn *c = WEIR_CONTAINER(f, struct ws_react_conn, ws.flush);
    if (ws_is_serving(&c->ws)) {
        read_ahead(c);
        weir__list_remove(&f->link); /* a pong queued just now leaves with this flush */
    }
    weir__ws_go(&c->ws);
}

/* ---- the driver ---- */

static void react_left(struct weir_ws *ws) {
    weir__ws_wake(ws); /* weir__ws_react_closed waits for this */
}

/* An idle connection cannot be written to any more. It still reads, within a bound: see
 * write_out. */
static void react_unsent(struct weir_ws *ws) {
    struct ws_react_conn *c = WEIR_CONTAINER(ws, struct ws_react_conn, ws);
    if (ws->reading == WS_READS && c->phase == WS_TALKING && !weir__ws_react_is_bounded(c))
        weir__ws_react_arm(c, ws->config->o.close_ns);
}

/* If the server stops, its own close frame, with 1001, follows when all tasks have ended. */
static void react_abandoned(struct weir_ws *ws) {
    struct ws_react_conn *c = WEIR_CONTAINER(ws, struct ws_react_conn, ws);
    if (ws_react_stops(c) != 0)
        ws->extra->orphaned = true;
    else if (weir__ws_parts_close(ws) == 0)
        weir__ws_react_closing(c, -EBUSY, ws->config->o.close_ns);
}

static void react_sheds(struct weir_ws *ws, int code, const char *reason) {
    int rc = weir__ws_queue_close(ws, code, reason);
    if (rc < 0)
        weir__ws_cut(ws, rc);
    else
        weir__ws_react_closing(WEIR_CONTAINER(ws, struct ws_react_conn, ws), 0,
                               ws->config->o.close_ns);
}

/* No direct sends: before closed is called, all other tasks must have left the connection, and one
 * parked in a write of its own could not. The queue is hot here, so the copy costs little. */
static const struct ws_driver react_driver = {
    .moved = weir__ws_moved, .flush = react_flush, .unsent = react_unsent,
    .cut = weir__ws_react_cut, .left = react_left, .abandoned = react_abandoned,
    .sheds = react_sheds};

/* ---- public ---- */

static void ws_server_freed(void *arg) {
    struct ws_server *sv = arg;
    weir__ws_config_unref(sv->config);
    weir__free(sv);
}

static struct ws_server *ws_server_new(const struct weir_ws_reactive *r,
                                       const struct weir_ws_options *options) {
    struct ws_server *sv = weir__alloc_zero(sizeof *sv);
    struct ws_config *config = weir__ws_config_new(options, &react_driver);
    if (sv == NULL || config == NULL) {
        weir__free(sv);
        weir__free(config);
        return NULL;
    }
    WEIR_OPTIONS_COPY(struct weir_ws_reactive, request, &sv->fn, r);
    sv->config = config;
    return sv;
}

int weir__ws_react_server(const struct weir_ws_reactive *r, const struct weir_ws_options *options,
                          struct weir_listener *l, const struct weir__ws_host *host,
                          struct react_server **ret_server) {
    struct ws_server *sv = ws_server_new(r, options);
    if (sv == NULL)
        return weir__fail(-ENOMEM, "ws react", NULL);
    int rc = 0;
    if (host != NULL)
        sv->host = *host;
    if (sv->config->o.request != NULL)
        rc = weir__failf(-EINVAL, "ws react", NULL,
                         "request of the options is for weir_ws_accept: set that of the server");
    if (rc == 0)
        rc = weir__ws_lists_check("ws react", &sv->config->o);
    if (rc < 0 || (rc = weir__ws_zips_open(sv->config, "ws react")) < 0) {
        ws_server_freed(sv);
        return rc;
    }
    struct weir_reactive raw = {.size = sizeof raw, .opened = weir__ws_react_opened,
                                .state_size = sizeof(struct ws_react_conn) + sv->fn.state_size,
                                .message = react_piece, .closed = weir__ws_react_closed, .arg = sv,
                                .stack_size = sv->fn.stack_size, .name = sv->fn.name,
                                .handshake_ns = sv->config->o.handshake_ns};
    static const struct weir__react_hooks hooks = {react_ahead, weir__ws_react_ends,
                                                   ws_server_freed};
    *ret_server = weir__react_server_new(sv->config->loop, l, &raw, &hooks);
    if (*ret_server != NULL)
        return 0;
    ws_server_freed(sv);
    return weir__fail(-ENOMEM, "ws react", NULL);
}

int weir_ws_react(struct weir_listener *l, struct weir_group *g, const struct weir_ws_reactive *r,
                  const struct weir_ws_options *options) {
    if (g == NULL || r == NULL || r->message == NULL)
        WEIR_BUG("weir_ws_react: %s is required", g == NULL ? "a group" : "message");
    int rc = weir__suspend_enter("ws react");
    if (rc < 0)
        return rc;
    weir__not_null(l, "weir_ws_react");
    struct react_server *sv;
    rc = weir__ws_react_server(r, options, l, NULL, &sv);
    return rc < 0 ? rc : weir__react_by(l, g, sv);
}

static void must_be_reactive(const struct weir_ws *ws, const char *call) {
    weir__not_null(ws, call);
    if (ws->config->driver != &react_driver)
        WEIR_BUG("%s: this connection has no server: it was dialled, or accepted by a task", call);
}

void *weir_ws_arg(struct weir_ws *ws) {
    must_be_reactive(ws, "weir_ws_arg");
    return ws_server_of(WEIR_CONTAINER(ws, struct ws_react_conn, ws))->fn.arg;
}

int weir_ws_begin_close(struct weir_ws *ws, int code, const char *reason) {
    weir__not_null(ws, "weir_ws_begin_close");
    int forked = weir__loop_enter(ws->config->loop, ws, "weir_ws_begin_close");
    if (forked < 0)
        return forked;
    if (ws->config->driver != &react_driver)
        WEIR_BUG("weir_ws_begin_close: this connection is yours: weir_ws_close closes it");
    struct ws_react_conn *c = WEIR_CONTAINER(ws, struct ws_react_conn, ws);
    int rc = weir__ws_close_check("ws begin close", code, reason);
    if (rc < 0)
        return rc;
    if (ws->state != WS_OPEN || ws->failed != 0)
        return 0;
    rc = weir__ws_queue_close(ws, code, reason ? reason : "");
    if (rc < 0)
        return rc;
    weir__ws_react_closing(c, 0, ws->config->o.close_ns);
    return 0;
}

struct weir_group *weir_ws_group(struct weir_ws *ws) {
    must_be_reactive(ws, "weir_ws_group");
    return weir_conn_group(WEIR_CONTAINER(ws, struct ws_react_conn, ws)->conn);
}

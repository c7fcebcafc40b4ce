/* SPDX-License-Identifier: MIT */
/* ws_react.c - a WebSocket server without a task per connection: weir_react brings bytes, a task
 * of the pool runs the user's functions, and what they sent is written before it ends.
 *
 *   SHAKING   gathers the request's head; bounded in time and size
 *   TALKING   feeds the decoder; the keepalive runs
 *   ENDING    our last frame, or the refusal, is sent: the peer's close frame, or its end, is
 *             awaited, bounded in time; messages are thrown away
 *   OVER      nothing more is read
 *   LATE      the same: the bound of SHAKING was over, and the client is told so
 * The connection's one timer is the bound of SHAKING and ENDING, and the keepalive of TALKING. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "proto/ws_ahead.h"
#include "proto/ws_conn.h"
#include "proto/ws_gather.h"
#include "proto/ws_in.h"
#include "proto/ws_keep.h"
#include "proto/ws_out.h"
#include "proto/ws_send.h"
#include "proto/ws_shake.h"
#include "proto/ws_wait.h"
#include "proto/ws_writer.h"
#include "stream/ahead.h"

enum phase { SHAKING, TALKING, ENDING, OVER, LATE };

/* Lives until weir_ws_react has returned and its last connection is gone, also one that was
 * accepted and not yet opened: all hang below its group, which says when. */
struct ws_server {
    struct weir_group group;
    struct ws_config *config;
    struct weir_ws_reactive fn;
    size_t live;
    bool reacting;
};

struct ws_conn { /* the state of a weir_conn */
    struct weir_ws ws;
    struct weir_conn *conn;
    int rc; /* what closed is told */
    uint8_t phase;
    bool counted : 1;
    bool opened : 1;  /* the user's functions have been called */
    bool told : 1;    /* the last of them, closed, too */
    bool lingers : 1; /* what still comes is thrown away */
    _Alignas(16) uint8_t user[];
};

static_assert(sizeof(struct ws_conn) <= 240, "an idle one: its weir_conn, this and the user's");

static struct ws_server *server_of(const struct ws_conn *c) {
    return weir_conn_arg(c->conn);
}

static void server_idle(struct weir_group *g) {
    struct ws_server *sv = WEIR_CONTAINER(g, struct ws_server, group);
    if (sv->reacting || weir_group_live(g) > 0)
        return;
    weir__group_close_under(g);
    weir__ws_config_unref(sv->config);
    weir__free(sv);
}

/* ---- bounds ---- */

/* The user's function is not cut short: it may be half way through work that is not the peer's
 * alone. But what it waits for on this connection is over. */
static void react_cut(struct weir_ws *ws) {
    struct ws_conn *c = WEIR_CONTAINER(ws, struct ws_conn, ws);
    weir_conn_close(c->conn);
    if (ws->unsent == 0)
        ws->unsent = ws->failed ? ws->failed : WEIR_EEOF;
    if (!ws->in_user)
        weir_group_cancel(weir_conn_group(c->conn), "the WebSocket was cut off");
    weir__ws_wake(ws);
}

static void bound_over(struct weir__timer *t) {
    struct ws_conn *c = WEIR_CONTAINER(t, struct ws_conn, ws.timer);
    if (c->ws.in_user && c->ws.state == WS_CLOSED && !c->ws.writing)
        return; /* in time: only the user's function takes longer, and it may */
    if (c->rc == 0 && c->ws.state != WS_CLOSED)
        c->rc = c->phase == SHAKING ? -ETIME : WEIR_EEOF;
    c->phase = c->phase == SHAKING ? LATE : OVER;
    react_cut(&c->ws);
}

static void bound_arm(struct ws_conn *c, weir_ns after) {
    weir__ws_timer(&c->ws, bound_over, weir__loop_now(c->ws.config->loop), after);
}

static void end(struct ws_conn *c, int rc) {
    if (c->phase >= OVER)
        return;
    c->rc = c->rc ? c->rc : rc;
    c->phase = OVER;
    weir_conn_close(c->conn);
}

/* Our last frame is queued. The peer's, or its end, is waited for: a close with bytes unread
 * would be a reset, which overtakes what we sent. */
static void closing(struct ws_conn *c, int rc, weir_ns bound) {
    c->rc = c->rc ? c->rc : rc;
    if (c->phase >= ENDING)
        return;
    c->phase = ENDING;
    bound_arm(c, bound);
}

static void fail(struct ws_conn *c, int rc) {
    if (c->ws.state == WS_OPEN)
        (void)weir__ws_queue_close(&c->ws, WEIR__WS_INTERNAL, weir_error_message(rc));
    closing(c, rc, c->ws.config->o.close_ns);
}

/* ---- the handshake ---- */

/* closed is for those that were opened, so that nobody else would hear of it. */
static void tell_refused(int rc) {
    weir__log(WEIR_LOG_WARNING, "%s", weir_error_message(rc));
}

static void refused(struct ws_conn *c, int rc) {
    if (weir_shutdown(c->ws.stream) < 0) {
        end(c, rc);
        return;
    }
    c->ws.failed = (int16_t)rc; /* what still comes is thrown away */
    closing(c, rc, WS_REFUSED_NS);
}

static int conn_opened(struct weir_conn *conn, void *state) {
    struct ws_conn *c = state;
    struct ws_server *sv = weir_conn_arg(conn);
    weir__ws_init(&c->ws, weir_conn_stream(conn), sv->config, WEIR__WS_SERVER);
    sv->config->refs++;
    c->conn = conn;
    if (sv->live >= sv->config->o.connections_max) {
        struct ws_answer a;
        weir__ws_refuse(&c->ws, WEIR_EHTTP, 503, "too many connections", &a);
        tell_refused(a.rc);
        (void)weir_write(c->ws.stream, a.text, a.len);
        refused(c, WEIR_EHTTP);
        return 0;
    }
    c->counted = true;
    sv->live++;
    bound_arm(c, sv->config->o.handshake_ns);
    return 0;
}

/* ---- the user's functions ---- */

/* Whoever is still inside when all ready tasks have run has suspended: the flush sees to it. */
static void user_begins(struct ws_conn *c) {
    c->ws.in_user = true;
    weir__loop_flush_later(c->ws.config->loop, &c->ws.flush);
}

/* The server's group was cancelled, or its time is over: the peer is told when all tasks have
 * ended. Returns the code that they feel. */
static int stops(const struct ws_conn *c) {
    return weir__group_cancelled(weir_conn_group(c->conn));
}

/* That its answer found the connection ended is no failure of the function's: the messages that
 * came before the end are delivered still. */
static void user_ends(struct ws_conn *c, int rc) {
    int over = c->ws.state != WS_OPEN ? WEIR_EWSCLOSED : c->ws.unsent;
    c->ws.in_user = c->ws.receiving = false;
    if (rc < 0 && rc != over && rc != stops(c))
        fail(c, rc);
    (void)weir__ws_parts_abandon(&c->ws); /* the task lives on, for other connections */
}

/* The keepalive ends with the peer's close frame: from there on the bound sees to it that a peer
 * which reads nothing more holds no function in a flush. */
static void scanned(struct weir_ws *ws, bool was_closed) {
    if (ws->state == WS_CLOSED && !was_closed)
        bound_arm(WEIR_CONTAINER(ws, struct ws_conn, ws), ws->config->o.close_ns);
}

/* A function of the user's is suspended: read on. */
static void suspended(struct ws_conn *c) {
    struct ws_ahead *a = *weir__conn_aside(c->conn);
    bool was_closed = c->ws.state == WS_CLOSED;
    weir__ws_ahead_rest(&c->ws, a);
    scanned(&c->ws, was_closed);
    c->ws.receiving = weir__ws_ahead_may_read(a) && weir__conn_ahead(c->conn);
}

/* A reset is told to whoever sends. An end is not: the peer may have ended its side only. */
static enum weir__ahead came_ahead(struct weir_conn *conn, void *state, struct weir_view v,
                                   int rc) {
    struct ws_conn *c = state;
    struct ws_ahead *a = *weir__conn_aside(conn);
    enum weir__ahead answer = WEIR__AHEAD_KEEP;
    if (v.len > 0)
        ws_heard(&c->ws);
    if (v.len > 0 && a != NULL && a->open) {
        bool was_closed = c->ws.state == WS_CLOSED;
        weir__ws_ahead_rest(&c->ws, a);
        if (weir__ws_ahead_take(&c->ws, a, v.base, v.len))
            answer = weir__ws_ahead_may_read(a) ? WEIR__AHEAD_MORE : WEIR__AHEAD_STOP;
        scanned(&c->ws, was_closed);
    }
    if (rc < 0 && c->ws.unsent == 0) {
        c->ws.unsent = (int16_t)rc;
        weir__ws_wake(&c->ws);
    }
    c->ws.receiving = answer == WEIR__AHEAD_MORE;
    return answer;
}

static void user_opened(struct ws_conn *c) {
    struct ws_server *sv = server_of(c);
    weir__ws_gather_drop(&c->ws);
    weir__ws_keep_start(&c->ws);
    c->opened = true;
    if (sv->fn.opened == NULL)
        return;
    user_begins(c);
    user_ends(c, sv->fn.opened(&c->ws, c->user));
}

/* Look at the head that has come. Returns its size, 0: not whole, -1: refused. */
static int shake(struct ws_conn *c, const uint8_t *head, size_t len) {
    struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
    struct weir__http1 h;
    struct ws_answer a;
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &server_of(c)->config->http);
    int size = weir__http1_parse(&h, head, len);
    if (size == 0)
        return 0;
    if (size < 0)
        weir__ws_refuse(&c->ws, size, h.answer, h.why, &a);
    else
        weir__ws_answer(&c->ws, &h, head, &a);
    if (a.rc < 0)
        tell_refused(a.rc);
    int rc = weir_write(c->ws.stream, a.text, a.len);
    if (rc < 0)
        end(c, rc);
    else if (a.rc < 0)
        refused(c, a.rc);
    if (c->phase != SHAKING || rc < 0 || a.rc < 0)
        return -1;
    c->phase = TALKING;
    return size;
}

/* Returns how many bytes of the piece belong to the head; -1: ended. */
static ssize_t shake_piece(struct ws_conn *c, const uint8_t *base, size_t len) {
    size_t max = server_of(c)->config->o.head_max + 1; /* one more, so that the parser says why */
    struct ws_gather *g = c->ws.gather;
    size_t before = g ? g->len : 0;
    if (before == 0) { /* mostly it comes whole */
        int size = shake(c, base, len);
        if (size != 0)
            return size;
    }
    size_t n = len < max - before ? len : max - before;
    if ((g = weir__ws_gather(&c->ws)) == NULL || weir__ws_gather_append(g, base, n, 0) < 0) {
        end(c, -ENOMEM);
        return -1;
    }
    /* Heads end at a line's end: one that comes byte by byte is not parsed at each. */
    if (before == 0 || (memchr(base, '\n', n) == NULL && g->len < max))
        return (ssize_t)len;
    int size = shake(c, g->base, g->len);
    return size <= 0 ? size < 0 ? -1 : (ssize_t)len : size - (ssize_t)before;
}

/* ---- messages ---- */

static void on_message(struct ws_conn *c, const struct weir_ws_message *m) {
    if (c->phase != TALKING || stops(c) != 0)
        return; /* after our close frame nothing is delivered */
    user_begins(c);
    user_ends(c, server_of(c)->fn.message(&c->ws, c->user, m));
    weir__ws_message_drop(&c->ws); /* an idle connection keeps no buffer */
    weir__breathe(); /* a piece may hold ten thousand of them */
}

/* Returns false if nothing more is to be decoded: it broke, or its close frame was. */
static bool feed(struct ws_conn *c, struct ws_ahead *a) {
    while (a->len > 0 && c->phase < OVER && c->ws.failed == 0) {
        struct weir_ws_message m;
        size_t used;
        int rc = weir__ws_feed(&c->ws, a->at, a->len, &used, &m);
        a->at += used;
        a->len -= used;
        if (rc > 0)
            on_message(c, &m);
        else if (rc < 0)
            return false;
    }
    return c->phase < OVER && c->ws.failed == 0;
}

/* The piece, then what was read while the user's functions had its messages. A close frame among
 * that is acted on already; the messages before it are delivered all the same. */
static void feed_all(struct ws_conn *c, struct ws_ahead *a) {
    while (feed(c, a) && weir__ws_ahead_next(a))
        ;
    a->open = false; /* before anything below waits: what comes now is the next piece */
    if (c->ws.state == WS_CLOSED || c->ws.failed != 0)
        closing(c, c->ws.failed, c->ws.config->o.close_ns);
}

/* Write what was queued. A failed write is no end yet: what the peer sent before it went, its
 * close frame perhaps, is still to be read, and then its end. */
static void write_out(struct ws_conn *c) {
    if ((c->ws.queue == NULL && c->ws.unsent == 0) || c->ws.stream == NULL)
        return;
    int rc = c->ws.unsent ? c->ws.unsent : weir__ws_write_out(&c->ws);
    if (rc < 0 && c->phase == TALKING && c->ws.timer.fire != bound_over)
        bound_arm(c, c->ws.config->o.close_ns);
}

/* The code that ended the connection may have been returned by no call, or by another task's. */
static int recorded(struct ws_conn *c, int rc) {
    return rc >= 0 || weir_error(rc) ? rc : weir__fail(rc, "ws connection", weir_ws_peer(&c->ws));
}

static void tell_closed(struct ws_conn *c) {
    struct ws_server *sv = server_of(c);
    if (c->ws.code == 0)
        c->ws.code = WEIR__WS_ABNORMAL;
    if (c->opened && !c->told && sv->fn.closed != NULL)
        sv->fn.closed(&c->ws, c->user, recorded(c, c->rc));
    c->told = true;
    sv->live -= c->counted;
    c->counted = false;
}

static weir_ns linger_ns(const struct ws_conn *c) {
    weir_ns bound = c->ws.config->o.close_ns;
    return bound < WS_LINGER_NS ? bound : WS_LINGER_NS;
}

/* Both close frames are out of the way. Our end of the stream follows, and the peer's is awaited,
 * for which the user does not have to wait too, unless tasks of the connection's have not yet
 * ended. */
static void shut(struct ws_conn *c) {
    if (c->ws.unsent != 0 || weir__ws_write_out(&c->ws) < 0) {
        end(c, 0);
        return;
    }
    c->lingers = true;
    bound_arm(c, linger_ns(c));
    if (weir_group_live(weir_conn_group(c->conn)) == 1 && c->ws.inside == 0)
        tell_closed(c);
}

/* Until the peer ends its side, or the bound is over. */
static void throw_away(struct ws_conn *c, size_t len) {
    c->ws.used += (uint32_t)len; /* a served connection's, free here */
    if (c->ws.used > WS_LINGER_MAX)
        end(c, 0);
}

static void take_bytes(struct ws_conn *c, struct ws_ahead *a) {
    if (c->phase == SHAKING) {
        ssize_t n = shake_piece(c, a->at, a->len);
        if (n < 0)
            return;
        a->at += n;
        a->len -= (size_t)n;
        if (c->phase == SHAKING)
            return;
        user_opened(c);
    }
    ws_heard(&c->ws);
    feed_all(c, a);
    write_out(c);
    if (c->ws.state == WS_CLOSED && !c->ws.writing)
        shut(c);
}

/* Nothing more is delivered: what is not decoded may be thrown away. */
static bool is_over(const struct ws_conn *c) {
    return c->phase >= OVER || c->ws.failed != 0 || c->ws.state == WS_CLOSED;
}

static int conn_message(struct weir_conn *conn, void *state, struct weir_view v) {
    struct ws_conn *c = state;
    struct ws_ahead a;
    void **aside = weir__conn_aside(conn);
    if (c->ws.failed != 0 || c->lingers) {
        throw_away(c, v.len);
        return 0;
    }
    c->ws.receiving = false; /* for the keepalive: what runs here may take its time */
    /* Lent to us to write: unmasked in place. Nothing follows the peer's close frame. */
    weir__ws_ahead_init(&a, (uint8_t *)(uintptr_t)v.base, c->ws.state == WS_CLOSED ? 0 : v.len);
    *aside = &a;
    take_bytes(c, &a);
    *aside = NULL;
    WEIR_CHECK(weir__ws_ahead_left(&a) == 0 || is_over(c));
    weir__ws_ahead_fini(&a);
    c->ws.receiving = true;
    return 0;
}

/* ---- the end ---- */

/* A close with bytes unread is a reset, which overtakes what was sent. */
static void wait_end(struct ws_conn *c) {
    struct weir_view v;
    ssize_t n;
    for (size_t sum = 0; sum < WS_LINGER_MAX; sum += (size_t)n)
        if ((n = weir__conn_next(c->conn, &v)) <= 0)
            break;
}

static void say_late(struct ws_conn *c) {
    struct weir_scope shield;
    struct ws_answer a;
    weir__ws_late(&c->ws, &a);
    weir_shield_enter(&shield, WS_REFUSED_NS);
    tell_refused(a.rc);
    int rc = weir_write(c->ws.stream, a.text, a.len);
    if (rc == 0 && (rc = weir_shutdown(c->ws.stream)) == 0)
        wait_end(c);
    weir_scope_leave(&shield, rc);
}

/* Nothing more is read. What was queued leaves first, before the group, and with it a writer, is
 * cancelled: the peer may have ended its own side only. Nobody sends any more. */
static void let_leave(struct ws_conn *c, int rc) {
    if (c->ws.state != WS_CLOSED && stops(c) == 0)
        weir__ws_broke(&c->ws, rc < 0 ? rc : WEIR_EEOF);
    if (c->ws.unsent != 0 || ws_queued(&c->ws) == 0)
        return;
    struct weir_error why = {0};
    if (rc < 0 && weir_error(rc) != NULL)
        why = *weir_error(rc);
    if (c->ws.queue != NULL)
        (void)weir__ws_write_out(&c->ws);
    (void)weir__ws_flushed(&c->ws, "ws end");
    if (why.code != 0)
        weir__error_restore(&why);
}

static void conn_ends(struct weir_conn *conn, void *state, int rc) {
    struct ws_conn *c = state;
    if (c->phase == LATE)
        say_late(c);
    else if (c->phase == TALKING || c->phase == ENDING)
        let_leave(c, rc);
}

/* Wait for the answer to our close frame. Messages are thrown away. */
static int hear(struct ws_conn *c) {
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

/* The server stops: behind what was queued the peer is told that we go, and may answer; one that
 * is told something already may hear it. All tasks of the connection have ended. */
static void say_goodbye(struct ws_conn *c, int rc) {
    struct weir_scope shield;
    bool is_open = c->ws.state == WS_OPEN && c->ws.failed == 0;
    if ((c->phase != TALKING && c->phase != ENDING) || c->ws.unsent != 0)
        return;
    if (is_open && weir__ws_queue_close(&c->ws, WEIR__WS_GOING_AWAY, "") < 0)
        return;
    c->rc = c->rc ? c->rc : is_open ? rc : 0;
    weir__timer_disarm(c->ws.config->loop->timers, &c->ws.timer);
    weir_shield_enter(&shield, c->lingers ? linger_ns(c) : c->ws.config->o.close_ns);
    rc = weir__ws_write_out(&c->ws);
    while (rc == 0 && c->ws.state == WS_CLOSING && c->ws.failed == 0)
        rc = hear(c);
    if (rc == 0)
        rc = weir__ws_write_out(&c->ws);
    if (c->ws.failed == 0 && c->ws.config->o.close_ns > WS_LINGER_NS)
        weir_scope_renew(&shield, WS_LINGER_NS);
    if (rc == 0 && (c->ws.failed != 0 || c->ws.lingers))
        wait_end(c);
    weir_scope_leave(&shield, rc);
}

static int end_code(const struct ws_conn *c, int rc) {
    if (c->phase >= OVER || c->rc != 0 || c->ws.state == WS_CLOSED)
        return c->rc;
    return c->ws.failed ? c->ws.failed : c->ws.unsent ? c->ws.unsent : rc < 0 ? rc : WEIR_EEOF;
}

/* Wait until all others have left: tasks elsewhere may be sending on it. */
static void last_out(struct weir_ws *ws) {
    struct ws_waiter w;
    weir__ws_wait_begin(ws, &w, WS_LEAVES_LAST);
    weir__ws_wake(ws);
    while (ws->inside > 0)
        weir__ws_wait_park(&w, "ws end");
    weir__ws_wait_end(ws, &w);
}

static void conn_closed(struct weir_conn *conn, void *state, int rc) {
    struct ws_conn *c = state;
    if (rc == -ECANCELED || rc == -ETIME)
        say_goodbye(c, rc);
    weir__timer_disarm(c->ws.config->loop->timers, &c->ws.timer);
    c->rc = end_code(c, rc);
    c->phase = OVER;
    tell_closed(c);
    c->ws.dropped = true;
    c->ws.stream = NULL;
    last_out(&c->ws);
    weir__ws_fini(&c->ws);
}

/* ---- the driver ---- */

static void react_flush(struct weir__flush *f) {
    struct ws_conn *c = WEIR_CONTAINER(f, struct ws_conn, ws.flush);
    if (c->ws.in_user) {
        suspended(c);
        weir__list_remove(&f->link); /* a pong was queued: it leaves now */
    }
    weir__ws_writer_start(&c->ws, weir_conn_group(c->conn));
}

static void react_left(struct weir_ws *ws) {
    weir__ws_wake(ws); /* last_out waits for this */
}

/* If the server stops, it says goodbye in a moment. */
static void react_abandoned(struct weir_ws *ws) {
    struct ws_conn *c = WEIR_CONTAINER(ws, struct ws_conn, ws);
    if (stops(c) != 0)
        ws->extra->orphaned = true;
    else if (weir__ws_parts_close(ws) == 0)
        closing(c, -EBUSY, ws->config->o.close_ns);
}

/* No direct sends: the end of a connection waits until outside tasks have left, and one that is
 * parked in a write would leave only after that. The queue is hot here, and the copy costs
 * little. */
static const struct ws_driver react_driver = {
    .flush = react_flush, .cut = react_cut, .left = react_left, .abandoned = react_abandoned};

/* ---- public ---- */

static struct ws_server *server_new(const struct weir_ws_reactive *r,
                                    const struct weir_ws_options *options) {
    struct ws_server *sv = weir__alloc_zero(sizeof *sv);
    struct ws_config *config = weir__ws_config_new(options, &react_driver);
    if (sv == NULL || config == NULL) {
        weir__free(sv);
        weir__free(config);
        return NULL;
    }
    memcpy(&sv->fn, r, r->size && r->size < sizeof sv->fn ? r->size : sizeof sv->fn);
    sv->config = config;
    sv->reacting = true;
    return sv;
}

int weir_ws_react(struct weir_listener *l, struct weir_group *g, const struct weir_ws_reactive *r,
                  const struct weir_ws_options *options) {
    if (g == NULL || r == NULL || r->message == NULL)
        WEIR_BUG("weir_ws_react: %s is required", g == NULL ? "a group" : "message");
    int entered = weir__suspend_enter("ws react");
    if (entered < 0)
        return entered;
    weir__not_null(l, "weir_ws_react");
    struct ws_server *sv = server_new(r, options);
    if (sv == NULL)
        return weir__fail(-ENOMEM, "ws react", NULL);
    struct weir_reactive raw = {.size = sizeof raw, .opened = conn_opened,
                                .state_size = sizeof(struct ws_conn) + r->state_size,
                                .message = conn_message, .closed = conn_closed, .arg = sv,
                                .stack_size = sv->fn.stack_size, .name = sv->fn.name};
    weir__group_open_under(&sv->group, g, WEIR_INDEPENDENT, server_idle);
    static const struct weir__react_hooks hooks = {came_ahead, conn_ends};
    int rc = weir__react(l, &sv->group, &raw, &hooks);
    sv->reacting = false;
    server_idle(&sv->group);
    return rc;
}

static void must_be_reactive(const struct weir_ws *ws, const char *call) {
    weir__not_null(ws, call);
    if (ws->config->driver != &react_driver)
        WEIR_BUG("%s: this connection has no server: it was dialled, or accepted by a task", call);
}

void *weir_ws_arg(struct weir_ws *ws) {
    must_be_reactive(ws, "weir_ws_arg");
    return server_of(WEIR_CONTAINER(ws, struct ws_conn, ws))->fn.arg;
}

int weir_ws_begin_close(struct weir_ws *ws, int code, const char *reason) {
    weir__not_null(ws, "weir_ws_begin_close");
    int forked = weir__loop_enter(ws->config->loop, "weir_ws_begin_close");
    if (forked < 0)
        return forked;
    if (ws->config->driver != &react_driver)
        WEIR_BUG("weir_ws_begin_close: this connection is yours: weir_ws_close closes it");
    struct ws_conn *c = WEIR_CONTAINER(ws, struct ws_conn, ws);
    int rc = weir__ws_close_check("ws begin close", code, reason);
    if (rc < 0)
        return rc;
    if (ws->state != WS_OPEN || ws->failed != 0)
        return 0;
    rc = weir__ws_queue_close(ws, code, reason ? reason : "");
    if (rc < 0)
        return rc;
    closing(c, 0, ws->config->o.close_ns);
    return 0;
}

struct weir_group *weir_ws_group(struct weir_ws *ws) {
    must_be_reactive(ws, "weir_ws_group");
    return weir_conn_group(WEIR_CONTAINER(ws, struct ws_conn, ws)->conn);
}

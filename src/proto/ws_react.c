/* SPDX-License-Identifier: MIT */
/* ws_react.c - a WebSocket server without a task per connection: weir_react brings bytes, a task
 * of the pool runs the user's functions, and what they sent is written before it ends.
 *
 *   SHAKING   gathers the request's head; bounded in time and size
 *   TALKING   feeds the decoder
 *   ENDING    our close frame is sent; the peer's is awaited, bounded in time
 *   OVER      nothing more is read */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_conn.h"

enum phase { SHAKING, TALKING, ENDING, OVER };

struct ws_server {
    struct weir_ws_reactive fn;
    struct ws_config *config;
    size_t live, refs;
};

struct ws_conn { /* the state of a weir_conn */
    struct weir_ws ws;
    struct ws_server *server;
    struct ws_bytes head;
    struct weir__timer bound; /* of the handshake, then of the closing handshake */
    uint8_t phase;
    bool counted, opened;
    int rc; /* what closed is told */
    _Alignas(16) uint8_t user[];
};

static void server_unref(struct ws_server *sv) {
    if (--sv->refs > 0)
        return;
    weir__ws_config_unref(sv->config);
    weir__free(sv);
}

static void bound_over(struct weir__timer *t) {
    struct ws_conn *c = WEIR_CONTAINER(t, struct ws_conn, bound);
    c->rc = c->phase == SHAKING ? -ETIME : WEIR_EEOF;
    c->phase = OVER;
    weir_conn_close(c->ws.conn);
}

static void bound_arm(struct ws_conn *c, weir_ns after) {
    weir__timer_arm(c->ws.loop->timers, &c->bound, weir__loop_now(c->ws.loop) + after);
}

static void end(struct ws_conn *c, int rc) {
    if (c->phase == OVER)
        return;
    c->rc = rc;
    c->phase = OVER;
    weir_conn_close(c->ws.conn);
}

/* Our close frame is queued: write it, then wait for the peer's. */
static void closing(struct ws_conn *c, int rc) {
    c->rc = rc;
    if (c->phase != TALKING)
        return;
    c->phase = ENDING;
    bound_arm(c, c->ws.config->o.close_ns);
}

static void fail(struct ws_conn *c, int rc) {
    const struct weir_error *e = weir_error(rc);
    if (c->ws.state == WS_OPEN)
        (void)weir__ws_queue_close(&c->ws, WEIR__WS_INTERNAL, e ? e->text : weir_error_text(rc));
    closing(c, rc);
}

/* ---- the handshake ---- */

static int conn_opened(struct weir_conn *conn, void *state) {
    struct ws_conn *c = state;
    struct ws_server *sv = c->server = weir_conn_arg(conn);
    weir__ws_init(&c->ws, weir_conn_stream(conn), sv->config, WEIR__WS_SERVER);
    sv->config->refs++;
    sv->refs++;
    c->ws.conn = conn;
    weir__timer_init(&c->bound, bound_over);
    if (sv->live >= sv->config->o.connections_max) {
        struct ws_answer a;
        weir__ws_refuse(&c->ws, WEIR_EHTTP, 503, "too many connections", &a);
        (void)weir_write(c->ws.stream, a.text, a.len);
        c->phase = OVER;
        weir_conn_close(conn);
        return 0;
    }
    c->counted = true;
    sv->live++;
    bound_arm(c, sv->config->o.handshake_ns);
    return 0;
}

static int head_append(struct ws_conn *c, const uint8_t *base, size_t len) {
    size_t max = c->server->config->o.head_max + 1; /* one more, so that the parser says why */
    if (c->head.base == NULL && (c->head.base = weir__alloc(max)) == NULL)
        return -ENOMEM;
    size_t n = len < max - c->head.len ? len : max - c->head.len;
    memcpy(c->head.base + c->head.len, base, n);
    c->head.len += n;
    return (int)n;
}

static void head_drop(struct ws_conn *c) {
    weir__free(c->head.base);
    c->head = (struct ws_bytes){0};
}

static int user_opened(struct ws_conn *c) {
    weir__timer_disarm(c->ws.loop->timers, &c->bound);
    c->phase = TALKING;
    weir__ws_keep_start(&c->ws);
    c->opened = true;
    int rc = c->server->fn.opened ? c->server->fn.opened(&c->ws, c->user) : 0;
    if (rc < 0)
        fail(c, rc);
    return 0;
}

/* Look at the head that has come. Returns its size, 0: not whole, -1: refused and ended. */
static int shake(struct ws_conn *c, const uint8_t *head, size_t len) {
    struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
    struct weir__http1 h;
    struct ws_answer a;
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &c->server->config->http);
    int size = weir__http1_parse(&h, head, len);
    if (size == 0)
        return 0;
    if (size < 0)
        weir__ws_refuse(&c->ws, size, h.answer, h.why, &a);
    else
        weir__ws_answer(&c->ws, &h, head, &a);
    int rc = weir_write(c->ws.stream, a.text, a.len);
    if (a.rc < 0)
        (void)weir_shutdown(c->ws.stream);
    if (a.rc < 0 || rc < 0) {
        end(c, a.rc < 0 ? a.rc : rc);
        return -1;
    }
    return size;
}

/* Returns how many bytes of the piece belong to the head; -1: ended. */
static ssize_t shake_piece(struct ws_conn *c, const uint8_t *base, size_t len) {
    size_t before = c->head.len;
    if (before == 0) { /* mostly it comes whole */
        int size = shake(c, base, len);
        if (size != 0)
            return size;
    }
    int taken = head_append(c, base, len);
    int size = taken < 0 ? taken : before == 0 ? 0 : shake(c, c->head.base, c->head.len);
    if (taken < 0)
        end(c, -ENOMEM);
    if (size < 0)
        return -1;
    return size > 0 ? size - (ssize_t)before : (ssize_t)len;
}

/* ---- messages ---- */

static void on_message(struct ws_conn *c, const struct weir_ws_message *m) {
    if (c->phase != TALKING)
        return; /* after our close frame nothing is delivered */
    int rc = c->server->fn.message(&c->ws, c->user, m);
    if (rc < 0)
        fail(c, rc);
    weir__ws_message_drop(&c->ws); /* an idle connection keeps no buffer */
}

static void feed(struct ws_conn *c, uint8_t *base, size_t len) {
    while (len > 0 && c->phase != OVER) {
        struct weir_ws_message m;
        size_t used;
        int rc = weir__ws_feed(&c->ws, base, len, &used, &m);
        base += used;
        len -= used;
        if (rc > 0) {
            on_message(c, &m);
        } else if (rc < 0) {
            (void)weir__ws_write_out(&c->ws); /* the close frame */
            if (rc == WEIR_EWSCLOSED)
                (void)weir_shutdown(c->ws.stream);
            end(c, rc == WEIR_EWSCLOSED ? (c->phase == ENDING ? c->rc : 0) : rc);
        }
    }
}

static int conn_message(struct weir_conn *conn, void *state, struct weir_view v) {
    struct ws_conn *c = state;
    uint8_t *base = (uint8_t *)(uintptr_t)v.base; /* lent to us to write: unmasked in place */
    size_t len = v.len;
    if (c->phase == SHAKING) {
        ssize_t n = shake_piece(c, base, len);
        if (n < 0 || c->ws.path == NULL)
            return 0;
        base += n;
        len -= (size_t)n;
        head_drop(c);
        user_opened(c);
    }
    ws_heard(&c->ws);
    feed(c, base, len);
    if (c->ws.queue.len > 0 && c->ws.stream != NULL) {
        int rc = weir__ws_write_out(&c->ws);
        if (rc < 0)
            end(c, rc);
    }
    return 0;
}

/* ---- the end ---- */

/* The server's group was cancelled: tell the peer that we go. */
static void say_goodbye(struct ws_conn *c) {
    struct weir_scope shield;
    if (c->ws.state != WS_OPEN || c->ws.failed != 0 || c->phase != TALKING)
        return;
    (void)weir__ws_queue_close(&c->ws, WEIR__WS_GOING_AWAY, "");
    weir_shield_enter(&shield, c->ws.config->o.close_ns);
    int rc = weir__ws_write_out(&c->ws);
    if (rc == 0)
        rc = weir_shutdown(c->ws.stream);
    weir_scope_leave(&shield, rc);
}

static void conn_closed(struct weir_conn *conn, void *state, int rc) {
    struct ws_conn *c = state;
    struct ws_server *sv = c->server;
    if (rc == -ECANCELED)
        say_goodbye(c);
    weir__timer_disarm(c->ws.loop->timers, &c->bound);
    if (c->phase != OVER && c->rc == 0)
        c->rc = c->ws.failed ? c->ws.failed : rc < 0 ? rc : WEIR_EEOF;
    c->phase = OVER;
    if (c->ws.code == 0)
        c->ws.code = WEIR__WS_ABNORMAL;
    if (c->opened && sv->fn.closed != NULL)
        sv->fn.closed(&c->ws, c->user, c->rc);
    head_drop(c);
    sv->live -= c->counted;
    c->ws.dropped = true;
    c->ws.stream = NULL;
    weir__ws_last_out(&c->ws); /* tasks elsewhere may be sending on it */
    weir__ws_fini(&c->ws);
    server_unref(sv);
}

/* ---- public ---- */

static struct ws_server *server_new(const struct weir_ws_reactive *r,
                                    const struct weir_ws_options *options) {
    struct ws_server *sv = weir__alloc_zero(sizeof *sv);
    struct ws_config *config = weir__ws_config_new(options);
    if (sv == NULL || config == NULL) {
        weir__free(sv);
        weir__free(config);
        return NULL;
    }
    memcpy(&sv->fn, r, r->size && r->size < sizeof sv->fn ? r->size : sizeof sv->fn);
    sv->config = config;
    sv->refs = 1;
    return sv;
}

int weir_ws_react(struct weir_listener *l, struct weir_group *g, const struct weir_ws_reactive *r,
                  const struct weir_ws_options *options) {
    WEIR_CHECK(r->message != NULL);
    struct ws_server *sv = server_new(r, options);
    if (sv == NULL)
        return weir__fail(-ENOMEM, "ws react", NULL);
    struct weir_reactive raw = {.size = sizeof raw, .opened = conn_opened,
                                .state_size = sizeof(struct ws_conn) + r->state_size,
                                .message = conn_message, .closed = conn_closed, .arg = sv};
    int rc = weir_react(l, g, &raw);
    server_unref(sv);
    return rc;
}

void *weir_ws_arg(struct weir_ws *ws) {
    WEIR_CHECK(ws->conn != NULL);
    return WEIR_CONTAINER(ws, struct ws_conn, ws)->server->fn.arg;
}

int weir_ws_end(struct weir_ws *ws, int code, const char *reason) {
    weir__loop_assert(ws->loop, "weir_ws_end");
    if (ws->conn == NULL)
        WEIR_BUG("weir_ws_end: this connection is yours: weir_ws_close ends it");
    struct ws_conn *c = WEIR_CONTAINER(ws, struct ws_conn, ws);
    if (!weir__ws_code_valid((unsigned)code))
        return weir__failf(-EINVAL, "ws end", NULL, "%d is no code to send", code);
    if (ws->state != WS_OPEN || ws->failed != 0)
        return 0;
    int rc = weir__ws_queue_close(ws, code, reason ? reason : "");
    if (rc < 0)
        return rc;
    closing(c, 0);
    return 0;
}

struct weir_group *weir_ws_group(struct weir_ws *ws) {
    WEIR_CHECK(ws->conn != NULL);
    return weir_conn_group(ws->conn);
}

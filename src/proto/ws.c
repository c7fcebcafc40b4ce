/* SPDX-License-Identifier: MIT */
/* ws.c - the public calls on one connection, driven by the task that calls: dial, accept, receive,
 * send, close, drop. Reactive connections (ws_react.c) share all but receive and drop. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_conn.h"
#include "wire/uri.h"
#include "wire/utf8.h"

/* ---- config ---- */

static void fill_defaults(struct weir_ws_options *o) {
    o->message_max = o->message_max ? o->message_max : 1 << 20;
    o->frame_max = o->frame_max ? o->frame_max : o->message_max;
    o->head_max = o->head_max ? o->head_max : 8192;
    o->queue_max = o->queue_max ? o->queue_max : 1 << 20;
    o->handshake_ns = o->handshake_ns ? o->handshake_ns : WEIR_SECONDS(10);
    o->ping_ns = o->ping_ns ? o->ping_ns : WEIR_SECONDS(20);
    o->pong_ns = o->pong_ns ? o->pong_ns : WEIR_SECONDS(20);
    o->close_ns = o->close_ns ? o->close_ns : WEIR_SECONDS(5);
    o->connections_max = o->connections_max ? o->connections_max : 10000;
}

struct ws_config *weir__ws_config_new(const struct weir_ws_options *options) {
    struct ws_config *c = weir__alloc_zero(sizeof *c);
    if (c == NULL)
        return NULL;
    if (options != NULL)
        memcpy(&c->o, options,
               options->size && options->size < sizeof c->o ? options->size : sizeof c->o);
    fill_defaults(&c->o);
    c->limits = (struct weir__ws_limits){.frame_max = c->o.frame_max,
                                         .message_max = c->o.message_max};
    c->http = weir__http1_limits_default;
    c->http.head_size_max = (uint32_t)c->o.head_max;
    c->refs = 1;
    return c;
}

void weir__ws_config_unref(struct ws_config *c) {
    if (--c->refs > 0)
        return;
    weir__free(c->spare);
    weir__free(c);
}

/* ---- life ---- */

void weir__ws_init(struct weir_ws *ws, struct weir_stream *s, struct ws_config *c,
                   enum weir__ws_role role) {
    memset(ws, 0, sizeof *ws);
    ws->stream = s;
    ws->loop = weir__loop();
    ws->config = c;
    ws->role = (uint8_t)role;
    ws->flush.flush = weir__ws_flush_hook;
    weir__list_init(&ws->flush.link);
    weir__timer_init(&ws->timer, NULL);
    weir__ws_decoder_init(&ws->decoder, role, &c->limits);
}

void weir__ws_fini(struct weir_ws *ws) {
    weir__timer_disarm(ws->loop->timers, &ws->timer);
    weir__list_remove(&ws->flush.link);
    weir__free(ws->message.base);
    weir__free(ws->queue.base);
    weir__free(ws->tail);
    weir__free(ws->path);
    weir__free(ws->subprotocol);
    weir__free(ws->reason);
    weir__ws_config_unref(ws->config);
}

void weir__ws_leave(struct weir_ws *ws) {
    WEIR_CHECK(ws->inside > 0);
    if (--ws->inside > 0 || !ws->dropped)
        return;
    if (ws->last != NULL) {
        weir__unpark(ws->last, 0);
    } else if (ws->conn == NULL) {
        weir__ws_fini(ws);
        weir__free(ws);
    }
}

void weir__ws_last_out(struct weir_ws *ws) {
    weir__ws_wake(ws);
    if (ws->inside == 0)
        return;
    struct weir__park p = {.what = "ws close", .on = ws};
    ws->last = &p;
    weir__park(&p);
    ws->last = NULL;
}

void weir__ws_broke(struct weir_ws *ws, int rc) {
    if (ws->failed != 0)
        return;
    ws->failed = rc;
    ws->code = ws->code ? ws->code : WEIR__WS_ABNORMAL;
    weir__ws_wake(ws);
    if (rc != WEIR_EKEEPALIVE)
        return;
    if (ws->conn != NULL)
        weir_conn_close(ws->conn);
    else
        weir_close(&ws->stream); /* wakes whoever reads */
}

static int enter(struct weir_ws *ws, const char *what) {
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    weir__loop_assert(ws->loop, what);
    ws->inside++;
    return 0;
}

static struct weir_ws *ws_new(struct weir_stream *s, const struct weir_ws_options *options,
                              enum weir__ws_role role) {
    struct weir_ws *ws = weir__alloc(sizeof *ws);
    struct ws_config *c = weir__ws_config_new(options);
    if (ws == NULL || c == NULL) {
        weir__free(ws);
        weir__free(c);
        return NULL;
    }
    weir__ws_init(ws, s, c, role);
    return ws;
}

static void ws_free(struct weir_ws *ws) {
    weir_close(&ws->stream);
    weir__ws_fini(ws);
    weir__free(ws);
}

/* ---- open ---- */

static int url_check(const char *url, struct weir__uri *ret_uri) {
    int rc = weir__uri_parse(ret_uri, url, strlen(url), false);
    if (rc < 0)
        return weir__failf(rc, "ws dial", url, "%s", ret_uri->why);
    if (ret_uri->scheme == WEIR__URI_WSS)
        return weir__fail(WEIR_ENOTLS, "ws dial", url);
    if (ret_uri->scheme != WEIR__URI_WS)
        return weir__failf(WEIR_EURL, "ws dial", url, "the scheme must be ws");
    return 0;
}

static int dial_tcp(const char *url, const struct weir__uri *u, struct weir_stream **ret_stream) {
    char tcp[320];
    bool six = u->host_kind == WEIR__URI_IPV6;
    int n = snprintf(tcp, sizeof tcp, "tcp://%s%.*s%s:%u", six ? "[" : "", (int)u->host.len,
                     url + u->host.offset, six ? "]" : "", u->port);
    if (n < 0 || (size_t)n >= sizeof tcp)
        return weir__failf(WEIR_EURL, "ws dial", url, "the host is too long");
    return weir_dial(tcp, NULL, ret_stream);
}

static int dial_within(const char *url, const struct weir__uri *u, struct weir_ws *ws) {
    int rc = dial_tcp(url, u, &ws->stream);
    if (rc < 0)
        return rc;
    return weir__ws_shake_client(ws, url + u->authority.offset, u->authority.len,
                                 url + u->path.offset, u->path.len);
}

int weir_ws_dial(const char *url, const struct weir_ws_options *options, struct weir_ws **ret_ws) {
    struct weir__uri u;
    struct weir_scope s;
    int rc = weir__suspend_enter("ws dial");
    if (rc < 0 || (rc = url_check(url, &u)) < 0)
        return rc;
    struct weir_ws *ws = ws_new(NULL, options, WEIR__WS_CLIENT);
    if (ws == NULL)
        return weir__fail(-ENOMEM, "ws dial", url);
    weir_scope_enter(&s, ws->config->o.handshake_ns);
    rc = weir_scope_leave(&s, dial_within(url, &u, ws));
    if (rc < 0) {
        ws_free(ws);
        return rc;
    }
    weir__ws_keep_start(ws);
    *ret_ws = ws;
    return 0;
}

int weir_ws_accept(struct weir_stream **take_stream, const struct weir_ws_options *options,
                   struct weir_ws **ret_ws) {
    struct weir_scope s;
    int rc = weir__suspend_enter("ws accept");
    struct weir_ws *ws = rc < 0 ? NULL : ws_new(*take_stream, options, WEIR__WS_SERVER);
    if (ws == NULL) {
        weir_close(take_stream);
        return rc < 0 ? rc : weir__fail(-ENOMEM, "ws accept", NULL);
    }
    *take_stream = NULL;
    weir_scope_enter(&s, ws->config->o.handshake_ns);
    rc = weir_scope_leave(&s, weir__ws_shake_server(ws));
    if (rc < 0) {
        ws_free(ws);
        return rc;
    }
    weir__ws_keep_start(ws);
    *ret_ws = ws;
    return 0;
}

/* ---- receive ---- */

static int stream_ended(struct weir_ws *ws, ssize_t n) {
    int rc = n < 0 ? (int)n : WEIR_EEOF;
    if (rc == -ECANCELED || rc == -ETIME)
        return rc; /* the caller's, not the connection's */
    if (ws->failed != 0 && rc == WEIR_ECLOSED)
        return weir__fail(ws->failed, "ws receive", NULL);
    weir__ws_broke(ws, rc);
    return n < 0 ? rc : weir__fail(rc, "ws receive", weir_ws_peer(ws));
}

static int receive_next(struct weir_ws *ws, struct weir_ws_message *ret) {
    for (;;) {
        struct weir_view v;
        if (ws->stream == NULL)
            return weir__fail(ws->failed ? ws->failed : WEIR_ECLOSED, "ws receive", NULL);
        weir_consume(ws->stream, ws->used);
        ws->used = 0;
        if (ws->state == WS_CLOSED)
            return weir__fail(WEIR_EWSCLOSED, "ws receive", weir_ws_peer(ws));
        ssize_t n = weir_peek(ws->stream, 1, &v);
        if (n <= 0)
            return ws->dropped ? WEIR_ECLOSED : stream_ended(ws, n);
        ws_heard(ws);
        int rc = weir__ws_feed(ws, (uint8_t *)(uintptr_t)v.base, v.len, &ws->used, ret);
        if (rc != 0)
            return rc > 0 ? 0 : rc;
    }
}

/* What was queued for the peer's information leaves before the caller drops the connection. */
static void flush_bounded(struct weir_ws *ws) {
    struct weir_scope s;
    weir_shield_enter(&s, ws->config->o.close_ns);
    (void)weir_scope_leave(&s, weir__ws_write_out(ws));
}

int weir_ws_receive(struct weir_ws *ws, struct weir_ws_message *ret_message) {
    int rc = enter(ws, "ws receive");
    if (rc < 0)
        return rc;
    if (ws->conn != NULL || ws->receiving) {
        weir__ws_leave(ws);
        return weir__failf(-EBUSY, "ws receive", NULL, "another task, or the server, receives");
    }
    ws->receiving = true;
    rc = ws->failed != 0 ? weir__fail(ws->failed, "ws receive", NULL)
                         : receive_next(ws, ret_message);
    if (rc < 0 && !ws->dropped && rc != -ECANCELED && rc != -ETIME && ws->queue.len > 0) {
        struct weir_error kept = {0};
        const struct weir_error *e = weir_error(rc);
        if (e != NULL)
            kept = *e;
        flush_bounded(ws);
        if (kept.code == rc)
            weir__error_restore(&kept);
    }
    ws->receiving = false;
    weir__ws_wake(ws);
    weir__ws_leave(ws);
    return rc;
}

/* ---- send ---- */

static int send_check(struct weir_ws *ws, enum weir_ws_type type, const void *data, size_t len) {
    if (len > ws->config->o.queue_max)
        return weir__failf(WEIR_ETOOBIG, "ws send", NULL, "%zu bytes; the queue holds %zu", len,
                           ws->config->o.queue_max);
    if (type == WEIR_WS_TEXT && !weir__utf8_valid(data, len))
        return weir__fail(WEIR_EUTF8, "ws send", NULL);
    return 0;
}

static int send_state(struct weir_ws *ws) {
    if (ws->dropped)
        return weir__fail(WEIR_ECLOSED, "ws send", NULL);
    if (ws->failed != 0)
        return weir__fail(ws->failed, "ws send", weir_ws_peer(ws));
    if (ws->state != WS_OPEN)
        return weir__fail(WEIR_EWSCLOSED, "ws send", weir_ws_peer(ws));
    return 0;
}

static bool has_room(const struct weir_ws *ws, size_t len) {
    size_t queued = ws_queued(ws);
    return queued == 0 || queued + len <= ws->config->o.queue_max;
}

/* Wait until the queue has room and nobody else is in the middle of a message. */
static int send_turn(struct weir_ws *ws, size_t len) {
    struct weir_task *me = weir_task_current();
    int rc;
    while ((rc = send_state(ws)) == 0 &&
           ((ws->parting != NULL && ws->parting != me) || !has_room(ws, len)))
        if ((rc = weir__ws_wait(ws, "ws send")) < 0)
            return rc;
    return rc;
}

static int send_frame(struct weir_ws *ws, unsigned first_byte, enum weir_ws_type type,
                      const void *data, size_t len) {
    int rc = enter(ws, "ws send");
    if (rc < 0)
        return rc;
    rc = send_check(ws, type, data, len);
    if (rc == 0)
        rc = send_turn(ws, len);
    if (rc == 0)
        rc = weir__ws_queue(ws, first_byte, data, len);
    weir__ws_leave(ws);
    return rc;
}

int weir_ws_send(struct weir_ws *ws, enum weir_ws_type type, const void *data, size_t len) {
    return send_frame(ws, (unsigned)type | WEIR__WS_FIN, type, data, len);
}

int weir_ws_try_send(struct weir_ws *ws, enum weir_ws_type type, const void *data, size_t len) {
    weir__loop_assert(ws->loop, "ws send");
    int rc = send_check(ws, type, data, len);
    if (rc < 0 || (rc = send_state(ws)) < 0)
        return rc;
    if (ws->parting != NULL || !has_room(ws, len))
        return -EAGAIN;
    return weir__ws_queue(ws, (unsigned)type | WEIR__WS_FIN, data, len);
}

int weir_ws_send_part(struct weir_ws *ws, enum weir_ws_type type, const void *data, size_t len,
                      bool fin) {
    bool first = ws->parting != weir_task_current();
    unsigned byte = (first ? (unsigned)type : WEIR__WS_CONTINUATION) | (fin ? WEIR__WS_FIN : 0u);
    /* A part may cut a character: only the whole must be text, which is the sender's to see to. */
    int rc = send_frame(ws, byte, WEIR_WS_BINARY, data, len);
    if (rc < 0)
        return rc;
    ws->parting = fin ? NULL : weir_task_current();
    if (fin)
        weir__ws_wake(ws);
    return 0;
}

int weir_ws_flush(struct weir_ws *ws) {
    int rc = enter(ws, "ws flush");
    if (rc < 0)
        return rc;
    while (rc == 0 && ws->failed == 0 && !ws->dropped && ws_queued(ws) > 0)
        rc = weir__ws_wait(ws, "ws flush");
    if (rc == 0 && (ws->failed != 0 || ws->dropped))
        rc = weir__fail(ws->dropped ? WEIR_ECLOSED : ws->failed, "ws flush", NULL);
    weir__ws_leave(ws);
    return rc;
}

size_t weir_ws_queued(const struct weir_ws *ws) {
    return ws_queued(ws);
}

/* ---- the end ---- */

static int close_within(struct weir_ws *ws) {
    struct weir_ws_message m;
    int rc = 0;
    if (!ws->receiving) {
        ws->receiving = true;
        while (ws->state != WS_CLOSED && rc == 0)
            rc = receive_next(ws, &m);
        ws->receiving = false;
    }
    while (ws->state != WS_CLOSED && ws->failed == 0 && !ws->dropped && rc == 0)
        rc = weir__ws_wait(ws, "ws close"); /* another task receives */
    if (ws->state != WS_CLOSED)
        return rc < 0 ? rc : WEIR_EEOF;
    return ws->dropped ? 0 : weir__ws_write_out(ws);
}

int weir_ws_close(struct weir_ws *ws, int code, const char *reason) {
    struct weir_scope s;
    if (!weir__ws_code_valid((unsigned)code))
        return weir__failf(-EINVAL, "ws close", NULL, "%d is no code to send", code);
    int rc = enter(ws, "ws close");
    if (rc < 0)
        return rc;
    if (ws->state == WS_OPEN && ws->failed == 0)
        rc = weir__ws_queue_close(ws, code, reason ? reason : "");
    weir_scope_enter(&s, ws->config->o.close_ns);
    if (rc == 0)
        rc = close_within(ws);
    bool outer = rc < 0 && (rc = weir_scope_leave(&s, rc), weir_cancelled() != 0);
    if (rc >= 0)
        weir_scope_leave(&s, rc);
    weir__ws_leave(ws);
    if (rc >= 0 || outer)
        return rc;
    return weir__failf(WEIR_EEOF, "ws close", NULL, "the peer did not answer the close");
}

void weir_ws_drop(struct weir_ws **take_ws) {
    if (take_ws == NULL || *take_ws == NULL)
        return;
    struct weir_ws *ws = *take_ws;
    *take_ws = NULL;
    weir__loop_assert(ws->loop, "weir_ws_drop");
    if (ws->conn != NULL)
        WEIR_BUG("weir_ws_drop: a reactive connection is the server's: weir_ws_end ends it");
    ws->dropped = true;
    weir__timer_disarm(ws->loop->timers, &ws->timer);
    weir_close(&ws->stream);
    weir__ws_wake(ws);
    ws->inside++;
    weir__ws_leave(ws);
}

/* ---- asking ---- */

const char *weir_ws_path(const struct weir_ws *ws) {
    return ws->path ? ws->path : "/";
}

const char *weir_ws_subprotocol(const struct weir_ws *ws) {
    return ws->subprotocol ? ws->subprotocol : "";
}

const char *weir_ws_peer(const struct weir_ws *ws) {
    return ws->stream ? weir_stream_peer(ws->stream) : "";
}

int weir_ws_close_code(const struct weir_ws *ws) {
    return ws->code;
}

const char *weir_ws_close_reason(const struct weir_ws *ws) {
    return ws->reason ? ws->reason : "";
}

const char *weir_ws_code_text(int code) {
    static const struct {
        int code;
        const char *text;
    } texts[] = {
        {1000, "OK"},           {1001, "going away"},       {1002, "protocol error"},
        {1003, "unsupported data"}, {1005, "no status received"}, {1006, "abnormal closure"},
        {1007, "invalid data"}, {1008, "policy violation"}, {1009, "message too big"},
        {1010, "extension required"}, {1011, "internal error"}, {1012, "service restart"},
        {1013, "try again later"}, {1014, "bad gateway"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == code)
            return texts[i].text;
    return "unknown";
}

/* SPDX-License-Identifier: MIT */
/* server.c - a server without a task per connection: the life of a connection on the machinery of
 * weir_react, its bounds, and how the server stops. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
#include "base/time.h"
#include "http/conn.h"

/* ---- the driver ---- */

/* weir__conn_next knows no scopes' codes: a wait that was cut short returns -ECANCELED. */
static int64_t conn_next(struct weir_http *h) {
    struct http_conn *c = WEIR_CONTAINER(h, struct http_conn, http);
    struct weir_view v;
    ssize_t n = weir__conn_next(c->conn, &v);
    if (n > 0) {
        h->at = v.base;
        h->left = v.len;
        if (c->phase == HTTP_PHASE_RUNS && h->request != NULL && h->request->ends_when_gone)
            (void)weir__conn_ahead(c->conn);
    }
    return n == -ECANCELED && weir_cancelled() != 0 ? weir_cancelled() : n;
}

static struct weir_group *conn_group(struct weir_http *h) {
    return weir_conn_group(WEIR_CONTAINER(h, struct http_conn, http)->conn);
}

static void conn_left(struct weir_http *h) {}

static void conn_watch(struct weir_http *h) {
    struct http_conn *c = WEIR_CONTAINER(h, struct http_conn, http);
    if (c->has_left)
        weir__http_left(h->request);
    else
        (void)weir__conn_ahead(c->conn);
}

/* Something has come while a function runs, because conn_watch has asked for it. */
static enum weir__ahead conn_ahead(struct weir_conn *conn, void *state, struct weir_view v,
                                   int rc) {
    struct http_conn *c = state;
    c->has_left = v.len == 0;
    if (c->has_left && c->http.running)
        weir__http_left(c->http.request);
    return WEIR__AHEAD_KEEP;
}

static const struct http_driver conn_driver = {conn_next, conn_group, conn_left, conn_watch,
                                               .may_batch = true, .keeps_rest = true};

/* ---- bounds ---- */

static void over(struct http_conn *c) {
    c->phase = HTTP_PHASE_OVER;
    weir_conn_close(c->conn);
}

/* Between two requests. */
static void over_at_rest(struct http_conn *c) {
    c->rested = true;
    over(c);
}

/* The bound of c's phase is over. */
static void expired(struct http_conn *c) {
    bool has_begun = c->phase == HTTP_PHASE_BODY || weir__http_head_has_begun(&c->http);
    if (c->phase == HTTP_PHASE_LINGERS) {
        over(c);
        return;
    }
    if (!has_begun) {
        over_at_rest(c);
        return;
    }
    c->phase = HTTP_PHASE_LATE;
    weir_conn_close(c->conn); /* its last task calls conn_ends, which answers */
}

/* The timer is armed anew only when it fires, or for an earlier time than it is armed for: a
 * connection that is busy costs no work in the timers. */
static void look(struct weir__timer *t) {
    struct http_conn *c = WEIR_CONTAINER(t, struct http_conn, timer);
    struct weir__loop *l = c->http.config->loop;
    if (c->due == WEIR_NEVER)
        return;
    if (weir__loop_now(l) >= c->due)
        expired(c);
    else
        weir__timer_arm(l->timers, t, c->due);
}

void weir__http_bound(struct http_conn *c, weir_ns due) {
    c->due = due;
    if (due != WEIR_NEVER && (!weir__timer_armed(&c->timer) || due < c->timer.deadline_ns))
        weir__timer_arm(c->http.config->loop->timers, &c->timer, due);
}

/* ---- the end of a connection ---- */

void weir__http_conn_last(struct http_conn *c) {
    struct weir_http *h = &c->http;
    c->due = WEIR_NEVER;
    if (h->cut)
        weir__http_linger(h); /* this task is cancelled: it can only wait within a shield */
    if (h->cut || weir__http_shut(h) < 0) {
        over(c);
        return;
    }
    c->phase = HTTP_PHASE_LINGERS;
    c->discarded = 0;
    weir__http_bound(c, weir__deadline(weir__loop_now(h->config->loop), HTTP_LINGER_NS));
}

/* The backend or a writer's task still has answers. The end of the connection would cancel the
 * writer, so wait for it. What the client has sent meanwhile is unread: a close would then be a
 * reset, which drops the answers that are on their way. */
static void send_rest(struct http_conn *c) {
    struct weir_http *h = &c->http;
    struct weir_scope shield, bound;
    weir_shield_enter(&shield, HTTP_LINGER_NS);
    weir_scope_enter(&bound, h->config->o.send_ns);
    int rc = weir__http_send(h, NULL, 0);
    weir_scope_leave(&bound, rc);
    weir_scope_leave(&shield, 0);
    if (rc == 0 && c->phase != HTTP_PHASE_LATE && !h->running)
        weir__http_linger(h);
}

/* A reactive server's request ends within its body, for the reason why. */
static void body_ends(struct http_conn *c, int why) {
    struct http_request *r = c->http.request;
    (void)weir__http_finish(r, why);
    weir__http_react_done(c, why);
    weir__http_over(r);
}

/* In the connection's last task. If its bound is over, answer 408 to a client that was too slow. If
 * the client has left within a body, end the request as one whose handler has met that. */
static void conn_ends(struct weir_conn *conn, void *state, int rc) {
    struct http_conn *c = state;
    struct weir_http *h = &c->http;
    struct weir_scope shield, bound;
    if (rc == 0 && !h->broken && (h->writing || http_unsent(h) > 0))
        send_rest(c);
    else if (c->rested && weir__stream_unacked(h->stream) > 0)
        weir__http_linger(h); /* else a request that comes now resets the answer before it */
    bool is_late = c->phase == HTTP_PHASE_LATE;
    if (!is_late && !h->running)
        return;
    c->phase = HTTP_PHASE_LATE;
    if (!is_late && weir_cancelled() != 0) {
        body_ends(c, weir_cancelled());
        return;
    }
    weir_shield_enter(&shield, HTTP_LINGER_NS);
    weir_scope_enter(&bound, HTTP_LINGER_NS);
    struct http_request *r = h->request;
    if (h->running) {
        body_ends(c, is_late ? weir__http_body_late(r) : weir__http_body_stopped(r, rc));
    } else {
        (void)weir__http_refuse(r, 408, "the request came too slowly");
        weir__http_over(r);
    }
    weir_scope_leave(&bound, 0);
    weir_scope_leave(&shield, 0);
    weir__http_linger(h);
    c->phase = HTTP_PHASE_OVER;
}

static void gone(struct http_server *sv) {
    if (--sv->live == 0)
        weir__waitq_wake_all(&sv->drained, 0);
}

static void conn_closed(struct weir_conn *conn, void *state, int rc) {
    struct http_conn *c = state;
    struct http_server *sv = http_server_of(c);
    weir__timer_disarm(c->http.config->loop->timers, &c->timer);
    weir__list_remove(&c->link);
    weir__http_react_done(c, rc < 0 ? rc : WEIR_EEOF);
    gone(sv);
    weir__http_fini(&c->http);
}

/* ---- another protocol ---- */

/* The head as it was sent, and what follows it. */
static uint8_t *handshake_of(struct weir_http *h, size_t *ret_len) {
    struct http_request *r = h->request;
    uint8_t *bytes = weir__alloc(r->text_len + h->left);
    if (bytes == NULL)
        return NULL;
    weir__http_request_join(&r->pub);
    memcpy(bytes, r->pub.text, r->text_len);
    memcpy(bytes + r->text_len, h->at, h->left);
    weir__http_request_cut(&r->pub);
    *ret_len = r->text_len + h->left;
    return bytes;
}

/* The state of the new functions begins where c lies: c is moved away first, and back if that
 * fails. */
int weir__http_conn_become(struct http_conn *c) {
    struct http_server *sv = http_server_of(c);
    struct weir_conn *conn = c->conn;
    struct react_server *next = c->http.becomes;
    struct http_upgraded *upgraded = NULL;
    bool is_logged = sv->config->logged != NULL;
    size_t len;
    int rc = weir__http_send(&c->http, NULL, 0); /* the answers before it */
    c->http.becomes = NULL;
    if (rc == 0 && sv->draining) /* others that have become one hear 1001 already */
        return (rc = weir_http_reply(&c->http.request->pub, 503, NULL)) < 0 ? rc : 1;
    uint8_t *bytes = rc < 0 ? NULL : handshake_of(&c->http, &len);
    if (bytes != NULL && is_logged && (upgraded = weir__http_upgraded_new()) == NULL) {
        weir__free(bytes);
        bytes = NULL;
    }
    if (bytes == NULL)
        return rc < 0 ? rc : weir__fail(-ENOMEM, "http upgrade", weir_stream_peer(c->http.stream));
    weir__list_remove(&c->http.flush.link);
    weir__list_remove(&c->link);
    weir__timer_disarm(c->http.config->loop->timers, &c->timer);
    struct http_conn was = *c;
    rc = weir__conn_become(conn, next, (struct weir_view){bytes, len});
    weir__free(bytes);
    struct http_conn *is = rc == 0 ? &was : c;
    weir__list_init(&is->http.flush.link);
    weir__list_init(&is->link);
    if (rc < 0) {
        weir__list_add_tail(&sv->conns, &c->link);
        weir__free(upgraded);
        return rc;
    }
    was.http.request->http = &was.http;
    if (is_logged)
        weir__http_upgraded_keep(upgraded, &was.http, conn);
    else
        weir__http_over(was.http.request);
    gone(sv);
    weir__http_fini(&was.http);
    return 0;
}

/* ---- its beginning ---- */

static void turn_away(struct http_conn *c) {
    struct weir_http *h = &c->http;
    h->request = weir__http_request_take(h->config);
    if (h->request == NULL) {
        over(c);
        return;
    }
    h->request->http = h;
    h->request->pub.stream = h->stream;
    h->request->began = weir__loop_now(h->config->loop);
    (void)weir__http_refuse(h->request, 503, "too many connections");
    weir__http_over(h->request);
    weir__http_conn_last(c);
}

static int conn_opened(struct weir_conn *conn, void *state) {
    struct http_conn *c = state;
    struct http_server *sv = weir_conn_arg(conn);
    weir__http_init(&c->http, weir_conn_stream(conn), sv->config, &conn_driver);
    c->conn = conn;
    c->due = WEIR_NEVER;
    weir__timer_init(&c->timer, look);
    weir__list_add_tail(&sv->conns, &c->link);
    c->http.is_last = sv->draining;
    if (++sv->live > sv->config->o.connections_max)
        turn_away(c);
    else
        weir__http_bound(c, weir__deadline(weir__loop_now(sv->config->loop),
                                           sv->config->o.head_ns));
    return 0;
}

/* ---- stopping ---- */

static void group_ended(struct weir_group *g) {
    struct http_server *sv = WEIR_CONTAINER(g, struct http_server, group);
    weir__waitq_wake_all(&sv->drained, 0);
}

static void conn_drain(struct http_conn *c) {
    c->http.is_last = true;
    c->http.close |= c->http.running;
    if (c->http.running)
        weir__http_stop(c->http.request);
    if (c->phase == HTTP_PHASE_WAITS && !weir__http_head_has_begun(&c->http))
        over_at_rest(c);
}

static const struct weir__what drains = {.text = "the server's last connection",
                                         .kind = WEIR__ON_NOTHING};

/* Wait for the last connection that speaks HTTP, or for the last of all, which a cancel does not
 * cut short. Returns 0 or the felt code. */
static int await_last(struct http_server *sv, bool of_all) {
    int rc = 0;
    while ((of_all ? weir_group_live(&sv->group) : sv->live) > 0 && rc == 0) {
        struct weir__wait wait;
        struct weir__waiter w;
        weir__wait_begin(&wait, &drains, NULL);
        if (of_all)
            wait.park.abort = NULL;
        weir__wait_add(&wait, &w, &sv->drained, NULL);
        rc = (int)weir__wait_park(&wait);
    }
    return rc;
}

static void drain(struct http_server *sv) {
    struct weir_scope shield, bound;
    weir_ns drain_ns = sv->config->o.drain_ns;
    sv->draining = true;
    struct weir__list *at = sv->conns.next;
    while (at != &sv->conns) {
        struct http_conn *c = WEIR_CONTAINER(at, struct http_conn, link);
        at = at->next; /* a close only begins here */
        conn_drain(c);
    }
    weir__conns_cancel_others(&sv->group, sv, "the server stops"); /* WebSockets: 1001 */
    weir_shield_enter(&shield, drain_ns);
    weir_scope_enter(&bound, drain_ns);
    int rc = await_last(sv, false);
    weir_scope_leave(&bound, rc);
    weir_scope_leave(&shield, 0);
    if (weir_group_live(&sv->group) == 0)
        return; /* else these are late, or a WebSocket still closes */
    weir_group_cancel(&sv->group, "the time for the server's last requests is over");
    await_last(sv, true);
}

/* ---- the calls ---- */

static int serve(struct weir_listener *l, struct weir_group *g, struct http_config *config,
                 const struct weir_http_reactive *f) {
    struct http_server sv = {.config = config};
    WEIR_OPTIONS_COPY(struct weir_http_reactive, arg, &sv.fn, f);
    weir__list_init(&sv.conns);
    size_t state_size = sizeof(struct http_conn);
    int rc = config->is_reactive ? 0 : weir__http_upgrades_open(config, &state_size);
    if (rc < 0) {
        weir__http_config_unref(config);
        return rc;
    }
    struct weir_reactive raw = {.size = sizeof raw, .state_size = state_size,
                                .opened = conn_opened, .message = weir__http_piece,
                                .closed = conn_closed, .arg = &sv,
                                .stack_size = config->o.stack_size, .name = "http request",
                                .handshake_ns = config->o.head_ns};
    static const struct weir__react_hooks hooks = {.ahead = conn_ahead, .ends = conn_ends};
    weir__group_open_under(&sv.group, g, WEIR_INDEPENDENT, group_ended);
    rc = weir__react(l, &sv.group, &raw, &hooks);
    struct weir_error why;
    weir__error_keep(&why);
    drain(&sv);
    weir__error_restore(&why);
    weir__group_close_under(&sv.group);
    weir__http_config_unref(config);
    return rc;
}

int weir_http_serve(struct weir_listener *l, struct weir_group *g,
                    const struct weir_http_server_options *options) {
    struct http_config *config;
    int rc = weir__suspend_enter("http serve");
    if (rc < 0)
        return rc;
    weir__not_null(l, "weir_http_serve");
    rc = weir__http_config_new(options, "http serve", &config);
    if (rc < 0)
        return rc;
    if (config->o.handler == NULL && config->o.routes == NULL) {
        weir__http_config_unref(config);
        return weir__failf(-EINVAL, "http serve", NULL, "no handler and no routes are given");
    }
    return serve(l, g, config, NULL);
}

int weir_http_react(struct weir_listener *l, struct weir_group *g,
                    const struct weir_http_reactive *f,
                    const struct weir_http_server_options *options) {
    struct http_config *config;
    int rc = weir__suspend_enter("http react");
    if (rc < 0)
        return rc;
    weir__not_null(l, "weir_http_react");
    if (f == NULL || f->request == NULL)
        WEIR_BUG("weir_http_react: the function request is required");
    rc = weir__http_config_new(options, "http react", &config);
    if (rc < 0)
        return rc;
    if (config->o.handler != NULL || config->o.routes != NULL) {
        weir__http_config_unref(config);
        return weir__failf(-EINVAL, "http react", NULL, "handler and routes are weir_http_serve's");
    }
    if (config->o.decompress || config->o.cors != NULL) {
        weir__http_config_unref(config);
        return weir__failf(-EINVAL, "http react", NULL,
                           "decompress and cors are for servers with handlers");
    }
    config->is_reactive = true;
    config->state_size = f->state_size;
    return serve(l, g, config, f);
}

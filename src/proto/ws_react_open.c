/* SPDX-License-Identifier: MIT */
/* ws_react_open.c - the handshake of a reactive connection. No task waits for the request's head:
 * its pieces are gathered as they come. */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "proto/ws_conn.h"
#include "proto/ws_gather.h"
#include "proto/ws_react_conn.h"
#include "proto/ws_shake.h"

/* Log a refused handshake, since closed is called only for connections that were opened. The words
 * of the user's function go to the log only, not to the peer. */
static void log_refused(struct ws_react_conn *c, const struct ws_answer *a) {
    const struct weir_error *e = weir_error(a->rc);
    bool is_named = e != NULL && strcmp(e->what, "ws request") == 0; /* the text begins with it */
    if (a->is_users)
        weir__log(WEIR_LOG_WARNING, "%s%s%s%s%s", is_named ? "" : "ws request ",
                  is_named ? "" : weir_ws_peer(&c->ws), is_named ? "" : ": ",
                  weir_error_message(a->rc), a->len > 0 ? " (answered 500)" : "");
    else
        weir__log(WEIR_LOG_WARNING, "%s", weir_error_message(a->rc));
}

void weir__ws_react_tell(struct ws_react_conn *c, int status, size_t sent, int rc) {
    void *becomes = c->ws.becomes;
    if (!c->untold)
        return;
    c->untold = false;
    c->ws.pinged = 0;
    ws_server_of(c)->host.answered(becomes, status, sent, rc);
}

/* The body of an answer: what stands behind its head. */
static size_t body_of(const struct ws_answer *a) {
    const char *end = memmem(a->text, a->len, "\r\n\r\n", 4);
    return end == NULL ? 0 : a->len - (size_t)(end - a->text) - 4;
}

static void turn_away(struct ws_react_conn *c, int rc) {
    if (weir_shutdown(c->ws.stream) < 0) {
        weir__ws_react_over(c, rc);
        return;
    }
    c->ws.failed = WEIR_EHTTP; /* what still comes is thrown away; rc may be the program's own */
    weir__ws_react_closing(c, rc, WS_REFUSED_NS);
}

/* The bound runs from here: nothing else would end a write that the client does not take. */
static void refuse_one_too_many(struct ws_react_conn *c) {
    struct ws_answer a;
    weir__ws_refuse(&c->ws, WEIR_EHTTP, 503, "too many connections", &a);
    log_refused(c, &a);
    weir__ws_react_closing(c, WEIR_EHTTP, WS_REFUSED_NS);
    int rc = weir_write(c->ws.stream, a.text, a.len);
    weir__ws_react_tell(c, a.status, body_of(&a), rc);
    turn_away(c, WEIR_EHTTP);
}

int weir__ws_react_opened(struct weir_conn *conn, void *state) {
    struct ws_react_conn *c = state;
    struct ws_server *sv = weir_conn_arg(conn);
    weir__ws_init(&c->ws, weir_conn_stream(conn), sv->config, WEIR__WS_SERVER);
    sv->config->refs++;
    c->conn = conn;
    c->untold = sv->host.answered != NULL;
    if (c->untold)
        c->ws.becomes = sv->host.becomes(sv->host.server, conn);
    if (sv->live >= sv->config->o.connections_max) {
        refuse_one_too_many(c);
        return 0;
    }
    c->known = WS_COUNTED;
    sv->live++;
    weir__ws_react_arm(c, sv->config->o.handshake_ns);
    return 0;
}

/* Returns as weir__http1_parse. If the head is whole, or bad, *ret_answer says what to answer; but
 * *ret_request is made if the user's function decides. A function of its own, so that its arrays
 * are off the stack when that runs. */
static __attribute__((noinline)) int read_head(struct ws_react_conn *c, const uint8_t *base,
                                               size_t len, struct ws_answer *ret_answer,
                                               struct weir_http_request **ret_request) {
    struct ws_server *sv = ws_server_of(c);
    struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
    struct weir__http1 h;
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &sv->config->http);
    int size = weir__http1_parse(&h, base, len);
    if (size == 0)
        return 0;
    if (size < 0) {
        weir__ws_refuse(&c->ws, size, h.answer, h.why, ret_answer);
    } else if (sv->fn.request == NULL) {
        weir__ws_answer(&c->ws, &h, base, ret_answer);
    } else if (weir__ws_admits(&c->ws, &h, base, ret_answer)) {
        *ret_request = weir__http_request_new(c->ws.stream, sv->fn.arg, &h, base, (size_t)size);
        if (*ret_request == NULL)
            weir__ws_refuse(&c->ws, -ENOMEM, 503, "out of memory", ret_answer);
        else
            (*ret_request)->server = sv->host.server;
    }
    return size;
}

/* The user's function looks at the request, in a scope of what is left of the handshake's time: the
 * timer would cut it short without a reason. Returns true if it is answered or accepted, false if
 * the connection closes without an answer, or with 408. */
static bool ask(struct ws_react_conn *c, struct weir_http_request *r, struct ws_answer *ret) {
    struct weir__timers *timers = c->ws.config->loop->timers;
    weir_ns until = c->ws.timer.deadline_ns, now = weir__loop_now(c->ws.config->loop);
    struct weir_scope s;
    weir__timer_disarm(timers, &c->ws.timer);
    weir_scope_enter(&s, until == WEIR_NEVER ? WEIR_NEVER : until - now);
    weir__ws_answer_asked(&c->ws, r, ws_server_of(c)->fn.request(r, c->user), ret);
    bool is_silent = r->reply == HTTP_UNANSWERED && ret->len == 0;
    int rc = weir_scope_leave(&s, ret->rc);
    bool is_late = is_silent && rc == -ETIME && weir_cancelled() == 0;
    if (is_late)
        weir__ws_react_bound_over(c);
    else
        weir__timer_arm(timers, &c->ws.timer, until);
    if (is_silent)
        weir__ws_react_over(c, rc);
    return !is_silent;
}

/* Look at the head that has come. Returns its size, 0: not whole, -1: refused, or answered. */
static int shake(struct ws_react_conn *c, const uint8_t *head, size_t len) {
    struct weir_http_request *r = NULL;
    struct ws_answer a = {.len = 0};
    int size = read_head(c, head, len, &a, &r), rc = 0;
    if (size == 0)
        return 0;
    bool goes_on = r == NULL || ask(c, r, &a);
    size_t sent = r != NULL && a.len == 0 ? r->body_len : body_of(&a);
    int unsent = r != NULL ? r->failed : 0;
    weir__free(r);
    if (!goes_on)
        return -1;
    if (a.rc < 0 && (a.len > 0 || a.is_users)) /* an answer that broke off is no news */
        log_refused(c, &a);
    if (a.len > 0)
        rc = weir_write(c->ws.stream, a.text, a.len);
    weir__ws_react_tell(c, a.status, sent, rc < 0 ? rc : unsent);
    if (rc < 0)
        weir__ws_react_over(c, rc);
    else if (a.rc != 0)
        turn_away(c, a.rc < 0 ? a.rc : WEIR_EHTTP);
    if (c->phase != WS_SHAKING || rc < 0 || a.rc != 0)
        return -1;
    c->phase = WS_TALKING;
    return size;
}

ssize_t weir__ws_react_shake(struct ws_react_conn *c, const uint8_t *base, size_t len) {
    /* One more than head_max, so that the parser says why. */
    size_t max = ws_server_of(c)->config->o.head_max + 1;
    struct ws_gather *g = c->ws.gather;
    size_t before = g ? g->len : 0;
    if (before == 0) { /* mostly it comes whole */
        int size = shake(c, base, len);
        if (size != 0)
            return size;
    }
    size_t n = len < max - before ? len : max - before;
    if ((g = weir__ws_gather(&c->ws)) == NULL || weir__ws_gather_append(g, base, n, 0) < 0) {
        weir__ws_react_over(c, -ENOMEM);
        return -1;
    }
    /* Heads end at a line's end: one that comes byte by byte is not parsed at each. */
    if (before == 0 || (memchr(base, '\n', n) == NULL && g->len < max))
        return (ssize_t)len;
    int size = shake(c, g->base, g->len);
    return size <= 0 ? size < 0 ? -1 : (ssize_t)len : size - (ssize_t)before;
}

void weir__ws_react_late(struct ws_react_conn *c) {
    struct weir_scope shield;
    struct ws_answer a;
    weir__ws_late(&c->ws, &a);
    weir_shield_enter(&shield, WS_REFUSED_NS);
    log_refused(c, &a);
    int rc = weir_write(c->ws.stream, a.text, a.len);
    weir__ws_react_tell(c, a.status, body_of(&a), rc);
    if (rc == 0 && (rc = weir_shutdown(c->ws.stream)) == 0)
        weir__ws_react_discard(c);
    weir_scope_leave(&shield, rc);
}

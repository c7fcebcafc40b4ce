/* SPDX-License-Identifier: MIT */
/* react.c - the functions of a reactive server: called as the head, the pieces of the body and its
 * end come. Between pieces there is no task. */
#include <errno.h>

#include "base/check.h"
#include "http/conn.h"

static void *state_of(const struct http_conn *c) {
    return http_state_of(c->http.config, c->http.request);
}

/* An answer in pieces may go on while the body comes. */
static bool is_answered(const struct http_request *r) {
    return r->ended;
}

void weir__http_react_done(struct http_conn *c, int rc) {
    struct http_request *r = c->http.request;
    const struct weir_http_reactive *fn = &http_server_of(c)->fn;
    if (r == NULL || !r->called)
        return;
    r->called = false;
    if (fn->done != NULL)
        fn->done(&r->pub, state_of(c), rc);
}

/* A function has failed with rc < 0, or all were called. */
static int finish(struct http_conn *c, int rc) {
    struct http_request *r = c->http.request;
    rc = weir__http_finish(r, rc);
    weir__http_react_done(c, r->pub.failed < 0 ? r->pub.failed : rc);
    weir__http_over(r);
    c->phase = HTTP_PHASE_WAITS;
    return rc;
}

static int call_end(struct http_conn *c) {
    const struct weir_http_reactive *fn = &http_server_of(c)->fn;
    struct http_request *r = c->http.request;
    bool is_due = fn->end != NULL && !is_answered(r);
    return finish(c, is_due ? fn->end(&r->pub, state_of(c)) : 0);
}

int weir__http_react_request(struct http_conn *c) {
    const struct weir_http_reactive *fn = &http_server_of(c)->fn;
    struct http_request *r = c->http.request;
    r->called = true;
    r->pub.arg = fn->arg;
    int rc = fn->request(&r->pub, state_of(c));
    if (rc < 0)
        return finish(c, rc);
    if (r->body == HTTP_BODY_ENDED)
        return call_end(c);
    if (c->http.close && is_answered(r))
        return finish(c, 0); /* the body is not wanted, and no request follows */
    if (c->http.left == 0 && (rc = weir__http_continue(r)) < 0)
        return finish(c, rc);
    c->phase = HTTP_PHASE_BODY;
    c->discarded = 0;
    return 0;
}

/* What comes behind an answer is thrown away, within a bound. */
static int deliver(struct http_conn *c, struct weir_view v) {
    const struct weir_http_reactive *fn = &http_server_of(c)->fn;
    struct http_request *r = c->http.request;
    if (!is_answered(r))
        return fn->body != NULL ? fn->body(&r->pub, state_of(c), v) : 0;
    c->discarded += (uint32_t)v.len;
    if (c->discarded > c->http.config->o.drain_max)
        c->http.close = true;
    return 0;
}

int weir__http_react_body(struct http_conn *c) {
    struct http_request *r = c->http.request;
    struct weir_view v;
    int rc;
    r->task = weir_task_current();
    while ((rc = weir__http_body_take(r, &v)) == HTTP_PIECE) {
        if ((rc = deliver(c, v)) < 0)
            return finish(c, rc);
        if (c->http.close && is_answered(r))
            return finish(c, 0);
    }
    if (rc == -EAGAIN)
        return 0;
    return rc == HTTP_END ? call_end(c) : finish(c, rc);
}

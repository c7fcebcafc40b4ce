/* SPDX-License-Identifier: MIT */
/* serve.c - a piece of bytes has come on a connection: its requests are taken out of it one after
 * the other, and each is handled in the task that brought the piece. What answers they leave in
 * `out` is sent when the piece is used up. The task ends then, and the connection has no stack. */
#include <errno.h>

#include "base/check.h"
#include "base/time.h"
#include "http/conn.h"

/* ---- one request ---- */

/* What the piece has beyond the head is held while the handler runs; mostly that is nothing, and
 * the piece is given back at once: a handler may be suspended for hours. */
static int handle(struct http_conn *c) { /* HTTP_BECAME: c is gone */
    struct weir_http *h = &c->http;
    struct http_request *r = h->request;
    if (h->left == 0)
        weir__stream_release(h->stream);
    int rc = h->config->entry(h->config, &r->pub);
    if (h->becomes != NULL && (rc = weir__http_conn_become(c)) == 0)
        return HTTP_BECAME;
    rc = weir__http_finish(r, rc);
    weir__http_over(r);
    return rc;
}

void weir__http_conn_refuse(struct http_conn *c) {
    struct http_request *r = c->http.request;
    (void)weir__http_refuse(r, r->refusal, r->why);
    weir__http_over(r);
}

/* Use the window for a head. Returns 0 if it is not whole; HTTP_BECAME: c is gone; else 1. */
static int next_request(struct http_conn *c) {
    struct weir_http *h = &c->http;
    int size = weir__http_head_feed(h);
    if (size == 0)
        return 0;
    if (size == -ENOMEM) {
        h->broken = true;
        return 1;
    }
    c->phase = HTTP_PHASE_RUNS;
    h->running = true;
    h->request->task = weir_task_current();
    if (size < 0)
        weir__http_conn_refuse(c);
    else if (http_server_of(c)->fn.request != NULL)
        (void)weir__http_react_request(c);
    else if (handle(c) == HTTP_BECAME)
        return HTTP_BECAME;
    if (c->phase == HTTP_PHASE_RUNS)
        c->phase = HTTP_PHASE_WAITS;
    return 1;
}

/* ---- the piece ---- */

/* A request that says "close" may still be on its way. */
static bool goes_on(const struct http_conn *c) {
    return !c->http.broken && (!c->http.close || c->phase == HTTP_PHASE_BODY);
}

static int take_requests(struct http_conn *c) {
    struct weir_http *h = &c->http;
    int rc = 1;
    while (h->left > 0 && goes_on(c) && rc == 1) {
        if (c->phase == HTTP_PHASE_BODY)
            (void)weir__http_react_body(c);
        else
            rc = next_request(c);
        if (rc == 1)
            weir__error_begin_in(h->config->loop);
    }
    return rc;
}

/* From the time of the turn: no clock is read for each request. */
static weir_ns bound_of(struct http_conn *c) {
    struct weir_http *h = &c->http;
    const struct weir_http_server_options *o = &h->config->o;
    weir_ns now = h->config->loop->turn_ns;
    if (c->phase == HTTP_PHASE_BODY) {
        c->since = now;
        return weir__deadline(now, weir__http_body_patience(h->request));
    }
    if (weir__http_head_has_begun(h))
        return weir__deadline(h->request->began, o->head_ns);
    return weir__deadline(now, h->served > 0 ? o->idle_ns : o->head_ns);
}

/* Bytes behind the last answer. */
static void discard(struct http_conn *c, size_t len) {
    c->discarded += (uint32_t)len;
    if (c->discarded > HTTP_LINGER_MAX)
        weir_conn_close(c->conn);
}

/* Wait also for what the flush has given to a task: the end of the connection, which may come next,
 * would cancel that task. In this phase a stop of the server does not close the connection, so it
 * is made up for here. */
static void send_rest(struct http_conn *c) {
    struct weir_http *h = &c->http;
    uint8_t phase = c->phase;
    c->phase = HTTP_PHASE_SENDS;
    (void)weir__http_send_soon(h, NULL, 0);
    c->phase = phase;
    if (h->is_last && phase == HTTP_PHASE_WAITS && !weir__http_head_has_begun(h))
        h->close = true;
}

int weir__http_piece(struct weir_conn *conn, void *state, struct weir_view v) {
    struct http_conn *c = state;
    struct weir_http *h = &c->http;
    weir__error_begin_in(h->config->loop);
    if (c->phase >= HTTP_PHASE_LINGERS) {
        discard(c, v.len);
        return 0;
    }
    if (c->phase == HTTP_PHASE_BODY)
        h->request->waited += h->config->loop->turn_ns - c->since;
    c->due = WEIR_NEVER; /* what follows may suspend, and is not the client's time */
    h->at = v.base;
    h->left = v.len;
    if (take_requests(c) == HTTP_BECAME)
        return 0;
    if ((http_unsent(h) > 0 || h->writing) && !h->broken && !h->cut)
        send_rest(c); /* a task that was cancelled cannot: the end of the connection does it */
    h->left = 0;
    if (c->phase == HTTP_PHASE_BODY)
        h->request->task = NULL; /* it ends */
    if (!goes_on(c))
        weir__http_conn_last(c);
    else
        weir__http_bound(c, bound_of(c));
    return 0;
}

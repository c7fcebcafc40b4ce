/* SPDX-License-Identifier: MIT */
/* task.c - a connection whose requests a task of the user's takes one by one, over any stream. */
#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/time.h"
#include "http/http.h"

struct task_http {
    struct weir_http http; /* first */
    size_t shown;          /* bytes of the stream's piece: the window and what lies before it */
    struct weir_task *inside; /* weir_http_next; NULL: none is */
    struct weir_scope *waits; /* around the wait for a piece; NULL: no task waits for one */
    bool lingered, dropped;
};

static struct task_http *task_of(struct weir_http *h) {
    return WEIR_CONTAINER(h, struct task_http, http);
}

/* ---- the driver ---- */

/* In a scope, so that a drop also reaches a task that is ready here, and waits for nothing yet. */
static ssize_t await_piece(struct task_http *t, struct weir_view *ret_view) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    t->waits = &s;
    ssize_t n = weir_peek(t->http.stream, 1, ret_view);
    t->waits = NULL;
    weir_scope_leave(&s, 0);
    return n;
}

static int64_t task_next(struct weir_http *h) {
    struct task_http *t = task_of(h);
    struct weir_view v;
    if (t->dropped && h->lease == NULL)
        return -ECANCELED;
    weir_consume(h->stream, t->shown);
    t->shown = h->left = 0;
    ssize_t n = await_piece(t, &v);
    if (n <= 0)
        return n;
    h->at = v.base;
    h->left = t->shown = v.len;
    return n;
}

static struct weir_group *task_group(struct weir_http *h) {
    return NULL; /* a task of the run: the group of the user's may be closed before */
}

static void task_free(struct task_http *t) {
    weir__http_fini(&t->http);
    weir_close(&t->http.stream);
    weir__free(t);
}

/* The last one inside frees what was dropped. */
static void task_left(struct weir_http *h) {
    struct task_http *t = task_of(h);
    if (t->dropped && t->inside == NULL && !h->writing && h->lease == NULL)
        task_free(t);
}

static const struct http_driver task_driver = {task_next, task_group, task_left, NULL, false};

/* ---- open and close ---- */

int weir_http_accept(struct weir_stream **take_stream,
                     const struct weir_http_server_options *options, struct weir_http **ret_http) {
    struct http_config *config;
    weir__not_null(take_stream ? *take_stream : NULL, "weir_http_accept");
    if (weir__loop_here() == NULL)
        return weir__no_loop("http accept");
    weir__loop_assert((*take_stream)->loop, *take_stream, "weir_http_accept");
    int rc = weir__http_config_new(options, "http accept", &config);
    if (rc < 0)
        return rc;
    struct task_http *t = weir__alloc_zero(sizeof *t);
    if (t == NULL) {
        weir__http_config_unref(config);
        return weir__fail(-ENOMEM, "http accept", NULL);
    }
    weir__http_init(&t->http, *take_stream, config, &task_driver);
    weir__http_config_unref(config); /* the connection has its own reference */
    *take_stream = NULL;
    *ret_http = &t->http;
    return 0;
}

static void request_cut(struct http_request *r) {
    weir__http_note_cut(r);
    if (r->pub.reply == HTTP_ANSWERING && r->pub.failed == 0)
        r->pub.failed = -ECANCELED;
    weir__http_over(r);
}

void weir_http_drop(struct weir_http **take_http) {
    if (take_http == NULL || *take_http == NULL)
        return;
    struct task_http *t = task_of(*take_http);
    *take_http = NULL;
    if (t->http.running && t->inside == NULL)
        request_cut(t->http.request); /* else the task inside finishes it */
    t->http.stream->torn |= http_unsent(&t->http) > 0 || t->http.writing;
    t->dropped = t->http.broken = true;
    t->http.unsent = -ECANCELED;
    if (t->http.writer != NULL)
        weir__wait_cut(t->http.writer);
    if (t->waits != NULL && t->http.lease == NULL) /* else the WebSocket's, which goes on */
        weir_scope_cancel(t->waits, "the HTTP connection was dropped");
    if (t->inside != NULL)
        weir__wait_cut(t->inside);
    task_left(&t->http);
}

/* ---- requests ---- */

static bool is_callers(int rc) { /* trouble: the connection has none */
    return rc == -ECANCELED || rc == -ETIME || rc == -ENOMEM || rc == WEIR_ESTOPPED;
}

/* End the request before. Returns 0; a cancel that came while the rest of its body was thrown away:
 * the next call goes on with that. */
static int finish(struct weir_http *h) {
    struct http_request *r = h->request;
    bool closes = h->close;
    if (!h->running)
        return 0;
    int rc = weir__http_finish(r, 0);
    bool is_answered = r->pub.failed == 0 && !h->broken && !closes;
    if (rc < 0 && is_callers(rc) && is_answered && r->body_failed == 0) {
        h->close = false;
        return rc;
    }
    weir__http_over(r);
    return 0;
}

static int over(struct weir_http *h, int rc) {
    struct task_http *t = task_of(h);
    h->close = true;
    if (!t->lingered && rc != WEIR_EEOF)
        weir__http_linger(h);
    t->lingered = true;
    return rc;
}

static int refuse(struct weir_http *h, int rc, int status, const char *why) {
    struct http_request *r = h->request;
    (void)weir__http_refuse(r, status, why);
    weir__http_over(r);
    over(h, rc);
    return weir__failf(rc, "http next", weir_stream_peer(h->stream), "%s (answered %d)", why,
                       status);
}

static int late(struct weir_http *h) {
    if (!weir__http_head_has_begun(h))
        return over(h, 0);
    return refuse(h, -ETIMEDOUT, 408, "the request came too slowly");
}

static weir_ns patience(struct weir_http *h, weir_ns since) {
    const struct weir_http_server_options *o = &h->config->o;
    weir_ns now = weir__loop_now(h->config->loop);
    if (weir__http_head_has_begun(h))
        return weir__deadline(h->request->began, o->head_ns) - now;
    return weir__deadline(since, h->served > 0 ? o->idle_ns : o->head_ns) - now;
}

/* Wait for more of a head. Returns 1; 0 and less: what weir_http_next returns. */
static int await_bytes(struct weir_http *h, weir_ns since) {
    struct weir_scope s;
    int rc = http_unsent(h) > 0 ? weir__http_send(h, NULL, 0) : 0;
    if (rc < 0)
        return rc;
    weir_ns bound = patience(h, since);
    if (bound <= 0)
        return late(h);
    weir_scope_enter(&s, bound);
    int64_t n = h->driver->next(h);
    bool is_late = weir_scope_fired(&s) == -ETIME;
    rc = weir_scope_leave(&s, n < 0 ? (int)n : 0);
    if (rc == -ETIME && is_late && weir_cancelled() == 0)
        return late(h);
    if (n > 0)
        return 1;
    if (n < 0 && is_callers(rc))
        return rc;
    if (n < 0)
        h->broken = true;
    else if (weir__http_head_has_begun(h))
        rc = weir__failf(WEIR_EEOF, "http next", weir_stream_peer(h->stream),
                         "the client left within the head of a request");
    return over(h, rc);
}

static int next_request(struct weir_http *h) {
    int rc = finish(h);
    weir_ns since = weir__loop_now(h->config->loop);
    if (rc < 0)
        return rc;
    for (;;) {
        if (h->unsent != 0) /* the cancel of a send was returned by that call: now it is the end */
            return weir__fail(is_callers(h->unsent) ? -EPIPE : h->unsent, "http next", NULL);
        if (h->close || h->broken)
            return over(h, 0);
        int size = weir__http_head_feed(h);
        if (size == WEIR_EPROTO || size == WEIR_ETOOBIG)
            return refuse(h, size, h->request->refusal, h->request->why);
        if (size < 0)
            return size;
        if (size > 0)
            return 1;
        if ((rc = await_bytes(h, since)) <= 0)
            return rc;
    }
}

int weir_http_next(struct weir_http *h, struct weir_http_request **ret_request) {
    int rc = weir__suspend_enter("http next");
    if (rc < 0)
        return rc;
    weir__not_null(h, "weir_http_next");
    struct task_http *t = task_of(h);
    if (t->inside != NULL)
        return weir__failf(-EBUSY, "http next", NULL, "another task waits for the next request");
    t->inside = weir_task_current();
    rc = next_request(h);
    t->inside = NULL;
    if (t->dropped) {
        task_left(h);
        return weir__fail(-ECANCELED, "http next", NULL);
    }
    if (rc == 1) {
        h->running = true;
        *ret_request = &h->request->pub;
    }
    return rc;
}

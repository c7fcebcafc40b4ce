/* SPDX-License-Identifier: MIT */
/* lease.c - a stream over the connection of a request. Its reader is the connection's own driver,
 * so a task may read here while the connection's task waits for the end of the lease. Closing it
 * leaves the connection's stream open: that closes with the connection. */
#include "http/lease.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"

struct http_lease {
    struct weir_stream stream; /* first */
    struct weir_http *http;
    struct weir_scope *reader, *writer; /* around a task's call that may wait; NULL: none */
    struct weir__put put;              /* of the stream below, for `above` */
    struct weir__put *above;           /* pending; NULL: none is */
    bool is_over;                      /* the connection's task was cancelled */
};

static struct http_lease *lease_of(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct http_lease, stream);
}

static struct weir_stream *below(struct weir_stream *s) {
    return lease_of(s)->http->stream;
}

/* ---- reading ---- */

/* A cut must not be lost while the task is ready, and waits for nothing yet: so it is a cancel of a
 * scope, and does not only end a wait. */
static int64_t next_piece(struct http_lease *lease) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    lease->reader = &s;
    int64_t n = lease->http->driver->next(lease->http);
    lease->reader = NULL;
    weir_scope_leave(&s, 0);
    return n;
}

static int64_t lease_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct http_lease *lease = lease_of(s);
    struct weir_http *h = lease->http;
    int64_t n = (int64_t)h->left;
    if (n == 0)
        n = lease->is_over ? -ECANCELED : next_piece(lease);
    if (n <= 0 || s->closed)
        return s->closed ? -ECANCELED : n;
    *ret_lent = (struct weir__lent){(uint8_t *)(uintptr_t)h->at, (uint32_t)h->left, 1};
    h->left = 0;
    return n;
}

static void lease_release(struct weir_stream *s, struct weir__lent *lent) {
    lent->token = 0; /* the driver gives the piece back when it waits for the next */
}

/* ---- writing ---- */

static void write_begin(struct weir_stream *s, struct weir_scope *scope) {
    weir_scope_enter(scope, WEIR_NEVER);
    lease_of(s)->writer = scope;
}

/* When the server has cut the WebSocket off, no write goes on. It is no cancel of the writer, which
 * a WebSocket would take for its own clock's. */
static int write_end(struct weir_stream *s, int rc, size_t len, size_t *ret_done) {
    struct http_lease *lease = lease_of(s);
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    *ret_done = rc == 0 ? len : e != NULL ? e->done : 0;
    weir_scope_leave(lease->writer, 0);
    lease->writer = NULL;
    if (s->closed)
        return -ECANCELED;
    return rc == -ECANCELED && lease->is_over && weir_cancelled() == 0 ? -EPIPE : rc;
}

static int lease_send(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done) {
    struct weir_scope scope;
    *ret_done = 0;
    if (lease_of(s)->is_over)
        return -EPIPE;
    write_begin(s, &scope);
    return write_end(s, weir_write(below(s), buf, len), len, ret_done);
}

static int lease_sendv(struct weir_stream *s, struct iovec *vec, size_t count, size_t *ret_done) {
    struct weir_scope scope;
    size_t len = 0;
    *ret_done = 0;
    if (lease_of(s)->is_over)
        return -EPIPE;
    for (size_t i = 0; i < count; i++)
        len += vec[i].iov_len;
    write_begin(s, &scope);
    return write_end(s, weir__stream_writev(below(s), vec, count), len, ret_done);
}

/* The put below has ended, and so has the one that it was for, which is returned. */
static struct weir__put *put_over(struct http_lease *lease) {
    struct weir__put *p = lease->above;
    lease->above = NULL;
    p->done = lease->put.done;
    p->result = weir__stream_put_end(lease->http->stream, (int)lease->put.result);
    return p;
}

static void put_wake(struct weir__put *put) {
    struct weir__put *p = put_over(WEIR_CONTAINER(put, struct http_lease, put));
    p->wake(p);
}

static int lease_put(struct weir_stream *s, struct weir__put *p) {
    struct http_lease *lease = lease_of(s);
    p->done = 0;
    int rc = lease->is_over ? -EPIPE : weir__stream_put_begin(below(s));
    if (rc < 0) {
        p->result = rc;
        return WEIR__DONE;
    }
    lease->put.wake = put_wake;
    lease->put.vec = p->vec;
    lease->put.count = p->count;
    lease->above = p;
    if (weir__stream_put(below(s), &lease->put) == WEIR__PENDING)
        return WEIR__PENDING;
    put_over(lease);
    return WEIR__DONE;
}

static int lease_unput(struct weir_stream *s, struct weir__put *p) {
    struct http_lease *lease = lease_of(s);
    if (weir__stream_unput(below(s), &lease->put) == WEIR__PENDING)
        return WEIR__PENDING;
    put_over(lease);
    return WEIR__DONE;
}

static bool lease_rests(struct weir_stream *s, weir_ns rest_ns) {
    return below(s)->kind->rests != NULL && below(s)->kind->rests(below(s), rest_ns);
}

static int64_t lease_try_send(struct weir_stream *s, const void *buf, size_t len) {
    return weir_try_write(below(s), buf, len);
}

static int lease_wait_room(struct weir_stream *s) {
    struct weir_scope scope;
    size_t done;
    if (lease_of(s)->is_over)
        return -EPIPE;
    write_begin(s, &scope);
    return write_end(s, weir_wait_writable(below(s)), 0, &done);
}

static int lease_shutdown(struct weir_stream *s) {
    return weir__stream_shut(below(s));
}

static int64_t lease_unacked(struct weir_stream *s) {
    return weir__stream_unacked(below(s));
}

static void lease_address(struct weir_stream *s, bool peer, char *ret_text) {
    below(s)->kind->address(below(s), peer, ret_text);
}

/* ---- its end ---- */

static void cut(struct http_lease *lease) {
    static const char why[] = "the WebSocket was cut off";
    if (lease->reader != NULL)
        weir_scope_cancel(lease->reader, why);
    if (lease->writer != NULL)
        weir_scope_cancel(lease->writer, why);
}

/* Nobody closes the stream below, which would end a put. */
static void end_put(struct weir_stream *s) {
    struct weir__put *p = lease_of(s)->above;
    if (p != NULL && lease_unput(s, p) == WEIR__DONE)
        p->wake(p);
}

static void lease_close(struct weir_stream *s) {
    weir__stream_drop(s);
    cut(lease_of(s));
    end_put(s);
    weir__stream_gone(s);
}

/* Only now has the last task left h's stream: before, h must not go. */
static void lease_fini(struct weir_stream *s) {
    struct weir_http *h = lease_of(s)->http;
    h->lease = NULL;
    weir__waitq_wake_all(&h->writers, 0);
    h->driver->left(h);
}

static const struct weir__stream_kind lease_kind = {
    .name = "stream of a request",
    .recv = lease_recv,
    .release = lease_release,
    .send = lease_send,
    .sendv = lease_sendv,
    .put = lease_put,
    .unput = lease_unput,
    .rests = lease_rests,
    .try_send = lease_try_send,
    .wait_room = lease_wait_room,
    .shutdown = lease_shutdown,
    .unacked = lease_unacked,
    .close = lease_close,
    .fini = lease_fini,
    .address = lease_address,
};

int weir__http_lease_new(struct weir_http *h, struct weir_stream **ret_stream) {
    struct http_lease *lease = weir__alloc_zero(sizeof *lease);
    if (lease == NULL)
        return weir__fail(-ENOMEM, "http upgrade", NULL);
    weir__stream_init(&lease->stream, &lease_kind, h->config->loop);
    lease->http = h;
    h->lease = lease;
    weir__stream_give(&lease->stream, ret_stream);
    return 0;
}

static const struct weir__what upgraded = {.text = "the end of an upgraded connection",
                                           .kind = WEIR__ON_STREAM};

void weir__http_lease_await(struct weir_http *h) {
    while (h->lease != NULL && h->unsent == 0) { /* else another task has dropped h */
        struct weir__wait wait;
        struct weir__waiter w;
        if (weir_cancelled() != 0 && !h->lease->is_over) {
            h->lease->is_over = true;
            cut(h->lease);
            continue;
        }
        weir__wait_begin(&wait, &upgraded, h->stream);
        if (h->lease->is_over)
            wait.park.abort = NULL; /* the WebSocket was cut off: it will be dropped */
        weir__wait_add(&wait, &w, &h->writers, NULL);
        (void)weir__wait_park(&wait);
    }
}

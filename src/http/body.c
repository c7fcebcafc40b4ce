/* SPDX-License-Identifier: MIT */
/* body.c - the body of a request: taken out of the window piece by piece, and read by the handler.
 * A body may let its reader wait for body_ns in all, and a second more for each body_rate bytes
 * that came. Only the time counts in which somebody waits for bytes, since a reader that is slow
 * itself holds the client up. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "http/http.h"
#include "wire/deflate.h"

/* The body cannot be read on, so where the next request begins is not known. */
static int fail(struct http_request *r, int rc, int status, const char *why) {
    r->body_failed = WEIR_SMALL_CODE(rc);
    r->refusal = (uint16_t)status;
    r->why = why;
    r->http->close = true;
    return weir__failf(rc, "http read", weir_stream_peer(r->http->stream), "%s", why);
}

static int failed_before(const struct http_request *r) {
    return weir__failf(r->body_failed, "http read", weir_stream_peer(r->http->stream), "%s",
                       r->why);
}

/* ---- trailers ---- */

static int add_trailer(struct http_request *r, const struct weir__chunked_data *d) {
    char *more = weir__realloc(r->trailers, r->trailers_len + d->len + 1);
    if (more == NULL)
        return fail(r, -ENOMEM, 503, "out of memory");
    r->trailers = more;
    memcpy(more + r->trailers_len, d->data, d->len);
    r->trailers_len += d->len;
    return 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* "Name: value CRLF" ... becomes "Name NUL value NUL" ..., in place. */
static int cut_trailers(struct http_request *r) {
    char *to = r->trailers, *at = r->trailers, *end = at + r->trailers_len;
    size_t count = 0;
    for (; at < end; count++) {
        char *colon = memchr(at, ':', (size_t)(end - at));
        char *cr = memchr(at, '\r', (size_t)(end - at)), *value = colon + 1, *last = cr;
        WEIR_CHECK(colon != NULL && cr != NULL && colon < cr); /* the decoder has looked */
        while (value < last && is_blank(*value))
            value++;
        while (last > value && is_blank(last[-1]))
            last--;
        size_t name_len = (size_t)(colon - at), value_len = (size_t)(last - value);
        memmove(to, at, name_len);
        to[name_len] = '\0';
        memmove(to + name_len + 1, value, value_len);
        to[name_len + 1 + value_len] = '\0';
        to += name_len + value_len + 2;
        at = cr + 2;
    }
    r->trailers_len = (size_t)(to - r->trailers);
    return count <= r->http->config->o.headers_max ? 0 : fail(r, WEIR_ETOOBIG, 431,
                                                             "too many trailers");
}

const char *weir_http_trailer(const struct weir_http_request *pub, const char *name) {
    struct http_request *r = weir__http_request_of(pub, "weir_http_trailer");
    weir__not_null(name, "weir_http_trailer");
    if (r->trailers == NULL || r->body != HTTP_BODY_ENDED || r->body_failed != 0)
        return NULL;
    for (const char *at = r->trailers, *end = at + r->trailers_len; at < end;) {
        const char *value = at + strlen(at) + 1;
        if (weir__chars_equal(at, strlen(at), name))
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

/* ---- taking ---- */

static void skip(struct http_request *r, size_t len) {
    r->http->at += len;
    r->http->left -= len;
    r->body_came += len;
    r->expects = r->expects && len == 0;
}

static int take_length(struct http_request *r, struct weir_view *ret) {
    struct weir_http *h = r->http;
    size_t n = h->left < r->body_left ? h->left : (size_t)r->body_left;
    if (n == 0)
        return -EAGAIN;
    *ret = (struct weir_view){h->at, n};
    skip(r, n);
    r->body_left -= n;
    if (r->body_left == 0)
        r->body = HTTP_BODY_ENDED;
    return HTTP_PIECE;
}

static int ended(struct http_request *r) {
    int rc = r->trailers != NULL ? cut_trailers(r) : 0;
    if (rc == 0)
        r->body = HTTP_BODY_ENDED;
    return rc;
}

static int take_chunks(struct http_request *r, struct weir_view *ret) {
    struct weir_http *h = r->http;
    struct weir__chunked_data d;
    int rc;
    do {
        rc = weir__chunked_feed(&r->chunks, h->at, h->left, &d);
        if (rc < 0)
            return fail(r, rc, r->chunks.answer, r->chunks.why);
        skip(r, d.used);
        if (rc == WEIR__CHUNKED_TRAILER && add_trailer(r, &d) < 0)
            return -ENOMEM;
    } while (rc == WEIR__CHUNKED_TRAILER);
    *ret = (struct weir_view){d.data, d.len};
    if (rc == WEIR__CHUNKED_END)
        return ended(r);
    return rc == WEIR__CHUNKED_DATA ? HTTP_PIECE : -EAGAIN;
}

int weir__http_body_take(struct http_request *r, struct weir_view *ret_view) {
    if (r->body_failed != 0)
        return failed_before(r);
    switch ((enum http_body)r->body) {
    case HTTP_BODY_LENGTH:
        return take_length(r, ret_view);
    case HTTP_BODY_CHUNKS:
        return take_chunks(r, ret_view);
    case HTTP_BODY_ENDED:
        break;
    }
    return HTTP_END;
}

weir_ns weir__http_body_patience(const struct http_request *r) {
    const struct weir_http_server_options *o = &r->http->config->o;
    uint64_t seconds = r->body_came / o->body_rate;
    if (o->body_ns == WEIR_NEVER || seconds > INT32_MAX)
        return WEIR_NEVER;
    return o->body_ns + WEIR_SECONDS((weir_ns)seconds) - r->waited;
}

int weir__http_body_late(struct http_request *r) {
    return fail(r, -ETIMEDOUT, 408, "the body came too slowly");
}

int weir__http_continue(struct http_request *r) {
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!r->expects || r->pub.reply != HTTP_UNANSWERED)
        return 0;
    int rc = weir__http_put(r->http, text, sizeof text - 1);
    if (rc < 0)
        return rc;
    r->expects = false;
    return weir__http_send(r->http, NULL, 0);
}

/* The caller's trouble, or what the client has done: then it stays. */
int weir__http_body_stopped(struct http_request *r, int64_t n) {
    if (n == -ECANCELED || n == -ETIME || n == -ENOMEM || n == WEIR_ESTOPPED)
        return (int)n;
    return n == 0 ? fail(r, WEIR_EEOF, 400, "the client left within the body")
                  : fail(r, (int)n, 400, "the connection broke within the body");
}

/* Wait for the next piece. Returns 1 or an error. */
static int wait_more(struct http_request *r) {
    struct weir_http *h = r->http;
    struct weir_scope s;
    weir_ns patience = weir__http_body_patience(r), since = weir__loop_now(h->config->loop);
    if (patience <= 0)
        return weir__http_body_late(r);
    if (http_unsent(h) > 0) /* a cancel has left it, and the client may wait for it */
        weir__http_flush_later(h);
    weir_scope_enter(&s, patience);
    int64_t n = h->driver->next(h);
    bool is_late = weir_scope_fired(&s) == -ETIME;
    int rc = weir_scope_leave(&s, n < 0 ? (int)n : 0);
    r->waited += weir__loop_now(h->config->loop) - since;
    if (rc == -ETIME && is_late && weir_cancelled() == 0)
        return weir__http_body_late(r);
    return n > 0 ? 1 : weir__http_body_stopped(r, rc < 0 ? rc : n);
}

int weir__http_body_next(struct http_request *r, struct weir_view *ret_view) {
    for (;;) {
        int rc = weir__http_body_take(r, ret_view);
        if (rc != -EAGAIN)
            return rc;
        if ((rc = weir__http_continue(r)) < 0 || (rc = wait_more(r)) < 0)
            return rc;
    }
}

/* ---- a body in gzip ---- */

static int unpack_begin(struct http_request *r) {
    static const struct weir__deflate_params gzip = {.format = WEIR__DEFLATE_GZIP};
    struct http_unpack *u = weir__alloc(sizeof *u);
    if (u == NULL)
        return weir__fail(-ENOMEM, "http read", NULL);
    *u = (struct http_unpack){.inflater = weir__deflate_table->inflater_new(&gzip)};
    if (u->inflater == NULL) {
        weir__free(u);
        return weir__fail(-ENOMEM, "http read", NULL);
    }
    r->unpack = u;
    return 0;
}

/* Decompress what has come. Returns HTTP_PIECE; -EAGAIN: more must come; an error. body_max bounds
 * what comes out: a small body can hold gigabytes of zeros. */
static int unpack_some(struct http_request *r, struct weir_view *ret_view) {
    struct http_unpack *u = r->unpack;
    struct weir__deflate_io io = {u->in, u->in_len, u->out, sizeof u->out};
    int rc = weir__deflate_table->inflate(u->inflater, &io);
    size_t n = sizeof u->out - io.out_len;
    if (rc < 0)
        return rc == -ENOMEM ? fail(r, rc, 503, "out of memory")
                             : fail(r, WEIR_EPROTO, 400, "the body is not gzip");
    u->in = io.in;
    u->in_len = io.in_len;
    u->sum += n;
    u->ended = rc == WEIR__INFLATE_END;
    if (u->sum > weir__http_body_max(r))
        return fail(r, WEIR_ETOOBIG, 413, "the body is too large when it is decompressed");
    *ret_view = (struct weir_view){u->out, n};
    return n > 0 ? HTTP_PIECE : -EAGAIN;
}

/* As weir__http_body_next, decompressed. */
static int next_unpacked(struct http_request *r, struct weir_view *ret_view) {
    struct weir_view raw;
    int rc = r->unpack == NULL ? unpack_begin(r) : 0;
    if (rc < 0)
        return rc;
    struct http_unpack *u = r->unpack;
    while (rc == 0 || rc == -EAGAIN) {
        if (r->body_failed != 0)
            return failed_before(r);
        if (!u->ended && (rc = unpack_some(r, ret_view)) != -EAGAIN)
            return rc;
        if (u->ended && u->in_len > 0)
            return fail(r, WEIR_EPROTO, 400, "something follows the gzip in the body");
        rc = weir__http_body_next(r, &raw);
        if (rc == HTTP_END)
            return u->ended ? HTTP_END : fail(r, WEIR_EPROTO, 400, "the gzip in the body is cut");
        u->in = rc == HTTP_PIECE ? raw.base : NULL;
        u->in_len = rc == HTTP_PIECE ? raw.len : 0;
        rc = rc == HTTP_PIECE ? 0 : rc;
    }
    return rc;
}

static int next_plain(struct http_request *r, struct weir_view *ret_view) {
    return r->packed ? next_unpacked(r, ret_view) : weir__http_body_next(r, ret_view);
}

/* ---- reading ---- */

static int enter(struct http_request *r) {
    if (r->reading || r->http->config->is_reactive)
        return weir__failf(-EBUSY, "http read", weir_stream_peer(r->http->stream), "%s",
                           r->reading ? "another task reads this body"
                                      : "the reactive server gives the body to its function");
    r->reading = true;
    return 0;
}

ssize_t weir_http_read(struct weir_http_request *pub, void *buf, size_t len) {
    int rc = weir__suspend_enter("http read");
    if (rc < 0)
        return rc;
    struct http_request *r = weir__http_request_of(pub, "weir_http_read");
    if (len == 0 || (rc = enter(r)) < 0)
        return rc;
    r->was_read = true;
    if (r->piece_len == 0) {
        struct weir_view v = {NULL, 0};
        rc = next_plain(r, &v);
        r->piece = v.base;
        r->piece_len = rc > 0 ? v.len : 0;
    }
    r->reading = false;
    size_t n = r->piece_len < len ? r->piece_len : len;
    if (n > 0) {
        memcpy(buf, r->piece, n);
        r->piece += n;
        r->piece_len -= n;
    }
    (void)weir__breathe_bytes(n);
    return n > 0 ? (ssize_t)n : rc;
}

static int too_big(struct http_request *r) {
    r->was_read = true;
    if (r->refusal == 0)
        r->refusal = 413;
    r->why = "the body is too large";
    return weir__failf(WEIR_ETOOBIG, "http read", weir_stream_peer(r->http->stream),
                       "the body is larger than the handler wants");
}

static int grow(struct http_request *r, size_t len) {
    if (len <= r->whole_size)
        return 0;
    size_t next = r->whole_size * 2 > len ? r->whole_size * 2 : len;
    uint8_t *larger = weir__realloc(r->whole, next);
    if (larger == NULL)
        return fail(r, -ENOMEM, 503, "out of memory");
    r->whole = larger;
    r->whole_size = next;
    return 0;
}

static int append(struct http_request *r, struct weir_view v, size_t max) {
    size_t comes = r->body_left < HTTP_RESERVE_MAX ? (size_t)r->body_left : HTTP_RESERVE_MAX;
    if (r->whole_len + v.len > max)
        return too_big(r);
    int rc = grow(r, r->whole_len + v.len + comes + 1);
    if (rc < 0)
        return rc;
    memcpy(r->whole + r->whole_len, v.base, v.len);
    r->whole_len += v.len;
    return 0;
}

static int gather(struct http_request *r, size_t max) {
    struct weir_view v;
    int rc = 0;
    bool announced = r->body == HTTP_BODY_LENGTH && r->whole_len + r->body_left > max;
    if (announced)
        return too_big(r);
    while (rc == 0 && (rc = next_plain(r, &v)) > 0) {
        rc = append(r, v, max);
        if (rc == 0 && weir__breathe_bytes(v.len)) /* a few bytes of gzip may be many of these */
            rc = weir_cancelled();
    }
    if (rc == 0 && (rc = grow(r, r->whole_len + 1)) == 0)
        r->whole[r->whole_len] = '\0';
    return rc;
}

int weir_http_body(struct weir_http_request *pub, size_t max, struct weir_view *ret_view) {
    int rc = weir__suspend_enter("http read");
    if (rc < 0)
        return rc;
    struct http_request *r = weir__http_request_of(pub, "weir_http_body");
    if (r->was_read)
        return weir__failf(-EALREADY, "http read", weir_stream_peer(r->http->stream),
                           "a part of the body was read already");
    if ((rc = enter(r)) < 0)
        return rc;
    rc = gather(r, max != 0 ? max : (size_t)weir__http_body_max(r));
    r->reading = false;
    if (rc == 0)
        *ret_view = (struct weir_view){r->whole, r->whole_len};
    return rc;
}

int64_t weir_http_body_length(const struct weir_http_request *pub) {
    const struct http_request *r = weir__http_request_of(pub, "weir_http_body_length");
    return r->pub.head.chunked ? -1 : r->pub.head.body_len > 0 ? r->pub.head.body_len : 0;
}

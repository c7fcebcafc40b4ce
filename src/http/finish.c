/* SPDX-License-Identifier: MIT */
/* finish.c - the end of a request: what its handler did and returned becomes an answer that is
 * whole, and the connection is made ready for the next request.
 *
 *   what it did              it returned   then
 *   no answer                0             404
 *   no answer                > 0           500, and a line in the log
 *   no answer                < 0           what reading the body has found (400, 408, 413), or 500
 *                                          and a line in the log; 503 if the server was cancelled
 *   an answer, not ended     >= 0          it is ended; if it is shorter than announced, the
 *                                          connection breaks, and there is a line in the log
 *   an answer, not ended     < 0           the connection breaks
 *   an answer                any           nothing
 * If the stop of the server has cancelled the handler, -ECANCELED counts as 0; and with no answer
 * both mean 503. If its client has left, nothing is answered.
 * Then the unread body is thrown away, up to drain_max. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/option.h>

#include "base/check.h"
#include "base/log.h"
#include "http/lease.h"

/* Secrets travel in queries: the log has none. */
static void log_failed(const struct http_request *r, const char *how, const char *message) {
    const char *target = weir_http_target(&r->pub);
    weir__log(WEIR_LOG_WARNING, "http %s: %s %.*s: %s (%s)", weir_stream_peer(r->http->stream),
              weir_http_method(&r->pub), (int)strcspn(target, "?"), target, message, how);
}

/* The server was cancelled: a cancel point would refuse to send. What the kernel takes at once is
 * sent all the same, so that the client knows that it may try again elsewhere. */
static int answer_cancelled(struct http_request *r) {
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";
    struct weir_http *h = r->http;
    h->close = h->broken = true;
    r->status = 503;
    if (http_unsent(h) == 0 && !h->writing)
        (void)weir_try_write(h->stream, text, sizeof text - 1);
    return weir_cancelled();
}

/* What the handler has returned, in words. -1 is seldom meant as -EPERM. */
static const char *why_of(int rc, char *text, size_t size) {
    if (rc > 0)
        snprintf(text, size, "the handler returned %d, more than 0, without an answer", rc);
    else if (rc == -1 && weir_error(rc) == NULL)
        snprintf(text, size, "the handler returned -1 (EPERM)");
    else if (weir_error(rc) == NULL && *weir_error_name(rc) == '?')
        snprintf(text, size, "the handler returned %d (weir_fail would give it a text)", rc);
    else
        return weir_error_message(rc);
    return text;
}

static int answer_failed(struct http_request *r, int rc) {
    char why[96];
    if (weir_cancelled() != 0)
        return answer_cancelled(r);
    if (r->http->unsent != 0)
        return r->http->unsent; /* the client has left: that is no news */
    if (rc < 0 && r->refusal != 0)
        return weir__http_refuse(r, r->refusal, r->why);
    log_failed(r, "answered 500", why_of(rc, why, sizeof why));
    return weir_http_reply(&r->pub, 500, NULL);
}

static void log_short(const struct http_request *r) {
    char why[96];
    snprintf(why, sizeof why, "%llu bytes were sent of %llu that the answer announced",
             (unsigned long long)r->sent, (unsigned long long)(r->sent + r->to_send));
    log_failed(r, "the answer breaks off", why);
}

/* Many handlers mean that by 0; others have forgotten the answer, which debug mode shows. */
static int answer_none(struct http_request *r) {
    const struct http_config *c = r->http->config;
    if (c->loop->debug != NULL && (r->match.route != NULL || c->o.handler != NULL))
        log_failed(r, "answered 404", "the handler returned 0 without an answer");
    return weir_http_reply(&r->pub, 404, NULL);
}

static int answer_rest(struct http_request *r, int rc) {
    struct weir_http *h = r->http;
    char why[96];
    if (r->pub.reply == HTTP_UNANSWERED)
        return rc == 0 ? answer_none(r) : answer_failed(r, rc);
    bool is_clients = r->body_failed != 0 || h->unsent != 0 || r->gone; /* its fault: not logged */
    bool is_news = !is_clients && weir_cancelled() == 0;
    if (http_is_streaming(r) && rc < 0) {
        if (is_news)
            log_failed(r, "the answer breaks off", why_of(rc, why, sizeof why));
        h->broken = true;
        return rc;
    }
    if (is_news && r->mode == HTTP_LENGTH && r->to_send > 0)
        log_short(r);
    return http_is_streaming(r) ? weir_http_end(&r->pub, NULL) : r->pub.failed;
}

/* Returns 0, or what keeps the connection from going on. */
static int discard_body(struct http_request *r) {
    struct weir_http *h = r->http;
    struct weir_view v;
    size_t sum = 0;
    int rc = 0;
    while (!h->close && !h->broken && (rc = weir__http_body_take(r, &v)) != HTTP_END) {
        if (rc == -EAGAIN && (rc = weir__http_send(h, NULL, 0)) == 0)
            rc = weir__http_body_next(r, &v);
        if (rc < 0)
            return rc;
        sum += rc == HTTP_PIECE ? v.len : 0;
        if (sum > h->config->o.drain_max)
            h->close = true;
        if (rc == HTTP_END)
            break;
    }
    return 0;
}

/* Most clients can see that the answer is not whole: by its length, by the missing last chunk, or
 * over TLS by the missing close_notify. Any other would take the end of the stream for the end of
 * the answer, so its connection ends with an error (RFC 9112 8). */
static __attribute__((cold, noinline)) void note_cut(struct http_request *r) {
    struct weir_http *h = r->http;
    struct weir_error why;
    h->stream->torn = true;
    if (r->mode != HTTP_UNTIL_CLOSE)
        return;
    weir__error_keep(&why);
    h->resets = weir_stream_option(h->stream, WEIR_STREAM_RESET, 1) == 0;
    weir__error_restore(&why);
}

void weir__http_note_cut(struct http_request *r) {
    if (r->pub.reply == HTTP_ANSWERING)
        note_cut(r);
}

static int finish(struct http_request *r, int rc) {
    struct weir_http *h = r->http;
    rc = answer_rest(r, rc);
    if (rc < 0 && r->pub.failed == 0)
        r->pub.failed = rc;
    h->broken |= rc < 0;
    if (h->broken && h->unsent == 0) /* answers to the requests before may wait still */
        (void)weir__http_send(h, NULL, 0);
    if (h->broken)
        weir__http_note_cut(r);
    r->packed = false; /* what is thrown away is not decompressed */
    if (rc == 0)
        rc = discard_body(r);
    h->close |= rc < 0 || h->broken;
    return rc;
}

/* The stop of the server has cancelled the handler's task, so -ECANCELED is no failure: the answer
 * ends here, as a whole one. */
static int finish_stopped(struct http_request *r, int rc) {
    struct weir_http *h = r->http;
    struct weir_scope shield, bound;
    weir_shield_enter(&shield, HTTP_LINGER_NS);
    weir_scope_enter(&bound, HTTP_LINGER_NS);
    if (r->pub.reply == HTTP_UNANSWERED && (rc == -ECANCELED || rc == 0))
        rc = weir_http_reply(&r->pub, 503, NULL);
    else if (rc == -ECANCELED)
        rc = 0;
    rc = finish(r, rc);
    if (rc == 0 && !h->broken)
        rc = weir__http_send(h, NULL, 0);
    rc = weir_scope_leave(&bound, rc);
    weir_scope_leave(&shield, 0);
    return rc;
}

/* The client has closed at least its sending side, so an answer that is whole is sent anyway. */
static int finish_gone(struct http_request *r, int rc) {
    struct weir_http *h = r->http;
    struct weir_scope shield, bound;
    weir_shield_enter(&shield, HTTP_LINGER_NS);
    weir_scope_enter(&bound, HTTP_LINGER_NS);
    h->close = true;
    if (r->pub.reply == HTTP_UNANSWERED) {
        h->broken = true;
        (void)weir__http_send(h, NULL, 0); /* the answers before */
        rc = r->pub.failed = rc < 0 ? rc : -ECANCELED;
    } else {
        rc = finish(r, rc);
    }
    rc = weir_scope_leave(&bound, rc);
    weir_scope_leave(&shield, 0);
    return rc;
}

int weir__http_finish(struct http_request *r, int rc) {
    if (r->http->lease != NULL)
        weir__http_lease_await(r->http);
    r->ends_when_gone = r->ends_on_stop = false; /* what is left to do is ours */
    if (__builtin_expect(r->gone, 0))
        return finish_gone(r, rc);
    return r->stopped ? finish_stopped(r, rc) : finish(r, rc);
}

static _Noreturn __attribute__((cold)) void still_used(const struct http_request *r) {
    const char *target = weir_http_target(&r->pub);
    WEIR_BUG("%s: the handler of %s %.*s has returned while another task is in this call on its "
             "request", r->reading   ? "weir_http_read"
                        : r->writing ? "weir_http_write"
                                     : "weir_http_reply",
             weir_http_method(&r->pub), (int)strcspn(target, "?"), target);
}

void weir__http_over(struct http_request *r) {
    struct weir_http *h = r->http;
    if (__builtin_expect(r->answering || r->writing || r->reading, 0))
        still_used(r);
    if (h->config->logged != NULL)
        h->config->logged(r);
    h->request = NULL;
    h->running = false;
    weir__http_request_give(h->config, r);
}

/* ---- the end of the connection ---- */

/* A reset drops what the kernel has not yet sent. */
static void await_taken(struct weir_http *h) {
    struct weir_scope bound;
    weir_ns pause = WEIR_MILLISECONDS(1);
    int rc = 0;
    weir_scope_enter(&bound, HTTP_LINGER_NS);
    for (; rc == 0 && weir__stream_unacked(h->stream) > 0; pause += pause / 2)
        rc = weir_sleep(pause);
    weir_scope_leave(&bound, rc);
}

/* The stop of the server has cut the WebSocket off, which then could not end the stream in order.
 * The answers before it may be on their way. */
static bool is_cut_off(const struct weir_http *h) {
    return h->cut && weir__stream_unacked(h->stream) > 0;
}

int weir__http_shut(struct weir_http *h) {
    if (h->upgraded)
        return is_cut_off(h) ? weir__stream_cut(h->stream) : -EPIPE;
    int rc = weir__http_send(h, NULL, 0);
    if (rc < 0)
        return rc;
    if (h->resets) {
        await_taken(h);
        return -ECONNRESET;
    }
    return h->stream->torn ? weir__stream_cut(h->stream) : weir_shutdown(h->stream);
}

static void discard(struct weir_http *h) {
    int64_t n;
    for (size_t sum = h->left; sum < HTTP_LINGER_MAX; sum += (size_t)n)
        if ((n = h->driver->next(h)) <= 0)
            break;
    h->left = 0;
}

void weir__http_linger(struct weir_http *h) {
    struct weir_scope shield, bound;
    weir_shield_enter(&shield, HTTP_LINGER_NS);
    weir_scope_enter(&bound, HTTP_LINGER_NS);
    int rc = weir__http_shut(h);
    if (rc == 0)
        discard(h);
    weir_scope_leave(&bound, rc);
    weir_scope_leave(&shield, 0);
}

/* SPDX-License-Identifier: MIT */
/* answer.c - answers as bytes: their heads, whole answers, and those in pieces. The library alone
 * writes the fields that say where a message ends and whether the connection goes on. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "http/http.h"
#include "http/pack.h"
#include "proto/http_headers.h"
#include "wire/http1_write.h"

const struct weir__http_ops weir__http_ops = {.answer = weir__http_answer};

struct http_request *weir__http_request_of(const struct weir_http_request *r, const char *call) {
    weir__http_request_check(r, call);
    if (r->ops != &weir__http_ops)
        WEIR_BUG("%s: this request begins a WebSocket, which only the calls of weir/http.h take, "
                 "and those of weir/http_values.h but weir_http_client_of", call);
    return WEIR_CONTAINER((struct weir_http_request *)(uintptr_t)r, struct http_request, pub);
}

/* ---- heads ---- */

static uint8_t *put(uint8_t *to, const char *text, size_t len) {
    memcpy(to, text, len);
    return to + len;
}

static uint8_t *put_text(uint8_t *to, const char *text) {
    return put(to, text, strlen(text));
}

#define PUT(to, literal) put((to), (literal), sizeof(literal) - 1)

static uint8_t *put_number(uint8_t *to, uint64_t n) {
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    return put(to, digits + at, sizeof digits - at);
}

static uint8_t *put_hex(uint8_t *to, uint64_t n) {
    char digits[16];
    size_t at = sizeof digits;
    do
        digits[--at] = "0123456789abcdef"[n % 16];
    while ((n /= 16) > 0);
    return put(to, digits + at, sizeof digits - at);
}

static uint8_t *put_status(uint8_t *to, int status) {
    if (status == 200)
        return PUT(to, "HTTP/1.1 200 OK\r\n");
    to = PUT(to, "HTTP/1.1 ");
    to = put_number(to, (uint64_t)status);
    *to++ = ' ';
    to = put_text(to, weir__http1_status_text(status));
    return PUT(to, "\r\n");
}

struct seen { /* fields that the program writes itself */
    bool date, server;
};

static uint8_t *put_lines(uint8_t *to, const char *const *lines, struct seen *seen) {
    for (; lines != NULL && *lines != NULL; lines++) {
        to = put_text(to, *lines);
        to = PUT(to, "\r\n");
        seen->date |= weir__char_lower((uint8_t)**lines) == 'd' &&
                      weir__http1_line_is(*lines, "Date");
        seen->server |= weir__char_lower((uint8_t)**lines) == 's' &&
                        weir__http1_line_is(*lines, "Server");
    }
    return to;
}

/* What the client does not send whatever we answer, or may send without end, is not waited for: the
 * connection ends instead. */
static bool body_is_left(const struct http_request *r) {
    return r->expects || r->body_failed != 0 ||
           (r->body == HTTP_BODY_LENGTH && r->body_left > r->http->config->o.drain_max);
}

static uint8_t *put_connection(uint8_t *to, const struct http_request *r) {
    if (r->http->close)
        return PUT(to, "Connection: close\r\n");
    return r->pub.head.minor == 0 ? PUT(to, "Connection: keep-alive\r\n") : to;
}

/* A 204 has no Content-Length (RFC 9110 8.6), and that of a 304 would be the one of the body that
 * is not sent. */
static uint8_t *put_framing(uint8_t *to, int status, bool in_chunks, uint64_t len) {
    if (status == 204 || status == 304)
        return to;
    if (in_chunks)
        return PUT(to, "Transfer-Encoding: chunked\r\n");
    to = PUT(to, "Content-Length: ");
    to = put_number(to, len);
    return PUT(to, "\r\n");
}

/* weir_http_reply's, as most are. */
static bool is_plain_text(const struct http_request *r, const struct weir_http_answer *a) {
    return a->headers == weir__http_text_lines && a->status == 200 && r->added_len == 0;
}

static size_t head_size(const struct http_request *r, const struct weir_http_answer *a) {
    const struct http_config *c = r->http->config;
    if (is_plain_text(r, a) && c->text_head_len > 0)
        return HTTP_HEAD_REST + sizeof c->text_head;
    return HTTP_HEAD_REST + weir__head_lines_len(a->headers) + r->added_len +
           (c->o.name != NULL ? strlen(c->o.name) : 0);
}

/* What comes before the framing. */
static uint8_t *put_lead(uint8_t *to, struct http_request *r, const struct weir_http_answer *a) {
    struct http_config *c = r->http->config;
    struct seen seen = {false, false};
    to = put_status(to, a->status);
    to = put_lines(to, a->headers, &seen);
    if (r->added_len > 0) {
        to = put(to, r->added, r->added_len);
        seen.date |= weir__http_adds(r, "Date");
        seen.server |= weir__http_adds(r, "Server");
    }
    if (!seen.date) {
        to = PUT(to, "Date: ");
        to = put(to, weir__http_date(c), WEIR__DATE_LEN);
        to = PUT(to, "\r\n");
    }
    if (c->o.name != NULL && !seen.server) {
        to = PUT(to, "Server: ");
        to = put_text(to, c->o.name);
        to = PUT(to, "\r\n");
    }
    return to;
}

/* The same of a plain text, which is written anew when the date is another. */
static uint8_t *put_text_lead(uint8_t *to, struct http_request *r,
                              const struct weir_http_answer *a) {
    struct http_config *c = r->http->config;
    (void)weir__http_date(c);
    if (c->text_head_len > 0)
        return put(to, c->text_head, c->text_head_len);
    uint8_t *end = put_lead(to, r, a);
    if ((size_t)(end - to) <= sizeof c->text_head) {
        c->text_head_len = (uint32_t)(end - to);
        memcpy(c->text_head, to, c->text_head_len);
    }
    return end;
}

/* Put the head of an answer into out, of at most size bytes. len < 0: the length is not known. */
static int put_head(struct http_request *r, const struct weir_http_answer *a, size_t size,
                    int64_t len) {
    struct weir_http *h = r->http;
    if (size > HTTP_OUT_MAX)
        return weir__failf(-EINVAL, "http reply", NULL, "the headers have more than 1 MiB");
    uint8_t *to = weir__http_out_room(h, size);
    if (to == NULL)
        return weir__fail(-ENOMEM, "http reply", NULL);
    bool until_close = len < 0 && r->pub.head.minor == 0;
    h->close |= body_is_left(r) || until_close;
    to = is_plain_text(r, a) ? put_text_lead(to, r, a) : put_lead(to, r, a);
    if (!until_close)
        to = put_framing(to, a->status, len < 0, (uint64_t)len);
    to = put_connection(to, r);
    to = PUT(to, "\r\n");
    WEIR_CHECK(to <= h->out->bytes + h->out->size);
    h->out->len = (uint32_t)(to - h->out->bytes);
    r->status = (uint16_t)a->status;
    return 0;
}

/* ---- whole answers ---- */

/* Several answers of one turn gather in a block; a block that is full leaves first. */
static int make_room(struct weir_http *h, size_t len) {
    bool is_full = h->out != NULL && len > h->out->size - h->out->len;
    return is_full ? weir__http_send(h, NULL, 0) : 0;
}

static int answer_out(struct http_request *r, const struct weir_http_answer *a) {
    struct weir_http *h = r->http;
    size_t len = r->is_head ? 0 : a->len, size = head_size(r, a);
    int rc = h->unsent != 0 ? weir__fail(h->unsent, "http reply", NULL) : make_room(h, size + len);
    if (rc < 0 || (rc = put_head(r, a, size, (int64_t)a->len)) < 0)
        return rc;
    r->pub.reply = HTTP_ANSWERING;
    r->sent = len;
    if (h->left == 0 || len > h->out->size - h->out->len)
        return weir__http_send_soon(h, a->body, len);
    rc = weir__http_put(h, a->body, len);
    weir__http_flush_later(h); /* with those of the requests that wait behind this one */
    return rc;
}

int weir__http_answer(struct weir_http_request *pub, const struct weir_http_answer *a) {
    struct http_request *r = WEIR_CONTAINER(pub, struct http_request, pub);
    struct weir_http_answer packed = *a;
    void *block = NULL;
    uint32_t added_len = r->added_len;
    if (r->answering) /* it waits for room, and its answer is none yet */
        return weir__failf(-EALREADY, "http reply", weir_stream_peer(r->http->stream),
                           "another task answers this request");
    if (r->http->config->o.compress)
        weir__http_pack_whole(r, &packed, &block);
    r->answering = true;
    int rc = answer_out(r, &packed);
    r->answering = false;
    weir__free(block);
    if (pub->reply == HTTP_UNANSWERED) { /* another answer may be given */
        r->added_len = added_len;
        return rc;
    }
    pub->failed = rc;
    r->ended = true;
    if (rc == 0)
        pub->reply = HTTP_ANSWERED;
    return rc;
}

int weir__http_refuse(struct http_request *r, int status, const char *why) {
    static const char *const headers[] = {"Content-Type: text/plain; charset=utf-8", NULL};
    char text[128];
    size_t len = strlen(why) < sizeof text ? strlen(why) : sizeof text - 1;
    memcpy(text, why, len);
    text[len] = '\n';
    struct weir_http_answer a = {
        .size = sizeof a, .status = status, .headers = headers, .body = text, .len = len + 1};
    r->http->close = true;
    return weir__http_answer(&r->pub, &a);
}

void weir_http_close_after(struct weir_http_request *pub) {
    struct http_request *r = weir__http_request_of(pub, "weir_http_close_after");
    r->http->close = true;
}

/* ---- answers in pieces ---- */

static enum http_mode mode_of(const struct http_request *r, const struct weir_http_answer *a) {
    if (r->is_head || !weir__http1_status_has_body(a->status))
        return HTTP_NO_BODY;
    if (a->len > 0)
        return HTTP_LENGTH;
    return r->pub.head.minor == 0 ? HTTP_UNTIL_CLOSE : HTTP_CHUNKS;
}

int weir_http_begin(struct weir_http_request *pub, const struct weir_http_answer *answer) {
    struct http_request *r = weir__http_request_of(pub, "weir_http_begin");
    struct weir_http_answer a;
    weir__argument_not_null(answer, "weir_http_begin", "answer");
    WEIR_OPTIONS_COPY(struct weir_http_answer, len, &a, answer);
    int rc = weir__http_answer_check(pub, &a);
    if (rc == 0 && r->answering)
        rc = weir__failf(-EALREADY, "http begin", NULL, "another task answers this request");
    if (rc == 0 && a.body != NULL)
        rc = weir__failf(-EINVAL, "http begin", NULL, "the body follows by weir_http_write");
    if (rc == 0)
        rc = weir__http_headers_check("http begin", a.headers, HTTP_ANSWERS);
    if (rc == 0 && r->http->unsent != 0)
        rc = weir__fail(r->http->unsent, "http begin", NULL);
    if (rc < 0)
        return rc; /* r->pack is that of an answer which was begun before */
    bool knows = a.len > 0 || a.status == 205;
    uint32_t added_len = r->added_len;
    if (r->http->config->o.compress)
        weir__http_pack_begin(r, &a);
    rc = put_head(r, &a, head_size(r, &a), knows ? (int64_t)a.len : -1);
    if (rc < 0) {
        weir__http_pack_free(r->pack);
        r->pack = NULL;
        r->added_len = added_len; /* another answer may be given */
        return rc;
    }
    r->mode = (uint8_t)mode_of(r, &a);
    r->to_send = a.len;
    pub->reply = HTTP_ANSWERING;
    weir__http_flush_later(r->http);
    return 0;
}

static int not_begun(const struct http_request *r, const char *what) {
    return weir__failf(-EINVAL, what, weir_stream_peer(r->http->stream), "%s",
                       r->mode == HTTP_WHOLE ? "no answer was begun" : "the answer is ended");
}

/* A piece that fits leaves with others when the task suspends; a large one leaves now, from the
 * caller's memory. */
static int write_piece(struct http_request *r, const void *data, size_t len) {
    struct weir_http *h = r->http;
    bool chunks = r->mode == HTTP_CHUNKS;
    bool is_small = len <= HTTP_OUT_SIZE - HTTP_CHUNK_REST;
    int rc = h->unsent != 0 ? weir__fail(h->unsent, "http write", NULL)
             : h->broken    ? weir__fail(-EPIPE, "http write", NULL) /* a piece was lost */
                            : make_room(h, HTTP_CHUNK_REST + (is_small ? len : 0));
    uint8_t *to = rc == 0 ? weir__http_out_room(h, HTTP_CHUNK_REST + (is_small ? len : 0)) : NULL;
    if (to == NULL) {
        h->broken = true; /* without this piece the answer is never whole */
        return rc < 0 ? rc : weir__fail(-ENOMEM, "http write", NULL);
    }
    if (chunks) {
        to = put_hex(to, len);
        to = PUT(to, "\r\n");
        h->out->len = (uint32_t)(to - h->out->bytes);
    }
    rc = is_small ? weir__http_put(h, data, len) : weir__http_send(h, data, len);
    if (rc == 0 && chunks)
        rc = weir__http_put(h, "\r\n", 2);
    if (rc == 0 && http_unsent(h) > 0)
        weir__http_flush_later(h);
    if (rc == -ENOMEM)
        h->broken = true; /* a chunk without its end */
    return rc;
}

static int write_slice(struct http_request *r, const void *data, size_t len,
                       enum weir__deflate_flush flush) {
    struct http_pack *p = r->pack;
    struct weir__deflate_io io = {data, len, NULL, 0};
    bool done = false;
    int rc = 0;
    while (rc == 0 && !done) {
        io.out = p->out;
        io.out_len = sizeof p->out;
        done = weir__deflate_table->deflate(p->deflater, &io, flush);
        if (io.out_len < sizeof p->out)
            rc = write_piece(r, p->out, sizeof p->out - io.out_len);
    }
    return rc;
}

/* Each piece leaves the compressor whole, since its reader may wait for it: an event. What was
 * compressed and not sent cannot come again. Between the slices of a long piece others may run. */
static int write_packed(struct http_request *r, const void *data, size_t len,
                        enum weir__deflate_flush flush) {
    const uint8_t *at = data;
    int rc = 0;
    for (; rc == 0 && len > HTTP_PACK_SLICE; at += HTTP_PACK_SLICE, len -= HTTP_PACK_SLICE) {
        rc = write_slice(r, at, HTTP_PACK_SLICE, WEIR__DEFLATE_NONE);
        if (rc == 0 && weir__breathe_bytes(HTTP_PACK_SLICE))
            rc = weir_cancelled();
    }
    rc = rc == 0 ? write_slice(r, at, len, flush) : rc;
    r->http->broken |= rc < 0;
    return rc;
}

/* The task has felt a cancel before the piece was taken, or behind it. Its program may go on all
 * the same, so the answer must not seem whole. A stop or the client's leaving ends it otherwise. */
static int felt(struct http_request *r, int rc) {
    r->http->broken |= http_is_streaming(r) && !r->stopped && !r->gone;
    return rc;
}

int weir_http_write(struct weir_http_request *pub, const void *data, size_t len) {
    int rc = weir__suspend_enter("http write");
    struct http_request *r = weir__http_request_of(pub, "weir_http_write");
    if (rc < 0)
        return weir_cancelled() != 0 ? felt(r, rc) : rc;
    if (!http_is_streaming(r))
        return not_begun(r, "http write");
    if (r->writing || r->answering)
        return weir__failf(-EBUSY, "http write", NULL, "another task writes this answer");
    if (r->to_send > 0 || r->mode == HTTP_LENGTH) {
        if (len > r->to_send)
            return weir__failf(-EINVAL, "http write", NULL, "more than the length announced");
        r->to_send -= len;
    }
    if (len == 0 || r->mode == HTTP_NO_BODY)
        return 0;
    r->writing = true;
    rc = r->pack != NULL ? write_packed(r, data, len, WEIR__DEFLATE_SYNC)
                         : write_piece(r, data, len);
    r->writing = false;
    r->sent += rc == 0 ? len : 0;
    if (rc == 0 && weir__breathe_bytes(len) && (rc = weir_cancelled()) != 0)
        return felt(r, rc);
    return rc;
}

static int put_end(struct http_request *r, const char *const *trailers) {
    struct weir_http *h = r->http;
    struct seen seen = {false, false};
    if (r->mode != HTTP_CHUNKS)
        return 0;
    uint8_t *to = weir__http_out_room(h, HTTP_CHUNK_REST + weir__head_lines_len(trailers));
    if (to == NULL)
        return weir__fail(-ENOMEM, "http end", NULL);
    to = PUT(to, "0\r\n");
    to = put_lines(to, trailers, &seen);
    to = PUT(to, "\r\n");
    h->out->len = (uint32_t)(to - h->out->bytes);
    return 0;
}

int weir_http_end(struct weir_http_request *pub, const char *const *trailers) {
    int rc = weir__suspend_enter("http end");
    if (rc < 0)
        return rc;
    struct http_request *r = weir__http_request_of(pub, "weir_http_end");
    struct weir_http *h = r->http;
    if (!http_is_streaming(r))
        return not_begun(r, "http end");
    if (r->writing || r->answering)
        return weir__failf(-EBUSY, "http end", NULL, "another task writes this answer");
    if ((rc = weir__http_headers_check("http end", trailers, HTTP_ANSWERS)) < 0)
        return rc;
    if (r->mode == HTTP_LENGTH && r->to_send > 0) {
        h->broken = true;
        rc = weir__failf(-EINVAL, "http end", NULL, "%llu bytes less than the length announced",
                         (unsigned long long)r->to_send);
    } else if (h->unsent != 0) {
        rc = weir__fail(h->unsent, "http end", NULL);
    } else if (h->broken) { /* a piece is lost: no end may make the rest a whole */
        rc = weir__fail(-EPIPE, "http end", NULL);
    } else {
        r->answering = true;
        bool packs = r->pack != NULL && r->mode != HTTP_NO_BODY;
        rc = packs ? write_packed(r, NULL, 0, WEIR__DEFLATE_FINISH) : 0;
        rc = rc == 0 ? put_end(r, trailers) : rc;
        if (rc == 0 && h->out != NULL && h->out->size > HTTP_OUT_SIZE)
            rc = weir__http_send(h, NULL, 0); /* weir_http_begin could not wait for room */
        r->answering = false;
    }
    h->broken |= rc < 0;
    r->ended = true;
    pub->failed = rc;
    if (rc == 0)
        pub->reply = HTTP_ANSWERED;
    weir__http_flush_later(h);
    return rc;
}

/* ---- the connection ---- */

const char *weir_http_scheme(const struct weir_http_request *pub) {
    const struct http_request *r = weir__http_request_of(pub, "weir_http_scheme");
    return r->http->stream->kind->is_secret ? "https" : "http";
}

struct weir_stream *weir_http_stream(const struct weir_http_request *pub) {
    return weir__http_request_of(pub, "weir_http_stream")->http->stream;
}

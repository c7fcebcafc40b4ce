/* SPDX-License-Identifier: MIT */
/* client_send.c - one request over one connection: its head, its body, and meanwhile an eye on what
 * the server says. A server may answer before it has the whole body, and then may read no more of
 * it; so where sending can take long, a second task reads the head of the answer. */
#include <errno.h>
#include <stdio.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "http/client.h"
#include "stream/stream.h"
#include "wire/http1_write.h"

/* ---- bytes ----------------------------------------------------------------------------------- */

static int send_parts(struct http_fetch *f, struct iovec *parts, size_t count) {
    int rc = weir__stream_writev(f->conn->stream, parts, count);
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    f->sent_any |= rc == 0 || e == NULL || e->done > 0;
    return rc;
}

static int send_text(struct http_fetch *f, const char *text, size_t len) {
    struct iovec part = {(void *)(uintptr_t)text, len};
    return send_parts(f, &part, 1);
}

/* ---- a body by function ---------------------------------------------------------------------- */

static int send_chunk(struct http_fetch *f, char *piece, size_t len) {
    char size[24];
    int n = snprintf(size, sizeof size, "%zx\r\n", len);
    struct iovec parts[3] = {{size, (size_t)n}, {piece, len}, {(void *)(uintptr_t) "\r\n", 2}};
    return send_parts(f, parts, 3);
}

static int send_last_chunk(struct http_fetch *f) {
    const char *const *lines = f->call.trailers;
    size_t size = weir__head_lines_len(lines) + 8;
    int rc = weir__http_lines_check(lines);
    f->more_failed = rc < 0; /* it made them */
    if (rc < 0)
        return rc;
    struct weir__head w = {.text = weir__alloc(size), .size = size};
    if (w.text == NULL)
        return weir__fail(-ENOMEM, "http request", NULL);
    weir__head_put_text(&w, "0\r\n");
    weir__head_put_lines(&w, lines);
    weir__head_put_text(&w, "\r\n");
    rc = send_text(f, w.text, w.len);
    weir__free(w.text);
    return rc;
}

static int wrong_size(struct http_fetch *f, size_t sent, size_t more) {
    f->more_failed = true;
    return weir__failf(-EINVAL, "http request", f->url->text,
                       "the body's function gave %zu bytes of %zu", sent + more, f->call.len);
}

static ssize_t next_piece(struct http_fetch *f, char *piece) {
    f->asked_more = true;
    ssize_t n = f->call.more(f->call.arg, piece, HTTP_PIECE);
    if (n > HTTP_PIECE)
        WEIR_BUG("weir_http_fetch: the function of the body returned %zd for %d bytes", n,
                 HTTP_PIECE);
    f->more_failed = n < 0;
    if (n < 0 && weir_error((int)n) == NULL)
        weir__fail((int)n, "http request", f->url->text);
    return n;
}

static int send_pieces(struct http_fetch *f, char *piece) {
    size_t sent = 0, total = f->call.len;
    for (;;) {
        ssize_t n = next_piece(f, piece);
        if (n < 0)
            return (int)n;
        if (total > 0 && (n == 0 ? sent < total : (size_t)n > total - sent))
            return wrong_size(f, sent, (size_t)n);
        if (n == 0)
            return total > 0 ? 0 : send_last_chunk(f);
        sent += (size_t)n;
        int rc = total > 0 ? send_text(f, piece, (size_t)n) : send_chunk(f, piece, (size_t)n);
        if (rc < 0)
            return rc;
    }
}

static int send_content(struct http_fetch *f) {
    if (f->call.more == NULL)
        return send_text(f, f->call.body, f->call.len);
    char *piece = weir__alloc(HTTP_PIECE);
    if (piece == NULL)
        return weir__fail(-ENOMEM, "http request", NULL);
    int rc = send_pieces(f, piece);
    weir__free(piece);
    return rc;
}

/* ---- sending while the answer is awaited ----------------------------------------------------- */

struct hear_args {
    struct http_fetch *f;
};

/* A server that sends its answer while it reads, and takes no more before that is read. */
static void hear_body(struct http_fetch *f) {
    struct weir_scope s;
    weir__http_response_begin(f->response, f->conn, true);
    weir_scope_enter(&s, WEIR_NEVER);
    f->hearing = &s;
    weir__http_body_read_ahead(f->response);
    f->hearing = NULL;
    weir_scope_leave(&s, 0);
}

/* Read the head of the answer. If it says that the server wants no more, the sending ends. */
static int hear(void *args) {
    struct http_fetch *f = ((struct hear_args *)args)->f;
    f->head_rc = weir__http_read_heads(f, false);
    if (f->head_rc < 0)
        weir__error_keep(&f->head_error);
    if (f->sending == NULL)
        return 0;
    if (f->head_rc < 0 || f->response->head.status >= 300)
        weir_scope_cancel(f->sending, "the server has answered");
    else
        hear_body(f);
    return 0;
}

/* True for errors that say that the peer takes no more, whatever it may have sent. */
static bool is_refusal(int rc) {
    return rc == -EPIPE || rc == -ECONNRESET;
}

static int send_watched(struct http_fetch *f) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    f->sending = &s;
    int rc = send_content(f);
    f->sending = NULL;
    if (f->hearing != NULL)
        weir_scope_cancel(f->hearing, "the request is sent");
    rc = weir_scope_leave(&s, rc);
    f->sent_all = rc == 0;
    bool stopped = rc == WEIR_ESTOPPED && weir_scope_fired(&s) == WEIR_ESTOPPED;
    return stopped || (is_refusal(rc) && !f->more_failed) ? 0 : rc;
}

static int exchange_watched(struct http_fetch *f) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_go(&g, hear, .f = f);
    if (rc == 0)
        rc = send_watched(f);
    rc = weir_group_close(&g, rc);
    if (rc == 0 && f->head_rc < 0) {
        weir__error_restore(&f->head_error);
        rc = f->head_rc;
    }
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Returns 0: the body may be sent; 1: the final answer is here; an error. */
static int wait_continue(struct http_fetch *f) {
    struct weir_scope s;
    weir_scope_enter(&s, f->client->o.continue_ns);
    int rc = weir__http_read_heads(f, true);
    rc = weir_scope_leave(&s, rc);
    return rc == -ETIME && weir_scope_fired(&s) == -ETIME && weir_cancelled() == 0 ? 0 : rc;
}

/* Head and body at once. A server that breaks the connection may have answered before. */
static int send_whole(struct http_fetch *f, const char *text, size_t len) {
    bool has_body = weir__http_has_body(f);
    struct iovec parts[2] = {{(void *)(uintptr_t)text, len},
                             {(void *)(uintptr_t)f->call.body, f->call.len}};
    int rc = send_parts(f, parts, has_body ? 2 : 1);
    f->sent_all = rc == 0;
    if (rc != 0 && !(is_refusal(rc) && f->sent_any))
        return rc;
    rc = weir__http_read_heads(f, false);
    return rc < 0 ? rc : 0;
}

static int exchange(struct http_fetch *f, const char *text, size_t len) {
    bool has_body = weir__http_has_body(f);
    bool asks = has_body && f->call.expect_continue && !f->without_expect;
    if (!asks && (!has_body || (f->call.more == NULL && f->call.len < HTTP_WATCH_MIN)))
        return send_whole(f, text, len);
    int rc = send_text(f, text, len);
    if (rc == 0 && asks)
        rc = wait_continue(f);
    return rc == 0 ? exchange_watched(f) : rc < 0 ? rc : 0;
}

int weir__http_exchange(struct http_fetch *f) {
    char *text = NULL;
    size_t len = 0;
    f->heads_left = f->client->o.head_max;
    f->sent_any = f->sent_all = f->heard = false;
    f->head_rc = 0;
    int rc = weir__http_head_text(f, &text, &len);
    if (rc == 0)
        rc = exchange(f, text, len);
    weir__free(text);
    if (rc < 0 && f->response != NULL)
        f->response->conn = NULL; /* it is not the response's yet */
    if (rc < 0)
        weir_http_response_close(&f->response);
    return rc;
}

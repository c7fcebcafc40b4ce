/* SPDX-License-Identifier: MIT */
/* client_head.c - the heads of a request's answer: interim ones are skipped, the final one
 * becomes a response. All of them together have head_max bytes, so a server cannot send 1xx for
 * ever. */
#include <errno.h>

#include "base/alloc.h"
#include "http/client.h"
#include "stream/stream.h"

struct reading {
    struct weir__http1 h;
    struct weir__http1_limits limits;
    struct weir__http1_header headers[]; /* on the heap: a thousand may be allowed */
};

static int ended(const struct http_fetch *f, size_t have) {
    return weir__failf(WEIR_EEOF, "http response", f->url->text, "%s ended the connection %s",
                       weir_stream_peer(f->conn->stream),
                       have > 0 ? "within the head of its answer" : "before it answered");
}

/* Peek until one head is whole. Returns its size; it stays in the stream. */
static int read_head(struct http_fetch *f, struct reading *r, struct weir_view *v) {
    r->limits.head_size_max = (uint32_t)f->heads_left;
    weir__http1_init(&r->h, WEIR__HTTP1_RESPONSE, r->headers, &r->limits);
    for (size_t min = 1;;) {
        ssize_t n = weir__stream_peek(f->conn->stream, min, "http response", v);
        if (n == 0 || n == WEIR_EEOF)
            return ended(f, min - 1);
        if (n < 0)
            return (int)n;
        f->heard = true;
        int size = weir__http1_parse(&r->h, v->base, v->len);
        if (size < 0)
            return weir__failf(size, "http response", f->url->text, "the answer of %s %s: %s",
                               weir_stream_peer(f->conn->stream),
                               size == WEIR_ETOOBIG ? "exceeds a limit" : "breaks HTTP", r->h.why);
        if (size > 0)
            return size;
        min = v->len + 1;
    }
}

static int read_heads(struct http_fetch *f, struct reading *r, bool until_continue) {
    for (;;) {
        struct weir_view v;
        int size = read_head(f, r, &v);
        if (size < 0)
            return size;
        if (r->h.status == 101)
            return weir__failf(WEIR_EPROTO, "http response", f->url->text,
                               "the server switched protocols, which nobody asked for");
        bool is_final = r->h.status >= 200;
        if (is_final) {
            f->response = weir__http_response_new(f, &r->h, v.base, (size_t)size);
            if (f->response == NULL)
                return weir__fail(-ENOMEM, "http response", f->url->text);
        }
        weir_consume(f->conn->stream, (size_t)size);
        f->heads_left -= (size_t)size;
        if (is_final || (until_continue && r->h.status == 100))
            return is_final;
    }
}

int weir__http_read_heads(struct http_fetch *f, bool until_continue) {
    struct reading *r = weir__alloc(
        sizeof *r + f->client->limits.headers_max * sizeof(struct weir__http1_header));
    if (r == NULL)
        return weir__fail(-ENOMEM, "http response", NULL);
    r->limits = f->client->limits;
    int rc = read_heads(f, r, until_continue);
    weir__free(r);
    return rc;
}

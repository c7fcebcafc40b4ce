/* SPDX-License-Identifier: MIT */
/* connect.c - a tunnel through an HTTP proxy (RFC 9110 9.3.6). Nothing behind the head of the
 * answer is consumed: it is the first that the other side of the tunnel sends. */
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "proto/proxy.h"
#include "stream/stream.h"
#include "wire/http1_write.h"

int weir__proxy_dial(const struct weir__proxy *p, const struct weir_dial_options *options,
                     struct weir_stream **ret_stream) {
    int rc = weir_dial(p->url, options, ret_stream);
    char why[160];
    if (rc < 0) {
        snprintf(why, sizeof why, "%s", weir_error_message(rc));
        weir__failf(rc, "dial", p->url, "the proxy: %s", why);
    }
    return rc;
}

static int send_connect(struct weir_stream *s, const struct weir__proxy *p,
                        const char *authority, const char *what) {
    size_t size = 2 * strlen(authority) + (p->authorization ? strlen(p->authorization) : 0) + 128;
    struct weir__head w = {.text = weir__alloc(size), .size = size};
    if (w.text == NULL)
        return weir__fail(-ENOMEM, what, NULL);
    weir__head_put_text(&w, "CONNECT ");
    weir__head_put_authority(&w, authority, strlen(authority));
    weir__head_put_text(&w, " HTTP/1.1\r\nHost: ");
    weir__head_put_authority(&w, authority, strlen(authority));
    weir__head_put_text(&w, "\r\n");
    if (p->authorization != NULL)
        weir__head_put_field(&w, "Proxy-Authorization", p->authorization);
    weir__head_put_text(&w, "\r\n");
    ssize_t n = weir__head_len(&w);
    int rc = n < 0 ? weir__failf((int)n, what, authority, "no CONNECT can be sent for this host")
                   : weir_write(s, w.text, (size_t)n);
    weir__free(w.text);
    return rc;
}

static int tunnel_refused(const struct weir__http1 *h, const char *base, const char *on,
                   const char *what) {
    const char *advice = h->status == 407 ? ": it wants a user and a password" : "";
    weir__failf(WEIR_EHTTP, what, on, "the proxy refused the tunnel: %u %.*s%s", h->status,
                (int)h->reason.len, base + h->reason.offset, advice);
    weir__fail_status(WEIR_EHTTP, h->status);
    return WEIR_EHTTP;
}

/* Read one head; all heads of the answer together have the bytes of limits. Returns its status. */
static int read_head(struct weir_stream *s, struct weir__http1_header *headers,
                     struct weir__http1_limits *limits, const char *what) {
    struct weir__http1 h;
    struct weir_view v;
    int size = 0;
    weir__http1_init(&h, WEIR__HTTP1_RESPONSE, headers, limits);
    for (size_t min = 1; size == 0; min = v.len + 1) {
        ssize_t n = weir__stream_peek(s, min, what, &v);
        if (n == 0 || n == WEIR_EEOF)
            return weir__failf(WEIR_EEOF, what, weir_stream_peer(s),
                               "the proxy ended the connection");
        if (n < 0)
            return (int)n;
        size = weir__http1_parse(&h, v.base, v.len);
    }
    if (size < 0)
        return weir__failf(size, what, weir_stream_peer(s), "the proxy: %s", h.why);
    int status = h.status;
    if (status >= 300 || status == 101)
        return tunnel_refused(&h, v.base, weir_stream_peer(s), what);
    weir_consume(s, (size_t)size);
    limits->head_size_max -= (uint32_t)size;
    return status;
}

int weir__proxy_connect(struct weir_stream *s, const struct weir__proxy *p, const char *authority,
                        const char *what) {
    struct weir__http1_limits limits = weir__http1_limits_default;
    struct weir__http1_header *headers =
        weir__alloc(limits.headers_max * sizeof(struct weir__http1_header));
    if (headers == NULL)
        return weir__fail(-ENOMEM, what, NULL);
    int rc = send_connect(s, p, authority, what);
    while (rc >= 0 && rc < 200 && (rc = read_head(s, headers, &limits, what)) >= 0)
        ;
    weir__free(headers);
    return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: MIT */
/* config.c - the options of a server with their defaults, and what all its connections share:
 * memory that finished requests left, and the text of the time. */
#include <errno.h>
#include <string.h>
#include <weir/http_cors.h>
#include <weir/wall.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "base/time.h"
#include "http/date.h"
#include "http/http.h"
#include "http/pack.h"
#include "http/peers.h"

/* ---- options ---- */

static size_t or_default(size_t value, size_t fallback) {
    return value != 0 ? value : fallback;
}

static weir_ns time_or(weir_ns value, weir_ns fallback) {
    return value > 0 ? value : fallback;
}

static void fill(struct weir_http_server_options *o) {
    o->head_max = or_default(o->head_max, weir__http1_limits_default.head_size_max);
    o->line_max = or_default(o->line_max, weir__http1_limits_default.line_len_max);
    o->headers_max = or_default(o->headers_max, WEIR__HTTP1_HEADERS_MAX);
    o->body_max = o->body_max != 0 ? o->body_max : HTTP_BODY_MAX;
    o->drain_max = or_default(o->drain_max, HTTP_DRAIN_MAX);
    o->connections_max = or_default(o->connections_max, HTTP_CONNECTIONS_MAX);
    o->requests_max = or_default(o->requests_max, SIZE_MAX);
    o->head_ns = time_or(o->head_ns, WEIR_SECONDS(10));
    o->body_ns = time_or(o->body_ns, WEIR_SECONDS(10));
    o->body_rate = or_default(o->body_rate, HTTP_BODY_RATE);
    o->idle_ns = time_or(o->idle_ns, WEIR_SECONDS(60));
    o->send_ns = time_or(o->send_ns, WEIR_SECONDS(20));
    o->drain_ns = time_or(o->drain_ns, WEIR_SECONDS(10));
    if (o->drain_ns > HTTP_DRAIN_NS_MAX)
        o->drain_ns = HTTP_DRAIN_NS_MAX; /* a shield must have an end */
}

/* Bounds on the bounds: offsets in a head are 32 bits, and a number of the program's must not make
 * the memory of each request huge. */
static int check(struct weir_http_server_options *o, const char *what) {
    if (o->head_max > HTTP_HEAD_LIMIT)
        return weir__failf(-EINVAL, what, NULL, "head_max is more than 1 MiB");
    if (o->headers_max > HTTP_HEADERS_LIMIT)
        return weir__failf(-EINVAL, what, NULL, "headers_max is more than 1000");
    if ((o->compress || o->decompress) && weir__deflate_table == NULL)
        return weir__fail(WEIR_ENOZLIB, what, NULL);
    if (o->proxy_protocol && (o->proxies == NULL || o->proxies[0] == NULL))
        return weir__failf(-EINVAL, what, NULL, "proxy_protocol without proxies: name them");
    for (const char *const *p = o->proxies; p != NULL && *p != NULL; p++)
        if (weir__peer_fault(*p) != NULL)
            return weir__failf(-EINVAL, what, *p, "a proxy's address is not usable: %s",
                               weir__peer_fault(*p));
    if (o->body_max > INT64_MAX)
        o->body_max = INT64_MAX;
    if (o->line_max > o->head_max)
        o->line_max = o->head_max;
    return 0;
}

static int by_handler(struct http_config *c, struct weir_http_request *r) {
    return c->o.handler != NULL ? c->o.handler(r) : 0;
}

static int by_cors(struct http_config *c, struct weir_http_request *r) {
    int rc = weir_http_cors(r, c->o.cors);
    return rc == 0 ? c->behind_cors(c, r) : rc < 0 ? rc : 0;
}

int weir__http_config_new(const struct weir_http_server_options *options, const char *what,
                          struct http_config **ret_config) {
    struct http_config *c = weir__alloc_zero(sizeof *c);
    if (c == NULL)
        return weir__fail(-ENOMEM, what, NULL);
    WEIR_OPTIONS_COPY(&c->o, options);
    fill(&c->o);
    c->refs = 1;
    c->loop = weir__loop_here();
    c->entry = by_handler;
    int rc = check(&c->o, what);
    if (c->o.log != NULL)
        c->logged = weir__http_logged;
    if (rc == 0 && c->o.routes != NULL) {
        c->entry = weir__http_route;
        rc = weir__http_routes_open(c);
    }
    c->behind_cors = c->entry;
    if (c->o.cors != NULL)
        c->entry = by_cors;
    if (rc < 0) {
        weir__http_config_unref(c);
        return rc;
    }
    c->limits = (struct weir__http1_limits){.head_size_max = (uint32_t)c->o.head_max,
                                            .line_len_max = (uint32_t)c->o.line_max,
                                            .target_len_max = (uint32_t)c->o.line_max,
                                            .headers_max = (uint32_t)c->o.headers_max,
                                            .body_len_max = (int64_t)c->o.body_max};
    *ret_config = c;
    return 0;
}

static void request_free(struct http_request *r) {
    weir__free(r->pub.text);
    weir__free(r->whole);
    weir__free(r->trailers);
    weir__free(r);
}

void weir__http_config_unref(struct http_config *c) {
    if (--c->refs > 0)
        return;
    while (c->spare != NULL) {
        struct http_request *r = c->spare;
        c->spare = r->next;
        request_free(r);
    }
    while (c->spare_out != NULL) {
        struct http_out *o = c->spare_out;
        c->spare_out = o->next;
        weir__free(o);
    }
    weir__routes_free(c->routes);
    weir__http_upgrades_close(c);
    if (c->deflater != NULL)
        weir__deflate_table->deflater_free(c->deflater);
    weir__free(c);
}

/* ---- memory that serves again ---- */

/* All but the memory that r holds begins anew; the headers are written by the parser. */
static void request_init(struct http_config *c, struct http_request *r) {
    char *text = r->pub.text;
    uint8_t *whole = r->whole;
    size_t text_size = r->text_size, whole_size = r->whole_size;
    memset(r, 0, sizeof *r);
    r->pub.ops = &weir__http_ops;
    r->pub.arg = c->o.arg;
    r->pub.text = text;
    r->text_size = text_size;
    r->whole = whole;
    r->whole_size = whole_size;
    weir__http1_init(&r->pub.head, WEIR__HTTP1_REQUEST, r->headers, &c->limits);
    r->pub.head.host_known = c->host_len > 0 ? c->host : NULL;
    r->pub.head.host_known_len = c->host_len;
    if (c->state_size > 0)
        memset(http_state_of(c, r), 0, c->state_size);
}

struct http_request *weir__http_request_take(struct http_config *c) {
    struct http_request *r = c->spare;
    if (r != NULL) {
        c->spare = r->next;
        c->spares--;
    } else {
        size_t headers = c->o.headers_max * sizeof r->headers[0];
        r = weir__alloc(sizeof *r + headers + HTTP_STATE_ALIGN + c->state_size);
        if (r == NULL)
            return NULL;
        r->pub.text = NULL;
        r->whole = NULL;
        r->text_size = r->whole_size = 0;
    }
    request_init(c, r);
    return r;
}

void weir__http_request_give(struct http_config *c, struct http_request *r) {
    weir__free(r->trailers);
    weir__free(r->added);
    weir__http_pack_free(r->pack);
    weir__http_unpack_free(r->unpack);
    r->pack = NULL;
    r->unpack = NULL;
    r->trailers = r->added = NULL;
    if (c->spares >= HTTP_SPARES_MAX) {
        request_free(r);
        return;
    }
    if (r->text_size > HTTP_TEXT_KEPT) {
        weir__free(r->pub.text);
        r->pub.text = NULL;
        r->text_size = 0;
    }
    if (r->whole_size > HTTP_TEXT_KEPT) {
        weir__free(r->whole);
        r->whole = NULL;
        r->whole_size = 0;
    }
    r->next = c->spare;
    c->spare = r;
    c->spares++;
}

struct http_out *weir__http_out_take(struct http_config *c, size_t room) {
    size_t size = room > HTTP_OUT_SIZE ? room : HTTP_OUT_SIZE;
    struct http_out *o = c->spare_out;
    if (o != NULL && size == HTTP_OUT_SIZE) {
        c->spare_out = o->next;
        c->spare_outs--;
        return o;
    }
    o = weir__alloc(sizeof *o + size);
    if (o != NULL)
        *o = (struct http_out){.size = (uint32_t)size};
    return o;
}

/* The block that was sent last lies in the cache, and is taken first. */
void weir__http_out_give(struct http_config *c, struct http_out *o) {
    if (o->size != HTTP_OUT_SIZE || c->spare_outs >= HTTP_SPARES_MAX) {
        weir__free(o);
        return;
    }
    o->from = o->len = 0;
    o->next = c->spare_out;
    c->spare_out = o;
    c->spare_outs++;
}

/* ---- the time ---- */

/* Written anew in the first turn of each second. */
const char *weir__http_date(struct http_config *c) {
    weir_ns now = weir__loop_now(c->loop);
    if (__builtin_expect(now < c->date_until, 1))
        return c->date;
    weir_ns wall = weir_wall_now();
    weir__date_write(wall / WEIR_SECONDS(1), c->date);
    c->date_until = weir__deadline(now, WEIR_SECONDS(1) - wall % WEIR_SECONDS(1));
    return c->date;
}

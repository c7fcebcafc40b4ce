/* SPDX-License-Identifier: MIT */
/* config.c - the options of a server with their defaults, and where its requests enter. */
#include <errno.h>
#include <string.h>
#include <weir/http_cors.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
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
    WEIR_OPTIONS_COPY(struct weir_http_server_options, stack_size, &c->o, options);
    fill(&c->o);
    c->refs = 1;
    weir__list_init(&c->upgraded);
    c->ops = &weir__http_ops;
    c->loop = weir__loop_here();
    c->entry = by_handler;
    int rc = check(&c->o, what);
    c->body_max = c->o.body_max;
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
                                            .body_len_max = INT64_MAX};
    *ret_config = c;
    return 0;
}


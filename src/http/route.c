/* SPDX-License-Identifier: MIT */
/* route.c - from the head of a request to its route: 404, 405 and OPTIONS are answered here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/http_values.h>
#include <weir/ws.h>

#include "base/check.h"
#include "http/http.h"
#include "http/routes.h"

/* ---- the table of a server ---- */

/* The end of a table is a route without anything. */
static int check_end(const struct weir_http_route *end) {
    if (end->fn == NULL && end->ws == NULL && end->method == NULL)
        return 0;
    return weir__failf(-EINVAL, "http route", end->method,
                       "it has no pattern; the table ends with {0}");
}

static int check(const struct weir_http_route *route) {
    if (route->fn == NULL && route->ws == NULL)
        return weir__failf(-EINVAL, "http route", route->pattern, "it has no function");
    if (route->ws != NULL && route->ws->message == NULL)
        return weir__failf(-EINVAL, "http route", route->pattern, "its ws has no function message");
    return 0;
}

int weir__http_routes_open(struct http_config *c) {
    size_t count = 0;
    const struct weir_http_route *routes = c->o.routes;
    while (routes[count].pattern != NULL)
        count++;
    c->routes = weir__routes_new(count);
    if (c->routes == NULL)
        return weir__fail(-ENOMEM, "http route", NULL);
    int rc = check_end(&routes[count]);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = check(&routes[i]);
        if (rc == 0)
            rc = weir__routes_add(c->routes, routes[i].ws != NULL ? "GET" : routes[i].method,
                                  routes[i].pattern);
        if (rc == -EEXIST)
            rc = weir_fail(-EINVAL, "%s", weir_error(rc)->text);
        if (routes[i].body_max > c->body_max)
            c->body_max = routes[i].body_max < INT64_MAX ? routes[i].body_max : INT64_MAX;
    }
    return rc;
}

/* ---- answers ---- */

static int reply_allow(struct weir_http_request *r, int status, const char *methods) {
    char line[WEIR__ROUTES_ALLOW_MAX + 8];
    const char *headers[] = {line, "Content-Type: text/plain; charset=utf-8", NULL};
    static const char text[] = "Method Not Allowed\n";
    bool has_body = status == 405;
    snprintf(line, sizeof line, "Allow: %s", methods);
    headers[1] = has_body ? headers[1] : NULL;
    return weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = status, .headers = headers,
        .body = has_body ? text : NULL, .len = has_body ? sizeof text - 1 : 0});
}

static int refuse(struct weir_http_request *r, int status, const char *why) {
    char text[160];
    snprintf(text, sizeof text, "%s\n", why);
    return weir_http_reply(r, status, text);
}

/* ---- how long its body may be ---- */

uint64_t weir__http_body_max(const struct http_request *r) {
    const struct weir_http_server_options *o = &r->http->config->o;
    uint64_t own = r->match.route != NULL ? o->routes[r->match.number].body_max : 0;
    return own != 0 ? own : o->body_max;
}

/* While its route was unknown, the largest bound of all held. Nothing of the body was taken yet.
 * Returns true if it is refused; *ret_rc is then the result. */
static bool body_refused(struct http_request *r, int *ret_rc) {
    uint64_t max = weir__http_body_max(r);
    if (r->body == HTTP_BODY_CHUNKS)
        weir__chunked_init(&r->chunks, max);
    if (r->body != HTTP_BODY_LENGTH || r->body_left <= max)
        return false;
    *ret_rc = weir__http_refuse(r, 413, "content-length above the limit");
    return true;
}

/* ---- a request ---- */

struct parts { /* of a request, in its text */
    const char *path, *host;
    size_t path_len, host_len;
};

static struct parts parts_of(const struct weir_http_request *r) {
    static const char root[] = "/";
    const struct weir__http1 *head = &r->head;
    struct weir__slice host = head->target_form == WEIR__HTTP1_ABSOLUTE ? head->authority
                                                                         : head->host;
    struct parts p = {.path = r->text + head->path.offset, .host = r->text + host.offset,
                      .host_len = host.len};
    (void)weir__target_query(p.path, head->path.len, &p.path_len);
    if (p.path_len == 0) { /* "http://host?query" */
        p.path = root;
        p.path_len = 1;
    }
    return p;
}

static int unrouted(struct http_config *c, struct weir_http_request *r, int status,
                    const struct parts *p, const struct weir__target *target) {
    char allow[WEIR__ROUTES_ALLOW_MAX];
    int rc;
    if (status == 404 && c->o.handler != NULL)
        return body_refused(WEIR_CONTAINER(r, struct http_request, pub), &rc) ? rc
                                                                              : c->o.handler(r);
    if (status == 404)
        return 0;
    weir__routes_allow(c->routes, p->host, p->host_len, target, allow);
    return reply_allow(r, strcmp(weir_http_method(r), "OPTIONS") == 0 ? 204 : 405, allow);
}

static bool begins_websocket(const struct weir_http_request *r) {
    return r->ops != &weir__http_ops;
}

/* Where its decoded path and query lie. */
static char *spare_of(const struct weir_http_request *r) {
    return begins_websocket(r) ? r->spare : http_spare(weir__http_request_of(r, "weir_http_query"));
}

/* Fill *ret. Returns 200 and more as weir__routes_find. */
static int find(const struct http_config *c, const struct weir_http_request *r,
                const struct parts *p, struct weir__target *t, struct weir__route_match *ret) {
    int rc = weir__target_split(t, p->path, p->path_len, spare_of(r));
    if (rc < 0)
        return rc == WEIR_ETOOBIG ? 414 : 400;
    return weir__routes_find(c->routes, weir_http_method(r), p->host, p->host_len, t, ret);
}

/* Its own frame: the target is gone when the handler runs. *ret_rc: the result, if there is no
 * route. */
__attribute__((noinline)) static const struct weir_http_route *
route_of(struct http_config *c, struct http_request *r, int *ret_rc) {
    struct weir__target target;
    struct parts p = parts_of(&r->pub);
    char allow[WEIR__ROUTES_ALLOW_MAX];
    int status = find(c, &r->pub, &p, &target, &r->match);
    if (status == 200)
        return &c->o.routes[r->match.number];
    r->match.route = NULL;
    if (r->pub.head.target_form == WEIR__HTTP1_ASTERISK)
        *ret_rc = reply_allow(&r->pub, 204, weir__routes_allow(c->routes, "", 0, NULL, allow));
    else if (status == 404 || status == 405)
        *ret_rc = unrouted(c, &r->pub, status, &p, &target);
    else
        *ret_rc = refuse(&r->pub, status, target.why);
    return NULL;
}

int weir__http_route(struct http_config *c, struct weir_http_request *pub) {
    struct http_request *r = WEIR_CONTAINER(pub, struct http_request, pub);
    int rc = 0;
    const struct weir_http_route *route = route_of(c, r, &rc);
    if (route == NULL || (r->body != HTTP_BODY_ENDED && body_refused(r, &rc)))
        return rc;
    if (route->arg != NULL)
        pub->arg = route->arg;
    return route->ws != NULL ? weir__http_ws_route(pub, route) : route->fn(pub);
}

/* The WebSocket has the head as it came: its route is found once more, and each time to the same
 * bytes of spare. */
static const struct http_config *find_again(const struct weir_http_request *pub,
                                            struct weir__route_match *ret) {
    struct weir__target target;
    struct parts p = parts_of(pub);
    const struct http_config *c = pub->server;
    return c != NULL && find(c, pub, &p, &target, ret) == 200 ? c : NULL;
}

/* The server of its route, and *ret; NULL: no route was taken. */
static const struct http_config *match_of(const struct weir_http_request *pub,
                                          struct weir__route_match *ret) {
    if (begins_websocket(pub))
        return find_again(pub, ret);
    const struct http_request *r = weir__http_request_of(pub, "weir_http_param");
    *ret = r->match;
    return r->match.route != NULL ? r->http->config : NULL;
}

const char *weir_http_param(const struct weir_http_request *r, const char *name) {
    struct weir__route_match match;
    weir__http_request_check(r, "weir_http_param");
    weir__argument_not_null(name, "weir_http_param", "name");
    const struct http_config *c = match_of(r, &match);
    if (c == NULL)
        return NULL;
    const char *value = weir__route_param(&match, spare_of(r), name);
    if (value == NULL && !weir__routes_have_param(c->routes, name))
        WEIR_BUG("weir_http_param: no route of the server has a parameter {%s}; the pattern of "
                 "this request is \"%s\"", name, c->o.routes[match.number].pattern);
    return value;
}

/* ---- the query ---- */

/* Behind the decoded path, which is "/" at least. */
static char *query_begin(const struct weir_http_request *r) {
    size_t path_len;
    (void)weir__target_query(r->text + r->head.path.offset, r->head.path.len, &path_len);
    return spare_of(r) + path_len + 2;
}

static bool has_nul(const struct weir__pair *p) {
    return memchr(p->name, '\0', p->name_len) != NULL ||
           memchr(p->value, '\0', p->value_len) != NULL;
}

/* Decode it once, to name, NUL, value, NUL, ... */
static void query_decode(struct weir_http_request *r) {
    const char *path = r->text + r->head.path.offset;
    char *text = query_begin(r);
    size_t path_len, len = r->head.path.len, before = 0, count = 0;
    size_t from = weir__target_query(path, len, &path_len), at = 0, used = 0;
    struct weir__pair pair;
    while (count++ < HTTP_PAIRS_MAX &&
           weir__pair_next(path + from, len - from, &at, text, &used, &pair) == 1) {
        used = has_nul(&pair) ? before : used;
        before = used;
    }
    r->query_len = (uint32_t)used;
    r->query_decoded = true;
}

static const struct weir_http_request *decoded(const struct weir_http_request *pub,
                                               const char *call) {
    struct weir_http_request *r = (struct weir_http_request *)(uintptr_t)pub;
    weir__http_request_check(r, call);
    if (!r->query_decoded)
        query_decode(r);
    return r;
}

int weir_http_query_at(const struct weir_http_request *pub, size_t i, const char **ret_name,
                       const char **ret_value) {
    const struct weir_http_request *r = decoded(pub, "weir_http_query_at");
    for (const char *at = query_begin(r), *end = at + r->query_len; at < end; i--) {
        const char *value = at + strlen(at) + 1;
        if (i == 0) {
            *ret_name = at;
            *ret_value = value;
            return 1;
        }
        at = value + strlen(value) + 1;
    }
    return 0;
}

const char *weir_http_query(const struct weir_http_request *pub, const char *name) {
    const struct weir_http_request *r = decoded(pub, "weir_http_query");
    weir__argument_not_null(name, "weir_http_query", "name");
    for (const char *at = query_begin(r), *end = at + r->query_len; at < end;) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

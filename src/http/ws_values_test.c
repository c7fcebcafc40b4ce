/* SPDX-License-Identifier: MIT */
/* What the function `request` of a WebSocket server reads of its request by weir/http_values.h.
 * Browsers cannot send Authorization there, so a token comes in the query or in a cookie. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/http_values.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/ws.h>

#include "test/runner.h"

enum kind { ROUTED, REACTS, ACCEPTS };

static char seen[256]; /* what the last request said */

static const char *or_none(const char *text) {
    return text != NULL ? text : "-";
}

/* Lets a client in whose token is "a b", wherever it stands. */
static int request(struct weir_http_request *r) {
    struct weir_view cookie = {"", 0};
    struct weir_http_basic basic = {.user = "-"};
    const char *room = weir_http_param(r, "room"), *rest = weir_http_param(r, "rest");
    const char *token = weir_http_query(r, "token"), *name = "-", *value = "-";
    (void)weir_http_cookie(r, "token", &cookie);
    (void)weir_http_basic_auth(r, &basic);
    (void)weir_http_query_at(r, 1, &name, &value);
    /* A second question changes no answer of the first. */
    assert_true(weir_http_param(r, "room") == room && weir_http_param(r, "rest") == rest);
    assert_true(weir_http_query(r, "token") == token);
    snprintf(seen, sizeof seen, "%s %s query %s, %s=%s cookie %.*s bearer %s user %s",
             or_none(room), or_none(rest), or_none(token), name, value, (int)cookie.len,
             (const char *)cookie.base, or_none(weir_http_bearer(r)), basic.user);
    bool is_known = (token != NULL && strcmp(token, "a b") == 0) || cookie.len > 0 ||
                    weir_http_bearer(r) != NULL || strcmp(basic.user, "ada") == 0;
    return is_known ? 0 : weir_http_unauthorized(r, "Bearer", "rooms");
}

static int request_of_state(struct weir_http_request *r, void *state) {
    return request(r);
}

static int message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static const struct weir_ws_reactive rooms = {
    .size = sizeof rooms, .message = message, .request = request_of_state};

static int accept_each(struct weir_listener *l) {
    const struct weir_ws_options o = {.size = sizeof o, .request = request};
    struct weir_stream *s;
    int rc;
    while ((rc = weir_accept(l, &s)) == 0) {
        struct weir_ws *ws = NULL;
        struct weir_ws_message m;
        if (weir_ws_accept(&s, &o, &ws) == 0)
            (void)weir_ws_receive(ws, &m);
        weir_ws_drop(&ws);
    }
    return rc;
}

struct serve_args {
    struct weir_listener *l;
    struct weir_group *g;
    enum kind kind;
};

static int serve(void *args) {
    static const struct weir_http_route routes[] = {
        {NULL, "/other/{other}", .ws = &rooms}, {NULL, "/{room}/{rest...}", .ws = &rooms}, {0}};
    const struct serve_args *a = args;
    struct weir_http_server_options o = {.size = sizeof o, .routes = routes};
    int rc = a->kind == ROUTED   ? weir_http_serve(a->l, a->g, &o)
             : a->kind == REACTS ? weir_ws_react(a->l, a->g, &rooms, NULL)
                                 : accept_each(a->l);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

/* Dial with a header. Returns the status of the refusal; 101: let in. */
static int dial(struct weir_listener *l, const char *target, const char *header) {
    char url[128];
    const char *const headers[] = {header, NULL};
    struct weir_ws_options o = {.size = sizeof o, .headers = headers};
    struct weir_ws *ws = NULL;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d%s", weir_listener_port(l), target);
    memset(seen, 0, sizeof seen);
    int rc = weir_ws_dial(url, &o, &ws);
    assert_int_equal(rc == 0 || rc == WEIR_EHTTP, 1);
    if (rc == 0)
        assert_int_equal(weir_ws_close(ws, 1000, NULL), 0);
    weir_ws_drop(&ws);
    return rc == 0 ? 101 : weir_error(rc)->status;
}

static void ask(struct weir_listener *l, bool routed) {
    char want[256];
    const char *route = routed ? "a/b c/d" : "- -";
    assert_int_equal(dial(l, "/a%2Fb/c/d?x=1&y=%7A", NULL), 401);
    snprintf(want, sizeof want, "%s query -, y=z cookie  bearer - user -",
             routed ? "a/b c/d" : route);
    assert_string_equal(seen, want);
    assert_int_equal(dial(l, "/lobby/?token=a+b&token=c", NULL), 101);
    snprintf(want, sizeof want, "%s query a b, token=c cookie  bearer - user -",
             routed ? "lobby " : route);
    assert_string_equal(seen, want);
    assert_int_equal(dial(l, "/lobby/", "Cookie: b=1; token=t; c"), 101);
    assert_non_null(strstr(seen, " query -, -=- cookie t bearer - user -"));
    assert_int_equal(dial(l, "/lobby/?", "Authorization: Bearer abc"), 101);
    assert_non_null(strstr(seen, " bearer abc user -"));
    assert_int_equal(dial(l, "/lobby/", "Authorization: Basic YWRhOm9uZQ=="), 101);
    assert_non_null(strstr(seen, " bearer - user ada"));
    if (routed) /* the parameters of another route */
        assert_int_equal(dial(l, "/other/x?token=a%20b", NULL), 101);
    if (routed)
        assert_string_equal(seen, "- - query a b, -=- cookie  bearer - user -");
}

static int with_server(void *arg) {
    enum kind kind = *(enum kind *)arg;
    struct weir_group g, servers;
    struct weir_listener *l;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&servers, serve, .l = l, .g = &g, .kind = kind), 0);
    ask(l, kind == ROUTED);
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    return weir_group_close(&g, 0);
}

static void run_kind(enum kind kind) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(with_server, &kind, &o), 0);
}

WEIR_TEST_BACKENDS(the_request_of_a_websocket_route_has_parameters_query_and_credentials) {
    run_kind(ROUTED);
}

WEIR_TEST_BACKENDS(the_request_of_a_reactive_websocket_has_query_and_credentials) {
    run_kind(REACTS);
}

WEIR_TEST_BACKENDS(the_request_of_an_accepted_websocket_has_query_and_credentials) {
    run_kind(ACCEPTS);
}

/* ---- what it has not ---- */

static int asks_for_the_client(struct weir_http_request *r, void *state) {
    struct weir_http_sender sender;
    weir_http_client_of(r, &sender);
    return 0;
}

static int serve_asking(void *args) {
    static const struct weir_ws_reactive asks = {
        .size = sizeof asks, .message = message, .request = asks_for_the_client};
    const struct serve_args *a = args;
    return weir_ws_react(a->l, a->g, &asks, NULL);
}

static int ask_for_the_client(void *arg) {
    struct weir_listener *l;
    struct weir_group g;
    struct weir_ws *ws;
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(l));
    weir_group_open(&g, WEIR_INDEPENDENT);
    struct serve_args args = {.l = l, .g = &g};
    assert_int_equal(weir_spawn(&g, WEIR_SITE(serve_asking), serve_asking, &args, sizeof args,
                                NULL, NULL), 0);
    return weir_ws_dial(url, NULL, &ws);
}

WEIR_TEST_ABORTS(the_client_behind_a_proxy_is_asked_for_on_an_http_server_only,
                 "weir_http_client_of: this request begins a WebSocket") {
    weir_run(ask_for_the_client, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* A WebSocket through an HTTP proxy: the tunnel, its refusals, and that nothing is left wherever it
 * is cut short. The proxy here makes one tunnel, if the password is right. */
#include <weir/testing.h>

#include "proto/ws_test_util.h"

struct pump_args {
    struct weir_stream *from, *to;
};
static int pump(void *args) {
    struct pump_args *a = args;
    struct weir_view v;
    ssize_t n = 0;
    int rc = 0;
    while (rc == 0 && (n = weir_peek(a->from, 1, &v)) > 0)
        if ((rc = weir_write(a->to, v.base, v.len)) == 0)
            weir_consume(a->from, v.len);
    if (rc == 0 && n == 0)
        (void)weir_shutdown(a->to);
    return 0;
}

static char asked[128]; /* the first line that the proxy got */
static const char *refusal; /* what it answers instead of 200 */

/* Returns 0 if a tunnel is to be made. */
static int read_connect(struct weir_stream *s) {
    char line[300];
    bool knows = false;
    ssize_t n = weir_read_until(s, '\n', line, sizeof line);
    if (n <= 0)
        return -EIO;
    snprintf(asked, sizeof asked, "%.*s", (int)n - 2, line);
    while ((n = weir_read_until(s, '\n', line, sizeof line)) > 2)
        knows |= strncmp(line, "Proxy-Authorization: Basic dTpw\r\n", (size_t)n) == 0; /* u:p */
    const char *answer = refusal ? refusal
                         : knows ? "HTTP/1.1 200 Connection established\r\n\r\n"
                                 : "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n";
    int rc = n < 0 ? (int)n : weir_write(s, answer, strlen(answer));
    return rc < 0 ? rc : refusal || !knows ? -EACCES : 0;
}

struct proxy_args {
    struct weir_listener *l;
};
static int proxy(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *peer = NULL, *up = NULL;
    struct weir_group pair;
    char url[150], host[100];
    int rc = weir_accept(((struct proxy_args *)args)->l, &peer);
    if (rc < 0 || read_connect(peer) < 0 || sscanf(asked, "CONNECT %99s", host) != 1)
        return 0;
    snprintf(url, sizeof url, "tcp://%s", host);
    if (weir_dial(url, NULL, &up) < 0)
        return 0;
    weir_group_open(&pair, WEIR_INDEPENDENT);
    if (weir_go(&pair, pump, .from = peer, .to = up) == 0)
        (void)weir_go(&pair, pump, .from = up, .to = peer);
    weir_group_close(&pair, 0);
    return 0;
}

static int dial_through(struct world *w, const char *user, struct weir_ws **ret_ws) {
    struct weir_ws_options o = w->o;
    struct weir_listener *l = NULL;
    struct weir_group g;
    char url[100];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "http://%s127.0.0.1:%d", user, weir_listener_port(l));
    o.proxy = url;
    o.request = NULL;
    weir_group_open(&g, WEIR_INDEPENDENT);
    rc = weir_go(&g, proxy, .l = l);
    if (rc == 0 && (rc = weir_ws_dial(w->ws_url, &o, ret_ws)) == 0 &&
        (rc = ws_say(*ret_ws, "hello")) == 0) {
        struct weir_ws_message m;
        rc = weir_ws_receive(*ret_ws, &m);
        assert_true(rc < 0 || says(&m, "hello"));
    }
    if (rc == 0)
        rc = weir_ws_close(*ret_ws, 1000, NULL);
    weir_unlisten(&l);
    weir_ws_drop(ret_ws);
    weir_group_cancel(&g, "done");
    weir_group_close(&g, 0);
    return rc;
}

WS_STORY(a_websocket_goes_through_the_tunnel_of_a_proxy) {
    struct weir_ws *ws = NULL;
    char want[128];
    refusal = NULL;
    assert_int_equal(dial_through(w, "u:p@", &ws), 0);
    int port = weir_listener_port(w->l);
    snprintf(want, sizeof want, "CONNECT 127.0.0.1:%d HTTP/1.1", port);
    assert_string_equal(asked, want);
    return 0;
}

WS_STORY(a_proxy_that_refuses_is_told_from_a_server_that_does) {
    struct weir_ws *ws = NULL;
    refusal = NULL;
    assert_int_equal(dial_through(w, "", &ws), WEIR_EHTTP);
    assert_int_equal(weir_error(WEIR_EHTTP)->status, 407);
    assert_non_null(strstr(weir_error_message(WEIR_EHTTP), "the proxy refused the tunnel"));
    refusal = "HTTP/1.1 200 OK\nbare\n\n";
    assert_int_equal(dial_through(w, "u:p@", &ws), WEIR_EPROTO);
    refusal = NULL;
    struct weir_ws_options o = w->o;
    o.proxy = "ftp://a";
    assert_int_equal(weir_ws_dial(w->ws_url, &o, &ws), WEIR_EURL);
    assert_non_null(strstr(weir_error_message(WEIR_EURL), "the proxy: "));
    o.proxy = "127.0.0.1:1"; /* where nobody listens */
    assert_int_equal(weir_ws_dial(w->ws_url, &o, &ws), -ECONNREFUSED);
    assert_non_null(strstr(weir_error_message(-ECONNREFUSED), w->ws_url));
    return 0;
}

WS_STORY(the_zone_of_an_address_is_not_sent_to_a_proxy) {
    struct weir_ws *ws = NULL;
    snprintf(w->ws_url, sizeof w->ws_url, "ws://[fe80::1%%eth0]:81/");
    refusal = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(dial_through(w, "u:p@", &ws), WEIR_EHTTP);
    assert_string_equal(asked, "CONNECT [fe80::1]:81 HTTP/1.1");
    refusal = NULL;
    return 0;
}

static int tunnel_story(void *arg) {
    struct world w = {.reacts = true, .o = {.size = sizeof w.o, .close_ns = MS(20)}};
    struct weir_ws *ws = NULL;
    struct weir_scope patience;
    the_world = &w;
    refusal = NULL;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &w.l);
    if (rc < 0)
        return rc;
    snprintf(w.ws_url, sizeof w.ws_url, "ws://127.0.0.1:%d/", weir_listener_port(w.l));
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&w.servers, WEIR_TOGETHER);
    rc = weir_go(&w.servers, server, .w = &w);
    weir_scope_enter(&patience, MS(3000));
    if (rc == 0 && (rc = weir_yield()) == 0)
        rc = dial_through(&w, "u:p@", &ws);
    rc = weir_scope_leave(&patience, rc);
    weir_group_cancel(&w.servers, "the story ends");
    int served = weir_group_close(&w.servers, 0);
    weir_unlisten(&w.l);
    weir_group_cancel(&w.clients, "the story ends");
    weir_group_close(&w.clients, 0);
    return rc < 0 ? rc : served == WEIR_ESTOPPED ? 0 : served;
}

WEIR_TEST(nothing_is_left_of_a_tunnel) {
    struct weir_story s = {.size = sizeof s, .name = "tunnel", .fn = tunnel_story};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 10);
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    assert_true(e.points > 20);
    assert_int_equal(
        weir_explore_faults(&s, &(struct weir_fault){.size = sizeof(struct weir_fault)}, &e), 0);
}

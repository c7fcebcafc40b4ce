/* SPDX-License-Identifier: MIT */
/* The server stops: a WebSocket of a route hears of it beside the last requests. */
#include <weir/testing.h>
#include <weir/ws.h>

#include "http/http_test_util.h"

enum { DRAIN_S = 3, CLOSE_S = 2 };

static bool held;

static struct {
    int opened, closed;
} feeds;

static int ws_opened(struct weir_ws *ws, void *state) {
    feeds.opened++;
    return 0;
}
static int ws_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return 0;
}
static void ws_closed(struct weir_ws *ws, void *state, int rc) {
    feeds.closed++;
    assert_int_equal(rc, -ECANCELED);
}

static int waits(struct weir_http_request *r) {
    int rc = 0;
    while (held && rc == 0)
        rc = weir_sleep(MS(1));
    return rc < 0 ? rc : weir_http_reply(r, 200, "hello\n");
}

struct stopping {
    struct weir_listener *l;
    struct weir_group g, servers;
    struct weir_stream *request, *late; /* late: its head ends after the stop */
    struct weir_ws *ws;
    weir_ns stopped_at;
};

struct serve_stopping_args {
    struct stopping *p;
};
static int serve_stopping(void *args) {
    struct stopping *p = ((struct serve_stopping_args *)args)->p;
    static const struct weir_ws_reactive feed = {.size = sizeof feed, .opened = ws_opened,
                                                 .message = ws_message, .closed = ws_closed};
    static const struct weir_ws_options ws = {.size = sizeof ws,
                                              .close_ns = WEIR_SECONDS(CLOSE_S)};
    static const struct weir_http_route stops[] = {
        {"GET", "/waits", waits}, {NULL, "/feed", .ws = &feed, .ws_options = &ws}, {0}};
    struct weir_http_server_options o = {.size = sizeof o, .routes = stops,
                                         .drain_ns = WEIR_SECONDS(DRAIN_S)};
    return weir_http_serve(p->l, &p->g, &o);
}

/* A request waits, a WebSocket is open, and another is half asked for. Then the server stops. */
static void stop_within(struct stopping *p) {
    static const char upgrade[] =
        "GET /feed HTTP/1.1\r\n" LOCAL "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    struct world w = {0};
    char url[64];
    memset(&feeds, 0, sizeof feeds);
    held = true;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &p->l), 0);
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(p->l));
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/feed", weir_listener_port(p->l));
    weir_group_open(&p->g, WEIR_INDEPENDENT);
    weir_group_open(&p->servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&p->servers, serve_stopping, .p = p), 0);
    weir_yield();
    p->request = raw_dial(&w);
    assert_int_equal(weir_write(p->request, GET("/waits"), strlen(GET("/waits"))), 0);
    p->late = raw_dial(&w);
    assert_int_equal(weir_write(p->late, upgrade, strlen(upgrade) - 2), 0);
    assert_int_equal(weir_ws_dial(url, NULL, &p->ws), 0);
    settle();
    p->stopped_at = weir_now();
    weir_unlisten(&p->l);
}

static weir_ns stopped(struct stopping *p) {
    assert_int_equal(weir_group_close(&p->servers, 0), 0);
    weir_ns took = weir_now() - p->stopped_at;
    assert_int_equal(weir_group_close(&p->g, 0), 0);
    weir_ws_drop(&p->ws);
    return took;
}

static int hears_first(void *arg) {
    struct stopping p = {0};
    struct weir_ws_message m;
    char got[1024];
    stop_within(&p);
    assert_int_equal(weir_ws_receive(p.ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close_code(p.ws), 1001);
    assert_true(weir_now() - p.stopped_at < MS(50));
    assert_int_equal(weir_write(p.late, "\r\n", 2), 0);
    assert_true(raw_read_all(p.late, got, sizeof got) > 0);
    assert_int_equal(strncmp(got, "HTTP/1.1 503 ", 13), 0);
    assert_int_equal(feeds.opened, 1);
    held = false;
    assert_true(raw_read_all(p.request, got, sizeof got) > 0);
    assert_int_equal(strncmp(got, "HTTP/1.1 200 ", 13), 0);
    weir_close(&p.request);
    weir_close(&p.late);
    assert_true(stopped(&p) < MS(200));
    assert_int_equal(feeds.closed, 1);
    return 0;
}

WEIR_TEST_BACKENDS(a_websocket_hears_of_the_stop_before_the_last_request_is_over) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(hears_first, NULL, &o), 0);
}

/* Neither the request ends nor the WebSocket's client answers. */
static int nobody_ends(void *arg) {
    struct stopping p = {0};
    stop_within(&p);
    weir_close(&p.late);
    weir_ns took = stopped(&p);
    assert_true(took >= WEIR_SECONDS(DRAIN_S) && took < WEIR_SECONDS(DRAIN_S + 1) + MS(100));
    weir_close(&p.request);
    return 0;
}

WEIR_TEST(a_stop_takes_the_longer_of_its_bounds_and_not_their_sum) {
    struct weir_sim_options o = {.size = sizeof o};
    assert_int_equal(weir_sim_run(nobody_ends, NULL, &o), 0);
}

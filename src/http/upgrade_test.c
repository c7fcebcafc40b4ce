/* SPDX-License-Identifier: MIT */
/* A request becomes a WebSocket connection, on the port that also serves plain HTTP. */
#include <weir/testing.h>
#include <weir/ws.h>

#include "http/http_test_util.h"

static struct {
    int rc, accepted;
    bool keeps; /* the handler waits for a task that has the WebSocket */
} seen;

static int echo_once(struct weir_ws *ws) {
    struct weir_ws_message m;
    int rc;
    while ((rc = weir_ws_receive(ws, &m)) == 0)
        if ((rc = weir_ws_send(ws, m.type, m.data.base, m.data.len)) < 0)
            break;
    return rc;
}

static int talk(struct weir_http_request *r) {
    struct weir_ws *ws = NULL;
    if (!weir_http_wants_websocket(r))
        return asks_for(r, "/hello") ? weir_http_reply(r, 200, "hello\n") : 0;
    int rc = weir_http_ws_accept(r, NULL, &ws);
    seen.rc = rc;
    if (rc < 0)
        return rc;
    seen.accepted++;
    seen.rc = echo_once(ws);
    weir_ws_drop(&ws);
    return 0;
}

struct serve_args {
    struct weir_listener *l;
    struct weir_group *g;
    enum shape shape;
};
static int serve(void *args) {
    struct serve_args *a = args;
    struct weir_http_server_options o = {.size = sizeof o, .handler = talk};
    struct weir_stream *s;
    int rc;
    if (a->shape == SERVES)
        return weir_http_serve(a->l, a->g, &o);
    while ((rc = weir_accept(a->l, &s)) == 0) {
        WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
        struct weir_http_request *r;
        assert_int_equal(weir_http_accept(&s, &o, &http), 0);
        while (weir_http_next(http, &r) == 1)
            (void)talk(r);
    }
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static int expect_echo(struct weir_ws *ws, const char *text) {
    struct weir_ws_message m;
    assert_int_equal(weir_ws_send(ws, WEIR_WS_TEXT, text, strlen(text)), 0);
    assert_int_equal(weir_ws_receive(ws, &m), 0);
    assert_int_equal(m.data.len, strlen(text));
    assert_memory_equal(m.data.base, text, strlen(text));
    return 0;
}

static int converse(struct weir_listener *l) {
    char url[64], got[512];
    struct weir_ws *ws = NULL;
    struct world w = {.l = l};
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/feed", weir_listener_port(l));
    expect_answers(&w, GET("/hello"), HELLO);
    assert_int_equal(weir_ws_dial(url, NULL, &ws), 0);
    expect_echo(ws, "one");
    expect_echo(ws, "two");
    assert_int_equal(weir_ws_close(ws, 1000, "done"), 0);
    weir_ws_drop(&ws);
    settle();
    assert_int_equal(seen.accepted, 1);
    assert_int_equal(seen.rc, WEIR_EWSCLOSED);
    /* a handshake that breaks a rule is refused */
    static const char bad[] = "GET / HTTP/1.1\r\n" LOCAL "Upgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 12\r\n\r\n";
    raw_exchange(&w, bad, strlen(bad), 1000, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 4", 10), 0);
    settle();
    assert_int_equal(seen.rc, WEIR_EHTTP);
    expect_answers(&w, GET("/hello"), HELLO);
    /* its client leaves without a word */
    assert_int_equal(weir_ws_dial(url, NULL, &ws), 0);
    expect_echo(ws, "three");
    weir_ws_drop(&ws);
    settle();
    assert_int_equal(seen.accepted, 2);
    assert_int_equal(seen.rc < 0, 1);
    return 0;
}

static int with_server(void *arg) {
    struct weir_group g, servers;
    struct weir_listener *l;
    seen.accepted = 0;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&servers, serve, .l = l, .g = &g, .shape = *(enum shape *)arg), 0);
    int rc = converse(l);
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    return rc;
}

WEIR_TEST_BACKENDS(a_handler_takes_a_websocket) {
    static const enum shape shapes[] = {SERVES, ACCEPTS};
    for (size_t i = 0; i < 2; i++) {
        enum shape shape = shapes[i];
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        fprintf(stderr, "# on %s, %s\n", test_backend, shape_names[shape]);
        assert_int_equal(weir_run(with_server, &shape, &o), 0);
    }
}

/* ---- who goes first ---- */

#define UPGRADE_OF(path)                                                                           \
    "GET " path " HTTP/1.1\r\nHost: 127.0.0.1 \r\nX-Empty:\r\nUpgrade: websocket\r\n"          \
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                      \
    "Sec-WebSocket-Version: 13\r\n\r\n"
#define UPGRADE UPGRADE_OF("/feed")
#define FRAME "\x81\x82\x00\x00\x00\x00hi" /* "hi", masked with zeros */
#define ECHO "\x81\x02hi"

/* A WebSocket over one end of a pair, whose other end is *ret_client. */
static struct weir_ws *accept_on_pair(struct weir_http **ret_http,
                                      struct weir_stream **ret_client) {
    struct weir_http_request *r;
    struct weir_stream *s;
    struct weir_ws *ws = NULL;
    assert_int_equal(weir_memory_pair(0, &s, ret_client), 0);
    assert_int_equal(weir_http_accept(&s, NULL, ret_http), 0);
    assert_int_equal(weir_write(*ret_client, UPGRADE, strlen(UPGRADE)), 0);
    assert_int_equal(weir_http_next(*ret_http, &r), 1);
    assert_int_equal(weir_http_ws_accept(r, NULL, &ws), 0);
    return ws;
}

static void expect_end_of(struct weir_stream **client) {
    char got[512];
    assert_true(raw_read_all(*client, got, sizeof got) > 0);
    assert_non_null(strstr(got, "\r\n\r\n" ECHO));
    weir_close(client);
}

struct next_args {
    struct weir_http *http;
    int *ret_rc;
};
static int next(void *args) {
    struct next_args *a = args;
    struct weir_http_request *r;
    *a->ret_rc = weir_http_next(a->http, &r);
    return 0;
}

static int drop_http_first(void *arg) {
    for (int waits = 0; waits <= 1; waits++) { /* another task waits for the WebSocket's end */
        struct weir_http *http;
        struct weir_stream *client;
        struct weir_ws *ws = accept_on_pair(&http, &client);
        struct weir_ws_message m;
        struct weir_group g;
        int rc = -ECANCELED;
        weir_group_open(&g, WEIR_INDEPENDENT);
        if (waits)
            assert_int_equal(weir_go(&g, next, .http = http, .ret_rc = &rc), 0);
        settle();
        weir_http_drop(&http);
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_int_equal(rc, -ECANCELED);
        assert_int_equal(weir_write(client, FRAME, sizeof FRAME - 1), 0);
        assert_int_equal(weir_ws_receive(ws, &m), 0);
        assert_int_equal(weir_ws_send(ws, m.type, m.data.base, m.data.len), 0);
        weir_ws_drop(&ws);
        expect_end_of(&client);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_websocket_goes_on_when_its_http_connection_was_dropped) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(drop_http_first, NULL, &o), 0);
}

static int drop_both(void *arg) {
    struct weir_http *http;
    struct weir_stream *client;
    struct weir_ws *ws = accept_on_pair(&http, &client);
    assert_int_equal(weir_ws_send(ws, WEIR_WS_TEXT, "hi", 2), 0);
    weir_ws_drop(&ws);
    weir_http_drop(&http);
    expect_end_of(&client);
    return 0;
}

WEIR_TEST_BACKENDS(what_a_dropped_websocket_has_queued_outlives_a_drop_of_its_http_connection) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(drop_both, NULL, &o), 0);
}

static struct {
    struct weir_group group;
    int rc;
} receiver;

struct receive_args {
    struct weir_ws *ws;
};
static int receive(void *args) {
    struct weir_ws_message m;
    receiver.rc = weir_ws_receive(((struct receive_args *)args)->ws, &m);
    return 0;
}

static int drop_under_receiver(struct weir_http_request *r) {
    struct weir_ws *ws;
    int rc = weir_http_ws_accept(r, NULL, &ws);
    if (rc < 0)
        return rc;
    assert_int_equal(weir_go(&receiver.group, receive, .ws = ws), 0);
    settle();
    weir_ws_drop(&ws);
    return 0;
}

static int drop_while_received(void *arg) {
    static const struct weir_http_route all[] = {{"GET", "/feed", drop_under_receiver}, {0}};
    struct world w = {.shape = SERVES, .o = {.size = sizeof w.o, .routes = all}};
    char got[512];
    assert_int_equal(world_open(&w), 0);
    for (int i = 0; i < 3; i++) {
        struct weir_stream *s = raw_dial(&w);
        receiver.rc = 1;
        weir_group_open(&receiver.group, WEIR_INDEPENDENT);
        assert_int_equal(weir_write(s, UPGRADE, strlen(UPGRADE)), 0);
        assert_true(raw_read_all(s, got, sizeof got) > 0);
        assert_int_equal(strncmp(got, "HTTP/1.1 101 ", 13), 0);
        weir_close(&s);
        assert_int_equal(weir_group_close(&receiver.group, 0), 0);
        assert_int_equal(receiver.rc, WEIR_ECLOSED);
    }
    world_close(&w, true);
    return 0;
}

WEIR_TEST_BACKENDS(a_handler_drops_its_websocket_while_another_task_receives) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(drop_while_received, NULL, &o), 0);
}

WEIR_TEST(a_handler_drops_its_websocket_while_another_task_receives_and_cancels_come_late) {
    struct weir_sim_options o = {.size = sizeof o, .deferred = true};
    assert_int_equal(weir_sim_run(drop_while_received, NULL, &o), 0);
}

/* ---- a route of a reactive server ---- */

enum { ECHOES = 100 };

static struct {
    int opened, messages, closed, code;
    char path[32];
} reactive;

static int ws_opened(struct weir_ws *ws, void *state) {
    reactive.opened++;
    snprintf(reactive.path, sizeof reactive.path, "%s", weir_ws_path(ws));
    return 0;
}
static int ws_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    reactive.messages++;
    assert_int_equal(++*(int *)state, reactive.messages);
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}
static void ws_closed(struct weir_ws *ws, void *state, int rc) {
    reactive.closed++;
    reactive.code = weir_ws_close_code(ws);
}

/* What comes meanwhile is received ahead. */
static int watches(struct weir_http_request *r) {
    weir_http_end_when_gone(r);
    int rc = weir_sleep(MS(5));
    return rc < 0 ? rc : weir_http_reply(r, 200, "hello\n");
}

static const struct weir_ws_reactive feed = {.size = sizeof feed, .state_size = 400,
                                             .opened = ws_opened, .message = ws_message,
                                             .closed = ws_closed};
static int decides_slowly(struct weir_http_request *r, void *state) {
    return weir_sleep(WEIR_SECONDS(5));
}
static const struct weir_ws_reactive slow_feed = {.size = sizeof slow_feed, .message = ws_message,
                                                  .request = decides_slowly};

static int talk_until_stop(struct weir_http_request *r) {
    weir_http_end_on_stop(r);
    return talk(r);
}

static const struct weir_http_route routes[] = {
    {"GET", "/hello", talk},
    {"GET", "/watches", watches},
    {NULL, "/feed", .ws = &feed},
    {NULL, "/slow/feed", .ws = &slow_feed},
    {"GET", "/talk", talk_until_stop},
    {0}};

struct serve_routes_args {
    struct weir_listener *l;
    struct weir_group *g;
};
static int serve_routes(void *args) {
    struct serve_routes_args *a = args;
    struct weir_http_server_options o = {.size = sizeof o, .routes = routes};
    return weir_http_serve(a->l, a->g, &o);
}

/* Frames that come while the request before the handshake is handled, or while the handshake is
 * answered. */
static void frames_come_early(struct world *w, weir_ns after) {
    static const char head[] = GET("/watches") UPGRADE;
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    reactive.messages = 0;
    assert_int_equal(weir_try_write(s, head, strlen(head)), strlen(head));
    assert_int_equal(weir_sleep(after), 0);
    assert_int_equal(weir_try_write(s, FRAME, sizeof FRAME - 1), sizeof FRAME - 1);
    assert_int_equal(weir_shutdown(s), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    weir_close(&s);
    assert_non_null(strstr(got, "\r\n\r\n\x81\x02hi"));
    assert_int_equal(reactive.messages, 1);
}

static int use_routes(struct weir_listener *l) {
    char url[64], got[1024];
    struct weir_ws *ws = NULL;
    struct world w = {.l = l};
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/feed", weir_listener_port(l));
    expect_answers(&w, GET("/hello"), HELLO);
    assert_int_equal(weir_ws_dial(url, NULL, &ws), 0);
    assert_string_equal(reactive.path, "/feed");
    expect_echo(ws, "one");
    expect_echo(ws, "two");
    assert_int_equal(weir_ws_close(ws, 1000, "done"), 0);
    weir_ws_drop(&ws);
    settle();
    assert_int_equal(reactive.closed, 1);
    assert_int_equal(reactive.code, 1000);
    /* a request before it and a frame behind it, in pieces of each size */
    static const size_t steps[] = {1 << 20, 1, 7};
    for (size_t i = 0; i < 3; i++) {
        static const char text[] = GET("/hello") UPGRADE FRAME;
        reactive.messages = 0;
        raw_exchange(&w, text, sizeof text - 1, steps[i], got, sizeof got);
        assert_int_equal(strncmp(got, HELLO "HTTP/1.1 101 ", strlen(HELLO) + 13), 0);
        assert_non_null(strstr(got, "\r\n\r\n\x81\x02hi"));
        assert_int_equal(reactive.messages, 1);
    }
    frames_come_early(&w, MS(2));
    reactive.messages = 0;
    /* what is no handshake */
    raw_exchange(&w, GET("/feed"), strlen(GET("/feed")), 1000, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 4", 10), 0);
    static const char head[] = "HEAD /feed HTTP/1.1\r\n" LOCAL "\r\n";
    raw_exchange(&w, head, strlen(head), 1000, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 426 ", 13), 0);
    assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n"); /* no body */
    expect_answers(&w, GET("/hello"), HELLO);
    return 0;
}

static int with_routes(void *arg) {
    struct weir_group g, servers;
    struct weir_listener *l;
    struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    char url[64];
    memset(&reactive, 0, sizeof reactive);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&servers, serve_routes, .l = l, .g = &g), 0);
    int rc = use_routes(l);
    /* the server stops: a WebSocket that is open says so */
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/feed", weir_listener_port(l));
    assert_int_equal(weir_ws_dial(url, NULL, &ws), 0);
    expect_echo(ws, "three");
    weir_unlisten(&l);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close_code(ws), 1001);
    weir_ws_drop(&ws);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    return rc;
}

WEIR_TEST_BACKENDS(a_route_serves_websockets_reactively) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(with_routes, NULL, &o), 0);
}

/* The client's writes are tries, which no fault strikes. */
static int come_early(void *arg) {
    struct weir_group g, servers;
    struct world w = {0};
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &w.l), 0);
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&servers, serve_routes, .l = w.l, .g = &g), 0);
    weir_yield();
    memset(&reactive, 0, sizeof reactive);
    for (weir_ns after = MS(1); after < MS(30); after += MS(1))
        frames_come_early(&w, after);
    weir_unlisten(&w.l);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    return weir_group_close(&g, 0);
}

WEIR_TEST(frames_that_come_before_a_handshake_is_answered_are_delivered_after_it) {
    static const struct weir_fault late = {.size = sizeof late, .kinds = WEIR_FAULT_SEND,
                                           .effect = WEIR_FAULT_LATE, .nth = 1, .every = true};
    for (int deferred = 0; deferred <= 1; deferred++) {
        struct weir_sim_options o = {.size = sizeof o, .deferred = deferred};
        weir_fault_arm(&late);
        assert_int_equal(weir_sim_run(come_early, NULL, &o), 0);
        assert_true(weir_fault_struck() > 0);
        weir_fault_arm(NULL);
    }
}

/* The client has shut its side down, and takes little at a time. */
static int stop_while_echoes_are_queued(void *arg) {
    struct weir_group g, servers;
    struct world w = {0};
    char got[4096];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &w.l), 0);
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&servers, serve_routes, .l = w.l, .g = &g), 0);
    weir_yield();
    memset(&reactive, 0, sizeof reactive);
    struct weir_stream *s = raw_dial(&w);
    assert_int_equal(weir_write(s, UPGRADE, strlen(UPGRADE)), 0);
    for (int i = 0; i < ECHOES; i++)
        assert_int_equal(weir_write(s, FRAME, sizeof FRAME - 1), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_int_equal(reactive.messages, ECHOES);
    weir_unlisten(&w.l);
    assert_int_equal(weir_sleep(MS(50)), 0);
    ssize_t n = raw_read_all(s, got, sizeof got);
    assert_int_equal(strstr(got, "\r\n\r\n") + 4 + ECHOES * strlen("\x81\x02hi") - got, n);
    weir_close(&s);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    return weir_group_close(&g, 0);
}

WEIR_TEST(a_peer_that_only_reads_gets_what_was_queued_though_the_server_stops) {
    for (int deferred = 0; deferred <= 1; deferred++) {
        struct weir_sim_options o = {.size = sizeof o, .deferred = deferred, .send_buffer = 70,
                                     .receive_buffer = 70};
        assert_int_equal(weir_sim_run(stop_while_echoes_are_queued, NULL, &o), 0);
    }
}

/* A client that has not got all of an answer yet asks for an upgrade. Then the server stops, and
 * does not read what the client sends on. */
static int stop_within_an_upgrade(void *arg) {
    const char *text = arg;
    struct weir_group g, servers;
    struct world w = {0};
    char got[1024];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &w.l), 0);
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&servers, serve_routes, .l = w.l, .g = &g), 0);
    weir_yield();
    struct weir_stream *s = raw_dial(&w);
    assert_int_equal(weir_write(s, text, strlen(text)), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    weir_unlisten(&w.l);
    assert_int_equal(weir_sleep(MS(50)), 0);
    (void)weir_try_write(s, FRAME, sizeof FRAME - 1);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    assert_int_equal(strncmp(got, HELLO, strlen(HELLO)), 0);
    weir_close(&s);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    return weir_group_close(&g, 0);
}

/* The handshake waits for the route's function, or until its own answer can be sent; or it is done,
 * and a handler talks. */
WEIR_TEST(the_answer_before_an_upgrade_that_the_stop_cuts_short_arrives) {
    static char asks[] = GET("/hello") UPGRADE_OF("/slow/feed"), writes[] = GET("/hello") UPGRADE,
                talks[] = GET("/hello") UPGRADE_OF("/talk");
    char *texts[] = {asks, writes, talks};
    for (int i = 0; i < 6; i++) {
        struct weir_sim_options o = {.size = sizeof o, .deferred = i % 2, .receive_buffer = 70,
                                     .send_buffer = i / 2 == 2 ? 300 : 70};
        assert_int_equal(weir_sim_run(stop_within_an_upgrade, texts[i / 2], &o), 0);
    }
}

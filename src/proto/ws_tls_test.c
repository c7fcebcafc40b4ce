/* SPDX-License-Identifier: MIT */
/* wss://: WebSockets over TLS, served by a task and reactively, and through a proxy. */
#include <errno.h>
#include <weir/ws.h>

#include "tls/tls_rig.h"

static struct rig rig;

struct serves_args {
    struct weir_listener *l;
    struct weir_group *g;
    bool reactive;
};

static int ws_echo(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static int serves_one(struct weir_listener *l) {
    struct weir_stream *s;
    struct weir_ws_message m;
    struct weir_ws *ws;
    int rc = weir_accept(l, &s);
    if (rc < 0 || (rc = weir_ws_accept(&s, NULL, &ws)) < 0)
        return rc;
    while ((rc = weir_ws_receive(ws, &m)) >= 0)
        if ((rc = ws_echo(ws, NULL, &m)) < 0)
            break;
    weir_ws_drop(&ws);
    return rc == WEIR_EWSCLOSED ? 0 : rc;
}

static int serves(void *args) {
    struct serves_args *a = args;
    struct weir_ws_reactive r = {.size = sizeof r, .message = ws_echo};
    return a->reactive ? weir_ws_react(a->l, a->g, &r, NULL) : serves_one(a->l);
}

static int listens(struct weir_listener **ret, char *url, size_t size) {
    struct weir_tls *server = rig_server(&rig);
    struct weir_listen_options o = {.size = sizeof o, .tls = server};
    int rc = weir_listen("tls://localhost:0", &o, ret);
    weir_tls_unref(&server);
    if (rc == 0)
        snprintf(url, size, "wss://localhost:%d/", weir_listener_port(*ret));
    return rc;
}

static int asks_ws(const char *url, struct weir_tls *tls, const char *proxy) {
    struct weir_ws_options o = {.size = sizeof o, .tls = tls, .proxy = proxy};
    struct weir_ws_message m;
    struct weir_ws *ws = NULL;
    int rc = weir_ws_dial(url, &o, &ws);
    for (int i = 0; i < 20 && rc >= 0; i++) {
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "hello", 5);
        if (rc >= 0)
            rc = weir_ws_receive(ws, &m);
        if (rc >= 0)
            assert_memory_equal(m.data.base, "hello", 5);
    }
    if (rc >= 0)
        rc = weir_ws_close(ws, 1000, "");
    weir_ws_drop(&ws);
    return rc;
}

static int conversation(void *arg) {
    struct weir_tls *client = rig_client(&rig);
    struct weir_listener *l = NULL;
    struct weir_group g;
    char url[64];
    int rc = listens(&l, url, sizeof url);
    if (rc == 0) {
        weir_group_open(&g, WEIR_INDEPENDENT);
        rc = weir_go(&g, serves, .l = l, .g = &g, .reactive = arg != NULL);
        if (rc == 0)
            rc = asks_ws(url, client, NULL);
        weir_unlisten(&l);
        rc = weir_group_close(&g, rc);
    }
    weir_unlisten(&l);
    weir_tls_unref(&client);
    return rc;
}

WEIR_TEST_BACKENDS(a_task_serves_a_websocket_over_tls) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    rig_open(&rig);
    assert_int_equal(weir_run(conversation, NULL, &o), 0);
    rig_close(&rig);
}

/* ---- refused ---- */

struct accepts_args {
    struct weir_listener *l;
    int *ret;
};

static int accepts(void *args) {
    struct accepts_args *a = args;
    struct weir_stream *s;
    struct weir_ws *ws;
    int rc = weir_accept(a->l, &s);
    *a->ret = rc < 0 ? rc : weir_ws_accept(&s, NULL, &ws);
    return 0;
}

/* Nobody trusts the other root. */
static int distrust(void *arg) {
    struct rig_id other = rig_make(&(struct rig_wish){.name = "Other", .authority = true});
    struct weir_tls *client = rig_tls(&(struct weir_tls_options){
        .size = sizeof(struct weir_tls_options), .ca_pem = other.cert_pem});
    struct weir_listener *l = NULL;
    struct weir_group g;
    char url[64];
    int served = 1;
    assert_int_equal(listens(&l, url, sizeof url), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, accepts, .l = l, .ret = &served), 0);
    assert_int_equal(asks_ws(url, client, NULL), WEIR_ECERT);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(served, WEIR_ECERT);
    weir_unlisten(&l);
    weir_tls_unref(&client);
    rig_free(&other);
    return 0;
}

WEIR_TEST_BACKENDS(both_sides_learn_that_a_certificate_was_refused) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    rig_open(&rig);
    assert_int_equal(weir_run(distrust, NULL, &o), 0);
    rig_close(&rig);
}

WEIR_TEST_BACKENDS(a_websocket_over_tls_is_served_reactively) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    rig_open(&rig);
    assert_int_equal(weir_run(conversation, &rig, &o), 0);
    rig_close(&rig);
}

/* ---- through a proxy ---- */

struct pumps_args {
    struct weir_stream *from, *to;
};
static int pumps(void *args) {
    struct pumps_args *a = args;
    struct weir_view v;
    int rc = 0;
    while (rc == 0 && weir_peek(a->from, 1, &v) > 0)
        if ((rc = weir_write(a->to, v.base, v.len)) == 0)
            weir_consume(a->from, v.len);
    return rc == 0 ? weir_shutdown(a->to) : 0;
}

static char asked[128]; /* the first line that the proxy got */
static bool saw_text;   /* a byte sequence of the conversation went through it in the clear */

/* One tunnel. */
struct tunnels_args {
    struct weir_listener *l;
};
static int tunnels(void *args) {
    static const char answer[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    WEIR_AUTO(weir_close) struct weir_stream *peer = NULL, *up = NULL;
    struct weir_group pair;
    struct weir_view v;
    char line[200], host[100], url[120];
    int rc = weir_accept(((struct tunnels_args *)args)->l, &peer);
    ssize_t n = rc == 0 ? weir_read_until(peer, '\n', line, sizeof line) : rc;
    if (n <= 0 || sscanf(line, "CONNECT %99s", host) != 1)
        return 0;
    snprintf(asked, sizeof asked, "%.*s", (int)n - 2, line);
    while ((n = weir_read_until(peer, '\n', line, sizeof line)) > 2)
        ;
    snprintf(url, sizeof url, "tcp://%s", host);
    if (n < 0 || weir_dial(url, NULL, &up) < 0 || weir_write(peer, answer, sizeof answer - 1) < 0)
        return 0;
    if (weir_peek(peer, 1, &v) > 0) /* the first record of a handshake, and no request */
        saw_text = ((const uint8_t *)v.base)[0] != 22;
    weir_group_open(&pair, WEIR_INDEPENDENT);
    if (weir_go(&pair, pumps, .from = peer, .to = up) == 0)
        (void)weir_go(&pair, pumps, .from = up, .to = peer);
    return weir_group_close(&pair, 0);
}

static int through_a_proxy(void *arg) {
    struct weir_tls *client = rig_client(&rig);
    struct weir_listener *l = NULL, *proxy = NULL;
    struct weir_group g;
    char url[64], proxy_url[64], want[80];
    assert_int_equal(listens(&l, url, sizeof url), 0);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &proxy), 0);
    snprintf(proxy_url, sizeof proxy_url, "http://127.0.0.1:%d", weir_listener_port(proxy));
    snprintf(want, sizeof want, "CONNECT localhost:%d HTTP/1.1", weir_listener_port(l));
    saw_text = true;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_go(&g, serves, .l = l, .g = &g, .reactive = true);
    if (rc == 0)
        rc = weir_go(&g, tunnels, .l = proxy);
    if (rc == 0)
        rc = asks_ws(url, client, proxy_url);
    weir_unlisten(&l);
    weir_unlisten(&proxy);
    rc = weir_group_close(&g, rc);
    assert_string_equal(asked, want);
    assert_false(saw_text);
    weir_tls_unref(&client);
    return rc;
}

WEIR_TEST_BACKENDS(a_websocket_over_tls_goes_through_the_tunnel_of_a_proxy) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    rig_open(&rig);
    assert_int_equal(weir_run(through_a_proxy, NULL, &o), 0);
    rig_close(&rig);
}

/* ---- a client that takes nothing ---- */

struct sends_args {
    struct weir_listener *l;
    int *ret;
};

/* What the kernel does not take of the message has all been encrypted. */
static int sends(void *args) {
    static const char big[131000];
    struct sends_args *a = args;
    struct weir_ws_message m;
    struct weir_stream *s;
    struct weir_ws *ws;
    int rc = weir_accept(a->l, &s);
    if (rc < 0 || (rc = weir_ws_accept(&s, NULL, &ws)) < 0)
        return rc;
    rc = weir_ws_try_send(ws, WEIR_WS_BINARY, big, sizeof big);
    while (rc == 0)
        rc = weir_ws_receive(ws, &m);
    weir_ws_drop(&ws);
    *a->ret = rc;
    return 0;
}

/* It shakes hands, and sends a frame each second. */
static void takes_nothing(const char *url, struct weir_tls *tls, const char frame[7],
                          const int *rc) {
    static const char hello[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct weir_dial_options o = {.size = sizeof o, .tls = tls};
    struct weir_stream *s;
    assert_int_equal(weir_dial(url, &o, &s), 0);
    assert_int_equal(weir_write(s, hello, sizeof hello - 1), 0);
    for (int i = 0; i < 60 && *rc == 0; i++) {
        assert_int_equal(weir_sleep(WEIR_SECONDS(1)), 0);
        (void)weir_write(s, frame, 7);
    }
    weir_close(&s);
}

struct rests {
    char frame[7];
    int ends; /* how */
};
static int rests(void *arg) {
    const struct rests *story = arg;
    struct weir_tls *client = rig_client(&rig);
    struct weir_listener *l;
    struct weir_group g;
    char url[64];
    int rc = 0;
    assert_int_equal(listens(&l, url, sizeof url), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, sends, .l = l, .ret = &rc), 0);
    memcpy(url, "tls", 3); /* it was wss://...:1/ */
    *strrchr(url, '/') = '\0';
    takes_nothing(url, client, story->frame, &rc);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, story->ends);
    weir_unlisten(&l);
    weir_tls_unref(&client);
    return 0;
}

WEIR_TEST(a_client_over_tls_that_takes_nothing_while_it_sends_is_given_up) {
    struct rests story = {"\x81\x81\0\0\0\0x", WEIR_EKEEPALIVE};
    rig_open(&rig);
    assert_int_equal(weir_sim_run(rests, &story, NULL), 0);
    rig_close(&rig);
}

/* The drop closes the stream, whose close ends the write before it returns. */
WEIR_TEST(a_websocket_over_tls_that_has_failed_is_dropped_with_its_queue) {
    struct rests story = {"\x83\x81\0\0\0\0x", WEIR_EPROTO};
    rig_open(&rig);
    assert_int_equal(weir_sim_run(rests, &story, NULL), 0);
    rig_close(&rig);
}

/* The certificate is for another name. The advice is one that the caller can follow. */
static int misnamed(void *arg) {
    struct rig_id root = rig_make(&(struct rig_wish){.name = "Root", .authority = true});
    struct rig_id id = rig_make(&(struct rig_wish){.name = "s", .by = &root,
                                                   .names = "DNS:a.example"});
    struct weir_tls *client = rig_tls(&(struct weir_tls_options){
        .size = sizeof(struct weir_tls_options), .ca_pem = root.cert_pem});
    struct weir_tls *server = rig_tls(&(struct weir_tls_options){
        .size = sizeof(struct weir_tls_options), .cert_pem = id.cert_pem, .key_pem = id.key_pem});
    struct weir_listen_options lo = {.size = sizeof lo, .tls = server};
    struct weir_dial_options o = {.size = sizeof o, .tls = client};
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    struct weir_group g;
    char url[64];
    assert_int_equal(weir_listen("tls://localhost:0", &lo, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, serves, .l = l, .g = &g, .reactive = true), 0);
    snprintf(url, sizeof url, "wss://localhost:%d/", weir_listener_port(l));
    assert_int_equal(asks_ws(url, client, NULL), WEIR_ECERT);
    assert_non_null(strstr(weir_error_message(WEIR_ECERT),
                           "is for a.example, not for localhost: dial such a name"));
    assert_null(strstr(weir_error_message(WEIR_ECERT), "tls_name"));
    snprintf(url, sizeof url, "tls://localhost:%d", weir_listener_port(l));
    assert_int_equal(weir_dial(url, &o, &s), WEIR_ECERT);
    assert_non_null(strstr(weir_error_message(WEIR_ECERT), "dial such a name, or set tls_name"));
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_tls_unref(&client);
    weir_tls_unref(&server);
    rig_free(&id);
    rig_free(&root);
    return 0;
}

WEIR_TEST_BACKENDS(only_a_dial_that_has_a_tls_name_is_told_to_set_it) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(misnamed, NULL, &o), 0);
}

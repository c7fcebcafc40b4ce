/* SPDX-License-Identifier: MIT */
/* The access log of a route of WebSockets: what their clients were answered. */
#include <errno.h>
#include <weir/http_log.h>
#include <weir/http_values.h>
#include <weir/testing.h>
#include <weir/ws.h>

#include "http/http_test_util.h"

#define UPGRADE_WITH(path, version, fields)                                                        \
    "GET " path " HTTP/1.1\r\n" LOCAL "Upgrade: websocket\r\nConnection: Upgrade\r\n"              \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: " version "\r\n" fields \
    "\r\n"
#define UPGRADE_OF(path, version) UPGRADE_WITH(path, version, "")

static struct {
    int count, status, rc;
    uint64_t sent;
    char target[32], client[32];
} seen;

static void note(const struct weir_http_log *entry, void *arg) {
    (void)arg;
    seen.count++;
    seen.status = entry->status;
    seen.rc = entry->rc;
    seen.sent = entry->sent;
    snprintf(seen.target, sizeof seen.target, "%s", weir_http_target(entry->request));
    snprintf(seen.client, sizeof seen.client, "%s", entry->client);
}

static bool waits; /* in request */

static int asks(struct weir_http_request *r, void *state) {
    (void)state;
    int rc = 0;
    while (waits && rc == 0)
        rc = weir_sleep(MS(1));
    if (rc < 0)
        return rc;
    if (weir_http_query(r, "fails") != NULL)
        return -EPERM;
    return weir_http_query(r, "token") != NULL ? 0 : weir_http_unauthorized(r, "Bearer", "rooms");
}

static int echo(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    (void)state;
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static const struct weir_ws_reactive open_to_all = {.size = sizeof open_to_all, .message = echo};
static const struct weir_ws_reactive asked = {.size = sizeof asked, .message = echo,
                                              .request = asks};
static const struct weir_ws_options one = {.size = sizeof one, .connections_max = 1};
static const struct weir_ws_options hasty = {.size = sizeof hasty, .handshake_ns = MS(20)};

static const struct weir_http_route routes[] = {
    {NULL, "/one", .ws = &open_to_all, .ws_options = &one}, {NULL, "/asks", .ws = &asked},
    {NULL, "/hasty", .ws = &asked, .ws_options = &hasty}, {0}};

/* The client of `text` gets this status, and so says the log. */
static void is_logged(struct world *w, const char *text, int status) {
    char got[1024];
    int before = seen.count;
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, text, strlen(text)), 0);
    assert_int_equal(weir_shutdown(s), 0);
    ssize_t n = raw_read_all(s, got, sizeof got);
    weir_close(&s);
    while (seen.count == before)
        assert_int_equal(weir_sleep(MS(1)), 0);
    assert_int_equal(seen.count, before + 1);
    assert_int_equal(seen.status, status);
    assert_true(n > 0);
    assert_int_equal(strtol(got + strlen("HTTP/1.1 "), NULL, 10), status);
    assert_int_equal(strncmp(text + strlen("GET "), seen.target, strlen(seen.target)), 0);
    assert_string_equal(seen.client, "127.0.0.1");
    size_t body = (size_t)n - (size_t)(strstr(got, "\r\n\r\n") + 4 - got);
    assert_int_equal(seen.sent, status == 101 ? 0 : body);
}

static int play(struct world *w) {
    char url[64];
    struct weir_ws *ws = NULL;
    seen.count = 0;
    waits = false;
    is_logged(w, UPGRADE_OF("/one", "13"), 101);
    is_logged(w, UPGRADE_OF("/one", "12"), 426);
    snprintf(url, sizeof url, "ws%s/one", strchr(w->url, ':'));
    settle(); /* those before no longer count */
    assert_int_equal(weir_ws_dial(url, NULL, &ws), 0);
    is_logged(w, UPGRADE_OF("/one", "13"), 503);
    assert_int_equal(weir_ws_close(ws, 1000, ""), 0);
    weir_ws_drop(&ws);
    is_logged(w, UPGRADE_OF("/asks", "13"), 401);
    assert_true(seen.sent > 0);
    is_logged(w, UPGRADE_OF("/asks?fails", "13"), 500);
    assert_int_equal(seen.rc, 0);
    is_logged(w, UPGRADE_OF("/asks?token", "13"), 101);
    is_logged(w, UPGRADE_OF("/asks?token", "12"), 426);
    waits = true;
    is_logged(w, UPGRADE_OF("/hasty", "13"), 408);
    return 0;
}

static int with_server(void *arg) {
    struct world w = {.shape = SERVES, .o = {.size = sizeof w.o, .routes = routes, .log = note}};
    (void)arg;
    assert_int_equal(world_open(&w), 0);
    int rc = play(&w);
    world_close(&w, true);
    return rc;
}

WEIR_TEST_BACKENDS(a_handshake_is_logged_as_it_was_answered) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(with_server, NULL, &o), 0);
}

/* ---- whom the log names ---- */

/* Who sent the handshake that follows what a proxy says. */
static const char *logged_client(struct world *w, const char *said) {
    static const char asks_for_one[] = UPGRADE_WITH("/one", "13", "X-Forwarded-For: 1.2.3.4\r\n");
    char text[1024], got[1024];
    int before = seen.count;
    snprintf(text, sizeof text, "%s%s", said, asks_for_one);
    assert_true(raw_exchange(w, text, strlen(text), 1024, got, sizeof got) > 0);
    while (seen.count == before)
        assert_int_equal(weir_sleep(MS(1)), 0);
    assert_int_equal(seen.status, 101);
    return seen.client;
}

static int names_clients(void *arg) {
    static const char *const proxies[] = {"127.0.0.1", NULL};
    struct world w = {.shape = SERVES, .o = {.size = sizeof w.o, .routes = routes, .log = note,
                                             .proxies = proxies}};
    (void)arg;
    w.o.proxy_protocol = true;
    assert_int_equal(world_open(&w), 0);
    assert_string_equal(logged_client(&w, "PROXY TCP4 192.0.2.7 192.0.2.1 1 80\r\n"), "192.0.2.7");
    /* the field may be the client's own: the log must not name whom that likes */
    assert_string_equal(logged_client(&w, "PROXY UNKNOWN\r\n"), "127.0.0.1");
    world_close(&w, true);
    w.o.proxy_protocol = false;
    assert_int_equal(world_open(&w), 0);
    assert_string_equal(logged_client(&w, ""), "1.2.3.4");
    world_close(&w, true);
    return 0;
}

WEIR_TEST_BACKENDS(a_handshake_is_logged_with_the_client_that_the_server_believes) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(names_clients, NULL, &o), 0);
}

/* ---- the stop ---- */

/* Two wait in their function; the one that came later is answered, then the server is cancelled. */
static int cut_off(void *arg) {
    static const char text[] = UPGRADE_OF("/asks", "13");
    static const char other[] = UPGRADE_OF("/hasty?token", "13");
    struct world w = {.shape = SERVES, .o = {.size = sizeof w.o, .routes = routes, .log = note}};
    (void)arg;
    seen.count = 0;
    waits = true;
    assert_int_equal(world_open(&w), 0);
    struct weir_stream *first = raw_dial(&w), *second = raw_dial(&w);
    assert_int_equal(weir_write(first, text, strlen(text)), 0);
    settle();
    assert_int_equal(weir_write(second, other, strlen(other)), 0);
    while (seen.count == 0)
        assert_int_equal(weir_sleep(MS(1)), 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.status, 408);
    assert_string_equal(seen.target, "/hasty?token");
    world_close(&w, true);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.status, 0);
    assert_true(seen.rc < 0);
    assert_string_equal(seen.target, "/asks");
    weir_close(&first);
    weir_close(&second);
    return 0;
}

WEIR_TEST_BACKENDS(a_handshake_that_the_stop_cuts_off_is_logged_without_a_status) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(cut_off, NULL, &o), 0);
}

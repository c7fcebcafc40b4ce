/* SPDX-License-Identifier: MIT */
/* run_test.c - the suites against our own peers within one loop, on every backend: so in the
 * simulated world too. The command's own test (test/torture) runs all cases over real sockets. */
#include <stdio.h>
#include <string.h>
#include <weir/http_server.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/ws.h>
#include <weir/ws_deflate.h>

#include "base/alloc.h"
#include "test/runner.h"
#include "torture/torture.h"

static const struct weir_ws_deflate deflate = {
    .size = sizeof deflate, .server_takeover = true, .client_takeover = true, .threshold = 1};
static const struct weir_ws_options ws_options = {.size = sizeof ws_options, .deflate = &deflate};
/* These keep no context, and make demands of the other side. */
static const struct weir_ws_deflate plain_deflate = {.size = sizeof plain_deflate};
static const struct weir_ws_deflate narrow_deflate = {
    .size = sizeof narrow_deflate, .server_window_bits = 10, .client_window_bits = 12};

struct story {
    const struct weir_ws_deflate *deflate; /* NULL: that of ws_options */
    bool reacts, http, of_clients;
    const char *only;
    size_t ran, bad, count_min, jobs;
    weir_ns slow_ns; /* a client of ours echoes its first message after this */
    int clients;     /* 0: four */
    int rc;
};

static void told(const struct torture_result *r, void *arg) {
    struct story *s = arg;
    s->ran += r->ran;
    if (r->verdict != TORTURE_FAILED && r->verdict != TORTURE_NON_STRICT)
        return;
    s->bad++;
    if (s->count_min > 0)
        print_error("%s: %s\n", r->c->id, r->why);
}

/* ---- our peers ---- */

static struct weir_ws_options options_of(const struct story *s) {
    struct weir_ws_options o = ws_options;
    if (s->deflate != NULL)
        o.deflate = s->deflate;
    return o;
}

struct echo_served_args {
    struct story *s;
    struct weir_stream *peer;
};

static int echo(struct weir_ws *ws, weir_ns slow_ns) {
    struct weir_ws_message m;
    int rc = weir_sleep(slow_ns);
    if (rc < 0)
        return rc;
    while ((rc = weir_ws_receive(ws, &m)) == 0)
        if ((rc = weir_ws_send(ws, m.type, m.data.base, m.data.len)) < 0)
            break;
    return 0;
}

static int echo_served(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct echo_served_args *a = args;
    const struct weir_ws_options o = options_of(a->s);
    int rc = weir_ws_accept(&a->peer, &o, &ws);
    return rc < 0 ? 0 : echo(ws, 0);
}

static int echo_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    (void)state;
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static int answer(struct weir_http_request *r) {
    struct weir_view body;
    int rc = weir_http_body(r, 1 << 20, &body);
    return rc < 0 ? rc : weir_http_reply(r, 200, "hello");
}

static int request(struct weir_http_request *r, void *state) {
    (void)r;
    (void)state;
    return 0;
}

static int end(struct weir_http_request *r, void *state) {
    (void)state;
    return weir_http_reply(r, 200, "hello");
}

struct serve_args {
    struct story *s;
    struct weir_listener *l;
    struct weir_group *clients;
};

static int serve(void *args) {
    struct serve_args *a = args;
    struct weir_stream *peer;
    const struct weir_ws_reactive ws = {.size = sizeof ws, .message = echo_message};
    const struct weir_http_reactive http = {.size = sizeof http, .request = request, .end = end};
    const struct weir_http_server_options o = {.size = sizeof o, .handler = answer};
    const struct weir_ws_options ws_o = options_of(a->s);
    if (a->s->http && a->s->reacts)
        return weir_http_react(a->l, a->clients, &http, NULL);
    if (a->s->http)
        return weir_http_serve(a->l, a->clients, &o);
    if (a->s->reacts)
        return weir_ws_react(a->l, a->clients, &ws, &ws_o);
    while (weir_accept(a->l, &peer) == 0)
        if (weir_go(a->clients, echo_served, .s = a->s, .peer = peer) < 0)
            weir_close(&peer);
    return 0;
}

struct dial_again_args {
    const char *url;
    struct story *s;
};

static int dial_again(void *args) {
    const char *url = ((struct dial_again_args *)args)->url;
    struct story *s = ((struct dial_again_args *)args)->s;
    const struct weir_ws_options o = options_of(s);
    for (;;) {
        WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
        int rc = weir_ws_dial(url, &o, &ws);
        if (rc == 0)
            (void)echo(ws, s->slow_ns);
        else if (rc == -ECONNREFUSED || rc == -ECANCELED || rc == WEIR_ESTOPPED)
            return 0;
        if (weir_cancelled() < 0)
            return 0;
    }
}

/* ---- stories ---- */

static int run_list(struct story *s, struct torture_options *o, struct weir_listener *l) {
    struct torture_list list;
    char url[64];
    int rc = s->http ? torture_http_list(&list, o->side, s->only)
                     : torture_ws_list(&list, o->side, s->only);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    o->url = url;
    o->host = url + strlen("tcp://");
    o->target = "/";
    o->told = told;
    o->arg = s;
    o->jobs = s->jobs != 0 ? s->jobs : 8;
    o->patience_ns = WEIR_SECONDS(20); /* for real clocks on a busy machine */
    o->wait_ns = WEIR_SECONDS(5);
    if (rc == 0)
        rc = torture_run(&list, o);
    torture_list_free(&list);
    return rc;
}

static int against_server(struct story *s) {
    struct weir_listener *l;
    struct weir_group servers, clients;
    struct torture_options o = {.side = OF_SERVERS};
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&clients, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    rc = weir_go(&servers, serve, .s = s, .l = l, .clients = &clients);
    if (rc == 0)
        rc = run_list(s, &o, l);
    weir_group_cancel(&servers, "the story ends");
    (void)weir_group_close(&servers, 0);
    weir_unlisten(&l);
    weir_group_cancel(&clients, "the story ends");
    (void)weir_group_close(&clients, 0);
    return rc;
}

static int against_client(struct story *s) {
    struct torture_options o = {.side = OF_CLIENTS};
    struct weir_listener *l;
    struct weir_group clients;
    char url[64];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(l));
    o.listener = l;
    weir_group_open(&clients, WEIR_INDEPENDENT);
    for (int i = 0; rc == 0 && i < (s->clients != 0 ? s->clients : 4); i++)
        rc = weir_go(&clients, dial_again, .url = url, .s = s);
    if (rc == 0)
        rc = run_list(s, &o, l);
    weir_unlisten(&l);
    weir_group_cancel(&clients, "the story ends");
    (void)weir_group_close(&clients, 0);
    return rc;
}

static int tell_story(void *arg) {
    struct story *s = arg;
    s->rc = s->of_clients ? against_client(s) : against_server(s);
    return 0;
}

static void run_story(struct story *s) {
    const struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    weir_log_level_set(WEIR_LOG_ERROR);
    int rc = weir_run(tell_story, s, &o);
    if (rc < 0)
        s->rc = rc;
}

static void passes(struct story s) {
    run_story(&s);
    assert_int_equal(s.rc, 0);
    assert_int_equal(s.bad, 0);
    assert_true(s.ran >= s.count_min);
}

#define QUICK "open.|answer.|frame.|mask.|ping.|pong.|bits.|opcode.|fragment.|utf8.|close."

WEIR_TEST_BACKENDS(a_websocket_server_with_a_task_per_connection_passes) {
    passes((struct story){.only = QUICK, .count_min = 600});
}

WEIR_TEST_BACKENDS(a_reactive_websocket_server_passes) {
    passes((struct story){.reacts = true, .only = QUICK, .count_min = 600});
}

WEIR_TEST_BACKENDS(compressing_servers_pass) {
    passes((struct story){.only = "deflate.", .count_min = 100});
    passes((struct story){.reacts = true, .only = "deflate.", .count_min = 100});
}

WEIR_TEST_BACKENDS(a_websocket_client_passes) {
    passes((struct story){.of_clients = true, .only = QUICK, .count_min = 600});
}

WEIR_TEST_BACKENDS(compressing_clients_pass) {
    passes((struct story){.of_clients = true, .only = "deflate.", .count_min = 100});
}

WEIR_TEST_BACKENDS(peers_that_keep_no_context_and_small_windows_pass) {
    const struct weir_ws_deflate *const kinds[] = {&plain_deflate, &narrow_deflate};
    for (size_t i = 0; i < 2; i++) {
        passes((struct story){.deflate = kinds[i], .only = "deflate.", .count_min = 100});
        passes((struct story){
            .deflate = kinds[i], .of_clients = true, .only = "deflate.", .count_min = 100});
    }
}

WEIR_TEST(a_client_that_is_slower_than_the_wait_for_another_is_not_given_up) {
    test_backend = "sim";
    passes((struct story){.of_clients = true,
                          .only = "frame.text-size",
                          .count_min = 20,
                          .clients = 1,
                          .slow_ns = WEIR_SECONDS(6)});
}

WEIR_TEST_BACKENDS(http_servers_pass) {
    passes((struct story){
        .http = true, .only = "accept.|reject.|canary.|wait.", .count_min = 600, .jobs = 64});
    passes((struct story){.http = true,
                          .reacts = true,
                          .only = "accept.|reject.|canary.|wait.",
                          .count_min = 600,
                          .jobs = 64});
}

WEIR_TEST(a_suite_without_memory_ends_and_gives_back_all_it_holds) {
    struct story s = {.only = "frame.text-size.126", .jobs = 1};
    test_backend = "sim";
    size_t n = 0, asked;
    do { /* until the n-th was not asked for */
        s.ran = s.bad = 0;
        s.rc = 0;
        weir__alloc_fail_at(++n);
        run_story(&s);
        asked = weir__alloc_fail_at(0);
        assert_true(n < 10000);
    } while (asked >= n);
    assert_int_equal(s.rc, 0);
    assert_int_equal(s.bad, 0);
    assert_int_equal(s.ran, 1);
}

static int short_story(void *arg) {
    struct story *s = arg;
    s->ran = s->bad = 0;
    (void)tell_story(s);
    return s->rc;
}

WEIR_TEST(a_suite_that_is_cancelled_or_struck_anywhere_leaves_nothing_behind) {
    struct story s = {.only = "frame.text-size.126|ping.each", .jobs = 2};
    const struct weir_story explored = {
        .size = sizeof explored, .name = "suite", .fn = short_story, .arg = &s};
    const struct weir_fault fault = {.size = sizeof fault};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&explored, &e), 0);
    assert_true(e.points >= 20);
    assert_int_equal(weir_explore_faults(&explored, &fault, &e), 0);
    assert_true(e.points >= 20);
}

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
    int (*raw_client)(const char *url); /* NULL: clients of ours */
    const char *only;
    size_t ran, bad, count_min, jobs;
    weir_ns slow_ns; /* a client of ours echoes its first message, a sloppy server answers, after */
    int clients;     /* 0: four */
    int drops_after; /* an echoing server drops the connection behind so many messages; 0: never */
    bool slow_once;  /* such a server is slow with the first answer of a connection alone */
    enum { HEEDS_ALL, HEEDS_NO_BODY, HEEDS_NO_END } sloppy; /* what a raw server of HTTP heeds */
    const char *target; /* NULL: "/" */
    uint64_t seed;      /* of a simulated world; 0: test_backend, in its order */
    bool peer_lost; /* our peer had no memory */
    size_t blamed;  /* cases that failed by another reason than a lack of memory */
    int rc;
};

static void told(const struct torture_result *r, void *arg) {
    struct story *s = arg;
    s->ran += r->ran;
    s->blamed += r->verdict == TORTURE_FAILED && strstr(r->why, "memory") == NULL;
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

static int echo(struct story *s, struct weir_ws *ws) {
    struct weir_ws_message m;
    int rc = weir_sleep(s->of_clients ? s->slow_ns : 0), count = 0;
    if (rc < 0)
        return rc;
    while ((rc = weir_ws_receive(ws, &m)) == 0)
        if ((rc = weir_ws_send(ws, m.type, m.data.base, m.data.len)) < 0 ||
            ++count == s->drops_after)
            break;
    s->peer_lost = s->peer_lost || rc == -ENOMEM;
    return 0;
}

static int echo_served(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct echo_served_args *a = args;
    const struct weir_ws_options o = options_of(a->s);
    int rc = weir_ws_accept(&a->peer, &o, &ws);
    a->s->peer_lost = a->s->peer_lost || rc == -ENOMEM;
    return rc < 0 ? 0 : echo(a->s, ws);
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

struct serve_sloppily_args {
    struct story *s;
    struct weir_stream *peer;
};

/* Bytes up to the end of a head are gone. Returns less than 0 if none came. */
static int skip_head(struct weir_stream *peer) {
    struct weir_view v;
    for (size_t want = 1; weir_peek(peer, want, &v) > 0; want = v.len + 1) {
        const char *end = memmem(v.base, v.len, "\r\n\r\n", 4);
        if (end == NULL)
            continue;
        weir_consume(peer, (size_t)(end - (const char *)v.base) + 4);
        return 0;
    }
    return WEIR_EEOF;
}

/* Answers each head, or each beginning of one, and looks at nothing else. */
static int serve_sloppily(void *args) {
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct serve_sloppily_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *peer = a->peer;
    struct weir_view v;
    bool waits = a->s->sloppy == HEEDS_NO_BODY;
    weir_ns slow_ns = a->s->slow_ns;
    int rc = 0;
    while (rc == 0 && (waits ? skip_head(peer) == 0 : weir_peek(peer, 1, &v) > 0)) {
        rc = weir_sleep(slow_ns);
        slow_ns = a->s->slow_once ? 0 : slow_ns;
        if (rc == 0)
            rc = weir_write(peer, text, sizeof text - 1);
        if (rc == 0 && !waits)
            rc = skip_head(peer);
    }
    return 0;
}

static int accept_sloppily(struct story *s, struct weir_listener *l, struct weir_group *clients) {
    struct weir_stream *peer;
    while (weir_accept(l, &peer) == 0)
        if (weir_go(clients, serve_sloppily, .s = s, .peer = peer) < 0)
            weir_close(&peer);
    return 0;
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
    if (a->s->sloppy != HEEDS_ALL)
        return accept_sloppily(a->s, a->l, a->clients);
    if (a->s->http && a->s->reacts)
        return weir_http_react(a->l, a->clients, &http, NULL);
    if (a->s->http)
        return weir_http_serve(a->l, a->clients, &o);
    if (a->s->reacts)
        return weir_ws_react(a->l, a->clients, &ws, &ws_o);
    int rc;
    while ((rc = weir_accept(a->l, &peer)) == 0)
        if (weir_go(a->clients, echo_served, .s = a->s, .peer = peer) < 0) {
            a->s->peer_lost = true;
            weir_close(&peer);
        }
    a->s->peer_lost = a->s->peer_lost || rc == -ENOMEM;
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
            (void)echo(s, ws);
        else if (rc == -ECONNREFUSED || rc == -ECANCELED || rc == WEIR_ESTOPPED)
            return 0;
        if (weir_cancelled() < 0)
            return 0;
    }
}

#define ASK                                                                                    \
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"              \
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"

/* A client whose request is followed by a frame that is not masked, and by its end. */
static int speak_first(const char *url) {
    static const char text[] = ASK "\x81\x05" "alive";
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    struct weir_view v;
    ssize_t n;
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, text, sizeof text - 1);
    if (rc == 0)
        rc = weir_shutdown(s);
    while (rc == 0 && (n = weir_peek(s, 1, &v)) > 0)
        weir_consume(s, (size_t)n);
    return 0;
}

/* A client to which each answer is 101. It echoes a text after 50 ms, unless the end has come. */
static int take_any_answer(const char *url) {
    static const char echoed[] = "\x81\x85\0\0\0\0" "alive";
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    struct weir_scope late;
    struct weir_view v;
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, ASK, sizeof ASK - 1);
    if (rc == 0)
        rc = skip_head(s);
    if (rc < 0)
        return 0;
    weir_scope_enter(&late, WEIR_MILLISECONDS(50));
    ssize_t n = weir_peek(s, sizeof echoed, &v);
    if (weir_scope_leave(&late, n < 0 ? (int)n : 0) == -ETIME)
        (void)weir_write(s, echoed, sizeof echoed - 1);
    return 0;
}

struct be_raw_args {
    int (*client)(const char *url);
    const char *url;
};

static int be_raw(void *args) {
    struct be_raw_args *a = args;
    return a->client(a->url);
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
    o->target = s->target != NULL ? s->target : "/";
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
    snprintf(url, sizeof url, "%s://127.0.0.1:%d%s", s->raw_client != NULL ? "tcp" : "ws",
             weir_listener_port(l), s->raw_client != NULL ? "" : "/");
    o.listener = l;
    weir_group_open(&clients, WEIR_INDEPENDENT);
    if (s->raw_client != NULL)
        rc = weir_go(&clients, be_raw, .client = s->raw_client, .url = url);
    int count = s->raw_client != NULL ? 0 : s->clients != 0 ? s->clients : 4;
    for (int i = 0; rc == 0 && i < count; i++)
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
    const struct weir_sim_options sim = {.size = sizeof sim, .seed = s->seed};
    int rc = s->seed != 0 ? weir_sim_run(tell_story, s, &sim) : weir_run(tell_story, s, &o);
    if (rc < 0)
        s->rc = rc;
}

static void passes(struct story s) {
    run_story(&s);
    assert_int_equal(s.rc, 0);
    assert_int_equal(s.bad, 0);
    assert_true(s.ran >= s.count_min);
}

/* So many cases, and no others, are bad. */
static void finds(struct story s, size_t count) {
    run_story(&s);
    assert_int_equal(s.rc, 0);
    assert_int_equal(s.bad, count);
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

#define AGREED "deflate.agree|deflate.offer|deflate.text|deflate.example|deflate.context|deflate.w"

static void passes_in(struct story s, const struct weir_ws_deflate *d) {
    s.deflate = d;
    s.only = AGREED;
    s.count_min = 30;
    passes(s);
}

WEIR_TEST_BACKENDS(servers_that_keep_no_context_and_small_windows_pass) {
    passes_in((struct story){0}, &plain_deflate);
    passes_in((struct story){0}, &narrow_deflate);
}

WEIR_TEST_BACKENDS(clients_that_keep_no_context_and_small_windows_pass) {
    passes_in((struct story){.of_clients = true}, &plain_deflate);
    passes_in((struct story){.of_clients = true}, &narrow_deflate);
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

WEIR_TEST(a_hidden_request_is_found_however_long_its_target_is) {
    char target[1000] = "/";
    test_backend = "sim";
    memset(target + 1, 'a', sizeof target - 2);
    finds((struct story){.http = true, .sloppy = HEEDS_NO_BODY, .only = "canary.body.POST"}, 1);
    finds((struct story){.http = true,
                         .sloppy = HEEDS_NO_BODY,
                         .only = "canary.body.POST",
                         .target = target}, 1);
}

WEIR_TEST(a_slow_server_is_listened_to_for_longer) {
    const weir_ns slow_ns = WEIR_MILLISECONDS(300);
    test_backend = "sim";
    finds((struct story){.http = true,
                         .sloppy = HEEDS_NO_BODY,
                         .only = "canary.body.POST",
                         .slow_ns = slow_ns}, 1);
    finds((struct story){.http = true,
                         .sloppy = HEEDS_NO_END,
                         .only = "accept.fields|wait.head",
                         .jobs = 1,
                         .slow_ns = slow_ns}, 20);
    finds((struct story){.http = true,
                         .sloppy = HEEDS_NO_END,
                         .only = "accept.pipeline-five|wait.head",
                         .jobs = 1,
                         .slow_ns = slow_ns,
                         .slow_once = true}, 20);
}

WEIR_TEST(a_server_that_drops_a_connection_behind_its_echo_fails_by_every_order) {
    for (uint64_t seed = 1; seed <= 20; seed++)
        finds((struct story){.only = "frame.text-size.255", .drops_after = 2, .seed = seed}, 1);
}

WEIR_TEST(a_client_that_breaks_the_protocol_and_leaves_fails_by_every_order) {
    for (uint64_t seed = 1; seed <= 20; seed++)
        finds((struct story){
            .of_clients = true, .raw_client = speak_first, .only = "answer.fold", .seed = seed}, 1);
}

WEIR_TEST(a_client_that_takes_a_refusal_for_the_switch_is_not_saved_by_our_end) {
    test_backend = "sim";
    finds((struct story){
        .of_clients = true, .raw_client = take_any_answer, .only = "answer.status.400"}, 1);
}

/* Its id has a number that the list gave it, or what means something in a pattern. */
static bool is_odd(const char *id) {
    const char *dash = strrchr(id, '-');
    return strpbrk(id, "[]*?\\") != NULL ||
           (dash != NULL && dash[1 + strspn(dash + 1, "0123456789")] == '\0');
}

static void is_found_by_its_id(const struct torture_case *c, bool http, enum torture_side side) {
    struct torture_list found;
    bool there = false;
    assert_int_equal((http ? torture_http_list : torture_ws_list)(&found, side, c->id), 0);
    for (size_t i = 0; i < found.count; i++)
        there = there || strcmp(found.cases[i].id, c->id) == 0;
    if (!there)
        print_error("%s\n", c->id);
    assert_true(there);
    torture_list_free(&found);
}

WEIR_TEST(each_case_of_the_lists_is_found_by_its_id) {
    for (int i = 0; i < 4; i++) {
        bool http = i % 2 == 1;
        enum torture_side side = i < 2 ? OF_SERVERS : OF_CLIENTS;
        struct torture_list all;
        assert_int_equal((http ? torture_http_list : torture_ws_list)(&all, side, NULL), 0);
        for (size_t n = 0; n < all.count; n++)
            if (is_odd(all.cases[n].id))
                is_found_by_its_id(&all.cases[n], http, side);
        torture_list_free(&all);
    }
}

/* That 301 is as good an answer to a bad request line as 400, one clause says and no other. */
WEIR_TEST(where_a_redirect_is_a_right_refusal_the_clause_that_says_so_is_named) {
    size_t there = 0;
    for (int http = 0; http < 2; http++) {
        struct torture_list all;
        assert_int_equal((http ? torture_http_list : torture_ws_list)(&all, OF_SERVERS, NULL), 0);
        for (size_t n = 0; n < all.count; n++) {
            if (strstr(all.cases[n].script, " 301") == NULL)
                continue;
            assert_string_equal(all.cases[n].row->clause, "9112 3.2");
            there++;
        }
        torture_list_free(&all);
    }
    assert_true(there >= 30);
}

WEIR_TEST(a_suite_without_memory_ends_says_so_and_gives_back_all_it_holds) {
    struct story s = {.only = "deflate.text.126|open.fields.40", .jobs = 1};
    test_backend = "sim";
    size_t n = 0, asked;
    do { /* until the n-th was not asked for */
        s.ran = s.bad = s.blamed = 0;
        s.rc = 0;
        s.peer_lost = false;
        weir__alloc_fail_at(++n);
        run_story(&s);
        asked = weir__alloc_fail_at(0);
        assert_true(s.peer_lost || s.blamed == 0);
        assert_true(n < 10000);
    } while (asked >= n);
    assert_int_equal(s.rc, 0);
    assert_int_equal(s.bad, 0);
    assert_int_equal(s.ran, 2);
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

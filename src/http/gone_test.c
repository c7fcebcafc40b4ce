/* SPDX-License-Identifier: MIT */
/* Clients that leave while a handler is suspended: noticed where the handler has asked for it, and
 * else not, since a client that has only shut down its sending side must get its answer. */
#include <weir/option.h>
#include <weir/testing.h>

#include "http/http_test_util.h"

static int ended;
static bool was_gone;

/* Wait for an event that never comes. */
static int waits_long(struct weir_http_request *r) {
    struct weir_view body;
    if (asks_for(r, "/unread")) {
        weir_http_end_when_gone(r);
        return weir_http_reply(r, 200, "waited\n");
    }
    if (asks_for(r, "/body-first")) /* the call comes first: then the body must be read after it */
        weir_http_end_when_gone(r);
    int rc = weir_http_body(r, 0, &body);
    if (rc == 0 && asks_for(r, "/asks"))
        weir_http_end_when_gone(r);
    if (rc == 0 && asks_for(r, "/asks/pieces"))
        rc = begin(r, 200, 0) < 0 || weir_http_write(r, "half", 4) < 0 ? -1 : 0;
    if (rc == 0)
        rc = weir_sleep(asks_for(r, "/asks/briefly") ? MS(5)
                        : asks_for(r, "/plain")      ? MS(30)
                                                     : WEIR_SECONDS(1000));
    ended = rc;
    was_gone = weir_http_gone(r);
    return rc < 0 ? rc : weir_http_reply(r, 200, "waited\n");
}

struct serve_gone_args {
    struct world *w;
};
static int serve_gone(void *args) {
    struct world *w = ((struct serve_gone_args *)args)->w;
    w->o.handler = waits_long;
    return weir_http_serve(w->l, &w->clients, &w->o);
}

static void expect_gone(struct world *w, const char *request, bool resets) {
    struct weir_stream *s = raw_dial(w);
    ended = 0;
    was_gone = false;
    size_t first = strlen(request) - 5; /* the body comes later */
    assert_int_equal(weir_write(s, request, first), 0);
    settle();
    assert_int_equal(weir_write(s, request + first, 5), 0);
    settle();
    settle();
    assert_int_equal(ended, 0);
    if (resets)
        assert_int_equal(weir_stream_option(s, WEIR_STREAM_RESET, 1), 0);
    weir_close(&s);
    for (int i = 0; i < 200 && ended == 0; i++)
        settle();
    assert_int_equal(ended, -ECANCELED);
    assert_true(was_gone);
}

/* The connection has seen it for the first request, during the second. */
static void expect_gone_before(struct world *w) {
    static const char three[] = GET("/asks/briefly") GET("/plain") GET("/asks");
    struct weir_stream *s = raw_dial(w);
    ended = 0;
    was_gone = false;
    assert_int_equal(weir_write(s, three, strlen(three)), 0);
    assert_int_equal(weir_sleep(MS(15)), 0);
    weir_close(&s);
    for (int i = 0; i < 200 && ended == 0; i++)
        settle();
    assert_int_equal(ended, -ECANCELED);
    assert_true(was_gone);
}

/* Its leaving is seen when the first handler has returned, while the rest of that body comes. */
static void expect_goes_on(struct world *w) {
    static const char head[] = "POST /unread HTTP/1.1\r\n" LOCAL "Content-Length: 5\r\n\r\n";
    static const char rest[] = "hello" GET("/plain");
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, head, strlen(head)), 0);
    settle();
    assert_int_equal(weir_write(s, rest, strlen(rest)), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    weir_close(&s);
    assert_string_equal(got, TEXT_OK(7, "waited\n") TEXT_OK(7, "waited\n"));
}

static int leave(struct world *w) {
    char got[256];
    for (int resets = 0; resets <= 1; resets++) {
        expect_gone(w, GET("/asks"), resets);
        expect_gone(w, POST("/asks", 5, "hello"), resets);
        expect_gone(w, POST("/body-first", 5, "hello"), resets);
        expect_gone(w, GET("/asks/pieces"), resets);
    }
    expect_gone_before(w);
    expect_goes_on(w);
    /* half-closed, and not asked for: it gets its answer */
    expect_answers(w, GET("/plain"), TEXT_OK(7, "waited\n"));
    assert_false(was_gone);
    /* half-closed, and asked for: no answer */
    raw_exchange(w, GET("/asks"), strlen(GET("/asks")), 1000, got, sizeof got);
    assert_string_equal(got, "");
    return 0;
}

static int leave_story(void *arg) {
    struct world w = {.o = {.size = sizeof w.o}};
    struct weir_group servers;
    the_world = &w;
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &w.l), 0);
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
    assert_int_equal(weir_go(&servers, serve_gone, .w = &w), 0);
    weir_yield();
    int rc = leave(&w);
    weir_unlisten(&w.l);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    return weir_group_close(&w.clients, rc);
}

WEIR_TEST_BACKENDS(a_handler_that_asks_is_cancelled_when_its_client_leaves) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(leave_story, NULL, &o), 0);
}

static int brief(struct weir_http_request *r) {
    weir_http_end_when_gone(r);
    int rc = weir_sleep(MS(5));
    return rc < 0 ? rc : weir_http_reply(r, 200, "waited\n");
}

struct serve_brief_args {
    struct world *w;
};
static int serve_brief(void *args) {
    struct world *w = ((struct serve_brief_args *)args)->w;
    w->o.handler = brief;
    return weir_http_serve(w->l, &w->clients, &w->o);
}

static int stay_story(void *arg) {
    struct world w = {.o = {.size = sizeof w.o}};
    struct weir_group servers;
    char got[1024];
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &w.l), 0);
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
    assert_int_equal(weir_go(&servers, serve_brief, .w = &w), 0);
    weir_yield();
    struct weir_stream *s = raw_dial(&w);
    for (int i = 0; i < 3; i++) { /* a request that comes while the one before is handled */
        assert_int_equal(weir_write(s, GET("/a"), strlen(GET("/a"))), 0);
        assert_int_equal(weir_sleep(MS(2)), 0);
    }
    raw_read_past(s, "waited\n", 3, got, sizeof got);
    weir_close(&s);
    weir_unlisten(&w.l);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    return weir_group_close(&w.clients, 0);
}

WEIR_TEST_BACKENDS(a_client_that_sends_on_is_not_gone) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(stay_story, NULL, &o), 0);
}

/* The function is cancelled before it answers: done must not get 0, which means an answer. */
HTTP_STORY(a_request_whose_client_left_is_not_reported_as_answered) {
    if (w->shape != REACTS)
        return 0;
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, GET("/polls/watched"), strlen(GET("/polls/watched"))), 0);
    settle();
    weir_close(&s);
    for (int i = 0; i < 200 && w->done == 0; i++)
        settle();
    assert_int_equal(w->done, 1);
    assert_int_equal(w->done_rc, -ECANCELED);
    return 0;
}

/* ---- explored ---- */

/* The second request is behind the head of the first, so the leaving is seen twice. */
static int ask_and_leave(struct world *w) {
    static const char two[] = GET("/asks/briefly") GET("/asks/pieces");
    struct weir_stream *s = NULL;
    int rc = weir_dial(w->url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, two, strlen(two));
    if (rc == 0)
        rc = weir_sleep(MS(20));
    weir_close(&s);
    return rc < 0 ? rc : weir_sleep(MS(20));
}

static int explored_story(void *arg) {
    struct world w = {.o = {.size = sizeof w.o}};
    struct weir_scope bound; /* nobody answers if the server could not begin */
    the_world = &w;
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&w.servers, WEIR_TOGETHER);
    weir_scope_enter(&bound, WEIR_SECONDS(120));
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &w.l);
    if (rc == 0) {
        snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
        rc = weir_go(&w.servers, serve_gone, .w = &w);
    }
    if (rc == 0)
        rc = weir_yield();
    if (rc == 0)
        rc = ask_and_leave(&w);
    rc = weir_scope_leave(&bound, rc);
    world_close(&w, false);
    return rc;
}

static void explore(int (*how)(const struct weir_story *story)) {
    static const struct weir_sim_options worlds[] = {
        {.size = sizeof worlds[0]},
        {.size = sizeof worlds[0], .deferred = true, .send_buffer = 70, .receive_buffer = 70,
         .piece_size = 16}};
    for (size_t i = 0; i < 2; i++) {
        struct weir_story t = {.size = sizeof t, .name = "gone", .fn = explored_story,
                               .options = &worlds[i]};
        assert_int_equal(how(&t), 0);
    }
}

static int cancels(const struct weir_story *t) {
    return weir_explore_cancels(t, NULL);
}
static int allocations(const struct weir_story *t) {
    return weir_explore_allocations(t, NULL);
}
static int strikes(const struct weir_story *t) {
    static const enum weir_fault_effect effects[] = {WEIR_FAULT_ERROR, WEIR_FAULT_SHORT,
                                                     WEIR_FAULT_LATE, WEIR_FAULT_NEVER};
    int rc = 0;
    for (size_t i = 0; i < sizeof effects / sizeof effects[0] && rc == 0; i++) {
        struct weir_fault f = {.size = sizeof f, .effect = effects[i]};
        rc = weir_explore_faults(t, &f, NULL);
    }
    return rc;
}

WEIR_TEST(the_leaving_of_a_client_survives_each_cancel) {
    explore(cancels);
}
WEIR_TEST(the_leaving_of_a_client_survives_each_failed_allocation) {
    explore(allocations);
}
WEIR_TEST(the_leaving_of_a_client_survives_each_fault) {
    explore(strikes);
}

/* SPDX-License-Identifier: MIT */
/* Calls on a request that is over: they abort, and never meet the next request, which has the same
 * memory. */
#include <sys/wait.h>

#include "http/route_rig.h"

static struct weir_http_request *kept;
static int rounds;

struct late_reply_args {
    struct weir_http_request *r;
    weir_ns after_ns;
};
static int late_reply(void *args) {
    struct late_reply_args *a = args;
    int rc = weir_sleep(a->after_ns);
    return rc < 0 ? rc : weir_http_reply(a->r, 200, "of another\n");
}

struct late_method_args {
    struct weir_http_request *r;
};
static int late_method(void *args) {
    struct late_method_args *a = args;
    int rc = weir_sleep(MS(10));
    return rc < 0 ? rc : weir_http_method(a->r) == NULL;
}

struct late_read_args {
    struct weir_http_request *r;
};
static int late_read(void *args) {
    char byte;
    return (int)weir_http_read(((struct late_read_args *)args)->r, &byte, 1);
}

static int leaves_a_reply(struct weir_http_request *r) {
    return weir_go(NULL, late_reply, .r = r, .after_ns = MS(10));
}

static int leaves_a_method(struct weir_http_request *r) {
    return weir_go(NULL, late_method, .r = r);
}

static int leaves_a_read(struct weir_http_request *r) {
    int rc = weir_go(NULL, late_read, .r = r);
    if (rc == 0)
        rc = weir_sleep(MS(1));
    return rc < 0 ? rc : weir_http_reply(r, 200, "unread\n");
}

static int keeps(struct weir_http_request *r) {
    if (kept == NULL)
        kept = r;
    return weir_http_reply(r, 200, "kept\n");
}

static int is_slow(struct weir_http_request *r) {
    int rc = weir_sleep(MS(50));
    return rc < 0 ? rc : weir_http_reply(r, 200, "slow\n");
}

/* The request that was kept is used while another one is open, the rounds-th since. */
static int uses_kept(struct weir_http_request *r) {
    if (--rounds > 0)
        return weir_http_reply(r, 200, "kept\n");
    return weir_http_reply(kept, 200, "of another\n");
}

static const struct weir_http_route late_routes[] = {
    {"GET", "/reply", .fn = leaves_a_reply}, {"GET", "/method", .fn = leaves_a_method},
    {"POST", "/read", .fn = leaves_a_read}, {"GET", "/keeps", .fn = keeps},
    {"GET", "/uses", .fn = uses_kept},       {"GET", "/slow", .fn = is_slow},
    {0}};

/* ---- what aborts ---- */

struct late_story {
    const char *requests;
    int rounds;
};

static const struct late_story *the_story;

/* The client stays. */
static int tell_late(struct world *w) {
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, the_story->requests, strlen(the_story->requests)), 0);
    int rc = weir_sleep(MS(100));
    weir_close(&s);
    return rc;
}

static void set_late(struct weir_http_server_options *o) {
    o->routes = late_routes;
}

static void run_late(void *arg) {
    the_story = arg;
    rounds = the_story->rounds;
    tell_served(set_late, tell_late);
}

static void expect_abort(struct late_story story, const char *text) {
    char said[4096];
    int status = runner_child(run_late, &story, said, sizeof said);
    if (strstr(said, text) == NULL || WIFEXITED(status))
        fail_msg("it should abort with \"%s\", but: %s", text, said);
}

#define OVER(call, route) call ": the request is over (of the route \"" route "\"): it is lent"

WEIR_TEST_BACKENDS(a_reply_after_the_handler_has_returned_aborts) {
    expect_abort((struct late_story){GET("/reply"), 0}, OVER("weir_http_reply", "/reply"));
    expect_abort((struct late_story){GET("/method"), 0}, OVER("weir_http_method", "/method"));
}

WEIR_TEST_BACKENDS(a_late_reply_does_not_answer_the_next_request_of_the_connection) {
    expect_abort((struct late_story){GET("/reply") GET("/slow"), 0},
                 OVER("weir_http_reply", "/reply"));
}

WEIR_TEST_BACKENDS(a_kept_request_is_known_as_over_after_many_others) {
    static const int after[] = {1, 2, 3, HTTP_STEPS - 1};
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        char requests[HTTP_STEPS * 64] = GET("/keeps");
        for (int n = 0; n < after[i]; n++)
            strcat(requests, GET("/uses"));
        expect_abort((struct late_story){requests, after[i]},
                     "weir_http_reply: the request is over");
    }
}

WEIR_TEST_BACKENDS(a_read_that_goes_on_when_the_handler_returns_aborts) {
    expect_abort((struct late_story){POST("/read", 5, ""), 0},
                 "weir_http_read: the handler of POST /read has returned while another task is in "
                 "this call on its request");
}

/* ---- weir_http_next ---- */

static int takes_two(void *args) {
    struct serve_stream_args *a = args;
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_request *first, *second;
    assert_int_equal(weir_http_accept(&a->s, NULL, &http), 0);
    assert_int_equal(weir_http_next(http, &first), 1);
    assert_int_equal(weir_http_next(http, &second), 1);
    return weir_http_reply(first, 200, "of another\n");
}

static int tell_next(void *arg) {
    struct world w = {.requests = 0};
    struct serve_stream_args a;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &w.l), 0);
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
    struct weir_stream *client = raw_dial(&w);
    assert_int_equal(weir_accept(w.l, &a.s), 0);
    assert_int_equal(weir_write(client, GET("/a") GET("/b"), strlen(GET("/a") GET("/b"))), 0);
    return takes_two(&a);
}

WEIR_TEST_ABORTS(a_request_is_over_at_the_next_weir_http_next,
                 "the request is over: it is lent until its handler returns, or until the next "
                 "weir_http_next") {
    weir_run(tell_next, NULL, NULL);
}

/* ---- what other tasks may do while the handler waits ---- */

static bool pool_ends;
static struct weir_http_request *job;

/* One of the tasks that the program has had before any request came. */
static int pool_works(void *args) {
    int rc = 0;
    while (!pool_ends && rc >= 0) {
        if (job != NULL)
            assert_int_equal(weir_http_reply(job, 200, weir_http_target(job)), 0);
        job = NULL;
        rc = weir_sleep(MS(1));
    }
    return 0;
}

static int by_pool(struct weir_http_request *r) {
    job = r;
    while (job != NULL)
        assert_int_equal(weir_sleep(MS(1)), 0);
    return 0;
}

static int by_child(struct weir_http_request *r) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, late_reply, .r = r, .after_ns = MS(1));
    return weir_group_close(&g, rc);
}

static const struct weir_http_route lent_routes[] = {
    {"GET", "/pool", .fn = by_pool}, {"GET", "/child", .fn = by_child}, {0}};

ROUTE_STORY(other_tasks_may_use_a_request_while_its_handler_waits, o->routes = lent_routes) {
    job = NULL;
    pool_ends = false;
    int rc = weir_go0(&w->clients, pool_works);
    for (int i = 0; i < 2 * HTTP_STEPS && rc == 0; i++)
        expect_answers(w, GET("/pool") GET("/child") GET("/pool"),
                       TEXT_OK(5, "/pool") TEXT_OK(11, "of another\n") TEXT_OK(5, "/pool"));
    pool_ends = true;
    return rc;
}

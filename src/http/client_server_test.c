/* SPDX-License-Identifier: MIT */
/* The client and the server of this library, with each other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/http_client.h>
#include <weir/http_server.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

enum { LARGE = 300000 };

/* Answers with the method, the target's end and the length of the body; "/large" with much. */
static int handle(struct weir_http_request *r) {
    struct weir_http_answer a = {.size = sizeof a, .status = 200};
    static char large[LARGE];
    struct weir_view body = {0};
    char text[200];
    int rc = weir_http_body(r, 0, &body);
    if (rc < 0)
        return rc;
    if (strcmp(weir_http_target(r), "/away") == 0) {
        static const char *const headers[] = {"Location: /here", NULL};
        a.status = 308;
        a.headers = headers;
        return weir_http_reply_with(r, &a);
    }
    if (strcmp(weir_http_target(r), "/large") == 0) {
        rc = weir_http_begin(r, &a);
        for (int i = 0; i < 3 && rc == 0; i++)
            rc = weir_http_write(r, large, LARGE / 3);
        static const char *const trailers[] = {"Sum: 0", NULL};
        return rc == 0 ? weir_http_end(r, trailers) : rc;
    }
    const char *sum = weir_http_trailer(r, "Sum");
    snprintf(text, sizeof text, "%s %s %zu %s", weir_http_method(r), weir_http_target(r), body.len,
             sum != NULL ? sum : "none");
    return weir_http_reply(r, 200, text);
}

struct serves_args {
    struct weir_listener *l;
    struct weir_group *g;
};
static int serves(void *args) {
    struct serves_args *a = args;
    struct weir_http_server_options o = {.size = sizeof o, .handler = handle};
    return weir_http_serve(a->l, a->g, &o);
}

static ssize_t pieces(void *arg, void *buf, size_t size) {
    int *left = arg;
    memset(buf, 'x', 1000);
    return (*left)-- > 0 ? 1000 : 0;
}

static int asks(struct weir_http_client *c, const struct weir_http_call *call, const char *want) {
    struct weir_http_response *r = NULL;
    struct weir_view v;
    int rc = weir_http_fetch(c, call, &r);
    if (rc < 0)
        return rc;
    ssize_t n = weir_http_response_body(r, 0, &v);
    if (n >= 0 && want != NULL && strcmp(v.base, want) != 0)
        n = -EBADMSG;
    if (n >= 0 && want == NULL && (v.len != LARGE || !weir_http_response_trailer(r, "sum")))
        n = -EBADMSG;
    weir_http_response_close(&r);
    return n < 0 ? (int)n : 0;
}

static int converse(struct weir_http_client *c, const char *base) {
    static const char *const trailers[] = {"Sum: 7", NULL};
    char here[100], away[100], large[100];
    int left = 5;
    snprintf(here, sizeof here, "%s/here", base);
    snprintf(away, sizeof away, "%s/away", base);
    snprintf(large, sizeof large, "%s/large", base);
    struct weir_http_call get = {.size = sizeof get, .url = here};
    struct weir_http_call put = {.size = sizeof put, .url = away, .method = "PUT", .body = "abc",
                                 .len = 3};
    struct weir_http_call post = {.size = sizeof post, .url = here, .more = pieces, .arg = &left,
                                  .trailers = trailers, .expect_continue = true};
    struct weir_http_call much = {.size = sizeof much, .url = large};
    int rc = asks(c, &get, "GET /here 0 none");
    if (rc == 0)
        rc = asks(c, &put, "PUT /here 3 none");
    if (rc == 0)
        rc = asks(c, &post, "POST /here 5000 7");
    if (rc == 0)
        rc = asks(c, &much, NULL);
    return rc;
}

static int story(void *arg) {
    const char *where = *(const char **)arg;
    struct weir_http_client_options o = {.size = sizeof o};
    struct weir_http_client_counts counts = {.size = sizeof counts};
    struct weir_http_client *c = NULL;
    struct weir_listener *l = NULL;
    struct weir_group servers, peers;
    struct weir_scope s;
    char base[64] = "http://virtual";
    int rc = weir_listen(where, NULL, &l);
    if (rc < 0)
        return rc;
    if (strncmp(where, "tcp:", 4) == 0)
        snprintf(base, sizeof base, "http://127.0.0.1:%d", weir_listener_port(l));
    else
        o.connect = where;
    weir_group_open(&peers, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_INDEPENDENT);
    rc = weir_go(&servers, serves, .l = l, .g = &peers);
    if (rc == 0)
        rc = weir_http_client_new(&o, &c);
    weir_scope_enter(&s, WEIR_SECONDS(200)); /* if the server was struck, nobody answers */
    if (rc == 0)
        rc = converse(c, base);
    rc = weir_scope_leave(&s, rc);
    weir_http_client_counts(c, &counts);
    if (rc == 0 && counts.dialled != 1)
        rc = -EBADMSG; /* one connection carries all */
    weir_http_client_close(&c);
    weir_unlisten(&l);
    weir_group_cancel(&peers, "the story ends");
    (void)weir_group_close(&servers, 0);
    (void)weir_group_close(&peers, 0);
    return rc;
}

WEIR_TEST_BACKENDS(our_client_and_our_server_understand_each_other) {
    static const char *places[] = {"tcp://127.0.0.1:0", "mem:server"};
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_run(story, &places[i], &o), 0);
}

WEIR_TEST(together_they_leave_nothing_behind_wherever_one_is_disturbed) {
    static const char *place = "tcp://127.0.0.1:0";
    struct weir_sim_options o = {.size = sizeof o, .limit_ns = WEIR_SECONDS(300)};
    struct weir_story s = {.size = sizeof s, .name = "client and server", .fn = story,
                           .arg = &place, .options = &o};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 50);
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    assert_true(e.points > 50);
}

/* Segments are lost, late and cut anywhere. */
WEIR_TEST(they_understand_each_other_over_a_bad_line) {
    static const char *place = "tcp://127.0.0.1:0";
    struct weir_sim_options o = {.size = sizeof o, .loss = 30, .jitter_ns = WEIR_MILLISECONDS(5),
                                 .segment_max = 100, .piece_size = 64};
    struct weir_story s = {.size = sizeof s, .name = "a bad line", .fn = story, .arg = &place,
                           .options = &o, .last = 20};
    assert_int_equal(weir_explore_seeds(&s, NULL), 0);
}

/* SPDX-License-Identifier: MIT */
/* Conversations, run again and again: the N-th allocation fails, the N-th marked call is cancelled,
 * or the N-th op is struck. Nothing may be left; what comes is a whole answer or an error. */
#include <weir/testing.h>

#include "http/client_test_util.h"

static ssize_t thrice(void *arg, void *buf, size_t size) {
    int *left = arg;
    int rc = weir_sleep(MS(1));
    if (rc < 0 || *left == 0)
        return rc;
    (*left)--;
    memset(buf, 'x', 1000);
    return 1000;
}

static int read_all(struct weir_http_response **take_r, const char *body) {
    struct weir_view v;
    ssize_t n = weir_http_response_body(*take_r, 0, &v);
    if (n >= 0 && (v.len != strlen(body) || memcmp(v.base, body, v.len) != 0))
        n = -EBADMSG;
    weir_http_response_close(take_r);
    return n < 0 ? (int)n : 0;
}

static int fetch(struct weir_http_client *c, const struct weir_http_call *call, const char *body) {
    struct weir_http_response *r = NULL;
    int rc = weir_http_fetch(c, call, &r);
    return rc < 0 ? rc : read_all(&r, body);
}

struct side_args {
    struct weir_http_client *c;
    const char *url;
};
static int side(void *args) {
    struct side_args *a = args;
    struct weir_http_call call = {.size = sizeof call, .url = a->url};
    return fetch(a->c, &call, "side");
}

static void set_scripts(struct world *w) {
    static const char *const first[] = {
        "<", ">HTTP/1.1 302 Go\r\nLocation: /b\r\nContent-Length: 4\r\n\r\ngone", "<",
        ">HTTP/1.1 103 Hints\r\n\r\n", ">" OK(5) "hello", "<",
        ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\nA: b\r\n\r\n",
        "<", ">" OK(4) "side", "<", ">" OK(4) "last", NULL};
    static const char *const second[] = {"<", ">" OK(4) "side", NULL};
    w->scripts[0] = first;
    w->scripts[1] = second;
}

/* A redirect, a body by function, two at once of which one waits, and one that is not read. */
static int converse(struct world *w) {
    struct weir_http_client_options o = {.size = sizeof o, .connections_max = 1};
    struct weir_http_client *c = NULL;
    struct weir_http_response *r = NULL;
    struct weir_group g;
    char url[128];
    int left = 3;
    snprintf(url, sizeof url, "%s/a", w->url);
    struct weir_http_call get = {.size = sizeof get, .url = url, .user = "u"};
    struct weir_http_call post = {.size = sizeof post, .url = url, .more = thrice, .arg = &left,
                                  .expect_continue = true};
    set_scripts(w);
    int rc = weir_http_client_new(&o, &c);
    if (rc < 0)
        return rc;
    rc = fetch(c, &get, "hello");
    if (rc == 0)
        rc = fetch(c, &post, "world");
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go(&g, side, .c = c, .url = url);
    if (rc == 0)
        rc = weir_yield();
    if (rc == 0 && (rc = weir_http_fetch(c, &get, &r)) == 0)
        weir_http_response_close(&r);
    rc = weir_group_close(&g, rc);
    weir_http_client_close(&c);
    return rc;
}

/* Within a scope, as every program that asks a server: a server whose accept was struck says
 * nothing. */
static int story(void *arg) {
    static struct world w;
    struct weir_scope s;
    w = (struct world){0};
    int rc = world_open(&w);
    weir_scope_enter(&s, WEIR_SECONDS(10));
    if (rc == 0)
        rc = converse(&w);
    rc = weir_scope_leave(&s, rc);
    world_close(&w);
    return rc;
}

static struct weir_story told(struct weir_sim_options *o) {
    o->size = sizeof *o;
    o->limit_ns = WEIR_SECONDS(100);
    return (struct weir_story){.size = sizeof(struct weir_story), .name = "a client", .fn = story,
                               .options = o};
}

WEIR_TEST(a_client_leaves_nothing_behind_wherever_it_is_cancelled) {
    struct weir_sim_options o = {0};
    for (int deferred = 0; deferred < 2; deferred++) {
        o.deferred = deferred;
        struct weir_story s = told(&o);
        struct weir_explored e;
        assert_int_equal(weir_explore_cancels(&s, &e), 0);
        assert_true(e.points > 50);
    }
}

WEIR_TEST(a_client_leaves_nothing_behind_whichever_allocation_fails) {
    struct weir_sim_options o = {0};
    struct weir_story s = told(&o);
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    assert_true(e.points > 50);
}

WEIR_TEST(a_client_leaves_nothing_behind_whichever_operation_fails) {
    static const enum weir_fault_effect effects[] = {WEIR_FAULT_ERROR, WEIR_FAULT_SHORT,
                                                     WEIR_FAULT_LATE};
    struct weir_sim_options o = {0};
    for (int i = 0; i < 3; i++) {
        struct weir_fault f = {.size = sizeof f, .effect = effects[i]};
        struct weir_story s = told(&o);
        struct weir_explored e;
        assert_int_equal(weir_explore_faults(&s, &f, &e), 0);
        assert_true(e.points > 20);
    }
}

WEIR_TEST(a_client_goes_the_same_way_under_each_seed) {
    struct weir_sim_options o = {.jitter_ns = WEIR_MILLISECONDS(1)};
    struct weir_story s = told(&o);
    s.last = 40;
    assert_int_equal(weir_explore_seeds(&s, NULL), 0);
}

/* SPDX-License-Identifier: MIT */
/* weir_http_drop: while a task is in weir_http_next, and within a request; and a cancel of
 * weir_http_next. */
#include <weir/http_log.h>

#include "http/http_test_util.h"

/* ---- a drop while a task waits for the next request ---- */

struct waits_args {
    struct weir_http *http;
    int *ret_rc;
};
static int waits(void *args) {
    struct waits_args *a = args;
    struct weir_http_request *r;
    *a->ret_rc = weir_http_next(a->http, &r);
    return 0;
}

/* begin: what the client has sent by then. */
static void drop_under_a_wait(const char *begin) {
    struct weir_http *http = NULL;
    struct weir_http_request *r;
    struct weir_stream *a, *b;
    struct weir_group g;
    char got[64];
    int rc = 1;
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_http_accept(&a, NULL, &http), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_write(b, begin, strlen(begin)), 0);
    assert_int_equal(weir_go(&g, waits, .http = http, .ret_rc = &rc), 0);
    assert_int_equal(weir_sleep(MS(1)), 0);
    assert_int_equal(weir_http_next(http, &r), -EBUSY);
    weir_http_drop(&http);
    assert_null(http);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(weir_read(b, got, sizeof got), 0);
    weir_close(&b);
}

static int drop_under_waits(void *arg) {
    drop_under_a_wait("");
    drop_under_a_wait("\r\n");
    drop_under_a_wait("GET / HTTP/1.1\r\n");
    return 0;
}

WEIR_TEST_BACKENDS(a_drop_ends_the_wait_for_the_next_request) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(drop_under_waits, NULL, &o), 0);
}

/* In the call, which lets others run, and waits for nothing yet. */
struct enters_args {
    struct weir_http *http;
    int before; /* calls before it */
    int *ret_rc;
    bool *entered;
};
static int enters(void *args) {
    struct enters_args *a = args;
    struct weir_http_request *r;
    for (int i = 0; i < a->before; i++)
        weir__breathe();
    *a->entered = true;
    *a->ret_rc = weir_http_next(a->http, &r);
    return 0;
}

static int drop_within_calls(void *arg) {
    enum { CALLS = 70 }; /* more than a task may make before others run */
    for (int before = 0; before < CALLS; before++) {
        struct weir_http *http = NULL;
        struct weir_stream *a, *b;
        struct weir_group g;
        bool entered = false;
        int rc = 1;
        assert_int_equal(weir_memory_pair(0, &a, &b), 0);
        assert_int_equal(weir_http_accept(&a, NULL, &http), 0);
        weir_group_open(&g, WEIR_INDEPENDENT);
        assert_int_equal(weir_go(&g, enters, .http = http, .before = before, .ret_rc = &rc,
                                 .entered = &entered), 0);
        while (!entered)
            assert_int_equal(weir_yield(), 0);
        weir_http_drop(&http);
        for (int i = 0; i < 1000 && rc == 1; i++)
            assert_int_equal(weir_sleep(MS(1)), 0);
        assert_int_equal(rc, -ECANCELED);
        weir_close(&b);
        assert_int_equal(weir_group_close(&g, 0), 0);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_drop_ends_a_call_that_lets_others_run) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(drop_within_calls, NULL, &o), 0);
}

/* The client reads nothing: the call finishes the request before by a 404, which finds no room. */
static int drop_under_a_send(void *arg) {
    struct weir_http *http = NULL;
    struct weir_http_request *r;
    struct weir_stream *a, *b;
    struct weir_group g;
    int rc = 1;
    assert_int_equal(weir_memory_pair(1000, &a, &b), 0);
    assert_int_equal(weir_http_accept(&a, NULL, &http), 0);
    assert_int_equal(weir_write(b, GET("/a") GET("/b"), 2 * strlen(GET("/a"))), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_int_equal(begin(r, 200, 0), 0);
    assert_int_equal(weir_http_write(r, big_bytes(), 8000), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, waits, .http = http, .ret_rc = &rc), 0);
    assert_int_equal(weir_sleep(MS(1)), 0);
    assert_int_equal(rc, 1);
    weir_http_drop(&http);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, -ECANCELED);
    weir_close(&b);
    return 0;
}

WEIR_TEST_BACKENDS(a_drop_ends_the_sending_of_the_answer_before) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(drop_under_a_send, NULL, &o), 0);
}

/* ---- a drop within a request ---- */

static struct weir_http_log entry_seen;
static int entries;

static void see_entry(const struct weir_http_log *entry, void *arg) {
    entry_seen = *entry;
    entries++;
    assert_string_equal(weir_http_target(entry->request), "/");
}

static int drop_within_requests(void *arg) {
    static const struct {
        int status, rc;
    } ends[] = {{0, 0}, {200, 0}, {200, -ECANCELED}}; /* no answer, a whole one, a part of one */
    struct weir_http_server_options o = {.size = sizeof o, .log = see_entry};
    for (int i = 0; i < 3; i++) {
        struct weir_http *http;
        struct weir_http_request *r;
        struct weir_stream *a, *b;
        entries = 0;
        assert_int_equal(weir_memory_pair(0, &a, &b), 0);
        assert_int_equal(weir_http_accept(&a, &o, &http), 0);
        assert_int_equal(weir_write(b, GET("/"), strlen(GET("/"))), 0);
        assert_int_equal(weir_http_next(http, &r), 1);
        if (i > 0)
            assert_int_equal(i == 1 ? weir_http_reply(r, 200, "ok") : begin(r, 200, 0), 0);
        weir_http_drop(&http);
        assert_int_equal(entries, 1);
        assert_int_equal(entry_seen.status, ends[i].status);
        assert_int_equal(entry_seen.rc, ends[i].rc);
        weir_close(&b);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_request_that_a_drop_ends_is_logged) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(drop_within_requests, NULL, &o), 0);
}

/* ---- a cancel while the rest of a body is thrown away ---- */

static int cancel_within_a_body(void *arg) {
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    struct weir_http *http = NULL;
    struct weir_http_request *r;
    struct weir_stream *a, *b;
    struct weir_scope s;
    char rest[1000];
    memset(rest, 'x', sizeof rest);
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_http_accept(&a, NULL, &http), 0);
    assert_int_equal(weir_write(b, head, sizeof head - 1), 0);
    assert_int_equal(weir_write(b, rest, 10), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_int_equal(weir_http_reply(r, 200, "not wanted\n"), 0);
    for (int i = 0; i < 2; i++) {
        weir_scope_enter(&s, MS(5));
        assert_int_equal(weir_scope_leave(&s, weir_http_next(http, &r)), -ETIME);
        assert_int_equal(weir_write(b, rest, i == 0 ? 500 : 490), 0);
    }
    assert_int_equal(weir_write(b, GET("/b"), strlen(GET("/b"))), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_string_equal(weir_http_target(r), "/b");
    weir_http_drop(&http);
    weir_close(&b);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancel_within_an_unwanted_body_leaves_the_next_request) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(cancel_within_a_body, NULL, &o), 0);
}

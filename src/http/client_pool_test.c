/* SPDX-License-Identifier: MIT */
/* Connections that requests share: limits, waiting in order, idle time, dead ones; and what is sent
 * again. */
#include "http/client_test_util.h"

static struct weir_http_client *client_with(struct weir_http_client_options o) {
    struct weir_http_client *c = NULL;
    o.size = sizeof o;
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    return c;
}

struct ask_args {
    struct weir_http_client *c;
    const char *url;
    int *rc, *order, number;
};
static int order_next;
static int ask(void *args) {
    struct ask_args *a = args;
    struct weir_http_call call = {.size = sizeof call, .url = a->url};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    int rc = weir_http_fetch(a->c, &call, &r);
    if (rc == 0)
        rc = (int)weir_http_response_body(r, 0, &v);
    weir_http_response_close(&r);
    *a->rc = rc;
    a->order[order_next++] = a->number;
    return 0;
}

static struct weir_stream *kept;

static int keep_stream(struct world *w, struct weir_stream **s) {
    kept = *s;
    return 0;
}

/* Something arrives while the program keeps the thread, so the loop has not seen it yet. */
HTTP_STORY(what_the_kernel_has_on_an_idle_connection_is_not_the_next_answer) {
    if (test_backend != NULL && strcmp(test_backend, "sim") == 0)
        return 0; /* the simulated network delivers later */
    struct weir_http_client *c = client_with((struct weir_http_client_options){0});
    SCRIPT(w, 0, "<", ">" OK(1) "a", "*", "<", ">" OK(1) "x");
    SCRIPT(w, 1, "<", ">" OK(1) "b", "*", "<", ">" OK(1) "x");
    SCRIPT(w, 2, "<", ">" OK(1) "c");
    w->hook = keep_stream;
    gets_by(c, at(w, "/"), 200, "a");
    assert_int_equal(weir_sleep(MS(1)), 0);
    assert_true(weir_try_write(kept, OK(1) "x", strlen(OK(1) "x")) > 0);
    gets_by(c, at(w, "/"), 200, "b");
    assert_int_equal(weir_sleep(MS(1)), 0);
    assert_int_equal(weir_shutdown(kept), 0);
    gets_by(c, at(w, "/"), 200, "c");
    assert_int_equal(w->connections, 3);
    assert_int_equal(counts_of(c).retries, 0);
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(requests_wait_for_a_connection_in_order) {
    struct weir_http_client *c =
        client_with((struct weir_http_client_options){.connections_per_origin = 1});
    char urls[6][512];
    int rc[6], order[6];
    struct weir_group g;
    SCRIPT(w, 0, "<", "z", ">" OK(1) "0", "<", "z", ">" OK(1) "1", "<", "z", ">" OK(1) "2", "<",
           "z", ">" OK(1) "3", "<", "z", ">" OK(1) "4", "<", "z", ">" OK(1) "5");
    order_next = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 6; i++) {
        snprintf(urls[i], sizeof urls[i], "%s/%d", w->url, i);
        assert_int_equal(weir_go(&g, ask, .c = c, .url = urls[i], .rc = &rc[i], .order = order,
                                 .number = i), 0);
        assert_int_equal(weir_yield(), 0);
    }
    assert_int_equal(weir_group_close(&g, 0), 0);
    for (int i = 0; i < 6; i++) {
        char line[32];
        snprintf(line, sizeof line, "GET /%d ", i);
        assert_true(has_asked(w, i, line));
        assert_int_equal(rc[i], 1);
        assert_int_equal(order[i], i);
    }
    assert_int_equal(w->connections, 1);
    assert_int_equal(counts_of(c).waiting, 0);
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(a_request_that_is_cancelled_while_it_waits_leaves_the_queue) {
    struct weir_http_client *c =
        client_with((struct weir_http_client_options){.connections_max = 1});
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL, *second = NULL;
    struct weir_scope s;
    SCRIPT(w, 0, "<", ">" OK(2) "hi", "<", ">" OK(2) "ho");
    assert_int_equal(weir_http_fetch(c, &call, &r), 0);
    weir_scope_enter(&s, MS(5));
    assert_int_equal(weir_scope_leave(&s, weir_http_fetch(c, &call, &second)), -ETIME);
    assert_int_equal(counts_of(c).waiting, 0);
    char two[2];
    assert_int_equal(weir_http_response_read(r, two, 2), 2);
    assert_int_equal(counts_of(c).idle, 1); /* at its end, not at its close */
    gets_by(c, at(w, "/"), 200, "ho");
    weir_http_response_close(&r);
    assert_int_equal(w->connections, 1);
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(an_idle_connection_makes_room_for_another_origin) {
    struct weir_http_client *c =
        client_with((struct weir_http_client_options){.connections_max = 1});
    char other[64];
    snprintf(other, sizeof other, "http://localhost:%d/", weir_listener_port(w->l));
    SCRIPT(w, 0, "<", ">" OK(1) "a");
    SCRIPT(w, 1, "<", ">" OK(1) "b");
    gets_by(c, at(w, "/"), 200, "a");
    gets_by(c, other, 200, "b");
    for (int i = 0; w->gone == 0 && i < 1000; i++)
        assert_int_equal(weir_sleep(MS(5)), 0);
    assert_int_equal(w->gone, 1);
    assert_int_equal(counts_of(c).connections, 1);
    weir_http_client_close(&c);
    return 0;
}

/* Its close would help nobody. */
HTTP_STORY(an_idle_connection_stays_while_the_limit_of_an_origin_is_what_is_met) {
    struct weir_http_client *c = client_with(
        (struct weir_http_client_options){.connections_max = 2, .connections_per_origin = 1});
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL, *second = NULL;
    struct weir_scope s;
    char other[64];
    snprintf(other, sizeof other, "http://localhost:%d/", weir_listener_port(w->l));
    SCRIPT(w, 0, "<", ">" OK(1) "a");
    SCRIPT(w, 1, "<", ">" OK(2) "b");
    gets_by(c, other, 200, "a");
    assert_int_equal(weir_http_fetch(c, &call, &r), 0);
    weir_scope_enter(&s, MS(5));
    assert_int_equal(weir_scope_leave(&s, weir_http_fetch(c, &call, &second)), -ETIME);
    assert_int_equal(counts_of(c).idle, 1);
    weir_http_response_close(&r);
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(an_idle_connection_is_closed_when_its_time_is_over) {
    struct weir_http_client *c = client_with((struct weir_http_client_options){.idle_ns = MS(20)});
    SCRIPT(w, 0, "<", ">" OK(1) "a");
    gets_by(c, at(w, "/"), 200, "a");
    assert_int_equal(counts_of(c).idle, 1);
    for (int i = 0; i < 200 && w->gone == 0; i++)
        assert_int_equal(weir_sleep(MS(5)), 0);
    assert_int_equal(counts_of(c).connections, 0);
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(without_idle_time_each_request_has_a_connection) {
    struct weir_http_client *c = client_with((struct weir_http_client_options){.idle_ns = -1});
    SCRIPT(w, 0, "<", ">" OK(1) "a");
    gets_by(c, at(w, "/"), 200, "a");
    gets_by(c, at(w, "/"), 200, "a");
    assert_int_equal(w->connections, 2);
    assert_true(has_asked(w, 0, "\r\nConnection: close\r\n"));
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(a_response_that_is_closed_early_gives_no_connection_back) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    SCRIPT(w, 0, "<", ">" OK(5) "he");
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(counts_of(NULL).connections, 1);
    weir_http_response_close(&r);
    assert_int_equal(counts_of(NULL).connections, 0);
    return 0;
}

HTTP_STORY(a_client_may_be_closed_before_its_response) {
    struct weir_http_client *c = client_with((struct weir_http_client_options){0});
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    SCRIPT(w, 0, "<", ">" OK(5) "he", "z", ">llo");
    assert_int_equal(weir_http_fetch(c, &call, &r), 0);
    weir_http_client_close(&c);
    assert_int_equal(weir_http_response_body(r, 0, &v), 5);
    weir_http_response_close(&r);
    for (int i = 0; w->gone == 0 && i < 1000; i++)
        assert_int_equal(weir_sleep(MS(5)), 0);
    assert_int_equal(w->gone, 1);
    return 0;
}

HTTP_STORY(a_close_of_the_client_ends_the_waits_for_a_connection) {
    struct weir_http_client *c =
        client_with((struct weir_http_client_options){.connections_max = 1});
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    struct weir_group g;
    int rc = 0, order[1];
    SCRIPT(w, 0, "<", ">" OK(5) "he");
    assert_int_equal(weir_http_fetch(c, &call, &r), 0);
    order_next = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, ask, .c = c, .url = call.url, .rc = &rc, .order = order), 0);
    assert_int_equal(weir_yield(), 0);
    weir_http_client_close(&c);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, WEIR_ECLOSED);
    weir_http_response_close(&r);
    return 0;
}

/* The server closes its idle connection in the moment in which the next request comes. */
static int stale(struct world *w, const struct weir_http_call *call) {
    struct weir_http_response *r = NULL;
    w->connections = w->asked_count = 0;
    SCRIPT(w, 0, "<", ">" OK(1) "a", "<", ".");
    SCRIPT(w, 1, "<", ">" OK(1) "b");
    gets(w, "/", 200, "a");
    int rc = weir_http_fetch(NULL, call, &r);
    if (rc == 0)
        rc = weir_http_response_status(r);
    weir_http_response_close(&r);
    return rc;
}

HTTP_STORY(a_request_on_a_connection_that_dies_is_sent_again_only_if_that_is_safe) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .method = "GET"};
    assert_int_equal(stale(w, &call), 200);
    assert_int_equal(w->connections, 2);
    call.method = "POST";
    assert_int_equal(stale(w, &call), WEIR_EEOF);
    assert_int_equal(w->connections, 1);
    call.idempotent = true;
    assert_int_equal(stale(w, &call), 200);
    call.method = "PUT";
    call.idempotent = false;
    assert_int_equal(stale(w, &call), 200);
    return 0;
}

HTTP_STORY(a_new_connection_that_dies_is_not_tried_again_unless_asked) {
    SCRIPT(w, 0, "<", ".");
    fails(w, "/", WEIR_EEOF, "before it answered");
    assert_int_equal(w->connections, 1);
    struct weir_http_client *c =
        client_with((struct weir_http_client_options){.retries = 3, .retry_ns = MS(1)});
    w->asked_count = w->connections = 0;
    SCRIPT(w, 0, "<", ".");
    SCRIPT(w, 1, "<", ">HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", "<",
           ">HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", "<", ">" OK(2) "hi");
    gets_by(c, at(w, "/"), 200, "hi");
    assert_int_equal(counts_of(c).retries, 3);
    assert_int_equal(w->asked_count, 4);
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(a_wait_that_the_server_asks_for_is_obeyed_within_bounds) {
    struct weir_http_client *c = client_with((struct weir_http_client_options){.retries = 3});
    SCRIPT(w, 0, "<", ">HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", "<",
           ">HTTP/1.1 503 Busy\r\nRetry-After: 61\r\nContent-Length: 2\r\n\r\nno");
    weir_ns from = weir_now();
    gets_by(c, at(w, "/"), 503, "no");
    assert_true(weir_now() - from >= WEIR_SECONDS(1));
    assert_int_equal(w->asked_count, 2);
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(a_refused_connection_is_tried_again_after_pauses) {
    struct weir_http_client *c =
        client_with((struct weir_http_client_options){.retries = 2, .retry_ns = MS(10)});
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .method = "POST"};
    struct weir_http_response *r = NULL;
    weir_unlisten(&w->l);
    weir_ns from = weir_now();
    assert_int_equal(weir_http_fetch(c, &call, &r), -ECONNREFUSED);
    assert_true(weir_now() - from >= MS(15));
    assert_int_equal(counts_of(c).retries, 2);
    assert_non_null(strstr(weir_error_message(-ECONNREFUSED), "POST http://"));
    assert_non_null(strstr(weir_error_message(-ECONNREFUSED), "/ (3 tries): "));
    assert_non_null(strstr(weir_error_message(-ECONNREFUSED), ": connection refused (ECONN"));
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(a_body_has_one_reader) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    SCRIPT(w, 0, "<", ">" OK(5) "he");
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    struct weir_scope s;
    weir_scope_enter(&s, MS(5));
    assert_int_equal(weir_scope_leave(&s, (int)weir_http_response_body(r, 0, &v)), -ETIME);
    char two[2];
    assert_int_equal(weir_http_response_read(r, two, 0), 0);
    weir_http_response_close(&r);
    return 0;
}

HTTP_STORY(a_whole_body_has_a_limit_and_goes_on_after_a_cancel) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    struct weir_scope s;
    SCRIPT(w, 0, "<", ">" OK(6) "abc", "z", "z", "z", "z", ">def", "<",
           ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "<",
           ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    weir_scope_enter(&s, MS(1));
    assert_int_equal(weir_scope_leave(&s, (int)weir_http_response_body(r, 0, &v)), -ETIME);
    assert_int_equal(weir_http_response_body(r, 6, &v), 6);
    assert_string_equal(v.base, "abcdef");
    weir_http_response_close(&r);
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_http_response_body(r, 5, &v), 5);
    assert_string_equal(v.base, "hello");
    weir_http_response_close(&r);
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_http_response_body(r, 4, &v), WEIR_ETOOBIG);
    assert_int_equal(weir_http_response_body(r, 4, &v), WEIR_ETOOBIG);
    weir_http_response_close(&r);
    assert_int_equal(counts_of(NULL).connections, 0);
    return 0;
}

HTTP_STORY(heads_without_end_meet_their_limit) {
    struct weir_http_client *c =
        client_with((struct weir_http_client_options){.head_max = 2000, .headers_max = 5});
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    static char hints[4096], many[512];
    hints[0] = many[0] = '>';
    for (size_t n = 1; n + 40 < sizeof hints;)
        n += (size_t)sprintf(hints + n, "HTTP/1.1 103 Early Hints\r\n\r\n");
    strcat(many, "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\n\r\n");
    static const char *const first[] = {"<", hints, NULL}, *const second[] = {"<", many, NULL};
    w->scripts[0] = first;
    w->scripts[1] = second;
    assert_int_equal(weir_http_fetch(c, &call, &r), WEIR_ETOOBIG);
    assert_int_equal(weir_http_fetch(c, &call, &r), WEIR_ETOOBIG);
    assert_non_null(strstr(weir_error_message(WEIR_ETOOBIG), "too many headers"));
    weir_http_client_close(&c);
    return 0;
}

/* Accept a connection, answer one request, and keep it. */
struct answers_args {
    struct weir_listener *l;
    struct weir_stream **ret_stream;
};
static int answers(void *args) {
    struct answers_args *a = args;
    struct weir_view v;
    int rc = weir_accept(a->l, a->ret_stream);
    if (rc < 0 || (rc = (int)find_text(*a->ret_stream, "\r\n\r\n", &v)) <= 0)
        return rc;
    weir_consume(*a->ret_stream, v.len);
    return weir_write(*a->ret_stream, OK(1) "a", strlen(OK(1) "a"));
}

/* In memory a write wakes the watcher at once, and it has not run when the next request comes. */
HTTP_STORY(a_connection_whose_end_was_not_looked_at_yet_is_not_used) {
    struct weir_http_client *c =
        client_with((struct weir_http_client_options){.connect = "mem:pool"});
    struct weir_stream *first = NULL, *second = NULL;
    struct weir_listener *l = NULL;
    struct weir_group g;
    assert_int_equal(weir_listen("mem:pool", NULL, &l), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, answers, .l = l, .ret_stream = &first), 0);
    gets_by(c, "http://h/", 200, "a");
    assert_int_equal(weir_go(&g, answers, .l = l, .ret_stream = &second), 0);
    assert_int_equal(weir_yield(), 0);
    assert_int_equal(counts_of(c).idle, 1);
    const char *extra = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    assert_int_equal(weir_try_write(first, extra, strlen(extra)), strlen(extra));
    gets_by(c, "http://h/", 200, "a");
    assert_non_null(second);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&first);
    weir_close(&second);
    weir_unlisten(&l);
    weir_http_client_close(&c);
    return 0;
}

/* ---- bytes that nobody asked for ---- */

enum { LONG = 40000 };

/* A long body, the end of which a reader takes from the kernel into its own memory, and another
 * answer behind it. */
static int two_answers(struct world *w, struct weir_stream **s) {
    static char text[LONG + 200];
    int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LONG);
    memset(text + n, 'x', LONG);
    strcpy(text + n + LONG, OK(5) "wrong");
    int rc = weir_write(*s, text, (size_t)n + LONG + strlen(OK(5) "wrong"));
    return rc < 0 ? rc : weir_sleep(MS(2));
}

HTTP_STORY(an_answer_that_nobody_asked_for_is_no_answer_to_the_next_request) {
    static char body[LONG];
    struct weir_http_client *c = client_with((struct weir_http_client_options){.idle_ns = 0});
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    ssize_t n;
    SCRIPT(w, 0, "<", "*", "<", ">" OK(4) "late");
    SCRIPT(w, 1, "<", ">" OK(5) "right");
    w->hook = two_answers;
    assert_int_equal(weir_http_fetch(c, &call, &r), 0);
    assert_int_equal(weir_sleep(MS(10)), 0); /* all of it has come */
    while ((n = weir_http_response_read(r, body, sizeof body)) > 0)
        ;
    assert_int_equal(n, 0);
    gets_by(c, at(w, "/"), 200, "right");
    weir_http_response_close(&r);
    weir_http_client_close(&c);
    return 0;
}

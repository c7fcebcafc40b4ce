/* SPDX-License-Identifier: MIT */
/* Clients that are slow, silent, or take nothing; the client that waits for 100 Continue; bodies
 * that no function reads; and how a server stops. In virtual time, for bounds are seconds. */
#include <weir/testing.h>

#include "http/http_test_util.h"

/* On the simulated backend, for each shape. */
#define SIM_STORY(sentence, ...)                                                                   \
    static void sentence##_set(struct weir_http_server_options *o) {                               \
        (void)o;                                                                                   \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    static int sentence##_told(struct world *w);                                                   \
    WEIR_TEST(sentence) {                                                                          \
        tell_simulated(sentence##_set, sentence##_told);                                           \
    }                                                                                              \
    static int sentence##_told(struct world *w)

static void tell_simulated(void (*set)(struct weir_http_server_options *o),
                           int (*story)(struct world *w)) {
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct telling t = {set, story, shape};
        struct weir_sim_options o = {.size = sizeof o};
        fprintf(stderr, "# %s\n", shape_names[shape]);
        assert_int_equal(weir_sim_run(tell, &t, &o), 0);
    }
}

static void say(struct weir_stream *s, const char *text) {
    assert_int_equal(weir_write(s, text, strlen(text)), 0);
}

/* What comes until the stream ends, and how long that took. */
static weir_ns read_for(struct weir_stream *s, char *buf, size_t size) {
    weir_ns since = weir_now();
    assert_true(raw_read_all(s, buf, size) >= 0);
    return weir_now() - since;
}

static void expect_within(weir_ns took, weir_ns least, weir_ns most) {
    if (took < least || took > most)
        fail_msg("it took %lld ms", (long long)(took / 1000000));
}

SIM_STORY(a_slow_head_gets_408, o->head_ns = WEIR_SECONDS(3)) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    for (int i = 0; i < 5; i++) { /* each byte comes in time, the whole does not */
        (void)weir_write(s, "GET /hello HTTP/1.1\r\n" + i, 1);
        weir_sleep(WEIR_SECONDS(1) / 2);
    }
    weir_ns took = read_for(s, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 408 ", 13), 0);
    assert_non_null(strstr(got, "Connection: close\r\n"));
    expect_within(took, MS(400), MS(600));
    weir_close(&s);
    return 0;
}

SIM_STORY(a_silent_client_is_closed_without_a_word, o->head_ns = WEIR_SECONDS(3)) {
    char got[64];
    struct weir_stream *s = raw_dial(w);
    weir_ns took = read_for(s, got, sizeof got);
    assert_string_equal(got, "");
    expect_within(took, WEIR_SECONDS(3), WEIR_SECONDS(3) + MS(100));
    weir_close(&s);
    return 0;
}

static const char *const all_proxies[] = {"0.0.0.0/0", NULL};

SIM_STORY(a_client_that_is_silent_behind_a_proxy_header_is_closed, o->head_ns = WEIR_SECONDS(3),
          o->proxies = all_proxies, o->proxy_protocol = true) {
    char got[64];
    struct weir_stream *s = raw_dial(w);
    say(s, "PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n");
    weir_ns took = read_for(s, got, sizeof got);
    assert_string_equal(got, "");
    expect_within(took, WEIR_SECONDS(3), WEIR_SECONDS(3) + MS(100));
    weir_close(&s);
    return 0;
}

SIM_STORY(an_idle_connection_is_closed, o->idle_ns = WEIR_SECONDS(7)) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    say(s, GET("/hello") "\r\n"); /* an empty line begins no request */
    weir_ns took = read_for(s, got, sizeof got);
    assert_string_equal(got, HELLO);
    expect_within(took, WEIR_SECONDS(7), WEIR_SECONDS(7) + MS(100));
    weir_close(&s);
    return 0;
}

SIM_STORY(a_busy_connection_is_not_idle, o->idle_ns = WEIR_SECONDS(2)) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    for (int i = 0; i < 5; i++) {
        weir_sleep(WEIR_SECONDS(3) / 2);
        say(s, GET("/hello"));
        raw_read_past(s, "hello\n", 1, got, sizeof got);
    }
    w->held = true;
    say(s, GET("/held")); /* its handler may take longer than any bound */
    weir_sleep(WEIR_SECONDS(30));
    w->held = false;
    raw_read_past(s, "let go\n", 1, got, sizeof got);
    expect_within(read_for(s, got, sizeof got), WEIR_SECONDS(2) - MS(10),
                  WEIR_SECONDS(2) + MS(100));
    weir_close(&s);
    return 0;
}

SIM_STORY(a_slow_body_gets_408, o->body_ns = WEIR_SECONDS(2), o->body_rate = 10) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    if (w->shape == ACCEPTS) {
        weir_close(&s);
        return 0; /* the caller answers */
    }
    say(s, "POST /by-bytes HTTP/1.1\r\n" LOCAL "Content-Length: 100\r\n\r\n");
    for (int i = 0; i < 4; i++) { /* 20 bytes allow 2 + 2 seconds in all */
        say(s, "12345");
        weir_sleep(WEIR_SECONDS(1) / 2);
    }
    weir_ns took = read_for(s, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 408 ", 13), 0);
    expect_within(took, WEIR_SECONDS(2) - MS(100), WEIR_SECONDS(2) + MS(200));
    assert_int_equal(w->shape == REACTS ? w->done_rc : w->body_rc, -ETIMEDOUT);
    weir_close(&s);
    return 0;
}

SIM_STORY(a_body_at_the_least_rate_is_read, o->body_ns = WEIR_SECONDS(2), o->body_rate = 10) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    say(s, "POST /by-bytes HTTP/1.1\r\n" LOCAL "Content-Length: 100\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        say(s, "12345");
        weir_sleep(WEIR_SECONDS(1) / 2);
    }
    raw_read_past(s, "counted\n", 1, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 200 ", 13), 0);
    assert_int_equal(w->body_len, 100);
    weir_close(&s);
    return 0;
}

SIM_STORY(a_client_that_takes_nothing_is_cut_off, o->send_ns = WEIR_SECONDS(4)) {
    struct weir_stream *s = raw_dial(w);
    say(s, GET("/big"));
    weir_sleep(WEIR_SECONDS(10));
    assert_int_equal(w->write_rc, -ETIMEDOUT);
    weir_close(&s);
    return 0;
}

SIM_STORY(a_slow_reader_is_waited_for, o->send_ns = WEIR_SECONDS(4)) {
    static char piece[100 << 10];
    struct weir_stream *s = raw_dial(w);
    size_t sum = 0;
    ssize_t n;
    say(s, "GET /big HTTP/1.1\r\n" LOCAL "Connection: close\r\n\r\n");
    while ((n = weir_read(s, piece, sizeof piece)) > 0) {
        sum += (size_t)n;
        weir_sleep(WEIR_SECONDS(1));
    }
    assert_int_equal(n, 0);
    assert_true(sum > big_len());
    weir_close(&s);
    return 0;
}

/* The client owes nothing while a function of the server's has its bytes. */
SIM_STORY(a_body_function_that_takes_long_makes_no_client_late, o->body_ns = WEIR_SECONDS(2)) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    say(s, "POST /ponders HTTP/1.1\r\n" LOCAL "Content-Length: 10\r\n\r\n");
    settle();
    say(s, "hello");
    settle();
    say(s, "there");
    assert_int_equal(weir_shutdown(s), 0);
    read_for(s, got, sizeof got);
    assert_string_equal(got, HELLO);
    weir_close(&s);
    return 0;
}

/* An empty line before a request, which old clients send behind a body, begins no request. */
SIM_STORY(an_empty_line_long_before_a_request_makes_it_no_later, o->head_ns = WEIR_SECONDS(3)) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    say(s, POST("/by-bytes", 5, "hello") "\r\n");
    weir_sleep(WEIR_SECONDS(10));
    say(s, "GET /hello HTTP/1.1\r\n");
    settle();
    say(s, LOCAL "\r\n");
    assert_int_equal(weir_shutdown(s), 0);
    read_for(s, got, sizeof got);
    assert_string_equal(got, TEXT_OK(8, "counted\n") HELLO);
    weir_close(&s);
    return 0;
}

/* ---- 100 Continue ---- */

#define EXPECTS(path)                                                                              \
    "POST " path " HTTP/1.1\r\n" LOCAL "Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n"

SIM_STORY(the_first_read_says_continue) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    say(s, EXPECTS("/by-bytes"));
    assert_int_equal(weir_read_exactly(s, got, 25), 0);
    assert_memory_equal(got, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    say(s, "hello");
    assert_int_equal(weir_shutdown(s), 0);
    read_for(s, got, sizeof got);
    assert_string_equal(got, TEXT_OK(8, "counted\n"));
    weir_close(&s);
    return 0;
}

SIM_STORY(an_answer_instead_of_continue_closes) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    say(s, EXPECTS("/unread"));
    read_for(s, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 200 ", 13), 0);
    assert_non_null(strstr(got, "Connection: close\r\n"));
    weir_close(&s);
    return 0;
}

SIM_STORY(a_body_that_came_needs_no_continue) {
    expect_answers(w, EXPECTS("/by-bytes") "hello" GET("/hello"), TEXT_OK(8, "counted\n") HELLO);
    expect_answers(w, "POST /by-bytes HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
                      "hello",
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                   "Content-Length: 8\r\nConnection: close\r\n\r\ncounted\n");
    return 0;
}

/* ---- bodies that nobody reads ---- */

SIM_STORY(an_unread_body_is_thrown_away) {
    expect_answers_cut(w, POST("/unread", 5, "hello") GET("/hello"),
                       TEXT_OK(11, "not wanted\n") HELLO);
    expect_answers_cut(w, POST_CHUNKED("/unread", "5\r\nGET /\r\n0\r\n\r\n") GET("/hello"),
                       TEXT_OK(11, "not wanted\n") HELLO);
    return 0;
}

SIM_STORY(too_much_unread_body_closes, o->drain_max = 10) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    say(s, POST("/unread", 11, "hello"));
    read_for(s, got, sizeof got);
    assert_non_null(strstr(got, "Connection: close\r\n"));
    weir_close(&s);
    s = raw_dial(w);
    say(s, POST_CHUNKED("/unread", "b\r\nhello there\r\n") GET("/hello"));
    read_for(s, got, sizeof got);
    assert_string_equal(got, TEXT_OK(11, "not wanted\n"));
    weir_close(&s);
    return 0;
}

/* ---- stopping ---- */

SIM_STORY(a_server_that_stops_finishes_what_runs) {
    char got[1024];
    if (w->shape == ACCEPTS)
        return 0;
    struct weir_stream *runs = raw_dial(w), *idle = raw_dial(w), *begins = raw_dial(w);
    w->held = true;
    say(idle, GET("/hello"));
    raw_read_past(idle, "hello\n", 1, got, sizeof got);
    say(runs, GET("/held") GET("/hello"));
    say(begins, "GET /hello HTTP/1.1\r\n");
    settle();
    weir_ns since = weir_now();
    weir_unlisten(&w->l);
    assert_true(raw_read_all(idle, got, sizeof got) == 0);
    assert_true(weir_now() - since < MS(10));
    say(begins, LOCAL "\r\n");
    assert_true(raw_read_all(begins, got, sizeof got) > 0);
    assert_non_null(strstr(got, "Connection: close\r\n"));
    w->held = false;
    assert_true(raw_read_all(runs, got, sizeof got) > 0);
    assert_non_null(strstr(got, "Connection: close\r\n\r\nlet go\n"));
    weir_close(&runs);
    weir_close(&idle);
    weir_close(&begins);
    assert_int_equal(weir_group_close(&w->servers, 0), 0);
    weir_group_open(&w->servers, WEIR_TOGETHER);
    assert_int_equal(w->served_rc, 0);
    return 0;
}

/* Its handler has returned, but the client has not yet taken all that it wrote. */
SIM_STORY(a_server_that_stops_sends_the_end_of_an_answer) {
    static char got[4 << 20];
    if (w->shape == ACCEPTS)
        return 0;
    struct weir_stream *s = raw_dial(w);
    w->held = true;
    say(s, GET("/fills"));
    while (!w->filled)
        assert_int_equal(weir_sleep(MS(1)), 0);
    w->held = false;
    settle(); /* it returns, and its end waits for room */
    weir_unlisten(&w->l);
    settle();
    ssize_t n = raw_read_all(s, got, sizeof got);
    assert_true(n > (ssize_t)w->written);
    assert_string_equal(got + n - 5, "0\r\n\r\n");
    weir_close(&s);
    return 0;
}

SIM_STORY(what_runs_too_long_is_cut_off, o->drain_ns = WEIR_SECONDS(2)) {
    char got[1024];
    if (w->shape == ACCEPTS)
        return 0;
    struct weir_stream *s = raw_dial(w);
    w->held = true;
    say(s, GET("/held"));
    settle();
    weir_ns since = weir_now();
    weir_unlisten(&w->l);
    assert_int_equal(weir_group_close(&w->servers, 0), 0);
    expect_within(weir_now() - since, WEIR_SECONDS(2), WEIR_SECONDS(2) + MS(100));
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    assert_int_equal(strncmp(got, "HTTP/1.1 503 ", 13), 0);
    weir_close(&s);
    weir_group_open(&w->servers, WEIR_TOGETHER);
    return 0;
}

SIM_STORY(a_cancel_of_the_group_cuts_all) {
    char got[1024];
    struct weir_scope shield;
    struct weir_stream *s = raw_dial(w), *idle = raw_dial(w);
    w->held = true;
    say(s, GET("/held"));
    settle();
    weir_group_cancel(&w->clients, "enough"); /* this task opened it, and is in its scope */
    weir_shield_enter(&shield, WEIR_SECONDS(60));
    assert_true(raw_read_all(idle, got, sizeof got) <= 0);
    (void)raw_read_all(s, got, sizeof got);
    weir_scope_leave(&shield, 0);
    if (w->shape != ACCEPTS) {
        assert_int_equal(strncmp(got, "HTTP/1.1 503 ", 13), 0);
        assert_int_equal(weir_group_close(&w->servers, 0), -ECANCELED);
        weir_group_open(&w->servers, WEIR_TOGETHER);
        assert_int_equal(w->served_rc, -ECANCELED);
    }
    weir_close(&s);
    weir_close(&idle);
    return 0;
}

/* ---- pipelining ---- */

/* The answers to two requests of one piece leave in one send; a handler that suspends holds none of
 * those before it up. */
SIM_STORY(answers_of_one_turn_leave_together) {
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    w->held = true;
    say(s, GET("/hello") GET("/hello") GET("/held"));
    settle();
    raw_read_past(s, "hello\n", 2, got, sizeof got);
    w->held = false;
    raw_read_past(s, "let go\n", 1, got, sizeof got);
    weir_close(&s);
    return 0;
}

/* The client reads nothing until the kernel's buffers are full of answers. */
SIM_STORY(a_thousand_pipelined_requests_wait_for_their_reader) {
    static char got[1 << 20];
    enum { COUNT = 3000 };
    struct weir_stream *s = raw_dial(w);
    for (int i = 0; i < COUNT; i++) {
        weir_ns since = weir_now();
        struct weir_scope scope;
        weir_scope_enter(&scope, MS(5));
        int rc = weir_scope_leave(&scope, weir_write(s, GET("/hello"), strlen(GET("/hello"))));
        if (rc < 0)
            break; /* both sides are full */
        assert_true(weir_now() - since < WEIR_SECONDS(1));
    }
    size_t len = 0;
    ssize_t n;
    struct weir_scope scope;
    weir_scope_enter(&scope, MS(50));
    while ((n = weir_read(s, got + len, sizeof got - 1 - len)) > 0)
        len += (size_t)n;
    weir_scope_leave(&scope, (int)n);
    got[len] = '\0';
    int answers = 0;
    for (const char *at = got; (at = strstr(at, "\r\n\r\nhello\n")) != NULL; at++)
        answers++;
    assert_int_equal(answers, w->requests);
    assert_true(answers > 100);
    weir_close(&s);
    return 0;
}

/* The end of what it wrote arrives, although its handler is suspended and the kernel's buffer was
 * full. */
SIM_STORY(what_was_written_arrives_while_its_handler_waits) {
    static char piece[100 << 10];
    struct weir_stream *s = raw_dial(w);
    struct weir_scope scope;
    size_t sum = 0;
    ssize_t n = 0;
    w->held = true;
    say(s, GET("/fills"));
    while (!w->filled)
        assert_int_equal(weir_sleep(MS(1)), 0);
    size_t wire = w->written + w->written / 5000 * strlen("1388\r\n\r\n");
    assert_true(weir_read_until(s, '\n', piece, sizeof piece) > 0);
    while (weir_read_until(s, '\n', piece, sizeof piece) > 2)
        ;
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    while (sum < wire && (n = weir_read(s, piece, sizeof piece)) > 0)
        sum += (size_t)n;
    weir_scope_leave(&scope, 0);
    assert_int_equal(sum, wire);
    w->held = false;
    weir_close(&s);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Answers that break off: what was sent before them arrives, and no client can take them for
 * whole. */
#include <weir/http_log.h>
#include <weir/option.h>

#include "http/http_test_util.h"

/* More than the server reads in one piece: the rest lies unread in its kernel. */
static void send_junk(struct weir_stream *s) {
    static char junk[256 << 10];
    memset(junk, 'x', sizeof junk);
    (void)weir_try_write(s, junk, sizeof junk);
}

/* A close with unread bytes is a reset, and a reset takes with it what the server's kernel has not
 * yet sent. */
HTTP_STORY(the_answers_before_a_broken_one_reach_a_client_that_is_slow) {
    struct weir_stream *s = raw_dial(w);
    size_t size = big_len() + 4096;
    char *got = weir__alloc(size);
    w->goes_on = true;
    assert_int_equal(weir_write(s, GET("/big") GET("/pieces/short"),
                                strlen(GET("/big") GET("/pieces/short"))), 0);
    send_junk(s);
    assert_int_equal(weir_read_exactly(s, got, big_len() / 2), 0);
    assert_int_equal(weir_sleep(MS(50)), 0); /* the server ends meanwhile, if it can */
    ssize_t rest = raw_read_all(s, got + big_len() / 2, size - big_len() / 2);
    assert_true(rest > 0);
    size_t len = big_len() / 2 + (size_t)rest;
    assert_int_equal(w->write_rc, 0);
    assert_true(len > big_len() + 11);
    assert_memory_equal(got + len - 11, "hello there", 11);
    weir__free(got);
    weir_close(&s);
    return 0;
}

/* The end of such an answer is the end of the connection. */
HTTP_STORY(an_answer_without_a_length_that_breaks_off_is_a_reset) {
    static const char breaks[] = "GET /breaks HTTP/1.0\r\n\r\n";
    static const char whole[] = "GET /pieces HTTP/1.0\r\n\r\n";
    char got[512];
    assert_true(raw_exchange(w, whole, strlen(whole), 100, got, sizeof got) > 0);
    assert_non_null(strstr(got, "\r\n\r\nhello there"));
    assert_int_equal(raw_exchange(w, breaks, strlen(breaks), 100, got, sizeof got), -ECONNRESET);
    if (w->shape != ACCEPTS) /* its task drops the connection, with what is unsent */
        assert_non_null(strstr(got, "\r\n\r\nhalf"));
    return 0;
}

HTTP_STORY(a_client_that_resets_while_it_is_sent_to_disturbs_no_other) {
    char got[4096];
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, GET("/big/pieces"), strlen(GET("/big/pieces"))), 0);
    assert_int_equal(weir_read_exactly(s, got, sizeof got), 0);
    assert_int_equal(weir_stream_option(s, WEIR_STREAM_RESET, 1), 0);
    weir_close(&s);
    for (int i = 0; i < 200 && w->write_rc == 0; i++)
        settle();
    assert_true(w->write_rc == -ECONNRESET || w->write_rc == -EPIPE);
    expect_answers(w, GET("/hello"), HELLO);
    return 0;
}

/* ---- within a body ---- */

static int logged_status, logged_count;

static void note_status(const struct weir_http_log *entry, void *arg) {
    logged_status = entry->status;
    logged_count++;
}

HTTP_STORY(a_client_that_says_within_a_body_that_it_sends_no_more_gets_400,
           o->log = note_status) {
    static const char text[] =
        "POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 10\r\n\r\nhello";
    char got[512];
    logged_count = 0;
    if (w->shape == ACCEPTS)
        return 0; /* its task decides */
    assert_true(raw_exchange(w, text, strlen(text), 1000, got, sizeof got) > 0);
    assert_int_equal(strncmp(got, "HTTP/1.1 400 ", 13), 0);
    settle();
    assert_int_equal(logged_status, 400);
    assert_int_equal(logged_count, 1);
    assert_int_equal(w->done, w->shape == REACTS);
    return 0;
}

HTTP_STORY(a_request_whose_server_is_cancelled_within_its_body_is_logged_as_503,
           o->log = note_status) {
    static const char text[] =
        "POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 10\r\n\r\nhello";
    char got[512];
    struct weir_stream *s = raw_dial(w);
    if (w->shape != ACCEPTS) {
        assert_int_equal(weir_write(s, text, strlen(text)), 0);
        settle();
        logged_count = 0;
        weir_group_cancel(&w->clients, "the story");
        (void)raw_read_all(s, got, sizeof got); /* the cancel is the story's own too */
        assert_int_equal(logged_count, 1);
        assert_int_equal(logged_status, 503);
    }
    weir_close(&s);
    return 0;
}

/* Functions of a reactive server, of which the first has begun an answer. */
static int begin_at_once(struct weir_http_request *r, void *state) {
    return begin(r, 200, 0);
}
static int write_on(struct weir_http_request *r, void *state, struct weir_view v) {
    return weir_http_write(r, v.base, v.len);
}

struct react_at_once_args {
    struct world *w;
};
static int react_at_once(void *args) {
    struct world *w = ((struct react_at_once_args *)args)->w;
    struct weir_http_reactive f = {.size = sizeof f, .request = begin_at_once, .body = write_on};
    return weir_http_react(w->l, &w->clients, &f, NULL);
}

static int leave_under_an_answer(void *arg) {
    static const char text[] =
        "POST /echo HTTP/1.0\r\nContent-Length: 10\r\n\r\nhello";
    struct world w = {.shape = REACTS};
    char got[512];
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&w.servers, WEIR_TOGETHER);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &w.l), 0);
    snprintf(w.url, sizeof w.url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
    assert_int_equal(weir_go(&w.servers, react_at_once, .w = &w), 0);
    weir_yield();
    assert_int_equal(raw_exchange(&w, text, strlen(text), 1000, got, sizeof got), -ECONNRESET);
    assert_non_null(strstr(got, "\r\n\r\nhello"));
    world_close(&w, true);
    return 0;
}

WEIR_TEST_BACKENDS(an_answer_that_ends_with_its_clients_body_does_not_seem_whole) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(leave_under_an_answer, NULL, &o), 0);
}

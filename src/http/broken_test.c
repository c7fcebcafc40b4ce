/* SPDX-License-Identifier: MIT */
/* Answers that break off: what was sent before them arrives, and no client can take them for
 * whole. */
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

/* SPDX-License-Identifier: MIT */
/* What a server remembers of heads, so as not to parse the same fields again: the requests of one
 * client never change what those of another one mean. */
#include "http/http_test_util.h"

enum { OFTEN = 2 * HTTP_UNKNOWN_SHARE };

/* Heads with more fields than are remembered. */
static void send_large(struct world *w, const char *line) {
    char text[2000], got[4096];
    for (int i = 0; i < OFTEN; i++) {
        int n = snprintf(text, sizeof text, "GET /hello HTTP/1.1\r\nHost: b\r\n%s"
                         "X: %01200d\r\n\r\n", line, i);
        assert_true(raw_exchange(w, text, (size_t)n, 1 << 20, got, sizeof got) > 0);
        assert_non_null(strstr(got, "hello"));
    }
}

HTTP_STORY(a_request_that_closes_does_so_whatever_others_send) {
    static const char closes[] = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                                 GET("/hello");
    char got[4096];
    for (int i = 0; i < 2; i++) {
        assert_true(raw_exchange(w, closes, strlen(closes), 1 << 20, got, sizeof got) > 0);
        const char *answer = strstr(got, "hello");
        assert_non_null(strstr(got, "Connection: close\r\n"));
        assert_null(strstr(answer + 1, "hello"));
        send_large(w, "");
    }
    return 0;
}

HTTP_STORY(a_request_that_goes_on_does_so_whatever_others_send) {
    for (int i = 0; i < 2; i++) {
        expect_answers(w, GET("/hello") GET("/hello"), HELLO HELLO);
        send_large(w, "Connection: close\r\n");
    }
    return 0;
}

/* The first bytes of what is remembered change while the head is not whole. */
HTTP_STORY(a_bad_host_is_refused_whatever_others_send_meanwhile) {
    char got[1024];
    static const char rest[] = "ET /hello HTTP/1.1\r\nHost: x:1:80\r\n\r\n";
    expect_answers(w, "GET /hello HTTP/1.1\r\nHost: a.b:80\r\n\r\n", HELLO);
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, "G", 1), 0);
    settle();
    expect_answers(w, "GET /hello HTTP/1.1\r\nHost: x:1\r\n\r\n", HELLO);
    assert_int_equal(weir_write(s, rest, strlen(rest)), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    assert_int_equal(strncmp(got, "HTTP/1.1 400 ", 13), 0);
    weir_close(&s);
    return 0;
}

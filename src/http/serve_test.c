/* SPDX-License-Identifier: MIT */
/* Conversations with a server of each shape: answers whole and in pieces, bodies of every framing,
 * connections that are kept, pipelined requests, cut into pieces of every size. */
#include <weir/http_log.h>

#include "http/http_test_util.h"

HTTP_STORY(a_request_is_answered) {
    expect_answers_cut(w, GET("/hello"), HELLO);
    assert_int_equal(w->requests, 3);
    return 0;
}

HTTP_STORY(pipelined_requests_are_answered_in_order) {
    expect_answers_cut(w, GET("/hello") GET("/slow") GET("/hello") GET("/nothing"),
                       HELLO TEXT_OK(5, "slow\n") HELLO
                       "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
                       "Content-Length: 10\r\n\r\nNot Found\n");
    return 0;
}

HTTP_STORY(bodies_of_each_framing_come_whole) {
    expect_answers_cut(w, POST("/echo", 5, "hello") POST("/echo", 0, "") GET("/hello"),
                       "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nhello"
                       "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 0\r\n\r\n" HELLO);
    expect_answers_cut(
        w, POST_CHUNKED("/echo", "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX-Trailer:  t \r\n\r\n"),
        "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nhello");
    assert_string_equal(w->trailer, "t");
    expect_answers_cut(w, POST("/by-bytes", 11, "hello there") GET("/hello"),
                       TEXT_OK(8, "counted\n") HELLO);
    return 0;
}

HTTP_STORY(trailers_are_there_behind_the_body) {
    expect_answers(w, POST_CHUNKED("/by-bytes", "3\r\nhel\r\n0\r\nX-Trailer: t\r\n\r\n"),
                   TEXT_OK(8, "counted\n"));
    assert_string_equal(w->trailer, "t");
    assert_int_equal(w->body_len, 3);
    return 0;
}

HTTP_STORY(an_answer_is_sent_in_pieces) {
    expect_answers_cut(w, GET("/pieces/length") GET("/hello"),
                       "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello there" HELLO);
    expect_answers_cut(w, GET("/pieces") GET("/hello"),
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                       "6\r\n there\r\n0\r\nX-Sum: 11\r\n\r\n" HELLO);
    expect_answers(w, "GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET("/hello"),
                   "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello there");
    expect_answers(w, GET("/begin/204") GET("/hello"), "HTTP/1.1 204 No Content\r\n\r\n" HELLO);
    return 0;
}

/* Who drops a connection of his own drops what is unsent. */
HTTP_STORY(an_answer_that_is_not_whole_breaks_the_connection) {
    bool drops = w->shape == ACCEPTS;
    expect_answers(w, GET("/pieces/short") GET("/hello"),
                   drops ? "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello"
                         : "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello there");
    expect_answers(w, GET("/pieces/long") GET("/hello"),
                   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    return 0;
}

HTTP_STORY(the_answers_before_a_broken_one_arrive) {
    if (w->shape == ACCEPTS)
        return 0;
    expect_answers(w, GET("/hello") GET("/breaks") GET("/hello"),
                   HELLO "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    return 0;
}

HTTP_STORY(head_gets_the_head_alone) {
    expect_answers_cut(w, "HEAD /hello HTTP/1.1\r\n" LOCAL "\r\nHEAD /pieces HTTP/1.1\r\n" LOCAL
                          "\r\n" GET("/hello"),
                       TEXT_OK(6, "")
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" HELLO);
    return 0;
}

HTTP_STORY(a_status_without_a_body_has_none) {
    expect_answers(w, GET("/status/204") GET("/status/304") GET("/status/205") GET("/hello"),
                   "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n"
                   "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n" HELLO);
    return 0;
}

#define CLOSED(len, body)                                                                          \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " #len          \
    "\r\nConnection: close\r\n\r\n" body

HTTP_STORY(a_connection_is_kept_as_its_client_wishes) {
    expect_answers(w, "GET /hello HTTP/1.1\r\n" LOCAL "Connection: foo, Close\r\n\r\n"
                      GET("/hello"),
                   CLOSED(6, "hello\n"));
    expect_answers(w, "GET /hello HTTP/1.0\r\n\r\n" GET("/hello"), CLOSED(6, "hello\n"));
    expect_answers(w,
                   "GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
                   "GET /hello HTTP/1.0\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                   "Content-Length: 6\r\nConnection: keep-alive\r\n\r\nhello\n"
                   CLOSED(6, "hello\n"));
    expect_answers(w, GET("/last") GET("/hello"), CLOSED(5, "last\n"));
    return 0;
}

HTTP_STORY(the_last_request_of_a_connection_says_so, o->requests_max = 2) {
    expect_answers(w, GET("/hello") GET("/hello") GET("/hello"), HELLO CLOSED(6, "hello\n"));
    return 0;
}

HTTP_STORY(an_empty_line_before_a_request_is_skipped) {
    expect_answers_cut(w, "\r\n" GET("/hello") "\r\n" POST("/echo", 1, "x") "\r\n",
                       HELLO "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 1\r\n\r\nx");
    return 0;
}

HTTP_STORY(what_a_handler_returns_becomes_an_answer) {
    static const char failed[] = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; "
                                 "charset=utf-8\r\nContent-Length: 22\r\n\r\n"
                                 "Internal Server Error\n";
    char want[1024];
    if (w->shape == ACCEPTS)
        return 0; /* there is no handler */
    snprintf(want, sizeof want, "%s%s" HELLO, failed, failed);
    expect_answers(w, GET("/fails") GET("/more") GET("/hello"), want);
    return 0;
}

HTTP_STORY(the_head_has_what_the_options_say, o->name = "weir test") {
    expect_answers(w, GET("/hello"),
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                   "Server: weir test\r\nContent-Length: 6\r\n\r\nhello\n");
    return 0;
}

HTTP_STORY(large_answers_arrive_whole) {
    static const char *const paths[] = {GET("/big"), GET("/big/pieces")};
    for (size_t i = 0; i < 2; i++) {
        struct weir_stream *s = raw_dial(w);
        size_t size = big_len() + (1 << 20);
        char *got = weir__alloc(size);
        assert_int_equal(weir_write(s, paths[i], strlen(paths[i])), 0);
        weir_sleep(MS(5)); /* until the kernel's buffers are full */
        assert_int_equal(weir_shutdown(s), 0);
        ssize_t n = raw_read_all(s, got, size);
        assert_true(n > (ssize_t)big_len());
        char *body = strstr(got, "\r\n\r\n") + 4;
        if (i == 0)
            assert_memory_equal(body, big_bytes(), big_len());
        else
            assert_string_equal(got + n - 5, "0\r\n\r\n");
        assert_int_equal(w->write_rc, 0);
        weir__free(got);
        weir_close(&s);
    }
    return 0;
}

/* Else the handler would send events for ever to a client that wants none, also to one that has
 * left. */
HTTP_STORY(a_head_request_for_events_is_over_at_once) {
    static const char two[] = "HEAD /events HTTP/1.1\r\n" LOCAL "\r\n" GET("/hello");
    struct weir_scope bound;
    w->goes_on = true;
    weir_scope_enter(&bound, WEIR_SECONDS(5));
    expect_answers(w, two, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                           "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n" HELLO);
    return weir_scope_leave(&bound, 0);
}

/* ---- a bound in memory ---- */

static size_t largest_block;

static void note_block(const struct weir_http_log *entry, void *arg) {
    const struct weir_http *h = weir__http_request_of(entry->request, "test")->http;
    if (h->out != NULL && h->out->size > largest_block)
        largest_block = h->out->size;
}

HTTP_STORY(the_answers_to_many_requests_of_one_piece_leave_in_blocks, o->log = note_block) {
    enum { REQUESTS = 1000 };
    static char text[REQUESTS * 64], got[REQUESTS * 128];
    size_t len = 0, count = 0;
    for (int i = 0; i < REQUESTS; i++)
        len += (size_t)snprintf(text + len, 64, "%s", GET("/begin/204"));
    largest_block = 0;
    raw_exchange(w, text, len, len, got, sizeof got);
    for (const char *at = got; (at = strstr(at, "HTTP/1.1 204 ")) != NULL; at++)
        count++;
    assert_int_equal(count, REQUESTS);
    assert_in_range(largest_block, 1, 2 * HTTP_OUT_SIZE);
    return 0;
}

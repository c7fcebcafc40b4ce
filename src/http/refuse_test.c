/* SPDX-License-Identifier: MIT */
/* What the server refuses: each request that could be read in two ways, or breaks a rule, with the
 * right status and a closed connection. What stands behind it is never taken for a request. */
#include <weir/http_log.h>

#include "http/http_test_util.h"

/* How a refusal begins, and that it says that the connection closes; nothing may follow it. */
static void expect_refused(struct world *w, const char *text, size_t len, int status) {
    static const size_t steps[] = {1 << 20, 1, 7};
    char got[4096], want[32];
    int n = snprintf(want, sizeof want, "HTTP/1.1 %d ", status);
    for (size_t i = 0; i < 3; i++) {
        ssize_t rc = raw_exchange(w, text, len, steps[i], got, sizeof got);
        bool is_whole = strncmp(got, want, (size_t)n) == 0 &&
                        strstr(got, "Connection: close\r\n") != NULL &&
                        strstr(got + n, "HTTP/1.1 ") == NULL;
        if (rc <= 0 || !is_whole)
            fail_msg("%zd for \"%s\" in pieces of %zu: %s", rc, text, steps[i], got);
    }
}

#define AFTER GET("/hello")

static const struct {
    const char *text;
    int status;
} heads[] = {
    /* where the message ends: RFC 9112 6 */
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 5, 5\r\n\r\nhello", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: +5\r\n\r\nhello", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: -5\r\n\r\nhello", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 0x5\r\n\r\nhello", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: \r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 99999999999999999999\r\n\r\n", 413},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 1048577\r\n\r\n", 413},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"
     "\r\n\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Transfer-Encoding: identity\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Transfer-Encoding: xchunked\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" LOCAL "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.0\r\n" LOCAL "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    /* lines: RFC 9112 2.2, 5 */
    {"GET /hello HTTP/1.1\nHost: localhost\n\n", 400},
    {"GET /hello HTTP/1.1\r\nHost: localhost\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\nHost: localhost\r\n\n", 400},
    {"GET /hello HTTP/1.1\rHost: localhost\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" LOCAL "X: a\r b\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" LOCAL "X: a\r\n b\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n " LOCAL "\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" LOCAL "X : a\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" LOCAL ": a\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" LOCAL "X\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" LOCAL "X: \x01\r\n\r\n", 400},
    {"\r\n\r\nGET /hello HTTP/1.1\r\n" LOCAL "\r\n", 400},
    /* the request line: RFC 9112 3 */
    {"GET  /hello HTTP/1.1\r\n" LOCAL "\r\n", 400},
    {"GET /hello  HTTP/1.1\r\n" LOCAL "\r\n", 400},
    {"GET /hel lo HTTP/1.1\r\n" LOCAL "\r\n", 400},
    {"GET\t/hello HTTP/1.1\r\n" LOCAL "\r\n", 400},
    {"GET hello HTTP/1.1\r\n" LOCAL "\r\n", 400},
    {"GET * HTTP/1.1\r\n" LOCAL "\r\n", 400},
    {"GET /hello\r\n\r\n", 400},
    {"GET /hello HTTP/2.0\r\n" LOCAL "\r\n", 505},
    {"GET /hello http/1.1\r\n" LOCAL "\r\n", 400},
    {"GET /hello HTTP/1.11\r\n" LOCAL "\r\n", 400},
    {"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", 501},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    /* Host: RFC 9112 3.2 */
    {"GET /hello HTTP/1.1\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" LOCAL LOCAL "\r\n", 400},
    {"GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
    /* Expect: RFC 9110 10.1.1 */
    {"POST /echo HTTP/1.1\r\n" LOCAL "Content-Length: 5\r\nExpect: miracles\r\n\r\nhello", 417},
    /* another protocol */
    {"\x16\x03\x01\x02\x05\x01\x00", 400},
    {"SSH-2.0-OpenSSH_9.2\r\n", 400},
};

HTTP_STORY(a_head_that_breaks_a_rule_is_refused) {
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char text[512];
        int n = snprintf(text, sizeof text, "%s" AFTER, heads[i].text);
        expect_refused(w, text, (size_t)n, heads[i].status);
    }
    assert_int_equal(w->requests, 0); /* no handler saw one */
    return 0;
}

HTTP_STORY(a_body_that_breaks_a_rule_is_refused, o->body_max = 100) {
    static const struct {
        const char *chunks;
        int status;
    } cases[] = {
        {"x\r\n", 400}, {"\r\n", 400}, {"5 \r\nhello\r\n0\r\n\r\n", 400},
        {"5\nhello\r\n0\r\n\r\n", 400}, {"5\r\nhelloX0\r\n\r\n", 400},
        {"5\r\nhello\n0\r\n\r\n", 400}, {"-5\r\nhello\r\n0\r\n\r\n", 400},
        {"0x5\r\nhello\r\n0\r\n\r\n", 400}, {"10000000000000005\r\nhello\r\n0\r\n\r\n", 413},
        {"65\r\n", 413}, {"5;a=\n\r\nhello\r\n0\r\n\r\n", 400},
        {"0\r\nX Y: z\r\n\r\n", 400}, {"0\r\n X: z\r\n\r\n", 400}, {"0\r\nX: y\n\r\n", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        int n = snprintf(text, sizeof text, "%s%s" AFTER, POST_CHUNKED("/by-bytes", ""),
                         cases[i].chunks);
        if (w->shape == ACCEPTS)
            continue; /* the caller answers */
        expect_refused(w, text, (size_t)n, cases[i].status);
    }
    return 0;
}

HTTP_STORY(a_head_beyond_its_limits_is_refused, o->head_max = 400, o->line_max = 120,
           o->headers_max = 5) {
    char text[1024];
    int n = snprintf(text, sizeof text, "GET /%0120d HTTP/1.1\r\n" LOCAL "\r\n", 1);
    expect_refused(w, text, (size_t)n, 414);
    n = snprintf(text, sizeof text, "GET /hello HTTP/1.1\r\n" LOCAL "X: %0120d\r\n\r\n", 1);
    expect_refused(w, text, (size_t)n, 431);
    n = snprintf(text, sizeof text, "GET /hello HTTP/1.1\r\n" LOCAL "%s\r\n",
                 "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\n");
    expect_refused(w, text, (size_t)n, 431);
    n = snprintf(text, sizeof text, "GET /hello HTTP/1.1\r\n" LOCAL
                 "A: %0100d\r\nB: %0100d\r\nC: %0100d\r\nD: %0100d\r\n\r\n", 1, 1, 1, 1);
    expect_refused(w, text, (size_t)n, 431);
    expect_answers_cut(w, GET("/hello"), HELLO);
    return 0;
}

/* The refusal goes out although the client still sends; it is no reset. */
HTTP_STORY(a_client_that_sends_on_can_read_its_refusal) {
    struct weir_stream *s = raw_dial(w);
    char got[1024];
    assert_int_equal(weir_write(s, "GET / HTTP/9.9\r\n", 16), 0);
    for (int i = 0; i < 20; i++) {
        weir_sleep(MS(1));
        if (weir_write(s, heads[0].text, strlen(heads[0].text)) < 0)
            break;
    }
    ssize_t n = raw_read_all(s, got, sizeof got);
    assert_true(n > 0);
    assert_int_equal(strncmp(got, "HTTP/1.1 505 ", 13), 0);
    weir_close(&s);
    return 0;
}

static weir_ns took_503;
static char client_503[32];

static void note_503(const struct weir_http_log *entry, void *arg) {
    if (entry->status != 503)
        return;
    took_503 = entry->took;
    snprintf(client_503, sizeof client_503, "%s", entry->client);
}

HTTP_STORY(too_many_clients_get_503, o->connections_max = 1, o->log = note_503) {
    char got[1024];
    if (w->shape == ACCEPTS)
        return 0; /* who accepts counts */
    struct weir_stream *first = raw_dial(w);
    assert_int_equal(weir_write(first, GET("/hello"), strlen(GET("/hello"))), 0);
    raw_read_past(first, "hello\n", 1, got, sizeof got);
    raw_exchange(w, GET("/hello"), strlen(GET("/hello")), 1000, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 503 ", 13), 0);
    assert_true(took_503 < WEIR_SECONDS(60)); /* not since the machine was started */
    assert_string_equal(client_503, "127.0.0.1");
    weir_close(&first);
    settle();
    expect_answers(w, GET("/hello"), HELLO);
    return 0;
}

HTTP_STORY(a_body_larger_than_its_reader_wants_is_413) {
    char got[1024];
    if (w->shape != SERVES)
        return 0;
    w->body_max = 4;
    raw_exchange(w, POST("/echo", 5, "hello") AFTER, strlen(POST("/echo", 5, "hello") AFTER), 1000,
                 got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 413 ", 13), 0);
    return 0;
}

static const char *const hosts[] = {"shop.example", "::1", NULL};

HTTP_STORY(another_host_is_misdirected, o->hosts = hosts) {
    expect_refused(w, GET("/hello"), strlen(GET("/hello")), 421);
    static const char other[] = "GET http://b.example/hello HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    expect_refused(w, other, strlen(other), 421);
    expect_answers(w, "GET /hello HTTP/1.1\r\nHost: Shop.Example.:8080\r\n\r\n"
                      "GET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"
                      "GET http://shop.example/hello HTTP/1.1\r\nHost: x\r\n\r\n",
                   HELLO HELLO "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8"
                   "\r\nContent-Length: 10\r\n\r\nNot Found\n");
    return 0;
}

HTTP_STORY(a_refusal_of_a_head_request_has_no_body, o->headers_max = 2) {
    static const char *const texts[] = {
        "HEAD / HTTP/1.1\r\n" LOCAL "A: 1\r\nB: 2\r\n\r\n", /* 431 */
        "HEAD / HTTP/1.1\r\n" LOCAL "Bad name: 1\r\n\r\n",   /* 400 */
        "HEAD / HTTP/1.1\r\n" LOCAL "Expect: what\r\nContent-Length: 1\r\n\r\nx"};
    for (size_t i = 0; i < 3; i++)
        for (size_t step = 1; step < 2000; step += 1000) {
            char got[512];
            raw_exchange(w, texts[i], strlen(texts[i]), step, got, sizeof got);
            assert_int_equal(strncmp(got, "HTTP/1.1 4", 10), 0);
            assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n");
        }
    return 0;
}

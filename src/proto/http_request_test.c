/* SPDX-License-Identifier: MIT */
/* What a user's function reads of a request, and how it answers; the connection is a pair of
 * streams in memory. */
#include "proto/http_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "base/alloc.h"
#include "test/runner.h"

static struct weir_stream *server, *client;

static struct weir_http_request *request(const char *text) {
    struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
    struct weir__http1 h;
    char copy[1000];
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &weir__http1_limits_default);
    int size = weir__http1_parse(&h, copy, strlen(copy));
    assert_true(size > 0);
    struct weir_http_request *r =
        weir__http_request_new(server, (void *)(uintptr_t)"arg", &h, copy, (size_t)size);
    memset(copy, '~', sizeof copy); /* it has its own */
    memset(headers, '~', sizeof headers);
    return r;
}

static int told(void *arg) {
    int (*story)(void) = *(int (**)(void))arg;
    assert_int_equal(weir_memory_pair(0, &server, &client), 0);
    int rc = story();
    weir_close(&server);
    weir_close(&client);
    return rc;
}

#define STORY(sentence)                                                                            \
    static int sentence##_told(void);                                                              \
    WEIR_TEST(sentence) {                                                                          \
        int (*story)(void) = sentence##_told;                                                      \
        assert_int_equal(weir_run(told, &story, NULL), 0);                                         \
    }                                                                                              \
    static int sentence##_told(void)

/* Send what the server wrote, and its end. */
static const char *answer(void) {
    static char text[4000];
    size_t len = 0;
    ssize_t n;
    assert_int_equal(weir_shutdown(server), 0);
    while ((n = weir_read(client, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return text;
}

STORY(a_request_is_read_in_its_parts) {
    const char *name = NULL, *value = NULL;
    struct weir_http_request *r = request("\r\nPOST /a%20b?c=d HTTP/1.1\r\nHost: x\r\n"
                                          "X-EMPTY:\r\nCookie: a=b\r\ncookie: \t c \t\r\n\r\n");
    assert_string_equal(weir_http_method(r), "POST");
    assert_string_equal(weir_http_target(r), "/a%20b?c=d");
    assert_string_equal(weir_http_peer(r), "memory");
    assert_string_equal(weir_http_arg(r), "arg");
    assert_string_equal(weir_http_header(r, "HOST"), "x");
    assert_string_equal(weir_http_header(r, "x-empty"), "");
    assert_string_equal(weir_http_header(r, "cOOKIE"), "a=b");
    assert_null(weir_http_header(r, "Cook"));
    assert_null(weir_http_header(r, ""));
    assert_int_equal(weir_http_header_at(r, 1, &name, &value), 1);
    assert_string_equal(name, "X-EMPTY");
    assert_int_equal(weir_http_header_at(r, 3, &name, &value), 1);
    assert_string_equal(name, "cookie");
    assert_string_equal(value, "c");
    assert_int_equal(weir_http_header_at(r, 4, &name, &value), 0);
    assert_string_equal(value, "c");
    assert_false(weir_http_wants_websocket(r));
    weir__free(r);
    return 0;
}

STORY(a_wish_for_an_upgrade_is_known_in_each_spelling) {
    static const struct {
        const char *lines;
        bool wants;
    } cases[] = {{"Upgrade: websocket\r\n", true},
                 {"upgrade: h2c, WebSocket\r\n", true},
                 {"Upgrade: h2c\r\nUpgrade:websocket\r\n", true},
                 {"Upgrade: websockets\r\n", false},
                 {"Connection: websocket\r\n", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "GET / HTTP/1.0\r\n%s\r\n", cases[i].lines);
        struct weir_http_request *r = request(text);
        assert_int_equal(weir_http_wants_websocket(r), cases[i].wants);
        weir__free(r);
    }
    return 0;
}

STORY(a_text_is_answered_as_plain_text) {
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(weir_http_reply(r, 200, "all is well\n"), 0);
    assert_string_equal(answer(), "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                                  "Connection: close\r\nContent-Length: 12\r\n\r\nall is well\n");
    weir__free(r);
    return 0;
}

STORY(without_a_text_the_phrase_is_the_body) {
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(weir_http_reply(r, 404, NULL), 0);
    assert_non_null(strstr(answer(), "Content-Length: 10\r\n\r\nNot Found\n"));
    weir__free(r);
    return 0;
}

STORY(a_status_without_a_body_is_sent_without_one) {
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(weir_http_reply(r, 204, "text"), -EINVAL);
    assert_int_equal(weir_http_reply(r, 204, NULL), 0);
    assert_string_equal(answer(), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    weir__free(r);
    return 0;
}

STORY(a_head_request_gets_the_headers_alone) {
    struct weir_http_request *r = request("HEAD / HTTP/1.0\r\n\r\n");
    assert_int_equal(weir_http_reply(r, 200, "body"), 0);
    const char *text = answer();
    assert_non_null(strstr(text, "Content-Length: 4\r\n\r\n"));
    assert_null(strstr(text, "body"));
    weir__free(r);
    return 0;
}

STORY(an_answer_in_full_has_headers_and_any_bytes) {
    static const char *const headers[] = {"Content-Type: application/x", "X: a", "X: b", NULL};
    struct weir_http_answer a = {.size = sizeof a, .status = 503, .headers = headers,
                                 .body = "a\0b", .len = 3};
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(weir_http_reply_with(r, &a), 0);
    const char *text = answer();
    assert_non_null(strstr(text, "503 Service Unavailable\r\nContent-Type: application/x\r\n"
                                 "X: a\r\nX: b\r\nConnection: close\r\nContent-Length: 3\r\n"));
    assert_memory_equal(strstr(text, "\r\n\r\n") + 4, "a\0b", 4);
    weir__free(r);
    return 0;
}

STORY(what_cannot_be_sent_is_refused_and_another_answer_may_follow) {
    static const char *const evil[] = {"A: b\r\nEvil: c", NULL};
    static const char *const ours[] = {"Upgrade: x", NULL};
    struct weir_http_answer a = {.size = sizeof a, .status = 200, .headers = evil};
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(weir_http_reply(r, 101, NULL), -EINVAL);
    assert_int_equal(weir_http_reply(r, 199, NULL), -EINVAL);
    assert_int_equal(weir_http_reply(r, 600, NULL), -EINVAL);
    assert_int_equal(weir_http_reply(r, -1, NULL), -EINVAL);
    assert_int_equal(weir_http_reply_with(r, &a), -EINVAL);
    a.headers = ours;
    assert_int_equal(weir_http_reply_with(r, &a), -EINVAL);
    assert_non_null(strstr(weir_error_message(-EINVAL), "\"Upgrade: x\""));
    weir__alloc_fail_at(1);
    assert_int_equal(weir_http_reply(r, 200, NULL), -ENOMEM);
    weir__alloc_fail_at(0);
    assert_int_equal(weir_http_reply(r, 200, ""), 0);
    assert_non_null(strstr(answer(), "Content-Length: 0\r\n\r\n"));
    weir__free(r);
    return 0;
}

STORY(a_json_text_is_answered_as_json) {
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(weir_http_reply_json(r, 204, "{}"), -EINVAL); /* it has no body */
    assert_int_equal(weir_http_reply_json(r, 201, "{\"a\":1}"), 0);
    assert_string_equal(answer(), "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
                                  "Connection: close\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
    weir__free(r);
    return 0;
}

STORY(a_redirect_names_the_place_and_no_text_adds_a_header) {
    static const char *const cases[][2] = {
        {"/done", "/done"},
        {"https://[::1]:80/a;b/?c=%20d&e=+#f", "https://[::1]:80/a;b/?c=%20d&e=+#f"},
        {"/a b\xc3\xa9", "/a%20b%C3%A9"},
        {"/x\r\nSet-Cookie: a=b", "/x%0D%0ASet-Cookie:%20a=b"},
        {"/\\evil.example/<\">^`{|}\x7f\t", "/%5Cevil.example/%3C%22%3E%5E%60%7B%7C%7D%7F%09"},
    };
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char head[200];
        struct weir_stream *before = server, *was = client;
        assert_int_equal(weir_memory_pair(0, &server, &client), 0);
        struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
        assert_int_equal(weir_http_redirect(r, statuses[i], cases[i][0]), 0);
        const char *text = answer();
        assert_int_equal(atoi(text + 9), statuses[i]);
        snprintf(head, sizeof head, "\r\nLocation: %s\r\nContent-Type: text/plain", cases[i][1]);
        assert_ptr_equal(strstr(text, head), strchr(text, '\r'));
        weir__free(r);
        weir_close(&server);
        weir_close(&client);
        server = before;
        client = was;
    }
    return 0;
}

STORY(what_is_no_redirect_is_refused_and_another_answer_may_follow) {
    static const int statuses[] = {200, 300, 304, 305, 306, 309, 404, 0, -1};
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        assert_int_equal(weir_http_redirect(r, statuses[i], "/"), -EINVAL);
    assert_int_equal(weir_http_redirect(r, 303, ""), -EINVAL);
    for (size_t n = 1; n <= 2; n++) {
        weir__alloc_fail_at(n);
        assert_int_equal(weir_http_redirect(r, 303, "/"), -ENOMEM);
        weir__alloc_fail_at(0);
    }
    assert_int_equal(weir_http_redirect(r, 303, "/"), 0);
    assert_int_equal(weir_http_redirect(r, 303, "/"), -EALREADY);
    assert_non_null(strstr(answer(), "\r\n\r\nSee Other\n"));
    weir__free(r);
    return 0;
}

STORY(a_second_answer_is_refused) {
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(weir_http_reply(r, 200, "first"), 0);
    assert_int_equal(weir_http_reply(r, 500, "second"), -EALREADY);
    assert_null(strstr(answer(), "second"));
    weir__free(r);
    return 0;
}

STORY(an_answer_that_was_cut_short_cannot_be_begun_again) {
    static char much[100 << 10]; /* more than the pair holds */
    struct weir_http_answer a = {.size = sizeof a, .status = 200, .body = much, .len = sizeof much};
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    int rc = weir_http_reply_with(r, &a);
    assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    assert_int_equal(weir_http_reply(r, 500, NULL), -EALREADY);
    assert_int_equal(r->reply, HTTP_ANSWERING);
    weir__free(r);
    return 0;
}

STORY(a_cancel_before_the_answer_sends_nothing) {
    struct weir_http_request *r = request("GET / HTTP/1.0\r\n\r\n");
    struct weir_scope s;
    weir_scope_enter(&s, 0);
    assert_int_equal(weir_http_reply(r, 200, "late"), -ETIME);
    assert_int_equal(weir_http_reply_with(r, &(struct weir_http_answer){.status = 200}), -ETIME);
    weir_scope_leave(&s, 0);
    assert_int_equal(weir_http_reply(r, 200, "in time"), 0);
    assert_non_null(strstr(answer(), "in time"));
    weir__free(r);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Bodies of requests: whole, by function, announced first, refused in the middle. */
#include "http/client_test_util.h"

static struct weir_http_response *fetched(struct weir_http_client *c,
                                          const struct weir_http_call *call, int status) {
    struct weir_http_response *r = NULL;
    int rc = weir_http_fetch(c, call, &r);
    if (rc < 0)
        fail_msg("%s", weir_error_message(rc));
    assert_int_equal(weir_http_response_status(r), status);
    return r;
}

static void sends(struct weir_http_client *c, const struct weir_http_call *call, int status) {
    struct weir_http_response *r = fetched(c, call, status);
    struct weir_view v;
    assert_true(weir_http_response_body(r, 0, &v) >= 0);
    weir_http_response_close(&r);
}

/* Gives pieces of `piece` bytes until `left` is 0, then `end`. */
struct source {
    size_t left, piece;
    int end, asked;
    bool rests;
    const char *trailers[2];
};

static ssize_t more(void *arg, void *buf, size_t size) {
    struct source *s = arg;
    size_t len = s->piece < s->left ? s->piece : s->left;
    int rc = s->rests ? weir_sleep(MS(1)) : 0;
    s->asked++;
    if (rc < 0)
        return rc;
    if (len == 0) {
        s->trailers[0] = "Sum: 7";
        return s->end;
    }
    len = len < size ? len : size;
    memset(buf, 'x', len);
    s->left -= len;
    return (ssize_t)len;
}

static int read_nothing(struct world *w, struct weir_stream **s) {
    return weir_sleep(WEIR_NEVER);
}

static size_t flooded;

static int flood(struct world *w, struct weir_stream **s) {
    static const char piece[16000];
    int rc;
    while ((rc = weir_write(*s, piece, sizeof piece)) == 0)
        flooded += sizeof piece;
    return rc;
}

HTTP_STORY(a_body_in_memory_has_a_length) {
    static const char *const headers[] = {"Content-Type: text/plain", "User-Agent: me", NULL};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .body = "hello",
                                  .len = 5, .headers = headers};
    SCRIPT(w, 0, "<", ">" OK(0), "<", ">" OK(0), "<", ">" OK(0));
    sends(NULL, &call, 200);
    assert_true(has_asked(w, 0, "POST / HTTP/1.1\r\n"));
    assert_true(has_asked(w, 0, "\r\nContent-Length: 5\r\n\r\nhello"));
    assert_true(has_asked(w, 0, "\r\nUser-Agent: me\r\n"));
    assert_false(has_asked(w, 0, "User-Agent: weir"));
    call.len = 0;
    call.method = "POST";
    sends(NULL, &call, 200);
    assert_true(has_asked(w, 1, "\r\nContent-Length: 0\r\n\r\n"));
    call.method = "DELETE";
    sends(NULL, &call, 200);
    assert_true(has_asked(w, 2, "DELETE / HTTP/1.1\r\n"));
    assert_false(has_asked(w, 2, "Content-Length"));
    assert_int_equal(w->connections, 1);
    return 0;
}

HTTP_STORY(a_body_by_function_is_sent_in_chunks_with_trailers) {
    struct source s = {.left = 100000, .piece = 3000, .rests = true};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = &s,
                                  .trailers = s.trailers};
    SCRIPT(w, 0, "<", ">" OK(2) "ok", "<", ">" OK(2) "on");
    sends(NULL, &call, 200);
    assert_true(has_asked(w, 0, "Transfer-Encoding: chunked\r\n"));
    assert_true(has_asked(w, 0, "\r\n\r\nbb8\r\nxxx"));
    assert_int_equal(w->body_len[0], 100000);
    gets(w, "/", 200, "on");
    assert_int_equal(w->connections, 1);
    return 0;
}

/* A server that believed them would see another end of the message. */
HTTP_STORY(trailers_that_say_where_a_message_ends_are_refused) {
    static const char *const bad[][2] = {{"Content-Length: 5"}, {"Transfer-Encoding: chunked"},
                                         {"Host: other"}, {"X: 1\r\nY: 2"}};
    SCRIPT(w, 0, "<", ">" OK(2) "ok");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct source s = {.left = 100, .piece = 100};
        struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more,
                                      .arg = &s, .trailers = bad[i]};
        struct weir_http_response *r = NULL;
        assert_int_equal(weir_http_fetch(NULL, &call, &r), -EINVAL);
        assert_null(r);
    }
    return 0;
}

HTTP_STORY(a_body_by_function_may_say_its_length_and_must_keep_it) {
    struct source s = {.left = 70000, .piece = 999};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = &s,
                                  .len = 70000};
    SCRIPT(w, 0, "<", ">" OK(2) "ok");
    sends(NULL, &call, 200);
    assert_true(has_asked(w, 0, "\r\nContent-Length: 70000\r\n"));
    assert_int_equal(w->body_len[0], 70000);
    for (int i = 0; i < 2; i++) {
        struct weir_http_response *r = NULL;
        SCRIPT(w, 1, "<", ">" OK(2) "ok");
        w->connections = 1;
        s = (struct source){.left = i == 0 ? 69999 : 70001, .piece = 999};
        assert_int_equal(weir_http_fetch(NULL, &call, &r), -EINVAL);
        assert_non_null(strstr(weir_error_message(-EINVAL), "of 70000"));
    }
    return 0;
}

HTTP_STORY(an_error_of_the_bodys_function_is_returned) {
    struct source s = {.left = 5000, .piece = 999, .end = WEIR_EUSER - 1};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = &s};
    struct weir_http_response *r = NULL;
    SCRIPT(w, 0, "<", ">" OK(0));
    assert_int_equal(weir_http_fetch(NULL, &call, &r), WEIR_EUSER - 1);
    s = (struct source){.left = 5000, .piece = 999, .end = -EPIPE};
    w->connections = 0;
    assert_int_equal(weir_http_fetch(NULL, &call, &r), -EPIPE);
    assert_null(r);
    assert_int_equal(counts_of(NULL).connections, 0);
    return 0;
}

HTTP_STORY(a_large_body_in_memory_is_sent_while_the_answer_is_awaited) {
    static char body[300000];
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .body = body,
                                  .len = sizeof body};
    SCRIPT(w, 0, "<", ">" OK(2) "ok", "<", ">" OK(2) "on");
    sends(NULL, &call, 200);
    assert_int_equal(w->body_len[0], sizeof body);
    gets(w, "/", 200, "on");
    assert_int_equal(w->connections, 1);
    return 0;
}

HTTP_STORY(a_refusal_in_the_middle_ends_the_sending) {
    struct source s = {.left = SIZE_MAX, .piece = 4000, .rests = true};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = &s};
    SCRIPT(w, 0, "?", ">HTTP/1.1 100 Continue\r\n\r\n", "z", "z", "z",
           ">HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nstop", "z", "z", "z", "z");
    struct weir_http_response *r = fetched(NULL, &call, 413);
    struct weir_view v;
    assert_int_equal(weir_http_response_body(r, 0, &v), 4);
    weir_http_response_close(&r);
    assert_int_equal(counts_of(NULL).connections, 0);
    assert_true(s.asked > 0);
    return 0;
}

HTTP_STORY(an_answer_that_a_reset_follows_is_not_lost) {
    struct source s = {.left = SIZE_MAX, .piece = 16000};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = &s};
    SCRIPT(w, 0, "?", ">HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n", "z", ".");
    struct weir_http_response *r = fetched(NULL, &call, 401);
    weir_http_response_close(&r);
    return 0;
}

HTTP_STORY(an_early_answer_of_success_does_not_end_the_sending) {
    struct source s = {.left = 200000, .piece = 4000, .rests = true};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = &s};
    SCRIPT(w, 0, "?", ">HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "z", "z", ">ok");
    struct weir_http_response *r = fetched(NULL, &call, 200);
    struct weir_view v;
    assert_int_equal(weir_http_response_body(r, 0, &v), 2);
    weir_http_response_close(&r);
    assert_int_equal(s.left, 0);
    return 0;
}

/* What was asked first, and what came of it. */
static void expects(struct world *w, struct source *s, int status) {
    struct weir_http_client_options o = {.size = sizeof o, .continue_ns = MS(50)};
    struct weir_http_client *c = NULL;
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = s,
                                  .len = s->left, .expect_continue = true};
    w->asked_count = w->connections = 0;
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    sends(c, &call, status);
    assert_true(has_asked(w, 0, "\r\nExpect: 100-continue\r\n"));
    weir_http_client_close(&c);
}

HTTP_STORY(a_body_that_is_announced_waits_for_the_servers_consent) {
    struct source s = {.left = 500, .piece = 100};
    SCRIPT(w, 0, "?", ">HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", "z", ">" OK(0));
    expects(w, &s, 200);
    assert_int_equal(s.left, 0);
    s = (struct source){.left = 500, .piece = 100};
    SCRIPT(w, 0, "?", ">HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    expects(w, &s, 403);
    assert_int_equal(s.asked, 0);
    s = (struct source){.left = 500, .piece = 100};
    SCRIPT(w, 0, "<", ">" OK(0)); /* says nothing before it has the body */
    expects(w, &s, 200);
    assert_int_equal(s.left, 0);
    s = (struct source){.left = 500, .piece = 100};
    SCRIPT(w, 0, "?", ">HTTP/1.1 417 What?\r\nContent-Length: 0\r\n\r\n");
    SCRIPT(w, 1, "<", ">" OK(0));
    expects(w, &s, 200);
    assert_false(has_asked(w, 1, "Expect"));
    return 0;
}

enum { FLOOD = 256 << 20, ECHOED = 3000000 };

/* Answers each piece of a body with the same bytes, and takes no more before that is sent. */
static int echo(struct world *w, struct weir_stream **s) {
    static char piece[16000];
    for (size_t left = ECHOED; left > 0;) {
        ssize_t n = weir_read(*s, piece, left < sizeof piece ? left : sizeof piece);
        if (n <= 0)
            return n < 0 ? (int)n : WEIR_EEOF;
        int rc = weir_write(*s, piece, (size_t)n);
        if (rc < 0)
            return rc;
        left -= (size_t)n;
    }
    return 0;
}

HTTP_STORY(a_server_may_answer_with_much_while_it_reads) {
    uint8_t *body = malloc(ECHOED);
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .body = body,
                                  .len = ECHOED};
    struct weir_scope deadline;
    struct weir_view v = {0};
    for (size_t i = 0; i < ECHOED; i++)
        body[i] = (uint8_t)(i * 7 + (i >> 8));
    w->hook = echo;
    SCRIPT(w, 0, "?", ">HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", "*", "<", ">" OK(0));
    weir_scope_enter(&deadline, WEIR_SECONDS(20));
    struct weir_http_response *r = fetched(NULL, &call, 200);
    assert_int_equal(weir_http_response_body(r, 0, &v), ECHOED);
    assert_int_equal(weir_scope_leave(&deadline, 0), 0);
    assert_memory_equal(v.base, body, ECHOED);
    weir_http_response_close(&r);
    gets(w, "/again", 200, "");
    assert_int_equal(w->connections, 1);
    free(body);
    return 0;
}

HTTP_STORY(an_answer_that_comes_while_the_body_is_sent_is_kept_up_to_a_bound) {
    struct source s = {.left = FLOOD, .piece = 16000};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = &s};
    struct weir_http_response *r = NULL;
    struct weir_scope deadline;
    w->hook = flood; /* and reads nothing meanwhile */
    flooded = 0;
    SCRIPT(w, 0, "?", ">HTTP/1.1 200 OK\r\n\r\n", "*");
    weir_scope_enter(&deadline, MS(500));
    assert_int_equal(weir_scope_leave(&deadline, weir_http_fetch(NULL, &call, &r)), -ETIME);
    assert_true(flooded < FLOOD / 2); /* the rest of it lies in the kernel's buffers */
    return 0;
}

HTTP_STORY(what_came_while_the_body_was_sent_is_read_as_any_other) {
    struct source s = {.left = 300, .piece = 100, .rests = true};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = &s};
    struct weir_view v;
    char one[2];
    SCRIPT(w, 0, "?", ">HTTP/1.1 200 OK\r\nConnection: close\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nSum: 9\r\n\r\n");
    struct weir_http_response *r = fetched(NULL, &call, 200);
    assert_null(weir_http_response_trailer(r, "Sum"));
    assert_int_equal(weir_http_response_read(r, one, 1), 1);
    assert_int_equal(weir_http_response_body(r, 0, &v), 2);
    assert_string_equal(v.base, "bc");
    assert_string_equal(weir_http_response_trailer(r, "Sum"), "9");
    weir_http_response_close(&r);
    s = (struct source){.left = 300, .piece = 100, .rests = true};
    SCRIPT(w, 1, "?", ">HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "~");
    r = fetched(NULL, &call, 200);
    assert_int_equal(weir_http_response_read(r, one, 2), 2);
    assert_int_equal(weir_http_response_read(r, one, 2), 1);
    assert_int_equal(weir_http_response_read(r, one, 2), WEIR_EEOF);
    assert_non_null(strstr(weir_error_message(WEIR_EEOF), "6 bytes before its end"));
    weir_http_response_close(&r);
    return 0;
}

HTTP_STORY(a_body_is_asked_for_only_as_fast_as_the_server_reads) {
    struct source s = {.left = FLOOD, .piece = 16000};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = more, .arg = &s};
    struct weir_http_response *r = NULL;
    struct weir_scope deadline;
    w->hook = read_nothing;
    SCRIPT(w, 0, "?", "*");
    weir_scope_enter(&deadline, MS(100));
    assert_int_equal(weir_scope_leave(&deadline, weir_http_fetch(NULL, &call, &r)), -ETIME);
    assert_true(s.left > FLOOD / 2);
    return 0;
}

HTTP_STORY(a_server_sends_only_as_fast_as_the_body_is_read) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    w->hook = flood;
    flooded = 0;
    SCRIPT(w, 0, "<", ">HTTP/1.1 200 OK\r\n\r\n", "*");
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_true(flooded < FLOOD / 2);
    weir_http_response_close(&r);
    return 0;
}

HTTP_STORY(what_cannot_be_sent_is_refused_before_anything_is) {
    static const char *const headers[][2] = {
        {"Content-Length: 5"}, {"transfer-encoding: chunked"}, {"Host: x"}, {"Connection: close"},
        {"Upgrade: x"}, {"Expect: y"}, {"Proxy-Authorization: z"}, {"no colon"},
        {"A: b\r\nC: d"}, {" A: b"}, {": b"}};
    struct weir_http_response *r = NULL;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"),
                                      .headers = headers[i]};
        assert_int_equal(weir_http_fetch(NULL, &call, &r), -EINVAL);
    }
    static const struct weir_http_call bad[] = {
        {.url = "http://h/", .method = "GET /"}, {.url = "http://h/", .method = "CONNECT"},
        {.url = "http://h/", .method = ""}, {.url = "http://h/", .host = "a b"},
        {.url = "http://h/", .user = "a:b"},
        {.url = "http://h/", .method = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(weir_http_fetch(NULL, &bad[i], &r), -EINVAL);
    static const char *const urls[] = {"h/x", "ftp://h/", "http://u:p@h/", "http://h:0/",
                                       "http:///", "http://h/a b", ""};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        assert_int_equal(weir_http_get(urls[i], &r), WEIR_EURL);
    assert_int_equal(w->connections, 0);
    return 0;
}

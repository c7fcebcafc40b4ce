/* SPDX-License-Identifier: MIT */
/* Answers as servers give them, plain and odd: what is taken, what is refused, and when a
 * connection is used again. */
#include "http/client_test_util.h"

HTTP_STORY(a_page_is_fetched_in_one_line) {
    struct weir_http_response *r = NULL;
    struct weir_view v;
    SCRIPT(w, 0, "<", ">" OK(5) "hello");
    assert_int_equal(weir_http_get(at(w, "/page?x=1"), &r), 0);
    assert_int_equal(weir_http_response_status(r), 200);
    assert_string_equal(weir_http_response_reason(r), "OK");
    assert_string_equal(weir_http_response_header(r, "content-LENGTH"), "5");
    assert_null(weir_http_response_header(r, "Content"));
    const char *name = NULL, *value = NULL;
    assert_int_equal(weir_http_response_header_at(r, 0, &name, &value), 1);
    assert_string_equal(name, "Content-Length");
    assert_string_equal(value, "5");
    assert_int_equal(weir_http_response_header_at(r, 1, &name, &value), 0);
    assert_int_equal(weir_http_response_length(r), 5);
    assert_string_equal(weir_http_response_url(r), at(w, "/page?x=1"));
    assert_int_equal(weir_http_response_body(r, 0, &v), 5);
    assert_string_equal(v.base, "hello");
    weir_http_response_close(&r);
    assert_null(r);
    assert_true(has_asked(w, 0, "GET /page?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
    assert_true(has_asked(w, 0, "\r\nUser-Agent: weir/"));
    assert_true(has_asked(w, 0, "\r\nAccept: */*\r\n"));
    return 0;
}

HTTP_STORY(a_connection_is_used_again) {
    SCRIPT(w, 0, "<", ">" OK(3) "one", "<",
           ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n", "<",
           ">HTTP/1.1 204 No Content\r\n\r\n", "<", ">" OK(4) "four");
    gets(w, "/1", 200, "one");
    gets(w, "/2", 200, "two");
    gets(w, "/3", 204, "");
    gets(w, "/4", 200, "four");
    assert_int_equal(w->connections, 1);
    assert_int_equal(counts_of(NULL).reused, 3);
    assert_int_equal(counts_of(NULL).idle, 1);
    return 0;
}

/* Odd, and legal; or so common that a client which refuses it is of no use. */
HTTP_STORY(odd_answers_are_taken) {
    static const struct {
        const char *answer, *body;
        int status;
    } odd[] = {
        {"HTTP/1.1 200 ok then\r\ncontent-length: 2\r\n\r\nhi", "hi", 200},
        {"HTTP/1.1 200 \r\ncontent-length:2\r\n\r\nhi", "hi", 200},
        {"HTTP/1.1 200\r\ncontent-length:   2  \r\n\r\nhi", "hi", 200},
        {"HTTP/1.1 200 caf\xe9\r\nContent-Length: 2\r\n\r\nhi", "hi", 200},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "", 204},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end", 200},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end", 200},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
         "2;a=b;c=\"d\"\r\nhi\r\n000;x\r\nTrailer: x\r\n\r\n", "hi", 200},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "hi", 200},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi", "hi", 200},
        {"HTTP/1.1 999 Denied\r\nContent-Length: 2\r\n\r\nno", "no", 999},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "", 304},
        {"HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-Length: 2\r\n\r\nhi", "hi", 200},
        {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
         "HTTP/1.1 102 Processing\r\n\r\n" OK(2) "hi", "hi", 200},
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        for (int slowly = 0; slowly < 2; slowly++) {
            static char step[512];
            snprintf(step, sizeof step, "%c%s", slowly ? ':' : '>', odd[i].answer);
            static const char *const script[] = {"<", step, "~", NULL};
            w->scripts[0] = script;
            w->asked_count = 0;
            gets(w, "/", odd[i].status, odd[i].body);
        }
    return 0;
}

HTTP_STORY(what_is_no_answer_is_refused) {
    static const struct {
        const char *answer;
        int code;
    } bad[] = {
        {"", WEIR_EEOF},
        {"HTTP/1.1 200 OK\r\nContent-Len", WEIR_EEOF},
        {"SSH-2.0-OpenSSH_9.2\r\n", WEIR_EPROTO},
        {"HTTP/2 200 OK\r\n\r\n", WEIR_EPROTO},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", WEIR_EPROTO},
        {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", WEIR_EPROTO},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", WEIR_EPROTO},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nhi", WEIR_EPROTO},
        {"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi", WEIR_EPROTO},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
         "0\r\n\r\n", WEIR_EPROTO},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", WEIR_EPROTO},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", WEIR_EPROTO},
        {"HTTP/1.1 099 Low\r\n\r\n", WEIR_EPROTO},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", WEIR_EEOF},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", WEIR_EEOF},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nhi\r\n0\r\n\r\n",
         WEIR_EPROTO},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", WEIR_EPROTO},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        static char step[512];
        snprintf(step, sizeof step, ">%s", bad[i].answer);
        static const char *const script[] = {"<", step, "~", NULL};
        w->scripts[0] = script;
        w->asked_count = 0;
        fails(w, "/", bad[i].code, w->url);
        assert_int_equal(counts_of(NULL).connections, 0);
    }
    return 0;
}

/* What is said of this answer to GET /x, with our address in the place of @. */
static void says(struct world *w, const char *answer, int code, const char *words) {
    static char step[512];
    static const char *const script[] = {"<", step, "~", NULL};
    char want[200], *out = want;
    snprintf(step, sizeof step, ">%s", answer);
    w->scripts[0] = script;
    w->asked_count = 0;
    for (const char *c = words; *c != '\0'; c++)
        out += sprintf(out, "%.*s", *c == '@' ? 64 : 1, *c == '@' ? w->url + strlen("http://") : c);
    fails(w, "/x", code, want);
}

HTTP_STORY(an_error_names_the_request_the_server_and_the_cause) {
    struct weir_http_response *r = NULL;
    says(w, "", WEIR_EEOF, "GET http://@/x: @ ended the connection before it answered");
    says(w, "HTTP/1.1 2", WEIR_EEOF,
         "GET http://@/x: @ ended the connection within the head of its answer");
    says(w, "SSH-2.0-x\r\n", WEIR_EPROTO,
         "GET http://@/x: the answer of @ breaks HTTP: not an HTTP status line");
    says(w, "HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\nContent-Length: 0\r\n\r\n", WEIR_EHTTP,
         "GET http://@/x: it redirects to ftp://a/: unknown scheme");
    assert_int_equal(weir_error(WEIR_EHTTP)->status, 302);
    assert_int_equal(weir_http_get("tcp://localhost:1/x", &r), WEIR_EURL);
    assert_string_equal(weir_error_message(WEIR_EURL),
                        "http request tcp://localhost:1/x: the scheme must be http or https");
    assert_int_equal(weir_http_get("htp://x", &r), WEIR_EURL);
    assert_string_equal(weir_error_message(WEIR_EURL),
                        "http request htp://x: unknown scheme: there are http and https");
    return 0;
}

HTTP_STORY(an_error_shows_no_password_of_a_url) {
    struct weir_http_response *r = NULL;
    assert_int_equal(weir_http_get("http://me:secret@localhost/", &r), WEIR_EURL);
    assert_string_equal(weir_error_message(WEIR_EURL),
                        "http request: its URL: a user and a password may not stand in it");
    assert_string_equal(weir_error(WEIR_EURL)->on, "");
    return 0;
}

/* What a server does, and the error of GET /x?key=secret that follows. */
static void tells_no_query(struct world *w, const char *const *script, int code,
                           const char *words) {
    struct weir_http_response *r = NULL;
    w->scripts[0] = script;
    w->asked_count = 0;
    assert_int_equal(weir_http_get(at(w, "/x?key=secret#too"), &r), code);
    assert_non_null(strstr(weir_error_message(code), words));
    assert_null(strstr(weir_error_message(code), "secret"));
    assert_null(strchr(weir_error_message(code), '?'));
    assert_null(strchr(weir_error(code)->on, '?'));
}

#define TELLS_NO_QUERY(w, code, words, ...)                                                        \
    do {                                                                                           \
        static const char *const steps_[] = {__VA_ARGS__, NULL};                                   \
        tells_no_query(w, steps_, code, words);                                                    \
    } while (0)

HTTP_STORY(an_error_shows_no_query_of_a_url) {
    TELLS_NO_QUERY(w, WEIR_EEOF, "/x: 127.0.0.1:", "<", "~");
    TELLS_NO_QUERY(w, WEIR_EPROTO, "/x: the answer of", "<", ">SSH-2.0-x\r\n", "~");
    TELLS_NO_QUERY(w, WEIR_EEOF, "/x: the connection ended 3 bytes", "<", ">" OK(5) "hi", "~");
    TELLS_NO_QUERY(w, WEIR_EHTTP, "/x: it redirects to ftp://a/b: unknown scheme", "<",
                   ">HTTP/1.1 302 Found\r\nLocation: ftp://a/b?to=secret\r\n\r\n", "~");
    TELLS_NO_QUERY(w, WEIR_EHTTP, "/x: it redirects to ftp://a/: unknown scheme", "<",
                   ">HTTP/1.1 302 Found\r\nLocation: ftp://a/#secret\r\n\r\n", "~");
    TELLS_NO_QUERY(w, WEIR_EPROTO, "/y: the answer of", "<",
                   ">HTTP/1.1 302 Found\r\nLocation: /y?key=secret\r\n"
                   "Content-Length: 0\r\n\r\n",
                   "<", ">SSH-2.0-x\r\n", "~");
    return 0;
}

HTTP_STORY(what_is_no_url_is_shown_without_its_query) {
    static const struct {
        const char *url, *says;
    } bad[] = {
        {"localhost/x?key=secret", "http request localhost/x: no scheme: write http://HOST/PATH"},
        {"tcp://h:1/x?key=secret", "http request tcp://h:1/x: the scheme must be http or https"},
        {"http://h/a b?key=secret",
         "http request http://h/a b: bad character in the path: write it as %XX"},
        {"?key=secret", "http request: its URL: no scheme: write http://HOST/PATH"},
    };
    struct weir_http_response *r = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(weir_http_get(bad[i].url, &r), WEIR_EURL);
        assert_string_equal(weir_error_message(WEIR_EURL), bad[i].says);
    }
    return 0;
}

/* Does the second request go over the first one's connection? */
static bool stays(struct world *w, const char *answer) {
    static char step[512];
    snprintf(step, sizeof step, ">%s", answer);
    static const char *const first[] = {"<", step, "z", "<", ">" OK(2) "on", NULL};
    static const char *const second[] = {"<", ">" OK(2) "on", NULL};
    struct weir_http_client *c = NULL;
    struct weir_http_response *r = NULL;
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_view v;
    w->scripts[0] = first;
    w->scripts[1] = second;
    w->connections = w->asked_count = 0;
    assert_int_equal(weir_http_client_new(NULL, &c), 0);
    assert_int_equal(weir_http_fetch(c, &call, &r), 0);
    assert_true(weir_http_response_body(r, 0, &v) >= 0);
    weir_http_response_close(&r);
    assert_int_equal(weir_sleep(MS(5)), 0);
    gets_by(c, at(w, "/"), 200, "on");
    weir_http_client_close(&c);
    return w->connections == 1;
}

HTTP_STORY(a_connection_is_used_again_only_if_it_is_clean) {
    assert_true(stays(w, OK(2) "hi"));
    assert_true(stays(w, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
                         "Content-Length: 2\r\n\r\nhi"));
    assert_true(stays(w, "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n"));
    assert_false(stays(w, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    assert_false(stays(w, "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\n"
                          "Content-Length: 2\r\n\r\nhi"));
    assert_false(stays(w, "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n"));
    assert_false(stays(w, OK(2) "hi, and more"));
    assert_false(stays(w, OK(2) "hiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
    assert_false(stays(w, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"));
    assert_false(stays(w, "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n"));
    return 0;
}

HTTP_STORY(an_answer_that_nobody_asked_for_ends_its_connection) {
    SCRIPT(w, 0, "<", ">" OK(2) "hi", "z", ">HTTP/1.1 408 Request Timeout\r\n\r\n");
    SCRIPT(w, 1, "<", ">" OK(2) "ho");
    gets(w, "/", 200, "hi");
    WAIT_CONNECTIONS(NULL, 0);
    gets(w, "/", 200, "ho");
    assert_int_equal(w->connections, 2);
    return 0;
}

HTTP_STORY(the_end_of_an_idle_connection_is_noticed_at_once) {
    SCRIPT(w, 0, "<", ">" OK(2) "hi", "z", "~");
    gets(w, "/", 200, "hi");
    assert_int_equal(counts_of(NULL).idle, 1);
    WAIT_CONNECTIONS(NULL, 0);
    return 0;
}

static void expect_length(struct world *w, const char *path, int64_t length) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, path), .method = "HEAD"};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_http_response_length(r), length);
    assert_int_equal(weir_http_response_body(r, 0, &v), 0);
    weir_http_response_close(&r);
}

/* The answer to HEAD has no body, and says how long that of GET is. */
HTTP_STORY(the_length_of_an_answer_to_head_is_the_announced_one) {
    SCRIPT(w, 0, "<", ">HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", "<",
           ">HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "<",
           ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "<",
           ">HTTP/1.1 200 OK\r\n\r\n", "<", ">HTTP/1.1 204 No Content\r\n\r\n", "<",
           ">HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
    expect_length(w, "/", 12345);
    expect_length(w, "/", 0);
    expect_length(w, "/chunks", -1);
    expect_length(w, "/none", -1);
    expect_length(w, "/", 0);
    expect_length(w, "/", 0);
    return 0;
}

static ssize_t gives_nothing(void *arg, void *buf, size_t size) {
    return 0;
}

/* A request that would lose its body is not sent. */
HTTP_STORY(a_body_without_length_or_beside_more_is_refused) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .body = "abc"};
    struct weir_http_response *r = NULL;
    assert_int_equal(weir_http_fetch(NULL, &call, &r), -EINVAL);
    assert_non_null(strstr(weir_error(-EINVAL)->text, "a body of 0 bytes: set len"));
    call.len = 3;
    call.more = gives_nothing;
    assert_int_equal(weir_http_fetch(NULL, &call, &r), -EINVAL);
    assert_non_null(strstr(weir_error(-EINVAL)->text, "body and more are both set"));
    assert_int_equal(w->asked_count, 0);
    /* an empty body is no mistake where the method says that there is one */
    call = (struct weir_http_call){
        .size = sizeof call, .url = at(w, "/"), .body = "", .method = "PUT"};
    SCRIPT(w, 0, "<", ">HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_true(has_asked(w, 0, "\r\nContent-Length: 0\r\n"));
    weir_http_response_close(&r);
    return 0;
}

HTTP_STORY(a_body_is_read_in_pieces_of_any_size) {
    static const char text[] = "a body in chunks of several sizes";
    for (size_t piece = 1; piece < 40; piece += 5) {
        struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
        struct weir_http_response *r = NULL;
        struct weir_http_client *c = NULL;
        char got[64];
        size_t len = 0;
        ssize_t n;
        w->asked_count = w->connections = 0;
        assert_int_equal(weir_http_client_new(NULL, &c), 0);
        SCRIPT(w, 0, "<", ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "6\r\na body\r\n", ":a\r\n in chunks\r\n11\r\n of several sizes\r\n0\r\n",
               ">Sum:  abc \r\nEmpty:\r\n\r\n");
        assert_int_equal(weir_http_fetch(c, &call, &r), 0);
        assert_int_equal(weir_http_response_length(r), -1);
        assert_null(weir_http_response_trailer(r, "Sum"));
        while ((n = weir_http_response_read(r, got + len, piece)) > 0)
            len += (size_t)n;
        assert_int_equal(n, 0);
        assert_int_equal(len, strlen(text));
        assert_memory_equal(got, text, len);
        assert_string_equal(weir_http_response_trailer(r, "sum"), "abc");
        assert_string_equal(weir_http_response_trailer(r, "Empty"), "");
        assert_null(weir_http_response_trailer(r, "em"));
        assert_int_equal(weir_http_response_read(r, got, 1), 0);
        weir_http_response_close(&r);
        assert_int_equal(counts_of(c).idle, 1);
        weir_http_client_close(&c);
    }
    return 0;
}

/* ---- what is never closed ---- */

/* Both bodies: one was read, so that nothing but the response is left, of the other nothing was. */
static int forgets(struct world *w) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/unread?key=secret")};
    struct weir_http_response *r = NULL;
    SCRIPT(w, 0, "<", ">" OK(2) "hi", "<", ">" OK(2) "ho");
    int rc = weir_http_get(at(w, "/read"), &r);
    return rc == 0 ? weir_http_fetch(NULL, &call, &r) : rc;
}

static int closes_twice(struct world *w) {
    struct weir_http_response *r = NULL, *copy;
    SCRIPT(w, 0, "<", ">" OK(2) "hi");
    int rc = weir_http_get(at(w, "/"), &r);
    copy = r;
    weir_http_response_close(&r);
    weir_http_response_close(&copy);
    return rc;
}

static void run_debugged(void *arg) {
    struct weir_run_options o = {.size = sizeof o, .debug = true, .slow_ns = WEIR_SECONDS(60)};
    weir_run(tell, arg, &o);
}

/* In a child process, because it leaves memory behind. */
WEIR_TEST_BACKENDS(a_response_that_is_never_closed_is_named_with_its_place) {
    int (*story)(struct world *w) = forgets;
    static char said[4096];
    assert_int_equal(runner_child(run_debugged, &story, said, sizeof said), 0);
    const char *read = strstr(said, "never closed: response of http://127.0.0.1:");
    assert_non_null(read);
    const char *unread = strstr(read + 1, "never closed: response of http://127.0.0.1:");
    assert_non_null(unread);
    assert_non_null(strstr(said, "/read, made by task 'main' at forgets+0x"));
    assert_non_null(strstr(said, "/unread, made by task 'main' at forgets+0x"));
    assert_null(strstr(said, "secret"));
}

/* It also uses the loop's own client, which a program need not close. */
static int forgets_clients(struct world *w) {
    struct weir_http_client_options o = {.size = sizeof o, .user_agent = ""};
    struct weir_http_client *closed = NULL, *left = NULL, *nameless = NULL;
    SCRIPT(w, 0, "<", ">" OK(2) "hi", "<", ">" OK(2) "ho");
    gets(w, "/", 200, "hi");
    int rc = weir_http_client_new(NULL, &closed);
    if (rc == 0)
        rc = weir_http_client_new(NULL, &left);
    if (rc == 0)
        rc = weir_http_client_new(&o, &nameless);
    if (rc == 0)
        gets_by(left, at(w, "/"), 200, "hi");
    weir_http_client_close(&closed);
    return rc;
}

/* In a child process, because it leaves memory behind. */
WEIR_TEST_BACKENDS(a_client_that_is_never_closed_is_named_with_its_place) {
    int (*story)(struct world *w) = forgets_clients;
    static char said[4096];
    assert_int_equal(runner_child(run_debugged, &story, said, sizeof said), 0);
    assert_non_null(strstr(said, ": 2 objects (streams, files or the like) were never closed"));
    assert_non_null(strstr(said, "never closed: HTTP client weir/"));
    assert_non_null(strstr(said, "never closed: HTTP client without a User-Agent, made by task "
                                 "'main' at forgets_clients+0x"));
}

static int closes_client_twice(struct world *w) {
    struct weir_http_client *c = NULL, *copy;
    int rc = weir_http_client_new(NULL, &c);
    copy = c;
    weir_http_client_close(&c);
    weir_http_client_close(&copy);
    return rc;
}

WEIR_TEST_ABORTS(a_second_close_of_a_client_names_the_first,
                 "was closed before, by task 'main' at closes_client_twice+0x") {
    int (*story)(struct world *w) = closes_client_twice;
    run_debugged(&story);
}

WEIR_TEST_ABORTS(a_second_close_of_a_response_names_the_first,
                 "was closed before, by task 'main' at closes_twice+0x") {
    int (*story)(struct world *w) = closes_twice;
    run_debugged(&story);
}

/* An answer that the library discards lies where one was that the program closed. */
static int retries_after_closed(struct world *w) {
    const struct weir_http_client_options o = {.size = sizeof o, .retries = 1, .retry_ns = 1};
    struct weir_http_client *c = NULL;
    int rc = weir_http_client_new(&o, &c);
    SCRIPT(w, 0, "<", ">" OK(2) "hi", "<", ">HTTP/1.1 503 Bu\r\nContent-Length: 0\r\n\r\n", "<",
           ">" OK(2) "ho");
    gets_by(c, at(w, "/"), 200, "hi");
    gets_by(c, at(w, "/"), 200, "ho");
    weir_http_client_close(&c);
    return rc;
}

WEIR_TEST_BACKENDS(an_answer_that_is_discarded_is_no_second_close) {
    int (*story)(struct world *w) = retries_after_closed;
    run_debugged(&story);
}

static int gets_null(struct world *w) {
    struct weir_http_response *r = NULL;
    return weir_http_get(NULL, &r);
}

WEIR_TEST_ABORTS(a_get_without_a_url_names_the_call, "weir_http_get: the URL is NULL") {
    int (*story)(struct world *w) = gets_null;
    run_debugged(&story);
}

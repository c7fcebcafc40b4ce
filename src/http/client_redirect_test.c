/* SPDX-License-Identifier: MIT */
/* Redirects: where they lead, as what, and what they must not take along. */
#include "http/client_test_util.h"

#define TO(status, where)                                                                          \
    "HTTP/1.1 " #status " Go\r\nLocation: " where "\r\nContent-Length: 4\r\n\r\ngone"

HTTP_STORY(a_redirect_is_followed_over_the_same_connection) {
    struct weir_http_response *r = NULL;
    SCRIPT(w, 0, "<", ">" TO(302, "/b/../c?d#e"), "<", ">" TO(301, "f"), "<", ">" OK(2) "hi");
    assert_int_equal(weir_http_get(at(w, "/a"), &r), 0);
    assert_int_equal(weir_http_response_status(r), 200);
    assert_string_equal(weir_http_response_url(r), at(w, "/f"));
    assert_true(has_asked(w, 1, "GET /c?d HTTP/1.1\r\n"));
    assert_true(has_asked(w, 2, "GET /f HTTP/1.1\r\n"));
    assert_int_equal(w->connections, 1);
    assert_int_equal(counts_of(NULL).redirects, 2);
    weir_http_response_close(&r);
    return 0;
}

/* One redirect of a request; returns what was asked then. */
static const char *redirected(struct world *w, int status, const char *method,
                              const char *body) {
    static const char *const headers[] = {"Content-Type: a/b", "X: y", NULL};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/a"), .method = method,
                                  .headers = headers, .body = body, .len = strlen(body)};
    struct weir_http_response *r = NULL;
    struct weir_http_client *c = NULL;
    static char step[128];
    bool is_head = strcmp(method, "HEAD") == 0;
    snprintf(step, sizeof step, ">HTTP/1.1 %d Go\r\nLocation: /b\r\nContent-Length: %d\r\n\r\n",
             status, is_head ? 4 : 0);
    static const char *const script[] = {"<", step, "<", ">" OK(0), NULL};
    w->scripts[0] = script;
    w->asked_count = w->connections = 0;
    assert_int_equal(weir_http_client_new(NULL, &c), 0);
    assert_int_equal(weir_http_fetch(c, &call, &r), 0);
    weir_http_response_close(&r);
    weir_http_client_close(&c);
    return w->asked[1];
}

HTTP_STORY(a_redirect_changes_the_method_as_browsers_do) {
    static const struct {
        int status;
        const char *method, *then;
        bool has_body;
    } table[] = {
        {301, "POST", "GET", false}, {302, "POST", "GET", false}, {303, "POST", "GET", false},
        {301, "PUT", "PUT", true},   {302, "PUT", "PUT", true},   {303, "PUT", "GET", false},
        {307, "POST", "POST", true}, {308, "POST", "POST", true}, {308, "PUT", "PUT", true},
        {303, "HEAD", "HEAD", false}, {302, "HEAD", "HEAD", false}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        bool is_head = strcmp(table[i].method, "HEAD") == 0;
        const char *asked = redirected(w, table[i].status, table[i].method, is_head ? "" : "body");
        char line[64];
        snprintf(line, sizeof line, "%s /b HTTP/1.1\r\n", table[i].then);
        assert_memory_equal(asked, line, strlen(line));
        assert_int_equal(strstr(asked, "\r\n\r\nbody") != NULL, table[i].has_body);
        assert_int_equal(strstr(asked, "Content-Type: a/b") != NULL,
                         table[i].has_body || is_head);
        assert_non_null(strstr(asked, "\r\nX: y\r\n"));
    }
    return 0;
}

/* The same server under another name is another origin. */
HTTP_STORY(secrets_do_not_follow_to_another_origin_and_do_not_come_back) {
    static const char *const headers[] = {"Cookie: c=1", "Authorization: Bearer t", "X: y", NULL};
    static char there[256], back[256];
    int port = weir_listener_port(w->l);
    snprintf(there, sizeof there, ">HTTP/1.1 307 Go\r\nLocation: http://localhost:%d/b\r\n"
             "Content-Length: 0\r\n\r\n", port);
    snprintf(back, sizeof back, ">HTTP/1.1 307 Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             at(w, "/c"));
    static const char *const first[] = {"<", ">" TO(307, "/same"), "<", there, "<", ">" OK(0),
                                        NULL};
    static const char *const second[] = {"<", back, NULL};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/a"), .headers = headers,
                                  .host = "virtual"};
    struct weir_http_response *r = NULL;
    w->scripts[0] = first;
    w->scripts[1] = second;
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    weir_http_response_close(&r);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(has_asked(w, i, "\r\nCookie: c=1\r\n"), i < 2);
        assert_int_equal(has_asked(w, i, "\r\nAuthorization: Bearer t\r\n"), i < 2);
        assert_int_equal(has_asked(w, i, "\r\nHost: virtual\r\n"), i < 2);
        assert_true(has_asked(w, i, "\r\nX: y\r\n"));
    }
    assert_int_equal(w->connections, 2);
    return 0;
}

HTTP_STORY(the_user_and_password_of_a_call_go_to_its_origin_only) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/a"), .user = "Aladdin",
                                  .password = "open sesame"};
    struct weir_http_response *r = NULL;
    static char there[256];
    snprintf(there, sizeof there, ">HTTP/1.1 302 Go\r\nLocation: //localhost:%d/b\r\n"
             "Content-Length: 0\r\n\r\n", weir_listener_port(w->l));
    static const char *const first[] = {"<", there, NULL};
    w->scripts[0] = first;
    SCRIPT(w, 1, "<", ">" OK(0));
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    weir_http_response_close(&r);
    assert_true(has_asked(w, 0, "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    assert_false(has_asked(w, 1, "Authorization"));
    return 0;
}

HTTP_STORY(redirects_that_go_nowhere_are_refused_with_the_reason) {
    SCRIPT(w, 0, "<", ">" TO(302, "/a"), "<", ">" TO(302, "/a"), "<", ">" TO(302, "/a"), "<",
           ">" TO(302, "/a"), "<", ">" TO(302, "/a"), "<", ">" TO(302, "/a"), "<",
           ">" TO(302, "/a"), "<", ">" TO(302, "/a"), "<", ">" TO(302, "/a"), "<",
           ">" TO(302, "/a"), "<", ">" TO(302, "/a"));
    fails(w, "/a", WEIR_EHTTP, "too many redirects");
    assert_int_equal(weir_error(WEIR_EHTTP)->status, 302);
    w->asked_count = 0;
    SCRIPT(w, 1, "<", ">" TO(302, "ftp://h/"));
    fails(w, "/a", WEIR_EHTTP, "scheme");
    SCRIPT(w, 2, "<", ">" TO(302, "http://u:p@h/"));
    fails(w, "/a", WEIR_EHTTP, "redirects to http://u:p@h/");
    SCRIPT(w, 3, "<", ">" TO(302, "https://127.0.0.1:1/"));
    struct weir_http_response *r = NULL;
    int rc = weir_http_get(at(w, "/a"), &r);
    assert_true(rc == WEIR_ENOTLS || rc == -ECONNREFUSED);
    return 0;
}

HTTP_STORY(a_redirect_is_handed_out_if_that_is_wanted_or_nothing_else_can_be_done) {
    struct weir_http_client_options o = {.size = sizeof o, .redirects_max = -1};
    struct weir_http_client *c = NULL;
    SCRIPT(w, 0, "<", ">" TO(302, "/b"));
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    gets_by(c, at(w, "/a"), 302, "gone");
    weir_http_client_close(&c);
    SCRIPT(w, 1, "<", ">HTTP/1.1 302 No\r\nContent-Length: 2\r\n\r\nhm", "<",
           ">HTTP/1.1 300 Many\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nhm", "<",
           ">HTTP/1.1 304 Same\r\nLocation: /x\r\n\r\n");
    gets(w, "/none", 302, "hm");
    gets(w, "/many", 300, "hm");
    gets(w, "/same", 304, "");
    return 0;
}

static ssize_t one_piece(void *arg, void *buf, size_t size) {
    int *left = arg;
    memset(buf, 'x', 10);
    return (*left)-- > 0 ? 10 : 0;
}

HTTP_STORY(a_redirect_that_needs_a_body_which_is_gone_is_handed_out) {
    int left = 1;
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/a"), .more = one_piece,
                                  .arg = &left};
    struct weir_http_response *r = NULL;
    SCRIPT(w, 0, "<", ">" TO(307, "/b"), "<", ">" TO(303, "/c"), "<", ">" OK(0));
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_http_response_status(r), 307);
    assert_string_equal(weir_http_response_header(r, "Location"), "/b");
    assert_int_equal(w->asked_count, 1);
    weir_http_response_close(&r);
    w->connections = w->asked_count = 0;
    left = 1;
    SCRIPT(w, 0, "<", ">" TO(303, "/c"), "<", ">" OK(0));
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_http_response_status(r), 200);
    assert_true(has_asked(w, 1, "GET /c "));
    weir_http_response_close(&r);
    return 0;
}

/* 301 turns a POST into a GET, and no other method. */
HTTP_STORY(a_put_by_a_function_is_not_sent_again_without_its_body) {
    int left = 1;
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/a"), .method = "PUT",
                                  .more = one_piece, .arg = &left};
    struct weir_http_response *r = NULL;
    SCRIPT(w, 0, "<", ">" TO(301, "/b"), "<", ">" OK(0));
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_http_response_status(r), 301);
    assert_int_equal(w->asked_count, 1);
    weir_http_response_close(&r);
    return 0;
}

HTTP_STORY(a_client_that_connects_to_one_place_leaves_no_other_origin) {
    struct weir_http_client_options o = {.size = sizeof o};
    struct weir_http_client *c = NULL;
    struct weir_http_call call = {.size = sizeof call, .url = "http://docker/x"};
    struct weir_http_response *r = NULL;
    char place[64];
    snprintf(place, sizeof place, "tcp://127.0.0.1:%d", weir_listener_port(w->l));
    o.connect = place;
    SCRIPT(w, 0, "<", ">" TO(302, "/y"), "<", ">" TO(302, "http://other/"));
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    assert_int_equal(weir_http_fetch(c, &call, &r), WEIR_EHTTP);
    assert_non_null(strstr(weir_error_message(WEIR_EHTTP), "one place"));
    assert_true(has_asked(w, 0, "GET /x HTTP/1.1\r\nHost: docker\r\n"));
    assert_true(has_asked(w, 1, "GET /y HTTP/1.1\r\nHost: docker\r\n"));
    weir_http_client_close(&c);
    return 0;
}

/* A server that sends the body of its redirect for ever costs a second, not more. */
HTTP_STORY(the_body_of_a_redirect_is_dropped_within_bounds) {
    SCRIPT(w, 0, "<", ">HTTP/1.1 302 Go\r\nLocation: /b\r\nContent-Length: 100\r\n\r\nnever");
    SCRIPT(w, 1, "<", ">HTTP/1.1 302 Go\r\nLocation: /c\r\nContent-Length: 99999999\r\n\r\nbig");
    SCRIPT(w, 2, "<", ">" OK(2) "hi");
    gets(w, "/a", 200, "hi");
    assert_int_equal(w->connections, 3);
    return 0;
}

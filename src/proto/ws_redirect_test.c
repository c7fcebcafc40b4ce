/* SPDX-License-Identifier: MIT */
/* A client that is led from one place to the next: where it goes, what it tells whom, and where it
 * does not go. The server answers by the target: /to?STATUS=LOCATION leads there; all else is
 * accepted, and says which credentials came. */
#include <stdlib.h>
#include <weir/testing.h>

#include "proto/ws_dial.h"
#include "proto/ws_test_util.h"

WEIR_TEST(a_location_is_joined_to_the_url_that_it_came_from) {
    static const struct {
        const char *url, *location, *want;
    } cases[] = {
        {"ws://a/b/c?d", "ws://e:81/f", "ws://e:81/f"},
        {"ws://a/b/c?d", "wss://e", "wss://e"},
        {"ws://a/b/c?d", "http://e/f#g", "ws://e/f"},
        {"ws://a/b/c?d", "HTTPS://e/f", "wss://e/f"},
        {"ws://a/b/c?d", "ftp://e/f", "ftp://e/f"},
        {"ws://a/b/c?d", "//e/f", "ws://e/f"},
        {"wss://a:8/b/c?d", "/f?g", "wss://a:8/f?g"},
        {"ws://a/b/c?d", "e", "ws://a/b/e"},
        {"ws://a/b/c?d", "./e", "ws://a/b/e"},
        {"ws://a/b/c?d", "../e?f/../g", "ws://a/e?f/../g"},
        {"ws://a/b/c?d", "../../../e/.", "ws://a/e/"},
        {"ws://a/b/c?d", "..", "ws://a/"},
        {"ws://a/b/c?d", "?e", "ws://a/b/c?e"},
        {"ws://a/b/c?d", "", "ws://a/b/c?d"},
        {"ws://a/b/c?d", "#e", "ws://a/b/c?d"},
        {"ws://a", "e", "ws://a/e"},
        {"ws://a", "", "ws://a/"},
        {"ws://a?d", "e:f", "e:f"},
        {"ws://a?d", "?e", "ws://a/?e"},
        {"ws://[::1]:8/b", "/e", "ws://[::1]:8/e"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__uri u;
        assert_int_equal(weir__uri_parse(&u, cases[i].url, strlen(cases[i].url), "no scheme"), 0);
        char *got = weir__ws_url_join(cases[i].url, &u, cases[i].location);
        assert_string_equal(got, cases[i].want);
        weir__free(got);
    }
}

static char told[64]; /* by the last request that was accepted */

static int lead(struct weir_http_request *r) {
    const char *target = weir_http_target(r);
    char location[300];
    int status = 0;
    const char *headers[] = {location, NULL};
    struct weir_http_answer a = {.size = sizeof a, .headers = headers, .body = "see there",
                                 .len = 9};
    if (strcmp(target, "/nowhere") == 0) {
        a.status = 302;
        a.headers = NULL;
        return weir_http_reply_with(r, &a);
    }
    if (sscanf(target, "/to?%d=", &status) != 1) {
        const char *auth = weir_http_header(r, "Authorization");
        const char *cookie = weir_http_header(r, "Cookie"), *other = weir_http_header(r, "X-Other");
        snprintf(told, sizeof told, "%s %s %s", auth ? auth : "-", cookie ? cookie : "-",
                 other ? other : "-");
        return 0;
    }
    snprintf(location, sizeof location, "Location: %s", strchr(target, '=') + 1);
    a.status = status;
    return weir_http_reply_with(r, &a);
}

static const char *const credentials[] = {"Authorization: Bearer t", "cookie: a=b", "X-Other: 1",
                                          NULL};

static void expect_arrival(struct world *w, const char *path, const char *arrives,
                           const char *want) {
    struct weir_ws_options o = w->o;
    struct weir_ws *ws = NULL;
    char url[400];
    o.headers = credentials;
    o.redirects_max = 3;
    snprintf(url, sizeof url, "%.*s%s", (int)strlen(w->ws_url) - 1, w->ws_url, path);
    assert_int_equal(weir_ws_dial(url, &o, &ws), 0);
    assert_string_equal(weir_ws_path(ws), arrives);
    assert_string_equal(told, want);
    expect_message((ws_say(ws, "hello"), ws), "hello");
    weir_ws_drop(&ws);
}

WS_STORY(a_client_follows_with_its_credentials_to_the_same_origin_only, o->request = lead) {
    char elsewhere[100];
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (int i = 0; i < 5; i++) {
        snprintf(elsewhere, sizeof elsewhere, "/to?%d=/a?b", statuses[i]);
        expect_arrival(w, elsewhere, "/a?b", "Bearer t a=b 1");
    }
    expect_arrival(w, "/to?302=to?302=c", "/c", "Bearer t a=b 1");
    int port = weir_listener_port(w->l);
    snprintf(elsewhere, sizeof elsewhere, "/to?302=http://localhost:%d/d", port);
    expect_arrival(w, elsewhere, "/d", "- - 1");
    snprintf(elsewhere, sizeof elsewhere,
             "/to?302=ws://localhost:%d/to?302=ws://127.0.0.1:%d/back", port, port);
    expect_arrival(w, elsewhere, "/back", "- - 1"); /* also when it comes back */
    return 0;
}

static void expect_refusal(struct world *w, const char *path, int redirects_max, int code,
                           int status, const char *words) {
    struct weir_ws_options o = w->o;
    struct weir_ws *ws = NULL;
    char url[400];
    o.redirects_max = redirects_max;
    snprintf(url, sizeof url, "%.*s%s", (int)strlen(w->ws_url) - 1, w->ws_url, path);
    assert_int_equal(weir_ws_dial(url, &o, &ws), code);
    assert_int_equal(weir_error(code)->status, status);
    if (strstr(weir_error_message(code), words) == NULL)
        fail_msg("%s", weir_error_message(code));
}

WS_STORY(a_client_does_not_follow_unasked_nor_for_ever, o->request = lead) {
    expect_refusal(w, "/to?302=/a", 0, WEIR_EHTTP, 302, "not 101: redirects_max");
    expect_refusal(w, "/to?302=to?302=to?302=a", 2, WEIR_EHTTP, 302, "too many redirects");
    expect_refusal(w, "/nowhere", 3, WEIR_EHTTP, 302, "no Location");
    expect_refusal(w, "/to?300=/a", 3, WEIR_EHTTP, 300, "answered 300");
    expect_refusal(w, "/to?302=ftp://a/", 3, WEIR_EHTTP, 302, "no WebSocket URL");
    expect_refusal(w, "/to?302=ws://user@a/", 3, WEIR_EHTTP, 302, "no WebSocket URL");
    return 0;
}

WS_STORY(an_error_shows_no_query_of_a_url, o->request = lead) {
    static const struct {
        const char *path, *says;
        int redirects_max;
    } cases[] = {
        {"/to?302=/a?secret", "/to: the server answered 302 Found, not 101", 0},
        {"/to?302=ftp://a/b?secret", "the server redirects to ftp://a/b: that is no Web", 3},
        {"/to?302=/to?404=secret", "/to: the server answered 404 Not Found", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = i < 2 ? 302 : 404;
        expect_refusal(w, cases[i].path, cases[i].redirects_max, WEIR_EHTTP, status,
                       cases[i].says);
        assert_null(strstr(weir_error_message(WEIR_EHTTP), "secret"));
        assert_null(strchr(weir_error(WEIR_EHTTP)->on, '?'));
    }
    return 0;
}

static void expect_url_refused(const char *url, const char *says) {
    struct weir_ws *ws = NULL;
    assert_int_equal(weir_ws_dial(url, NULL, &ws), WEIR_EURL);
    assert_string_equal(weir_error_message(WEIR_EURL), says);
}

WS_STORY(what_is_no_url_is_shown_without_its_query, (void)0) {
    expect_url_refused("a/b?secret", "ws dial a/b: no scheme: write ws://host:port/path");
    expect_url_refused("http://a/b?secret", "ws dial http://a/b: the scheme must be ws or wss");
    expect_url_refused("wz://a/b", "ws dial wz://a/b: unknown scheme: there are ws and wss");
    expect_url_refused("ws://a/b#secret", "ws dial ws://a/b: a fragment (#) has no place here");
    expect_url_refused("ws://me:secret@a/?secret",
                       "ws dial: a user and a password may not stand in it");
    return 0;
}

static int go_three_places(void *arg) {
    struct world w = {.o = {.size = sizeof w.o, .request = lead, .close_ns = MS(20)}};
    struct weir_ws_options o = {.size = sizeof o, .headers = credentials, .redirects_max = 3};
    struct weir_ws *ws = NULL;
    struct weir_scope patience;
    char url[200];
    the_world = &w;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &w.l);
    if (rc < 0)
        return rc;
    int port = weir_listener_port(w.l);
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&w.servers, WEIR_TOGETHER);
    rc = weir_go(&w.servers, server, .w = &w);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/to?302=to?307=ws://localhost:%d/x", port, port);
    weir_scope_enter(&patience, MS(3000));
    if (rc == 0 && (rc = weir_yield()) == 0)
        rc = weir_ws_dial(url, &o, &ws);
    if (rc == 0)
        rc = weir_ws_close(ws, 1000, NULL);
    weir_ws_drop(&ws);
    rc = weir_scope_leave(&patience, rc);
    weir_group_cancel(&w.servers, "the story ends");
    int served = weir_group_close(&w.servers, 0);
    weir_unlisten(&w.l);
    weir_group_cancel(&w.clients, "the story ends");
    weir_group_close(&w.clients, 0);
    return rc < 0 ? rc : served == WEIR_ESTOPPED ? 0 : served;
}

WEIR_TEST(nothing_is_left_on_the_way) {
    struct weir_story s = {.size = sizeof s, .name = "redirects", .fn = go_three_places};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 10);
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    assert_true(e.points > 20);
    assert_int_equal(weir_explore_faults(&s, &(struct weir_fault){.size = sizeof(struct weir_fault),
                                                                  .effect = WEIR_FAULT_ERROR},
                                         &e), 0);
}

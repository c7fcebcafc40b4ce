/* SPDX-License-Identifier: MIT */
/* Which route a request means, as tables; which tables are refused; hostile paths. */
#include "http/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/error.h>

#include "base/alloc.h"
#include "test/runner.h"
#include "wire/wire_test_util.h"

struct route {
    const char *method, *pattern;
};

static struct weir__routes *table(const struct route *routes, size_t count) {
    struct weir__routes *t = weir__routes_new(count);
    assert_non_null(t);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(weir__routes_add(t, routes[i].method, routes[i].pattern), 0);
    return t;
}

struct found {
    int status;
    uint32_t number;
    struct weir__route_match match;
    struct weir__target target;
    char text[512];
};

static struct found find(const struct weir__routes *t, const char *method, const char *host,
                         const char *path) {
    static struct found f;
    f = (struct found){0};
    int rc = weir__target_split(&f.target, path, strlen(path), f.text);
    if (rc < 0)
        f.status = rc == WEIR_ETOOBIG ? 414 : 400;
    else
        f.status = weir__routes_find(t, method, host, strlen(host), &f.target, &f.match);
    f.number = f.match.number;
    return f;
}

WEIR_TEST(the_narrowest_route_wins_in_whatever_order_they_were_added) {
    static const struct route routes[] = {
        {"GET", "/{rest...}"},     {"GET", "/users/{id}"},        {"GET", "/users/me"},
        {NULL, "/users/{id}"},     {"HEAD", "/users/{id}"},       {"GET", "example.org/{rest...}"},
        {"POST", "/users/{id}/a"}, {"GET", "/users/{id}/{rest...}"}, {"GET", "/"},
    };
    static const struct {
        const char *method, *host, *path;
        int status;
        uint32_t number;
    } cases[] = {
        {"GET", "x", "/", 200, 8},
        {"GET", "x", "/users", 200, 0},
        {"GET", "x", "/users/", 200, 0},
        {"GET", "x", "/users/me", 200, 2},
        {"GET", "x", "/users/%6de", 200, 2},
        {"HEAD", "x", "/users/me", 200, 2},
        {"GET", "x", "/users/7", 200, 1},
        {"HEAD", "x", "/users/7", 200, 4},
        {"PUT", "x", "/users/7", 200, 3},
        {"GET", "x", "/users/7/a", 200, 7},
        {"POST", "x", "/users/7/a", 200, 6},
        {"DELETE", "x", "/users/7/a", 405, 0},
        {"POST", "x", "/", 405, 0},
        {"GET", "EXAMPLE.org:8080", "/users/me", 200, 5},
        {"GET", "example.org.", "/", 200, 5},
        {"GET", "an.example.org", "/", 200, 8},
    };
    enum { N = sizeof routes / sizeof routes[0] };
    for (size_t turn = 0; turn < N; turn++) {
        struct route turned[N];
        for (size_t i = 0; i < N; i++)
            turned[i] = routes[(i + turn) % N];
        struct weir__routes *t = table(turned, N);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct found f = find(t, cases[i].method, cases[i].host, cases[i].path);
            assert_int_equal(f.status, cases[i].status);
            if (f.status == 200)
                assert_int_equal((f.number + turn) % N, cases[i].number);
        }
        weir__routes_free(t);
    }
}

WEIR_TEST(parameters_are_decoded_and_an_escaped_slash_separates_nothing) {
    static const struct route routes[] = {{"GET", "/u/{id}/{page}"}, {"GET", "/f/{path...}"}};
    static const struct {
        const char *path, *id, *page, *rest;
        int status;
    } cases[] = {
        {"/u/a%20b/c", "a b", "c", NULL, 200},
        {"/u/a%2Fb/c%2f", "a/b", "c/", NULL, 200},
        {"/u/%e2%82%ac/%25", "\xe2\x82\xac", "%", NULL, 200},
        {"/u/a+b/%2B", "a+b", "+", NULL, 200},
        {"/u/%2e%2e%2fx/..a", "../x", "..a", NULL, 200},
        {"/u//c", NULL, NULL, NULL, 404},
        {"/u/a/", NULL, NULL, NULL, 404},
        {"/u/a/b/", NULL, NULL, NULL, 404},
        {"/f/", NULL, NULL, "", 200},
        {"/f/a/b%20c//d/", NULL, NULL, "a/b c//d/", 200},
        {"/f", NULL, NULL, NULL, 404},
        {"/f/a%2Fb", NULL, NULL, NULL, 400},
        {"/f/..", NULL, NULL, NULL, 400},
        {"/f/%2e%2E/etc", NULL, NULL, NULL, 400},
        {"/f/.%2e", NULL, NULL, NULL, 400},
        {"/f/./a", NULL, NULL, NULL, 400},
        {"/f/a%00.png", NULL, NULL, NULL, 400},
        {"/f/%", NULL, NULL, NULL, 400},
        {"/f/%4", NULL, NULL, NULL, 400},
        {"/f/%g0", NULL, NULL, NULL, 400},
        {"/f/%u002e", NULL, NULL, NULL, 400},
    };
    struct weir__routes *t = table(routes, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct found f = find(t, "GET", "x", cases[i].path);
        assert_int_equal(f.status, cases[i].status);
        if (f.status != 200) {
            assert_true(f.status == 404 || f.target.why != NULL);
            continue;
        }
        const char *id = weir__route_param(&f.match, f.text, "id");
        const char *page = weir__route_param(&f.match, f.text, "page");
        const char *rest = weir__route_param(&f.match, f.text, "path");
        assert_string_equal(id ? id : "-", cases[i].id ? cases[i].id : "-");
        assert_string_equal(page ? page : "-", cases[i].page ? cases[i].page : "-");
        assert_string_equal(rest ? rest : "-", cases[i].rest ? cases[i].rest : "-");
        assert_null(weir__route_param(&f.match, f.text, "none"));
    }
    weir__routes_free(t);
}

WEIR_TEST(two_routes_of_which_neither_is_narrower_are_refused_with_both_named) {
    static const struct {
        struct route a, b;
        int rc;
    } cases[] = {
        {{"GET", "/a"}, {"GET", "/a"}, -EEXIST},
        {{"GET", "/{x}"}, {"GET", "/{y}"}, -EEXIST},
        {{NULL, "/a"}, {NULL, "/a"}, -EEXIST},
        {{"GET", "/a/{x}"}, {"GET", "/{y}/b"}, -EEXIST},
        {{"GET", "/a/{x}"}, {"HEAD", "/{y}/b"}, -EEXIST},
        {{NULL, "/a/{x}"}, {"PUT", "/{y}/b"}, -EEXIST},
        {{"GET", "/a/{x...}"}, {"GET", "/{y}/b"}, -EEXIST},
        {{"GET", "/{x...}"}, {"GET", "/{y...}"}, -EEXIST},
        {{"GET", "h.org/a"}, {"GET", "H.ORG/a"}, -EEXIST},
        {{"GET", "/a/{x}"}, {"PUT", "/{y}/b"}, 0},
        {{"GET", "/a/{x}"}, {"GET", "/b/{y}"}, 0},
        {{"GET", "/a/{x}"}, {"GET", "/{y}/b/c"}, 0},
        {{"GET", "/a/{x}"}, {"GET", "/a/"}, 0},
        {{"GET", "/a"}, {"GET", "/a/{x...}"}, 0},
        {{"GET", "/a/"}, {"GET", "/a/{x...}"}, 0},
        {{"GET", "h.org/a"}, {"GET", "i.org/a"}, 0},
        {{"GET", "h.org/{x}"}, {"GET", "/a"}, 0},
        {{"GET", "/{x}"}, {NULL, "/a"}, 0},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct weir__routes *t = weir__routes_new(2);
        struct route a = i % 2 ? cases[i / 2].a : cases[i / 2].b;
        struct route b = i % 2 ? cases[i / 2].b : cases[i / 2].a;
        assert_int_equal(weir__routes_add(t, a.method, a.pattern), 0);
        assert_int_equal(weir__routes_add(t, b.method, b.pattern), cases[i / 2].rc);
        weir__routes_free(t);
    }
}

WEIR_TEST(patterns_that_no_request_can_match_are_refused) {
    static const char *const patterns[] = {
        "",         "a",       "/a//b",      "/{}",    "/{a",      "/a}",       "/x{a}",
        "/{a}x",    "/{a b}",  "/{a...}/b",  "/{...}", "/{a}/{a}", "/{a}/{a...}", "/%41",
        "/a?b",     "/a#b",    "/.",         "/a/..",  "h:80/a",   "h /a",      "{h}/a",
        "/{a.b}",
        "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}/{10}/{11}/{12}/{13}/{14}/{15}/{16}/{17}",
    };
    struct weir__routes *t = weir__routes_new(1);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        assert_int_equal(weir__routes_add(t, "GET", patterns[i]), -EINVAL);
    assert_int_equal(weir__routes_add(t, "GE T", "/"), -EINVAL);
    assert_int_equal(weir__routes_add(t, "", "/"), -EINVAL);
    assert_int_equal(weir__routes_add(t, "GET", "[::1]/{a-b_1}"), 0);
    assert_int_equal(find(t, "GET", "[::1]:80", "/x").status, 200);
    assert_int_equal(find(t, "GET", "[::1]", "/x").status, 200);
    assert_int_equal(find(t, "GET", "[::2]", "/x").status, 404);
    weir__routes_free(t);
}

/* The error names the route, and what to write. */
WEIR_TEST(routes_as_other_libraries_write_them_are_refused_with_the_right_form) {
    static const struct {
        const char *method, *pattern, *says;
    } cases[] = {
        {"GET", "/users/:id", "a parameter is written {id}, not :id"},
        {"GET", "/:id/edit", "a parameter is written {id}, not :id"},
        {"GET", "/:", "a parameter is written {id}, not :"},
        {"GET", "/users/<id>", "a parameter is written {id}, not <id>"},
        {"GET", "/users/<int:id>", "a parameter is written {id}, not <int:id>"},
        {"GET", "/a/*", "all that follows is written {path...}, not *"},
        {"GET", "/a/*rest", "all that follows is written {rest...}, not *rest"},
        {"GET", "/a/**", "all that follows is written {path...}, not **"},
        {"GET", "/a*", "all that follows is written {path...}, not a*"},
        {"GET", "GET /a", "the method is a member of its own"},
        {"get", "/a", "the method is written \"GET\", not \"get\""},
        {"Post", "/a", "the method is written \"POST\", not \"Post\""},
        {"GET ", "/a", "its method is not a token"},
        {"GET|PUT,", "/a", "its method is not a token"},
    };
    struct weir__routes *t = weir__routes_new(3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char route[60];
        assert_int_equal(weir__routes_add(t, cases[i].method, cases[i].pattern), -EINVAL);
        snprintf(route, sizeof route, "http route %s: ", cases[i].pattern);
        assert_non_null(strstr(weir_error(-EINVAL)->text, route));
        assert_non_null(strstr(weir_error(-EINVAL)->text, cases[i].says));
    }
    assert_int_equal(weir__routes_add(t, "M-SEARCH", "/items:batch"), 0);
    assert_int_equal(weir__routes_add(t, "X_1", "/a*b/<c"), 0);
    weir__routes_free(t);
}

WEIR_TEST(allow_names_each_method_of_the_path_once) {
    static const struct route routes[] = {
        {"GET", "/a"}, {"PUT", "/a"}, {"PUT", "/{x}"}, {"PUTT", "/{x}"}, {"POST", "h.org/a"},
        {NULL, "/any"},
    };
    struct weir__routes *t = table(routes, 6);
    char allow[WEIR__ROUTES_ALLOW_MAX];
    struct found f = find(t, "POST", "x", "/a");
    assert_int_equal(f.status, 405);
    assert_string_equal(weir__routes_allow(t, "x", 1, &f.target, allow),
                        "GET, HEAD, PUT, PUTT, OPTIONS");
    assert_string_equal(weir__routes_allow(t, "h.org", 5, &f.target, allow),
                        "POST, GET, HEAD, PUT, PUTT, OPTIONS");
    assert_non_null(strstr(weir__routes_allow(t, "", 0, NULL, allow), "POST"));
    weir__routes_free(t);
}

WEIR_TEST(a_path_of_many_segments_is_refused_and_of_64_is_not) {
    char path[200] = "";
    struct weir__target target;
    char text[200];
    for (int i = 0; i < WEIR__TARGET_SEGMENTS; i++)
        strcat(path, "/a");
    assert_int_equal(weir__target_split(&target, path, strlen(path), text), 0);
    assert_int_equal(target.count, WEIR__TARGET_SEGMENTS);
    strcat(path, "/");
    assert_int_equal(weir__target_split(&target, path, strlen(path), text), WEIR_ETOOBIG);
}

WEIR_TEST(a_path_is_decoded_within_its_bytes) {
    static const char path[] = "/a/%2F/b%20c/";
    struct guard g, h;
    guard_open(&g, 100);
    guard_open(&h, 100);
    for (size_t len = 1; len < sizeof path; len++) {
        struct weir__target t;
        const char *copy = (const char *)guard_at_end(&g, path, len);
        char zeros[sizeof path] = {0};
        char *text = (char *)guard_at_end(&h, zeros, len + 1);
        int rc = weir__target_split(&t, copy, len, text);
        bool is_cut = (path[len - 1] == '%') || (len > 1 && path[len - 2] == '%');
        assert_int_equal(rc, is_cut ? WEIR_EPROTO : 0);
    }
    guard_close(&g);
    guard_close(&h);
}

WEIR_TEST(pairs_are_decoded_as_browsers_encode_them) {
    static const char query[] = "&a=1&&b+c=%41%3d%26+&d&=e&f==&g=100%&h=%zz&a=2&i=x%00y";
    static const struct {
        const char *name, *value;
        size_t value_len;
    } expected[] = {
        {"a", "1", 1},   {"b c", "A=& ", 4}, {"d", "", 0},    {"", "e", 1},   {"f", "=", 1},
        {"g", "100%", 4}, {"h", "%zz", 3},   {"a", "2", 1},   {"i", "x\0y", 3},
    };
    char text[WEIR__PAIRS_ROOM(sizeof query)];
    size_t at = 0, used = 0, n = 0;
    struct weir__pair p;
    for (; weir__pair_next(query, sizeof query - 1, &at, text, &used, &p) == 1; n++) {
        assert_string_equal(p.name, expected[n].name);
        assert_int_equal(p.name_len, strlen(expected[n].name));
        assert_int_equal(p.value_len, expected[n].value_len);
        assert_memory_equal(p.value, expected[n].value, p.value_len + 1);
    }
    assert_int_equal(n, sizeof expected / sizeof expected[0]);
}

WEIR_TEST(pairs_fit_into_their_room_however_short_they_are) {
    static const char *const queries[] = {"a", "a&b&c&d", "&a&", "=&=&=", "a=b&c", "%41&%42", "a&"};
    struct guard g;
    guard_open(&g, 100);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        char zeros[100] = {0};
        size_t len = strlen(queries[i]), at = 0, used = 0;
        char *text = (char *)guard_at_end(&g, zeros, WEIR__PAIRS_ROOM(len));
        struct weir__pair p;
        while (weir__pair_next(queries[i], len, &at, text, &used, &p) == 1)
            assert_true(used <= WEIR__PAIRS_ROOM(len));
    }
    guard_close(&g);
}

WEIR_TEST(a_table_without_memory_says_so) {
    for (size_t n = 1; n <= 3; n++) {
        weir__alloc_fail_at(n);
        struct weir__routes *t = weir__routes_new(1);
        int rc = t != NULL ? weir__routes_add(t, "GET", "/a/{b}") : -ENOMEM;
        weir__alloc_fail_at(0);
        assert_int_equal(rc, n <= 2 ? -ENOMEM : 0);
        weir__routes_free(t);
    }
}

/* SPDX-License-Identifier: MIT */
/* Routes of a server, and what handlers read of a request. */
#include <sys/socket.h>
#include <unistd.h>
#include <weir/http_values.h>

#include "http/route_rig.h"

static int shows(struct weir_http_request *r) { /* "arg: name=value name=value" of what is asked */
    char text[1000] = "", *at = text;
    const char *id = weir_http_param(r, "id"), *rest = weir_http_param(r, "rest");
    at += sprintf(at, "%s:", weir_http_arg(r) != NULL ? (const char *)weir_http_arg(r) : "-");
    at += sprintf(at, " id=%s rest=%s", id ? id : "-", rest ? rest : "-");
    const char *name, *value;
    for (size_t i = 0; weir_http_query_at(r, i, &name, &value) == 1; i++)
        at += sprintf(at, " [%s=%s]", name, value);
    assert_null(weir_http_param(r, "others")); /* another route has it */
    return weir_http_reply(r, 200, text);
}

static int finds(struct weir_http_request *r) {
    const char *q = weir_http_query(r, "q"), *none = weir_http_query(r, "none");
    assert_null(none);
    return weir_http_reply(r, 200, q != NULL ? q : "(none)");
}

static const struct weir_http_route table[] = {
    {"GET", "/users/{id}", shows, "user"},
    {"PUT", "/users/{id}", shows, "put"},
    {"GET", "/files/{rest...}", shows, "files"},
    {"GET", "/q", finds},
    {"POST", "other.org/users/{id}", shows, "other"},
    {"GET", "/pairs/{others}/{id}", finds},
    {0},
};

ROUTE_STORY(requests_reach_their_routes, o->routes = table) {
    static const struct {
        const char *method, *target, *body;
    } cases[] = {
        {"GET", "/users/7", "user: id=7 rest=-"},
        {"PUT", "/users/a%2Fb", "put: id=a/b rest=-"},
        {"GET", "/users/7?a=1&b=%20+&a", "user: id=7 rest=- [a=1] [b=  ] [a=]"},
        {"GET", "/files/x//y%20z/?%00=1&ok=2&v=%00", "files: id=- rest=x//y z/ [ok=2]"},
        {"GET", "http://localhost/users/7?x", "user: id=7 rest=- [x=]"},
        {"POST", "http://other.org/users/8", "other: id=8 rest=-"},
        {"GET", "/q?x=1&q=%C3%A9&q=2", "\xc3\xa9"},
        {"GET", "/q?q", ""},
        {"GET", "/q", "(none)"},
        {"GET", "/q?Q=1", "(none)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *answer = ask(w, cases[i].method, cases[i].target, "");
        assert_int_equal(status_of(answer), 200);
        assert_string_equal(body_of(answer), cases[i].body);
    }
    return 0;
}

ROUTE_STORY(what_has_no_route_is_answered, o->routes = table) {
    const char *answer = ask(w, "POST", "/users/7", "");
    assert_int_equal(status_of(answer), 405);
    assert_string_equal(field_of(answer, "Allow"), "GET, HEAD, PUT, OPTIONS");
    answer = ask(w, "OPTIONS", "/users/7", "");
    assert_int_equal(status_of(answer), 204);
    assert_string_equal(field_of(answer, "Allow"), "GET, HEAD, PUT, OPTIONS");
    answer = ask(w, "OPTIONS", "*", "");
    assert_int_equal(status_of(answer), 204);
    assert_non_null(strstr(field_of(answer, "Allow"), "POST"));
    assert_int_equal(status_of(ask(w, "HEAD", "/users/7", "")), 200);
    assert_int_equal(status_of(ask(w, "GET", "/users", "")), 404);
    assert_int_equal(status_of(ask(w, "GET", "/users/%zz", "")), 400);
    assert_int_equal(status_of(ask(w, "GET", "/files/../etc/passwd", "")), 400);
    assert_int_equal(status_of(ask(w, "GET", "/files/%2e%2e/etc/passwd", "")), 400);
    assert_int_equal(status_of(ask(w, "GET", "/files/a%2fb", "")), 400);
    assert_int_equal(status_of(ask(w, "GET", "/files/a%00b", "")), 400);
    char deep[400] = "/files";
    for (int i = 0; i < 70; i++)
        strcat(deep, "/a");
    assert_int_equal(status_of(ask(w, "GET", deep, "")), 414);
    return 0;
}

/* ---- parameters that no route has ---- */

static int misspells(struct weir_http_request *r) {
    return weir_http_reply(r, 200, weir_http_param(r, "uid"));
}

static const struct weir_http_route misspelt[] = {
    {"GET", "/users/{id}", misspells}, {0}};

static void misspelt_set(struct weir_http_server_options *o) {
    o->routes = misspelt;
}

static int misspelt_told(struct world *w) {
    ask(w, "GET", "/users/7", "");
    return 0;
}

WEIR_TEST_ABORTS(a_parameter_that_no_route_has_is_a_bug,
                 "weir_http_param: no route of the server has a parameter {uid}; the pattern of "
                 "this request is \"/users/{id}\"") {
    tell_served(misspelt_set, misspelt_told);
}

/* Its handler may be shared with a route. */
ROUTE_STORY(a_request_without_a_route_has_no_parameters, o->routes = misspelt) {
    assert_string_equal(body_of(ask(w, "GET", "/param", "")), "none\n");
    return 0;
}

/* ---- bounds of a route's own ---- */

static int measures(struct weir_http_request *r) {
    char text[40], piece[1000];
    struct weir_view v;
    ssize_t n = 0;
    size_t sum = 0;
    if (weir_http_query(r, "whole") != NULL) {
        n = weir_http_body(r, 0, &v);
        sum = n == 0 ? v.len : 0;
    } else {
        while ((n = weir_http_read(r, piece, sizeof piece)) > 0)
            sum += (size_t)n;
    }
    snprintf(text, sizeof text, "%zu", sum);
    return n < 0 ? (int)n : weir_http_reply(r, 200, text);
}

static const struct weir_http_route bounded[] = {
    {"POST", "/small", measures, .body_max = 10},
    {"POST", "/large", measures, .body_max = 2000},
    {"POST", "/any", measures, .body_max = UINT64_MAX},
    {"POST", "/usual", measures},
    {0},
};

/* POST len bytes, in chunks or not. */
static int status_of_post(struct world *w, const char *path, size_t len, bool in_chunks) {
    static char text[8000];
    int n = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: a\r\n", path);
    if (in_chunks)
        n += sprintf(text + n, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
    else
        n += sprintf(text + n, "Content-Length: %zu\r\n\r\n", len);
    memset(text + n, 'a', len);
    strcpy(text + n + len, in_chunks ? "\r\n0\r\n\r\n" : "");
    const char *answer = answer_to(w, text);
    char sum[20];
    snprintf(sum, sizeof sum, "%zu", len);
    if (status_of(answer) == 200)
        assert_string_equal(body_of(answer), sum);
    return status_of(answer);
}

ROUTE_STORY(a_routes_bound_on_bodies_wins_over_the_servers, o->routes = bounded,
            o->body_max = 100) {
    static const struct {
        const char *path;
        size_t most;
    } cases[] = {{"/small", 10}, {"/small?whole", 10}, {"/large", 2000}, {"/large?whole", 2000},
                 {"/usual", 100}, {"/usual?whole", 100}, {"/none", 100}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int in_chunks = 0; in_chunks < 2; in_chunks++) {
            const char *path = cases[i].path;
            int within = strcmp(path, "/none") == 0 ? 404 : 200;
            assert_int_equal(status_of_post(w, path, cases[i].most, in_chunks), within);
            assert_int_equal(status_of_post(w, path, cases[i].most + 1, in_chunks), 413);
        }
    assert_int_equal(status_of_post(w, "/any", 5000, false), 200);
    assert_int_equal(status_of_post(w, "/any", 5000, true), 200);
    return 0;
}

/* The client is not told to send what will be refused. */
ROUTE_STORY(a_body_beyond_its_routes_bound_is_refused_before_it_is_sent, o->routes = bounded) {
    const char *answer = answer_to(w, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n"
                                      "Expect: 100-continue\r\n\r\n");
    assert_int_equal(status_of(answer), 413);
    assert_string_equal(field_of(answer, "Connection"), "close");
    return 0;
}

static int serves_badly(void *arg) {
    static const struct weir_http_route twice[] = {
        {"GET", "/{a}/b", shows}, {"GET", "/a/{b}", shows}, {0}};
    static const struct weir_http_route empty[] = {{"GET", "/a", NULL}, {0}};
    static const struct weir_http_route nowhere[][3] = {
        {{"GET", "/a", shows}, {"GET", NULL, shows}, {0}},
        {{NULL, NULL, shows}, {0}},
        {{"GET"}, {0}}};
    static const char *const bad_proxies[] = {"10.0.0.1", "localhost", NULL};
    struct weir_listener *l = NULL;
    struct weir_group g;
    struct weir_http_server_options o = {.size = sizeof o, .routes = twice};
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_http_serve(l, &g, &o), -EINVAL);
    assert_non_null(strstr(weir_error(-EINVAL)->text, "/{a}/b"));
    assert_non_null(strstr(weir_error(-EINVAL)->text, "/a/{b}"));
    o.routes = empty;
    assert_int_equal(weir_http_serve(l, &g, &o), -EINVAL);
    for (size_t i = 0; i < 3; i++) {
        o.routes = nowhere[i];
        assert_int_equal(weir_http_serve(l, &g, &o), -EINVAL);
        assert_non_null(strstr(weir_error(-EINVAL)->text, "it has no pattern"));
    }
    o.routes = table;
    o.proxies = bad_proxies;
    assert_int_equal(weir_http_serve(l, &g, &o), -EINVAL);
    assert_non_null(strstr(weir_error(-EINVAL)->text, "localhost"));
    weir_unlisten(&l);
    return weir_group_close(&g, 0);
}

WEIR_TEST(routes_that_conflict_are_refused_when_the_server_begins) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    assert_int_equal(weir_run(serves_badly, NULL, &o), 0);
}

/* ---- cookies and credentials ---- */

static int shows_cookie(struct weir_http_request *r) {
    struct weir_view v;
    char text[100] = "-";
    if (weir_http_cookie(r, "sid", &v) == 1)
        snprintf(text, sizeof text, "[%.*s]", (int)v.len, (const char *)v.base);
    return weir_http_reply(r, 200, text);
}

static void expect_no_challenge(struct weir_http_request *r, const char *scheme, const char *realm,
                                const char *why) {
    assert_int_equal(weir_http_unauthorized(r, scheme, realm), -EINVAL);
    assert_string_equal(weir_error_message(-EINVAL), why);
}

static int shows_credentials(struct weir_http_request *r) {
    struct weir_http_basic b;
    char text[600] = "-";
    const char *token = weir_http_bearer(r);
    if (weir_http_basic_auth(r, &b) == 1)
        snprintf(text, sizeof text, "%s %s", b.user, b.password);
    else if (token != NULL)
        snprintf(text, sizeof text, "token %s", token);
    else {
        char realm[300];
        memset(realm, 'r', sizeof realm - 1);
        realm[sizeof realm - 1] = '\0';
        expect_no_challenge(r, "My scheme", "x", "http reply: the scheme is no token");
        expect_no_challenge(r, "Basic", "\"x\"",
                            "http reply: the realm has a character that may not stand there");
        expect_no_challenge(r, "Basic", realm, "http reply: the realm has more than 256 bytes");
        return weir_http_unauthorized(r, "Basic", "the river");
    }
    return weir_http_reply(r, 200, text);
}

static const struct weir_http_route readers[] = {
    {"GET", "/cookie", shows_cookie}, {"GET", "/auth", shows_credentials}, {0}};

ROUTE_STORY(cookies_are_read_as_they_were_sent, o->routes = readers) {
    static const char *const cases[][2] = {
        {"", "-"},
        {"Cookie: sid=1\r\n", "[1]"},
        {"Cookie: a=b; sid=x%20=y\r\n", "[x%20=y]"},
        {"Cookie: asid=0;sid=\"q\" ; sid=2\r\n", "[\"q\"]"},
        {"Cookie: SID=0\r\ncookie: sid=\r\n", "[]"},
        {"Cookie: sid; =sid; ;;\r\n", "-"},
        {"Cookie: x=sid=1\r\n", "-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(body_of(ask(w, "GET", "/cookie", cases[i][0])), cases[i][1]);
    return 0;
}

ROUTE_STORY(credentials_are_read_and_asked_for, o->routes = readers) {
    static const char *const cases[][2] = {
        {"Authorization: Basic YTpiOmM=\r\n", "a b:c"},
        {"authorization: bASIC  Og==\r\n", " "},
        {"Authorization: Bearer abc.DEF-1~+/==\r\n", "token abc.DEF-1~+/=="},
        {"Authorization: Basic YWI=\r\n", NULL},           /* no colon */
        {"Authorization: Basic YTpiAA==\r\n", NULL},       /* a NUL */
        {"Authorization: Basic YQpiOmM=\r\n", NULL},       /* a line end */
        {"Authorization: Basic YTpiOmM\r\n", NULL},        /* no padding */
        {"Authorization: Basic\r\n", NULL},
        {"Authorization: Bearer a b\r\n", NULL},
        {"Authorization: Bearer =\r\n", NULL},
        {"Authorization: Digest x\r\n", NULL},
        {"Authorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *answer = ask(w, "GET", "/auth", cases[i][0]);
        assert_int_equal(status_of(answer), cases[i][1] != NULL ? 200 : 401);
        if (cases[i][1] != NULL)
            assert_string_equal(body_of(answer), cases[i][1]);
        else
            assert_string_equal(field_of(answer, "WWW-Authenticate"),
                                "Basic realm=\"the river\", charset=\"UTF-8\"");
    }
    char long_one[2000] = "Authorization: Basic ";
    for (int i = 0; i < 100; i++)
        strcat(long_one, "YWFh");
    strcat(long_one, "Og==\r\n");
    assert_int_equal(status_of(ask(w, "GET", "/auth", long_one)), 401);
    return 0;
}

static int writes_cookies(void *arg __attribute__((unused))) {
    static const struct {
        struct weir_http_set_cookie c;
        const char *line; /* NULL: -EINVAL */
    } cases[] = {
        {{.name = "a", .value = "b"}, "Set-Cookie: a=b; Path=/; SameSite=Lax; Secure; HttpOnly"},
        {{.name = "a", .value = "", .path = "/x", .domain = "y.org", .max_age = 60,
          .same_site = WEIR_HTTP_STRICT, .insecure = true, .scriptable = true},
         "Set-Cookie: a=; Path=/x; Domain=y.org; Max-Age=60; SameSite=Strict"},
        {{.name = "a", .value = "b", .max_age = -1, .same_site = WEIR_HTTP_CROSS_SITE},
         "Set-Cookie: a=b; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; "
         "SameSite=None; Secure; HttpOnly"},
        {{.name = "__Host-a", .value = "b"},
         "Set-Cookie: __Host-a=b; Path=/; SameSite=Lax; Secure; HttpOnly"},
        {{.name = "__Host-a", .value = "b", .domain = "x"}, NULL},
        {{.name = "__Host-a", .value = "b", .path = "/x"}, NULL},
        {{.name = "__host-a", .value = "b", .insecure = true}, NULL},
        {{.name = "__Secure-a", .value = "b", .insecure = true}, NULL},
        {{.name = "a", .value = "b", .same_site = WEIR_HTTP_CROSS_SITE, .insecure = true}, NULL},
        {{.name = "", .value = "b"}, NULL},
        {{.name = "a b", .value = "b"}, NULL},
        {{.name = "a=", .value = "b"}, NULL},
        {{.name = NULL, .value = "b"}, NULL},
        {{.name = "a", .value = NULL}, NULL},
        {{.name = "a", .value = "b\r\nX: y"}, NULL},
        {{.name = "a\r\nX", .value = "b"}, NULL},
        {{.name = "a", .value = "b;c"}, NULL},
        {{.name = "a", .value = "b c"}, NULL},
        {{.name = "a", .value = "b\xc3\xa9"}, NULL},
        {{.name = "a", .value = "b", .path = "/\r\nX: y"}, NULL},
        {{.name = "a", .value = "b", .path = "/;Secure"}, NULL},
        {{.name = "a", .value = "b", .path = "x"}, NULL},
        {{.name = "a", .value = "b", .domain = "x;y"}, NULL},
        {{.name = "a", .value = "b", .domain = "x\n"}, NULL},
    };
    char text[5000], large[4200];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int n = weir_http_cookie_write(text, sizeof text, &cases[i].c);
        assert_int_equal(n, cases[i].line != NULL ? (int)strlen(cases[i].line) : -EINVAL);
        if (n > 0)
            assert_string_equal(text, cases[i].line);
    }
    assert_int_equal(weir_http_cookie_write(text, 55, &cases[0].c), WEIR_ETOOBIG);
    assert_int_equal(weir_http_cookie_write(text, 56, &cases[0].c), 55);
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    struct weir_http_set_cookie c = {.size = sizeof c, .name = "a", .value = large};
    assert_int_equal(weir_http_cookie_write(text, sizeof text, &c), WEIR_ETOOBIG);
    return 0;
}

WEIR_TEST(cookies_are_written_safely_or_not_at_all) {
    assert_int_equal(weir_run(writes_cookies, NULL, NULL), 0);
}

WEIR_TEST(secrets_are_the_same_only_if_each_byte_is) {
    assert_true(weir_http_secret_equal("abc", "abc"));
    assert_true(weir_http_secret_equal("", ""));
    assert_false(weir_http_secret_equal("abc", "abd"));
    assert_false(weir_http_secret_equal("ab", "abc"));
    assert_false(weir_http_secret_equal("abc", "ab"));
    assert_false(weir_http_secret_equal("abcabc", "abc"));
    assert_false(weir_http_secret_equal("", "abc"));
    assert_false(weir_http_secret_equal("abc", ""));
}

/* ---- into a URL ---- */

WEIR_TEST(values_are_escaped_for_their_place_in_a_url) {
    static const struct {
        const char *value, *keep, *url;
    } cases[] = {
        {"", NULL, ""},
        {"Az09-._~", NULL, "Az09-._~"},
        {"a b/c", NULL, "a%20b%2Fc"},
        {"a b/c", "/", "a%20b/c"},
        {"a b/c", "", "a%20b%2Fc"},
        {"x=1&y=2#z?", NULL, "x%3D1%26y%3D2%23z%3F"},
        {"50%25", "%", "50%2525"},
        {"\r\nX: \xc3\xa9\x7f", "\r\n \xc3\xa9\x7f:", "%0D%0AX:%20%C3%A9%7F"},
    };
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].value), url_len = strlen(cases[i].url);
        const char *keep = cases[i].keep;
        assert_int_equal(weir_http_escape(text, url_len + 1, cases[i].value, len, keep), url_len);
        assert_string_equal(text, cases[i].url);
        for (size_t size = 0; size <= url_len; size++) {
            memset(text, 'x', sizeof text);
            assert_int_equal(weir_http_escape(text, size, cases[i].value, len, keep),
                             WEIR_ETOOBIG);
            assert_int_equal(text[0], size > 0 ? '\0' : 'x');
            assert_int_equal(text[size > 0 ? size : 1], 'x');
        }
    }
    assert_int_equal(weir_http_escape(text, 6, "a\0b", 3, NULL), 5);
    assert_string_equal(text, "a%00b");
    assert_int_equal(weir_http_escape(text, 1, NULL, 0, NULL), 0);
}

ROUTE_STORY(what_is_escaped_comes_back_as_it_was, o->routes = table) {
    char value[256], escaped[3 * sizeof value], target[4 * sizeof value];
    for (int i = 0; i < 255; i++)
        value[i] = (char)(i + 1);
    value[255] = '\0';
    assert_true(weir_http_escape(escaped, sizeof escaped, value, 255, NULL) > 0);
    snprintf(target, sizeof target, "/q?q=%s", escaped);
    assert_string_equal(body_of(ask(w, "GET", target, "")), value);
    snprintf(target, sizeof target, "/users/%s", escaped);
    const char *shown = body_of(ask(w, "GET", target, ""));
    assert_memory_equal(shown, "user: id=", 9);
    assert_memory_equal(shown + 9, value, 255);
    return 0;
}

/* ---- proxies ---- */

static int shows_client(struct weir_http_request *r) {
    struct weir_http_sender c;
    char text[400];
    weir_http_client_of(r, &c);
    snprintf(text, sizeof text, "%s %s %s %d", c.address, c.scheme, c.host, c.proxied);
    return weir_http_reply(r, 200, text);
}

static const struct weir_http_route clients[] = {{"GET", "/", shows_client}, {0}};
static const char *const local[] = {"127.0.0.0/8", NULL}, *const elsewhere[] = {"10.0.0.0/8", NULL};

ROUTE_STORY(a_listed_proxy_says_who_the_client_is, o->routes = clients, o->proxies = local) {
    assert_string_equal(body_of(ask(w, "GET", "/", "X-Forwarded-For: 1.2.3.4\r\n"
                                                   "X-Forwarded-Proto: https\r\n"
                                                   "X-Forwarded-Host: a.org\r\n")),
                        "1.2.3.4 https a.org 1");
    assert_string_equal(body_of(ask(w, "GET", "/", "Forwarded: for=1.2.3.4\r\n")),
                        "127.0.0.1 http localhost 0");
    assert_string_equal(body_of(ask(w, "GET", "http://b.org/", "")), "127.0.0.1 http b.org 0");
    return 0;
}

ROUTE_STORY(a_stranger_says_nothing_of_who_it_is, o->routes = clients, o->proxies = elsewhere) {
    assert_string_equal(body_of(ask(w, "GET", "/", "X-Forwarded-For: 1.2.3.4\r\n"
                                                   "X-Forwarded-Proto: https\r\n")),
                        "127.0.0.1 http localhost 0");
    return 0;
}

/* Who sends the request that comes over one end of a pair of sockets, as sender. */
static void find_sender(int (*make)(int fd, struct weir_stream **ret_stream),
                        struct weir_http_sender *sender) {
    static const char *const proxies[] = {"unix", NULL};
    static const char text[] = "GET / HTTP/1.1\r\n" LOCAL "X-Forwarded-For: 1.2.3.4\r\n\r\n";
    struct weir_http_server_options o = {.size = sizeof o, .proxies = proxies};
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_stream *s = NULL;
    struct weir_http_request *r;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(make(fds[0], &s), 0);
    assert_int_equal(weir_http_accept(&s, &o, &http), 0);
    assert_int_equal(write(fds[1], text, sizeof text - 1), sizeof text - 1);
    assert_int_equal(weir_http_next(http, &r), 1);
    weir_http_client_of(r, sender);
    close(fds[1]);
}

static int finds_senders(void *arg __attribute__((unused))) {
    struct weir_http_sender sender;
    find_sender(weir_stream_from_socket, &sender);
    assert_string_equal(sender.address, "1.2.3.4");
    find_sender(weir_stream_from_fd, &sender); /* its name would be the same of a TCP socket */
    assert_int_equal(strncmp(sender.address, "fd:", 3), 0);
    assert_false(sender.proxied);
    return 0;
}

WEIR_TEST_BACKENDS(a_stream_of_which_nobody_knows_the_peer_is_no_proxy) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("the simulation has no descriptors");
    assert_int_equal(weir_run(finds_senders, NULL, &o), 0);
}

/* ---- the PROXY protocol ---- */

static const char *proxied(struct world *w, const char *header, size_t step) {
    static char text[2000], answer[4000];
    snprintf(text, sizeof text, "%s" GET("/") GET("/"), header);
    raw_exchange(w, text, strlen(text), step, answer, sizeof answer);
    return answer;
}

#define LINE "PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\n"

ROUTE_STORY(a_proxys_header_names_the_client, o->routes = clients, o->proxies = local,
            o->proxy_protocol = true) {
    for (size_t step = 1; step < 1000; step *= 5) {
        const char *answer = proxied(w, LINE, step);
        assert_string_equal(body_of(answer + strlen(answer) - 60), "192.0.2.7 http localhost 1");
        assert_non_null(strstr(answer, "192.0.2.7 http localhost 1HTTP/1.1 200 OK"));
        answer = proxied(w, "PROXY UNKNOWN\r\n", step);
        assert_non_null(strstr(answer, "127.0.0.1 http localhost 0"));
        assert_int_equal(status_of(proxied(w, "", step)), 400);
        assert_int_equal(status_of(proxied(w, "PROXY TCP4 x\r\n", step)), 400);
        assert_int_equal(status_of(proxied(w, LINE LINE, step)), 400);
    }
    return 0;
}

/* The client may have sent them itself: a proxy that speaks this protocol adds none. */
ROUTE_STORY(forwarded_fields_behind_a_proxy_header_without_a_client_are_ignored,
            o->routes = clients, o->proxies = local, o->proxy_protocol = true) {
    static const char text[] = "PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n" LOCAL
                               "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\r\n";
    char answer[1000];
    raw_exchange(w, text, strlen(text), strlen(text), answer, sizeof answer);
    assert_string_equal(body_of(answer), "127.0.0.1 http localhost 0");
    return 0;
}

ROUTE_STORY(a_strangers_proxy_header_is_no_request, o->routes = clients, o->proxies = elsewhere,
            o->proxy_protocol = true) {
    assert_int_equal(status_of(proxied(w, LINE, 1000)), 400);
    assert_non_null(strstr(proxied(w, "", 1000), "127.0.0.1 http localhost 0"));
    return 0;
}

static int takes_header(void *arg __attribute__((unused))) {
    static const struct {
        const char *bytes;
        int rc;
    } cases[] = {{LINE "rest", 1}, {"PROXY UNKNOWN\r\nrest", 0}, {"GET /", WEIR_EPROTO},
                 {"PROXY TCP4", WEIR_EEOF}, {"", WEIR_EEOF}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_stream *here = NULL, *there = NULL;
        char client[64] = "-", rest[5] = "";
        assert_int_equal(weir_memory_pair(0, &here, &there), 0);
        assert_int_equal(weir_write(there, cases[i].bytes, strlen(cases[i].bytes)), 0);
        assert_int_equal(weir_shutdown(there), 0);
        assert_int_equal(weir_http_proxy_header(here, client), cases[i].rc);
        assert_string_equal(client, cases[i].rc == 1 ? "192.0.2.7:1234" : "-");
        if (cases[i].rc >= 0) {
            assert_int_equal(weir_read_exactly(here, rest, 4), 0);
            assert_string_equal(rest, "rest");
        }
        weir_close(&here);
        weir_close(&there);
    }
    return 0;
}

WEIR_TEST(a_proxys_header_is_taken_off_a_stream) {
    assert_int_equal(weir_run(takes_header, NULL, NULL), 0);
}

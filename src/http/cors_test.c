/* SPDX-License-Identifier: MIT */
/* Added headers, pages of other origins, events, and the access log. */
#include <weir/http_cors.h>
#include <weir/http_events.h>
#include <weir/http_log.h>
#include <weir/option.h>

#include "http/route_rig.h"

/* ---- added headers ---- */

static int adds(struct weir_http_request *r) {
    static const char *const bad[] = {"X", "X y: z", "X: a\r\nY: b", "X: a\nY", ": a", "",
                                      "Content-Length: 3", "Connection: close",
                                      "Transfer-Encoding: chunked", "X : a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(weir_http_add_header(r, bad[i]), -EINVAL);
    assert_int_equal(weir_http_add_header(r, "X-A: 1"), 0);
    assert_int_equal(weir_http_add_header(r, "X-B: 2"), 0);
    int rc = asks_for(r, "/404") ? 0 : weir_http_reply(r, 200, "ok");
    if (!asks_for(r, "/404"))
        assert_int_equal(weir_http_add_header(r, "X-C: 3"), -EALREADY);
    return rc;
}

static const struct weir_http_route adders[] = {{NULL, "/{x...}", adds}, {0}};

ROUTE_STORY(added_headers_are_in_whatever_answer, o->routes = adders) {
    static const char *const paths[] = {"/", "/404"};
    for (int i = 0; i < 2; i++) {
        const char *answer = ask(w, "GET", paths[i], "");
        assert_string_equal(field_of(answer, "X-A"), "1");
        assert_string_equal(field_of(answer, "X-B"), "2");
        assert_string_equal(field_of(answer, "X-C"), "-");
    }
    const char *answers = answer_to(w, GET("/") GET("/404")); /* none stays for the next one */
    assert_non_null(strstr(strstr(answers, "X-A: 1") + 1, "X-A: 1"));
    assert_null(strstr(strstr(strstr(answers, "X-A: 1") + 1, "X-A: 1") + 1, "X-A: 1"));
    return 0;
}

static int adds_date(struct weir_http_request *r) {
    assert_int_equal(weir_http_add_header(r, "X-A: 1"), 0);
    assert_int_equal(weir_http_add_header(r, "server: mine"), 0);
    assert_int_equal(weir_http_add_header(r, "Date: Tue, 01 Sep 2026 00:00:00 GMT"), 0);
    return weir_http_reply(r, 200, "ok");
}

static const struct weir_http_route daters[] = {{NULL, "/", adds_date}, {0}};

ROUTE_STORY(an_added_date_or_server_stands_for_ours, o->routes = daters, o->name = "weir") {
    const char *answer = ask(w, "GET", "/", "");
    assert_string_equal(field_of(answer, "Server"), "mine");
    assert_null(strstr(answer, "Server: weir"));
    char got[1024];
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, GET("/"), strlen(GET("/"))), 0);
    raw_read_past(s, "\r\n\r\n", 1, got, sizeof got);
    assert_null(strstr(strstr(got, "Date: ") + 1, "Date: "));
    weir_close(&s);
    return 0;
}

/* ---- origins ---- */

static int says_ok(struct weir_http_request *r) {
    return weir_http_reply(r, 200, "ok");
}

static const struct weir_http_route ok_routes[] = {{"GET", "/", says_ok}, {0}};
static const char *const origins[] = {"https://a.org", NULL}, *const star[] = {"*", NULL},
                         *const put[] = {"PUT", NULL}, *const own[] = {"X-Own", NULL};
static const struct weir_http_cors strict = {.size = sizeof strict, .origins = origins,
                                             .methods = put, .headers = own, .exposed = own,
                                             .max_age_s = 60, .credentials = true};
static const struct weir_http_cors open_to_all = {.size = sizeof strict, .origins = star};
static const struct weir_http_cors senseless = {.size = sizeof strict, .origins = star,
                                                .credentials = true};

#define FROM(origin) "Origin: " origin "\r\n"
#define ALLOWED(answer) field_of(answer, "Access-Control-Allow-Origin")

ROUTE_STORY(pages_of_listed_origins_may_read_answers, o->routes = ok_routes, o->cors = &strict) {
    static const char *const strangers[] = {
        "", FROM("https://b.org"), FROM("null"), FROM("https://a.org.evil.org"),
        FROM("http://a.org"), FROM("https://a.org:8443"), FROM("https://A.org"),
        FROM("https://a.or"), FROM("*"), FROM("https://a.org/"),
    };
    const char *answer = ask(w, "GET", "/", FROM("https://a.org"));
    assert_int_equal(status_of(answer), 200);
    assert_string_equal(ALLOWED(answer), "https://a.org");
    assert_string_equal(field_of(answer, "Access-Control-Allow-Credentials"), "true");
    assert_string_equal(field_of(answer, "Access-Control-Expose-Headers"), "X-Own");
    assert_string_equal(field_of(answer, "Vary"), "Origin");
    answer = ask(w, "GET", "/missing", FROM("https://a.org"));
    assert_int_equal(status_of(answer), 404);
    assert_string_equal(ALLOWED(answer), "https://a.org");
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        answer = ask(w, "GET", "/", strangers[i]);
        assert_int_equal(status_of(answer), 200);
        assert_string_equal(ALLOWED(answer), "-");
        assert_string_equal(field_of(answer, "Access-Control-Allow-Credentials"), "-");
        assert_string_equal(field_of(answer, "Vary"), "Origin");
    }
    return 0;
}

#define ASKS(method) "Access-Control-Request-Method: " method "\r\n"
#define WITH(headers) "Access-Control-Request-Headers: " headers "\r\n"

ROUTE_STORY(a_preflight_is_answered_before_any_route, o->routes = ok_routes, o->cors = &strict) {
    const char *answer = ask(w, "OPTIONS", "/", FROM("https://a.org") ASKS("PUT")
                                                WITH("x-own, X-OWN"));
    assert_int_equal(status_of(answer), 204);
    assert_string_equal(ALLOWED(answer), "https://a.org");
    assert_string_equal(field_of(answer, "Access-Control-Allow-Methods"), "GET, HEAD, POST, PUT");
    assert_string_equal(field_of(answer, "Access-Control-Allow-Headers"), "X-Own");
    assert_string_equal(field_of(answer, "Access-Control-Max-Age"), "60");
    static const char *const refused[] = {
        FROM("https://b.org") ASKS("PUT"), FROM("https://a.org") ASKS("DELETE"),
        FROM("https://a.org") ASKS("put"), FROM("https://a.org") ASKS("GET") WITH("X-Other"),
        FROM("https://a.org") ASKS("GET") WITH("X-Own, Authorization"),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        answer = ask(w, "OPTIONS", "/", refused[i]);
        assert_int_equal(status_of(answer), 403);
        assert_string_equal(field_of(answer, "Access-Control-Allow-Methods"), "-");
    }
    answer = ask(w, "OPTIONS", "/", FROM("https://a.org")); /* no preflight */
    assert_int_equal(status_of(answer), 204);
    assert_string_equal(field_of(answer, "Allow"), "GET, HEAD, OPTIONS");
    return 0;
}

ROUTE_STORY(any_origin_gets_no_credentials, o->routes = ok_routes, o->cors = &open_to_all) {
    const char *answer = ask(w, "GET", "/", FROM("https://b.org"));
    assert_string_equal(ALLOWED(answer), "*");
    assert_string_equal(field_of(answer, "Access-Control-Allow-Credentials"), "-");
    assert_string_equal(field_of(answer, "Vary"), "-");
    return 0;
}

ROUTE_STORY(credentials_for_any_origin_are_a_mistake, o->routes = ok_routes, o->cors = &senseless) {
    assert_int_equal(status_of(ask(w, "GET", "/", FROM("https://b.org"))), 500);
    return 0;
}

/* ---- events ---- */

static int events_rc;

static int streams(struct weir_http_request *r) {
    static const struct weir_http_event events[] = {
        {.data = "one"},
        {.data = "a\nb\r\nc\rd\n", .type = "lines", .id = "7"},
        {.id = ""},
        {.data = "\xc3\xa9: x"},
    };
    static const struct weir_http_event bad[] = {
        {.data = "x", .type = "a\nid: 9"}, {.data = "x", .id = "a\rdata: y"}};
    const char *last = weir_http_last_event_id(r);
    assert_int_equal(weir_http_events_send(r, &events[0]), -EINVAL); /* not begun */
    assert_int_equal(weir_http_events_begin(r, -1), -EINVAL);
    int rc = weir_http_events_begin(r, last != NULL ? MS(1500) : 0);
    for (int i = 0; i < 4 && rc == 0; i++)
        rc = weir_http_events_send(r, &events[i]);
    for (int i = 0; i < 2 && rc == 0; i++)
        assert_int_equal(weir_http_events_send(r, &bad[i]), -EINVAL);
    if (rc == 0) {
        struct weir_http_event no_text = {.data = "\xff"};
        assert_int_equal(weir_http_events_send(r, &no_text), WEIR_EUTF8);
        assert_int_equal(weir_http_events_comment(r, "a\nb"), -EINVAL);
        rc = weir_http_events_comment(r, last);
    }
    return rc;
}

static int beats(struct weir_http_request *r) { /* until the client has gone */
    int rc = weir_http_events_begin(r, 0);
    while (rc == 0 && (rc = weir_http_events_comment(r, NULL)) == 0)
        rc = weir_sleep(MS(10));
    return events_rc = rc;
}

static const struct weir_http_route event_routes[] = {
    {"GET", "/events", streams}, {"GET", "/beats", beats}, {0}};

#define EVENTS                                                                                     \
    "data: one\n\nevent: lines\nid: 7\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"             \
    "id: \ndata: \n\ndata: \xc3\xa9: x\n\n"

/* HTTP/1.0, so that no chunks stand between. */
ROUTE_STORY(events_are_lines_of_text, o->routes = event_routes) {
    const char *answer = answer_to(w, "GET /events HTTP/1.0\r\nHost: x\r\n\r\n");
    assert_string_equal(field_of(answer, "Content-Type"), "text/event-stream; charset=utf-8");
    assert_string_equal(field_of(answer, "Cache-Control"), "no-store");
    assert_string_equal(body_of(answer), ":\n\n" EVENTS ": \n\n");
    answer = answer_to(w, "GET /events HTTP/1.0\r\nHost: x\r\nLast-Event-ID: 7\r\n\r\n");
    assert_string_equal(body_of(answer), "retry: 1500\n\n" EVENTS ": 7\n\n");
    return 0;
}

ROUTE_STORY(a_comment_finds_that_the_client_has_gone, o->routes = event_routes) {
    static const char request[] = GET("/beats");
    char text[500];
    events_rc = 0;
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, request, sizeof request - 1), 0);
    assert_true(weir_read(s, text, sizeof text) > 0); /* the first beat has left */
    weir_close(&s);
    while (events_rc == 0)
        assert_int_equal(weir_sleep(MS(5)), 0);
    assert_true(events_rc == -EPIPE || events_rc == -ECONNRESET || events_rc == -ECANCELED);
    return 0;
}

/* ---- the log ---- */

static char logged[8][1000];
static int logged_count, logged_statuses[8];

static void notes(const struct weir_http_log *entry, void *arg) {
    assert_string_equal(arg, "arg");
    assert_true(logged_count < 8);
    logged_statuses[logged_count] = entry->status;
    int n = weir_http_log_line(entry, logged[logged_count], sizeof logged[0]);
    assert_int_equal(n, strlen(logged[logged_count]));
    logged_count++;
}

ROUTE_STORY(each_request_is_one_line_of_the_log, o->routes = ok_routes, o->log = notes,
            o->log_arg = (void *)(uintptr_t)"arg") {
    logged_count = 0;
    ask(w, "GET", "/?token=secret",
        "User-Agent: a\"b\\\t\xc3\xa9\r\nReferer: http://x/y?secret#secret\r\n"
        "Authorization: Basic c2VjcmV0\r\nCookie: secret\r\n");
    answer_to(w, "BAD\r\n\r\n");
    ask(w, "DELETE", "/%22%0d%0a\"x", "");
    ask(w, "POST", "/", "Content-Length: 0\r\n");
    while (logged_count < 4)
        assert_int_equal(weir_sleep(MS(1)), 0);
    assert_null(strstr(logged[0], "secret"));
    assert_int_equal(strncmp(logged[0], "127.0.0.1 - - [", 15), 0);
    assert_non_null(strstr(logged[0], " +0000] \"GET / HTTP/1.1\" 200 2 \"http://x/y\" "
                                      "\"a\\x22b\\x5c\\x09\\xc3\\xa9\" 0.0"));
    assert_int_equal(strncmp(logged[1], "127.0.0.1 - - [", 15), 0);
    assert_non_null(strstr(logged[1], "] \"-\" 400 "));
    assert_int_equal(logged_statuses[2], 400); /* a quote in the target */
    assert_int_equal(logged_statuses[3], 405);
    for (int i = 0; i < 4; i++)
        assert_null(strpbrk(logged[i], "\r\n"));
    return 0;
}

ROUTE_STORY(a_body_above_the_servers_bound_is_logged_with_its_request, o->routes = ok_routes,
            o->log = notes, o->log_arg = (void *)(uintptr_t)"arg", o->body_max = 4) {
    logged_count = 0;
    assert_int_equal(status_of(ask(w, "POST", "/a", "Content-Length: 5\r\n")), 413);
    while (logged_count < 1)
        assert_int_equal(weir_sleep(MS(1)), 0);
    assert_int_equal(strncmp(logged[0], "127.0.0.1 - - [", 15), 0);
    assert_non_null(strstr(logged[0], "] \"POST /a HTTP/1.1\" 413 "));
    return 0;
}

static int logged_rc;

static void note_rc(const struct weir_http_log *entry, void *arg) {
    logged_rc = entry->rc;
}

static int breaks_off(struct weir_http_request *r) {
    int rc = begin(r, 200, 0);
    return rc < 0 ? rc : weir_http_write(r, "abc", 3) < 0 ? -1 : -EIO;
}

static int writes_on(struct weir_http_request *r) {
    int rc = begin(r, 200, 0);
    while (rc == 0)
        rc = weir_http_write(r, big_bytes(), 100000);
    return asks_for(r, "/on/zero") ? 0 : rc;
}

static const struct weir_http_route broken_routes[] = {
    {"GET", "/eio", .fn = breaks_off}, {"GET", "/on/{x...}", .fn = writes_on},
    {"GET", "/ok", .fn = says_ok},  {0}};

static int rc_of(struct world *w, const char *request) {
    struct weir_stream *s = raw_dial(w);
    char got[100];
    logged_rc = 1;
    assert_int_equal(weir_write(s, request, strlen(request)), 0);
    assert_true(weir_read(s, got, sizeof got) > 0);
    assert_int_equal(weir_stream_option(s, WEIR_STREAM_RESET, 1), 0);
    weir_close(&s);
    while (logged_rc == 1)
        assert_int_equal(weir_sleep(MS(1)), 0);
    return logged_rc;
}

ROUTE_STORY(the_log_has_the_error_that_broke_an_answer, o->routes = broken_routes,
            o->log = note_rc) {
    assert_int_equal(rc_of(w, GET("/ok")), 0);
    assert_int_equal(rc_of(w, GET("/eio")), -EIO);
    int rc = rc_of(w, GET("/on/error"));
    assert_true(rc == -EPIPE || rc == -ECONNRESET);
    rc = rc_of(w, GET("/on/zero"));
    assert_true(rc == -EPIPE || rc == -ECONNRESET);
    return 0;
}

WEIR_TEST(a_line_of_the_log_fits_whatever_room_there_is) {
    struct weir_http_log e = {.size = sizeof e, .client = "192.0.2.1", .status = 200, .sent = 5,
                              .at = 1790000000, .took = MS(12)};
    char whole[200], text[200];
    int len = weir_http_log_line(&e, whole, sizeof whole);
    assert_string_equal(whole, "192.0.2.1 - - [21/Sep/2026:14:13:20 +0000] \"-\" 200 5 \"-\" \"-\" "
                               "0.012");
    for (size_t size = 1; size <= (size_t)len + 1; size++) {
        memset(text, 'x', sizeof text);
        int n = weir_http_log_line(&e, text, size);
        assert_true(n < (int)size);
        assert_int_equal(text[n], '\0');
        assert_int_equal(text[size], 'x');
        assert_memory_equal(text, whole, (size_t)n);
    }
    assert_int_equal(weir_http_log_line(&e, text, 0), 0);
}

/* ---- debug mode ---- */

static char debugged[1024];

static void note_debugged(enum weir_log_level level, const char *line, void *arg) {
    snprintf(debugged, sizeof debugged, "%s", line);
}

static int says_nothing(struct weir_http_request *r) {
    return 0;
}

static const struct weir_http_route silent_routes[] = {{"GET", "/silent", says_nothing}, {0}};

static void set_silent(struct weir_http_server_options *o) {
    o->routes = silent_routes;
}

static int tell_silent(struct world *w) {
    *debugged = '\0';
    assert_int_equal(status_of(ask(w, "GET", "/silent?a=b", "")), 404);
    return 0;
}

static void run_silent(bool debug) {
    struct telling t = {set_silent, tell_silent, SERVES};
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend, .debug = debug};
    weir_log_to(note_debugged, NULL);
    assert_int_equal(weir_run(tell, &t, &o), 0);
    weir_log_to(NULL, NULL);
}

WEIR_TEST_BACKENDS(debug_mode_logs_a_route_that_gave_no_answer) {
    run_silent(true);
    assert_non_null(strstr(debugged, "GET /silent: the handler returned 0 without an answer "
                                     "(answered 404)"));
    run_silent(false);
    assert_string_equal(debugged, "");
}

/* SPDX-License-Identifier: MIT */
/* A user's function sees the request before the upgrade, in both server shapes: it lets the client
 * in, refuses it, or answers plain HTTP; at once, after a wait, too late, or not at all. */
#include <errno.h>
#include <stdlib.h>

#include "proto/ws_test_util.h"

#define UPGRADE                                                                                    \
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"                                                \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define LOCAL "Host: localhost\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" LOCAL

static struct {
    int calls, rc, own; /* own: what "/own" returns */
    bool wants;
    char method[16], target[64], peer[64], cookie[64];
    bool held;
} seen;

static bool asks_for(const struct weir_http_request *r, const char *path) {
    return strncmp(weir_http_target(r), path, strlen(path)) == 0;
}

static int refuse(struct weir_http_request *r) {
    static const char *const headers[] = {"WWW-Authenticate: Bearer realm=\"weir\"",
                                          "Content-Type: text/plain", NULL};
    return weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 401, .headers = headers,
        .body = "a token, please\n", .len = 16});
}

static int reply_large(struct weir_http_request *r) {
    static char much[4 << 20];
    return weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 200, .body = much,
        .len = big_len() < sizeof much ? big_len() : sizeof much});
}

/* A look-up that has 2 ms, and a peer that never answers it. */
static int look_up_in_vain(void) {
    struct weir_scope s;
    weir_scope_enter(&s, MS(2));
    return weir_scope_leave(&s, weir_sleep(MS(2000)));
}

/* The path says what becomes of the request. */
static int decide(struct weir_http_request *r) {
    if (asks_for(r, "/health"))
        return weir_http_reply(r, 200, "fine\n");
    if (asks_for(r, "/refused"))
        return refuse(r);
    if (asks_for(r, "/late"))
        return weir_sleep(MS(5));
    if (asks_for(r, "/held"))
        return hold(&seen.held);
    if (asks_for(r, "/too-late"))
        return weir_sleep(MS(2000));
    if (asks_for(r, "/other-words"))
        return weir_sleep(MS(2000)) < 0 ? -EIO : 0;
    if (asks_for(r, "/fails"))
        return weir_fail(-EIO, "the store of tokens is gone");
    if (asks_for(r, "/own"))
        return weir_fail(seen.own, "out of tune");
    if (asks_for(r, "/wordless"))
        return -EIO;
    if (asks_for(r, "/positive"))
        return 401;
    if (asks_for(r, "/in-vain"))
        return look_up_in_vain();
    if (asks_for(r, "/large"))
        return reply_large(r);
    if (asks_for(r, "/both")) {
        int rc = weir_http_reply(r, 200, "first\n");
        return rc < 0 ? rc : weir_fail(-EIO, "but then");
    }
    if (asks_for(r, "/dawdles")) {
        int rc = weir_http_reply(r, 200, "early\n");
        return rc < 0 ? rc : weir_sleep(MS(2000));
    }
    return 0;
}

static int gate(struct weir_http_request *r) {
    const char *cookie = weir_http_header(r, "cookie");
    seen.calls++;
    seen.wants = weir_http_wants_websocket(r);
    assert_ptr_equal(weir_http_arg(r), the_world);
    snprintf(seen.method, sizeof seen.method, "%s", weir_http_method(r));
    snprintf(seen.target, sizeof seen.target, "%s", weir_http_target(r));
    snprintf(seen.peer, sizeof seen.peer, "%s", weir_http_peer(r));
    snprintf(seen.cookie, sizeof seen.cookie, "%s", cookie ? cookie : "none");
    return seen.rc = decide(r);
}

static char logged[400];

static void keep_lines(enum weir_log_level level, const char *line, void *arg) {
    size_t len = strlen(logged);
    if (level <= WEIR_LOG_WARNING)
        snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

#define GATE_STORY(sentence, ...)                                                                  \
    static int sentence##_at_the_gate(struct world *w);                                            \
    WS_STORY(sentence, o->request = gate, ##__VA_ARGS__) {                                         \
        memset(&seen, 0, sizeof seen);                                                             \
        logged[0] = '\0';                                                                          \
        weir_log_to(keep_lines, NULL);                                                             \
        int rc = sentence##_at_the_gate(w);                                                        \
        weir_log_to(NULL, NULL);                                                                   \
        return rc;                                                                                 \
    }                                                                                              \
    static int sentence##_at_the_gate(struct world *w)

/* Everything that the server sends, to the end of its stream, which is no reset. */
static const char *answer_to(struct world *w, const char *bytes, bool is_whole) {
    static char text[4000];
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    size_t len = 0, count = strlen(bytes);
    ssize_t n;
    for (size_t at = 0, step = is_whole ? count : 1; at < count; at += step) {
        assert_int_equal(weir_write(s, bytes + at, step), 0);
        if (!is_whole)
            weir_yield();
    }
    while ((n = weir_read(s, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    assert_int_equal(n, 0);
    text[len] = '\0';
    return text;
}

static void answers(struct world *w, const char *bytes, int status, const char *body) {
    for (int is_whole = 0; is_whole < 2; is_whole++) {
        int got = 0;
        const char *text = answer_to(w, bytes, is_whole), *end = strstr(text, "\r\n\r\n");
        assert_int_equal(sscanf(text, "HTTP/1.1 %d", &got), 1);
        assert_int_equal(got, status);
        assert_non_null(end);
        assert_string_equal(end + 4, body);
    }
}

/* ---- it sees, and lets in ---- */

GATE_STORY(a_request_is_seen_before_the_upgrade) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    assert_int_equal(raw_ask(s, GET("/a?b=c") UPGRADE "COOKIE: d=e\r\nCookie: f\r\n\r\n"), 101);
    assert_int_equal(seen.calls, 1);
    assert_true(seen.wants);
    assert_string_equal(seen.method, "GET");
    assert_string_equal(seen.target, "/a?b=c");
    assert_string_equal(seen.cookie, "d=e");
    assert_string_equal(seen.peer, weir_stream_local(s));
    frame_send(s, TEXT, "in");
    expect_frame(s, TEXT, "in");
    return 0;
}

static int eager(struct world *w, const char *path, bool is_whole) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    char bytes[600];
    size_t n = (size_t)snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\n" LOCAL UPGRADE "\r\n",
                                path);
    n += frame_make((uint8_t *)bytes + n, TEXT, "eager", 5);
    n += frame_make((uint8_t *)bytes + n, PING, "beaver", 6);
    for (size_t at = 0, step = is_whole ? n : 1; at < n; at += step) {
        assert_int_equal(weir_write(s, bytes + at, step), 0);
        if (!is_whole)
            weir_yield();
    }
    assert_int_equal(raw_ask(s, ""), 101);
    char text[64], other[64];
    int first = frame_read(s, text, sizeof text), second = frame_read(s, other, sizeof other);
    assert_int_equal(first + second, TEXT + PONG);
    assert_string_equal(first == TEXT ? text : other, "eager");
    return 0;
}

GATE_STORY(frames_behind_the_head_wait_for_the_function) {
    for (int is_whole = 0; is_whole < 2; is_whole++) {
        eager(w, "/", is_whole);
        eager(w, "/late", is_whole);
    }
    assert_string_equal(logged, "");
    return 0;
}

GATE_STORY(a_request_that_asks_for_no_upgrade_is_refused_if_nothing_answers) {
    answers(w, GET("/") "\r\n", 426, "not a websocket handshake: no upgrade to websocket\n");
    assert_int_equal(seen.calls, 2);
    assert_false(seen.wants);
    answers(w, GET("/late") "\r\n", 426, "not a websocket handshake: no upgrade to websocket\n");
    return 0;
}

GATE_STORY(an_answer_to_head_has_no_body) {
    answers(w, "HEAD / HTTP/1.1\r\n" LOCAL "\r\n", 426, "");
    answers(w, "HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "");
    answers(w, "HEAD / HTTP/1.1\r\n" LOCAL "Origin: https://evil.example\r\n\r\n", 403, "");
    answers(w, "HEAD /fails HTTP/1.1\r\n" LOCAL "\r\n", 500, "");
    answers(w, "HEAD /positive HTTP/1.1\r\n" LOCAL "\r\n", 500, "");
    answers(w, "HEAD /refused HTTP/1.1\r\n" LOCAL "\r\n", 401, "");
    answers(w, GET("/fails") "\r\n", 500, "the server could not decide\n");
    return 0;
}

static const char *const some_origins[] = {"https://good.example", NULL};

GATE_STORY(what_is_refused_anyhow_is_not_seen, o->origins = some_origins) {
    answers(w, "GET / HTTP/1.1\r\nHost: evil.example\r\n" UPGRADE "\r\n", 421,
            "not a name of this server\n");
    answers(w, GET("/health") "Origin: https://evil.example\r\n\r\n", 403,
            "this origin is not allowed\n");
    answers(w, GET("/health") "Origin: https://good.example\r\nOrigin: x\r\n\r\n", 403,
            "this origin is not allowed\n");
    answers(w, GET("/health") "Bad : header\r\n\r\n", 400, "space before colon\n");
    assert_int_equal(seen.calls, 0);
    answers(w, GET("/health") "Origin: https://good.example\r\n\r\n", 200, "fine\n");
    assert_int_equal(seen.calls, 2);
    return 0;
}

/* ---- it answers ---- */

GATE_STORY(plain_http_is_answered_and_nothing_is_logged) {
    answers(w, GET("/health") "\r\n", 200, "fine\n");
    assert_string_equal(logged, "");
    if (!w->reacts) {
        wait_ended(w, 2);
        assert_int_equal(w->rc, 1);
    }
    answers(w, "HEAD /health HTTP/1.1\r\n" LOCAL "\r\n", 200, "");
    answers(w, "GET http://localhost/health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 426,
            "not a websocket handshake: no upgrade to websocket\n");
    assert_string_equal(seen.target, "http://localhost/health");
    return 0;
}

GATE_STORY(a_refusal_has_its_status_headers_and_text) {
    answers(w, GET("/refused") UPGRADE "\r\n", 401, "a token, please\n");
    assert_non_null(strstr(answer_to(w, GET("/refused") UPGRADE "\r\n", true),
                           "\r\nWWW-Authenticate: Bearer realm=\"weir\"\r\n"));
    assert_string_equal(logged, "");
    return 0;
}

GATE_STORY(what_follows_an_answered_request_is_thrown_away) {
    answers(w, GET("/health") "\r\n" GET("/health") "\r\n" GET("/") UPGRADE "\r\n", 200, "fine\n");
    assert_int_equal(seen.calls, 2);
    answers(w, GET("/health") "Content-Length: 9\r\n\r\nbody body", 200, "fine\n");
    answers(w, "POST /health HTTP/1.1\r\n" LOCAL "Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
            200, "fine\n");
    answers(w, GET("/") UPGRADE "Content-Length: 4\r\n\r\nbody", 400,
            "a websocket handshake has no body\n");
    return 0;
}

GATE_STORY(a_large_answer_arrives_whole) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    static char piece[64 << 10];
    size_t sum = 0;
    ssize_t n;
    assert_int_equal(raw_ask(s, GET("/large") "\r\n"), 200);
    while ((n = weir_read(s, piece, sizeof piece)) > 0) {
        sum += (size_t)n;
        weir_yield();
    }
    assert_int_equal(n, 0);
    assert_int_equal(sum, big_len() < 4 << 20 ? big_len() : 4 << 20);
    return 0;
}

/* ---- it fails, or takes too long ---- */

GATE_STORY(a_failure_is_answered_500_and_its_text_stays_here) {
    answers(w, GET("/fails") UPGRADE "\r\n", 500, "the server could not decide\n");
    if (w->reacts) {
        assert_non_null(strstr(logged, "the store of tokens is gone (answered 500)\n"));
        assert_non_null(strstr(logged, seen.peer));
    } else {
        assert_int_equal(w->rc, -EIO);
        assert_string_equal(w->text, "the store of tokens is gone");
        assert_string_equal(logged, "");
    }
    answers(w, GET("/wordless") UPGRADE "\r\n", 500, "the server could not decide\n");
    assert_null(strstr(w->text, "of another story"));
    const char *named = strstr(logged, ": input/output error (EIO) (answered 500)\n");
    assert_true(!w->reacts || (named != NULL && strstr(logged, ": ws request ") == NULL));
    return 0;
}

GATE_STORY(a_positive_result_without_an_answer_lets_nobody_in) {
    answers(w, GET("/positive") UPGRADE "\r\n", 500, "the server could not decide\n");
    if (w->reacts) {
        assert_non_null(strstr(logged, ": the function returned 401: 0 goes on"));
        assert_non_null(strstr(logged, "(answered 500)\n"));
        return 0;
    }
    assert_int_equal(w->rc, -EINVAL);
    assert_non_null(strstr(w->text, "returned 401"));
    return 0;
}

GATE_STORY(any_code_of_the_programs_own_is_answered_500) {
    for (size_t i = 0; i < sizeof own_codes / sizeof own_codes[0]; i++) {
        seen.own = own_codes[i];
        answers(w, GET("/own") UPGRADE "\r\n", 500, "the server could not decide\n");
        assert_int_equal(seen.rc, own_codes[i]);
        if (!w->reacts)
            assert_int_equal(w->rc, own_codes[i]);
    }
    return 0;
}

GATE_STORY(a_failure_behind_an_answer_does_not_change_it) {
    answers(w, GET("/both") "\r\n", 200, "first\n");
    if (w->reacts)
        assert_non_null(strstr(logged, "but then\n"));
    else
        assert_int_equal(w->rc, -EIO);
    return 0;
}

/* Not whole: byte by byte the time would be over before the head is there. */
static void is_late(struct world *w, const char *bytes, const char *end) {
    const char *text = answer_to(w, bytes, true);
    assert_int_equal(strncmp(text, end, strlen(end)), 0);
    assert_null(strstr(text + 1, "HTTP/1.1"));
}

GATE_STORY(a_function_that_takes_too_long_gets_the_client_408, o->handshake_ns = MS(20)) {
    is_late(w, GET("/too-late") UPGRADE "\r\n", "HTTP/1.1 408 ");
    assert_int_equal(seen.rc, -ETIME);
    is_late(w, GET("/other-words") UPGRADE "\r\n", "HTTP/1.1 408 ");
    assert_int_equal(seen.rc, -EIO);
    if (w->reacts) {
        assert_non_null(strstr(logged, "the handshake took too long (answered 408)"));
    } else {
        assert_int_equal(w->rc, -ETIME);
        assert_non_null(strstr(w->text, "the handshake took longer than 20 ms"));
    }
    return 0;
}

/* The N-th allocation after the client has connected fails: one of them is that of the request, if
 * no seed has cut it into parts. So each is tried several times. */
GATE_STORY(without_memory_for_the_request_the_client_gets_503) {
    bool is_told = false;
    for (size_t nth = 0; nth < 32; nth++) {
        WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
        char text[512] = "";
        settle();
        weir__alloc_fail_at(1 + nth % 8);
        ssize_t n = weir_write(s, GET("/health") "\r\n", strlen(GET("/health") "\r\n"));
        for (size_t len = 0; n >= 0 && len < sizeof text - 1; len += (size_t)n)
            if ((n = weir_read(s, text + len, sizeof text - 1 - len)) <= 0)
                break;
        weir__alloc_fail_at(0);
        is_told |= strstr(text, "HTTP/1.1 503 ") == text && strstr(text, "\nout of memory\n");
    }
    assert_true(is_told);
    return 0;
}

GATE_STORY(a_deadline_of_the_functions_own_is_a_failure) {
    answers(w, GET("/in-vain") UPGRADE "\r\n", 500, "the server could not decide\n");
    if (!w->reacts) {
        assert_int_equal(w->rc, -ETIME);
        assert_null(strstr(w->text, "handshake"));
    }
    return 0;
}

GATE_STORY(a_function_that_answers_and_stays_too_long_has_answered, o->handshake_ns = MS(20)) {
    is_late(w, GET("/dawdles") "\r\nand more", "HTTP/1.1 200 ");
    assert_int_equal(seen.rc, -ETIME);
    return 0;
}

GATE_STORY(an_answer_that_is_not_read_ends_with_the_handshakes_time, o->handshake_ns = MS(30)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, GET("/large") "\r\n", strlen(GET("/large") "\r\n")), 0);
    for (int i = 0; i < 2000 && seen.rc == 0; i++)
        weir_sleep(MS(1));
    assert_int_equal(seen.rc, -ETIME);
    assert_string_equal(logged, "");
    return 0;
}

GATE_STORY(a_function_that_takes_too_long_gets_no_body_to_head, o->handshake_ns = MS(20)) {
    const char *text = answer_to(w, "HEAD /too-late HTTP/1.1\r\n" LOCAL "\r\n", true);
    assert_memory_equal(text, "HTTP/1.1 408 ", 13);
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    return 0;
}

/* ---- it is interrupted ---- */

/* Send the request; return when the function has it. */
static void ask_and_wait(struct weir_stream *s, const char *request) {
    assert_int_equal(weir_write(s, request, strlen(request)), 0);
    while (seen.calls == 0)
        weir_sleep(MS(1));
}

GATE_STORY(a_client_that_goes_meanwhile_leaves_nothing) {
    struct weir_stream *s = raw_dial(w);
    ask_and_wait(s, GET("/late") UPGRADE "\r\n");
    weir_close(&s);
    weir_sleep(MS(20));
    assert_string_equal(logged, "");
    answers(w, GET("/health") "\r\n", 200, "fine\n");
    return 0;
}

GATE_STORY(a_server_that_stops_cancels_the_function) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    char byte;
    seen.held = true;
    ask_and_wait(s, GET("/held") UPGRADE "\r\n");
    weir_group_cancel(&w->clients, "enough");
    struct weir_scope shield; /* the story runs inside that group */
    weir_shield_enter(&shield, MS(2000));
    ssize_t n = weir_read(s, &byte, 1);
    weir_scope_leave(&shield, 0);
    assert_int_equal(n, 0);
    assert_int_equal(seen.rc, -ECANCELED);
    assert_string_equal(logged, "");
    return 0;
}

GATE_STORY(a_connection_counts_while_its_request_is_looked_at, o->connections_max = 1) {
    if (!w->reacts)
        return 0; /* the server's own loop limits them */
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    seen.held = true;
    ask_and_wait(s, GET("/held") UPGRADE "\r\n");
    assert_non_null(strstr(answer_to(w, GET("/health") "\r\n", true), "503"));
    seen.held = false;
    assert_int_equal(raw_ask(s, ""), 101);
    return 0;
}

/* ---- the reactive server's own ---- */

static char proven[16];

static int proves(struct weir_http_request *r, void *state) {
    snprintf(state, sizeof proven, "%s", weir_http_target(r));
    return strcmp(weir_http_arg(r), "own arg") == 0 ? 0 : -EIO;
}
static int finds(struct weir_ws *ws, void *state) {
    memcpy(proven, state, sizeof proven);
    return 0;
}

struct other_args { struct weir_listener *l; const struct weir_ws_reactive *r; struct world *w; };
static int other(void *args) {
    struct other_args *a = args;
    return weir_ws_react(a->l, &a->w->clients, a->r, &a->w->o);
}

WS_STORY(what_a_request_proved_is_in_the_state_when_opened_runs) {
    static const struct weir_ws_reactive r = {
        .size = sizeof r, .state_size = sizeof proven, .request = proves, .opened = finds,
        .message = react_message, .closed = react_closed, .arg = (void *)(uintptr_t)"own arg"};
    struct weir_listener *l = NULL;
    struct weir_ws *ws = NULL;
    char url[64];
    if (!w->reacts)
        return 0;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/proof", weir_listener_port(l));
    assert_int_equal(weir_go(&w->servers, other, .l = l, .r = &r, .w = w), 0);
    assert_int_equal(weir_ws_dial(url, NULL, &ws), 0);
    settle();
    assert_string_equal(proven, "/proof");
    weir_ws_drop(&ws);
    weir_unlisten(&l);
    settle();
    return 0;
}

WS_STORY(a_request_function_in_the_wrong_place_is_refused) {
    struct weir_listener *l = NULL;
    struct weir_ws_options o = {.size = sizeof o, .request = gate};
    if (!w->reacts)
        return 0;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    assert_int_equal(weir_ws_react(l, &w->clients, &test_reactive, &o), -EINVAL);
    assert_non_null(strstr(weir_error_message(-EINVAL), "weir_ws_accept"));
    weir_unlisten(&l);
    return 0;
}

/* ---- our client ---- */

GATE_STORY(a_client_sends_headers_and_reads_the_status_of_a_refusal) {
    static const char *const headers[] = {"Cookie: a=b; c=d", "X-Empty:", NULL};
    struct weir_ws_options o = {.size = sizeof o, .headers = headers};
    struct weir_ws *ws = NULL;
    char url[80];
    snprintf(url, sizeof url, "%srefused", w->ws_url);
    assert_int_equal(weir_ws_dial(url, &o, &ws), WEIR_EHTTP);
    assert_int_equal(weir_error(WEIR_EHTTP)->status, 401);
    assert_non_null(strstr(weir_error_message(WEIR_EHTTP), "the server answered 401 Unauthorized"));
    assert_null(ws);
    assert_string_equal(seen.cookie, "a=b; c=d");
    snprintf(url, sizeof url, "%shealth", w->ws_url);
    char said[200];
    snprintf(said, sizeof said, "ws handshake %s: the server answered 200 OK (text/plain), not "
             "101: there is no WebSocket", url);
    assert_int_equal(weir_ws_dial(url, &o, &ws), WEIR_EHTTP);
    assert_string_equal(weir_error_message(WEIR_EHTTP), said);
    assert_int_equal(weir_ws_dial(w->ws_url, &o, &ws), 0);
    weir_ws_drop(&ws);
    return 0;
}

GATE_STORY(a_clients_bad_header_is_named_and_nothing_is_dialled) {
    static const char *const bad[] = {"X-Bad: a\r\nEvil: b", "X\n: a", "No colon", ": a", "X : a",
                                      "Host: evil.example", "origin: x", "Sec-WebSocket-Key: x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const headers[] = {"X-Good: a", bad[i], NULL};
        struct weir_ws_options o = {.size = sizeof o, .headers = headers};
        struct weir_ws *ws = NULL;
        assert_int_equal(weir_ws_dial(w->ws_url, &o, &ws), -EINVAL);
        assert_null(ws);
        assert_non_null(strstr(weir_error_message(-EINVAL), "ws dial: the header \""));
    }
    settle();
    assert_int_equal(seen.calls, 0);
    assert_int_equal(w->ended, 0);
    return 0;
}

GATE_STORY(what_else_cannot_be_sent_is_named_and_nothing_is_dialled) {
    static const char *const names[] = {"chat", "my chat", NULL};
    struct weir_ws_options bad[] = {{.size = sizeof bad[0], .origin = "http://a\r\nEvil: b"},
                                    {.size = sizeof bad[0], .subprotocols = names}};
    static const char *const said[] = {
        "ws dial: the origin \"http://a\\x0d\\nEvil: b\": a control character in it",
        "ws dial: the subprotocol \"my chat\" is no token"};
    for (size_t i = 0; i < 2; i++) {
        struct weir_ws *ws = NULL;
        assert_int_equal(weir_ws_dial(w->ws_url, &bad[i], &ws), -EINVAL);
        assert_string_equal(weir_error_message(-EINVAL), said[i]);
    }
    settle();
    assert_int_equal(seen.calls, 0);
    assert_int_equal(w->ended, 0);
    return 0;
}

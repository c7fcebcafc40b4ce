/* SPDX-License-Identifier: MIT */
/* Conversations, run again and again: the N-th allocation fails, the N-th marked call is cancelled,
 * or the N-th op is struck, for N = 1, 2, ... until a run has no N-th. Nothing may be left, and
 * each message that arrives must be whole. */
#include <errno.h>
#include <weir/testing.h>
#include <weir/ws_deflate.h>

#include "proto/ws_test_util.h"
#include "wire/deflate.h"

/* A connection that is served; a reactive one; one whose handler is held while its peer goes on;
 * of both shapes one where the user's function sees each request first; and of both one whose
 * messages are compressed, if this build can. */
enum { SERVE, REACT, HELD, ASKED_SERVE, ASKED_REACT, ZIPPED_SERVE, ZIPPED_REACT, SHAPES };

static int shape;

/* Every kind of call once. What comes is whole frames, or nothing. */
static int converse(const char *url, const struct weir_ws_options *o) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    static char much[100 << 10];
    struct weir_ws_message m;
    int rc = weir_ws_dial(url, o, &ws);
    if (rc == 0)
        rc = ws_say(ws, "hello");
    if (rc == 0)
        rc = weir_ws_send_part(ws, WEIR_WS_BINARY, much, 1000, false);
    if (rc == 0)
        rc = weir_ws_send_part(ws, WEIR_WS_BINARY, much, sizeof much - 1000, true);
    if (rc == 0)
        rc = weir_ws_flush(ws);
    if (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        assert_true(says(&m, "hello"));
    if (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0) {
        assert_int_equal(m.data.len, sizeof much);
        assert_memory_equal(m.data.base, much, sizeof much);
    }
    return rc == 0 ? weir_ws_close(ws, 1000, "done") : rc;
}

static int write_frame(struct weir_stream *s, unsigned first_byte, const char *text) {
    uint8_t buf[64];
    size_t n = frame_make(buf, first_byte, text, strlen(text));
    int rc = weir_write(s, buf, n);
    return rc < 0 ? rc : weir_sleep(MS(1));
}

static int read_frame(struct weir_stream *s, int first_byte, const char *text) {
    char got[64], head[2] = {(char)first_byte, (char)strlen(text)};
    int rc = weir_read_exactly(s, got, 2 + strlen(text));
    if (rc < 0)
        return rc;
    return memcmp(got, head, 2) == 0 && memcmp(got + 2, text, strlen(text)) == 0 ? 0 : -EBADMSG;
}

static int shake_hands(struct weir_stream *s) {
    char line[512];
    ssize_t n = weir_write(s, plain_request, strlen(plain_request));
    if (n == 0)
        while ((n = weir_read_until(s, '\n', line, sizeof line)) > 2)
            ;
    return n < 0 ? (int)n : n == 0 ? WEIR_EEOF : 0;
}

/* While the handler is held: pings, messages and a close, in pieces. */
static int go_on(struct world *w, struct weir_stream *s) {
    int rc = shake_hands(s);
    if (rc == 0 && (rc = write_frame(s, TEXT, "hold 1")) == 0)
        rc = write_frame(s, PING, "one");
    if (rc == 0 && (rc = read_frame(s, PONG, "one")) == 0)
        rc = write_frame(s, TEXT, "next");
    if (rc == 0 && (rc = write_frame(s, TEXT_PART, "hold")) == 0)
        rc = write_frame(s, PING, "two");
    if (rc == 0)
        rc = read_frame(s, PONG, "two");
    w->held = false;
    w->one_by_one = true;
    if (rc == 0)
        rc = read_frame(s, TEXT, "hold 1");
    if (rc == 0 && (rc = read_frame(s, TEXT, "next")) == 0)
        rc = write_frame(s, CONTINUATION_FIN, " 2");
    if (rc == 0 && (rc = write_frame(s, TEXT, "put aside")) == 0)
        rc = write_frame(s, CLOSE, "\x0f\xa0");
    if (rc == 0)
        rc = read_frame(s, CLOSE, "\x0f\xa0");
    w->held = w->one_by_one = false;
    return rc;
}

static int converse_held(struct world *w) {
    struct weir_stream *s = NULL;
    w->held = true;
    int rc = weir_dial(w->tcp_url, NULL, &s);
    if (rc == 0)
        rc = go_on(w, s);
    weir_close(&s);
    return rc;
}

/* Looks something up, then answers by itself, or lets the client in. */
static int look_up(struct weir_http_request *r) {
    static const char *const headers[] = {"Cache-Control: no-store", NULL};
    struct weir_http_answer a = {.size = sizeof a, .status = 401, .headers = headers,
                                 .body = "who?", .len = 4};
    int rc = weir_sleep(MS(1));
    if (rc < 0)
        return rc;
    if (!weir_http_wants_websocket(r))
        return weir_http_reply(r, 200, "fine");
    return weir_http_header(r, "Token") != NULL ? 0 : weir_http_reply_with(r, &a);
}

/* What comes is a whole answer, or one of the library's. */
static int ask_health(struct world *w) {
    static const char request[] = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nmore";
    static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                               "Connection: close\r\nContent-Length: 4\r\n\r\nfine";
    struct weir_stream *s = NULL;
    char text[512];
    int rc = weir_dial(w->tcp_url, NULL, &s);
    if (rc == 0 && (rc = weir_write(s, request, sizeof request - 1)) == 0)
        rc = weir_read_exactly(s, text, sizeof fine - 1);
    weir_close(&s);
    return rc < 0 || memcmp(text, fine, sizeof fine - 1) == 0 ? rc : -EBADMSG;
}

static int converse_asked(struct world *w) {
    static const char *const headers[] = {"Token: 7", NULL};
    struct weir_ws_options o = w->o;
    struct weir_ws *ws = NULL;
    int rc = ask_health(w);
    if (rc < 0)
        return rc;
    rc = weir_ws_dial(w->ws_url, &o, &ws);
    if (rc != WEIR_EHTTP || weir_error(rc)->status != 401) {
        weir_ws_drop(&ws);
        return rc == 0 ? -EBADMSG : rc;
    }
    o.headers = headers;
    return converse(w->ws_url, &o);
}

static bool is_asked(void) {
    return shape == ASKED_SERVE || shape == ASKED_REACT;
}

static int story(void *arg) {
    static const struct weir_ws_deflate deflate = {.size = sizeof deflate, .threshold = 1,
                                                   .server_takeover = true};
    bool reacts = shape != SERVE && shape != ASKED_SERVE && shape != ZIPPED_SERVE;
    struct world w = {.reacts = reacts, .o = {.size = sizeof w.o, .close_ns = MS(50)}};
    struct weir_scope patience;
    if (shape >= ZIPPED_SERVE && weir__deflate_table != NULL)
        w.o.deflate = &deflate;
    the_world = &w;
    w.request = shape == ASKED_REACT ? look_up : NULL;
    w.o.request = shape == ASKED_SERVE ? look_up : NULL;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &w.l);
    if (rc < 0)
        return rc;
    snprintf(w.ws_url, sizeof w.ws_url, "ws://127.0.0.1:%d/x", weir_listener_port(w.l));
    snprintf(w.tcp_url, sizeof w.tcp_url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&w.servers, WEIR_TOGETHER);
    rc = weir_go(&w.servers, server, .w = &w);
    weir_scope_enter(&patience, MS(3000)); /* virtual, or of a machine with other work */
    if (rc == 0 && (rc = weir_yield()) == 0)
        rc = shape == HELD           ? converse_held(&w)
             : is_asked()           ? converse_asked(&w)
                                    : converse(w.ws_url, &w.o);
    rc = weir_scope_leave(&patience, rc);
    weir_group_cancel(&w.servers, "the story ends");
    int served = weir_group_close(&w.servers, 0);
    weir_unlisten(&w.l);
    weir_group_cancel(&w.clients, "the story ends");
    weir_group_close(&w.clients, 0);
    return rc < 0 ? rc : served == WEIR_ESTOPPED ? 0 : served;
}

/* As on epoll, as on io_uring; and with pieces that hold nothing whole, which 100 KiB of the other
 * shapes would take minutes for. */
static const struct {
    int shape;
    struct weir_sim_options sim;
} worlds[] = {
#define SIZE .size = sizeof(struct weir_sim_options)
    {SERVE, {SIZE}}, {SERVE, {SIZE, .deferred = true}},
    {REACT, {SIZE}}, {REACT, {SIZE, .deferred = true}},
    {HELD, {SIZE}},  {HELD, {SIZE, .deferred = true}},
    {HELD, {SIZE, .piece_size = 7, .piece_count = 2}},
    {ASKED_SERVE, {SIZE}}, {ASKED_SERVE, {SIZE, .deferred = true}},
    {ASKED_REACT, {SIZE}}, {ASKED_REACT, {SIZE, .deferred = true}},
    {ZIPPED_SERVE, {SIZE}}, {ZIPPED_SERVE, {SIZE, .deferred = true}},
    {ZIPPED_REACT, {SIZE}}, {ZIPPED_REACT, {SIZE, .deferred = true}},
};
enum { WORLDS = sizeof worlds / sizeof worlds[0] };

static struct weir_story told_in(int world) {
    shape = worlds[world].shape;
    return (struct weir_story){.size = sizeof(struct weir_story), .name = "converse", .fn = story,
                               .options = &worlds[world].sim};
}

static void quiet(enum weir_log_level level, const char *line, void *arg) {}

/* On every backend; N_MAX bounds the time a real one takes. */
WEIR_TEST_BACKENDS(without_the_nth_allocation_nothing_is_left_behind) {
    enum { N_MAX = 200 };
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    weir_log_to(quiet, NULL);
    for (shape = 0; shape < SHAPES; shape++) {
        size_t live = weir__alloc_live(), n = 0, asked;
        int rc;
        do {
            weir__alloc_fail_at(++n);
            rc = weir_run(story, NULL, &o);
            asked = weir__alloc_fail_at(0);
            if (weir__alloc_live() != live)
                fail_msg("allocation %zu failed: %zu blocks left", n, weir__alloc_live() - live);
        } while (asked >= n && n < N_MAX);
        assert_int_equal(rc, 0);
        assert_true(n > 20);
    }
}

static void explore(int (*how)(const struct weir_story *s, struct weir_explored *ret)) {
    for (int i = 0; i < WORLDS; i++) {
        struct weir_story told = told_in(i);
        struct weir_explored e;
        assert_int_equal(how(&told, &e), 0);
        assert_int_equal(e.failed, 0);
        assert_true(e.points > 20);
    }
}

WEIR_TEST(cancelled_at_the_nth_call) {
    explore(weir_explore_cancels);
}

WEIR_TEST(starved_at_the_nth_allocation) {
    explore(weir_explore_allocations);
}

static void strike(enum weir_fault_effect effect) {
    struct weir_fault f = {.size = sizeof f, .effect = effect};
    for (int i = 0; i < WORLDS; i++) {
        struct weir_story told = told_in(i);
        struct weir_explored e;
        assert_int_equal(weir_explore_faults(&told, &f, &e), 0);
        assert_int_equal(e.failed, 0);
    }
}

WEIR_TEST(the_nth_op_fails) {
    strike(WEIR_FAULT_ERROR);
}

WEIR_TEST(the_nth_op_comes_short) {
    strike(WEIR_FAULT_SHORT);
}

WEIR_TEST(the_nth_op_comes_late) {
    strike(WEIR_FAULT_LATE);
}

WEIR_TEST(the_nth_op_never_comes) {
    strike(WEIR_FAULT_NEVER);
}

/* SPDX-License-Identifier: MIT */
/* WebSocket servers over streams that are no sockets, and connections that become WebSockets: a
 * server of another protocol reads the head of a request and hands the connection over. */
#include <errno.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/ws.h>

#include "proto/ws_room.h"
#include "stream/ahead.h"
#include "stream/stream_test_util.h"
#include "task/task.h"

static const char head[] = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                           "Sec-WebSocket-Version: 13\r\n\r\n";
static const char hello[] = "\x81\x85\0\0\0\0hello"; /* a client's frames, masked with zeros */
static const char goodbye[] = "\x88\x82\0\0\0\0\x03\xe8";

static struct {
    int opened, closed, code, heads;
} seen;

static int ws_opened(struct weir_ws *ws, void *state) {
    seen.opened++;
    assert_string_equal(weir_ws_path(ws), "/chat");
    return 0;
}

static int ws_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static void ws_closed(struct weir_ws *ws, void *state, int rc) {
    seen.closed++;
    seen.code = weir_ws_close_code(ws);
}

static const struct weir_ws_reactive echoes = {.size = sizeof echoes, .state_size = 24,
                                               .opened = ws_opened, .message = ws_message,
                                               .closed = ws_closed};

/* ---- a peer ---------------------------------------------------------------------------------- */

/* What is sent may come in pieces of `step` bytes. */
static int send_in(struct weir_stream *s, const char *bytes, size_t len, size_t step) {
    int rc = 0;
    for (size_t at = 0, n; at < len && rc == 0; at += n) {
        n = len - at < step ? len - at : step;
        rc = weir_write(s, bytes + at, n);
        if (rc == 0 && step < len)
            rc = weir_yield();
    }
    return rc;
}

static int expect(struct weir_stream *s, const char *bytes, size_t len) {
    char got[16];
    int rc = weir_read_exactly(s, got, len);
    return rc == 0 && memcmp(got, bytes, len) != 0 ? -EBADMSG : rc;
}

/* The handshake and the first message at once, in pieces of step bytes; then one more, and the
 * close. */
static int talk(struct weir_stream *s, size_t step) {
    char all[sizeof head + sizeof hello], answer[512];
    size_t len = sizeof head - 1;
    memcpy(all, head, len);
    memcpy(all + len, hello, sizeof hello - 1);
    int rc = send_in(s, all, len + sizeof hello - 1, step);
    ssize_t n = 1;
    while (rc == 0 && n > 0 && n != 2) {
        n = weir_read_until(s, '\n', answer, sizeof answer);
        if (n > 2 && strncmp(answer, "HTTP/1.1 ", 9) == 0 && strstr(answer, "101") == NULL)
            return -EPROTO;
        rc = n < 0 ? (int)n : n == 0 ? -EPIPE : 0;
    }
    if (rc == 0)
        rc = expect(s, "\x81\x05hello", 7);
    if (rc == 0)
        rc = send_in(s, hello, sizeof hello - 1, step);
    if (rc == 0)
        rc = expect(s, "\x81\x05hello", 7);
    if (rc == 0)
        rc = send_in(s, goodbye, sizeof goodbye - 1, step);
    return rc == 0 ? expect(s, "\x88\x02\x03\xe8", 4) : rc;
}

/* ---- a listener in memory -------------------------------------------------------------------- */

struct world {
    struct weir_listener *l;
    struct weir_group conns;
    int (*serve)(struct world *w);
};

struct serve_args {
    struct world *w;
};

static int serve(void *args) {
    struct world *w = ((struct serve_args *)args)->w;
    return w->serve(w);
}

static int meet(int (*serving)(struct world *w), size_t step) {
    struct world w = {.serve = serving};
    struct weir_group servers;
    struct weir_stream *s = NULL;
    struct weir_scope patience;
    memset(&seen, 0, sizeof seen);
    int rc = weir_listen("mem:chat", NULL, &w.l);
    if (rc < 0)
        return rc;
    weir_group_open(&w.conns, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    weir_scope_enter(&patience, WEIR_SECONDS(5));
    rc = weir_go(&servers, serve, .w = &w);
    if (rc == 0)
        rc = weir_dial("mem:chat", NULL, &s);
    if (rc == 0)
        rc = talk(s, step);
    rc = weir_scope_leave(&patience, rc);
    weir_close(&s);
    weir_unlisten(&w.l);
    if (rc < 0)
        weir_group_cancel(&servers, "the story ends");
    int served = weir_group_close(&servers, 0);
    if (rc < 0 || served < 0)
        weir_group_cancel(&w.conns, "the story ends");
    weir_group_close(&w.conns, 0);
    return rc < 0 ? rc : served;
}

static int by_ws_react(struct world *w) {
    return weir_ws_react(w->l, &w->conns, &echoes, NULL);
}

LOOP_STORY(websockets_are_served_reactively_in_memory) {
    static const size_t steps[] = {1000, 7, 1};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(meet(by_ws_react, steps[i]), 0);
        assert_int_equal(seen.opened, 1);
        assert_int_equal(seen.closed, 1);
        assert_int_equal(seen.code, 1000);
    }
    return 0;
}

/* ---- another protocol becomes a WebSocket ---------------------------------------------------- */

struct gathered { /* the state of a connection of the server before */
    size_t len;
    char bytes[512];
};

static int gather(struct weir_conn *c, void *state, struct weir_view v) {
    struct gathered *g = state;
    struct react_server *ws = weir_conn_arg(c);
    assert_true(g->len + v.len < sizeof g->bytes);
    memcpy(g->bytes + g->len, v.base, v.len);
    g->len += v.len;
    if (memmem(g->bytes, g->len, "\r\n\r\n", 4) == NULL)
        return 0;
    seen.heads++;
    return weir__conn_become(c, ws, (struct weir_view){(const uint8_t *)g->bytes, g->len});
}

static void unref(void *arg) { /* live connections of the server before may still become one */
    weir__react_server_unref(arg);
}

static int by_becoming(struct world *w) {
    static const struct weir__react_hooks hooks = {.freed = unref};
    struct react_server *ws, *sv;
    int rc = weir__ws_react_server(&echoes, NULL, NULL, NULL, &ws);
    if (rc < 0)
        return rc;
    size_t state = weir__react_state_size(ws);
    assert_true(state >= 24);
    struct weir_reactive r = {.size = sizeof r, .message = gather, .arg = ws,
                              .state_size = state > sizeof(struct gathered)
                                                ? state : sizeof(struct gathered)};
    sv = weir__react_server_new(weir__loop(), w->l, &r, &hooks);
    if (sv == NULL) {
        weir__react_server_unref(ws);
        return weir_fail(-ENOMEM, "no server");
    }
    return weir__react_by(w->l, &w->conns, sv);
}

LOOP_STORY(a_connection_of_another_server_becomes_a_websocket) {
    static const size_t steps[] = {1000, 7, 1};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(meet(by_becoming, steps[i]), 0);
        assert_int_equal(seen.heads, 1);
        assert_int_equal(seen.opened, 1);
        assert_int_equal(seen.closed, 1);
        assert_int_equal(seen.code, 1000);
    }
    return 0;
}

static int memory_story(void *arg) {
    return meet(by_ws_react, 1000);
}

static int becoming_story(void *arg) {
    return meet(by_becoming, 50);
}

static void disturb(const char *name, int (*fn)(void *arg)) {
    const struct weir_story story = {.size = sizeof story, .name = name, .fn = fn};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&story, &e), 0);
    assert_true(e.points > 5);
    assert_int_equal(weir_explore_allocations(&story, &e), 0);
    assert_true(e.points > 5);
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}

WEIR_TEST(a_websocket_in_memory_may_be_disturbed_anywhere) {
    disturb("ws in memory", memory_story);
}

WEIR_TEST(a_connection_that_becomes_a_websocket_may_be_disturbed_anywhere) {
    disturb("ws by becoming", becoming_story);
}

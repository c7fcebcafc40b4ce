/* SPDX-License-Identifier: MIT */
/* ws_test_util.h - a WebSocket server of either shape, and a peer that sends raw bytes, so that it
 * can send what no client of ours would. Tests only.
 *
 * The server echoes, except for some texts: "close" closes with 4000 "bye"; "fail" makes the
 * handler fail; "slow" sleeps for w->slow_ns, "hold..." while w->held is set; "part" answers in
 * three parts, "leave open" in one that is not the last; "lend" hands out its ws; "big" suspends
 * once and answers with more bytes than the kernel takes; "flood" and "trickle" answer for ever, in
 * large and in small messages. The world records how the last connection was closed. */
#ifndef WEIR_PROTO_WS_TEST_UTIL_H
#define WEIR_PROTO_WS_TEST_UTIL_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <weir/http.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/ws.h>

#include "base/alloc.h"
#include "proto/ws_room.h"
#include "task/task.h"
#include "test/runner.h"
#include "wire/ws_frame.h"

#define MS WEIR_MILLISECONDS

/* Codes that a program may define, which fit into no 16 bits: cut to those they are 0, 0, 25536 and
 * 0. */
static const int own_codes[] __attribute__((unused)) = {-65536, -131072, -40000, INT_MIN};

struct world {
    struct weir_listener *l;
    struct weir_group servers, clients;
    struct weir_ws_options o;
    struct weir_ws_reactive reactive;
    char ws_url[64], tcp_url[64];
    weir_ns slow_ns;
    bool opens_not, opens_bare;
    int own_code; /* with which opens_not and "say why" fail; 0: WEIR_EUSER - 90000 */
    bool reacts, held, one_by_one, opened_held; /* one_by_one: held is true again for the next */
    int ended, rc, code; /* of connections that ended: how many, how the last did */
    int told;
    const char *told_why;
    int (*request)(struct weir_http_request *r); /* the servers', of either shape; NULL: none */
    int messages, let_go, said_rc; /* begun; held ones that went on; of the last echo */
    struct weir_ws *lent; /* by "lend" */
    char reason[128], text[160], peer[64];
};

static struct world *the_world;

static inline void note_end(struct weir_ws *ws, int rc) {
    const struct weir_error *e = weir_error(rc);
    the_world->ended++;
    the_world->rc = rc;
    the_world->code = ws ? weir_ws_close_code(ws) : 0;
    the_world->told = ws ? weir__ws_refusal(ws, &the_world->told_why) : 0;
    snprintf(the_world->reason, sizeof the_world->reason, "%s", ws ? weir_ws_close_reason(ws) : "");
    snprintf(the_world->peer, sizeof the_world->peer, "%s", ws ? weir_ws_peer(ws) : "");
    snprintf(the_world->text, sizeof the_world->text, "%s", e ? e->text : "");
}

static inline bool says(const struct weir_ws_message *m, const char *text) {
    return m->data.len == strlen(text) && memcmp(m->data.base, text, m->data.len) == 0;
}

static inline bool begins(const struct weir_ws_message *m, const char *text) {
    return m->data.len >= strlen(text) && memcmp(m->data.base, text, strlen(text)) == 0;
}

static inline int hold(const bool *held) {
    int rc = 0;
    while (*held && rc == 0)
        rc = weir_sleep(MS(1));
    return rc;
}

/* More than any kernel's buffers hold, or the simulation's. */
static inline size_t big_len(void) {
    return strcmp(test_backend, "sim") == 0 ? 2 << 20 : 16 << 20;
}

static inline int answer_big(struct weir_ws *ws) {
    static uint8_t big[16 << 20];
    int rc = weir_sleep(MS(1));
    return rc < 0 ? rc : weir_ws_send(ws, WEIR_WS_BINARY, big, big_len());
}

static inline int answer_for_ever(struct weir_ws *ws, size_t len) {
    static const uint8_t bytes[60000];
    int rc;
    while ((rc = weir_ws_send(ws, WEIR_WS_BINARY, bytes, len)) == 0)
        ;
    return rc;
}

static inline int own_code(void) {
    return the_world->own_code ? the_world->own_code : WEIR_EUSER - 90000;
}

static inline int answer(struct weir_ws *ws, const struct weir_ws_message *m) {
    int rc = 0;
    the_world->messages++;
    if (says(m, "flood") || says(m, "trickle")) {
        the_world->lent = ws;
        return the_world->said_rc = answer_for_ever(ws, says(m, "flood") ? 60000 : 500);
    }
    if (says(m, "big")) {
        the_world->lent = ws;
        return the_world->said_rc = answer_big(ws);
    }
    if (says(m, "fail"))
        return -EIO;
    if (says(m, "say why"))
        return weir_fail(own_code(), "no buzzer on %s", weir_ws_path(ws));
    if (says(m, "keep why"))
        return weir_fail(own_code(), "of the first message") < 0 ? 0 : -1;
    if (says(m, "fail bare"))
        return own_code();
    if (says(m, "lend"))
        the_world->lent = ws;
    if (says(m, "close"))
        return the_world->reacts ? weir_ws_begin_close(ws, 4000, "bye") : 1;
    if (says(m, "slow"))
        rc = weir_sleep(the_world->slow_ns);
    if (begins(m, "hold")) {
        rc = hold(&the_world->held);
        the_world->let_go += rc == 0;
        the_world->held |= the_world->one_by_one;
    }
    if (rc < 0)
        return rc;
    if (begins(m, "hold, send and rest")) {
        rc = weir_ws_send(ws, m->type, m->data.base, m->data.len);
        return rc == 0 ? weir_sleep(MS(5)) : rc;
    }
    if (says(m, "leave open"))
        return weir_ws_send_part(ws, WEIR_WS_TEXT, "half", 4, false);
    if (!says(m, "part"))
        return the_world->said_rc = weir_ws_send(ws, m->type, m->data.base, m->data.len);
    if ((rc = weir_ws_send_part(ws, WEIR_WS_TEXT, "p", 1, false)) == 0 &&
        (rc = weir_ws_send_part(ws, WEIR_WS_TEXT, "ar", 2, false)) == 0)
        rc = weir_ws_send_part(ws, WEIR_WS_TEXT, "t", 1, true);
    return rc;
}

/* ---- both shapes ---- */

struct serve_one_args {
    struct weir_stream *peer;
};
static inline int serve_one(void *args) {
    struct serve_one_args *a = args;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    /* No error of this connection may have this text. */
    int rc = weir_fail(-EIO, "of another story");
    assert_int_equal(rc, -EIO);
    rc = weir_ws_accept(&a->peer, &the_world->o, &ws);
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0) {
        rc = answer(ws, &m);
        if (rc == 1)
            rc = weir_ws_close(ws, 4000, "bye") < 0 ? WEIR_EEOF : WEIR_EWSCLOSED;
        else if (rc == -EIO && weir_ws_close(ws, 1011, "failed") < 0)
            rc = WEIR_EEOF;
    }
    note_end(ws, rc == WEIR_EWSCLOSED ? 0 : rc);
    return 0;
}

static inline int react_opened(struct weir_ws *ws, void *state) {
    if (the_world->opens_not)
        return weir_fail(own_code(), "no buzzer at all");
    if (the_world->opens_bare)
        return own_code();
    return hold(&the_world->opened_held);
}
static inline int react_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return answer(ws, m);
}
static inline void react_closed(struct weir_ws *ws, void *state, int rc) {
    assert_true(rc == 0 || weir_error(rc) != NULL);
    note_end(ws, rc);
}
static inline int react_request(struct weir_http_request *r, void *state) {
    return the_world->request(r);
}
static const struct weir_ws_reactive test_reactive = {
    .size = sizeof test_reactive, .opened = react_opened, .message = react_message,
    .closed = react_closed};

struct server_args {
    struct world *w;
};
static inline int server(void *args) {
    struct world *w = ((struct server_args *)args)->w;
    struct weir_stream *peer;
    int rc;
    w->reactive = test_reactive;
    w->reactive.arg = w;
    w->reactive.request = w->request != NULL ? react_request : NULL;
    if (w->reacts)
        return weir_ws_react(w->l, &w->clients, &w->reactive, &w->o);
    while ((rc = weir_accept(w->l, &peer)) == 0)
        if (weir_go(&w->clients, serve_one, .peer = peer) < 0)
            weir_close(&peer);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static inline void world_open(struct world *w) {
    the_world = w;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &w->l), 0);
    snprintf(w->ws_url, sizeof w->ws_url, "ws://127.0.0.1:%d/", weir_listener_port(w->l));
    snprintf(w->tcp_url, sizeof w->tcp_url, "tcp://127.0.0.1:%d", weir_listener_port(w->l));
    weir_group_open(&w->clients, WEIR_INDEPENDENT);
    weir_group_open(&w->servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&w->servers, server, .w = w), 0);
    weir_yield(); /* it listens */
}

static inline void world_close(struct world *w) {
    weir_unlisten(&w->l);
    int rc = weir_group_close(&w->servers, 0);
    assert_true(rc == 0 || rc == -ECANCELED); /* if the story cancelled the clients around it */
    weir_group_cancel(&w->clients, "the story ends");
    assert_int_equal(weir_group_close(&w->clients, 0), 0);
}

struct telling {
    void (*set)(struct weir_ws_options *o);
    int (*story)(struct world *w);
    bool reacts;
};
static inline int tell(void *arg) {
    struct telling *t = arg;
    struct world w = {.reacts = t->reacts, .o = {.size = sizeof w.o}};
    if (t->set != NULL)
        t->set(&w.o);
    w.request = w.o.request;
    w.o.request = w.reacts ? NULL : w.o.request;
    w.o.request_arg = &w;
    world_open(&w);
    int rc = t->story(&w);
    world_close(&w);
    return rc;
}

static inline void tell_both(void (*set)(struct weir_ws_options *o),
                             int (*story)(struct world *w)) {
    for (int reacts = 0; reacts < 2; reacts++) {
        struct telling t = {set, story, reacts};
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        fprintf(stderr, "# on %s, %s\n", test_backend, reacts ? "react" : "serve");
        assert_int_equal(weir_run(tell, &t, &o), 0);
    }
}

/* static int sentence_told(struct world *w) follows in braces and returns 0; before it the options
 * may be set: WS_STORY(sentence, o->ping_ns = 1) */
#define WS_STORY(sentence, ...)                                                                    \
    static void sentence##_set(struct weir_ws_options *o) {                                        \
        (void)o;                                                                                   \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    static int sentence##_told(struct world *w);                                                   \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        tell_both(sentence##_set, sentence##_told);                                                \
    }                                                                                              \
    static int sentence##_told(struct world *w)

/* ---- waiting ---- */

/* Until count connections ended, for two seconds. */
static inline void wait_ended(struct world *w, int count) {
    for (int i = 0; w->ended < count && i < 2000; i++)
        weir_sleep(MS(1));
    assert_int_equal(w->ended, count);
}

/* Let everything that can happen by itself happen. */
static inline void settle(void) {
    assert_int_equal(weir_sleep(MS(5)), 0);
}

/* ---- a peer of bytes ---- */

static const char plain_request[] =
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

static inline struct weir_stream *raw_dial(struct world *w) {
    struct weir_stream *s = NULL;
    assert_int_equal(weir_dial(w->tcp_url, NULL, &s), 0);
    return s;
}

/* Send a request head and read the answer's; its status. */
static inline int raw_ask(struct weir_stream *s, const char *request) {
    char line[512];
    int status = 0;
    assert_int_equal(weir_write(s, request, strlen(request)), 0);
    ssize_t n = weir_read_until(s, '\n', line, sizeof line);
    if (n <= 0)
        return (int)n;
    assert_int_equal(sscanf(line, "HTTP/1.1 %d", &status), 1);
    while ((n = weir_read_until(s, '\n', line, sizeof line)) > 2)
        ;
    assert_int_equal(n, 2);
    return status;
}

static inline struct weir_stream *raw_open(struct world *w) {
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(raw_ask(s, plain_request), 101);
    return s;
}

/* A masked frame into buf; its length. */
static inline size_t frame_make(uint8_t *buf, unsigned first_byte, const void *data, size_t len) {
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t head = weir__ws_head_write(buf, first_byte, len, mask);
    weir__ws_mask(buf + head, data, len, mask, 0);
    return head + len;
}

static inline void frame_send(struct weir_stream *s, unsigned first_byte, const char *text) {
    uint8_t buf[256];
    size_t n = frame_make(buf, first_byte, text, strlen(text));
    assert_int_equal(weir_write(s, buf, n), 0);
}

/* Read one frame of the server's: returns its first byte, its payload as text. -1: the end. */
static inline int frame_read(struct weir_stream *s, char *text, size_t size) {
    uint8_t head[2], more[2];
    if (weir_read_exactly(s, head, 2) < 0)
        return -1;
    size_t len = head[1];
    assert_true(len < 127);
    if (len == 126) {
        assert_int_equal(weir_read_exactly(s, more, 2), 0);
        len = (size_t)more[0] << 8 | more[1];
    }
    assert_true(len < size);
    assert_int_equal(weir_read_exactly(s, text, len), 0);
    text[len] = '\0';
    return head[0];
}

/* The answer to "big", which must be whole. */
static inline void expect_big(struct weir_stream *s) {
    uint8_t head[WEIR__WS_HEAD_MAX], *got = weir__alloc(big_len());
    assert_int_equal(weir_read_exactly(s, head, weir__ws_head_len(big_len(), false)), 0);
    assert_int_equal(head[0], 0x82);
    assert_int_equal(weir_read_exactly(s, got, big_len()), 0);
    weir__free(got);
}

#define expect_frame(s, first_byte, want)                                                          \
    do {                                                                                           \
        char text_[512];                                                                           \
        assert_int_equal(frame_read((s), text_, sizeof text_), (first_byte));                      \
        assert_string_equal(text_, (want));                                                        \
    } while (0)

/* A ping of the library's own: its payload is a stamp. */
static inline void expect_ping(struct weir_stream *s) {
    char text[512];
    uint8_t head[2];
    assert_int_equal(weir_read_exactly(s, head, 2), 0);
    assert_true(head[0] == 0x89 && head[1] == 8);
    assert_int_equal(weir_read_exactly(s, text, 8), 0);
}

/* The server's close frame, then its end. */
static inline void expect_close(struct weir_stream *s, int code, const char *reason) {
    char text[512] = "";
    assert_int_equal(frame_read(s, text, sizeof text), 0x88);
    assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], code);
    assert_string_equal(text + 2, reason);
}

static inline void expect_end(struct weir_stream *s) {
    char byte;
    assert_int_equal(weir_read(s, &byte, 1), 0);
}

#define TEXT 0x81
#define TEXT_PART 0x01
#define CONTINUATION 0x00
#define CONTINUATION_FIN 0x80
#define CLOSE 0x88
#define PING 0x89
#define PONG 0x8a

/* ---- a client of ours ---- */

static inline struct weir_ws *ws_open(struct world *w) {
    struct weir_ws *ws = NULL;
    assert_int_equal(weir_ws_dial(w->ws_url, &w->o, &ws), 0);
    return ws;
}

static inline int ws_say(struct weir_ws *ws, const char *text) {
    return weir_ws_send(ws, WEIR_WS_TEXT, text, strlen(text));
}

#define expect_message(ws, want)                                                                   \
    do {                                                                                           \
        struct weir_ws_message m_;                                                                 \
        assert_int_equal(weir_ws_receive((ws), &m_), 0);                                           \
        assert_int_equal(m_.data.len, strlen(want));                                               \
        assert_memory_equal(m_.data.base, (want), m_.data.len);                                    \
    } while (0)

#endif

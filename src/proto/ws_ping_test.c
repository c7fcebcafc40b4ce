/* SPDX-License-Identifier: MIT */
/* Pings of the user's: each waits for its own pong; the latency that they show. */
#include <errno.h>
#include <weir/testing.h>

#include "proto/ws_test_util.h"

struct pinging {
    struct weir_ws *ws;
    weir_ns latency;
    int rc;
    bool over;
};

struct pinging_args {
    struct pinging *p;
};

static int pinging(void *args) {
    struct pinging *p = ((struct pinging_args *)args)->p;
    p->rc = weir_ws_ping(p->ws, &p->latency);
    p->over = true;
    return 0;
}

/* A client of bytes, whose connection the server lends; and a task that pings it. */
static struct weir_stream *ping_begin(struct world *w, struct weir_group *g, struct pinging *p) {
    struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    *p = (struct pinging){.ws = w->lent};
    weir_group_open(g, WEIR_TOGETHER);
    assert_int_equal(weir_go(g, pinging, .p = p), 0);
    return s;
}

/* Read a ping of ours; its payload. */
static void ping_take(struct weir_stream *s, uint8_t stamp[8]) {
    uint8_t head[2];
    assert_int_equal(weir_read_exactly(s, head, 2), 0);
    assert_true(head[0] == PING && head[1] == 8);
    assert_int_equal(weir_read_exactly(s, stamp, 8), 0);
}

static void pong_send(struct weir_stream *s, const uint8_t *stamp, size_t len) {
    uint8_t buf[32];
    size_t n = frame_make(buf, PONG, stamp, len);
    assert_int_equal(weir_write(s, buf, n), 0);
}

WS_STORY(a_ping_waits_for_its_own_pong) {
    struct pinging p;
    struct weir_group g;
    uint8_t stamp[8], other[8] = {0};
    struct weir_stream *s = ping_begin(w, &g, &p);
    ping_take(s, stamp);
    assert_int_equal(weir_ws_latency(w->lent, NULL), -ENODATA);
    pong_send(s, other, 8); /* nobody asked for these */
    pong_send(s, stamp, 7);
    pong_send(s, NULL, 0);
    settle();
    assert_false(p.over);
    pong_send(s, stamp, 8);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(p.over && p.rc == 0);
    assert_true(p.latency >= MS(5) - MS(1));
    weir_ns last = -1, smoothed = weir_ws_latency(w->lent, &last);
    assert_true(smoothed == p.latency && last == p.latency);
    pong_send(s, stamp, 8); /* once more: nothing changes */
    settle();
    assert_int_equal(weir_ws_latency(w->lent, &last), smoothed);
    assert_int_equal(last, p.latency);
    weir_close(&s);
    return 0;
}

/* RFC 6455 5.5.3: a peer may answer only the last of several pings. */
WS_STORY(a_later_pong_answers_the_earlier_pings) {
    struct pinging p, q;
    struct weir_group g;
    uint8_t first[8], second[8];
    struct weir_stream *s = ping_begin(w, &g, &p);
    ping_take(s, first);
    q = (struct pinging){.ws = w->lent};
    assert_int_equal(weir_go(&g, pinging, .p = &q), 0);
    ping_take(s, second);
    assert_memory_not_equal(first, second, 8);
    pong_send(s, second, 8);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(p.rc == 0 && q.rc == 0);
    weir_close(&s);
    return 0;
}

WS_STORY(an_earlier_pong_answers_no_later_ping) {
    struct pinging p, q;
    struct weir_group g;
    uint8_t first[8], second[8];
    struct weir_stream *s = ping_begin(w, &g, &p);
    ping_take(s, first);
    q = (struct pinging){.ws = w->lent};
    assert_int_equal(weir_go(&g, pinging, .p = &q), 0);
    ping_take(s, second);
    pong_send(s, first, 8);
    settle();
    assert_true(p.over && !q.over);
    pong_send(s, second, 8);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(p.rc == 0 && q.rc == 0);
    weir_close(&s);
    return 0;
}

/* Two pings, one later than the other, and their pongs in one piece; or only that of the second. */
static void pongs_at_once(struct world *w, bool both) {
    struct pinging p, q;
    struct weir_group g;
    uint8_t first[8], second[8], buf[64];
    size_t n = 0;
    struct weir_stream *s = ping_begin(w, &g, &p);
    ping_take(s, first);
    assert_int_equal(weir_sleep(MS(20)), 0);
    q = (struct pinging){.ws = w->lent};
    assert_int_equal(weir_go(&g, pinging, .p = &q), 0);
    ping_take(s, second);
    if (both)
        n = frame_make(buf, PONG, first, 8);
    n += frame_make(buf + n, PONG, second, 8);
    assert_int_equal(weir_write(s, buf, n), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(p.rc == 0 && q.rc == 0);
    assert_true(p.latency - q.latency >= MS(20) - MS(1));
    weir_ns last;
    assert_true(weir_ws_latency(w->lent, &last) >= 0);
    assert_int_equal(last, q.latency);
    weir_close(&s);
}

WS_STORY(a_ping_has_the_time_to_its_own_pong) {
    pongs_at_once(w, true);
    pongs_at_once(w, false);
    return 0;
}

WS_STORY(a_ping_returns_when_the_peer_closes) {
    struct pinging p;
    struct weir_group g;
    uint8_t stamp[8];
    struct weir_stream *s = ping_begin(w, &g, &p);
    ping_take(s, stamp);
    frame_send(s, CLOSE, "\x03\xe8");
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(p.rc, WEIR_EWSCLOSED);
    weir_close(&s);
    return 0;
}

WS_STORY(a_ping_that_nobody_answers_is_cut_short_by_a_scope) {
    struct weir_scope bound;
    uint8_t stamp[8];
    struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    weir_scope_enter(&bound, MS(20));
    assert_int_equal(weir_scope_leave(&bound, weir_ws_ping(w->lent, NULL)), -ETIME);
    ping_take(s, stamp);
    pong_send(s, stamp, 8); /* late, and counted */
    settle();
    assert_true(weir_ws_latency(w->lent, NULL) >= MS(19));
    weir_close(&s);
    return 0;
}

/* The pings of the keepalive show the latency, too. */
WS_STORY(the_keepalive_measures_the_latency, o->ping_ns = MS(10), o->pong_ns = MS(1000)) {
    struct weir_stream *s = raw_open(w);
    uint8_t stamp[8];
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    for (int i = 0; i < 2; i++) {
        ping_take(s, stamp);
        settle();
        pong_send(s, stamp, 8);
    }
    settle();
    assert_true(weir_ws_latency(w->lent, NULL) >= MS(4));
    weir_close(&s);
    return 0;
}

/* Between a client and a server of ours, while a task receives. */
WS_STORY(both_sides_answer) {
    struct weir_ws *ws = ws_open(w);
    struct pinging p = {.ws = ws};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, pinging, .p = &p), 0);
    weir_yield();
    assert_int_equal(ws_say(ws, "behind it"), 0);
    expect_message(ws, "behind it");
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(p.rc, 0);
    weir_ws_drop(&ws);
    return 0;
}

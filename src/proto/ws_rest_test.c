/* SPDX-License-Identifier: MIT */
/* A write that makes no progress: a peer that takes no byte of it for pong_ns is given up, whatever
 * it sends meanwhile; a peer that is only slow is not. */
#include "proto/ws_test_util.h"

#define PONG_NS MS(80)

/* Talk, and read nothing, until the server has ended it. */
static void talk(struct world *w, struct weir_stream *s) {
    uint8_t ping[32];
    size_t n = frame_make(ping, PING, "x", 1);
    for (int i = 0; i < 500 && w->ended == 0; i++) {
        (void)weir_write(s, ping, n);
        assert_int_equal(weir_sleep(PONG_NS / 8), 0);
    }
}

static int given_up(struct world *w, const char *ask) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    weir_ns begun = weir_now();
    frame_send(s, TEXT, ask);
    talk(w, s);
    wait_ended(w, 1);
    assert_int_equal(w->said_rc, WEIR_EKEEPALIVE);
    assert_int_equal(w->rc, WEIR_EKEEPALIVE);
    assert_int_equal(w->code, 1006);
    assert_true(weir_now() - begun >= PONG_NS);
    if (strcmp(test_backend, "sim") == 0)
        assert_true(weir_now() - begun <= 2 * PONG_NS);
    return 0;
}

WS_STORY(a_peer_that_takes_nothing_is_given_up_though_it_talks, o->pong_ns = PONG_NS) {
    return given_up(w, "flood");
}

WS_STORY(a_peer_that_takes_nothing_of_many_small_messages_is_given_up, o->pong_ns = PONG_NS) {
    return given_up(w, "trickle");
}

WS_STORY(a_peer_that_takes_nothing_is_given_up_without_pings_too, o->pong_ns = PONG_NS,
         o->ping_ns = WEIR_NEVER) {
    return given_up(w, "flood");
}

WS_STORY(a_peer_that_takes_nothing_and_answers_pings_is_given_up, o->pong_ns = PONG_NS,
         o->ping_ns = PONG_NS / 4) {
    return given_up(w, "trickle");
}

/* ---- all who wait ---- */

struct wait_on_args {
    struct weir_ws *ws;
    int *rc, how;
};
static int wait_on(void *args) {
    struct wait_on_args *a = args;
    static const uint8_t bytes[1000];
    int rc = 0;
    while (rc == 0)
        rc = a->how == 0   ? weir_ws_send(a->ws, WEIR_WS_BINARY, bytes, sizeof bytes)
             : a->how == 1 ? weir_ws_flush(a->ws)
                           : weir_ws_send_part(a->ws, WEIR_WS_BINARY, bytes, sizeof bytes, true);
    *a->rc = rc;
    return 0;
}

WS_STORY(all_tasks_that_wait_get_the_same_code, o->pong_ns = PONG_NS) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    struct weir_group g;
    int rcs[6] = {0};
    frame_send(s, TEXT, "trickle");
    for (int i = 0; w->lent == NULL && i < 2000; i++)
        weir_sleep(MS(1));
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 6; i++)
        assert_int_equal(weir_go(&g, wait_on, .ws = w->lent, .rc = &rcs[i], .how = i % 3), 0);
    talk(w, s);
    assert_int_equal(weir_group_close(&g, 0), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(rcs[i], WEIR_EKEEPALIVE);
    wait_ended(w, 1);
    assert_int_equal(w->said_rc, WEIR_EKEEPALIVE);
    return 0;
}

/* ---- it is only slow ---- */

/* Kernels pass on in steps of some hundred KiB what is read in small ones: 5 MB/s. */
WS_STORY(a_slow_reader_is_not_given_up, o->pong_ns = MS(200), o->queue_max = 64 << 20) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    static uint8_t bytes[256 << 10];
    uint8_t head[WEIR__WS_HEAD_MAX];
    size_t left = big_len(), step = left / 64;
    frame_send(s, TEXT, "big");
    assert_int_equal(weir_read_exactly(s, head, weir__ws_head_len(left, false)), 0);
    for (int i = 0; i < 20; i++) { /* five times pong_ns */
        assert_int_equal(weir_sleep(MS(50)), 0);
        assert_int_equal(weir_read_exactly(s, bytes, step), 0);
        left -= step;
    }
    for (size_t n; left > 0; left -= n) {
        n = left < sizeof bytes ? left : sizeof bytes;
        assert_int_equal(weir_read_exactly(s, bytes, n), 0);
    }
    frame_send(s, TEXT, "and on");
    expect_frame(s, TEXT, "and on");
    assert_int_equal(w->ended, 0);
    return 0;
}

/* ---- at the end ---- */

/* Also what leaves behind the peer's end of its side is bounded so. */
WS_STORY(a_peer_that_closed_its_side_and_takes_nothing_is_given_up, o->pong_ns = PONG_NS,
         o->queue_max = 64 << 20) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "big");
    assert_int_equal(weir_shutdown(s), 0);
    wait_ended(w, 1);
    assert_int_equal(w->code, 1006);
    return 0;
}

/* ---- whose connection it was ---- */

WS_STORY(a_peer_that_closes_and_takes_nothing_keeps_its_name, o->pong_ns = PONG_NS,
         o->queue_max = 64 << 20) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "big");
    frame_send(s, CLOSE, "\x03\xe9" "bye");
    wait_ended(w, 1);
    assert_string_equal(w->reason, "bye");
    assert_true(strncmp(w->peer, "127.0.0.1:", 10) == 0);
    return 0;
}

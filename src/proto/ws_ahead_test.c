/* SPDX-License-Identifier: MIT */
/* What a reactive connection does while the user's function is suspended: it answers pings, keeps
 * messages within bounds, and notices that the peer closes; the function is not disturbed. */
#include "proto/limits.h"
#include "proto/ws_test_util.h"

/* Stories of the reactive shape: serving, the user's task decides when it reads. */
#define AHEAD_STORY(sentence, ...)                                                                 \
    static int sentence##_reacting(struct world *w);                                               \
    WS_STORY(sentence, __VA_ARGS__) {                                                              \
        return w->reacts ? sentence##_reacting(w) : 0;                                             \
    }                                                                                              \
    static int sentence##_reacting(struct world *w)

/* A peer whose message the handler is held over, until w->held is false. */
static struct weir_stream *open_held(struct world *w) {
    struct weir_stream *s = raw_open(w);
    w->held = true;
    frame_send(s, TEXT, "hold");
    for (int i = 0; w->messages == 0 && i < 2000; i++)
        weir_sleep(MS(1));
    assert_int_equal(w->messages, 1);
    return s;
}

AHEAD_STORY(a_ping_is_answered_while_the_handler_sleeps) {
    WEIR_AUTO(weir_close) struct weir_stream *s = open_held(w);
    for (int i = 0; i < 5; i++) {
        frame_send(s, PING, "still there?");
        expect_frame(s, PONG, "still there?");
    }
    frame_send(s, PONG, "nobody asked");
    settle();
    assert_int_equal(w->let_go, 0);
    w->held = false;
    expect_frame(s, TEXT, "hold");
    frame_send(s, TEXT, "and on");
    expect_frame(s, TEXT, "and on");
    return 0;
}

AHEAD_STORY(a_ping_is_answered_while_opened_sleeps) {
    w->opened_held = true;
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "one");
    frame_send(s, PING, "two");
    expect_frame(s, PONG, "two");
    assert_int_equal(w->messages, 0);
    w->opened_held = false;
    expect_frame(s, TEXT, "one");
    return 0;
}

/* All that may lie behind a message, in its own piece and in later ones, cut at every byte. */
static void send_cut(struct weir_stream *s, const uint8_t *bytes, size_t len, size_t at) {
    assert_int_equal(weir_write(s, bytes, at), 0);
    settle();
    assert_int_equal(weir_write(s, bytes + at, len - at), 0);
}

static size_t mixture(uint8_t *buf, const char *first) {
    size_t n = frame_make(buf, TEXT, first, strlen(first));
    n += frame_make(buf + n, PING, "a", 1);
    n += frame_make(buf + n, TEXT_PART, "t", 1);
    n += frame_make(buf + n, PING, "", 0);
    n += frame_make(buf + n, CONTINUATION_FIN, "wo", 2);
    n += frame_make(buf + n, PONG, "b", 1);
    n += frame_make(buf + n, TEXT, "", 0);
    return n + frame_make(buf + n, TEXT, "three", 5);
}

AHEAD_STORY(what_comes_meanwhile_is_delivered_in_order_however_it_is_cut) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    uint8_t bytes[256];
    size_t n = mixture(bytes, "hold");
    for (size_t at = 1; at <= n; at++) {
        w->held = true;
        send_cut(s, bytes, n, at);
        expect_frame(s, PONG, "a");
        expect_frame(s, PONG, "");
        w->held = false;
        expect_frame(s, TEXT, "hold");
        expect_frame(s, TEXT, "two");
        expect_frame(s, TEXT, "");
        expect_frame(s, TEXT, "three");
    }
    return 0;
}

AHEAD_STORY(bytes_one_by_one_are_put_together) {
    WEIR_AUTO(weir_close) struct weir_stream *s = open_held(w);
    uint8_t bytes[256];
    size_t n = mixture(bytes, "one");
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(weir_write(s, bytes + i, 1), 0);
        weir_yield();
    }
    expect_frame(s, PONG, "a");
    expect_frame(s, PONG, "");
    w->held = false;
    expect_frame(s, TEXT, "hold");
    expect_frame(s, TEXT, "one");
    expect_frame(s, TEXT, "two");
    expect_frame(s, TEXT, "");
    expect_frame(s, TEXT, "three");
    return 0;
}

static void let_one_go(struct world *w) {
    int before = w->let_go;
    w->held = false;
    while (w->let_go == before)
        weir_yield();
}

AHEAD_STORY(messages_put_aside_may_be_slow_too) {
    WEIR_AUTO(weir_close) struct weir_stream *s = open_held(w);
    w->one_by_one = true;
    frame_send(s, TEXT, "hold 2");
    frame_send(s, PING, "1");
    frame_send(s, TEXT, "hold 3");
    expect_frame(s, PONG, "1");
    let_one_go(w);
    expect_frame(s, TEXT, "hold");
    frame_send(s, PING, "2");
    frame_send(s, TEXT, "hold 4");
    expect_frame(s, PONG, "2");
    let_one_go(w);
    expect_frame(s, TEXT, "hold 2");
    frame_send(s, PING, "3");
    expect_frame(s, PONG, "3");
    w->held = w->one_by_one = false;
    expect_frame(s, TEXT, "hold 3");
    expect_frame(s, TEXT, "hold 4");
    return 0;
}

/* The handler's view is compared when it echoes it: 100 KiB, lent or gathered, of a pattern. */
AHEAD_STORY(the_lent_message_stays_as_it_was) {
    static uint8_t bytes[(100 << 10) + 200], want[100 << 10], got[100 << 10];
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    uint8_t head[10];
    for (size_t len = 100; len <= sizeof want; len *= 32) {
        for (size_t i = 0; i < len; i++)
            want[i] = (uint8_t)(i * 31 + (i >> 8));
        memcpy(want, "hold", 4);
        w->held = true;
        size_t n = frame_make(bytes, 0x82, want, len);
        n += frame_make(bytes + n, PING, "behind", 6);
        n += frame_make(bytes + n, TEXT, "next", 4);
        assert_int_equal(weir_write(s, bytes, n), 0);
        expect_frame(s, PONG, "behind");
        for (int i = 0; i < 20; i++)
            frame_send(s, PING, "more, and more");
        for (int i = 0; i < 20; i++)
            expect_frame(s, PONG, "more, and more");
        w->held = false;
        assert_int_equal(weir_read_exactly(s, head, weir__ws_head_len(len, false)), 0);
        assert_int_equal(weir_read_exactly(s, got, len), 0);
        assert_memory_equal(got, want, len);
        expect_frame(s, TEXT, "next");
    }
    return 0;
}

/* ---- the peer's end ---- */

AHEAD_STORY(a_close_is_answered_and_the_handler_learns_it_when_it_sends) {
    WEIR_AUTO(weir_close) struct weir_stream *s = open_held(w);
    frame_send(s, TEXT, "before it");
    frame_send(s, CLOSE, "\x0f\xa0going"); /* 4000 */
    frame_send(s, TEXT, "behind it");
    expect_close(s, 4000, "going");
    expect_end(s);
    assert_int_equal(w->ended + w->let_go, 0);
    w->held = false;
    wait_ended(w, 1);
    assert_int_equal(w->let_go, 1);
    assert_int_equal(w->said_rc, WEIR_EWSCLOSED);
    assert_int_equal(w->messages, 2);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->code, 4000);
    assert_string_equal(w->reason, "going");
    return 0;
}

AHEAD_STORY(a_close_inside_a_fragmented_message_ends_it) {
    WEIR_AUTO(weir_close) struct weir_stream *s = open_held(w);
    frame_send(s, TEXT_PART, "never whole");
    frame_send(s, CLOSE, "");
    expect_frame(s, CLOSE, "");
    w->held = false;
    wait_ended(w, 1);
    assert_int_equal(w->messages, 1);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->code, 1005);
    return 0;
}

/* As before: who ended its own side only still reads. */
AHEAD_STORY(an_end_without_a_close_still_gets_the_answer) {
    WEIR_AUTO(weir_close) struct weir_stream *s = open_held(w);
    frame_send(s, TEXT, "next");
    assert_int_equal(weir_shutdown(s), 0);
    settle();
    w->held = false;
    expect_frame(s, TEXT, "hold");
    expect_frame(s, TEXT, "next");
    wait_ended(w, 1);
    assert_int_equal(w->rc, WEIR_EEOF);
    assert_int_equal(w->code, 1006);
    return 0;
}

AHEAD_STORY(a_reset_is_what_the_next_send_returns) {
    struct weir_stream *s = open_held(w);
    frame_send(s, PING, "never read");
    frame_send(s, TEXT, "next");
    settle();
    weir_close(&s); /* bytes unread: a reset */
    settle();
    w->held = false;
    wait_ended(w, 1);
    assert_int_equal(w->let_go, 1);
    assert_int_equal(w->said_rc, -ECONNRESET);
    assert_int_equal(w->messages, 2);
    assert_int_equal(w->rc, -ECONNRESET);
    assert_int_equal(w->code, 1006);
    return 0;
}

AHEAD_STORY(a_vanished_peer_is_noticed_and_the_handler_left_alone, o->ping_ns = MS(20),
            o->pong_ns = MS(20)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = open_held(w);
    frame_send(s, TEXT, "next");
    weir_sleep(MS(100));
    assert_int_equal(w->ended, 0);
    w->held = false;
    wait_ended(w, 1);
    assert_int_equal(w->let_go, 1);
    assert_int_equal(w->said_rc, WEIR_EKEEPALIVE);
    assert_int_equal(w->messages, 1);
    assert_int_equal(w->rc, WEIR_EKEEPALIVE);
    assert_int_equal(w->code, 1006);
    return 0;
}

/* ---- its own end ---- */

AHEAD_STORY(a_closing_handshake_is_done_before_the_handler_returns, o->close_ns = MS(30)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    w->held = true;
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    frame_send(s, TEXT, "hold");
    settle();
    assert_int_equal(weir_ws_begin_close(w->lent, 4000, "bye"), 0);
    expect_close(s, 4000, "bye");
    frame_send(s, CLOSE, "\x0f\xa0");
    weir_sleep(MS(60)); /* longer than close_ns */
    w->held = false;
    wait_ended(w, 1);
    assert_int_equal(w->let_go, 1);
    assert_int_equal(w->said_rc, WEIR_EWSCLOSED);
    return 0;
}

AHEAD_STORY(what_is_no_frame_is_refused_in_its_place) {
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\x09\x80\0\0\0\0", 6},         /* a ping in fragments */
        {"\x89\xfe\x00\x80\0\0\0\0", 8}, /* a ping of 128 bytes */
        {"\x89\x00", 2},                 /* unmasked */
        {"\x88\x81\0\0\0\0x", 7},        /* a close of one byte */
        {"\x8b\x80\0\0\0\0", 6},         /* a reserved opcode */
        {"\x83\x80\0\0\0\0", 6},
        {"\x80\x80\0\0\0\0", 6},         /* a continuation of nothing */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
        char text[200];
        w->held = true;
        frame_send(s, TEXT, "hold");
        frame_send(s, TEXT, "next");
        frame_send(s, PING, "good");
        assert_int_equal(weir_write(s, bad[i].bytes, bad[i].len), 0);
        frame_send(s, TEXT, "never");
        expect_frame(s, PONG, "good");
        settle();
        w->held = false;
        expect_frame(s, TEXT, "hold");
        expect_frame(s, TEXT, "next");
        assert_int_equal(frame_read(s, text, sizeof text), CLOSE);
        assert_memory_equal(text, "\x03\xea", 2); /* 1002 */
        weir_close(&s);
        wait_ended(w, (int)i + 1);
        assert_int_equal(w->rc, WEIR_EPROTO);
    }
    return 0;
}

/* ---- bounds ---- */

struct flood_args {
    struct weir_stream *s;
    size_t *sent;
};

static int flood(void *args) {
    struct flood_args *a = args;
    static char much[1000];
    uint8_t frame[1014];
    size_t n = frame_make(frame, 0x82, much, sizeof much);
    int rc = 0;
    while (rc == 0 && *a->sent < (64 << 20))
        if ((rc = weir_write(a->s, frame, n)) == 0)
            *a->sent += n;
    return 0;
}

/* Not even a second piece of the largest size is copied; what the kernel holds is its own. */
AHEAD_STORY(a_flood_is_held_off) {
    struct weir_group g;
    size_t sent = 0, before;
    WEIR_AUTO(weir_close) struct weir_stream *s = open_held(w);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, flood, .s = s, .sent = &sent), 0);
    do {
        before = sent;
        settle();
        settle();
    } while (sent > before);
    assert_true(sent > WS_AHEAD_MAX && sent < (64 << 20));
    weir_group_cancel(&g, "enough");
    weir_group_close(&g, 0);
    w->held = false;
    return 0;
}

AHEAD_STORY(nothing_is_kept_between_messages) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    enum { ROUNDS = 20 };
    size_t live = 0;
    for (int i = 0; i < ROUNDS; i++) {
        w->held = true;
        frame_send(s, TEXT, "hold");
        settle();
        frame_send(s, TEXT, "next");
        frame_send(s, PING, "");
        expect_frame(s, PONG, "");
        w->held = false;
        expect_frame(s, TEXT, "hold");
        expect_frame(s, TEXT, "next");
        settle();
        live = i == 1 ? weir__alloc_live() : live;
    }
    assert_true(weir__alloc_live() < live + ROUNDS / 2); /* a pool may have grown by one or two */
    return 0;
}

/* A handler that does not suspend asks for nothing ahead: its message and answer are as before. */
AHEAD_STORY(a_function_that_does_not_suspend_reads_nothing_ahead) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    uint8_t bytes[64];
    size_t n = frame_make(bytes, TEXT, "one", 3);
    n += frame_make(bytes + n, PING, "", 0);
    n += frame_make(bytes + n, TEXT, "two", 3);
    assert_int_equal(weir_write(s, bytes, n), 0);
    expect_frame(s, TEXT, "one"); /* the pong in its place: nobody had to wait */
    expect_frame(s, PONG, "");
    expect_frame(s, TEXT, "two");
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Messages in both directions: fragments, control frames between them, limits, refusals. */
#include <stdlib.h>

#include "proto/ws_test_util.h"

WS_STORY(a_message_comes_back) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    assert_int_equal(ws_say(ws, "hello"), 0);
    expect_message(ws, "hello");
    assert_int_equal(ws_say(ws, ""), 0);
    expect_message(ws, "");
    assert_int_equal(weir_ws_close(ws, 1000, "done"), 0);
    wait_ended(w, 1);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->code, 1000);
    assert_string_equal(w->reason, "done");
    return 0;
}

WS_STORY(fragments_come_as_one_message) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT_PART, "one ");
    frame_send(s, CONTINUATION, "");
    frame_send(s, PING, "between");
    frame_send(s, CONTINUATION, "two ");
    frame_send(s, PONG, "unasked");
    frame_send(s, CONTINUATION_FIN, "three");
    expect_frame(s, PONG, "between");
    expect_frame(s, TEXT, "one two three");
    return 0;
}

WS_STORY(a_message_in_parts_leaves_as_fragments) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "part");
    expect_frame(s, TEXT_PART, "p");
    expect_frame(s, CONTINUATION, "ar");
    expect_frame(s, CONTINUATION_FIN, "t");
    frame_send(s, TEXT, "whole");
    expect_frame(s, TEXT, "whole");
    return 0;
}

WS_STORY(frames_cut_anywhere_are_the_same) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    uint8_t bytes[400];
    char long_text[131] = "";
    memset(long_text, 'x', 130);
    size_t n = frame_make(bytes, TEXT_PART, "ab", 2);
    n += frame_make(bytes + n, PING, "p", 1);
    n += frame_make(bytes + n, CONTINUATION_FIN, "\xc3\xa9", 2);
    n += frame_make(bytes + n, TEXT, long_text, 130);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(weir_write(s, bytes + i, 1), 0);
        weir_yield();
    }
    expect_frame(s, PONG, "p");
    expect_frame(s, TEXT, "ab\xc3\xa9");
    expect_frame(s, TEXT, long_text);
    return 0;
}

WS_STORY(large_messages_go_both_ways, o->message_max = 4 << 20, o->queue_max = 4 << 20) {
    enum { SIZE = 3 << 20 };
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    uint8_t *bytes = malloc(SIZE);
    struct weir_ws_message m;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 8) * 7);
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, bytes, SIZE), 0);
    assert_int_equal(weir_ws_receive(ws, &m), 0);
    assert_int_equal(m.data.len, SIZE);
    assert_memory_equal(m.data.base, bytes, SIZE);
    free(bytes);
    return 0;
}

WS_STORY(many_messages_in_one_piece_are_answered_in_order) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    uint8_t bytes[2000];
    char text[8];
    size_t n = 0;
    for (int i = 0; i < 100; i++) {
        int len = snprintf(text, sizeof text, "%d", i);
        n += frame_make(bytes + n, TEXT, text, (size_t)len);
    }
    assert_int_equal(weir_write(s, bytes, n), 0);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "%d", i);
        expect_frame(s, TEXT, text);
    }
    return 0;
}

/* ---- refused ---- */

static int refused(struct world *w, struct weir_stream *s, int code, const char *reason, int rc) {
    expect_close(s, code, reason);
    expect_end(s);
    weir_close(&s);
    wait_ended(w, 1);
    assert_int_equal(w->rc, rc);
    assert_int_equal(w->code, 1006);
    assert_int_equal(w->told, code);
    assert_string_equal(w->told_why, reason);
    return 0;
}

WS_STORY(a_message_above_the_limit_is_closed_with_1009, o->message_max = 100) {
    struct weir_stream *s = raw_open(w);
    static char much[1 << 16];
    uint8_t head[14];
    size_t n = weir__ws_head_write(head, TEXT, sizeof much, (const uint8_t *)"mask");
    assert_int_equal(weir_write(s, head, n), 0);
    assert_int_equal(weir_write(s, much, sizeof much), 0); /* unread: no reset may hide the 1009 */
    return refused(w, s, 1009, "frame too big", WEIR_ETOOBIG);
}

WS_STORY(fragments_above_the_limit_are_closed_with_1009, o->message_max = 10) {
    struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT_PART, "123456");
    frame_send(s, CONTINUATION, "78901");
    return refused(w, s, 1009, "message too big", WEIR_ETOOBIG);
}

WS_STORY(a_frame_above_its_own_limit_is_closed_with_1009, o->frame_max = 10) {
    struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "12345678901");
    return refused(w, s, 1009, "frame too big", WEIR_ETOOBIG);
}

WS_STORY(bad_utf8_is_closed_with_1007) {
    struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT_PART, "good");
    frame_send(s, CONTINUATION, "\xc3\x28");
    return refused(w, s, 1007, "text is not utf-8", WEIR_EUTF8);
}

WS_STORY(a_frame_without_mask_is_closed_with_1002) {
    struct weir_stream *s = raw_open(w);
    assert_int_equal(weir_write(s, "\x81\x02hi", 4), 0);
    return refused(w, s, 1002, "unmasked frame from a client", WEIR_EPROTO);
}

WS_STORY(a_continuation_of_nothing_is_closed_with_1002) {
    struct weir_stream *s = raw_open(w);
    frame_send(s, CONTINUATION_FIN, "?");
    return refused(w, s, 1002, "continuation without a message", WEIR_EPROTO);
}

WS_STORY(endless_empty_fragments_are_closed_with_1008) {
    struct weir_stream *s = raw_open(w);
    uint8_t one[8];
    size_t n = frame_make(one, CONTINUATION, "", 0);
    frame_send(s, TEXT_PART, "");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(weir_write(s, one, n), 0);
    return refused(w, s, 1008, "too many empty fragments", WEIR_EPROTO);
}

WS_STORY(what_comes_after_a_refusal_is_not_delivered) {
    struct weir_stream *s = raw_open(w);
    uint8_t bytes[64];
    size_t n = frame_make(bytes, TEXT, "first", 5);
    n += frame_make(bytes + n, 0xf1, "rsv", 3);
    n += frame_make(bytes + n, TEXT, "second", 6);
    assert_int_equal(weir_write(s, bytes, n), 0);
    expect_frame(s, TEXT, "first");
    assert_int_equal(refused(w, s, 1002, "reserved bit set", WEIR_EPROTO), 0);
    assert_int_equal(w->messages, 1);
    return 0;
}

WS_STORY(a_peer_that_vanishes_in_a_message_is_1006) {
    struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT_PART, "half a mess");
    assert_int_equal(weir_shutdown(s), 0);
    expect_end(s);
    weir_close(&s);
    wait_ended(w, 1);
    assert_int_equal(w->rc, WEIR_EEOF);
    assert_int_equal(w->code, 1006);
    assert_int_equal(w->told, 0);
    return 0;
}

WS_STORY(a_flood_of_pings_is_answered_by_few_pongs) {
    enum { PINGS = 20000 };
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    uint8_t *bytes = malloc(PINGS * 16);
    char text[16] = "";
    size_t n = 0, high = weir__alloc_live();
    for (int i = 0; i < PINGS; i++) {
        int len = snprintf(text, sizeof text, "%d", i);
        n += frame_make(bytes + n, PING, text, (size_t)len);
    }
    assert_int_equal(weir_write(s, bytes, n), 0);
    free(bytes);
    char got[16];
    int pongs = 0;
    do {
        assert_int_equal(frame_read(s, got, sizeof got), PONG);
        pongs++;
    } while (strcmp(got, text) != 0);
    assert_true(pongs <= PINGS);
    assert_true(weir__alloc_live() <= high + 8);
    return 0;
}

/* ---- at random: whatever comes, the connection ends and nothing stays ---- */

static uint32_t dice(uint32_t below) {
    static uint32_t x = 2463534242u;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x % below;
}

/* Mostly frames that make sense, one in eight with something wrong. */
static size_t random_frame(uint8_t *buf) {
    static const uint8_t firsts[] = {0x81, 0x01, 0x00, 0x80, 0x82, 0x89, 0x8a, 0x88};
    uint8_t payload[200];
    unsigned first = firsts[dice(dice(4) == 0 ? 8 : 7)];
    size_t len = dice(first >= 0x88 ? 126 : 200);
    for (size_t i = 0; i < len; i++)
        payload[i] = (uint8_t)('a' + dice(26));
    size_t n = frame_make(buf, first, payload, len);
    if (dice(8) == 0)
        buf[dice((uint32_t)n)] ^= (uint8_t)(1u << dice(8));
    return n;
}

static void send_at_random(struct weir_stream *s) {
    uint8_t bytes[3000];
    size_t n = 0;
    for (uint32_t frames = 1 + dice(12); frames > 0; frames--)
        n += random_frame(bytes + n);
    for (size_t at = 0; at < n;) {
        size_t step = 1 + dice(dice(2) ? 20 : 2000);
        step = step < n - at ? step : n - at;
        if (weir_write(s, bytes + at, step) < 0)
            return;
        at += step;
        if (dice(2))
            weir_yield();
    }
}

WS_STORY(random_frames_end_somehow, o->message_max = 500, o->close_ns = MS(5)) {
    enum { ROUNDS = 150 };
    for (int i = 0; i < ROUNDS; i++) {
        struct weir_stream *s = raw_open(w);
        char sink[1000];
        send_at_random(s);
        if (dice(2) && weir_shutdown(s) == 0)
            while (weir_read(s, sink, sizeof sink) > 0)
                ;
        weir_close(&s);
    }
    wait_ended(w, ROUNDS);
    return 0;
}

struct watch {
    struct world *w;
    int most; /* messages handled between two turns of the watcher */
};

static int watches(void *args) {
    struct watch *watch = *(struct watch **)args;
    int before = watch->w->messages, rc;
    while ((rc = weir_yield()) == 0) {
        int now = watch->w->messages;
        watch->most = now - before > watch->most ? now - before : watch->most;
        before = now;
    }
    return rc;
}

WS_STORY(a_piece_full_of_messages_lets_the_others_run) {
    enum { FRAMES = 1000, FRAME = 7 };
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    struct watch watch = {w, 0}, *of = &watch;
    struct weir_group g;
    uint8_t bytes[FRAMES * FRAME];
    for (size_t i = 0; i < FRAMES; i++)
        assert_int_equal(frame_make(bytes + i * FRAME, TEXT, "x", 1), FRAME);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(watches), watches, &of, sizeof of, NULL, NULL), 0);
    assert_int_equal(weir_write(s, bytes, sizeof bytes), 0);
    for (size_t i = 0; i < FRAMES; i++)
        expect_frame(s, TEXT, "x");
    weir_group_cancel(&g, "seen enough");
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_in_range(watch.most, 1, 64);
    return 0;
}

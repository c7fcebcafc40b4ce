/* SPDX-License-Identifier: MIT */
/* A connection whose writer waits because the peer does not read yet: the messages that the peer
 * sends meanwhile are delivered when the writer goes on, all of them and in order. */
#include "proto/ws_test_util.h"

enum { QUEUE = 64 << 20 };

/* Ask for an answer that cannot leave, and wait until its writer waits. */
static void park_writer(struct world *w, struct weir_stream *s) {
    int before = w->messages;
    frame_send(s, TEXT, "big");
    for (int i = 0; w->messages == before && i < 2000; i++)
        weir_sleep(MS(1));
    settle();
    assert_int_equal(w->messages, before + 1);
    assert_true(weir_ws_queued(w->lent) > 0);
}

static size_t mixture(uint8_t *buf) {
    size_t n = frame_make(buf, PING, "a", 1);
    n += frame_make(buf + n, TEXT_PART, "t", 1);
    n += frame_make(buf + n, PING, "b", 1);
    n += frame_make(buf + n, CONTINUATION_FIN, "wo", 2);
    n += frame_make(buf + n, TEXT, "", 0);
    return n + frame_make(buf + n, TEXT, "three", 5);
}

/* Pings behind a long queue share one answer (RFC 6455 5.5.3): how many pongs come depends. */
static void expect_text(struct weir_stream *s, const char *want) {
    char text[64];
    int first;
    while ((first = frame_read(s, text, sizeof text)) == PONG)
        ;
    assert_int_equal(first, TEXT);
    assert_string_equal(text, want);
}

static void expect_mixture(struct weir_stream *s) {
    expect_text(s, "two");
    expect_text(s, "");
    expect_text(s, "three");
}

/* The piece that the writer's park finds half decoded: the mixture's first bytes come in front of
 * what makes the writer wait, the others while it does, or when it has gone on. */
WS_STORY(what_comes_while_the_writer_waits_is_delivered_however_it_is_cut, o->queue_max = QUEUE) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    uint8_t bytes[256];
    size_t n = mixture(bytes), step = strcmp(test_backend, "sim") == 0 ? 1 : 5;
    for (size_t at = 0; at <= n; at += step) {
        park_writer(w, s);
        assert_int_equal(weir_write(s, bytes, at), 0);
        settle();
        expect_big(s);
        settle();
        assert_int_equal(weir_write(s, bytes + at, n - at), 0);
        expect_mixture(s);
    }
    return 0;
}

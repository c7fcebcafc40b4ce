/* SPDX-License-Identifier: MIT */
/* Streams, and a peer on another thread that only reads, only writes, shuts its side down at once,
 * resets, or reads slowly. The tests count the bytes that must reach either side, for both shapes
 * of a server.
 *
 * The first byte that the peer sends says what the server does: 'e' echoes until end of stream, 'c'
 * counts until end of stream and sends the count, 'w' writes MUCH and closes, 'r' writes until that
 * fails, reads on, and counts the streams that ended with a reset. */
#include "base/alloc.h"
#include "stream/peer_test_util.h"

#include <stdlib.h>

enum { MUCH = 3 << 20 };

struct conn {
    char mode;
    uint64_t count;
};

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 7 + (i >> 8) * 3);
}

/* ---- the server ---- */

static int write_much(struct weir_stream *s) {
    uint8_t *bytes = weir__alloc(MUCH);
    for (size_t i = 0; i < MUCH; i++)
        bytes[i] = pattern(i);
    int rc = weir_write(s, bytes, MUCH);
    weir__free(bytes);
    return rc;
}

/* Returns 1 when the server is done with the connection. */
static int take(struct conn *c, struct weir_stream *s, struct weir_view v) {
    if (c->mode == '\0') {
        c->mode = *(const char *)v.base;
        v = (struct weir_view){(const char *)v.base + 1, v.len - 1};
    }
    if (c->mode == 'w') {
        int rc = write_much(s);
        return rc < 0 ? rc : 1;
    }
    while (c->mode == 'r' && weir_write(s, c, sizeof *c) == 0)
        weir_yield();
    c->count += v.len;
    post.heard = c->mode == 'c' ? c->count : post.heard;
    return c->mode == 'e' && v.len > 0 ? weir_write(s, v.base, v.len) : 0;
}

struct serve_args {
    struct weir_stream *peer;
};
static int serve(void *args) {
    struct weir_stream *s = ((struct serve_args *)args)->peer;
    struct conn c = {0};
    struct weir_view v;
    ssize_t n;
    while ((n = weir_peek(s, 1, &v)) > 0) {
        int rc = take(&c, s, v);
        weir_consume(s, v.len);
        if (rc != 0)
            break;
    }
    if (n == 0 && c.mode == 'c')
        (void)weir_write(s, &c.count, sizeof c.count);
    post.heard += c.mode == 'r' && n == -ECONNRESET;
    weir_close(&s);
    post.ended++;
    return 0;
}

static int on_message(struct weir_conn *c, void *state, struct weir_view v) {
    int rc = take(state, weir_conn_stream(c), v);
    if (rc == 1)
        weir_conn_close(c);
    return rc < 0 ? rc : 0;
}

static void on_closed(struct weir_conn *c, void *state, int rc) {
    post.heard += ((struct conn *)state)->mode == 'r' && rc == -ECONNRESET;
    post.ended++;
}

static int serve_all(void *args) {
    static const struct weir_reactive r = {.size = sizeof r, .state_size = sizeof(struct conn),
                                           .message = on_message, .closed = on_closed};
    (void)args;
    return post.reacts ? weir_react(post.l, &post.clients, &r)
                       : serve_each(WEIR_SITE(serve), serve);
}

/* ---- the peer ---- */

/* Read len bytes of the pattern, in steps with a pause between them, if any. */
static void expect_pattern(int s, size_t len, size_t step, useconds_t pause) {
    uint8_t bytes[64 << 10];
    for (size_t at = 0, n; at < len; at += n) {
        n = len - at < step ? len - at : step;
        assert_int_equal(peer_read(s, bytes, n), n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bytes[i], pattern(at + i));
        if (pause > 0)
            usleep(pause);
    }
}

static void write_pattern(int s, size_t len) {
    uint8_t *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = pattern(i);
    peer_write(s, bytes, len);
    free(bytes);
}

enum { HALVES = 200 };

static void halves(int port) {
    uint32_t seed = 3;
    for (int i = 0; i < HALVES; i++) {
        size_t len = peer_chance(&seed, 20000);
        int s = peer_dial(port, i % 2 ? 4096 : 0);
        peer_write(s, "e", 1);
        write_pattern(s, len);
        peer_end_writing(s);
        expect_pattern(s, len, 1000, 0);
        peer_expect_end(s);
        close(s);
    }
}

PEER_STORY(a_peer_that_closes_its_side_at_once_gets_its_echo) {
    tell_peer(halves, HALVES);
}

static void only_writes(int port) {
    uint64_t count = 0;
    int s = peer_dial(port, 0);
    peer_write(s, "c", 1);
    for (int i = 0; i < 20; i++)
        write_pattern(s, 300000);
    peer_end_writing(s);
    if (!post.reacts) /* who reacts is told the end by `closed`, and has nothing to say to it */
        assert_int_equal(peer_read(s, &count, sizeof count), sizeof count);
    assert_int_equal(count, post.reacts ? 0 : 20 * 300000);
    peer_expect_end(s);
    close(s);
}

PEER_STORY(a_peer_that_only_writes_is_read_to_the_last_byte) {
    for (int reacts = 0; reacts < 2; reacts++) {
        tell_peer_of(reacts != 0, only_writes, 1);
        assert_int_equal(post.heard, 20 * 300000);
    }
}

static void only_reads(int port) {
    for (int i = 0; i < 4; i++) {
        int s = peer_dial(port, i % 2 ? 2048 : 0);
        peer_write(s, "w", 1);
        if (i < 2)
            peer_end_writing(s);
        expect_pattern(s, MUCH, 20000, i % 2 ? 50 : 0);
        peer_expect_end(s);
        close(s);
    }
}

PEER_STORY(a_peer_that_only_reads_gets_all_that_was_written_before_the_close) {
    tell_peer(only_reads, 4);
}

enum { RESETS = 150 };

static void resets(int port) {
    uint32_t seed = 5;
    static char bytes[30000];
    for (int i = 0; i < RESETS; i++) {
        int s = peer_dial(port, i % 2 ? 4096 : 0);
        peer_write(s, &"ecw"[i % 3], 1);
        if (i % 3 != 2) /* whoever is written to without end does not read meanwhile */
            peer_write(s, bytes, peer_chance(&seed, i % 2 ? 2000 : sizeof bytes));
        if (i % 4 == 0)
            peer_end_writing(s);
        ssize_t got = recv(s, bytes, 1 + peer_chance(&seed, sizeof bytes - 1), MSG_DONTWAIT);
        (void)got;
        peer_reset(s);
    }
    int s = peer_dial(port, 0); /* the others are served as ever */
    peer_write(s, "e", 1);
    write_pattern(s, 1000);
    peer_end_writing(s);
    expect_pattern(s, 1000, 1000, 0);
    peer_expect_end(s);
    close(s);
}

PEER_STORY(a_peer_that_resets_leaves_nothing_behind) {
    tell_peer(resets, RESETS + 1);
}

static void resets_a_writer(int port) {
    static char bytes[3000];
    for (int i = 0; i < HALVES; i++) {
        int s = peer_dial(port, i % 2 ? 4096 : 0);
        peer_write(s, "request", 7);
        assert_int_equal(peer_read(s, bytes, sizeof bytes), sizeof bytes);
        peer_reset(s);
    }
}

/* Mostly the write meets the reset, and the read that follows it must not see an end. */
PEER_STORY(a_peer_that_resets_a_writer_has_not_ended_its_stream) {
    for (int reacts = 0; reacts < 2; reacts++) {
        tell_peer_of(reacts != 0, resets_a_writer, HALVES);
        assert_int_equal(post.heard, HALVES);
    }
}

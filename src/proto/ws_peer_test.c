/* SPDX-License-Identifier: MIT */
/* A peer on another thread, with sockets of its own: it only reads, only writes, shuts down its
 * side at once, resets, reads slowly, or sends after its close frame. The messages that must reach
 * it are counted. Both shapes of server.
 *
 * A message of the peer is a struct ask: the server answers with `count` messages of `len` bytes
 * (at least 4), each beginning with its number in the connection. */
#include "proto/ws_test_util.h"
#include "stream/peer_test_util.h"

enum how {
    AT_ONCE,
    SUSPENDS,   /* first, and half way */
    IN_PARTS,   /* of at most 1000 bytes */
    ELSEWHERE,  /* another task of the connection's group answers */
    AND_DROPS,  /* at once, behind the last answer; serving only */
    AND_CLOSES, /* likewise, with 1000 */
};

struct ask {
    uint8_t how;
    uint32_t count, len;
};

struct conn {
    uint32_t number; /* of the next message */
};

static const struct weir_ws_options options = {.size = sizeof options, .queue_max = 16 << 20};

/* ---- the server ---- */

static int say(struct weir_ws *ws, struct conn *c, const struct ask *a) {
    int rc = 0;
    uint8_t *bytes = weir__alloc_zero(a->len);
    for (uint32_t i = 0; i < a->count && rc == 0; i++) {
        if (a->how == SUSPENDS && i == a->count / 2 && (rc = weir_sleep(MS(1))) < 0)
            break;
        memcpy(bytes, &c->number, sizeof c->number);
        c->number++;
        size_t step = a->how == IN_PARTS ? 1000 : a->len;
        if (step == a->len)
            rc = weir_ws_send(ws, WEIR_WS_BINARY, bytes, a->len);
        else
            for (size_t at = 0; at < a->len && rc == 0; at += step)
                rc = weir_ws_send_part(ws, WEIR_WS_BINARY, bytes + at,
                                       a->len - at < step ? a->len - at : step,
                                       a->len - at <= step);
    }
    weir__free(bytes);
    sem_post(&post.answered);
    return rc;
}

struct say_elsewhere_args {
    struct weir_ws *ws;
    struct conn *c;
    struct ask ask;
    struct weir_group *g;
};
static int say_elsewhere(void *args) {
    struct say_elsewhere_args *a = args;
    (void)say(a->ws, a->c, &a->ask);
    return 0;
}

static int serve_message(struct weir_ws *ws, struct conn *c, struct weir_group *g,
                         const struct weir_ws_message *m) {
    struct ask a;
    assert_int_equal(m->data.len, sizeof a);
    memcpy(&a, m->data.base, sizeof a);
    if (a.how == ELSEWHERE)
        return weir_go(g, say_elsewhere, .ws = ws, .c = c, .ask = a, .g = g);
    if (a.how == SUSPENDS && weir_sleep(1) < 0)
        return -ECANCELED;
    int rc = say(ws, c, &a);
    if (rc == 0 && a.how == AND_CLOSES)
        rc = post.reacts ? weir_ws_begin_close(ws, 1000, NULL) : weir_ws_close(ws, 1000, NULL);
    return rc == 0 && a.how == AND_DROPS ? WEIR_EWSCLOSED : rc;
}

static int on_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return serve_message(ws, state, weir_ws_group(ws), m);
}

static void on_closed(struct weir_ws *ws, void *state, int rc) {
    post.ended++;
    post.code = weir_ws_close_code(ws);
}

static int serve(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_group g;
    struct conn c = {0};
    struct weir_ws_message m;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_ws_accept(&((struct serve_one_args *)args)->peer, &options, &ws);
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = serve_message(ws, &c, &g, &m);
    weir_group_close(&g, 0);
    post.ended++;
    return 0;
}

static int serve_all(void *args) {
    static const struct weir_ws_reactive r = {.size = sizeof r, .state_size = sizeof(struct conn),
                                              .message = on_message, .closed = on_closed};
    (void)args;
    return post.reacts ? weir_ws_react(post.l, &post.clients, &r, &options)
                       : serve_each(WEIR_SITE(serve), serve);
}

/* ---- the peer ---- */

static int peer_open(int port, int receive_buffer) {
    int s = peer_dial(port, receive_buffer);
    char head[512] = "";
    peer_write(s, plain_request, strlen(plain_request));
    for (size_t n = 0; strstr(head, "\r\n\r\n") == NULL; n++)
        assert_int_equal(peer_read(s, head + n, 1), 1);
    assert_memory_equal(head, "HTTP/1.1 101", 12);
    return s;
}

static size_t ask_make(uint8_t *buf, enum how how, uint32_t count, uint32_t len) {
    struct ask a = {.how = (uint8_t)how, .count = count, .len = len};
    return frame_make(buf, 0x82, &a, sizeof a);
}

static void peer_ask(int s, enum how how, uint32_t count, uint32_t len) {
    uint8_t buf[64];
    peer_write(s, buf, ask_make(buf, how, count, len));
}

/* Skip len bytes, in steps with a pause between them, if any. */
static void peer_skip(int s, size_t len, size_t step, useconds_t pause) {
    static char bytes[64 << 10];
    for (size_t n; len > 0; len -= n) {
        n = len < step ? len : step;
        assert_int_equal(peer_read(s, bytes, n), n);
        if (pause > 0 && n == step)
            usleep(pause);
    }
}

/* One message of the server's, perhaps in frames: its number is checked. */
static void peer_expect_slowly(int s, uint32_t number, size_t len, size_t step, useconds_t pause) {
    uint8_t head[10];
    uint32_t got;
    for (size_t sum = 0; sum < len;) {
        assert_int_equal(peer_read(s, head, 2), 2);
        assert_int_equal(head[0] & 0x0f, sum == 0 ? 2 : 0);
        size_t more = head[1] == 126 ? 2 : head[1] == 127 ? 8 : 0, n = more ? 0 : head[1];
        assert_int_equal(peer_read(s, head + 2, more), more);
        for (size_t i = 0; i < more; i++)
            n = n << 8 | head[2 + i];
        size_t begun = 0;
        if (sum == 0) {
            assert_int_equal(peer_read(s, &got, sizeof got), sizeof got);
            assert_int_equal(got, number);
            begun = sizeof got;
        }
        peer_skip(s, n - begun, step, pause);
        sum += n;
        assert_int_equal((head[0] & 0x80) != 0, sum == len);
    }
}

static void peer_expect(int s, uint32_t number, size_t len) {
    peer_expect_slowly(s, number, len, 64 << 10, 0);
}

static void peer_expect_close(int s, unsigned code) {
    uint8_t frame[4];
    assert_int_equal(peer_read(s, frame, 4), 4);
    assert_memory_equal(frame, "\x88\x02", 2);
    assert_int_equal(frame[2] << 8 | frame[3], code);
    peer_expect_end(s);
}

static void peer_close(int s) {
    uint8_t buf[64];
    peer_write(s, buf, frame_make(buf, CLOSE, "\x03\xe8", 2));
    peer_expect_close(s, 1000);
    close(s);
}

/* ---- it ends its side at once ---- */

enum { HALVES = 150 };

static void halves(int port) {
    uint8_t buf[256];
    for (int i = 0; i < HALVES; i++) {
        size_t n = 0;
        uint32_t number = 0;
        int s = peer_open(port, 0);
        for (int k = 0; k <= i % 4; k++)
            n += ask_make(buf + n, k % 2 ? SUSPENDS : AT_ONCE, 3, 20);
        peer_write(s, buf, n);
        peer_end_writing(s);
        for (int k = 0; k < 3 * (i % 4 + 1); k++)
            peer_expect(s, number++, 20);
        peer_expect_end(s);
        close(s);
    }
}

PEER_STORY(a_peer_that_closes_its_side_at_once_gets_every_answer) {
    tell_peer(halves, HALVES);
}

/* More than the kernel takes at once: the end is read while a frame is half written, and others
 * are queued behind it. */
static void half_and_slow_of(int port, enum how how, uint32_t count, uint32_t len) {
    uint32_t k = 0;
    int s = peer_open(port, 32768);
    peer_ask(s, how, count, len);
    if (how != ELSEWHERE)
        peer_end_writing(s);
    for (; k < count; k++)
        peer_expect_slowly(s, k, len, 60000, 50);
    if (how == ELSEWHERE) /* another task's are sent until the end is read, and no longer */
        peer_end_writing(s);
    peer_expect_end(s);
    close(s);
}

static void half_and_slow(int port) {
    for (int how = AT_ONCE; how <= ELSEWHERE; how++) {
        half_and_slow_of(port, (enum how)how, 5, 900000);
        half_and_slow_of(port, (enum how)how, 30, 150000);
    }
}

PEER_STORY(a_peer_that_closes_its_side_and_reads_slowly_gets_every_answer) {
    tell_peer(half_and_slow, 8);
}

/* A task of the connection's group has queued messages, and is no longer there. */
static void half_behind_a_task(int port) {
    int s = peer_open(port, 4096);
    peer_ask(s, ELSEWHERE, 1, 1 << 20);
    peer_expect_slowly(s, 0, 1 << 20, 60000, 0);
    peer_ask(s, ELSEWHERE, 10, 60000);
    usleep(20000); /* queued by then, or not at all: the count is exact either way */
    peer_end_writing(s);
    uint32_t k = 1;
    uint8_t first;
    while (recv(s, &first, 1, MSG_PEEK) == 1)
        peer_expect_slowly(s, k++, 60000, 5000, 100);
    assert_in_range(k, 1, 11);
    peer_expect_end(s);
    close(s);
}

PEER_STORY(no_message_of_another_task_is_cut_by_the_end) {
    tell_peer(half_behind_a_task, 1);
}

/* ---- it only writes, only reads ---- */

static void only_writes(int port) {
    int s = peer_open(port, 0);
    for (int i = 0; i < 900; i++)
        peer_ask(s, i % 3 == 0 ? SUSPENDS : AT_ONCE, 1, 20);
    for (uint32_t i = 0; i < 900; i++)
        peer_expect(s, i, 20);
    peer_close(s);
}

PEER_STORY(a_peer_that_only_writes_gets_every_answer_when_it_reads) {
    tell_peer(only_writes, 1);
}

static void only_reads(int port) {
    for (int how = AT_ONCE; how <= ELSEWHERE; how++) {
        int s = peer_open(port, 0);
        peer_ask(s, (enum how)how, 300, 60000);
        for (uint32_t i = 0; i < 300; i++)
            peer_expect(s, i, 60000);
        peer_close(s);
    }
}

PEER_STORY(a_peer_that_only_reads_gets_every_message) {
    tell_peer(only_reads, 4);
}

/* Writes go on while nothing is read, and the answers are many times what the kernel holds. */
static void reads_slowly(int port) {
    uint32_t number = 0, seed = 1;
    int s = peer_open(port, 2048);
    for (int i = 0; i < 12; i++) {
        uint32_t len = 4 + peer_chance(&seed, 300000);
        peer_ask(s, (enum how)(i % 3), 2, len);
        peer_ask(s, SUSPENDS, 1, 100);
        peer_expect_slowly(s, number++, len, 3000, 20);
        peer_expect_slowly(s, number++, len, 3000, 20);
        peer_expect_slowly(s, number++, 100, 3000, 20);
    }
    peer_close(s);
}

PEER_STORY(a_peer_that_reads_slowly_gets_every_message) {
    tell_peer(reads_slowly, 1);
}

/* ---- it goes on behind its close frame ---- */

/* The answers, and ours to its close frame, are still on their way when what came behind it would
 * make a close a reset. Who closes while a function works gets no more of its answers: so it waits
 * until the function has returned, whatever made that suspend. */
static void behind_the_close(int port) {
    static uint8_t junk[100000];
    uint8_t buf[64];
    for (int how = AT_ONCE; how <= IN_PARTS; how++) {
        int s = peer_open(port, 4096);
        peer_ask(s, (enum how)how, 3, 300000);
        assert_int_equal(sem_wait(&post.answered), 0);
        peer_write(s, buf, frame_make(buf, CLOSE, "\x03\xe8", 2));
        peer_write(s, junk, sizeof junk);
        for (uint32_t k = 0; k < 3; k++)
            peer_expect_slowly(s, k, 300000, 10000, 50);
        peer_expect_close(s, 1000);
        close(s);
    }
}

PEER_STORY(what_comes_behind_a_close_frame_resets_no_answer) {
    tell_peer(behind_the_close, 3);
}

static void behind_the_answer(int port) {
    static uint8_t junk[100000];
    uint8_t buf[64];
    int s = peer_open(port, 4096);
    peer_ask(s, AND_CLOSES, 3, 300000);
    peer_expect_slowly(s, 0, 300000, 10000, 0);
    peer_write(s, buf, frame_make(buf, CLOSE, "\x03\xe8", 2));
    peer_write(s, junk, sizeof junk);
    for (uint32_t k = 1; k < 3; k++)
        peer_expect_slowly(s, k, 300000, 10000, 50);
    peer_expect_close(s, 1000);
    close(s);
}

PEER_STORY(what_comes_behind_the_answer_to_our_close_resets_no_message) {
    tell_peer(behind_the_answer, 1);
}

/* ---- it resets ---- */

enum { RESETS = 120 };

static void resets(int port) {
    uint32_t seed = 7;
    uint8_t buf[4096];
    for (int i = 0; i < RESETS; i++) {
        int s = peer_open(port, i % 2 ? 4096 : 0);
        size_t n = 0;
        for (int k = 0; k < 20; k++)
            n += ask_make(buf + n, (enum how)(k % 4), 1 + peer_chance(&seed, 4),
                          4 + peer_chance(&seed, i % 3 ? 200000 : 100));
        peer_write(s, buf, peer_chance(&seed, (uint32_t)n + 1));
        if (i % 4 == 1)
            peer_end_writing(s);
        if (i % 2 == 0) {
            ssize_t got = recv(s, buf, 1 + peer_chance(&seed, sizeof buf - 1), MSG_DONTWAIT);
            (void)got;
        }
        peer_reset(s);
    }
    int s = peer_open(port, 0); /* the others are served as ever */
    peer_ask(s, AT_ONCE, 2, 100);
    peer_expect(s, 0, 100);
    peer_expect(s, 1, 100);
    peer_close(s);
}

PEER_STORY(a_peer_that_resets_leaves_nothing_behind) {
    tell_peer(resets, RESETS + 1);
}

/* ---- the server stops ---- */

static void stop_server(void *arg) {
    (void)arg;
    weir_group_cancel(&post.clients, "the server goes");
}

/* Bytes of the peer's are on their way all the time. What was queued comes whole and in order, then
 * 1001; the answer to it is waited for, and no reset overtakes anything. */
static void stopped(int port) {
    static const uint32_t lens[2] = {100, 300000};
    uint8_t frame[64];
    int s[2];
    for (int i = 0; i < 2; i++) {
        s[i] = peer_open(port, i ? 4096 : 0);
        for (int k = 0; k < 50; k++)
            peer_ask(s[i], k % 2 ? SUSPENDS : AT_ONCE, 1, lens[i]);
        peer_expect(s[i], 0, lens[i]);
    }
    assert_int_equal(weir_post(post.loop, stop_server, NULL), 0);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 50; k++)
            peer_ask(s[i], AT_ONCE, 1, lens[i]);
        for (uint32_t k = 1; recv(s[i], frame, 1, MSG_PEEK) == 1 && frame[0] != CLOSE; k++)
            peer_expect_slowly(s[i], k, lens[i], 30000, 0);
        assert_int_equal(peer_read(s[i], frame, 4), 4);
        assert_memory_equal(frame, "\x88\x02\x03\xe9", 4);
        peer_write(s[i], frame, frame_make(frame, CLOSE, "\x03\xe9", 2));
        peer_expect_end(s[i]);
        close(s[i]);
    }
}

PEER_STORY(a_stopped_server_cuts_nothing_that_it_queued) {
    tell_peer_of(true, stopped, 2);
}

/* Half a frame is with the connection, not looked at, while it writes: the stop loses none of it,
 * or the answer to 1001 would not be understood. */
static void stopped_inside_a_frame(int port) {
    static uint8_t frame[4096], zeros[2048];
    uint8_t head[10];
    size_t n = frame_make(frame, 0x82, zeros, sizeof zeros), half = n / 2;
    int s = peer_open(port, 4096);
    peer_ask(s, SUSPENDS, 1, 12 << 20);
    assert_int_equal(peer_read(s, head, sizeof head), sizeof head);
    peer_write(s, frame, half);
    assert_int_equal(weir_post(post.loop, stop_server, NULL), 0);
    peer_skip(s, 12 << 20, 64 << 10, 0);
    assert_int_equal(peer_read(s, head, 4), 4);
    assert_memory_equal(head, "\x88\x02\x03\xe9", 4);
    peer_write(s, frame + half, n - half);
    peer_write(s, frame, frame_make(frame, CLOSE, "\x03\xe9", 2));
    peer_expect_end(s);
    close(s);
}

PEER_STORY(a_stopped_server_keeps_its_place_in_a_frame) {
    tell_peer_of(true, stopped_inside_a_frame, 1);
    assert_int_equal(post.code, 1001);
}

/* ---- the server drops ---- */

static void dropped(int port) {
    static const uint32_t lens[] = {20, 5000, 60000, 300000};
    for (int i = 0; i < 40; i++) {
        uint32_t len = lens[i % 4];
        int s = peer_open(port, i % 8 < 4 ? 0 : 4096);
        peer_ask(s, AND_DROPS, 3, len);
        for (uint32_t k = 0; k < 3; k++)
            peer_expect_slowly(s, k, len, 10000, 20);
        peer_expect_end(s);
        close(s);
    }
}

PEER_STORY(what_was_sent_before_a_drop_leaves) {
    tell_peer_of(false, dropped, 40);
}

/* It has asked for more: a close with that unread would be a reset. */
static void dropped_in_the_middle(int port) {
    for (int i = 0; i < 4; i++) {
        uint32_t len = i % 2 ? 300000 : 5000;
        int s = peer_open(port, 4096);
        peer_ask(s, AND_DROPS, 3, len);
        for (int k = 0; k < 50; k++)
            peer_ask(s, AT_ONCE, 1, len);
        for (uint32_t k = 0; k < 3; k++)
            peer_expect_slowly(s, k, len, 10000, 20);
        peer_expect_end(s);
        close(s);
    }
}

PEER_STORY(a_drop_with_bytes_unread_resets_nothing_that_was_sent) {
    tell_peer_of(false, dropped_in_the_middle, 4);
}

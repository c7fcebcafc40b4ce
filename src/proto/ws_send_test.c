/* SPDX-License-Identifier: MIT */
/* Sending: messages that were queued in one turn are sent together; frames are sent whole or not at
 * all; tasks that send wait in a line. */

#include <stdlib.h>
#include <weir/testing.h>

#include "proto/ws_test_util.h"
#include "stream/pair_test_util.h"

/* ---- coalescing ---- */

WS_STORY(what_one_turn_sends_leaves_in_one_send) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    settle();
    uint64_t before = weir_fault_seen();
    for (int i = 0; i < 100; i++)
        assert_int_equal(ws_say(ws, "message"), 0);
    assert_int_equal(weir_fault_seen(), before);
    assert_int_equal(weir_ws_queued(ws), 100 * (6 + 7));
    assert_int_equal(weir_ws_flush(ws), 0);
    assert_int_equal(weir_ws_queued(ws), 0);
    assert_true(weir_fault_seen() - before <= 2); /* ours; the server may have answered */
    for (int i = 0; i < 100; i++)
        expect_message(ws, "message");
    /* It came in one piece, mostly, and so the answers left in one send. */
    assert_true(weir_fault_seen() - before <= 4);
    return 0;
}

__attribute__((constructor)) static void count_sends(void) {
    static const struct weir_fault sends = {.size = sizeof sends, .kinds = WEIR_FAULT_SEND};
    weir_fault_arm(&sends);
}

/* ---- the line ---- */

struct sender {
    struct weir_ws *ws;
    size_t len;
    int rc, place;
};
struct sender_args {
    struct sender *s;
    int *places;
};
static int sender(void *args) {
    struct sender_args *a = args;
    static char much[1 << 20];
    a->s->rc = weir_ws_send(a->s->ws, WEIR_WS_BINARY, much, a->s->len);
    a->s->place = ++*a->places;
    return 0;
}

/* A client whose queue is full, for the server's handler waits. */
static void stuff(struct world *w, struct weir_ws *ws) {
    static char much[1 << 20];
    w->held = true;
    assert_int_equal(ws_say(ws, "hold"), 0);
    while (weir_ws_try_send(ws, WEIR_WS_BINARY, much, sizeof much) != -EAGAIN)
        weir_yield();
}

static void drain(struct world *w, struct weir_ws *ws, size_t until) {
    struct weir_ws_message m;
    w->held = false;
    do
        assert_int_equal(weir_ws_receive(ws, &m), 0);
    while (m.data.len != until);
}

WS_STORY(senders_are_served_in_the_order_they_came, o->message_max = 2 << 20) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct sender s[4] = {{ws, 1 << 20, 1, 0}, {ws, 10, 1, 0}, {ws, 1 << 19, 1, 0},
                          {ws, 11, 1, 0}};
    struct weir_group g;
    int places = 0;
    stuff(w, ws);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(weir_go(&g, sender, .s = &s[i], .places = &places), 0);
        weir_yield();
    }
    assert_int_equal(places, 0);
    assert_int_equal(weir_ws_try_send(ws, WEIR_WS_BINARY, "x", 1), -EAGAIN); /* nobody overtakes */
    drain(w, ws, 11);
    assert_int_equal(weir_group_close(&g, 0), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s[i].rc, 0);
        assert_int_equal(s[i].place, i + 1);
    }
    return 0;
}

struct newcomer_args {
    struct weir_ws *ws;
    const int *places;
};

/* Tries at each turn, also between the wake of the sender that waits and its run. */
static int newcomer(void *args) {
    struct newcomer_args *a = args;
    int rc;
    while ((rc = weir_ws_try_send(a->ws, WEIR_WS_BINARY, "x", 1)) == -EAGAIN)
        weir_yield();
    assert_int_equal(rc, 0);
    assert_int_equal(*a->places, 1);
    return 0;
}

WS_STORY(a_newcomer_does_not_overtake_a_sender_that_was_woken, o->message_max = 2 << 20) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct sender s = {ws, 1 << 20, 1, 0};
    struct weir_group g;
    int places = 0;
    stuff(w, ws);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, sender, .s = &s, .places = &places), 0);
    weir_yield();
    assert_int_equal(places, 0);
    assert_int_equal(weir_go(&g, newcomer, .ws = ws, .places = &places), 0);
    drain(w, ws, 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(s.rc, 0);
    return 0;
}

WS_STORY(a_cancelled_sender_has_sent_nothing_and_blocks_no_other, o->message_max = 2 << 20) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct sender first = {ws, 1 << 20, 1, 0}, second = {ws, 77, 1, 0};
    struct weir_task *t = NULL;
    struct weir_group g;
    int places = 0;
    stuff(w, ws);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go_task(&g, sender, &t, .s = &first, .places = &places), 0);
    assert_int_equal(weir_go(&g, sender, .s = &second, .places = &places), 0);
    weir_yield();
    size_t queued = weir_ws_queued(ws);
    weir_task_cancel(t, "no more");
    weir_task_release(&t);
    weir_yield();
    assert_int_equal(first.rc, -ECANCELED);
    assert_true(weir_ws_queued(ws) <= queued + 77 + 14);
    drain(w, ws, 77);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(second.rc, 0);
    return 0;
}

WS_STORY(a_message_above_the_queue_is_refused, o->queue_max = 1000) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    static char much[1001];
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, much, 1001), WEIR_ETOOBIG);
    assert_non_null(strstr(weir_error(WEIR_ETOOBIG)->text, "the queue holds 1000"));
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, much, 1000), 0);
    assert_int_equal(weir_ws_send(ws, WEIR_WS_TEXT, "\xff", 1), WEIR_EUTF8);
    return 0;
}

WS_STORY(back_pressure_reaches_a_sender_and_ends, o->message_max = 2 << 20) {
    enum { SIZE = 1 << 19, COUNT = 30 };
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    static char much[SIZE];
    struct weir_ws_message m;
    struct weir_scope impatience;
    int sent = 0, rc = 0;
    w->held = true;
    assert_int_equal(ws_say(ws, "hold"), 0);
    while (rc == 0 && sent < COUNT) {
        weir_scope_enter(&impatience, MS(10));
        rc = weir_scope_leave(&impatience, weir_ws_send(ws, WEIR_WS_BINARY, much, SIZE));
        sent += rc == 0;
        assert_true(weir_ws_queued(ws) <= (1 << 20) + 100);
    }
    assert_int_equal(rc, -ETIME); /* 15 MiB do not fit between us */
    w->held = false;
    for (int i = 0; i < sent + 1; i++)
        assert_int_equal(weir_ws_receive(ws, &m), 0);
    assert_int_equal(ws_say(ws, "goes on"), 0);
    expect_message(ws, "goes on");
    return 0;
}

/* ---- a large message, sent from the caller's bytes, over a stream that holds little ---- */

struct reader_args {
    struct weir_stream *s;
};
static int reader(void *args) {
    struct weir_stream *s = ((struct reader_args *)args)->s;
    static char text[60001];
    assert_int_equal(raw_ask(s, plain_request), 101);
    weir_sleep(MS(20));
    assert_int_equal(frame_read(s, text, sizeof text), 0x82);
    assert_int_equal(strspn(text, "b"), 60000);
    expect_ping(s);
    expect_frame(s, TEXT, "after");
    expect_end(s);
    weir_close(&s);
    return 0;
}

static int cut_short(void *arg) {
    static char much[60000];
    struct weir_stream *near, *far;
    struct weir_ws_options o = {.size = sizeof o, .ping_ns = MS(10), .pong_ns = MS(900)};
    struct weir_ws *ws = NULL;
    struct weir_scope impatience;
    struct weir_group g;
    memset(much, 'b', sizeof much);
    assert_int_equal(weir_memory_pair(4096, &near, &far), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, reader, .s = far), 0);
    assert_int_equal(weir_ws_accept(&near, &o, &ws), 0);
    weir_scope_enter(&impatience, MS(15));
    /* Begun, it cannot be unsent: what is left is queued, behind it the ping that was due. */
    assert_int_equal(weir_scope_leave(&impatience,
                                      weir_ws_send(ws, WEIR_WS_BINARY, much, sizeof much)), 0);
    memset(much, 'x', sizeof much);
    assert_true(weir_ws_queued(ws) > 50000);
    assert_int_equal(ws_say(ws, "after"), 0);
    assert_int_equal(weir_ws_flush(ws), 0);
    weir_ws_drop(&ws);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_cancel_in_the_middle_of_a_message_leaves_it_whole) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(cut_short, NULL, &o), 0);
}

struct shakes_args {
    struct weir_stream *s;
};
static int shakes(void *args) {
    assert_int_equal(raw_ask(((struct shakes_args *)args)->s, plain_request), 101);
    return 0;
}

struct receives_args {
    struct weir_ws *ws;
};
static int receives(void *args) {
    struct weir_ws_message m;
    assert_int_equal(weir_ws_receive(((struct receives_args *)args)->ws, &m), WEIR_EEOF);
    return 0;
}

/* The first message fills the stream to the last byte, so nothing of the second leaves. */
static int give_up_before_a_byte(void *arg) {
    enum { HOLDS = 16384, HEAD = 4 };
    static char much[HOLDS - HEAD], got[HOLDS + 1];
    struct weir_stream *near, *far;
    struct weir_ws *ws = NULL;
    struct weir_scope s;
    struct weir_group g;
    assert_int_equal(weir_memory_pair(HOLDS, &near, &far), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, shakes, .s = far), 0);
    assert_int_equal(weir_ws_accept(&near, NULL, &ws), 0);
    assert_int_equal(weir_yield(), 0);
    assert_int_equal(weir_go(&g, receives, .ws = ws), 0);
    memset(much, 'b', sizeof much);
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, much, sizeof much), 0);
    frame_send(far, PING, "are you there?");
    weir_scope_enter(&s, MS(10));
    assert_int_equal(weir_scope_leave(&s, weir_ws_send(ws, WEIR_WS_BINARY, much, 8192)), -ETIME);
    weir_scope_enter(&s, MS(2000));
    assert_int_equal(frame_read(far, got, sizeof got), 0x82);
    expect_frame(far, PONG, "are you there?");
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    weir_close(&far);
    int rc = weir_group_close(&g, 0);
    weir_ws_drop(&ws);
    return rc;
}

WEIR_TEST_BACKENDS(a_ping_is_answered_although_the_message_before_its_pong_was_given_up) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(give_up_before_a_byte, NULL, &o), 0);
}

/* ---- drops ---- */

static int drops(void *args) {
    weir_ws_drop(*(struct weir_ws ***)args);
    return 0;
}

WS_STORY(a_send_that_lets_others_run_returns_that_it_was_dropped) {
    struct weir_ws *ws = ws_open(w), *mine = ws, **shared = &ws;
    struct weir_group g;
    int rc, sent = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(drops), drops, &shared, sizeof shared, NULL, NULL),
                     0);
    while ((rc = weir_ws_send(mine, WEIR_WS_TEXT, "x", 1)) == 0)
        sent++;
    assert_int_equal(rc, WEIR_ECLOSED);
    assert_in_range(sent, 1, 64);
    return weir_group_close(&g, 0);
}

/* The kernel reports the reset to the write, and then an end to who reads. */
WS_STORY(a_reset_that_a_write_meets_is_what_receive_returns_and_closed_gets) {
    struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "the echo of this is never read");
    w->held = true;
    frame_send(s, TEXT, "hold, send and rest");
    for (int i = 0; w->messages < 2 && i < 2000; i++)
        weir_sleep(MS(1));
    settle();
    weir_close(&s);
    settle();
    w->held = false;
    wait_ended(w, 1);
    assert_int_equal(w->rc, -ECONNRESET);
    assert_int_equal(w->code, 1006);
    return 0;
}

struct loses_args {
    struct weir_ws *ws;
    int *ret;
    bool sends;
};
static int loses(void *args) {
    struct loses_args *a = args;
    static char much[64 << 10];
    struct weir_ws_message m;
    do
        *a->ret = a->sends ? weir_ws_send(a->ws, WEIR_WS_BINARY, much, sizeof much)
                           : weir_ws_receive(a->ws, &m);
    while (*a->ret == 0);
    return 0;
}

/* The one that writes is the last to leave the stream, which is freed there. */
static int drop_under_both(void *in_memory) {
    struct weir_stream *near, *far;
    struct weir_ws *ws = NULL;
    struct weir_group g;
    int received = 1, sent = 1;
    pair_of(in_memory != NULL, &near, &far);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, shakes, .s = far), 0);
    assert_int_equal(weir_ws_accept(&near, NULL, &ws), 0);
    assert_int_equal(weir_go(&g, loses, .ws = ws, .ret = &received), 0);
    assert_int_equal(weir_go(&g, loses, .ws = ws, .ret = &sent, .sends = true), 0);
    for (int same = 0; same < 10; same++) { /* until it waits: nothing more is taken */
        settle();
        if (weir_ws_queued(ws) == 0)
            same = 0;
    }
    weir_ws_drop(&ws);
    int rc = weir_group_close(&g, 0);
    assert_int_equal(received, WEIR_ECLOSED);
    assert_int_equal(sent, WEIR_ECLOSED);
    weir_close(&far);
    return rc;
}

WEIR_TEST_BACKENDS(a_drop_ends_a_large_send_whose_stream_is_gone_with_it) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(drop_under_both, NULL, &o), 0);
    assert_int_equal(weir_run(drop_under_both, &o, &o), 0);
}

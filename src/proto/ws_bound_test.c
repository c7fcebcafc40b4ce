/* SPDX-License-Identifier: MIT */
/* A peer that takes nothing holds up a drop, or a server that stops, for close_ns and no longer.
 * The time is that of the simulated world. */
#include <weir/testing.h>

#include "proto/ws_test_util.h"

#define CLOSE_NS WEIR_SECONDS(1)
#define BINARY 0x82
enum { MUCH = 1 << 19 };

/* The peer takes nothing, and is given up for that only long after CLOSE_NS. */
static void patient(struct weir_ws_options *o) {
    o->close_ns = CLOSE_NS;
    o->pong_ns = WEIR_SECONDS(60);
}

/* How long it takes until fewer sockets than before are open. */
static weir_ns until_closed(size_t before) {
    weir_ns begun = weir_now();
    while (weir_sim_counts()->sockets >= before && weir_now() - begun < WEIR_SECONDS(100))
        assert_int_equal(weir_sleep(MS(10)), 0);
    return weir_now() - begun;
}

static void told_in_a_world(int (*story)(struct world *w), bool reacts) {
    struct telling t = {patient, story, reacts};
    assert_int_equal(weir_sim_run(tell, &t, NULL), 0);
}

static int drop_with_a_long_queue(struct world *w) {
    static const uint8_t much[MUCH];
    struct weir_ws *ws = ws_open(w);
    w->held = true;
    assert_int_equal(ws_say(ws, "hold"), 0);
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, much, sizeof much), 0);
    settle();
    assert_true(weir_ws_queued(ws) > 0);
    size_t before = weir_sim_counts()->sockets;
    weir_ws_drop(&ws);
    assert_in_range(until_closed(before), CLOSE_NS, CLOSE_NS + MS(20));
    w->held = false;
    return 0;
}

WEIR_TEST(what_a_drop_leaves_behind_is_sent_for_close_ns_and_no_longer) {
    for (int reacts = 0; reacts < 2; reacts++)
        told_in_a_world(drop_with_a_long_queue, reacts);
}

/* Cancel the connections, and look how long it takes until the last has ended. Their group is a
 * scope around the story too. */
static void stop_takes_close_ns(struct world *w) {
    struct weir_scope shield;
    weir_ns begun = weir_now();
    weir_group_cancel(&w->clients, "the server stops");
    weir_shield_enter(&shield, WEIR_SECONDS(200));
    for (int i = 0; w->ended == 0 && i < 10000; i++)
        assert_int_equal(weir_sleep(MS(10)), 0);
    weir_scope_leave(&shield, 0);
    assert_in_range(weir_now() - begun, CLOSE_NS, CLOSE_NS + MS(20));
    assert_int_equal(w->code, 1006);
}

static int stop_while_a_writer_waits(struct world *w) {
    static uint8_t much[MUCH], frame[MUCH + WEIR__WS_HEAD_MAX];
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    size_t n = frame_make(frame, BINARY, much, MUCH);
    assert_int_equal(weir_write(s, frame, n), 0);
    settle();
    assert_int_equal(w->messages, 1); /* and the echo is more than what the kernels take */
    stop_takes_close_ns(w);
    return 0;
}

WEIR_TEST(a_stop_waits_for_a_writer_that_waits_for_close_ns_and_no_longer) {
    told_in_a_world(stop_while_a_writer_waits, true);
}

/* What was sent has left, so the close frame is what the peer does not take. */
static int stop_an_idle_one(struct world *w) {
    struct weir_fault stuck = {
        .size = sizeof stuck, .kinds = WEIR_FAULT_SEND, .effect = WEIR_FAULT_NEVER};
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "hello");
    expect_frame(s, TEXT, "hello");
    stuck.nth = 1;
    stuck.every = true;
    weir_fault_arm(&stuck);
    stop_takes_close_ns(w);
    assert_true(weir_fault_struck() > 0);
    weir_fault_arm(NULL);
    return 0;
}

WEIR_TEST(a_stop_waits_for_its_close_frame_to_leave_for_close_ns_and_no_longer) {
    struct weir_fault none = {.size = sizeof none};
    weir_fault_arm(&none); /* so that the loop obeys the later one */
    told_in_a_world(stop_an_idle_one, true);
}

/* Its answer is more than the buffers hold. */
static int refuse_one_too_many(struct world *w) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct weir_stream *s = raw_dial(w);
    settle();
    size_t before = weir_sim_counts()->sockets;
    assert_in_range(until_closed(before), MS(500), WEIR_SECONDS(1) + MS(20));
    assert_int_equal(ws_say(ws, "goes on"), 0);
    expect_message(ws, "goes on");
    weir_close(&s);
    return 0;
}

static void only_one(struct weir_ws_options *o) {
    o->connections_max = 1;
}

WEIR_TEST(one_connection_too_many_that_takes_nothing_is_refused_within_a_second) {
    struct weir_sim_options o = {.size = sizeof o, .send_buffer = 20, .receive_buffer = 20};
    struct telling t = {only_one, refuse_one_too_many, true};
    assert_int_equal(weir_sim_run(tell, &t, &o), 0);
}

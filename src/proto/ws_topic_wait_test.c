/* SPDX-License-Identifier: MIT */
/* A publisher that waits for slow subscribers (WEIR_WS_SLOW_WAIT): for whom, and for how long. The
 * time is that of the simulated world. */
#include <weir/testing.h>

#include "proto/ws_topic_test_util.h"

#define WAIT_NS WEIR_SECONDS(1)

static const uint8_t bulk[BULK];

static void expect_bulk(struct weir_stream *s) {
    static uint8_t frame[BULK + 4];
    assert_int_equal(weir_read_exactly(s, frame, sizeof frame), 0);
    assert_true(frame[0] == 0x82 && frame[1] == 126);
}

/* Publish until no subscriber has room. Returns how many messages. */
static int fill_up(struct weir_ws_topic *t) {
    int n = 0;
    while (weir_ws_topic_try_publish(t, WEIR_WS_BINARY, bulk, BULK) >= 0) {
        n++;
        settle();
    }
    return n;
}

struct publish_args {
    struct weir_ws_topic *t;
    ssize_t *rc;
};
static int publish(void *args) {
    struct publish_args *a = args;
    *a->rc = weir_ws_topic_publish(a->t, WEIR_WS_BINARY, bulk, BULK);
    return 0;
}

static void told_in_a_world(int (*story)(struct world *w)) {
    for (int reacts = 0; reacts < 2; reacts++) {
        struct telling t = {NULL, story, reacts};
        assert_int_equal(weir_sim_run(tell, &t, NULL), 0);
    }
}

/* The publisher waits for one of the two first; the one that reads is each of them in turn. */
static int one_of_two_reads(struct world *w) {
    for (int reads = 0; reads < 2; reads++) {
        struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, WAIT_NS);
        struct weir_stream *s[2] = {join(w, t), join(w, t)};
        struct weir_ws_topic_stats st;
        struct weir_group g;
        ssize_t rc = -1;
        int n = fill_up(t);
        weir_group_open(&g, WEIR_TOGETHER);
        assert_int_equal(weir_go(&g, publish, .t = t, .rc = &rc), 0);
        settle();
        assert_int_equal(rc, -1); /* it waits */
        for (int i = 0; i < n; i++)
            expect_bulk(s[reads]);
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_int_equal(rc, 1);
        expect_bulk(s[reads]);
        weir_ws_topic_stats(t, &st);
        assert_true(st.closed == 1 && st.skipped == 0 && st.subscribers == 1);
        weir_close(&s[0]);
        weir_close(&s[1]);
        weir_ws_topic_free(&t);
    }
    return 0;
}

WEIR_TEST(a_subscriber_that_has_room_again_is_not_closed_for_another_that_has_none) {
    told_in_a_world(one_of_two_reads);
}

struct send_large_args {
    struct weir_ws *ws;
};
static int send_large(void *args) {
    static const uint8_t large[1 << 20];
    struct weir_ws *ws = ((struct send_large_args *)args)->ws;
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, large, sizeof large), -ECANCELED);
    return 0;
}

/* There is room for the published message, but a sender stands before it, whose message is too
 * large for what is left. */
static int a_sender_gives_up(struct world *w) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, WAIT_NS);
    struct weir_stream *s = join(w, t);
    struct weir_task *sender = NULL;
    struct weir_group g;
    ssize_t rc = -1;
    while (weir_ws_queued(w->lent) == 0) {
        assert_int_equal(weir_ws_try_send(w->lent, WEIR_WS_BINARY, bulk, BULK), 0);
        settle();
    }
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go_task(&g, send_large, &sender, .ws = w->lent), 0);
    settle();
    assert_int_equal(weir_go(&g, publish, .t = t, .rc = &rc), 0);
    settle();
    assert_int_equal(rc, -1); /* it waits */
    weir_task_cancel(sender, "it gives up");
    settle();
    assert_int_equal(rc, 1);
    weir_task_release(&sender);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&s);
    weir_ws_topic_free(&t);
    return 0;
}

WEIR_TEST(a_publisher_goes_on_when_the_sender_before_it_gives_up) {
    told_in_a_world(a_sender_gives_up);
}

/* SPDX-License-Identifier: MIT */
/* The stories of one chan: order, hand-over, both ends closed, cancels on either side of a
 * hand-over, and misuse. */
#include <weir/chan.h>

#include "base/alloc.h"
#include "sync/sync_test_util.h"

static struct weir_chan chan;
static int seen[64], seen_count;
static int codes[64];

static void start(size_t capacity) {
    assert_int_equal(weir_chan_init(&chan, int, capacity), 0);
    seen_count = 0;
    memset(codes, 0, sizeof codes);
}

struct sends_args { int first, last; };
static int sends(void *args) {
    struct sends_args *a = args;
    for (int i = a->first; i <= a->last; i++)
        if ((codes[i] = weir_chan_send(&chan, &i)) < 0)
            return 0;
    return 0;
}

struct receives_args { int at; };
static int receives(void *args) {
    struct receives_args *a = args;
    int rc, item;
    while ((rc = weir_chan_recv(&chan, &item)) == 1)
        seen[seen_count++] = item;
    codes[a->at] = rc;
    return 0;
}

struct receives_one_args { int at; };
static int receives_one(void *args) {
    struct receives_one_args *a = args;
    int item = -1;
    codes[a->at] = weir_chan_recv(&chan, &item);
    seen[a->at] = item;
    return 0;
}

STORY(chan_keeps_the_order_at_every_capacity) {
    static const size_t capacities[] = {0, 1, 2, 7, SIZE_MAX};
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        struct weir_group g;
        start(capacities[i]);
        weir_group_open(&g, WEIR_TOGETHER);
        weir_go(&g, receives, .at = 63);
        int rc = sends(&(struct sends_args){0, 40});
        assert_true(weir_chan_len(&chan) <= capacities[i]);
        weir_chan_close(&chan);
        assert_int_equal(weir_group_close(&g, rc), 0);
        assert_int_equal(seen_count, 41);
        for (int j = 0; j <= 40; j++)
            assert_int_equal(seen[j], j);
        assert_int_equal(codes[63], 0);
        weir_chan_fini(&chan);
    }
    return 0;
}

STORY_IN_ORDER(senders_and_receivers_are_served_in_the_order_of_their_wait) {
    struct weir_group g;
    start(2);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 5; i++)
        weir_go(&g, sends, .first = i, .last = i);
    yields(1); /* 0 and 1 are in the chan, 2 to 4 wait */
    assert_int_equal(weir_chan_len(&chan), 2);
    for (int i = 0, item; i < 5; i++) {
        int newcomer = 90;
        assert_int_equal(weir_chan_try_send(&chan, &newcomer), i < 4 ? -EAGAIN : 0);
        assert_int_equal(weir_chan_try_recv(&chan, &item), 1);
        assert_int_equal(item, i);
    }
    for (int item; weir_chan_try_recv(&chan, &item) == 1;)
        assert_int_equal(item, 90);
    for (int i = 0; i < 3; i++)
        weir_go(&g, receives_one, .at = i);
    yields(1);
    for (int i = 10; i < 13; i++)
        assert_int_equal(weir_chan_try_send(&chan, &i), 0);
    assert_int_equal(weir_chan_len(&chan), 0); /* each went to a task that waited */
    assert_int_equal(weir_group_close(&g, 0), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen[i], 10 + i);
    weir_chan_fini(&chan);
    return 0;
}

STORY(an_unbuffered_send_returns_when_a_receiver_has_the_item) {
    struct weir_group g;
    int item = 7;
    start(0);
    assert_int_equal(weir_chan_try_send(&chan, &item), -EAGAIN);
    assert_int_equal(weir_chan_try_recv(&chan, &item), -EAGAIN);
    weir_group_open(&g, WEIR_TOGETHER);
    codes[5] = 99;
    weir_go(&g, sends, .first = 5, .last = 5);
    yields(3);
    assert_int_equal(codes[5], 99); /* it waits */
    assert_int_equal(weir_chan_len(&chan), 0);
    assert_int_equal(weir_chan_recv(&chan, &item), 1);
    assert_int_equal(item, 5);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[5], 0);
    weir_chan_fini(&chan);
    return 0;
}

STORY(close_wakes_both_sides_and_lets_receivers_drain) {
    struct weir_group g;
    int item = 1;
    start(1);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, sends, .first = 1, .last = 3); /* 1 is held, 2 waits */
    yields(1);
    weir_chan_close(&chan);
    weir_chan_close(&chan);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[1], 0);
    assert_int_equal(codes[2], WEIR_ECLOSED);
    assert_int_equal(weir_chan_send(&chan, &item), WEIR_ECLOSED);
    assert_string_equal(weir_error(WEIR_ECLOSED)->what, "chan send");
    assert_int_equal(weir_chan_try_send(&chan, &item), WEIR_ECLOSED);
    assert_int_equal(weir_chan_recv(&chan, &item), 1);
    assert_int_equal(item, 1);
    assert_int_equal(weir_chan_recv(&chan, &item), 0);
    assert_int_equal(weir_chan_try_recv(&chan, &item), 0);
    weir_chan_fini(&chan);
    start(0);
    weir_group_open(&g, WEIR_TOGETHER);
    codes[0] = codes[1] = 99;
    weir_go(&g, receives, .at = 0);
    weir_go(&g, receives, .at = 1);
    yields(1);
    weir_chan_close(&chan);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[0], 0);
    assert_int_equal(codes[1], 0);
    weir_chan_fini(&chan);
    return 0;
}

static void dropped(void *item, void *arg) {
    int *sum = arg;
    *sum += *(int *)item;
}

STORY(refuse_gives_up_what_is_held_and_turns_senders_away) {
    struct weir_group g;
    int sum = 0, item = 9;
    start(2);
    weir_chan_on_drop(&chan, dropped, &sum);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, sends, .first = 1, .last = 3);
    yields(1);
    assert_int_equal(weir_chan_refuse(&chan), 2);
    assert_int_equal(weir_chan_refuse(&chan), 0);
    assert_int_equal(sum, 1 + 2);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[3], WEIR_ECLOSED);
    assert_int_equal(weir_chan_send(&chan, &item), WEIR_ECLOSED);
    assert_int_equal(weir_chan_recv(&chan, &item), 0);
    weir_chan_fini(&chan);
    weir_chan_fini(&chan); /* zeroed: harmless */
    start(2);
    weir_chan_on_drop(&chan, dropped, &sum);
    assert_int_equal(weir_chan_send(&chan, &item), 0);
    weir_chan_fini(&chan);
    assert_int_equal(sum, 1 + 2 + 9);
    return 0;
}

/* A cancel and a hand-over in the same turn, in both orders and on both sides. */
STORY(a_hand_over_wins_if_it_came_first_and_else_nothing_moves) {
    for (int order = 0; order < 2; order++) {
        struct weir_group g;
        struct weir_task *t = NULL;
        int item = 4;
        start(0);
        weir_group_open(&g, WEIR_INDEPENDENT);
        weir_go_task(&g, receives_one, &t, .at = 0);
        yields(1);
        if (order == 1)
            weir_task_cancel(t, "first");
        assert_int_equal(weir_chan_try_send(&chan, &item), order == 0 ? 0 : -EAGAIN);
        weir_task_cancel(t, "last");
        assert_int_equal(weir_await(&t, NULL, 0), 0);
        assert_int_equal(codes[0], order == 0 ? 1 : -ECANCELED);
        assert_int_equal(seen[0], order == 0 ? 4 : -1);

        weir_go_task(&g, sends, &t, .first = 2, .last = 2);
        yields(1);
        if (order == 1)
            weir_task_cancel(t, "first");
        assert_int_equal(weir_chan_try_recv(&chan, &item), order == 0 ? 1 : -EAGAIN);
        weir_task_cancel(t, "last");
        assert_int_equal(weir_await(&t, NULL, 0), 0);
        assert_int_equal(codes[2], order == 0 ? 0 : -ECANCELED);
        assert_int_equal(item, order == 0 ? 2 : 4);
        assert_int_equal(weir_group_close(&g, 0), 0);
        weir_chan_fini(&chan);
    }
    return 0;
}

STORY(a_deadline_ends_a_wait_and_the_item_stays_the_senders) {
    struct weir_scope s;
    int item = 3;
    start(0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(2));
    assert_int_equal(weir_chan_send(&chan, &item), -ETIME);
    assert_int_equal(weir_chan_recv(&chan, &item), -ETIME); /* at the call */
    weir_scope_leave(&s, 0);
    assert_int_equal(weir_chan_try_recv(&chan, &item), -EAGAIN);
    weir_chan_fini(&chan);
    return 0;
}

STORY(a_chan_without_limit_grows_and_says_when_it_cannot) {
    int n = 0;
    start(SIZE_MAX);
    for (; n < 5; n++)
        assert_int_equal(weir_chan_try_send(&chan, &n), 0);
    for (int i = 0, item; i < 4; i++)
        assert_int_equal(weir_chan_try_recv(&chan, &item), 1);
    for (; n < 1000; n++)
        assert_int_equal(weir_chan_send(&chan, &n), 0);
    while (weir_chan_len(&chan) != 1024) {
        assert_int_equal(weir_chan_send(&chan, &n), 0);
        n++;
    }
    weir__alloc_fail_at(1);
    assert_int_equal(weir_chan_send(&chan, &n), -ENOMEM);
    weir__alloc_fail_at(0);
    for (int i = 4, item; i < n; i++) {
        assert_int_equal(weir_chan_recv(&chan, &item), 1);
        assert_int_equal(item, i);
    }
    weir_chan_fini(&chan);
    return 0;
}

WEIR_TEST(a_chan_without_memory_is_zeroed) {
    static const struct weir_chan zero;
    weir__alloc_fail_at(1);
    assert_int_equal(weir_chan_init(&chan, int, 3), -ENOMEM);
    weir__alloc_fail_at(0);
    assert_memory_equal(&chan, &zero, sizeof zero);
    assert_int_equal(weir_chan_init(&chan, int, SIZE_MAX / 2), -ENOMEM);
    weir_chan_fini(&chan);
}

/* A task that only sends and receives without a wait lets the others run. */
struct fills_args { bool *other_ran; };
static int notes(void *args) {
    *((struct fills_args *)args)->other_ran = true;
    return 0;
}

STORY(calls_that_need_no_wait_let_others_run) {
    struct weir_group g;
    bool other_ran = false;
    start(1);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(notes), notes, &(struct fills_args){&other_ran}, sizeof(bool *), NULL,
               NULL);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(weir_chan_send(&chan, &i), 0);
        assert_int_equal(weir_chan_recv(&chan, &i), 1);
    }
    assert_true(other_ran);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_chan_fini(&chan);
    return 0;
}

/* Large items, and a chan that counts its waits. */
struct large { char text[300]; };

STORY(items_of_any_size_are_copied_whole) {
    struct weir_chan c;
    struct large in, out;
    struct weir_sync_stats stats = {.size = sizeof stats};
    assert_int_equal(weir_chan_init(&c, struct large, 3), 0);
    for (int round = 0; round < 10; round++) {
        memset(&in, 'a' + round, sizeof in);
        assert_int_equal(weir_chan_send(&c, &in), 0);
        assert_int_equal(weir_chan_recv(&c, &out), 1);
        assert_memory_equal(&in, &out, sizeof in);
    }
    weir_sync_stats(&c.sync, &stats);
    assert_int_equal(stats.calls, 20);
    assert_int_equal(stats.waits, 0);
    weir_chan_fini(&c);
    return 0;
}

/* ---- misuse ---- */

static int wrong_size(void *arg) {
    char c = 'c';
    start(1);
    return weir_chan_send(&chan, &c);
}

WEIR_TEST_ABORTS(an_item_of_another_size_aborts_and_the_place_of_init_is_named,
                 "weir_chan_send: the item has 1 bytes, but the chan initialised at ../src/sync/") {
    weir_run(wrong_size, NULL, NULL);
}

static int wrong_size_without_a_place(void *arg) {
    char c = 'c';
    assert_int_equal((weir_chan_init)(&chan, sizeof(int), 1), 0);
    return weir_chan_send(&chan, &c);
}

WEIR_TEST_ABORTS(an_item_of_another_size_aborts,
                 "weir_chan_send: the item has 1 bytes, but the chan was made for items of 4") {
    weir_run(wrong_size_without_a_place, NULL, NULL);
}

static int no_item(void *arg) {
    start(1);
    return weir_chan_send(&chan, (int *)NULL);
}

WEIR_TEST_ABORTS(an_item_that_is_null_aborts, "weir_chan_send: the item is NULL") {
    weir_run(no_item, NULL, NULL);
}

static int no_init(void *arg) {
    int item;
    memset(&chan, 0, sizeof chan);
    return weir_chan_recv(&chan, &item);
}

WEIR_TEST_ABORTS(a_chan_that_was_not_initialised_aborts,
                 "weir_chan_recv: the chan is not initialised") {
    weir_run(no_init, NULL, NULL);
}

static int fini_with_waiters(void *arg) {
    start(0);
    weir_go(NULL, sends, .first = 1, .last = 1);
    yields(1);
    weir_chan_fini(&chan);
    return 0;
}

WEIR_TEST_ABORTS(fini_with_a_waiting_sender_aborts_and_names_it,
                 "the first is task 'sends'") {
    weir_run(fini_with_waiters, NULL, NULL);
}

static int in_second_run(void *arg) {
    int item;
    return weir_chan_try_recv(&chan, &item);
}

static int on_two_loops(void *arg) {
    int item = 1;
    start(1);
    assert_int_equal(weir_chan_send(&chan, &item), 0);
    return 0;
}

WEIR_TEST(a_chan_may_be_used_in_one_run_after_another) {
    assert_int_equal(weir_run(on_two_loops, NULL, NULL), 0);
    assert_int_equal(weir_run(in_second_run, NULL, NULL), 1);
    weir_chan_fini(&chan);
}

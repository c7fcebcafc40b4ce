/* SPDX-License-Identifier: MIT */
/* The stories of broadcasts and latest values: every subscriber gets every item, or is told how
 * many it missed; a view sees the newest value once. */
#include <weir/broadcast.h>
#include <weir/select.h>

#include "base/alloc.h"
#include "sync/sync_test_util.h"

static struct weir_broadcast broadcast;
static struct weir_latest latest;
static int seen[4][64], counts[4], codes[4];

static void start(size_t ring, enum weir_slow slow) {
    assert_int_equal(weir_broadcast_init(&broadcast, int, ring, slow), 0);
    memset(counts, 0, sizeof counts);
}

static void subscribe(struct weir_subscriber *s) {
    memset(s, 0, sizeof *s);
    weir_subscribe(&broadcast, s);
}

static void send(int item) {
    assert_int_equal(weir_broadcast_try_send(&broadcast, &item), 0);
}

/* Receives all, and yields `pause` times after each. */
struct receives_args { struct weir_subscriber *s; int at, pause; };
static int receives(void *args) {
    struct receives_args *a = args;
    int rc, item;
    while ((rc = weir_broadcast_recv(a->s, &item)) == 1) {
        seen[a->at][counts[a->at]++] = item;
        yields(a->pause);
    }
    codes[a->at] = rc;
    return 0;
}

STORY(every_subscriber_gets_every_item_when_the_sender_waits_for_all) {
    static const size_t rings[] = {1, 2, 5};
    for (size_t r = 0; r < 3; r++) {
        struct weir_subscriber subs[3];
        struct weir_group g;
        start(rings[r], WEIR_WAIT_FOR_ALL);
        weir_group_open(&g, WEIR_TOGETHER);
        for (int i = 0; i < 3; i++) {
            subscribe(&subs[i]);
            weir_go(&g, receives, .s = &subs[i], .at = i, .pause = i);
        }
        for (int i = 0; i < 50; i++)
            assert_int_equal(weir_broadcast_send(&broadcast, &i), 0);
        weir_broadcast_close(&broadcast);
        assert_int_equal(weir_group_close(&g, 0), 0);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(counts[i], 50);
            for (int j = 0; j < 50; j++)
                assert_int_equal(seen[i][j], j);
            assert_int_equal(codes[i], 0);
            weir_unsubscribe(&subs[i]);
        }
        weir_broadcast_fini(&broadcast);
    }
    return 0;
}

STORY(an_overtaken_subscriber_is_told_once_how_many_it_missed) {
    struct weir_subscriber slow, late;
    int item = -1;
    start(3, WEIR_OVERTAKE);
    send(100); /* nobody is there */
    subscribe(&slow);
    assert_int_equal(weir_broadcast_try_recv(&slow, &item), -EAGAIN);
    for (int i = 0; i < 5; i++)
        send(i);
    assert_int_equal(weir_broadcast_recv(&slow, &item), -EOVERFLOW);
    assert_int_equal(weir_error(-EOVERFLOW)->done, 2);
    assert_non_null(strstr(weir_error_message(-EOVERFLOW), "overtaken: 2 items were missed"));
    assert_int_equal(item, -1);
    assert_int_equal(weir_subscriber_missed(&slow), 2);
    for (int i = 2; i < 5; i++) {
        assert_int_equal(weir_broadcast_recv(&slow, &item), 1);
        assert_int_equal(item, i);
    }
    subscribe(&late);
    send(5);
    assert_int_equal(weir_broadcast_recv(&late, &item), 1);
    assert_int_equal(item, 5);
    weir_broadcast_close(&broadcast);
    assert_int_equal(weir_broadcast_send(&broadcast, &item), WEIR_ECLOSED);
    assert_int_equal(weir_broadcast_recv(&late, &item), 0);
    assert_int_equal(weir_broadcast_recv(&slow, &item), 1);
    assert_int_equal(weir_broadcast_recv(&slow, &item), 0);
    weir_unsubscribe(&slow);
    weir_unsubscribe(&slow);
    weir_unsubscribe(&late);
    weir_broadcast_fini(&broadcast);
    return 0;
}

STORY(a_subscriber_that_missed_one_item_is_told_of_one) {
    struct weir_subscriber slow;
    int item;
    start(3, WEIR_OVERTAKE);
    subscribe(&slow);
    for (int i = 0; i < 4; i++)
        send(i);
    assert_int_equal(weir_broadcast_recv(&slow, &item), -EOVERFLOW);
    assert_non_null(strstr(weir_error_message(-EOVERFLOW), "overtaken: 1 item was missed"));
    weir_unsubscribe(&slow);
    weir_broadcast_fini(&broadcast);
    return 0;
}

struct sends_args { int item; };
static int sends(void *args) {
    codes[3] = weir_broadcast_send(&broadcast, &((struct sends_args *)args)->item);
    return 0;
}

STORY(the_slowest_lets_the_sender_go_on_when_it_receives_or_leaves) {
    struct weir_subscriber fast, slow;
    struct weir_group g;
    int item;
    start(1, WEIR_WAIT_FOR_ALL);
    subscribe(&fast);
    subscribe(&slow);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int way = 0; way < 2; way++) {
        send(way);
        codes[3] = 99;
        weir_go(&g, sends, .item = 10 + way);
        assert_int_equal(weir_broadcast_recv(&fast, &item), 1);
        yields(2);
        assert_int_equal(codes[3], 99);
        if (way == 0)
            assert_int_equal(weir_broadcast_recv(&slow, &item), 1);
        else
            weir_unsubscribe(&slow);
        yields(2);
        assert_int_equal(codes[3], 0);
        assert_int_equal(weir_broadcast_recv(&fast, &item), 1);
        assert_int_equal(item, 10 + way);
        if (way == 0)
            assert_int_equal(weir_broadcast_recv(&slow, &item), 1);
    }
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_unsubscribe(&fast);
    for (int i = 0; i < 9; i++) /* nobody is slow */
        send(i);
    weir_broadcast_fini(&broadcast);
    return 0;
}

STORY(close_wakes_senders_and_subscribers_of_a_broadcast) {
    struct weir_subscriber s, behind;
    struct weir_group g;
    start(1, WEIR_WAIT_FOR_ALL);
    subscribe(&s);
    subscribe(&behind);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, receives, .s = &s, .at = 0);
    send(1);
    codes[3] = codes[0] = 99;
    weir_go(&g, sends, .item = 2);
    yields(2);
    weir_broadcast_close(&broadcast);
    weir_broadcast_close(&broadcast);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[3], WEIR_ECLOSED);
    assert_int_equal(codes[0], 0);
    assert_int_equal(counts[0], 1);
    weir_unsubscribe(&s);
    weir_unsubscribe(&behind);
    weir_broadcast_fini(&broadcast);
    return 0;
}

STORY(a_select_over_a_subscriber_and_a_latest_sees_each_once) {
    struct weir_subscriber s;
    struct weir_latest_view view = {0};
    int item = 0, value = 0, first = 7;
    start(1, WEIR_OVERTAKE);
    assert_int_equal(weir_latest_init(&latest, &first), 0);
    subscribe(&s);
    struct weir_case cases[] = {WEIR_ON_SUBSCRIBER(&s, &item),
                                WEIR_ON_LATEST(&latest, &view, &value)};
    assert_int_equal(weir_select(cases, 2), 1);
    assert_int_equal(cases[1].rc, 1);
    assert_int_equal(value, 7);
    assert_int_equal(weir_try_select(cases, 2), -EAGAIN);
    send(1);
    send(2);
    assert_int_equal(weir_select(cases, 2), 0);
    assert_int_equal(cases[0].rc, -EOVERFLOW);
    assert_int_equal(weir_subscriber_missed(&s), 1);
    assert_int_equal(weir_select(cases, 2), 0);
    assert_int_equal(item, 2);
    weir_latest_close(&latest);
    assert_int_equal(weir_select(cases, 2), 1);
    assert_int_equal(cases[1].rc, 0);
    weir_unsubscribe(&s);
    weir_broadcast_fini(&broadcast);
    weir_latest_fini(&latest);
    return 0;
}

/* ---- latest ---- */

struct waits_args { int at; };
static int waits(void *args) {
    struct waits_args *a = args;
    struct weir_latest_view view = {0};
    int rc, value;
    while ((rc = weir_latest_wait(&latest, &view, &value)) == 1)
        seen[a->at][counts[a->at]++] = value;
    codes[a->at] = rc;
    return 0;
}

struct sees_args { struct weir_latest_view *view; int *value; };
static int sees(void *args) {
    struct sees_args *a = args;
    struct weir_case c = WEIR_ON_LATEST(&latest, a->view, a->value);
    assert_int_equal(weir_select(&c, 1), 0);
    return c.rc;
}

STORY(a_value_that_a_select_waited_for_is_seen_once) {
    struct weir_latest_view view = {0};
    int value = 0, next = 7;
    assert_int_equal(weir_latest_init(&latest, &next), 0);
    assert_int_equal(weir_latest_try_wait(&latest, &view, &value), 1);
    for (int sets = 1; sets <= 2; sets++) {
        struct weir_task *t = NULL;
        weir_go_task(NULL, sees, &t, .view = &view, .value = &value);
        assert_int_equal(weir_yield(), 0);
        for (int i = 0; i < sets; i++) {
            next++;
            assert_int_equal(weir_latest_set(&latest, &next), 0);
        }
        assert_int_equal(weir_await(&t, NULL, 0), 1);
        assert_int_equal(value, next - sets + 1); /* the one that ended the wait */
        assert_int_equal(weir_latest_try_wait(&latest, &view, &value), sets == 1 ? -EAGAIN : 1);
        assert_int_equal(value, next);
    }
    weir_latest_fini(&latest);
    return 0;
}

static int sees_alone(void *args) {
    struct sees_args *a = args;
    return weir_latest_wait(&latest, a->view, a->value);
}

STORY(a_view_of_two_tasks_never_goes_back) {
    int (*const waits_by[])(void *) = {sees, sees_alone};
    int value = 0, mine = 0, first = 1, second = 2;
    for (int i = 0; i < 2; i++) {
        struct weir_latest_view view = {0};
        struct sees_args args = {&view, &value};
        struct weir_task *t = NULL;
        assert_int_equal(weir_latest_init(&latest, (int *)NULL), 0);
        assert_int_equal(weir_spawn(NULL, WEIR_SITE(waits_by), waits_by[i], &args, sizeof args,
                                    NULL, &t), 0);
        assert_int_equal(weir_sleep(1), 0);
        assert_int_equal(weir_latest_set(&latest, &first), 0);
        assert_int_equal(weir_latest_set(&latest, &second), 0);
        assert_int_equal(weir_latest_try_wait(&latest, &view, &mine), 1);
        assert_int_equal(weir_await(&t, NULL, 0), 1);
        assert_true(value == first && mine == second);
        assert_int_equal(weir_latest_try_wait(&latest, &view, &mine), -EAGAIN);
        weir_latest_fini(&latest);
    }
    return 0;
}

STORY(a_view_sees_the_newest_value_once_and_skips_older_ones) {
    struct weir_group g;
    int value = 0;
    memset(counts, 0, sizeof counts);
    assert_int_equal(weir_latest_init(&latest, (int *)NULL), 0);
    assert_int_equal(weir_latest_get(&latest, &value), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, waits, .at = 0);
    weir_go(&g, waits, .at = 1);
    yields(1);
    for (value = 1; value <= 3; value++)
        assert_int_equal(weir_latest_set(&latest, &value), 0);
    weir_go(&g, waits, .at = 2);
    yields(2);
    value = 9;
    assert_int_equal(weir_latest_set(&latest, &value), 0);
    yields(1);
    weir_latest_close(&latest);
    assert_int_equal(weir_latest_set(&latest, &value), WEIR_ECLOSED);
    assert_int_equal(weir_group_close(&g, 0), 0);
    for (int i = 0; i < 2; i++) { /* 1 was handed over; 2 came and went before they ran */
        assert_int_equal(counts[i], 3);
        assert_int_equal(seen[i][0], 1);
        assert_int_equal(seen[i][1], 3);
        assert_int_equal(seen[i][2], 9);
        assert_int_equal(codes[i], 0);
    }
    assert_int_equal(counts[2], 2);
    value = 0;
    assert_int_equal(weir_latest_get(&latest, &value), 1);
    assert_int_equal(value, 9);
    weir_latest_fini(&latest);
    return 0;
}

WEIR_TEST(a_broadcast_and_a_latest_without_memory_are_zeroed) {
    static const struct weir_broadcast no_broadcast;
    static const struct weir_latest no_latest;
    int first = 1;
    weir__alloc_fail_at(1);
    assert_int_equal(weir_broadcast_init(&broadcast, int, 3, WEIR_OVERTAKE), -ENOMEM);
    weir__alloc_fail_at(1);
    assert_int_equal(weir_latest_init(&latest, &first), -ENOMEM);
    weir__alloc_fail_at(0);
    assert_memory_equal(&broadcast, &no_broadcast, sizeof broadcast);
    assert_memory_equal(&latest, &no_latest, sizeof latest);
    weir_broadcast_fini(&broadcast);
    weir_latest_fini(&latest);
}

static int fini_with_subscriber(void *arg) {
    struct weir_subscriber s;
    start(1, WEIR_OVERTAKE);
    subscribe(&s);
    weir_broadcast_fini(&broadcast);
    return 0;
}

WEIR_TEST_ABORTS(fini_of_a_broadcast_with_a_subscriber_aborts, "has a subscriber") {
    weir_run(fini_with_subscriber, NULL, NULL);
}

static int no_item(void *arg) {
    start(1, WEIR_OVERTAKE);
    return weir_broadcast_send(&broadcast, (int *)NULL);
}

WEIR_TEST_ABORTS(an_item_that_is_null_aborts, "weir_broadcast_send: the item is NULL") {
    weir_run(no_item, NULL, NULL);
}

static int no_value(void *arg) {
    int first = 1;
    assert_int_equal(weir_latest_init(&latest, &first), 0);
    weir_latest_set(&latest, (int *)NULL);
    return 0;
}

WEIR_TEST_ABORTS(a_value_that_is_null_aborts, "weir_latest_set: the value is NULL") {
    weir_run(no_value, NULL, NULL);
}

static struct weir_subscriber given_up;

static int gives_up(void *args) {
    (void)args;
    weir_unsubscribe(&given_up);
    return 0;
}

/* A call of recv that need not wait lets others run now and then, before it looks for an item. */
ABORTS(a_recv_whose_subscriber_is_unsubscribed_while_others_run_aborts,
       "weir_broadcast_recv: not subscribed") {
    int item;
    (void)arg;
    start(4096, WEIR_OVERTAKE);
    subscribe(&given_up);
    for (int i = 0; i < 4096; i++)
        send(i);
    weir_go0(NULL, gives_up);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(weir_broadcast_recv(&given_up, &item), 1);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* The stories of a queue: its three orders, both ways to shut it down, join, and misuse. */
#include <weir/queue.h>

#include "base/alloc.h"
#include "sync/sync_test_util.h"

struct job { int urgency, id; };

static struct weir_queue queue;
static int codes[8], got[8];

static int by_urgency(const void *a, const void *b) {
    const struct job *x = a, *y = b;
    return (x->urgency > y->urgency) - (x->urgency < y->urgency);
}

static void put(int urgency, int id) {
    struct job j = {urgency, id};
    assert_int_equal(weir_queue_try_put(&queue, &j), 0);
}

enum { AT_END = -1000 };

/* The id of the next item; AT_END; -EAGAIN. */
static int get(void) {
    struct job j = {0, -1};
    int rc = weir_queue_try_get(&queue, &j);
    assert_true(rc == 1 || j.id == -1); /* untouched */
    return rc == 1 ? j.id : rc == 0 ? AT_END : rc;
}

struct puts_args { int at, urgency; };
static int puts_one(void *args) {
    struct puts_args *a = args;
    struct job j = {a->urgency, a->at};
    codes[a->at] = weir_queue_put(&queue, &j);
    return 0;
}

struct gets_one_args { int at; };
static int gets_one(void *args) {
    struct gets_one_args *a = args;
    struct job j = {0, -1};
    codes[a->at] = weir_queue_get(&queue, &j);
    got[a->at] = j.id;
    return 0;
}

static void go_put(struct weir_group *g, int at, int urgency) {
    struct puts_args a = {at, urgency};
    codes[at] = 99;
    assert_int_equal(weir_spawn(g, WEIR_SITE(puts_one), puts_one, &a, sizeof a, NULL, NULL), 0);
}

static void go_get(struct weir_group *g, int at) {
    codes[at] = 99;
    assert_int_equal(weir_go(g, gets_one, .at = at), 0);
}

STORY(each_order_gives_its_own_sequence) {
    assert_int_equal(weir_queue_init(&queue, struct job, 5), 0);
    for (int round = 0; round < 3; round++) { /* the ring turns */
        for (int i = 0; i < 4; i++)
            put(0, i);
        assert_int_equal(weir_queue_len(&queue), 4);
        for (int i = 0; i < 4; i++)
            assert_int_equal(get(), i);
    }
    weir_queue_fini(&queue);
    assert_int_equal(weir_queue_init_lifo(&queue, struct job, 5), 0);
    for (int i = 0; i < 5; i++)
        put(0, i);
    for (int i = 4; i >= 0; i--)
        assert_int_equal(get(), i);
    assert_int_equal(get(), -EAGAIN);
    weir_queue_fini(&queue);
    return 0;
}

STORY(equal_priorities_stay_in_the_order_of_their_puts) {
    int next[5] = {0}, urgency[60], last = 0;
    uint64_t seed = 7;
    assert_int_equal(weir_queue_init_priority(&queue, struct job, SIZE_MAX, by_urgency), 0);
    for (int i = 0; i < 60; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        urgency[i] = (int)(seed >> 60) % 5;
        put(urgency[i], i);
    }
    for (int n = 0; n < 60; n++) {
        int id = get();
        assert_true(urgency[id] >= last);
        last = urgency[id];
        while (urgency[next[last]] != last)
            next[last]++;
        assert_int_equal(id, next[last]++);
    }
    weir_queue_fini(&queue);
    return 0;
}

STORY_IN_ORDER(tasks_that_put_are_let_in_by_each_get) {
    struct weir_group g;
    assert_int_equal(weir_queue_init_priority(&queue, struct job, 1, by_urgency), 0);
    put(5, 0);
    weir_group_open(&g, WEIR_TOGETHER);
    go_put(&g, 1, 9);
    go_put(&g, 2, 1);
    yields(1);
    assert_int_equal(weir_queue_unfinished(&queue), 1); /* those that wait do not count */
    assert_int_equal(get(), 0);
    assert_int_equal(get(), 1); /* it waited first, so it came in first */
    assert_int_equal(get(), 2);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[1], 0);
    assert_int_equal(codes[2], 0);
    weir_queue_fini(&queue);
    return 0;
}

static int joins(void *args) {
    (void)args;
    codes[7] = weir_queue_join(&queue);
    return 0;
}

STORY(join_waits_until_each_item_is_done) {
    struct weir_group g;
    assert_int_equal(weir_queue_init(&queue, struct job, 4), 0);
    assert_int_equal(weir_queue_join(&queue), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    put(0, 1);
    put(0, 2);
    codes[7] = 99;
    weir_go0(&g, joins);
    assert_int_equal(get(), 1);
    weir_queue_task_done(&queue);
    yields(2);
    assert_int_equal(get(), 2);
    yields(2);
    assert_int_equal(codes[7], 99);
    weir_queue_task_done(&queue);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[7], 0);
    weir_queue_fini(&queue);
    return 0;
}

STORY(shutdown_lets_tasks_drain_and_turns_puts_away) {
    struct weir_group g;
    struct job j = {0, 0};
    assert_int_equal(weir_queue_init(&queue, struct job, 1), 0);
    put(0, 0);
    weir_group_open(&g, WEIR_TOGETHER);
    go_put(&g, 1, 0);
    yields(1);
    weir_queue_shutdown(&queue);
    weir_queue_shutdown(&queue);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[1], WEIR_ECLOSED);
    assert_int_equal(weir_queue_put(&queue, &j), WEIR_ECLOSED);
    assert_int_equal(weir_queue_get(&queue, &j), 1);
    assert_int_equal(weir_queue_get(&queue, &j), 0);
    assert_int_equal(get(), AT_END);
    weir_queue_task_done(&queue);
    weir_queue_fini(&queue);

    assert_int_equal(weir_queue_init(&queue, struct job, 1), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    go_get(&g, 2);
    yields(1);
    weir_queue_shutdown(&queue);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[2], 0);
    assert_int_equal(got[2], -1);
    weir_queue_fini(&queue);
    return 0;
}

static void dropped(void *item, void *arg) {
    *(int *)arg += ((struct job *)item)->id;
}

STORY(shutdown_now_counts_what_it_gives_up_as_done) {
    struct weir_group g;
    int sum = 0;
    assert_int_equal(weir_queue_init(&queue, struct job, 4), 0);
    weir_queue_on_drop(&queue, dropped, &sum);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 1; i <= 3; i++)
        put(0, i);
    codes[7] = 99;
    weir_go0(&g, joins);
    assert_int_equal(get(), 1);
    yields(1);
    assert_int_equal(weir_queue_shutdown_now(&queue), 2);
    assert_int_equal(sum, 5);
    yields(2);
    assert_int_equal(codes[7], 99); /* 1 was got and is not done */
    weir_queue_task_done(&queue);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[7], 0);
    assert_int_equal(weir_queue_shutdown_now(&queue), 0);
    weir_queue_fini(&queue);
    return 0;
}

STORY(a_cancelled_get_takes_nothing_and_a_granted_one_is_returned) {
    for (int order = 0; order < 2; order++) {
        struct weir_group g;
        struct weir_task *t = NULL;
        assert_int_equal(weir_queue_init(&queue, struct job, 1), 0);
        weir_group_open(&g, WEIR_INDEPENDENT);
        weir_go_task(&g, gets_one, &t, .at = 0);
        yields(1);
        if (order == 1)
            weir_task_cancel(t, "first");
        put(0, 5);
        weir_task_cancel(t, "last");
        assert_int_equal(weir_await(&t, NULL, 0), 0);
        assert_int_equal(codes[0], order == 0 ? 1 : -ECANCELED);
        assert_int_equal(get(), order == 0 ? -EAGAIN : 5);
        assert_int_equal(weir_group_close(&g, 0), 0);
        weir_queue_fini(&queue);
    }
    return 0;
}

STORY(a_queue_without_limit_says_when_it_cannot_grow) {
    struct job j = {0, 0};
    assert_int_equal(weir_queue_init(&queue, struct job, SIZE_MAX), 0);
    for (int nth = 1; nth <= 2; nth++) { /* both of its allocations */
        weir__alloc_fail_at((size_t)nth);
        assert_int_equal(weir_queue_put(&queue, &j), -ENOMEM);
        weir__alloc_fail_at(0);
    }
    assert_int_equal(weir_queue_unfinished(&queue), 0);
    for (j.id = 0; j.id < 100; j.id++) {
        assert_int_equal(weir_queue_put(&queue, &j), 0);
        if (j.id % 3 == 0)
            assert_int_equal(get(), j.id / 3);
    }
    for (int i = 34; i < 100; i++)
        assert_int_equal(get(), i);
    weir_queue_fini(&queue);
    return 0;
}

static int done_too_often(void *arg) {
    assert_int_equal(weir_queue_init(&queue, struct job, 4), 0);
    put(0, 1);
    weir_queue_task_done(&queue);
    return 0;
}

WEIR_TEST_ABORTS(task_done_for_an_item_that_nobody_got_aborts,
                 "weir_queue_task_done: called more often than items were got from the queue") {
    weir_run(done_too_often, NULL, NULL);
}

static int no_item(void *arg) {
    assert_int_equal(weir_queue_init(&queue, int, 4), 0);
    return weir_queue_put(&queue, (int *)NULL);
}

WEIR_TEST_ABORTS(an_item_that_is_null_aborts, "weir_queue_put: the item is NULL") {
    weir_run(no_item, NULL, NULL);
}

WEIR_TEST_ABORTS(a_queue_of_no_items_aborts, "a queue of 0 items") {
    weir_queue_init(&queue, int, 0);
}

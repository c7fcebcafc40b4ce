/* SPDX-License-Identifier: MIT */
/* The rate limiter and the flight. */
#include <weir/limit.h>
#include <weir/testing.h>

#include "sync/sync_test_util.h"

static struct weir_rate rate;
static struct weir_flight flight;
static int granted, order[16], made;
static weir_ns when[16];

static int on_sim(int (*fn)(void *), uint64_t seed) {
    struct weir_sim_options o = {.size = sizeof o, .seed = seed};
    return weir_sim_run(fn, NULL, &o);
}

/* ---- rate ------------------------------------------------------------------------------------ */

static int takes(void *args) {
    int n = *(int *)args;
    if (weir_rate_acquire(&rate, n) < 0)
        return 0;
    when[granted] = weir_now();
    order[granted++] = n;
    return 0;
}

static int at_an_odd_rate(void *arg) {
    weir_ns start = weir_now();
    (void)arg;
    weir_rate_init(&rate, 3, WEIR_SECONDS(1), 2); /* a token each 333,333,333 1/3 ns */
    for (int i = 0; i < 3002; i++)
        assert_int_equal(weir_rate_acquire(&rate, 1), 0);
    assert_int_equal(weir_now() - start, WEIR_SECONDS(1000)); /* not a nanosecond is lost */
    assert_int_equal(weir_rate_try_acquire(&rate, 1), -EAGAIN);
    assert_int_equal(weir_sleep(WEIR_SECONDS(3600)), 0);
    assert_int_equal(weir_rate_try_acquire(&rate, 2), 0); /* the bucket holds no more */
    assert_int_equal(weir_rate_try_acquire(&rate, 1), -EAGAIN);
    assert_int_equal(weir_rate_acquire(&rate, 3), WEIR_ETOOBIG);
    assert_int_equal(weir_rate_acquire(&rate, -1), -EINVAL);
    weir_rate_fini(&rate);
    return 0;
}

WEIR_TEST(tokens_come_at_the_exact_rate_and_the_bucket_has_a_bound) {
    assert_int_equal(on_sim(at_an_odd_rate, 1), 0);
}

static int in_order(void *arg) {
    struct weir_group g;
    struct weir_task *t;
    weir_ns start = weir_now();
    (void)arg;
    granted = 0;
    weir_rate_init(&rate, 1, WEIR_MILLISECONDS(1), 10);
    assert_int_equal(weir_rate_acquire(&rate, 10), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    go(&g, takes, 8, &t);
    yields(1);
    go(&g, takes, 5, NULL);
    yields(1);
    go(&g, takes, 1, NULL);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(2)), 0);
    assert_int_equal(weir_rate_try_acquire(&rate, 1), -EAGAIN); /* they wait */
    weir_task_cancel(t, "test"); /* its tokens are for those behind it */
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(order[0] == 5 && when[0] == start + WEIR_MILLISECONDS(5));
    assert_true(order[1] == 1 && when[1] == start + WEIR_MILLISECONDS(6));
    weir_rate_fini(&rate);
    return 0;
}

WEIR_TEST(tokens_are_given_in_order_and_a_cancelled_task_takes_none) {
    assert_int_equal(on_sim(in_order, 1), 0);
}

STORY(tokens_that_come_while_a_task_begins_to_wait_are_its_own) {
    (void)arg;
    weir_rate_init(&rate, 1, 150, 1); /* about as long as the call takes */
    for (int i = 0; i < 2000; i++)
        assert_int_equal(weir_rate_acquire(&rate, 1), 0);
    weir_rate_fini(&rate);
    return 0;
}

STORY(on_each_backend_a_rate_waits) {
    (void)arg;
    weir_rate_init(&rate, 1000, WEIR_SECONDS(1), 1);
    weir_ns start = weir_now();
    for (int i = 0; i < 6; i++)
        assert_int_equal(weir_rate_acquire(&rate, 1), 0);
    assert_true(weir_now() - start >= WEIR_MILLISECONDS(5));
    weir_rate_fini(&rate);
    return 0;
}

enum { WORKERS = 5, ROUNDS = 10, SEEDS = 200 };
static int64_t taken;

static int rolls(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        struct weir_scope s;
        int64_t n = (int64_t)(1 + weir_random() % 5);
        weir_scope_enter(&s, weir_random() % 3 ? WEIR_NEVER : (weir_ns)(weir_random() % 4000));
        taken += weir_rate_acquire(&rate, n) == 0 ? n : 0;
        weir_scope_leave(&s, 0);
        weir_sleep((weir_ns)(weir_random() % 1000));
    }
    return 0;
}

static int all_roll(void *arg) {
    struct weir_group g;
    weir_ns start = weir_now();
    (void)arg;
    taken = 0;
    weir_rate_init(&rate, 7, 3000, 5);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < WORKERS; i++)
        weir_go0(&g, rolls);
    int rc = weir_group_close(&g, 0);
    int64_t most = 5 + (weir_now() - start) * 7 / 3000;
    assert_true(taken <= most);
    int64_t left = 0;
    while (weir_rate_try_acquire(&rate, 1) == 0)
        left++;
    assert_true(left == 5 || taken + left >= most - 5); /* none is lost but over the brim */
    weir_rate_fini(&rate);
    return rc;
}

WEIR_TEST(in_every_order_no_more_is_taken_than_has_flowed_in) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        assert_int_equal(on_sim(all_roll, seed), 0);
}

/* ---- flight ---------------------------------------------------------------------------------- */

static int makes(void *arg, const void *key, size_t key_size, void *ret_value) {
    int n = *(const int *)key, rc = weir_sleep(1000);
    assert_int_equal(key_size, sizeof n);
    assert_ptr_equal(arg, &made);
    if (rc < 0)
        return rc;
    made++;
    if (n < 0)
        return weir_fail(-EIO, "no value for %d", n);
    *(int *)ret_value = n * n;
    return 0;
}

static int gets(void *args) {
    int key = *(int *)args, value = -1;
    int rc = weir_flight_get(&flight, &key, sizeof key, &value);
    if (rc == -EIO)
        assert_string_equal(weir_error_message(rc), "no value for -3");
    order[granted++] = rc < 0 ? rc : value;
    return 0;
}

static void begins(struct weir_group *runs, struct weir_group *callers) {
    granted = made = 0;
    weir_group_open(runs, WEIR_INDEPENDENT);
    weir_flight_init(&flight, runs, makes, &made, sizeof(int));
    weir_group_open(callers, WEIR_TOGETHER);
}

static void ends(struct weir_group *runs, struct weir_group *callers) {
    assert_int_equal(weir_group_close(callers, 0), 0);
    assert_int_equal(weir_group_close(runs, 0), 0);
    weir_flight_fini(&flight);
}

STORY(callers_of_one_key_share_a_run_and_each_gets_the_value_or_the_error) {
    struct weir_group runs, g;
    (void)arg;
    begins(&runs, &g);
    for (int i = 0; i < 6; i++)
        go(&g, gets, i % 2 ? -3 : 4, NULL);
    ends(&runs, &g);
    assert_int_equal(made, 2);
    for (int i = 0; i < 6; i++)
        assert_true(order[i] == 16 || order[i] == -EIO);
    return 0;
}

STORY(a_cancelled_caller_leaves_the_run_and_the_last_one_cancels_it) {
    struct weir_group runs, g;
    struct weir_task *t[3];
    (void)arg;
    begins(&runs, &g);
    for (int i = 0; i < 3; i++)
        go(&g, gets, i < 2 ? 4 : 5, &t[i]);
    yields(2);
    weir_task_cancel(t[0], "test");
    weir_task_cancel(t[2], "test"); /* the only one for its key */
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_await(&t[i], NULL, 0), 0);
    ends(&runs, &g);
    assert_int_equal(made, 1);
    assert_true(order[0] == -ECANCELED && order[1] == -ECANCELED && order[2] == 16);
    return 0;
}

STORY(when_the_group_of_the_runs_is_cancelled_the_callers_are_told_so) {
    struct weir_group runs, g;
    (void)arg;
    begins(&g, &runs); /* the callers are outside of what is cancelled */
    weir_flight_init(&flight, &runs, makes, &made, sizeof(int));
    go(&g, gets, 4, NULL);
    weir_yield();
    weir_yield();
    weir_group_cancel(&runs, "test");
    assert_int_equal(weir_group_close(&runs, -ECANCELED), WEIR_ESTOPPED);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(order[0], WEIR_ESTOPPED);
    weir_flight_fini(&flight);
    return 0;
}

static int never_makes_it(void *arg, const void *key, size_t key_size, void *ret_value) {
    (void)arg, (void)key, (void)key_size, (void)ret_value;
    return weir_sleep(WEIR_SECONDS(60));
}

STORY(a_deadline_of_the_group_of_the_runs_is_not_taken_for_the_callers_own) {
    struct weir_group runs, g;
    struct weir_scope s;
    (void)arg;
    granted = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    weir_group_open(&runs, WEIR_TOGETHER);
    weir_flight_init(&flight, &runs, never_makes_it, NULL, sizeof(int));
    go(&g, gets, 4, NULL);
    assert_int_equal(weir_sleep(WEIR_SECONDS(60)), -ETIME);
    assert_int_equal(weir_scope_leave(&s, weir_group_close(&runs, -ETIME)), -ETIME);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(order[0], WEIR_ESTOPPED);
    weir_flight_fini(&flight);
    return 0;
}

static int asks_itself(void *arg, const void *key, size_t key_size, void *ret_value) {
    (void)arg;
    int rc = weir_flight_get(&flight, key, key_size, ret_value);
    assert_int_equal(rc, -EDEADLK);
    return rc;
}

STORY(a_run_that_asks_for_its_own_key_is_a_deadlock) {
    struct weir_group runs;
    int key = 1, value;
    (void)arg;
    weir_group_open(&runs, WEIR_INDEPENDENT);
    weir_flight_init(&flight, &runs, asks_itself, NULL, sizeof value);
    assert_int_equal(weir_flight_get(&flight, &key, sizeof key, &value), -EDEADLK);
    assert_int_equal(weir_group_close(&runs, 0), 0);
    weir_flight_fini(&flight);
    return 0;
}

static int story(void *arg) {
    struct weir_group runs, g;
    (void)arg;
    int rc = 0;
    begins(&runs, &g);
    for (int i = 0; i < 6 && rc == 0; i++)
        rc = go(&g, gets, i % 2, NULL);
    rc = weir_group_close(&g, rc);
    rc = weir_group_close(&runs, rc);
    weir_flight_fini(&flight);
    return rc;
}

WEIR_TEST(a_cancel_at_each_call_and_each_allocation_that_fails_leave_no_run) {
    struct weir_story s = {.size = sizeof s, .name = "flight", .fn = story};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 8);
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    assert_true(e.points > 2);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

ABORTS(a_rate_of_no_tokens_aborts, "weir_rate_init: 0 tokens in 1 ns") {
    (void)arg;
    weir_rate_init(&rate, 0, 1, 1);
    return 0;
}

ABORTS(a_rate_that_was_not_initialised_aborts, "weir_rate_acquire: the rate limiter was not") {
    (void)arg;
    return weir_rate_acquire(&rate, 1);
}

ABORTS(fini_of_a_flight_with_a_run_aborts, "weir_flight_fini: 1 calls of the flight initialised") {
    struct weir_group runs, g;
    (void)arg;
    begins(&runs, &g);
    go(&g, gets, 4, NULL);
    yields(1);
    weir_flight_fini(&flight);
    return 0;
}

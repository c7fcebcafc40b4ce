/* SPDX-License-Identifier: MIT */
/* The semaphore: permits are conserved, in whatever order cancels and grants fall. */
#include <weir/sync.h>
#include <weir/testing.h>

#include "sync/sync_test_util.h"

static struct weir_sem sem;
static int granted, order[16];

static int takes(void *args) { /* that many */
    int n = *(int *)args;
    if (weir_sem_acquire(&sem, (size_t)n) == 0)
        order[granted++] = n;
    return 0;
}

STORY_IN_ORDER(a_big_request_is_not_starved_by_small_ones) {
    struct weir_group g;
    (void)arg;
    granted = 0;
    weir_sem_init(&sem, 2);
    weir_group_open(&g, WEIR_TOGETHER);
    go(&g, takes, 3, NULL);
    go(&g, takes, 1, NULL);
    yields(1);
    assert_int_equal(weir_sem_try_acquire(&sem, 1), -EAGAIN); /* not past those who wait */
    assert_int_equal(weir_sem_permits(&sem), 2);
    weir_sem_release(&sem, 1);
    yields(1);
    assert_true(granted == 1 && order[0] == 3);
    weir_sem_release(&sem, 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(granted == 2 && weir_sem_permits(&sem) == 0);
    weir_sem_fini(&sem);
    return 0;
}

STORY(when_a_big_request_is_cancelled_the_small_ones_behind_it_are_served_at_once) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    granted = 0;
    weir_sem_init(&sem, 2);
    weir_group_open(&g, WEIR_TOGETHER);
    go(&g, takes, 3, &t);
    go(&g, takes, 1, NULL);
    go(&g, takes, 1, NULL);
    yields(1);
    weir_task_cancel(t, "test");
    assert_int_equal(weir_sem_permits(&sem), 0);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(granted, 2);
    weir_sem_fini(&sem);
    return 0;
}

STORY(a_bounded_semaphore_refuses_what_it_can_never_give) {
    (void)arg;
    weir_sem_init_bounded(&sem, 1, 3);
    assert_int_equal(weir_sem_acquire(&sem, 4), WEIR_ETOOBIG);
    assert_int_equal(weir_sem_try_acquire(&sem, 4), WEIR_ETOOBIG);
    weir_sem_release(&sem, 2);
    assert_int_equal(weir_sem_acquire(&sem, 3), 0);
    assert_int_equal(weir_sem_acquire(&sem, 0), 0);
    weir_sem_fini(&sem);
    return 0;
}

enum { WORKERS = 6, ROUNDS = 10, SEEDS = 200, PERMITS = 4 };
static size_t out;
static uint64_t cut;

static int rolls(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        struct weir_scope s;
        size_t n = 1 + weir_random() % PERMITS;
        weir_scope_enter(&s, weir_random() % 3 ? WEIR_NEVER : (weir_ns)(weir_random() % 3000));
        int rc = weir_random() % 4 ? weir_sem_acquire(&sem, n) : weir_sem_try_acquire(&sem, n);
        if (rc == 0) {
            out += n;
            assert_true(out <= PERMITS);
            weir_sleep((weir_ns)(weir_random() % 1000));
            out -= n;
            weir_sem_release(&sem, n);
        }
        cut += rc == -ETIME;
        weir_scope_leave(&s, 0);
        weir_sleep((weir_ns)(weir_random() % 1000));
    }
    return 0;
}

static int many(int (*fn)(void *)) {
    struct weir_group g;
    out = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < WORKERS; i++)
        weir_go0(&g, fn);
    return weir_group_close(&g, 0);
}

static int all_roll(void *arg) {
    (void)arg;
    weir_sem_init_bounded(&sem, PERMITS, PERMITS); /* one too many aborts */
    int rc = many(rolls);
    assert_int_equal(weir_sem_permits(&sem), PERMITS);
    weir_sem_fini(&sem);
    return rc;
}

static void seeds(int (*fn)(void *)) {
    cut = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct weir_sim_options o = {.size = sizeof o, .seed = seed};
        assert_int_equal(weir_sim_run(fn, NULL, &o), 0);
    }
    assert_true(cut > SEEDS / 2);
}

WEIR_TEST(in_every_order_permits_are_conserved) {
    seeds(all_roll);
}

/* ---- a cancel at each call ------------------------------------------------------------------- */

static int takes_and_gives(void *args) {
    int n = *(int *)args, rc = weir_sem_acquire(&sem, (size_t)n);
    if (rc < 0)
        return rc;
    rc = weir_yield();
    weir_sem_release(&sem, (size_t)n);
    return rc;
}

static int story(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_sem_init_bounded(&sem, 3, 3);
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = 0;
    for (int i = 0; i < 6 && rc == 0; i++)
        rc = go(&g, takes_and_gives, 1 + i % 3, NULL);
    rc = weir_group_close(&g, rc);
    assert_int_equal(weir_sem_permits(&sem), 3);
    weir_sem_fini(&sem);
    return rc;
}

WEIR_TEST(a_cancel_at_each_call_loses_no_permit) {
    struct weir_story s = {.size = sizeof s, .name = "sem", .fn = story};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 10);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

ABORTS(a_release_above_the_bound_aborts, "weir_sem_release: 1 more than the 2 permits of the") {
    (void)arg;
    weir_sem_init_bounded(&sem, 2, 2);
    weir_sem_release(&sem, 1);
    return 0;
}

ABORTS(a_semaphore_that_was_not_initialised_aborts, "weir_sem_acquire: the semaphore was not") {
    (void)arg;
    return weir_sem_acquire(&sem, 1);
}

/* SPDX-License-Identifier: MIT */
/* Waiting for several tasks. */
#include "flow/flow_test_util.h"

#include <string.h>

static int spawn_all(struct weir_group *g, const int *moments, const int *rcs, size_t n,
                     struct weir_task **t) {
    int rc = 0;
    for (size_t i = 0; i < n; i++)
        t[i] = NULL;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = spawn_later(g, moments[i], rcs[i], &t[i]);
    return rc;
}

static void release_all(struct weir_task **t, size_t n) {
    for (size_t i = 0; i < n; i++)
        weir_task_release(&t[i]);
}

static int in_their_order(void *arg) {
    static const int moments[] = {3, 1, 2}, rcs[] = {30, 10, 20};
    struct weir_task *t[3];
    int i, order[3], n = 0;
    assert_int_equal(spawn_all(NULL, moments, rcs, 3, t), 0);
    while ((i = weir_wait_any(t, 3)) >= 0)
        order[n++] = weir_await(&t[i], NULL, 0);
    assert_int_equal(i, -ECHILD);
    assert_int_equal(n, 3);
    for (i = 0; i < 3; i++)
        assert_int_equal(order[i], (i + 1) * 10);
    return 0;
}

WEIR_TEST(wait_any_gives_the_tasks_as_they_end) {
    run_in_order(in_their_order);
}

static int all_of_them(void *arg) {
    static const int moments[] = {2, 1, 3}, rcs[] = {0, -ENOENT, 0};
    struct weir_task *t[4];
    assert_int_equal(spawn_all(NULL, moments, rcs, 3, t), 0);
    t[3] = NULL;
    weir_ns before = weir_now();
    assert_int_equal(weir_wait_all(t, 4), 0);
    assert_true(weir_now() - before >= 3 * MOMENT);
    assert_int_equal(weir_wait_all(t, 4), 0); /* they have ended already */
    assert_int_equal(weir_await(&t[1], NULL, 0), -ENOENT);
    release_all(t, 4);
    assert_int_equal(weir_wait_all(t, 4), 0); /* there are none */
    return 0;
}

WEIR_TEST_BACKENDS(wait_all_waits_for_the_last_and_keeps_the_handles) {
    run(all_of_them);
}

static int first_success(void *arg) {
    static const int moments[] = {1, 3, 2}, rcs[] = {-ENOENT, 7, 8};
    struct weir_task *t[3];
    assert_int_equal(spawn_all(NULL, moments, rcs, 3, t), 0);
    assert_int_equal(weir_wait_first(t, 3), 2);
    assert_int_equal(weir_await(&t[0], NULL, 0), -ENOENT);
    assert_int_equal(weir_wait_all(t, 3), 0);
    assert_int_equal(weir_wait_first(t, 3), 1); /* the lowest of those that have succeeded */
    release_all(t, 3);
    return 0;
}

WEIR_TEST(wait_first_passes_over_those_that_failed) {
    run_in_order(first_success);
}

static int fails_with_words(void *args) {
    int rc = later(args);
    return weir_fail(rc, "no luck with %d", rc);
}

static int all_fail(void *arg) {
    struct weir_task *t[2];
    for (int i = 0; i < 2; i++) {
        struct later_args a = {(2 - i) * MOMENT, i == 0 ? -ENOENT : -EPIPE};
        assert_int_equal(weir_spawn(NULL, WEIR_SITE(fails), fails_with_words, &a, sizeof a, NULL,
                                    &t[i]),
                         0);
    }
    assert_int_equal(weir_wait_first(t, 2), -ENOENT);
    assert_non_null(strstr(weir_error_message(-ENOENT), "no luck with -2"));
    assert_int_equal(weir_await(&t[1], NULL, 0), -EPIPE); /* the handles keep the errors */
    assert_int_equal(weir_await(&t[0], NULL, 0), -ENOENT);
    return 0;
}

WEIR_TEST(wait_first_returns_the_last_error_if_all_fail) {
    run_in_order(all_fail);
}

static int no_task(void *arg) {
    struct weir_task *self = weir_task_ref(weir_task_current()), *none = NULL;
    assert_int_equal(weir_wait_any(&none, 1), -ECHILD);
    assert_int_equal(weir_wait_first(&none, 1), -ECHILD);
    assert_int_equal(weir_wait_any(NULL, 0), -ECHILD);
    assert_int_equal(weir_wait_any(&self, 1), -EDEADLK);
    assert_int_equal(weir_wait_all(&self, 1), -EDEADLK);
    weir_task_release(&self);
    return 0;
}

WEIR_TEST_BACKENDS(a_wait_for_nobody_or_for_oneself_is_refused) {
    run(no_task);
}

static int cut(void *arg) {
    static const int moments[] = {10000, 10000}, rcs[] = {1, 2};
    struct weir_task *t[2];
    struct weir_scope s;
    assert_int_equal(spawn_all(NULL, moments, rcs, 2, t), 0);
    weir_scope_enter(&s, MOMENT);
    assert_int_equal(weir_wait_any(t, 2), -ETIME);
    assert_int_equal(weir_scope_leave(&s, -ETIME), -ETIME);
    weir_task_cancel(t[1], "enough");
    assert_int_equal(weir_wait_any(t, 2), 1); /* the tasks had run on */
    weir_task_cancel(t[0], "enough");
    assert_int_equal(weir_wait_all(t, 2), 0);
    release_all(t, 2);
    return 0;
}

WEIR_TEST_BACKENDS(a_wait_that_is_cut_short_leaves_the_tasks_alone) {
    run(cut);
}

/* The end of a task comes first, then the cancel, and only then the waiter runs. */
static struct weir_task *waiter;

static int ends_and_cancels(void *args) {
    int rc = weir_sleep(MOMENT);
    weir_task_cancel(waiter, "too late");
    return rc;
}

static int decided_before(void *args) {
    struct weir_task *t[1] = {NULL};
    assert_int_equal(spawn_later(NULL, 1, 5, &t[0]), 0);
    assert_int_equal(weir_go0(NULL, ends_and_cancels), 0);
    assert_int_equal(weir_wait_any(t, 1), 0);
    assert_int_equal(weir_yield(), -ECANCELED);
    weir_task_release(&t[0]);
    return 0;
}

static int end_before_cancel(void *arg) {
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(waiter), decided_before, NULL, 0, NULL, &waiter),
                     0);
    int rc = weir_wait_all(&waiter, 1);
    weir_task_release(&waiter);
    return rc;
}

WEIR_TEST(an_end_that_came_before_the_cancel_is_returned) {
    assert_int_equal(weir_sim_run(end_before_cancel, NULL, NULL), 0);
}

static int many(void *arg) {
    enum { MANY = 40 };
    struct weir_task *t[MANY] = {NULL};
    struct weir_group g;
    int rc = 0, n = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < MANY && rc == 0; i++)
        rc = spawn_later(&g, (i * 7) % MANY, i, &t[i]);
    while (rc >= 0 && n < MANY && (rc = weir_wait_any(t, MANY)) >= 0) {
        rc = weir_await(&t[rc], NULL, 0);
        n++;
    }
    if (rc >= 0 && n != MANY)
        rc = -EPROTO;
    release_all(t, MANY);
    return weir_group_close(&g, rc < 0 ? rc : 0);
}

WEIR_TEST_BACKENDS(many_tasks_are_waited_for) {
    run(many);
}

static int a_few_waits(void *arg) {
    static const int moments[] = {3, 1, 2, 4, 5, 6, 7, 8, 9}, rcs[9] = {0, -ENOENT, 4};
    struct weir_task *t[9] = {NULL};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = spawn_all(&g, moments, rcs, 9, t);
    rc = rc < 0 ? rc : weir_wait_any(t, 9);
    rc = rc < 0 ? rc : weir_wait_first(t, 9);
    rc = rc < 0 ? rc : weir_wait_all(t, 9);
    if (rc >= 0)
        rc = weir_await(&t[1], NULL, 0) == -ENOENT ? 0 : weir_cancelled();
    release_all(t, 9);
    return weir_group_close(&g, rc);
}

WEIR_TEST(waits_leave_nothing_behind_wherever_they_are_disturbed) {
    explore(a_few_waits);
}

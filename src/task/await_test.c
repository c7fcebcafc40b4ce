/* SPDX-License-Identifier: MIT */
/* Many tasks that wait for one task: they are woken in order, each may be cancelled at any time,
 * and the cost of each does not grow with their number. (If it did, the last test would run into
 * its time limit.) */
#include "test/runner.h"

#include <errno.h>
#include <weir/loop.h>
#include <weir/task.h>

/* MANY: as many guarded stacks as every kernel allows, less than 16382. */
enum { FEW = 5, MANY = 15000, ROUNDS = 4 };

static struct weir_task *awaited;
static int order[FEW], ended;

struct waits_args {
    struct weir_task *task;
    int number;
};

static int waits(void *args) {
    struct waits_args *a = args;
    int rc = weir_await(&a->task, NULL, 0);
    if (a->task != NULL)
        weir_task_release(&a->task);
    if (rc == 7 && ended < FEW)
        order[ended] = a->number;
    ended++;
    return rc < 0 ? rc : 0;
}

static int naps(void *args) {
    (void)args;
    int rc = weir_sleep(WEIR_MILLISECONDS(5));
    return rc < 0 ? rc : 7;
}

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_SECONDS(3600));
}

static void spawn_waiter(struct weir_group *g, int number, struct weir_task **ret) {
    static const struct weir_spawn_options o = {.size = sizeof o, .stack_size = 16384};
    struct waits_args a = {weir_task_ref(awaited), number};
    assert_int_equal(weir_spawn(g, WEIR_SITE(waits), waits, &a, sizeof a, &o, ret), 0);
}

static void begin(struct weir_group *g, int (*fn)(void *args)) {
    ended = 0;
    weir_group_open(g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(naps), fn, NULL, 0, NULL, &awaited), 0);
}

/* The first, the last, one in the middle, all in turn: the others come in order. */
static int leave_one(int gone) {
    struct weir_group g;
    struct weir_task *t[FEW];
    begin(&g, naps);
    for (int i = 0; i < FEW; i++)
        spawn_waiter(&g, i, &t[i]);
    assert_int_equal(weir_yield(), 0);
    weir_task_cancel(t[gone], NULL);
    assert_int_equal(weir_yield(), 0);
    assert_int_equal(ended, 1);
    ended = 0;
    int rc = weir_group_close(&g, 0);
    for (int i = 0, expect = 0; i < FEW - 1; i++, expect++) {
        expect += expect == gone;
        assert_int_equal(order[i], expect);
    }
    for (int i = 0; i < FEW; i++)
        weir_task_release(&t[i]);
    weir_task_release(&awaited);
    return rc;
}

static int leave_each(void *arg) {
    int rc = 0;
    (void)arg;
    for (int gone = 0; rc == 0 && gone < FEW; gone++)
        rc = leave_one(gone);
    return rc;
}

WEIR_TEST_BACKENDS(waiters_are_woken_in_order_whichever_of_them_left) {
    runner_plain_order();
    assert_int_equal(weir_run(leave_each, NULL, NULL), 0);
}

static int leave_all(void *arg) {
    struct weir_group g;
    (void)arg;
    begin(&g, sleeps);
    for (int i = 0; i < FEW; i++)
        spawn_waiter(&g, i, NULL);
    assert_int_equal(weir_yield(), 0);
    weir_group_cancel(&g, NULL);
    int rc = weir_group_close(&g, 0);
    assert_int_equal(ended, FEW);
    weir_task_cancel(awaited, NULL); /* nobody waits any more */
    assert_int_equal(weir_await(&awaited, NULL, 0), -ECANCELED);
    return rc;
}

WEIR_TEST_BACKENDS(a_task_whose_waiters_all_left_ends_as_any) {
    assert_int_equal(weir_run(leave_all, NULL, NULL), 0);
}

static int many(int (*fn)(void *args), bool cancel) {
    struct weir_group g;
    begin(&g, fn);
    for (int i = 0; i < MANY; i++)
        spawn_waiter(&g, i, NULL);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    if (cancel)
        weir_group_cancel(&g, NULL);
    int rc = weir_group_close(&g, 0);
    assert_int_equal(ended, MANY);
    if (cancel)
        weir_task_cancel(awaited, NULL);
    weir_task_release(&awaited);
    return rc;
}

static int many_wait(void *arg) {
    int rc = 0;
    (void)arg;
    for (int i = 0; rc == 0 && i < ROUNDS; i++)
        if ((rc = many(naps, false)) == 0)
            rc = many(sleeps, true);
    return rc;
}

WEIR_TEST_BACKENDS(fifteen_thousand_waiters_of_one_task_are_woken_and_cancelled_in_linear_time) {
    assert_int_equal(weir_run(many_wait, NULL, NULL), 0);
}

/* ---- a handle is one waiter's ---------------------------------------------------------------- */

struct awaits_same_args {
    struct weir_task **handle;
};

static int awaits_same(void *args) {
    return weir_await(((struct awaits_same_args *)args)->handle, NULL, 0) == 7 ? 0 : -EBADMSG;
}

static int two_await_by_one(void *arg) {
    static struct weir_task *t;
    (void)arg;
    if (weir_spawn(NULL, WEIR_SITE(naps), naps, NULL, 0, NULL, &t) == 0)
        for (int i = 0; i < 2; i++)
            weir_go(NULL, awaits_same, .handle = &t);
    return 0;
}

WEIR_TEST_ABORTS(two_tasks_that_await_by_one_handle_abort, "was given back, by another await") {
    weir_run(two_await_by_one, NULL, NULL);
}

static int release_what_is_awaited(void *arg) {
    static struct weir_task *t, *copy;
    (void)arg;
    if (weir_spawn(NULL, WEIR_SITE(naps), naps, NULL, 0, NULL, &t) < 0)
        return 0;
    copy = t;
    weir_go(NULL, awaits_same, .handle = &t);
    weir_yield();
    weir_task_release(&copy);
    return 0;
}

WEIR_TEST_ABORTS(an_await_by_a_handle_that_another_releases_aborts,
                 "of task 'naps' was given back") {
    weir_run(release_what_is_awaited, NULL, NULL);
}

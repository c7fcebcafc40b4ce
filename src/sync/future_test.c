/* SPDX-License-Identifier: MIT */
/* Futures: settled once, awaited by any number, callbacks through the queue, errors told once. */
#include "test/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/future.h>
#include <weir/loop.h>
#include <weir/select.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "task/failure.h"

static char story[160], logged[512];
static struct weir_future *shared;

static void says(const char *word) {
    size_t len = strlen(story);
    snprintf(story + len, sizeof story - len, "%s%s", len > 0 ? " " : "", word);
}

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    size_t len = strlen(logged);
    (void)level, (void)arg;
    snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

static bool ledger_even(void) {
    return weir__ledger.raised == weir__ledger.settled
           && weir__ledger.raised_sum == weir__ledger.settled_sum;
}

static void run(int (*fn)(void *arg)) {
    weir_log_to(keep_line, NULL);
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
    assert_true(ledger_even());
}

struct awaits_args { const char *name; };
static int awaits(void *args) {
    struct awaits_args *a = args;
    int value = 0, rc = weir_future_await(shared, &value);
    if (rc == 0) {
        assert_int_equal(value, 7);
        says(a->name);
    }
    return rc;
}

static int three_await(void *arg) {
    struct weir_group g;
    int seven = 7, eight = 8;
    (void)arg;
    assert_int_equal(weir_future_new(sizeof(int), &shared), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, awaits, .name = "one"), 0);
    assert_int_equal(weir_go(&g, awaits, .name = "two"), 0);
    assert_int_equal(weir_go(&g, awaits, .name = "three"), 0);
    int rc = weir_yield();
    assert_false(weir_future_is_done(shared));
    assert_int_equal(weir_future_resolve(shared, &seven), 0);
    assert_int_equal(weir_future_resolve(shared, &eight), -EALREADY);
    assert_int_equal(weir_future_fail(shared, -EIO), -EALREADY);
    assert_int_equal(weir_future_cancel(shared, "too late"), -EALREADY);
    rc = weir_group_close(&g, rc);
    awaits(&(struct awaits_args){"again"});
    weir_future_unref(&shared);
    return rc;
}

WEIR_TEST_BACKENDS(three_tasks_await_one_future_in_order_and_the_first_settling_wins) {
    runner_plain_order();
    run(three_await);
    assert_string_equal(story, "one two three again");
}

static void done(struct weir_future *f, void *arg) {
    int value;
    assert_null(weir_task_current());
    assert_int_equal(weir_future_result(f, &value), 0);
    says(arg);
}

static void done_adds(struct weir_future *f, void *arg) {
    done(f, arg);
    assert_int_equal(weir_future_on_done(f, done, "later"), 0);
    says("added");
}

static int adds_callbacks(void *arg) {
    int seven = 7;
    struct weir_future *f;
    (void)arg;
    assert_int_equal(weir_future_new(sizeof(int), &f), 0);
    assert_int_equal(weir_future_on_done(f, done_adds, "first"), 0);
    assert_int_equal(weir_future_on_done(f, done, "gone"), 0);
    assert_int_equal(weir_future_on_done(f, done, "second"), 0);
    assert_int_equal(weir_future_remove_done(f, done, "gone"), 1);
    assert_int_equal(weir_future_resolve(f, &seven), 0);
    says("resolved");
    assert_int_equal(weir_future_on_done(f, done, "third"), 0);
    assert_int_equal(weir_future_on_done(f, done, "gone"), 0);
    assert_int_equal(weir_future_remove_done(f, done, "gone"), 1);
    says("returned");
    weir_future_unref(&f); /* the queued callbacks keep it */
    return 0;
}

WEIR_TEST_BACKENDS(done_callbacks_run_later_in_the_order_of_adding_as_in_asyncio) {
    run(adds_callbacks);
    assert_string_equal(story, "resolved returned first added second third later");
}

static int fails(void *arg) {
    struct weir_future *f;
    (void)arg;
    assert_int_equal(weir_future_new(0, &f), 0);
    assert_int_equal(weir_future_fail(f, weir__failf(-EIO, "read", "disk", "%s", "torn")), 0);
    weir__error_begin();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_future_await(f, NULL), -EIO);
        assert_string_equal(weir_error_message(-EIO), "read disk: torn");
        weir__error_begin();
    }
    assert_int_equal(weir_future_result(f, NULL), -EIO);
    weir_future_unref(&f);
    return 0;
}

WEIR_TEST(an_error_comes_with_its_record_to_each_that_asks_and_is_not_logged) {
    run(fails);
    assert_string_equal(logged, "");
}

static int fails_unread(void *arg) {
    struct weir_future *f;
    (void)arg;
    assert_int_equal(weir_future_new(0, &f), 0);
    assert_int_equal(weir_future_fail(f, weir__failf(-EIO, "read", "disk", "%s", "torn")), 0);
    weir_future_unref(&f);
    assert_null(f);
    return 0;
}

WEIR_TEST(an_error_that_nobody_reads_is_logged_once_with_the_place_of_new) {
    run(fails_unread);
    char *at = strstr(logged, "future_test.c:");
    assert_non_null(at);
    assert_non_null(strstr(logged, "read disk: torn"));
    assert_null(strstr(at + 1, "future_test.c:"));
}

static int cancels(void *arg) {
    struct weir_future *f;
    (void)arg;
    assert_int_equal(weir_future_new(4, &f), 0);
    assert_int_equal(weir_future_result(f, NULL), -EAGAIN);
    assert_int_equal(weir_future_cancel(f, "the user left"), 0);
    assert_int_equal(weir_future_await(f, NULL), WEIR_ESTOPPED);
    assert_non_null(strstr(weir_error_message(WEIR_ESTOPPED), "the user left"));
    assert_null(weir_future_value(f));
    weir_future_unref(&f);
    return 0;
}

WEIR_TEST(a_cancelled_future_gives_its_waiters_estopped_with_the_cause) {
    run(cancels);
    assert_string_equal(logged, "");
}

static int cancels_a_waiter(void *arg) {
    struct weir_scope s;
    int seven = 7, value = 0;
    (void)arg;
    assert_int_equal(weir_future_new(sizeof(int), &shared), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_future_await(shared, &value), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    assert_false(weir_future_is_done(shared));
    assert_int_equal(weir_future_resolve(shared, &seven), 0);
    assert_int_equal(weir_future_await(shared, &value), 0);
    assert_int_equal(value, 7);
    weir_future_unref(&shared);
    return 0;
}

WEIR_TEST_BACKENDS(a_deadline_of_a_waiter_leaves_the_future_alone) {
    run(cancels_a_waiter);
}

static int granted(void *args) {
    (void)args;
    int value = 0;
    assert_int_equal(weir_future_await(shared, &value), 0);
    assert_int_equal(value, 7);
    assert_int_equal(weir_yield(), -ECANCELED);
    says("felt later");
    return -ECANCELED;
}

static int grants_then_cancels(void *arg) {
    struct weir_group g;
    int seven = 7;
    (void)arg;
    assert_int_equal(weir_future_new(sizeof(int), &shared), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, granted), 0);
    weir_yield();
    assert_int_equal(weir_future_resolve(shared, &seven), 0);
    weir_group_cancel(&g, "after the grant");
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_future_unref(&shared);
    return 0;
}

WEIR_TEST(what_was_settled_before_a_cancel_is_returned) {
    run(grants_then_cancels);
    assert_string_equal(story, "felt later");
}

static int drops_reference(void *args) {
    (void)args;
    struct weir_future *f = shared;
    shared = NULL;
    int seven = 7;
    assert_int_equal(weir_future_resolve(f, &seven), 0);
    weir_future_unref(&f);
    return 0;
}

static int waits_while_it_goes(void *arg) {
    int value = 0;
    (void)arg;
    assert_int_equal(weir_future_new(sizeof(int), &shared), 0);
    assert_int_equal(weir_go0(NULL, drops_reference), 0);
    assert_int_equal(weir_future_await(shared, &value), 0);
    assert_int_equal(value, 7);
    return 0;
}

WEIR_TEST(a_waiter_keeps_a_future_whose_last_reference_goes) {
    run(waits_while_it_goes);
}

static int never_settles(void *arg) {
    struct weir_future *f;
    (void)arg;
    assert_int_equal(weir_future_new(4, &f), 0);
    assert_int_equal(weir_future_on_done(f, done, "never"), 0);
    weir_future_unref(&f);
    return 0;
}

WEIR_TEST(a_future_that_was_never_settled_calls_nobody_and_leaves_nothing) {
    run(never_settles);
    assert_string_equal(story, "");
}

static int ends_early(void *arg) {
    (void)arg;
    return weir_future_new(4, &shared);
}

WEIR_TEST_ABORTS(a_future_of_a_loop_that_has_ended_is_refused, "a loop that has ended") {
    int seven = 7;
    run(ends_early);
    weir_future_resolve(shared, &seven);
}

WEIR_TEST(a_future_may_be_given_back_after_its_run) {
    run(ends_early);
    weir_future_unref(&shared);
    struct weir_future *f = NULL;
    assert_int_equal(weir_future_new(4, &f), WEIR_ENOLOOP);
    weir_future_unref(NULL);
    weir_future_unref(&f);
}

/* ---- select ---- */

static int selects_future(void *arg) {
    struct weir_future *f, *never;
    int seven = 7, value = 0;
    (void)arg;
    assert_int_equal(weir_future_new(sizeof(int), &f), 0);
    assert_int_equal(weir_future_new(0, &never), 0);
    struct weir_case cases[] = {WEIR_ON_FUTURE(never), WEIR_ON_FUTURE(f), WEIR_ON_SLEEP(1)};
    assert_int_equal(weir_try_select(cases, 2), -EAGAIN);
    assert_int_equal(weir_select(cases, 3), 2);
    shared = weir_future_ref(f);
    assert_int_equal(weir_go0(NULL, drops_reference), 0);
    assert_int_equal(weir_select(cases, 2), 1);
    assert_int_equal(cases[1].rc, 0);
    assert_int_equal(weir_future_await(f, &value), 0);
    assert_int_equal(value, seven);
    weir_future_unref(&f);
    weir_future_unref(&never);
    return 0;
}

WEIR_TEST_BACKENDS(a_select_waits_for_futures_and_leaves_their_results_to_await) {
    run(selects_future);
}

static int selects_alone(void *args) {
    struct weir_case cases[] = {WEIR_ON_FUTURE(shared), WEIR_ON_NEVER};
    (void)args;
    return weir_select(cases, 2);
}

static int frees_under_a_select(void *arg) {
    (void)arg;
    assert_int_equal(weir_future_new(0, &shared), 0);
    assert_int_equal(weir_go0(NULL, selects_alone), 0);
    weir_yield();
    weir_future_unref(&shared);
    return 0;
}

WEIR_TEST_ABORTS(a_future_freed_under_a_select_aborts_with_its_place, "needs a reference") {
    weir_run(frees_under_a_select, NULL, NULL);
}

/* ---- explored ---- */

static void settles(struct weir_future *f, void *arg) {
    (void)arg;
    (void)weir_future_result(f, NULL);
}

struct settler_args { struct weir_future *f; int rc; };
static int settler(void *args) {
    struct settler_args *a = args;
    int rc = weir_sleep(1), value = 3;
    if (rc < 0 || a->rc < 0)
        weir_future_fail(a->f, rc < 0 ? rc : a->rc);
    else
        weir_future_resolve(a->f, &value);
    weir_future_unref(&a->f);
    return rc;
}

static int spawn_settler(struct weir_group *g, struct weir_future *f, int result) {
    struct weir_future *its = weir_future_ref(f);
    int rc = weir_go(g, settler, .f = its, .rc = result);
    if (rc < 0)
        weir_future_unref(&its);
    return rc;
}

static int bridged(void *arg) {
    struct weir_future *f = NULL, *bad = NULL;
    struct weir_group g;
    int value = 0;
    (void)arg;
    int rc = weir_future_new(sizeof value, &f);
    if (rc == 0)
        rc = weir_future_new(0, &bad);
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_future_on_done(f, settles, NULL);
    if (rc == 0)
        rc = spawn_settler(&g, f, 0);
    if (rc == 0)
        rc = spawn_settler(&g, bad, -EIO);
    if (rc == 0)
        rc = weir_future_await(f, &value);
    if (rc == 0) {
        rc = weir_future_await(bad, NULL);
        rc = rc == -EIO ? 0 : rc;
    }
    rc = weir_group_close(&g, rc);
    weir_future_unref(&f);
    weir_future_unref(&bad);
    return rc;
}

static const struct weir_story explored = {
    .size = sizeof explored, .name = "bridged", .fn = bridged};

WEIR_TEST(a_cancel_at_any_call_of_a_story_with_futures_leaves_nothing) {
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&explored, &e), 0);
    assert_true(e.points >= 4);
}

WEIR_TEST(a_hundred_seeds_run_a_story_with_futures) {
    struct weir_explored e;
    assert_int_equal(weir_explore_seeds(&explored, &e), 0);
}

WEIR_TEST(no_memory_at_any_allocation_of_a_story_with_futures_leaves_nothing) {
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&explored, &e), 0);
    assert_true(e.points >= 4);
}

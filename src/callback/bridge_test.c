/* SPDX-License-Identifier: MIT */
/* Deferreds beside tasks, futures and timers. */
#include <weir/callback.h>
#include <weir/drive.h>
#include <weir/testing.h>

#include "callback/deferred_rig.h"

/* ---- tasks ---- */

static void fires(void *d) {
    assert_int_equal(weir_deferred_fire(d, "x"), 0);
}

static void fails(void *d) {
    weir_deferred_fail(d, weir_fail(WEIR_EUSER, "torn"));
}

static int awaits(void *arg) {
    struct weir_deferred *d = make(), *bad = make();
    void *value = NULL;
    (void)arg;
    assert_int_equal(weir_call_later(WEIR_MILLISECONDS(1), fires, d, NULL), 0);
    assert_int_equal(weir_call_soon(fails, bad, NULL), 0);
    assert_int_equal(weir_deferred_await(d, &value), 0);
    assert_string_equal(value, "x");
    assert_int_equal(weir_deferred_await(d, &value), 0); /* it was taken: the chain has NULL */
    assert_null(value);
    assert_int_equal(weir_deferred_await(bad, NULL), WEIR_EUSER);
    assert_string_equal(weir_error_message(WEIR_EUSER), "torn");
    weir_deferred_unref(&d);
    weir_deferred_unref(&bad);
    return 0;
}

WEIR_TEST_BACKENDS(a_task_awaits_a_deferred_and_takes_its_value_or_its_error) {
    run(awaits);
    assert_string_equal(logged, "");
}

static int await_is_cancelled(void *arg) {
    struct weir_deferred *d, *fired = made_and_fired("kept");
    struct weir_scope s;
    void *value;
    (void)arg;
    assert_int_equal(weir_deferred_new(canceller, NULL, &d), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_deferred_await(d, NULL), -ETIME);
    assert_int_equal(weir_deferred_await(fired, NULL), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    assert_true(weir_deferred_is_fired(d));
    assert_int_equal(weir_deferred_await(fired, &value), 0);
    assert_string_equal(value, "kept");
    weir_deferred_unref(&d);
    weir_deferred_unref(&fired);
    return 0;
}

WEIR_TEST_BACKENDS(a_deadline_of_the_task_cancels_the_deferred_and_drops_its_result) {
    run(await_is_cancelled);
    assert_string_equal(story, "canceller");
    assert_string_equal(logged, "");
}

static struct weir_result waits_for(struct weir_result r, void *arg) {
    (void)r;
    return weir_wait_for(weir_deferred_ref(arg));
}

static int awaits_for_ever(void *arg) {
    struct weir_deferred *d = make(), *inner = make();
    struct weir_scope s;
    void *value = NULL;
    (void)arg;
    weir_deferred_add_callback(d, waits_for, inner);
    weir_deferred_fire(d, "x");
    weir_deferred_unref(&inner);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_deferred_await(d, &value), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    assert_null(value);
    weir_deferred_unref(&d);
    return 0;
}

WEIR_TEST_BACKENDS(a_chain_that_can_never_go_on_has_no_result_for_a_task) {
    run(awaits_for_ever);
    assert_string_equal(logged, "");
}

struct awaiter_args { struct weir_deferred *d; };
static int awaiter(void *args) {
    void *value = NULL;
    int rc = weir_deferred_await(((struct awaiter_args *)args)->d, &value);
    if (rc == 0)
        says(value);
    return rc == 0 ? weir_yield() : rc;
}

static int fires_and_cancels(void *arg) {
    struct weir_deferred *d = make(), *late = make();
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, awaiter, .d = d), 0);
    assert_int_equal(weir_go(&g, awaiter, .d = late), 0);
    weir_yield();
    weir_deferred_fire(d, "before");
    weir_group_cancel(&g, "now");
    weir_deferred_fire(late, "after the cancel, before the task ran");
    weir_group_close(&g, 0);
    weir_deferred_unref(&d);
    weir_deferred_unref(&late);
    return 0;
}

WEIR_TEST(a_result_that_comes_before_the_task_runs_is_not_lost_by_a_cancel) {
    run(fires_and_cancels);
    assert_string_equal(story, "before after the cancel, before the task ran");
}

static struct weir_loop *resumed_on;

static int awaits_and_looks(void *args) {
    int rc = weir_deferred_await(((struct awaiter_args *)args)->d, NULL);
    resumed_on = weir_loop_current();
    return rc;
}

WEIR_TEST_BACKENDS(a_task_goes_on_in_its_own_loop_when_its_deferred_fires_beside_another) {
    struct weir_deferred *d = make();
    struct weir_loop *its, *other;
    assert_int_equal(weir_loop_open(NULL, &its), 0);
    struct awaiter_args args = {d};
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(awaits_and_looks), awaits_and_looks, &args,
                                sizeof args, NULL, NULL), 0);
    assert_int_equal(weir_loop_step(its, 0), 1);
    assert_int_equal(weir_loop_open(NULL, &other), 0);
    assert_int_equal(weir_deferred_fire(d, NULL), 0);
    assert_int_equal(weir_loop_step(other, 0), 0);
    assert_null(resumed_on);
    assert_int_equal(weir_loop_step(its, WEIR_NEVER), 0);
    assert_ptr_equal(resumed_on, its);
    weir_loop_close(&other);
    weir_loop_close(&its);
    weir_deferred_unref(&d);
}

/* ---- futures ---- */

static int makes_futures(void *arg) {
    struct weir_deferred *d = make(), *bad = make(), *gone = make();
    struct weir_future *f, *g, *h;
    void *value;
    (void)arg;
    assert_int_equal(weir_future_from_deferred(d, &f), 0);
    assert_int_equal(weir_future_from_deferred(bad, &g), 0);
    assert_int_equal(weir_future_from_deferred(gone, &h), 0);
    weir_deferred_unref(&gone);
    assert_int_equal(weir_future_await(h, NULL), WEIR_ESTOPPED);
    weir_call_soon(fires, d, NULL);
    assert_int_equal(weir_future_await(f, &value), 0);
    assert_string_equal(value, "x");
    handled(bad); /* gets nothing: the future has the error */
    weir_deferred_fail(bad, weir__failf(-EIO, "read", "disk", "%s", "torn"));
    assert_int_equal(weir_future_await(g, &value), -EIO);
    assert_string_equal(weir_error_message(-EIO), "read disk: torn");
    weir_future_unref(&f);
    weir_future_unref(&g);
    weir_future_unref(&h);
    weir_deferred_unref(&d);
    weir_deferred_unref(&bad);
    return 0;
}

WEIR_TEST(a_future_of_a_deferred_gets_its_value_or_its_error_with_the_record) {
    run(makes_futures);
    assert_string_equal(story, "");
    assert_string_equal(logged, "");
}

static int cancels_future(void *arg) {
    struct weir_deferred *d;
    struct weir_future *f;
    (void)arg;
    assert_int_equal(weir_deferred_new(canceller, NULL, &d), 0);
    assert_int_equal(weir_future_from_deferred(d, &f), 0);
    assert_int_equal(weir_future_cancel(f, "not needed"), 0);
    assert_true(weir_deferred_is_fired(d));
    weir_future_unref(&f);
    weir_deferred_unref(&d);
    return 0;
}

WEIR_TEST(a_cancel_of_the_future_cancels_its_deferred) {
    run(cancels_future);
    assert_string_equal(story, "canceller");
    assert_string_equal(logged, "");
}

static struct weir_future *asked_for;

static void says_its_name(struct weir_future *f, void *name) {
    (void)f;
    says(name);
}

static void adds_another(struct weir_deferred *d, void *arg) {
    (void)d, (void)arg;
    assert_int_equal(weir_future_on_done(asked_for, says_its_name, "B"), 0);
    assert_int_equal(weir_future_on_done(asked_for, says_its_name, "C"), 0);
}

static int adds_while_it_settles(void *arg) {
    struct weir_deferred *d;
    (void)arg;
    assert_int_equal(weir_deferred_new(adds_another, NULL, &d), 0);
    assert_int_equal(weir_future_from_deferred(d, &asked_for), 0);
    assert_int_equal(weir_future_on_done(asked_for, says_its_name, "A"), 0);
    assert_int_equal(weir_future_cancel(asked_for, "not needed"), 0);
    assert_int_equal(weir_future_on_done(asked_for, says_its_name, "D"), 0);
    weir_future_unref(&asked_for);
    weir_deferred_unref(&d);
    return weir_sleep(1);
}

WEIR_TEST_BACKENDS(a_done_callback_that_is_added_while_its_future_settles_comes_in_order) {
    run(adds_while_it_settles);
    assert_string_equal(story, "A B C D");
}

static struct weir_result gives_back(struct weir_result r, void *arg) {
    (void)r;
    weir_future_unref(arg);
    return (struct weir_result){0};
}

static int cancels_and_loses(void *arg) {
    struct weir_deferred *d = make();
    struct weir_future *f;
    (void)arg;
    assert_int_equal(weir_future_from_deferred(d, &f), 0);
    assert_int_equal(weir_deferred_add_both(d, gives_back, &f), 0);
    assert_int_equal(weir_future_cancel(f, "not needed"), 0);
    assert_null(f);
    weir_deferred_unref(&d);
    return 0;
}

WEIR_TEST(a_function_that_a_cancel_of_the_future_calls_may_give_its_reference_back) {
    run(cancels_and_loses);
}

static int awaits_a_future(void *arg) {
    struct weir_deferred *d;
    struct weir_future *f;
    struct weir_scope s;
    (void)arg;
    assert_int_equal(weir_future_new(0, &f), 0);
    assert_int_equal(weir_deferred_from_future(f, &d), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_deferred_await(d, NULL), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    add(d, tells, "d");
    assert_int_equal(weir_sleep(1), 0);
    weir_deferred_unref(&d);
    weir_future_unref(&f);
    return 0;
}

WEIR_TEST_BACKENDS(what_a_cancelled_await_makes_of_a_deferred_of_a_future_is_dropped) {
    run(awaits_a_future);
    assert_string_equal(story, "d:null");
    assert_string_equal(logged, "");
}

static int makes_deferreds(void *arg) {
    struct weir_deferred *d, *later, *cancelled;
    struct weir_future *f, *g;
    char word[] = "word";
    (void)arg;
    assert_int_equal(weir_future_new(sizeof word, &f), 0);
    assert_int_equal(weir_future_new(0, &g), 0);
    assert_int_equal(weir_deferred_from_future(f, &d), 0);
    assert_int_equal(weir_deferred_from_future(g, &cancelled), 0);
    add(d, tells, "d");
    handled(cancelled);
    weir_future_resolve(f, word);
    assert_int_equal(weir_deferred_from_future(f, &later), 0);
    add(later, tells, "later");
    weir_deferred_cancel(cancelled);
    assert_true(weir_future_is_done(g));
    says("settled");
    weir_future_unref(&f);
    weir_future_unref(&g);
    int rc = weir_sleep(1);
    weir_deferred_unref(&d);
    weir_deferred_unref(&later);
    weir_deferred_unref(&cancelled);
    return rc;
}

WEIR_TEST_BACKENDS(a_deferred_of_a_future_fires_in_the_next_round_of_callbacks) {
    run(makes_deferreds);
    assert_string_equal(story, "settled d:word later:word error:WEIR_ESTOPPED");
}

static struct weir_deferred *given[4];
static struct weir_future *kept;

static int leaves_bridges(void *arg) {
    struct weir_future *f;
    (void)arg;
    for (int i = 0; i < 3; i++) {
        given[i] = make();
        assert_int_equal(weir_future_from_deferred(given[i], &f), 0);
        weir_future_unref(&f);
    }
    assert_int_equal(weir_future_new(0, &kept), 0);
    return weir_deferred_from_future(kept, &given[3]);
}

WEIR_TEST(a_deferred_may_fire_fail_and_be_cancelled_after_the_run_of_its_future) {
    run(leaves_bridges);
    weir_log_to(keep_line, NULL);
    assert_int_equal(weir_deferred_fire(given[0], "x"), 0);
    assert_int_equal(weir_deferred_fail(given[1], weir__failf(-EIO, "read", "disk", "torn")), 0);
    weir_deferred_cancel(given[2]);
    handled(given[2]);
    handled(given[3]);
    weir_deferred_cancel(given[3]);
    for (int i = 0; i < 4; i++)
        weir_deferred_unref(&given[i]);
    weir_future_unref(&kept);
    weir_log_to(NULL, NULL);
    assert_string_equal(story, "error:WEIR_ESTOPPED error:WEIR_ESTOPPED");
    assert_non_null(strstr(logged, "torn"));
    ledger_is_even();
}

static int awaits_future(void *args) {
    int rc = weir_future_await(*(struct weir_future **)args, NULL);
    says(rc < 0 ? weir_error_name(rc) : "value");
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

WEIR_TEST_BACKENDS(a_future_is_settled_in_its_own_loop_when_its_deferred_fires_beside_another) {
    struct weir_deferred *d = make(), *dropped = make(), *cancelled;
    struct weir_future *fs[3];
    struct weir_loop *its, *other;
    runner_plain_order();
    assert_int_equal(weir_loop_open(NULL, &its), 0);
    assert_int_equal(weir_future_from_deferred(d, &fs[0]), 0);
    assert_int_equal(weir_future_from_deferred(dropped, &fs[1]), 0);
    assert_int_equal(weir_future_new(0, &fs[2]), 0);
    assert_int_equal(weir_deferred_from_future(fs[2], &cancelled), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_spawn(NULL, WEIR_SITE(awaits_future), awaits_future, &fs[i],
                                    sizeof fs[i], NULL, NULL), 0);
    assert_int_equal(weir_loop_step(its, 0), 1);
    assert_int_equal(weir_loop_open(NULL, &other), 0);
    assert_int_equal(weir_deferred_fire(d, NULL), 0);
    weir_deferred_unref(&d);
    weir_deferred_unref(&dropped);
    handled(cancelled);
    weir_deferred_cancel(cancelled);
    assert_int_equal(weir_loop_step(other, 0), 0);
    assert_string_equal(story, "");
    while (weir_loop_step(its, 0) != 0)
        continue;
    weir_deferred_unref(&cancelled);
    weir_loop_close(&other);
    for (int i = 0; i < 3; i++)
        weir_future_unref(&fs[i]);
    weir_loop_close(&its);
    assert_string_equal(story, "value WEIR_ESTOPPED WEIR_ESTOPPED error:WEIR_ESTOPPED");
}

/* ---- timeouts ---- */

static int times_out(void *arg) {
    struct weir_deferred *d = make(), *quick = make(), *dropped = make();
    (void)arg;
    assert_int_equal(weir_deferred_add_timeout(d, WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_deferred_add_timeout(quick, WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_deferred_add_timeout(dropped, WEIR_MILLISECONDS(1)), 0);
    handled(d);
    add(quick, tells, "quick");
    weir_deferred_fire(quick, "x");
    weir_deferred_unref(&dropped);
    int rc = weir_deferred_await(d, NULL);
    assert_int_equal(weir_deferred_fire(d, "late"), 0);
    weir_deferred_unref(&d);
    weir_deferred_unref(&quick);
    return rc;
}

WEIR_TEST_BACKENDS(a_timeout_makes_the_error_etime_and_leaves_a_quick_one_alone) {
    run(times_out);
    assert_string_equal(story, "quick:x error:ETIME");
}

static struct weir_deferred *survivor;

static int leaves_one(void *arg) {
    (void)arg;
    survivor = make();
    return weir_deferred_add_timeout(survivor, WEIR_SECONDS(60));
}

static void stops(void *l) {
    weir_loop_stop(l);
}

WEIR_TEST(a_deferred_with_a_timeout_may_be_freed_after_the_run) {
    run(leaves_one);
    weir_deferred_unref(&survivor);
}

WEIR_TEST_BACKENDS(a_timeout_ends_with_its_deferred_while_another_loop_of_the_thread_is_in_use) {
    struct weir_deferred *d = make();
    struct weir_loop *its, *other;
    assert_int_equal(weir_loop_open(NULL, &its), 0);
    assert_int_equal(weir_deferred_add_timeout(d, 1), 0);
    assert_int_equal(weir_loop_open(NULL, &other), 0);
    assert_int_equal(weir_deferred_fire(d, NULL), 0);
    weir_deferred_unref(&d);
    weir_loop_use(its);
    assert_int_equal(weir_call_later(WEIR_MILLISECONDS(1), stops, its, NULL), 0);
    assert_int_equal(weir_run_forever(its), 0);
    weir_loop_close(&other);
    weir_loop_close(&its);
}

/* ---- explored ---- */

static void fires_or_not(void *d) {
    weir_deferred_fire(d, NULL);
    weir_deferred_unref((struct weir_deferred *[]){d});
}

static int chained(void *arg) {
    struct weir_deferred *ds[2] = {NULL, NULL}, *list = NULL;
    (void)arg;
    int rc = weir_deferred_new(NULL, NULL, &ds[0]);
    if (rc == 0)
        rc = weir_deferred_new(NULL, NULL, &ds[1]);
    if (rc == 0)
        rc = weir_deferred_add_callback(ds[0], waits_for, ds[1]);
    if (rc == 0)
        rc = weir_deferred_add_timeout(ds[0], WEIR_SECONDS(1));
    if (rc == 0)
        rc = weir_deferred_list(ds, 2, WEIR_CONSUME_ERRORS, &list);
    for (int i = 0; i < 2 && rc == 0; i++) {
        struct weir_deferred *its = weir_deferred_ref(ds[i]);
        if ((rc = weir_call_later(i, fires_or_not, its, NULL)) < 0)
            weir_deferred_unref(&its);
    }
    if (rc == 0)
        rc = weir_sleep(0);
    if (rc == 0)
        rc = weir_deferred_await(list, NULL);
    if (rc < 0) { /* what was asked for may still come: it holds references */
        struct weir_scope shield;
        weir_shield_enter(&shield, WEIR_SECONDS(1));
        weir_sleep(10);
        weir_scope_leave(&shield, 0);
    }
    weir_deferred_unref(&list);
    weir_deferred_unref(&ds[0]);
    weir_deferred_unref(&ds[1]);
    return rc;
}

static const struct weir_story explored = {
    .size = sizeof explored, .name = "chained", .fn = chained};

WEIR_TEST(a_cancel_at_any_call_of_a_story_with_deferreds_leaves_nothing) {
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&explored, &e), 0);
    assert_true(e.points >= 2);
}

WEIR_TEST(a_hundred_seeds_run_a_story_with_deferreds) {
    struct weir_explored e;
    assert_int_equal(weir_explore_seeds(&explored, &e), 0);
}

WEIR_TEST(no_memory_at_any_allocation_of_a_story_with_deferreds_leaves_nothing) {
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&explored, &e), 0);
    assert_true(e.points >= 6);
}

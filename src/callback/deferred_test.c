/* SPDX-License-Identifier: MIT */
/* Deferreds: what passes through a chain, chains that wait for chains, cancel, lists. */
#include "callback/deferred_rig.h"

/* ---- the chain ---- */

WEIR_TEST(functions_run_inside_fire_in_the_order_of_adding_as_in_twisted) {
    struct weir_deferred *d = make();
    add(d, tells, "1");
    add(d, tells, "2");
    says("before");
    assert_false(weir_deferred_is_fired(d));
    assert_int_equal(weir_deferred_fire(d, "x"), 0);
    assert_true(weir_deferred_is_fired(d));
    says("after");
    add(d, tells, "3"); /* fired already: at once */
    says("end");
    assert_int_equal(weir_deferred_fire(d, "y"), -EALREADY);
    assert_int_equal(weir_deferred_fail(d, -EIO), -EALREADY);
    weir_deferred_unref(&d);
    assert_null(d);
    assert_string_equal(story, "before 1:x 2:x after 3:x end");
}

WEIR_TEST(a_callback_changes_the_value_and_fails_and_an_errback_makes_it_a_value_again) {
    struct weir_deferred *d = make();
    weir_deferred_add_callback(d, changes, "changed");
    add(d, tells, "1");
    weir_deferred_add_errback(d, changes, "skipped");
    weir_deferred_add_callback(d, breaks, "torn");
    add(d, tells, "2");
    weir_deferred_add_callback(d, changes, "skipped");
    weir_deferred_add_errback(d, changes, "mended");
    add(d, tells, "3");
    weir_deferred_add_callbacks(d, breaks, "again", changes, "skipped");
    weir_deferred_add_callbacks(d, changes, "skipped", changes, "fine");
    add(d, tells, "4");
    assert_int_equal(weir_deferred_fire(d, "x"), 0);
    weir_deferred_unref(&d);
    assert_string_equal(story, "1:changed 2:? 3:mended 4:fine");
    ledger_is_even();
}

static struct weir_result reads_record(struct weir_result r, void *arg) {
    says(weir_error_message(r.rc));
    assert_int_equal(weir_sleep(1), WEIR_ENOLOOP); /* writes the record of this call only */
    (void)arg;
    return (struct weir_result){0};
}

WEIR_TEST(an_error_keeps_its_record_through_the_chain) {
    struct weir_deferred *d = make();
    weir_deferred_add_errback(d, tells, "1");
    weir_deferred_add_errback(d, reads_record, NULL);
    assert_int_equal(weir_deferred_fail(d, weir__failf(-EIO, "read", "disk", "%s", "torn")), 0);
    weir_deferred_unref(&d);
    assert_string_equal(story, "1:EIO read disk: torn");
}

WEIR_TEST(an_unhandled_error_is_logged_when_its_deferred_is_freed_with_the_place_of_new) {
    struct weir_deferred *d;
    assert_int_equal(weir_deferred_new(NULL, NULL, &d), 0);
    weir_log_to(keep_line, NULL);
    assert_int_equal(weir_deferred_fail(d, weir__failf(-EIO, "read", "disk", "%s", "torn")), 0);
    assert_string_equal(logged, "");
    weir_deferred_unref(&d);
    weir_log_to(NULL, NULL);
    assert_non_null(strstr(logged, "deferred_test.c:"));
    assert_non_null(strstr(logged, "read disk: torn"));
    ledger_is_even();
}

static int changes_record(void *arg) {
    (void)arg;
    struct weir_deferred *d = make();
    int rc = weir__failf(-EIO, "read", "mine", "%s", "torn");
    add(d, breaks, "other");
    weir_deferred_add_errback(d, changes, NULL);
    weir_deferred_fire(d, NULL);
    weir_deferred_unref(&d);
    assert_string_equal(weir_error_message(rc), "read mine: torn");
    return 0;
}

WEIR_TEST(a_chain_that_runs_inside_a_task_leaves_the_tasks_record_alone) {
    run(changes_record);
}

static struct weir_result adds_more(struct weir_result r, void *arg) {
    add(arg, tells, "added");
    says("adds");
    return r;
}

WEIR_TEST(a_function_added_by_a_function_of_the_chain_runs_after_it_returned) {
    struct weir_deferred *d = make();
    weir_deferred_add_both(d, adds_more, d);
    weir_deferred_fire(d, "x");
    weir_deferred_unref(&d);
    assert_string_equal(story, "adds added:x");
}

/* ---- chains that wait for chains ---- */

static struct weir_result waits_for(struct weir_result r, void *arg) {
    (void)r;
    return weir_wait_for(weir_deferred_ref(arg));
}

WEIR_TEST(a_chain_waits_for_another_deferred_and_takes_its_result) {
    struct weir_deferred *d = make(), *inner = make();
    weir_deferred_add_callback(d, waits_for, inner);
    add(d, tells, "outer");
    weir_deferred_fire(d, "x");
    says("waits");
    add(inner, tells, "inner");
    weir_deferred_fire(inner, "y");
    add(inner, tells, "later");
    weir_deferred_unref(&inner);
    weir_deferred_unref(&d);
    assert_string_equal(story, "waits outer:y inner:null later:null");
}

WEIR_TEST(a_chain_that_waits_for_a_fired_deferred_goes_on_at_once_also_with_its_error) {
    struct weir_deferred *d = make(), *inner = make();
    weir_deferred_fail(inner, -EIO);
    weir_deferred_add_callback(d, waits_for, inner);
    weir_deferred_add_errback(d, tells, "outer");
    weir_deferred_add_errback(d, changes, NULL);
    weir_deferred_fire(d, "x");
    weir_deferred_unref(&inner);
    weir_deferred_unref(&d);
    assert_string_equal(story, "outer:EIO");
    ledger_is_even();
}

WEIR_TEST(a_hundred_thousand_chains_that_wait_for_each_other_need_no_deep_stack) {
    enum { COUNT = 100000 };
    struct weir_deferred *first = make(), *d = weir_deferred_ref(first);
    for (int i = 0; i < COUNT; i++) {
        struct weir_deferred *next = make();
        assert_int_equal(weir_deferred_add_callback(next, waits_for, d), 0);
        weir_deferred_fire(next, NULL);
        weir_deferred_unref(&d);
        d = next;
    }
    add(d, tells, "last");
    weir_deferred_fire(first, "x");
    weir_deferred_unref(&first);
    weir_deferred_unref(&d);
    assert_string_equal(story, "last:x");
}

static struct weir_result waits_for_the_last(struct weir_result r, void *arg) {
    (void)r;
    return weir_wait_for(arg);
}

WEIR_TEST(a_chain_does_not_go_on_when_what_it_waits_for_was_freed_unfired) {
    struct weir_deferred *d = make(), *inner = make(), *outer = make();
    weir_deferred_add_callback(d, waits_for_the_last, inner); /* which frees it */
    add(d, tells, "d");
    weir_deferred_fire(d, "x");
    weir_deferred_add_callback(outer, waits_for, d);
    add(outer, tells, "outer");
    weir_deferred_fire(outer, "y");
    weir_deferred_unref(&d);
    weir_deferred_unref(&outer);
    d = make(), inner = make();
    weir_deferred_add_callback(d, waits_for, inner);
    weir_deferred_fire(d, "x");
    weir_deferred_unref(&inner);
    add(d, tells, "late");
    assert_string_equal(story, "");
    handled(d);
    weir_deferred_cancel(d);
    weir_deferred_cancel(d);
    weir_deferred_unref(&d);
    assert_string_equal(story, "late:WEIR_ESTOPPED error:WEIR_ESTOPPED");
    ledger_is_even();
}

WEIR_TEST(an_error_that_is_answered_by_a_wait_is_handled) {
    struct weir_deferred *d = make(), *inner = make();
    weir_log_to(keep_line, NULL);
    weir_deferred_add_errback(d, waits_for, inner);
    weir_deferred_fail(d, weir__failf(-EIO, "read", "disk", "torn"));
    weir_deferred_unref(&inner);
    weir_deferred_unref(&d);
    weir_log_to(NULL, NULL);
    assert_string_equal(logged, "");
    ledger_is_even();
}

WEIR_TEST_ABORTS(a_chain_that_would_wait_for_itself_aborts, "would wait for itself") {
    struct weir_deferred *d = make();
    weir_deferred_add_callback(d, waits_for, d);
    weir_deferred_fire(d, NULL);
}

static struct weir_result wrong(struct weir_result r, void *arg) {
    (void)arg;
    return (struct weir_result){7, r.value};
}

WEIR_TEST_ABORTS(a_function_that_returns_more_than_0_aborts, "returned 7") {
    struct weir_deferred *d = make();
    weir_deferred_add_callback(d, wrong, NULL);
    weir_deferred_fire(d, NULL);
}

/* ---- cancel ---- */

WEIR_TEST(a_cancel_fails_the_chain_with_estopped_and_the_late_fire_is_swallowed_once) {
    struct weir_deferred *d = make();
    handled(d);
    weir_deferred_cancel(d);
    weir_deferred_cancel(d);
    assert_int_equal(weir_deferred_fire(d, "late"), 0);
    assert_int_equal(weir_deferred_fire(d, "later"), -EALREADY);
    weir_deferred_unref(&d);
    assert_string_equal(story, "error:WEIR_ESTOPPED");
}

static struct weir_result fires(struct weir_result r, void *arg) {
    (void)r;
    assert_int_equal(weir_deferred_fire(arg, "mine"), 0);
    return (struct weir_result){0};
}

WEIR_TEST(a_fire_inside_the_chain_of_a_cancelled_deferred_is_the_one_that_is_swallowed) {
    struct weir_deferred *d = make();
    weir_deferred_add_errback(d, fires, d);
    weir_deferred_cancel(d);
    assert_int_equal(weir_deferred_fire(d, "late"), -EALREADY);
    weir_deferred_unref(&d);
}

WEIR_TEST(a_canceller_may_fire_and_if_it_does_not_the_chain_fails) {
    struct weir_deferred *d;
    assert_int_equal(weir_deferred_new(canceller, "mine", &d), 0);
    add(d, tells, "1");
    weir_deferred_cancel(d);
    assert_int_equal(weir_deferred_fire(d, "late"), -EALREADY);
    weir_deferred_unref(&d);
    assert_int_equal(weir_deferred_new(canceller, NULL, &d), 0);
    handled(d);
    weir_deferred_cancel(d);
    weir_deferred_unref(&d);
    assert_string_equal(story, "canceller 1:mine canceller error:WEIR_ESTOPPED");
}

WEIR_TEST(a_cancel_of_a_chain_that_waits_cancels_the_one_it_waits_for) {
    struct weir_deferred *d = made_and_fired("x"), *inner = make();
    weir_deferred_add_callback(d, waits_for, inner);
    handled(d);
    weir_deferred_cancel(d);
    assert_true(weir_deferred_is_fired(inner));
    weir_deferred_unref(&inner);
    weir_deferred_unref(&d);
    assert_string_equal(story, "error:WEIR_ESTOPPED");
}

/* ---- lists ---- */

static struct weir_result tells_list(struct weir_result r, void *arg) {
    const struct weir_result *results = r.value;
    for (int i = 0; i < 3; i++)
        tells(results[i], arg);
    return (struct weir_result){0};
}

static struct weir_result tells_one(struct weir_result r, void *arg) {
    return tells(*(const struct weir_result *)r.value, arg);
}

static void make_three(struct weir_deferred *ds[3]) {
    for (int i = 0; i < 3; i++)
        ds[i] = make();
}

static void unref_three(struct weir_deferred *ds[3]) {
    for (int i = 0; i < 3; i++)
        weir_deferred_unref(&ds[i]);
}

WEIR_TEST(a_list_has_all_results_in_the_order_of_its_members) {
    struct weir_deferred *ds[3], *list;
    make_three(ds);
    weir_deferred_fire(ds[1], "b");
    assert_int_equal(weir_deferred_list(ds, 3, WEIR_CONSUME_ERRORS, &list), 0);
    add(list, tells_list, "r");
    weir_deferred_fire(ds[2], "c");
    says("-");
    weir_deferred_fail(ds[0], -EIO);
    weir_deferred_unref(&list);
    unref_three(ds);
    assert_string_equal(story, "- r:EIO r:b r:c");
    ledger_is_even();
}

WEIR_TEST(a_gather_fails_with_the_first_error_and_names_its_member) {
    struct weir_deferred *ds[3], *list;
    make_three(ds);
    assert_int_equal(weir_deferred_list(ds, 3, WEIR_GATHER | WEIR_CONSUME_ERRORS, &list), 0);
    weir_deferred_add_errback(list, tells, "list");
    weir_deferred_add_errback(list, tells_one, "one");
    weir_deferred_add_errback(list, changes, NULL);
    weir_deferred_fail(ds[1], -EIO);
    weir_deferred_unref(&list); /* the members keep it */
    weir_deferred_fire(ds[0], "a");
    unref_three(ds);
    assert_string_equal(story, "list:EIO one:EIO");
    ledger_is_even();
}

WEIR_TEST(a_list_for_the_first_value_fires_with_it_and_an_empty_list_fires_at_once) {
    struct weir_deferred *ds[3], *list, *none;
    make_three(ds);
    assert_int_equal(weir_deferred_list(ds, 3, WEIR_FIRST_VALUE | WEIR_CONSUME_ERRORS, &list), 0);
    add(list, tells_one, "first");
    weir_deferred_fail(ds[0], -EIO);
    weir_deferred_fire(ds[2], "c");
    weir_deferred_unref(&list);
    unref_three(ds);
    assert_int_equal(weir_deferred_list(NULL, 0, 0, &none), 0);
    assert_true(weir_deferred_is_fired(none));
    weir_deferred_unref(&none);
    assert_string_equal(story, "first:c");
    ledger_is_even();
}

WEIR_TEST(a_cancel_of_a_list_cancels_the_members_that_have_no_result) {
    struct weir_deferred *ds[3], *list;
    make_three(ds);
    weir_deferred_fire(ds[0], "a");
    assert_int_equal(weir_deferred_list(ds, 3, WEIR_CONSUME_ERRORS, &list), 0);
    add(list, tells_list, "r");
    weir_deferred_cancel(list);
    weir_deferred_unref(&list);
    unref_three(ds);
    assert_string_equal(story, "r:a r:WEIR_ESTOPPED r:WEIR_ESTOPPED");
    ledger_is_even();
}

static struct weir_result waits_for_it(struct weir_result r, void *arg) {
    tells(r, "waits");
    return weir_wait_for(weir_deferred_ref(arg));
}

WEIR_TEST(a_chain_that_waits_again_gets_the_result_behind_all_functions) {
    struct weir_deferred *d = make(), *inner = make();
    add(d, waits_for_it, (char *)inner);
    add(d, waits_for_it, (char *)inner);
    add(d, tells, "d");
    weir_deferred_fire(d, "a");
    add(inner, changes, "c");
    weir_deferred_fire(inner, "b");
    weir_deferred_unref(&d);
    weir_deferred_unref(&inner);
    assert_string_equal(story, "waits:a waits:b d:c");
    ledger_is_even();
}

WEIR_TEST(a_cancel_ends_a_list_of_which_a_member_was_freed_unfired) {
    struct weir_deferred *ds[3], *list;
    make_three(ds);
    assert_int_equal(weir_deferred_list(ds, 3, WEIR_CONSUME_ERRORS, &list), 0);
    handled(list);
    weir_deferred_unref(&ds[1]);
    weir_deferred_fire(ds[0], "a");
    assert_false(weir_deferred_is_fired(list));
    weir_deferred_cancel(list);
    assert_true(weir_deferred_is_fired(list));
    assert_true(weir_deferred_is_fired(ds[2]));
    weir_deferred_unref(&list);
    unref_three(ds);
    assert_string_equal(story, "error:WEIR_ESTOPPED");
    ledger_is_even();
}

static void frees(struct weir_deferred *d, void *arg) {
    (void)d;
    says("frees");
    weir_deferred_unref(arg);
}

WEIR_TEST(a_list_whose_last_member_goes_unfired_while_it_is_cancelled_fails) {
    struct weir_deferred *ds[2], *list;
    ds[1] = make();
    assert_int_equal(weir_deferred_new(frees, &ds[1], &ds[0]), 0);
    assert_int_equal(weir_deferred_list(ds, 2, WEIR_CONSUME_ERRORS, &list), 0);
    handled(list);
    weir_deferred_cancel(list);
    weir_deferred_unref(&list);
    weir_deferred_unref(&ds[0]);
    assert_string_equal(story, "frees error:WEIR_ESTOPPED");
    ledger_is_even();
}

WEIR_TEST(a_cancel_ends_an_empty_list_for_the_first_value) {
    struct weir_deferred *list;
    assert_int_equal(weir_deferred_list(NULL, 0, WEIR_FIRST_VALUE, &list), 0);
    handled(list);
    assert_false(weir_deferred_is_fired(list));
    weir_deferred_cancel(list);
    weir_deferred_unref(&list);
    assert_string_equal(story, "error:WEIR_ESTOPPED");
    ledger_is_even();
}

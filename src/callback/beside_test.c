/* SPDX-License-Identifier: MIT */
/* Deferreds made of futures: a canceller that changes the loops of its thread, the end of a run. */
#include <weir/callback.h>
#include <weir/drive.h>

#include "callback/deferred_rig.h"

/* ---- loops ---- */

static int does_nothing(void *arg) {
    (void)arg;
    return 0;
}

static struct weir_loop *loops[3];

static void closes_the_second(struct weir_deferred *d, void *arg) {
    (void)d, (void)arg;
    assert_ptr_equal(weir_loop_current(), loops[0]);
    weir_loop_close(&loops[1]);
}

static void opens_a_third(struct weir_deferred *d, void *arg) {
    (void)d, (void)arg;
    assert_int_equal(weir_loop_open(NULL, &loops[2]), 0);
}

/* In plain code that speaks to the second of two loops: cancel a Deferred of a future of the first,
 * which is made of a Deferred with this canceller. */
static void cancels_beside(void (*fn)(struct weir_deferred *d, void *arg)) {
    struct weir_deferred *inner, *outer;
    struct weir_future *f;
    assert_int_equal(weir_loop_open(NULL, &loops[0]), 0);
    assert_int_equal(weir_deferred_new(fn, NULL, &inner), 0);
    assert_int_equal(weir_future_from_deferred(inner, &f), 0);
    assert_int_equal(weir_deferred_from_future(f, &outer), 0);
    assert_int_equal(weir_loop_open(NULL, &loops[1]), 0);
    handled(outer);
    weir_deferred_cancel(outer);
    struct weir_loop *chosen = weir_loop_current();
    weir_loop_use(loops[0]);
    weir_future_unref(&f);
    assert_int_equal(weir_loop_step(loops[0], 0), 0);
    assert_string_equal(story, "error:WEIR_ESTOPPED");
    weir_loop_use(chosen);
    weir_deferred_unref(&outer);
    weir_deferred_unref(&inner);
}

WEIR_TEST_BACKENDS(a_canceller_may_close_the_loop_that_plain_code_spoke_to) {
    cancels_beside(closes_the_second);
    assert_null(loops[1]);
    assert_ptr_equal(weir_loop_current(), loops[0]);
    assert_int_equal(weir_block_on(does_nothing, NULL), 0);
    weir_loop_close(&loops[0]);
    assert_null(weir_loop_current());
}

WEIR_TEST_BACKENDS(plain_code_speaks_to_the_loop_that_a_canceller_has_opened) {
    cancels_beside(opens_a_third);
    assert_ptr_equal(weir_loop_current(), loops[2]);
    for (int i = 2; i >= 0; i--)
        weir_loop_close(&loops[i]);
}

static void runs_in_a_step(struct weir_deferred *d, void *arg) {
    (void)d, (void)arg;
    assert_int_equal(weir_block_on(does_nothing, NULL), -EBUSY);
    assert_int_equal(weir_loop_step(loops[0], 0), -EBUSY);
    says("busy");
}

static int cancels_in_a_step(void *outer) {
    weir_deferred_cancel(outer);
    return 0;
}

WEIR_TEST_BACKENDS(a_canceller_beside_a_step_of_another_loop_is_inside_that_step) {
    struct weir_deferred *inner, *outer;
    struct weir_future *f;
    assert_int_equal(weir_loop_open(NULL, &loops[0]), 0);
    assert_int_equal(weir_deferred_new(runs_in_a_step, NULL, &inner), 0);
    assert_int_equal(weir_future_from_deferred(inner, &f), 0);
    assert_int_equal(weir_deferred_from_future(f, &outer), 0);
    assert_int_equal(weir_loop_open(NULL, &loops[1]), 0);
    handled(outer);
    assert_int_equal(weir_block_on(cancels_in_a_step, outer), 0);
    assert_string_equal(story, "busy");
    weir_loop_close(&loops[1]);
    weir_future_unref(&f);
    assert_int_equal(weir_loop_step(loops[0], 0), 0);
    weir_deferred_unref(&outer);
    weir_deferred_unref(&inner);
    weir_loop_close(&loops[0]);
}

/* ---- the end of a run ---- */

static struct weir_deferred *ends[2];

static struct weir_result cancels_the_other(struct weir_result r, void *arg) {
    (void)arg;
    weir_deferred_cancel(ends[1]);
    says("cancelled");
    return r;
}

/* A round of callbacks that is queued when the loop closes does not come any more. */
WEIR_TEST_BACKENDS(a_cancelled_deferred_of_a_future_fails_although_no_round_comes) {
    struct weir_future *f;
    assert_int_equal(weir_loop_open(NULL, &loops[0]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_future_new(0, &f), 0);
        assert_int_equal(weir_deferred_from_future(f, &ends[i]), 0);
        weir_future_unref(&f);
    }
    add(ends[0], cancels_the_other, NULL);
    handled(ends[0]);
    handled(ends[1]);
    weir_deferred_cancel(ends[0]);
    assert_string_equal(story, "");
    weir_loop_close(&loops[0]);
    assert_string_equal(story, "error:WEIR_ESTOPPED cancelled error:WEIR_ESTOPPED");
    weir_deferred_unref(&ends[0]);
    weir_deferred_unref(&ends[1]);
    ledger_is_even();
}

WEIR_TEST_BACKENDS(a_cancelled_list_ends_in_the_round_that_ends_its_last_member) {
    struct weir_deferred *ds[2], *list;
    struct weir_future *f;
    assert_int_equal(weir_loop_open(NULL, &loops[0]), 0);
    assert_int_equal(weir_future_new(0, &f), 0);
    assert_int_equal(weir_deferred_from_future(f, &ds[0]), 0);
    weir_future_unref(&f);
    ds[1] = make();
    assert_int_equal(weir_deferred_list(ds, 2, WEIR_CONSUME_ERRORS, &list), 0);
    handled(list);
    weir_deferred_unref(&ds[1]); /* unfired: the list would wait for it for ever */
    weir_deferred_cancel(list);
    says("cancelled");
    assert_int_equal(weir_loop_step(loops[0], 0), 0);
    assert_string_equal(story, "cancelled error:WEIR_ESTOPPED");
    weir_deferred_unref(&list);
    weir_deferred_unref(&ds[0]);
    weir_loop_close(&loops[0]);
    ledger_is_even();
}

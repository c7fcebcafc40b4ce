/* SPDX-License-Identifier: MIT */
/* The limiter: units are conserved, in whatever order cancels and grants fall; it knows who has
 * borrowed them. */
#include <unistd.h>
#include <weir/limit.h>
#include <weir/testing.h>

#include "sync/sync_test_util.h"

static struct weir_limiter limiter;

/* ---- random orders, each seed another one ---------------------------------------------------- */

enum { WORKERS = 6, ROUNDS = 10, SEEDS = 200, PERMITS = 4 };
static size_t out;
static uint64_t cut;

static int borrows(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        struct weir_scope s;
        struct weir_borrow b = {0};
        weir_scope_enter(&s, weir_random() % 3 ? WEIR_NEVER : (weir_ns)(weir_random() % 3000));
        int rc = weir_random() % 4 ? weir_limiter_acquire(&limiter, &b)
                                   : weir_limiter_try_acquire(&limiter, &b);
        if (rc == 0) {
            assert_true(++out <= PERMITS);
            weir_sleep((weir_ns)(weir_random() % 1000));
            out--;
            weir_limiter_release(&limiter, &b);
        }
        cut += rc == -ETIME;
        weir_scope_leave(&s, 0);
        weir_limiter_set_total(&limiter, 1 + weir_random() % PERMITS);
        weir_sleep((weir_ns)(weir_random() % 1000));
    }
    return 0;
}

static int all_borrow(void *arg) {
    (void)arg;
    weir_limiter_init(&limiter, PERMITS);
    struct weir_group g;
    out = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < WORKERS; i++)
        weir_go0(&g, borrows);
    int rc = weir_group_close(&g, 0);
    assert_int_equal(weir_limiter_borrowed(&limiter), 0);
    weir_limiter_fini(&limiter);
    return rc;
}

WEIR_TEST(in_every_order_units_are_conserved_and_never_more_than_the_total) {
    cut = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct weir_sim_options o = {.size = sizeof o, .seed = seed};
        assert_int_equal(weir_sim_run(all_borrow, NULL, &o), 0);
    }
    assert_true(cut > SEEDS / 2);
}

/* ---- a cancel at each call ------------------------------------------------------------------- */

static int borrows_once(void *args) {
    struct weir_borrow b = {0};
    (void)args;
    int rc = weir_limiter_acquire(&limiter, &b);
    if (rc < 0)
        return rc;
    rc = weir_yield();
    weir_limiter_release(&limiter, &b);
    return rc;
}

static int story(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_limiter_init(&limiter, 2);
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = 0;
    for (int i = 0; i < 6 && rc == 0; i++)
        rc = weir_go0(&g, borrows_once);
    rc = weir_group_close(&g, rc);
    assert_int_equal(weir_limiter_borrowed(&limiter), 0);
    weir_limiter_fini(&limiter);
    return rc;
}

WEIR_TEST(a_cancel_at_each_call_loses_no_unit) {
    struct weir_story s = {.size = sizeof s, .name = "limiter", .fn = story};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 10);
}

/* ---- the limiter ----------------------------------------------------------------------------- */

static struct weir_borrow shared;

static int gives_it_back(void *args) {
    (void)args;
    weir_limiter_release(&limiter, &shared);
    return 0;
}

STORY(what_is_borrowed_for_a_connection_any_task_gives_back) {
    struct weir_borrow mine = {0};
    (void)arg;
    weir_limiter_init(&limiter, 1);
    assert_int_equal(weir_limiter_acquire_for(&limiter, &shared, "connection 7"), 0);
    assert_int_equal(weir_limiter_try_acquire(&limiter, &mine), -EAGAIN);
    weir_go0(NULL, gives_it_back);
    assert_int_equal(weir_limiter_acquire(&limiter, &mine), 0);
    weir_limiter_set_total(&limiter, 0);
    weir_limiter_release(&limiter, &mine);
    assert_int_equal(weir_limiter_try_acquire(&limiter, &mine), -EAGAIN);
    weir_limiter_fini(&limiter);
    return 0;
}

STORY(who_has_borrowed_all_there_is_cannot_wait_for_more) {
    struct weir_borrow a = {0}, b = {0}, c = {0};
    (void)arg;
    weir_limiter_init(&limiter, 2);
    assert_int_equal(weir_limiter_acquire(&limiter, &a), 0);
    assert_int_equal(weir_limiter_acquire(&limiter, &b), 0);
    assert_int_equal(weir_limiter_acquire(&limiter, &c), -EDEADLK);
    weir_limiter_release(&limiter, &a);
    weir_limiter_release(&limiter, &b);
    weir_limiter_fini(&limiter);
    return 0;
}

/* ---- misuse ---------------------------------------------------------------------------------- */

ABORTS(a_second_borrow_with_one_memory_aborts, "weir_limiter_acquire: this is borrowed already") {
    (void)arg;
    weir_limiter_init(&limiter, 2);
    weir_limiter_acquire(&limiter, &shared);
    return weir_limiter_acquire(&limiter, &shared);
}

ABORTS(a_release_of_what_is_not_borrowed_aborts, "weir_limiter_release: this is not borrowed of") {
    (void)arg;
    weir_limiter_init(&limiter, 2);
    weir_limiter_release(&limiter, &shared);
    return 0;
}

ABORTS(a_release_of_a_copy_aborts, "weir_limiter_release: this is not borrowed of") {
    (void)arg;
    weir_limiter_init(&limiter, 2);
    weir_limiter_acquire(&limiter, &shared);
    struct weir_borrow copy = shared;
    weir_limiter_release(&limiter, &copy);
    _exit(0); /* it was given back: the borrow that is left shall not abort in its place */
}

ABORTS(a_release_of_a_copy_aborts_after_that_of_the_borrow, "this is not borrowed of") {
    (void)arg;
    weir_limiter_init(&limiter, 2);
    weir_limiter_acquire(&limiter, &shared);
    struct weir_borrow copy = shared;
    weir_limiter_release(&limiter, &shared);
    weir_limiter_release(&limiter, &copy);
    _exit(0);
}

ABORTS(a_release_of_anothers_aborts, "which must give it back") {
    (void)arg;
    weir_limiter_init(&limiter, 2);
    weir_limiter_acquire(&limiter, &shared);
    weir_go0(NULL, gives_it_back);
    return weir_sleep(1);
}

ABORTS(fini_of_a_limiter_names_a_borrower, "are borrowed, one by connection 7") {
    (void)arg;
    weir_limiter_init(&limiter, 2);
    weir_limiter_acquire_for(&limiter, &shared, "connection 7");
    weir_limiter_fini(&limiter);
    return 0;
}

static int ends_with_it(void *args) {
    (void)args;
    return weir_limiter_acquire(&limiter, &shared);
}

ABORTS(a_task_that_ends_as_a_borrower_is_named, "ended while it had borrowed of the limiter") {
    (void)arg;
    weir_limiter_init(&limiter, 2);
    weir_go0(NULL, ends_with_it);
    return weir_sleep(1);
}

static int borrows_with_the_same(void *args) {
    (void)args;
    return weir_limiter_acquire_for(&limiter, &shared, "connection 7");
}

ABORTS(two_tasks_that_wait_with_one_borrow_abort, "a task waits with this already") {
    (void)arg;
    weir_limiter_init(&limiter, 0);
    weir_go0(NULL, borrows_with_the_same);
    weir_go0(NULL, borrows_with_the_same);
    yields(1);
    weir_limiter_set_total(&limiter, 2);
    return weir_sleep(1);
}

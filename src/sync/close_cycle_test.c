/* SPDX-License-Identifier: MIT */
/* A task that closes a group while its children wait for what it holds: their waits end with
 * -EDEADLK, and what it holds is as if they had never waited. For each kind that has a holder. And
 * the waits that nothing can end, for the mutex of a condition. */
#include <stdio.h>
#include <weir/limit.h>
#include <weir/sync.h>

#include "sync/sync_test_util.h"

static struct weir_mutex mutex;
static struct weir_cond cond;
static struct weir_rwlock lock;
static struct weir_once once;
static struct weir_limiter limiter;
static struct weir_flight flight;
static int refusals;

enum { CHILDREN = 3 };

static void is_refused(int rc, const char *call) {
    char words[64];
    snprintf(words, sizeof words, "%s: deadlock: task '", call);
    assert_int_equal(rc, -EDEADLK);
    assert_non_null(strstr(weir_error_message(rc), words));
    assert_non_null(strstr(weir_error_message(rc), " waits for the "));
    assert_non_null(strstr(weir_error_message(rc), ", held by task '"));
    refusals++;
}

/* Open a group, let its children wait, and close it. */
static int closes_with(int (*child)(void *args)) {
    struct weir_group g;
    refusals = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < CHILDREN; i++)
        go(&g, child, i, NULL);
    yields(2);
    assert_int_equal(refusals, 0);
    int rc = weir_group_close(&g, 0);
    assert_int_equal(refusals, CHILDREN);
    return rc;
}

static int locks(void *args) {
    (void)args;
    is_refused(weir_mutex_lock(&mutex), "mutex lock");
    return 0;
}

STORY(a_close_by_the_holder_of_a_mutex_ends_its_childrens_locks) {
    (void)arg;
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    int rc = closes_with(locks);
    weir_mutex_unlock(&mutex);
    assert_null(weir_mutex_holder(&mutex));
    weir_mutex_fini(&mutex);
    return rc;
}

static int locks_for_both(void *args) {
    if (*(int *)args == 1)
        is_refused(weir_rwlock_write_lock(&lock), "write lock");
    else
        is_refused(weir_rwlock_read_lock(&lock), "read lock");
    return 0;
}

STORY(a_close_by_a_writer_ends_its_childrens_locks) {
    (void)arg;
    assert_int_equal(weir_rwlock_write_lock(&lock), 0);
    int rc = closes_with(locks_for_both);
    weir_rwlock_write_unlock(&lock);
    assert_int_equal(weir_rwlock_try_write_lock(&lock), 0);
    weir_rwlock_write_unlock(&lock);
    weir_rwlock_fini(&lock);
    return rc;
}

static int never(void *arg) {
    (void)arg;
    return -EIO;
}

static int does_it_once(void *args) {
    (void)args;
    is_refused(weir_once(&once, never, NULL), "once");
    return 0;
}

static int closes_inside(void *arg) {
    (void)arg;
    return closes_with(does_it_once);
}

STORY(a_close_inside_a_once_ends_its_childrens_waits_for_that) {
    (void)arg;
    assert_int_equal(weir_once(&once, closes_inside, NULL), 0);
    weir_once_fini(&once);
    return 0;
}

static int borrows(void *args) {
    struct weir_borrow b = {0};
    (void)args;
    is_refused(weir_limiter_acquire(&limiter, &b), "limiter acquire");
    return 0;
}

STORY(a_close_by_the_borrower_of_all_there_is_ends_its_childrens_acquires) {
    struct weir_borrow b = {0};
    (void)arg;
    weir_limiter_init(&limiter, 1);
    assert_int_equal(weir_limiter_acquire(&limiter, &b), 0);
    int rc = closes_with(borrows);
    weir_limiter_release(&limiter, &b);
    weir_limiter_fini(&limiter);
    return rc;
}

static int asks(void *args) {
    int key = 7, value;
    (void)args;
    is_refused(weir_flight_get(&flight, &key, sizeof key, &value), "flight get");
    return 0;
}

static int makes(void *arg, const void *key, size_t key_size, void *ret_value) {
    (void)arg, (void)key, (void)key_size;
    *(int *)ret_value = 49;
    return closes_with(asks);
}

STORY(a_close_inside_a_flight_ends_its_childrens_waits_for_the_value) {
    struct weir_group runs;
    int key = 7, value = 0;
    (void)arg;
    weir_group_open(&runs, WEIR_TOGETHER);
    weir_flight_init(&flight, &runs, makes, NULL, sizeof value);
    assert_int_equal(weir_flight_get(&flight, &key, sizeof key, &value), 0);
    assert_int_equal(value, 49);
    int rc = weir_group_close(&runs, 0);
    weir_flight_fini(&flight);
    return rc;
}

static int waits_for_the_condition(void *args) {
    (void)args;
    if (weir_mutex_lock(&mutex) < 0)
        return 0;
    (void)weir_cond_wait(&cond, &mutex);
    weir_mutex_unlock(&mutex);
    return 0;
}

/* The child has been notified and returns only with the mutex, whatever is cancelled. */
ABORTS(a_close_by_the_holder_of_a_mutex_that_a_notified_child_needs_aborts,
       "join: deadlock, which no cancel can end: task 'main' waits for the group opened at ") {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, waits_for_the_condition);
    weir_yield();
    weir_mutex_lock(&mutex);
    weir_cond_notify(&cond, 1);
    return weir_group_close(&g, 0);
}

/* The same two in the other order: the holder closes already when the child needs the mutex. */
ABORTS(a_deadline_of_a_wait_for_a_condition_whose_mutex_the_closer_holds_aborts,
       "mutex lock: deadlock, which no cancel can end: task 'waits_for_the_condition' waits for ") {
    struct weir_scope s;
    struct weir_group g;
    (void)arg;
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, waits_for_the_condition);
    weir_yield();
    weir_mutex_lock(&mutex);
    return weir_group_close(&g, 0);
}

static int notifies(void *args) {
    (void)args;
    weir_cond_notify(&cond, 1);
    return 0;
}

ABORTS(a_notify_of_a_child_whose_mutex_the_closer_holds_aborts,
       "mutex lock: deadlock, which no cancel can end: task 'waits_for_the_condition' waits for ") {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, waits_for_the_condition);
    weir_yield();
    weir_mutex_lock(&mutex);
    weir_go0(NULL, notifies);
    return weir_group_close(&g, 0);
}

STORY_IN_ORDER(a_notify_of_a_task_that_the_holder_of_its_mutex_awaits_ends_the_await) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(child), waits_for_the_condition, NULL, 0, NULL, &t);
    weir_yield();
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    weir_go0(&g, notifies);
    int rc = weir_await(&t, NULL, 0);
    assert_int_equal(rc, -EDEADLK);
    assert_non_null(strstr(weir_error_message(rc), "'main' waits for the end of task 'child'"));
    weir_mutex_unlock(&mutex);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    return weir_group_close(&g, 0);
}

static int holds_and_awaits(void *args) {
    struct weir_task *t = *(struct weir_task **)args;
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    assert_int_equal(weir_await(&t, NULL, 0), -ECANCELED);
    weir_mutex_unlock(&mutex);
    weir_task_release(&t);
    return 0;
}

/* The cancel reaches the one that waits for the condition first. */
STORY_IN_ORDER(a_cancel_of_a_holder_and_of_whom_it_awaits_is_no_deadlock) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(child), waits_for_the_condition, NULL, 0, NULL, &t);
    weir_yield();
    weir_spawn(&g, WEIR_SITE(holder), holds_and_awaits, &t, sizeof(struct weir_task *), NULL, NULL);
    yields(2);
    weir_group_cancel(&g, "test");
    return weir_group_close(&g, 0);
}

/* ---- drains with a bound ---- */

static int drains_a_child_at_the_condition(weir_ns grace_ns, bool is_notified) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, waits_for_the_condition);
    weir_yield();
    weir_mutex_lock(&mutex);
    if (is_notified)
        weir_cond_notify(&cond, 1);
    return weir_group_drain(&g, grace_ns);
}

ABORTS(a_grace_that_ends_a_wait_for_a_condition_whose_mutex_the_drainer_holds_aborts,
       "mutex lock: deadlock, which no cancel can end: task 'waits_for_the_condition' waits for ") {
    (void)arg;
    return drains_a_child_at_the_condition(WEIR_MILLISECONDS(1), false);
}

ABORTS(a_drain_without_a_grace_by_the_holder_of_a_conditions_mutex_aborts,
       "join: deadlock, which no cancel can end: task 'main' waits for the group opened at ") {
    (void)arg;
    return drains_a_child_at_the_condition(0, false);
}

ABORTS(the_end_of_a_grace_for_a_notified_child_whose_mutex_the_drainer_holds_aborts,
       "join: deadlock, which no cancel can end: task 'main' waits for the group opened at ") {
    (void)arg;
    return drains_a_child_at_the_condition(WEIR_MILLISECONDS(1), true);
}

ABORTS(a_drain_of_a_cancelled_group_by_the_holder_of_a_conditions_mutex_aborts,
       "join: deadlock, which no cancel can end: task 'main' waits for the group opened at ") {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, waits_for_the_condition);
    weir_yield();
    weir_mutex_lock(&mutex);
    weir_group_cancel(&g, "test");
    return weir_group_drain(&g, WEIR_SECONDS(3600));
}

ABORTS(a_deadline_within_a_grace_is_the_end_of_that_grace,
       "mutex lock: deadlock, which no cancel can end: task 'waits_for_the_condition' waits for ") {
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    return drains_a_child_at_the_condition(WEIR_SECONDS(3600), false);
}

static int locks_under_a_shield(void *args) {
    struct weir_scope shield;
    (void)args;
    weir_shield_enter(&shield, WEIR_SECONDS(3600));
    is_refused(weir_mutex_lock(&mutex), "mutex lock");
    return weir_scope_leave(&shield, 0);
}

STORY(the_end_of_a_grace_ends_the_wait_of_a_shielded_child_for_the_drainers_mutex) {
    static const weir_ns graces[] = {0, WEIR_MILLISECONDS(1)};
    (void)arg;
    refusals = 0;
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    for (int i = 0; i < 2; i++) {
        struct weir_group g;
        weir_group_open(&g, WEIR_TOGETHER);
        weir_go0(&g, locks_under_a_shield);
        yields(2);
        assert_int_equal(refusals, i);
        assert_int_equal(weir_group_drain(&g, graces[i]), 1);
        assert_int_equal(refusals, i + 1);
    }
    weir_mutex_unlock(&mutex);
    return 0;
}

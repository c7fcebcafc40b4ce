/* SPDX-License-Identifier: MIT */
/* The mutex and the condition: exclusion, order, cancels, deadlocks, misuse. */
#include <stdio.h>
#include <weir/sync.h>
#include <weir/testing.h>

#include "sync/sync_test_util.h"

static struct weir_mutex mutex, other; /* all zero */
static struct weir_cond cond;
static int inside, granted, order[16];

/* ---- exclusion and order --------------------------------------------------------------------- */

struct locker_args {
    int rounds;
};

static int locker(void *args) {
    struct locker_args *a = args;
    for (int i = 0; i < a->rounds; i++) {
        int rc = weir_mutex_lock(&mutex);
        if (rc < 0)
            return rc;
        assert_int_equal(inside++, 0);
        assert_ptr_equal(weir_mutex_holder(&mutex), weir_task_current());
        for (int k = i % 3; k > 0; k--)
            (void)weir_yield();
        inside--;
        weir_mutex_unlock(&mutex);
    }
    return 0;
}

STORY(one_task_at_a_time_holds_a_mutex) {
    struct weir_group g;
    struct weir_sync_stats stats = {.size = sizeof stats};
    (void)arg;
    weir_mutex_init(&mutex);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 8; i++)
        weir_go(&g, locker, .rounds = 50);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_sync_stats(&mutex.sync, &stats);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.waiting_peak, 7);
    assert_true(stats.waits > 0 && stats.calls == 2 * 8 * 50);
    weir_mutex_fini(&mutex);
    weir_mutex_fini(&mutex);
    return 0;
}

static int takes_its_turn(void *args) {
    int number = *(int *)args;
    int rc = weir_mutex_lock(&mutex);
    if (rc < 0)
        return 0;
    order[granted++] = number;
    weir_mutex_unlock(&mutex);
    return 0;
}

STORY_IN_ORDER(unlock_hands_over_to_the_first_and_no_newcomer_overtakes) {
    struct weir_group g;
    (void)arg;
    granted = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    for (int i = 0; i < 5; i++)
        go(&g, takes_its_turn, i, NULL);
    yields(1);
    weir_mutex_unlock(&mutex);
    assert_int_equal(weir_mutex_try_lock(&mutex), -EAGAIN); /* it is the first waiter's already */
    assert_string_equal(weir_task_name(weir_mutex_holder(&mutex)), "number");
    assert_int_equal(weir_mutex_lock(&mutex), 0); /* behind all five */
    assert_int_equal(granted, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(order[i], i);
    weir_mutex_unlock(&mutex);
    return weir_group_close(&g, 0);
}

STORY(a_cancelled_waiter_is_skipped_and_takes_nothing) {
    struct weir_group g;
    struct weir_task *t[3];
    (void)arg;
    granted = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    for (int i = 0; i < 3; i++)
        go(&g, takes_its_turn, i, &t[i]);
    yields(1);
    weir_task_cancel(t[0], "test");
    weir_task_cancel(t[2], "test");
    weir_mutex_unlock(&mutex);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_await(&t[i], NULL, 0), 0);
    assert_true(granted == 1 && order[0] == 1);
    return weir_group_close(&g, 0);
}

static int feels_it_later(void *args) {
    (void)args;
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    weir_mutex_unlock(&mutex);
    assert_int_equal(weir_yield(), -ECANCELED);
    return 0;
}

STORY(a_grant_beats_the_cancel_that_comes_after_it) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    weir_spawn(&g, WEIR_SITE(feels_it_later), feels_it_later, NULL, 0, NULL, &t);
    yields(1);
    weir_mutex_unlock(&mutex);
    weir_task_cancel(t, "test");
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    return weir_group_close(&g, 0);
}

/* ---- random orders, each seed another one ---------------------------------------------------- */

enum { WORKERS = 6, ROUNDS = 12, SEEDS = 200 };
static uint64_t arrivals, last_arrival, held, cut;

static int rolls(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        struct weir_scope s;
        weir_scope_enter(&s, weir_random() % 3 ? WEIR_NEVER : (weir_ns)(weir_random() % 4000));
        uint64_t mine = ++arrivals;
        if (weir_mutex_lock(&mutex) == 0) {
            assert_int_equal(inside++, 0);
            assert_true(mine > last_arrival); /* in order of arrival, whoever left the queue */
            last_arrival = mine;
            held++;
            if (weir_random() % 4)
                (void)weir_sleep((weir_ns)(weir_random() % 1000));
            inside--;
            weir_mutex_unlock(&mutex);
        } else {
            cut++;
        }
        weir_scope_leave(&s, 0);
        weir_sleep((weir_ns)(weir_random() % 1500));
    }
    return 0;
}

static int all_roll(void *arg) {
    struct weir_group g;
    (void)arg;
    arrivals = last_arrival = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < WORKERS; i++)
        weir_go0(&g, rolls);
    int rc = weir_group_close(&g, 0);
    weir_mutex_fini(&mutex);
    return rc;
}

WEIR_TEST(in_every_order_of_locks_and_deadlines_a_mutex_excludes_and_keeps_the_order) {
    held = cut = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct weir_sim_options o = {.size = sizeof o, .seed = seed};
        assert_int_equal(weir_sim_run(all_roll, NULL, &o), 0);
    }
    assert_true(cut > SEEDS && held > SEEDS * WORKERS);
    assert_int_equal(held + cut, SEEDS * WORKERS * ROUNDS);
}

/* ---- deadlocks ------------------------------------------------------------------------------- */

STORY(a_holder_that_locks_again_is_refused) {
    (void)arg;
    weir_mutex_init(&mutex);
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    int rc = weir_mutex_lock(&mutex);
    assert_int_equal(rc, -EDEADLK);
    assert_non_null(strstr(weir_error_message(rc), "task 'main' waits for the mutex initialised"));
    assert_non_null(strstr(weir_error_message(rc), "held by itself"));
    assert_int_equal(weir_mutex_try_lock(&mutex), -EDEADLK);
    weir_mutex_unlock(&mutex);
    weir_mutex_fini(&mutex);
    return 0;
}

STORY(a_refused_mutex_that_was_never_initialised_is_named_by_its_address) {
    static struct weir_mutex zero;
    char words[64];
    (void)arg;
    assert_int_equal(weir_mutex_lock(&zero), 0);
    int rc = weir_mutex_lock(&zero);
    assert_int_equal(rc, -EDEADLK);
    snprintf(words, sizeof words, "waits for the mutex at %p, held by itself", (void *)&zero);
    assert_non_null(strstr(weir_error_message(rc), words));
    weir_mutex_unlock(&zero);
    return 0;
}

static int locks_the_other_way(void *args) {
    (void)args;
    assert_int_equal(weir_mutex_lock(&other), 0);
    assert_int_equal(weir_mutex_lock(&mutex), 0); /* waits, and gets it */
    weir_mutex_unlock(&mutex);
    weir_mutex_unlock(&other);
    return 0;
}

STORY(two_mutexes_locked_in_two_orders_are_refused_with_the_cycle) {
    struct weir_group g;
    (void)arg;
    weir_mutex_init(&mutex);
    weir_mutex_init(&other);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    weir_go0(&g, locks_the_other_way);
    yields(1);
    int rc = weir_mutex_lock(&other);
    assert_int_equal(rc, -EDEADLK);
    assert_non_null(strstr(weir_error_message(rc), "held by task 'locks_the_other_way' (spawned"));
    weir_mutex_unlock(&mutex);
    rc = weir_group_close(&g, 0);
    weir_mutex_fini(&mutex);
    weir_mutex_fini(&other);
    return rc;
}

static int locks_what_its_opener_holds(void *args) {
    (void)args;
    assert_int_equal(weir_mutex_lock(&mutex), -EDEADLK);
    return 0;
}

STORY(a_child_cannot_lock_what_its_opener_holds_while_it_closes) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    weir_go0(&g, locks_what_its_opener_holds);
    int rc = weir_group_close(&g, 0);
    weir_mutex_unlock(&mutex);
    return rc;
}

/* ---- the condition --------------------------------------------------------------------------- */

static int ready;

static int waits_until_ready(void *args) {
    int number = *(int *)args;
    int rc = weir_mutex_lock(&mutex);
    if (rc < 0)
        return 0;
    while (rc == 0 && !ready)
        rc = weir_cond_wait(&cond, &mutex);
    assert_ptr_equal(weir_mutex_holder(&mutex), weir_task_current()); /* whatever rc is */
    order[granted++] = rc == 0 ? number : -number;
    weir_mutex_unlock(&mutex);
    return 0;
}

STORY_IN_ORDER(a_notify_is_given_to_the_one_that_has_waited_longest) {
    struct weir_group g;
    struct weir_task *t[4];
    (void)arg;
    granted = ready = 0;
    weir_cond_init(&cond);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_cond_notify_all(&cond), 0);
    for (int i = 0; i < 4; i++)
        go(&g, waits_until_ready, i + 1, &t[i]);
    yields(1);
    ready = 1;
    weir_task_cancel(t[0], "test"); /* no notify is used up by it */
    assert_int_equal(weir_cond_notify(&cond, 1), 1);
    yields(3);
    assert_true(granted == 2 && order[0] == -1 && order[1] == 2);
    weir_mutex_lock(&mutex);
    assert_int_equal(weir_cond_notify_all(&cond), 2);
    weir_task_cancel(t[2], "test"); /* it has its notify */
    yields(2);
    assert_int_equal(granted, 2); /* they wait for the mutex */
    weir_mutex_unlock(&mutex);
    for (int i = 0; i < 4; i++)
        assert_int_equal(weir_await(&t[i], NULL, 0), 0);
    assert_true(order[2] == 3 && order[3] == 4);
    weir_cond_fini(&cond);
    return weir_group_close(&g, 0);
}

STORY(a_cancelled_wait_returns_only_when_it_holds_the_mutex_again) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    granted = ready = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    go(&g, waits_until_ready, 1, &t);
    yields(1);
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    weir_task_cancel(t, "test");
    yields(5);
    assert_int_equal(granted, 0);
    weir_mutex_unlock(&mutex);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(order[0], -1);
    return weir_group_close(&g, 0);
}

static int sets_without_the_mutex(void *args) {
    (void)args;
    ready = 1;
    weir_cond_notify_all(&cond);
    return 0;
}

STORY(between_the_look_and_the_wait_for_a_condition_no_notify_is_missed) {
    struct weir_event calls = {0};
    struct weir_group g;
    (void)arg;
    weir_event_set(&calls);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int before = 0; before < 70; before++) { /* the slice ends at each call once */
        ready = 0;
        yields(1);
        for (int i = 0; i < before; i++)
            assert_int_equal(weir_event_wait(&calls), 0);
        assert_int_equal(weir_mutex_lock(&mutex), 0);
        weir_go0(&g, sets_without_the_mutex);
        while (!ready)
            assert_int_equal(weir_cond_wait(&cond, &mutex), 0);
        weir_mutex_unlock(&mutex);
    }
    return weir_group_close(&g, 0);
}

/* ---- a cancel at each call ------------------------------------------------------------------- */

static int story(void *arg) {
    struct weir_group g;
    (void)arg;
    granted = ready = inside = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = go(&g, waits_until_ready, 1, NULL);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_go(&g, locker, .rounds = 3);
    if (rc == 0 && (rc = weir_yield()) == 0 && (rc = weir_mutex_lock(&mutex)) == 0) {
        ready = 1;
        rc = weir_yield();
        weir_cond_notify_all(&cond);
        weir_mutex_unlock(&mutex);
    }
    if (rc < 0)
        weir_group_cancel(&g, "the body failed");
    rc = weir_group_close(&g, rc);
    weir_cond_fini(&cond); /* neither is waited for, nor held */
    weir_mutex_fini(&mutex);
    return rc;
}

WEIR_TEST(a_cancel_at_each_call_leaves_the_mutex_free) {
    struct weir_story s = {.size = sizeof s, .name = "mutex", .fn = story};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 15);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

ABORTS(unlock_without_the_lock_aborts, "weir_mutex_unlock: the running task does not hold the") {
    (void)arg;
    weir_mutex_init(&mutex);
    weir_mutex_unlock(&mutex);
    return 0;
}

static int unlocks(void *args) {
    (void)args;
    weir_mutex_unlock(&mutex);
    return 0;
}

ABORTS(unlock_of_anothers_lock_names_the_holder, "task 'main' (spawned at") {
    (void)arg;
    weir_mutex_lock(&mutex);
    weir_go0(NULL, unlocks);
    return weir_sleep(1);
}

static int ends_with_it(void *args) {
    (void)args;
    return weir_mutex_lock(&mutex);
}

ABORTS(a_task_that_ends_as_the_holder_is_named, "task 'ends_with_it' (spawned at") {
    (void)arg;
    weir_go0(NULL, ends_with_it);
    return weir_sleep(1);
}

/* What is called when the task has ended writes over the frame in which the mutex lay. */
static int ends_with_its_own(void *args) {
    (void)args;
    struct weir_mutex own = {0};
    return weir_mutex_lock(&own);
}

ABORTS(a_task_that_ends_as_the_holder_of_a_mutex_in_its_frame_is_named,
       "ended while it held") {
    (void)arg;
    weir_go0(NULL, ends_with_its_own);
    return weir_sleep(1);
}

ABORTS(fini_of_a_held_mutex_aborts, "weir_mutex_fini: task 'main'") {
    (void)arg;
    weir_mutex_lock(&mutex);
    weir_mutex_fini(&mutex);
    return 0;
}

ABORTS(fini_with_a_waiter_names_the_place_and_the_waiter,
       "weir_cond_fini: tasks wait for the condition initialised at ") {
    (void)arg;
    ready = 0;
    weir_cond_init(&cond);
    go(NULL, waits_until_ready, 1, NULL);
    weir_yield();
    weir_cond_fini(&cond);
    return 0;
}

ABORTS(cond_wait_without_the_mutex_aborts, "weir_cond_wait: the running task does not hold") {
    (void)arg;
    return weir_cond_wait(&cond, &mutex);
}

ABORTS(a_null_mutex_aborts, "weir_mutex_lock: the object is NULL") {
    (void)arg;
    return weir_mutex_lock(NULL);
}

ABORTS(init_of_a_null_mutex_aborts, "weir_mutex_init: the object is NULL") {
    (void)arg;
    weir_mutex_init(NULL);
    return 0;
}

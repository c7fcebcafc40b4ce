/* SPDX-License-Identifier: MIT */
/* A call that need not wait lets the others run now and then, before it looks at anything. If a
 * cancel comes there, the call returns that: it takes nothing, and it is no part of a deadlock. */
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <weir/chan.h>
#include <weir/limit.h>
#include <weir/queue.h>
#include <weir/select.h>
#include <weir/testing.h>

#include "sync/sync_test_util.h"

enum { CALLS = 70 }; /* more than a slice has, so that it ends at each call once */

static struct weir_event calls; /* set */
static struct weir_mutex mutex;
static struct weir_rwlock lock;
static struct weir_once once;
static struct weir_limiter limiter;
static int cancelled, happened;

/* After n calls, a call for which a cancel may come. */
struct calls_then_args {
    int n;
    int (*call)(void);
};

static int calls_then(void *args) {
    struct calls_then_args *t = args;
    int rc = 0;
    for (int i = 0; i < t->n && rc == 0; i++)
        rc = weir_event_wait(&calls);
    assert_int_equal(rc, weir_cancelled()); /* it felt no cancel before this call */
    if (rc < 0)
        return 0;
    rc = t->call();
    assert_int_equal(rc < 0 ? rc : 0, weir_cancelled());
    cancelled += rc < 0;
    happened += rc >= 0;
    return 0;
}

/* The child does n calls, and call; when it lets this task run, it is cancelled and joined. */
static void is_cancelled_in_turn(int n, int (*call)(void)) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, calls_then, .n = n, .call = call), 0);
    yields(1);
    weir_group_cancel(&g, "test");
    assert_int_equal(weir_group_close(&g, 0), 0);
}

static void is_cancelled_in_each_turn(int (*call)(void)) {
    cancelled = happened = 0;
    weir_event_set(&calls);
    for (int n = 0; n < CALLS; n++)
        is_cancelled_in_turn(n, call);
}

/* ---- what the closer holds ------------------------------------------------------------------- */

static int locks(void) {
    return weir_mutex_lock(&mutex);
}

STORY_IN_ORDER(a_cancelled_child_is_refused_no_mutex_that_its_closer_holds) {
    (void)arg;
    assert_int_equal(weir_mutex_lock(&mutex), 0);
    is_cancelled_in_each_turn(locks);
    assert_true(cancelled > 0 && happened == 0);
    weir_mutex_unlock(&mutex);
    weir_mutex_fini(&mutex);
    return 0;
}

static int locks_to_read(void) {
    return weir_rwlock_read_lock(&lock);
}

static int locks_to_write(void) {
    return weir_rwlock_write_lock(&lock);
}

STORY_IN_ORDER(a_cancelled_child_is_refused_no_rwlock_that_its_closer_holds) {
    (void)arg;
    assert_int_equal(weir_rwlock_write_lock(&lock), 0);
    is_cancelled_in_each_turn(locks_to_read);
    assert_true(cancelled > 0 && happened == 0);
    is_cancelled_in_each_turn(locks_to_write);
    assert_true(cancelled > 0 && happened == 0);
    weir_rwlock_write_unlock(&lock);
    weir_rwlock_fini(&lock);
    return 0;
}

static int never(void *arg) {
    (void)arg;
    return -EIO;
}

static int does_it_once(void) {
    return weir_once(&once, never, NULL);
}

static int cancels_inside(void *arg) {
    (void)arg;
    is_cancelled_in_each_turn(does_it_once);
    return 0;
}

STORY_IN_ORDER(a_cancelled_child_is_refused_no_once_in_which_its_closer_is) {
    (void)arg;
    assert_int_equal(weir_once(&once, cancels_inside, NULL), 0);
    assert_true(cancelled > 0 && happened == 0);
    weir_once_fini(&once);
    return 0;
}

static int borrows(void) {
    struct weir_borrow b = {0};
    return weir_limiter_acquire(&limiter, &b);
}

STORY_IN_ORDER(a_cancelled_child_is_refused_no_unit_that_its_closer_has_borrowed) {
    struct weir_borrow b = {0};
    (void)arg;
    weir_limiter_init(&limiter, 1);
    assert_int_equal(weir_limiter_acquire(&limiter, &b), 0);
    is_cancelled_in_each_turn(borrows);
    assert_true(cancelled > 0 && happened == 0);
    weir_limiter_release(&limiter, &b);
    weir_limiter_fini(&limiter);
    return 0;
}

/* ---- what is free ---------------------------------------------------------------------------- */

static struct weir_sem sem;
static struct weir_rate rate;
static struct weir_barrier barrier;
static struct weir_chan chan;
static struct weir_queue queue;
static struct weir_watch watch;
static struct weir_signals signals;

static int locks_and_unlocks(void) {
    int rc = weir_mutex_lock(&mutex);
    if (rc == 0)
        weir_mutex_unlock(&mutex);
    return rc;
}

static int waits_for_the_event(void) {
    return weir_event_wait(&calls);
}

static int acquires(void) {
    int rc = weir_sem_acquire(&sem, 1);
    if (rc == 0)
        weir_sem_release(&sem, 1);
    return rc;
}

static int acquires_a_token(void) {
    return weir_rate_acquire(&rate, 1);
}

static int passes(void) {
    return weir_barrier_wait(&barrier);
}

static int sends(void) {
    int item = 1, rc = weir_chan_send(&chan, &item);
    if (rc == 0)
        assert_int_equal(weir_chan_try_recv(&chan, &item), 1);
    return rc;
}

static int puts_in(void) {
    int item = 1, rc = weir_queue_put(&queue, &item);
    if (rc == 0)
        assert_int_equal(weir_queue_try_get(&queue, &item), 1);
    return rc;
}

static int selects(void) {
    struct weir_case cases[] = {WEIR_ON_EVENT(&calls)};
    return weir_select(cases, 1);
}

STORY_IN_ORDER(a_cancel_in_the_yield_of_a_call_that_need_not_wait_is_returned) {
    int (*const all[])(void) = {locks_and_unlocks, waits_for_the_event, acquires, acquires_a_token,
                                passes, sends, puts_in, selects};
    (void)arg;
    weir_sem_init(&sem, 1);
    weir_rate_init(&rate, CALLS, WEIR_SECONDS(1), CALLS);
    weir_barrier_init(&barrier, 1);
    assert_int_equal(weir_chan_init(&chan, int, 1), 0);
    assert_int_equal(weir_queue_init(&queue, int, 1), 0);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        is_cancelled_in_each_turn(all[i]);
        assert_int_equal(cancelled, 1);
        assert_true(happened > 0);
    }
    assert_int_equal(weir_sem_permits(&sem), 1);
    assert_int_equal(weir_chan_len(&chan), 0);
    assert_int_equal(weir_queue_len(&queue), 0);
    weir_sem_fini(&sem);
    weir_rate_fini(&rate);
    weir_barrier_fini(&barrier);
    weir_chan_fini(&chan);
    weir_queue_fini(&queue);
    return 0;
}

static int takes_a_signal(void) {
    return weir_signals_next(&signals);
}

STORY_IN_ORDER(a_cancel_in_the_yield_before_a_signal_is_returned_and_loses_none) {
    (void)arg;
    assert_int_equal(weir_signals_open(&signals, SIGUSR1), 0);
    weir_event_set(&calls);
    cancelled = 0;
    for (int n = 0; n < CALLS && cancelled == 0; n++) {
        int rc = strcmp(test_backend, "sim") == 0 ? weir_sim_raise(SIGUSR1) : raise(SIGUSR1);
        assert_true(rc >= 0);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0); /* the loop counts it */
        is_cancelled_in_turn(n, takes_a_signal);
    }
    assert_int_equal(cancelled, 1);
    assert_int_equal(weir_signals_try_next(&signals), SIGUSR1);
    weir_signals_close(&signals);
    return 0;
}

static int sees_the_pipe(void) {
    return weir_watch_next(&watch);
}

STORY_IN_ORDER(a_cancel_in_the_yield_before_a_watched_event_is_returned) {
    int ends[2];
    (void)arg;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("the simulation has no real descriptors");
    weir_event_set(&calls);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(weir_watch_open(&watch, ends[0], POLLIN), 0);
    cancelled = 0;
    for (int n = 0; n < CALLS && cancelled == 0; n++) {
        (void)weir_watch_try_next(&watch); /* it polls again, or has seen the byte already */
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
        is_cancelled_in_turn(n, sees_the_pipe);
    }
    assert_int_equal(cancelled, 1);
    weir_watch_close(&watch);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

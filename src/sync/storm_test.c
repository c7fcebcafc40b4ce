/* SPDX-License-Identifier: MIT */
/* All primitives at once: tasks that take and give, and a task that cancels them at any moment, on
 * each backend and under many seeds. What was taken, given and cancelled must add up. */
#include <weir/limit.h>
#include <weir/testing.h>

#include "sync/sync_test_util.h"

enum { WORKERS = 8, ROUNDS = 12, PERMITS = 3, UNITS = 2 };

static struct weir_mutex mutex;
static struct weir_rwlock rwlock;
static struct weir_cond cond;
static struct weir_sem sem;
static struct weir_limiter limiter;
static struct weir_parking parking;
static struct weir_event over;
static int locked, writing, reading, permits, units, tokens;
static int parked, woken, left;
static int taken_tokens, given_tokens;

static int pause_a_little(void) {
    return weir_random() % 2 ? weir_yield() : weir_sleep((weir_ns)(weir_random() % 20000));
}

static int under_mutex(void) {
    int rc = weir_mutex_lock(&mutex);
    if (rc < 0)
        return rc;
    assert_int_equal(locked++, 0);
    rc = pause_a_little();
    locked--;
    weir_mutex_unlock(&mutex);
    return rc;
}

static int takes_a_token(void) {
    int rc = weir_mutex_lock(&mutex);
    if (rc < 0)
        return rc;
    while (rc == 0 && tokens == 0)
        rc = weir_cond_wait(&cond, &mutex);
    assert_ptr_equal(weir_mutex_holder(&mutex), weir_task_current());
    assert_int_equal(locked, 0);
    if (rc == 0) {
        tokens--;
        taken_tokens++;
    }
    weir_mutex_unlock(&mutex);
    return rc;
}

static int under_rwlock(void) {
    bool write = weir_random() % 3 == 0;
    int rc = write ? weir_rwlock_write_lock(&rwlock) : weir_rwlock_read_lock(&rwlock);
    if (rc < 0)
        return rc;
    *(write ? &writing : &reading) += 1;
    assert_true(writing == 0 || (writing == 1 && reading == 0));
    rc = pause_a_little();
    *(write ? &writing : &reading) -= 1;
    if (write)
        weir_rwlock_write_unlock(&rwlock);
    else
        weir_rwlock_read_unlock(&rwlock);
    return rc;
}

static int with_permits(void) {
    int n = 1 + (int)(weir_random() % PERMITS);
    int rc = weir_sem_acquire(&sem, (size_t)n);
    if (rc < 0)
        return rc;
    permits += n;
    assert_true(permits <= PERMITS);
    rc = pause_a_little();
    permits -= n;
    weir_sem_release(&sem, (size_t)n);
    return rc;
}

static int with_a_unit(void) {
    struct weir_borrow b = {0};
    int rc = weir_limiter_acquire(&limiter, &b);
    if (rc < 0)
        return rc;
    assert_true(++units <= UNITS);
    rc = pause_a_little();
    units--;
    weir_limiter_release(&limiter, &b);
    return rc;
}

static int is_parked(void) {
    int value = 0;
    parked++;
    int rc = weir_parking_wait(&parking, &value);
    assert_int_equal(value, rc == 5 ? 7 : 0); /* written exactly if it was woken */
    woken += rc == 5;
    left += rc < 0;
    return rc < 0 ? rc : 0;
}

static int (*const deeds[])(void) = {under_mutex, takes_a_token, under_rwlock,
                                     with_permits, with_a_unit, is_parked};

static int works(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        struct weir_scope s;
        weir_scope_enter(&s, (weir_ns)(weir_random() % 100000)); /* fires anywhere */
        int rc = deeds[weir_random() % (sizeof deeds / sizeof *deeds)]();
        rc = weir_scope_leave(&s, rc);
        assert_true(rc == 0 || rc == -ETIME || rc == -ECANCELED);
    }
    return 0;
}

static int given_wakes;

static int gives(void *args) { /* until all have ended */
    (void)args;
    while (!weir_event_is_set(&over)) {
        int *slot = weir_parking_first(&parking);
        if (slot != NULL) {
            *slot = 7;
            assert_int_equal(weir_parking_wake(&parking, 1, 5), 1);
            given_wakes++;
        }
        tokens++;
        given_tokens++;
        weir_cond_notify(&cond, 1);
        int rc = weir_sleep(5000);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int storm(void *arg) {
    struct weir_group g, givers;
    struct weir_task *t[WORKERS] = {NULL};
    (void)arg;
    tokens = parked = woken = left = taken_tokens = given_tokens = given_wakes = 0;
    weir_sem_init_bounded(&sem, PERMITS, PERMITS);
    weir_limiter_init(&limiter, UNITS);
    weir_group_open(&givers, WEIR_TOGETHER);
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_go0(&givers, gives);
    for (int i = 0; i < WORKERS && rc == 0; i++)
        rc = weir_spawn(&g, WEIR_SITE(works), works, NULL, 0, NULL, &t[i]);
    for (int i = 0; i < WORKERS / 2 && rc == 0; i++) { /* half of them are cancelled */
        if ((rc = weir_sleep((weir_ns)(weir_random() % 200000))) == 0)
            weir_task_cancel(t[i], "the storm");
    }
    for (int i = 0; i < WORKERS; i++)
        weir_task_release(&t[i]);
    rc = weir_group_close(&g, rc);
    weir_event_set(&over);
    rc = weir_group_close(&givers, rc);
    assert_true(locked == 0 && writing == 0 && reading == 0 && permits == 0 && units == 0);
    assert_int_equal(weir_sem_permits(&sem), PERMITS);
    assert_int_equal(weir_limiter_borrowed(&limiter), 0);
    assert_int_equal(parked, woken + left);
    assert_int_equal(woken, given_wakes);
    assert_int_equal(tokens + taken_tokens, given_tokens);
    weir_event_fini(&over); /* each aborts if somebody waits or holds it */
    weir_mutex_fini(&mutex);
    weir_rwlock_fini(&rwlock);
    weir_cond_fini(&cond);
    weir_sem_fini(&sem);
    weir_limiter_fini(&limiter);
    weir_parking_fini(&parking);
    return rc;
}

STORY(in_a_storm_of_cancels_what_is_taken_and_given_adds_up) {
    for (int i = 0; i < 20; i++)
        assert_int_equal(storm(arg), 0);
    return 0;
}

static const struct weir_story story = {.size = sizeof story, .name = "storm", .fn = storm};

WEIR_TEST(under_each_seed_what_is_taken_and_given_adds_up) {
    struct weir_explored e;
    assert_int_equal(weir_explore_seeds(&story, &e), 0);
}

WEIR_TEST(with_a_cancel_at_each_call_what_is_taken_and_given_adds_up) {
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&story, &e), 0);
    assert_true(e.points > 50);
}

WEIR_TEST(with_each_allocation_failing_what_is_taken_and_given_adds_up) {
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&story, &e), 0);
}

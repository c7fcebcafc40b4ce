/* SPDX-License-Identifier: MIT */
/* The read-write lock: readers together, writers alone, nobody overtaken. */
#include <weir/sync.h>
#include <weir/testing.h>

#include "sync/sync_test_util.h"

static struct weir_rwlock lock; /* all zero */
static int readers, writers, granted, order[16];

static int reads(void *args) {
    int number = *(int *)args;
    if (weir_rwlock_read_lock(&lock) < 0)
        return 0;
    order[granted++] = number;
    readers++;
    assert_int_equal(writers, 0);
    yields(1);
    readers--;
    weir_rwlock_read_unlock(&lock);
    return 0;
}

static int writes(void *args) {
    int number = *(int *)args;
    if (weir_rwlock_write_lock(&lock) < 0)
        return 0;
    order[granted++] = number;
    assert_int_equal(writers++ + readers, 0);
    yields(1);
    writers--;
    weir_rwlock_write_unlock(&lock);
    return 0;
}

STORY_IN_ORDER(readers_read_together_and_a_reader_waits_behind_a_waiting_writer) {
    struct weir_group g;
    (void)arg;
    granted = 0;
    weir_rwlock_init(&lock);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_rwlock_read_lock(&lock), 0);
    assert_int_equal(weir_rwlock_try_read_lock(&lock), 0);
    assert_int_equal(weir_rwlock_try_write_lock(&lock), -EAGAIN);
    go(&g, writes, 1, NULL);
    go(&g, reads, 2, NULL);
    go(&g, reads, 3, NULL);
    go(&g, writes, 4, NULL);
    yields(1);
    assert_int_equal(weir_rwlock_try_read_lock(&lock), -EAGAIN);
    weir_rwlock_read_unlock(&lock);
    yields(3);
    assert_int_equal(granted, 0);
    weir_rwlock_read_unlock(&lock);
    assert_int_equal(weir_rwlock_write_lock(&lock), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(order[i], i + 1);
    assert_int_equal(weir_rwlock_try_write_lock(&lock), -EAGAIN);
    weir_rwlock_write_unlock(&lock);
    assert_int_equal(weir_rwlock_try_write_lock(&lock), 0);
    weir_rwlock_write_unlock(&lock);
    weir_rwlock_fini(&lock);
    return weir_group_close(&g, 0);
}

STORY_IN_ORDER(a_cancelled_writer_lets_the_readers_behind_it_in_at_once) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    granted = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_rwlock_read_lock(&lock), 0);
    go(&g, writes, 1, &t);
    go(&g, reads, 2, NULL);
    go(&g, reads, 3, NULL);
    yields(1);
    weir_task_cancel(t, "test");
    yields(2);
    assert_true(granted == 2 && order[0] == 2 && order[1] == 3);
    weir_rwlock_read_unlock(&lock);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    return weir_group_close(&g, 0);
}

STORY(the_writer_that_locks_again_is_refused) {
    (void)arg;
    assert_int_equal(weir_rwlock_write_lock(&lock), 0);
    assert_int_equal(weir_rwlock_write_lock(&lock), -EDEADLK);
    assert_int_equal(weir_rwlock_read_lock(&lock), -EDEADLK);
    weir_rwlock_write_unlock(&lock);
    return 0;
}

enum { WORKERS = 7, ROUNDS = 10, SEEDS = 200 };
static int together;
static uint64_t arrivals, last_write, cut;

static int rolls(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        struct weir_scope s;
        bool write = weir_random() % 3 == 0;
        weir_scope_enter(&s, weir_random() % 3 ? WEIR_NEVER : (weir_ns)(weir_random() % 3000));
        uint64_t mine = ++arrivals;
        int rc = write ? weir_rwlock_write_lock(&lock) : weir_rwlock_read_lock(&lock);
        if (rc == 0) {
            assert_true(mine > last_write); /* it has not been overtaken by a writer */
            if (write)
                last_write = mine;
            assert_int_equal(writers, 0);
            assert_true(!write || readers == 0);
            readers += !write;
            writers += write;
            together = readers > together ? readers : together;
            weir_sleep((weir_ns)(weir_random() % 1000));
            readers -= !write;
            writers -= write;
            if (write)
                weir_rwlock_write_unlock(&lock);
            else
                weir_rwlock_read_unlock(&lock);
        }
        cut += rc < 0;
        weir_scope_leave(&s, 0);
        weir_sleep((weir_ns)(weir_random() % 1000));
    }
    return 0;
}

static int all_roll(void *arg) {
    struct weir_group g;
    (void)arg;
    arrivals = last_write = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < WORKERS; i++)
        weir_go0(&g, rolls);
    int rc = weir_group_close(&g, 0);
    weir_rwlock_fini(&lock);
    return rc;
}

WEIR_TEST(in_every_order_writers_are_alone_and_nobody_is_overtaken) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct weir_sim_options o = {.size = sizeof o, .seed = seed};
        assert_int_equal(weir_sim_run(all_roll, NULL, &o), 0);
    }
    assert_true(together > 2 && cut > SEEDS);
}

static int story(void *arg) {
    struct weir_group g;
    (void)arg;
    granted = readers = writers = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < 6 && rc == 0; i++)
        rc = go(&g, i % 3 == 1 ? writes : reads, i, NULL);
    rc = weir_group_close(&g, rc);
    weir_rwlock_fini(&lock);
    return rc;
}

/* The yields inside assert that they are not cancelled: what is cancelled here are the locks. */
static int cancels_in_turn(void *arg) {
    for (int n = 0; n < 6; n++) {
        struct weir_group g;
        struct weir_task *t[6];
        granted = readers = writers = 0;
        weir_group_open(&g, WEIR_TOGETHER);
        assert_int_equal(weir_rwlock_write_lock(&lock), 0);
        for (int i = 0; i < 6; i++)
            go(&g, i % 3 == 1 ? writes : reads, i, &t[i]);
        yields(1);
        weir_task_cancel(t[n], "test");
        weir_rwlock_write_unlock(&lock);
        for (int i = 0; i < 6; i++)
            assert_int_equal(weir_await(&t[i], NULL, 0), 0);
        assert_int_equal(granted, 5);
        for (int i = 0; i < 5; i++)
            assert_int_equal(order[i], i < n ? i : i + 1);
        assert_int_equal(weir_group_close(&g, 0), 0);
    }
    return story(arg);
}

WEIR_TEST_BACKENDS(whichever_waiter_is_cancelled_the_others_keep_their_order) {
    runner_plain_order();
    assert_int_equal(weir_run(cancels_in_turn, NULL, NULL), 0);
}

ABORTS(read_unlock_without_a_reader_aborts, "weir_rwlock_read_unlock: nobody reads under the") {
    (void)arg;
    weir_rwlock_read_unlock(&lock);
    return 0;
}

ABORTS(write_unlock_by_a_reader_aborts, "weir_rwlock_write_unlock: the running task does not") {
    (void)arg;
    weir_rwlock_read_lock(&lock);
    weir_rwlock_write_unlock(&lock);
    return 0;
}

ABORTS(fini_under_a_reader_aborts, "weir_rwlock_fini: 1 tasks read under the rwlock initialised") {
    (void)arg;
    weir_rwlock_init(&lock);
    weir_rwlock_read_lock(&lock);
    weir_rwlock_fini(&lock);
    return 0;
}

static int ends_as_writer(void *args) {
    (void)args;
    return weir_rwlock_write_lock(&lock);
}

ABORTS(a_task_that_ends_as_the_writer_is_named, "ended while it held the rwlock") {
    (void)arg;
    weir_go0(NULL, ends_as_writer);
    return weir_sleep(1);
}

/* SPDX-License-Identifier: MIT */
/* A latch between a thread that falls asleep and one that rings. The wait in the kernel is tested
 * in loop_test.c and task/drive_test.c. */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "sys/latch.h"
#include "test/runner.h"

enum { ROUNDS = 20000, SECONDS = 1 }; /* at most: on a busy machine fewer rounds fit */

static struct weir__latch *latch;
static _Atomic int begun, rung; /* the number of the round */

/* Returns false if the word has a greater value: there are no more rounds. */
static bool wait_until(_Atomic int *word, int value) {
    int now;
    for (int i = 1; (now = atomic_load_explicit(word, memory_order_acquire)) < value; i++)
        if (i % 256 == 0)
            sched_yield();
    return now == value;
}

static void *rings_in_each_round(void *arg) {
    (void)arg;
    for (int i = 1; i <= ROUNDS && wait_until(&begun, i); i++) {
        weir__latch_ring(latch);
        atomic_store_explicit(&rung, i, memory_order_release);
    }
    return NULL;
}

/* A little later in each round than in the one before, up to the length of a ring. */
static void pause_in(int round) {
    for (volatile int i = 0; i < round % 64; i = i + 1)
        continue;
}

/* Returns whether the loop would wait for ever. */
static bool misses_the_ring_of(int round) {
    uint64_t rings;
    atomic_store_explicit(&begun, round, memory_order_release);
    pause_in(round);
    bool may_sleep = weir__latch_sleep(latch);
    wait_until(&rung, round);
    bool wakes = read(latch->fd, &rings, sizeof rings) == sizeof rings;
    weir__latch_awake(latch);
    weir__latch_clear(latch);
    return may_sleep && !wakes;
}

WEIR_TEST(whoever_falls_asleep_while_another_rings_has_heard_it_or_is_woken) {
    pthread_t thread;
    int missed = 0;
    assert_int_equal(weir__latch_new(true, &latch), 0);
    pthread_create(&thread, NULL, rings_in_each_round, NULL);
    time_t end = time(NULL) + SECONDS;
    for (int i = 1; i <= ROUNDS && time(NULL) <= end; i++)
        missed += misses_the_ring_of(i);
    begun = ROUNDS + 1;
    pthread_join(thread, NULL);
    weir__latch_unref(latch);
    assert_int_equal(missed, 0);
}

/* SPDX-License-Identifier: MIT */
/* sync.c (bench-sync) - what the primitives cost, in nanoseconds and in yields of the same run: a
 * call that need not wait, and a hand-over from task to task. One figure per line: name, ns,
 * yields. */
#include <stdio.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/sync.h>

enum { ROUNDS = 2000000 };

static double yield_ns;
static struct weir_mutex mutex;
static struct weir_sem sem;
static struct weir_event ping, pong;
static struct weir_cond cond;
static struct weir_rwlock rwlock;

static void report(const char *name, weir_ns start, double n) {
    double ns = (double)(weir_now() - start) / n;
    if (yield_ns == 0)
        yield_ns = ns;
    printf("%s %.1f %.2f\n", name, ns, ns / yield_ns);
}

/* Two tasks that do the same, n times each. */
static void both(const char *name, int (*fn)(void *), int (*other)(void *)) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, fn);
    weir_go0(&g, other);
    weir_ns start = weir_now();
    weir_group_close(&g, 0);
    report(name, start, 2.0 * ROUNDS);
}

static int yields(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++)
        weir_yield();
    return 0;
}

static int locks(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        weir_mutex_lock(&mutex);
        weir_yield(); /* the other comes and waits */
        weir_mutex_unlock(&mutex);
    }
    return 0;
}

static int acquires(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        weir_sem_acquire(&sem, 1);
        weir_yield();
        weir_sem_release(&sem, 1);
    }
    return 0;
}

static int pings(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        weir_event_set(&ping);
        weir_event_wait(&pong);
        weir_event_clear(&pong);
    }
    return 0;
}

static int pongs(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++) {
        weir_event_wait(&ping);
        weir_event_clear(&ping);
        weir_event_set(&pong);
    }
    return 0;
}

static int turn;

static int turns_of(int mine) {
    weir_mutex_lock(&mutex);
    for (int i = 0; i < ROUNDS; i++) {
        while (turn != mine)
            weir_cond_wait(&cond, &mutex);
        turn = !mine;
        weir_cond_notify(&cond, 1);
    }
    weir_mutex_unlock(&mutex);
    return 0;
}

static int even(void *args) {
    (void)args;
    return turns_of(0);
}

static int odd(void *args) {
    (void)args;
    return turns_of(1);
}

static void uncontended(void) {
    struct weir_stream *s[2];
    char byte = 0;
    weir_memory_pair(4096, &s[0], &s[1]);
    weir_ns start = weir_now();
    for (int i = 0; i < ROUNDS; i++)
        weir_write(s[0], &byte, 0);
    report("marked_noop", start, ROUNDS);
    weir_close(&s[0]);
    weir_close(&s[1]);
    weir_event_set(&ping);
    start = weir_now();
    for (int i = 0; i < ROUNDS; i++)
        weir_event_wait(&ping);
    report("event_wait_set", start, ROUNDS);
    weir_event_clear(&ping);
    start = weir_now();
    for (int i = 0; i < ROUNDS; i++) {
        weir_mutex_lock(&mutex);
        weir_mutex_unlock(&mutex);
    }
    report("mutex_lock_unlock", start, ROUNDS);
    start = weir_now();
    for (int i = 0; i < ROUNDS; i++) {
        weir_sem_acquire(&sem, 1);
        weir_sem_release(&sem, 1);
    }
    report("sem_acquire_release", start, ROUNDS);
    start = weir_now();
    for (int i = 0; i < ROUNDS; i++) {
        weir_rwlock_read_lock(&rwlock);
        weir_rwlock_read_unlock(&rwlock);
    }
    report("rwlock_read_lock_unlock", start, ROUNDS);
}

static int bench(void *arg) {
    (void)arg;
    weir_sem_init(&sem, 1);
    both("yield", yields, yields);
    uncontended();
    both("mutex_hand_over_with_yield", locks, locks);
    both("sem_hand_over_with_yield", acquires, acquires);
    both("event_set_wait", pings, pongs);
    both("cond_notify_wait", even, odd);
    return 0;
}

int main(void) {
    return weir_run(bench, NULL, NULL) < 0;
}

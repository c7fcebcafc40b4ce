/* SPDX-License-Identifier: MIT */
/* Storms: threads and loops put and get at once, give up at any moment, and each item arrives
 * once. */
#include "test/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <weir/drive.h>
#include <weir/shared.h>
#include <weir/task.h>

enum { LOOPS = 2, TASKS = 4, THREADS = 2, ITEMS = 150, SENDERS = LOOPS * TASKS + THREADS };

struct storm {
    struct weir_shared_chan *chan;
    _Atomic int numbers;                 /* the next sender's number */
    _Atomic int senders;                 /* that have not finished */
    _Atomic unsigned char seen[SENDERS * ITEMS]; /* how often an item was received */
    _Atomic long tired;                  /* calls that gave up */
};

static unsigned next(unsigned *seed) {
    return *seed = *seed * 1103515245u + 12345u, *seed >> 16;
}

/* A time that is over now and then before the call has been served. */
static weir_ns patience(unsigned *seed) {
    return next(seed) % 4 == 0 ? next(seed) % 50000 : WEIR_SECONDS(3600);
}

static int sends(struct storm *s) {
    int number = s->numbers++;
    unsigned seed = (unsigned)number;
    for (int i = 0; i < ITEMS; i++) {
        int item = number * ITEMS + i, rc;
        while ((rc = weir_shared_chan_send_for(s->chan, &item, patience(&seed))) == -ETIME)
            s->tired++;
        if (rc < 0)
            return rc;
    }
    if (--s->senders == 0)
        weir_shared_chan_close(s->chan);
    return 0;
}

static int receives(struct storm *s, unsigned seed) {
    int item, rc;
    while ((rc = weir_shared_chan_recv_for(s->chan, &item, patience(&seed))) != 0) {
        if (rc == 1)
            s->seen[item]++;
        else if (rc == -ETIME)
            s->tired++;
        else
            return rc;
    }
    return 0;
}

struct sends_part_args { struct storm *s; };
static int sends_part(void *args) {
    return sends(((struct sends_part_args *)args)->s);
}

struct receives_part_args { struct storm *s; unsigned seed; };
static int receives_part(void *args) {
    struct receives_part_args *a = args;
    return receives(a->s, a->seed);
}

/* A task that is cancelled while it receives: what it has taken counts. */
static int receives_a_little(void *args) {
    struct receives_part_args *a = args;
    int item, rc;
    while ((rc = weir_shared_chan_recv(a->s->chan, &item)) == 1)
        a->s->seen[item]++;
    return rc;
}

static int storms(void *arg) {
    struct storm *s = arg;
    struct weir_group g;
    unsigned seed = 7;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(weir_go(&g, sends_part, .s = s), 0);
        assert_int_equal(weir_go(&g, receives_part, .s = s, .seed = (unsigned)i), 0);
    }
    while (s->senders > 0) {
        struct receives_part_args a = {.s = s};
        struct weir_task *t = NULL;
        assert_int_equal(weir_spawn(&g, WEIR_SITE(little), receives_a_little, &a, sizeof a, NULL,
                                    &t), 0);
        assert_int_equal(weir_sleep(next(&seed) % 100000), 0);
        weir_task_cancel(t, "storm");
        int rc = weir_await(&t, NULL, 0);
        assert_true(rc == 0 || rc == -ECANCELED);
    }
    return weir_group_close(&g, 0);
}

static void *storm_loop(void *arg) {
    assert_int_equal(weir_run(storms, arg, NULL), 0);
    return NULL;
}

static void *storm_sender(void *arg) {
    assert_int_equal(sends(arg), 0);
    return NULL;
}

static void *storm_receiver(void *arg) {
    assert_int_equal(receives(arg, 99), 0);
    return NULL;
}

static void storm_of(size_t capacity) {
    static struct storm s;
    pthread_t threads[LOOPS + 2 * THREADS];
    int n = 0;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation is quiet where only another thread can act");
    memset(&s, 0, sizeof s);
    s.senders = SENDERS;
    assert_int_equal(weir_shared_chan_new(int, capacity, &s.chan), 0);
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&threads[n++], NULL, storm_loop, &s), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[n++], NULL, storm_sender, &s), 0);
        assert_int_equal(pthread_create(&threads[n++], NULL, storm_receiver, &s), 0);
    }
    while (n > 0)
        pthread_join(threads[--n], NULL);
    for (size_t i = 0; i < SENDERS * ITEMS; i++)
        assert_int_equal(s.seen[i], 1);
    assert_int_equal(weir_shared_chan_len(s.chan), 0);
    weir_shared_chan_unref(&s.chan);
}

WEIR_TEST_BACKENDS(of_items_between_threads_and_loops_each_arrives_once) {
    storm_of(3);
}

WEIR_TEST_BACKENDS(so_does_each_item_of_a_chan_without_a_ring) {
    storm_of(0);
}

WEIR_TEST_BACKENDS(and_of_one_without_a_limit) {
    storm_of(SIZE_MAX);
}

/* ---- loops that end under their waiters ------------------------------------------------------ */

static _Atomic size_t claimed;

static int claims(void *args) {
    struct weir_shared_queue *q = *(struct weir_shared_queue **)args;
    int item, rc;
    while ((rc = weir_shared_queue_get(q, &item)) == 1)
        claimed++;
    return rc;
}

static void *opens_and_closes(void *arg) {
    unsigned seed = 3;
    for (int i = 0; i < 60; i++) {
        struct weir_loop *l = NULL;
        assert_int_equal(weir_loop_open(NULL, &l), 0);
        for (int n = 0; n < 3; n++)
            assert_int_equal(weir_spawn(NULL, WEIR_SITE(claims), claims, &arg, sizeof arg, NULL,
                                        NULL), 0);
        for (unsigned n = next(&seed) % 6; n > 0; n--)
            weir_loop_step(l, 0);
        weir_loop_close(&l);
    }
    return NULL;
}

WEIR_TEST_BACKENDS(loops_that_close_under_their_waiters_lose_no_item) {
    struct weir_shared_queue *q = NULL;
    pthread_t threads[2];
    size_t put = 0;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has one thread");
    claimed = 0;
    assert_int_equal(weir_shared_queue_new(int, 4, &q), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, opens_and_closes, q), 0);
    for (int i = 0; i < 2000; i++)
        put += weir_shared_queue_put_for(q, &i, 100000) == 0;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(claimed + weir_shared_queue_len(q), put);
    weir_shared_queue_unref(&q);
}

/* SPDX-License-Identifier: MIT */
/* Shared events, queues and chans, one call at a time: what they return, in which order they serve,
 * what a cancel leaves. */
#include "test/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/drive.h>
#include <weir/shared.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "task/task.h"

static struct weir_shared_queue *queue_of(size_t max) {
    struct weir_shared_queue *q = NULL;
    assert_int_equal(weir_shared_queue_new(int, max, &q), 0);
    return q;
}

static struct weir_shared_chan *chan_of(size_t capacity) {
    struct weir_shared_chan *c = NULL;
    assert_int_equal(weir_shared_chan_new(int, capacity, &c), 0);
    return c;
}

static void no_threads_on_sim(void) {
    if (test_backend != NULL && strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation is quiet where only another thread can act");
}

/* ---- plain threads --------------------------------------------------------------------------- */

WEIR_TEST(a_thread_puts_and_gets_in_order_and_never_beyond_the_limit) {
    struct weir_shared_queue *q = queue_of(2);
    int one = 1, two = 2, three = 3, got = 0;
    assert_int_equal(weir_shared_queue_put(q, &one), 0);
    assert_int_equal(weir_shared_queue_try_put(q, &two), 0);
    assert_int_equal(weir_shared_queue_try_put(q, &three), -EAGAIN);
    assert_int_equal(weir_shared_queue_put_for(q, &three, 0), -ETIME);
    assert_int_equal(weir_shared_queue_put_for(q, &three, 1000), -ETIME);
    assert_int_equal(weir_shared_queue_len(q), 2);
    assert_int_equal(weir_shared_queue_get(q, &got), 1);
    assert_int_equal(got, 1);
    assert_int_equal(weir_shared_queue_put_for(q, &three, WEIR_SECONDS(3600)), 0);
    assert_int_equal(weir_shared_queue_try_get(q, &got), 1);
    assert_int_equal(got, 2);
    assert_int_equal(weir_shared_queue_get_for(q, &got, 0), 1);
    assert_int_equal(got, 3);
    assert_int_equal(weir_shared_queue_try_get(q, &got), -EAGAIN);
    assert_int_equal(weir_shared_queue_get_for(q, &got, 1000), -ETIME);
    assert_int_equal(got, 3);
    weir_shared_queue_unref(&q);
    assert_null(q);
    weir_shared_queue_unref(&q);
}

WEIR_TEST(a_queue_that_is_shut_down_is_drained_and_then_says_so) {
    struct weir_shared_queue *q = queue_of(SIZE_MAX);
    int got = -1;
    for (int i = 0; i < 100; i++)
        assert_int_equal(weir_shared_queue_put(q, &i), 0);
    weir_shared_queue_shutdown(q);
    assert_int_equal(weir_shared_queue_put(q, &got), WEIR_ECLOSED);
    assert_int_equal(weir_shared_queue_try_put(q, &got), WEIR_ECLOSED);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(weir_shared_queue_get(q, &got), 1);
        assert_int_equal(got, i);
    }
    assert_int_equal(weir_shared_queue_get(q, &got), 0);
    assert_int_equal(weir_shared_queue_try_get(q, &got), 0);
    weir_shared_queue_unref(&q);
}

static int dropped_sum;

static void sums_dropped(void *item, void *arg) {
    (void)arg;
    dropped_sum += *(int *)item;
}

WEIR_TEST(items_that_are_given_up_go_to_the_drop_function_once) {
    struct weir_shared_queue *q = queue_of(8), *second = weir_shared_queue_ref(q);
    struct weir_shared_chan *c = chan_of(8);
    dropped_sum = 0;
    weir_shared_queue_on_drop(q, sums_dropped, NULL);
    weir_shared_chan_on_drop(c, sums_dropped, NULL);
    for (int i = 1; i <= 4; i++) {
        weir_shared_queue_put(q, &i);
        weir_shared_chan_send(c, &i);
    }
    assert_int_equal(weir_shared_queue_shutdown_now(q), 4);
    assert_int_equal(weir_shared_queue_shutdown_now(q), 0);
    weir_shared_queue_unref(&q);
    weir_shared_queue_unref(&second);
    assert_int_equal(dropped_sum, 10);
    weir_shared_chan_unref(&c);
    assert_int_equal(dropped_sum, 20);
}

WEIR_TEST(a_chan_that_is_closed_gives_what_it_holds_and_then_0) {
    struct weir_shared_chan *c = chan_of(2);
    int one = 1, got = 0;
    assert_int_equal(weir_shared_chan_send(c, &one), 0);
    assert_int_equal(weir_shared_chan_try_send(c, &one), 0);
    weir_shared_chan_close(c);
    assert_int_equal(weir_shared_chan_send_for(c, &one, WEIR_NEVER), WEIR_ECLOSED);
    assert_int_equal(weir_shared_chan_len(c), 2);
    assert_int_equal(weir_shared_chan_recv(c, &got), 1);
    assert_int_equal(weir_shared_chan_recv_for(c, &got, 0), 1);
    assert_int_equal(weir_shared_chan_recv(c, &got), 0);
    assert_int_equal(weir_shared_chan_try_recv(c, &got), 0);
    weir_shared_chan_unref(&c);
    c = chan_of(2);
    struct weir_shared_chan *second = weir_shared_chan_ref(c);
    weir_shared_chan_send(c, &one);
    assert_int_equal(weir_shared_chan_refuse(c), 1);
    weir_shared_chan_unref(&c);
    assert_int_equal(weir_shared_chan_recv(second, &got), 0);
    weir_shared_chan_unref(&second);
}

WEIR_TEST(an_event_is_set_and_cleared) {
    struct weir_shared_event *e = NULL;
    assert_int_equal(weir_shared_event_new(&e), 0);
    assert_int_equal(weir_shared_event_wait_for(e, 0), -ETIME);
    assert_int_equal(weir_shared_event_wait_for(e, 1000), -ETIME);
    weir_shared_event_set(e);
    assert_true(weir_shared_event_is_set(e));
    assert_int_equal(weir_shared_event_wait(e), 0);
    weir_shared_event_clear(e);
    assert_false(weir_shared_event_is_set(e));
    struct weir_shared_event *second = weir_shared_event_ref(e);
    weir_shared_event_unref(&e);
    assert_false(weir_shared_event_is_set(second));
    weir_shared_event_unref(&second);
}

WEIR_TEST(without_memory_nothing_is_made_and_an_item_is_not_put) {
    struct weir_shared_queue *q = NULL;
    struct weir_shared_chan *c = NULL;
    struct weir_shared_event *e = NULL;
    int item = 1;
    for (unsigned n = 1; n <= 2; n++) {
        weir__alloc_fail_at(n);
        assert_int_equal(weir_shared_queue_new(int, 4, &q), -ENOMEM);
        weir__alloc_fail_at(n);
        assert_int_equal(weir_shared_chan_new(int, 4, &c), -ENOMEM);
    }
    weir__alloc_fail_at(1);
    assert_int_equal(weir_shared_event_new(&e), -ENOMEM);
    weir__alloc_fail_at(0);
    assert_true(q == NULL && c == NULL && e == NULL);
    q = queue_of(SIZE_MAX);
    weir__alloc_fail_at(1);
    assert_int_equal(weir_shared_queue_put(q, &item), -ENOMEM);
    weir__alloc_fail_at(0);
    assert_int_equal(weir_shared_queue_put(q, &item), 0);
    assert_int_equal(weir_shared_queue_len(q), 1);
    weir_shared_queue_unref(&q);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static int served[8], served_count;

struct gets_one_args { struct weir_shared_queue *q; int number; };
static int gets_one(void *args) {
    struct gets_one_args *a = args;
    int got = -1, rc = weir_shared_queue_get(a->q, &got);
    if (rc == 1)
        served[served_count++] = a->number * 10 + got;
    return rc < 0 ? rc : 0;
}

static int serves_in_order(void *arg) {
    struct weir_group g;
    struct weir_shared_queue *q = queue_of(1);
    (void)arg;
    served_count = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 1; i <= 3 && rc == 0; i++)
        if ((rc = weir_go(&g, gets_one, .q = q, .number = i)) == 0)
            rc = weir_yield();
    for (int i = 1; i <= 3 && rc == 0; i++)
        rc = weir_shared_queue_put(q, &i);
    rc = weir_group_close(&g, rc);
    assert_true(rc < 0 || (served_count == 3 && served[0] == 11 && served[1] == 22
                           && served[2] == 33));
    weir_shared_queue_unref(&q);
    return rc;
}

WEIR_TEST_BACKENDS(tasks_that_wait_are_served_in_their_order) {
    assert_int_equal(weir_run(serves_in_order, NULL, NULL), 0);
}

static int serves_some_order(void *arg) {
    struct weir_shared_chan *c = NULL;
    struct weir_shared_event *e = NULL;
    struct weir_shared_queue *q = NULL;
    struct weir_group g;
    (void)arg;
    int got = 0, item = 5, put = 0, rc = weir_shared_queue_new(int, 2, &q);
    if (rc == 0 && (rc = weir_shared_chan_new(int, 2, &c)) == 0)
        rc = weir_shared_event_new(&e);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 1; i <= 3 && rc == 0; i++)
        rc = weir_go(&g, gets_one, .q = q, .number = 0);
    served_count = 0;
    for (int i = 1; i <= 3 && rc == 0; i++)
        if ((rc = weir_shared_queue_put(q, &item)) == 0)
            put++;
    rc = weir_group_close(&g, rc);
    assert_true(q == NULL || served_count + (int)weir_shared_queue_len(q) == put);
    if (rc == 0 && (rc = weir_shared_chan_send(c, &item)) == 0)
        rc = weir_shared_chan_recv(c, &got) == 1 ? 0 : weir_cancelled();
    if (rc == 0) {
        weir_shared_event_set(e);
        rc = weir_shared_event_wait(e);
    }
    weir_shared_chan_unref(&c);
    weir_shared_event_unref(&e);
    weir_shared_queue_unref(&q);
    return rc;
}

WEIR_TEST(waits_are_right_under_each_cancel_each_missing_allocation_and_each_seed) {
    struct weir_story story = {.size = sizeof story, .fn = serves_some_order};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}

/* The first getter has the offer, but has not run when it is cancelled. */
static int passes_an_offer_on(void *arg) {
    struct weir_group g;
    struct weir_task *first = NULL, *second = NULL;
    struct weir_shared_queue *q = queue_of(1);
    int seven = 7, got = 0;
    (void)arg;
    served_count = 0;
    weir_group_open(&g, WEIR_INDEPENDENT);
    struct gets_one_args a = {q, 1}, b = {q, 2};
    assert_int_equal(weir_spawn(&g, WEIR_SITE(a), gets_one, &a, sizeof a, NULL, &first), 0);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(b), gets_one, &b, sizeof b, NULL, &second), 0);
    weir_sleep(WEIR_MILLISECONDS(1));
    assert_int_equal(weir_shared_queue_put(q, &seven), 0);
    assert_int_equal(weir_shared_queue_try_get(q, &got), -EAGAIN); /* it is offered */
    assert_int_equal(weir_shared_queue_len(q), 1);
    weir_task_cancel(first, "test");
    assert_int_equal(weir_await(&first, NULL, 0), -ECANCELED);
    assert_int_equal(weir_await(&second, NULL, 0), 0);
    assert_int_equal(served_count, 1);
    assert_int_equal(served[0], 27);
    weir_shared_queue_unref(&q);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_cancelled_waiter_passes_its_offer_to_the_next) {
    assert_int_equal(weir_run(passes_an_offer_on, NULL, NULL), 0);
}

static void gets_in_a_post(void *arg) {
    int got = 0;
    assert_int_equal(weir_shared_queue_get(arg, &got), -EBUSY);
    assert_int_equal(weir_shared_queue_try_get(arg, &got), 1);
}

static int posts(void *arg) {
    int item = 1;
    assert_int_equal(weir_shared_queue_put(arg, &item), 0);
    assert_int_equal(weir_post(weir_loop_current(), gets_in_a_post, arg), 0);
    weir_sleep(WEIR_MILLISECONDS(1));
    assert_int_equal(weir_shared_queue_len(arg), 0);
    return 0;
}

WEIR_TEST_BACKENDS(a_posted_function_may_try_but_not_wait) {
    struct weir_shared_queue *q = queue_of(1);
    assert_int_equal(weir_run(posts, q, NULL), 0);
    weir_shared_queue_unref(&q);
}

/* ---- threads and tasks ----------------------------------------------------------------------- */

static int answers(void *arg) {
    struct weir_shared_queue **q = arg;
    int n;
    while (weir_shared_queue_get(q[0], &n) == 1)
        if (n *= n, weir_shared_queue_put(q[1], &n) < 0)
            return -EPIPE;
    return 0;
}

static void *answers_on_a_loop(void *arg) {
    assert_int_equal(weir_run(answers, arg, NULL), 0);
    return NULL;
}

WEIR_TEST_BACKENDS(a_thread_asks_and_a_task_answers) {
    struct weir_shared_queue *q[2] = {queue_of(1), queue_of(1)};
    pthread_t thread;
    no_threads_on_sim();
    assert_int_equal(pthread_create(&thread, NULL, answers_on_a_loop, q), 0);
    for (int i = 0; i < 1000; i++) {
        int square = 0;
        assert_int_equal(weir_shared_queue_put(q[0], &i), 0);
        assert_int_equal(weir_shared_queue_get_for(q[1], &square, WEIR_SECONDS(3600)), 1);
        assert_int_equal(square, i * i);
    }
    weir_shared_queue_shutdown(q[0]);
    pthread_join(thread, NULL);
    weir_shared_queue_unref(&q[0]);
    weir_shared_queue_unref(&q[1]);
}

static _Atomic int woken_count;

static int waits_for_event(void *arg) {
    woken_count += weir_shared_event_wait(*(struct weir_shared_event **)arg) == 0;
    return 0;
}

static void *waits_in_thread(void *arg) {
    waits_for_event(&arg);
    return NULL;
}

static void *waits_in_tasks(void *arg) {
    struct weir_loop *l = NULL;
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_spawn(NULL, WEIR_SITE(waits), waits_for_event, &arg, sizeof arg,
                                    NULL, NULL), 0);
    while (weir_loop_step(l, WEIR_NEVER) > 0)
        continue;
    weir_loop_close(&l);
    return NULL;
}

WEIR_TEST_BACKENDS(an_event_wakes_threads_and_tasks_of_several_loops) {
    pthread_t thread[4];
    struct weir_shared_event *e = NULL;
    no_threads_on_sim();
    woken_count = 0;
    assert_int_equal(weir_shared_event_new(&e), 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, i % 2 == 0 ? waits_in_thread : waits_in_tasks, e);
    weir_shared_event_set(e);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(woken_count, 8);
    weir_shared_event_unref(&e);
}

WEIR_TEST_BACKENDS(a_loop_that_closes_takes_its_waiters_along_and_loses_no_item) {
    struct weir_shared_queue *q = queue_of(4);
    struct weir_loop *l = NULL;
    struct gets_one_args a = {q, 1};
    int item = 3, got = 0;
    served_count = 0;
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_spawn(NULL, WEIR_SITE(a), gets_one, &a, sizeof a, NULL, NULL), 0);
    weir_loop_step(l, 0);
    assert_int_equal(weir_shared_queue_try_put(q, &item), 0); /* offered, and not yet claimed */
    weir_loop_close(&l);
    assert_int_equal(served_count + (int)weir_shared_queue_len(q), 1);
    if (served_count == 0)
        assert_int_equal(weir_shared_queue_try_get(q, &got), 1);
    weir_shared_queue_unref(&q);
}

/* ---- refusals -------------------------------------------------------------------------------- */

WEIR_TEST(a_fork_child_cannot_use_what_its_parent_shares) {
    struct weir_shared_queue *q = queue_of(4);
    struct weir_shared_event *e = NULL;
    int item = 1, status = -1;
    assert_int_equal(weir_shared_event_new(&e), 0);
    pid_t child = fork();
    if (child == 0) {
        bool refused = weir_shared_queue_put(q, &item) == WEIR_EFORKED
                       && weir_shared_queue_try_put(q, &item) == WEIR_EFORKED
                       && weir_shared_queue_get(q, &item) == WEIR_EFORKED
                       && weir_shared_event_wait(e) == WEIR_EFORKED;
        weir_shared_event_set(e);
        refused = refused && !weir_shared_event_is_set(e);
        weir_shared_queue_shutdown(q);
        weir_shared_queue_unref(&q);
        struct weir_shared_queue *own = queue_of(1);
        refused = refused && weir_shared_queue_put(own, &item) == 0;
        weir_shared_queue_unref(&own);
        _exit(refused ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(weir_shared_queue_put(q, &item), 0);
    weir_shared_queue_unref(&q);
    weir_shared_event_unref(&e);
}

WEIR_TEST_ABORTS(an_item_of_another_size_aborts_and_the_place_is_named,
                 "an item of 8 bytes, and the items here have 4 (made at ../src/thread/") {
    int64_t wide = 1;
    weir_shared_queue_put(queue_of(1), &wide);
}

WEIR_TEST_ABORTS(an_item_that_is_null_aborts, "shared queue put: the item is NULL") {
    weir_shared_queue_put(queue_of(1), (int *)NULL);
}

WEIR_TEST_ABORTS(a_queue_that_holds_nothing_aborts, "at most 0 items") {
    queue_of(0);
}

static int unrefs_too_often(void *arg) {
    struct weir_shared_queue *q = queue_of(1);
    struct gets_one_args a = {q, 1};
    (void)arg;
    weir_spawn(NULL, WEIR_SITE(a), gets_one, &a, sizeof a, NULL, NULL);
    weir_yield();
    weir_shared_queue_unref(&q);
    return 0;
}

WEIR_TEST_ABORTS(the_last_reference_while_a_task_waits_aborts, "and something waits") {
    weir_run(unrefs_too_often, NULL, NULL);
}

/* A task that was offered an item or told a result stands in no list, and its call has not yet
 * returned. */
static int unrefs_behind_an_item(void *arg) {
    struct weir_shared_queue *q = queue_of(1);
    int item = 1;
    (void)arg;
    struct gets_one_args a = {q, 1};
    weir_spawn(NULL, WEIR_SITE(a), gets_one, &a, sizeof a, NULL, NULL);
    weir_yield();
    weir_shared_queue_try_put(q, &item);
    weir_shared_queue_unref(&q);
    return 0;
}

WEIR_TEST_ABORTS(the_last_reference_while_a_task_is_offered_an_item_aborts, "and something waits") {
    weir_run(unrefs_behind_an_item, NULL, NULL);
}

static int unrefs_behind_a_set(void *arg) {
    struct weir_shared_event *e = NULL;
    (void)arg;
    assert_int_equal(weir_shared_event_new(&e), 0);
    weir_spawn(NULL, WEIR_SITE(e), waits_for_event, &e, sizeof e, NULL, NULL);
    weir_yield();
    weir_shared_event_set(e);
    weir_shared_event_unref(&e);
    return 0;
}

WEIR_TEST_ABORTS(the_last_reference_while_a_task_is_told_of_a_set_aborts, "and something waits") {
    weir_run(unrefs_behind_a_set, NULL, NULL);
}

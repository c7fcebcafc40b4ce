/* SPDX-License-Identifier: MIT */
/* The event, the barrier, the once, the parking place; and what all primitives have in common. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/broadcast.h>
#include <weir/chan.h>
#include <weir/limit.h>
#include <weir/queue.h>
#include <weir/sync.h>
#include <weir/testing.h>

#include "sync/sync_test_util.h"

static struct weir_event event, second; /* all zero */
static struct weir_barrier barrier;
static struct weir_once once;
static struct weir_parking parking, aside;
static int granted, order[16], calls;

/* ---- event ----------------------------------------------------------------------------------- */

static int waits(void *args) {
    int number = *(int *)args, rc = weir_event_wait(&event);
    order[granted++] = rc == 0 ? number : rc;
    return 0;
}

STORY_IN_ORDER(a_set_wakes_all_in_order_even_if_it_is_cleared_before_they_run) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    granted = 0;
    weir_event_init(&event);
    weir_group_open(&g, WEIR_TOGETHER);
    go(&g, waits, 1, NULL);
    go(&g, waits, 2, &t);
    go(&g, waits, 3, NULL);
    yields(1);
    weir_task_cancel(t, "test");
    weir_event_set(&event);
    assert_true(weir_event_is_set(&event));
    weir_event_clear(&event);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(granted == 3 && order[0] == -ECANCELED && order[1] == 1 && order[2] == 3);
    weir_event_set(&event);
    assert_int_equal(weir_event_wait(&event), 0);
    weir_event_fini(&event);
    assert_false(weir_event_is_set(&event));
    return 0;
}

static void sets(void *arg) {
    weir_event_set(arg);
}

STORY(a_posted_function_may_set_an_event) {
    (void)arg;
    assert_int_equal(weir_post(weir_loop_current(), sets, &event), 0);
    assert_int_equal(weir_event_wait(&event), 0);
    weir_event_fini(&event);
    return 0;
}

static int asks(void *args) {
    (void)args;
    weir_event_set(&second);
    return 0;
}

STORY(a_task_that_never_has_to_wait_lets_the_others_run) {
    int rounds = 0;
    (void)arg;
    weir_event_set(&event);
    weir_go0(NULL, asks);
    while (!weir_event_is_set(&second)) {
        assert_int_equal(weir_event_wait(&event), 0);
        assert_true(++rounds <= 64);
    }
    weir_event_fini(&event);
    weir_event_fini(&second);
    return 0;
}

static struct weir_task *caller;

static int cancels_in_between(void *args) {
    (void)args;
    weir_event_clear(&event);
    weir_task_cancel(caller, "test");
    return 0;
}

static int asks_until_it_waits(void *args) {
    int rc = 0;
    (void)args;
    weir_go0(NULL, cancels_in_between);
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = weir_event_wait(&event);
    return rc;
}

STORY(a_cancel_that_comes_while_a_call_lets_the_others_run_ends_that_call) {
    (void)arg;
    weir_event_set(&event);
    weir_spawn(NULL, WEIR_SITE(asks), asks_until_it_waits, NULL, 0, NULL, &caller);
    assert_int_equal(weir_await(&caller, NULL, 0), -ECANCELED);
    weir_event_fini(&event); /* nobody waits */
    return 0;
}

/* ---- barrier --------------------------------------------------------------------------------- */

static int meets(void *args) {
    int number = *(int *)args, rc = weir_barrier_wait(&barrier);
    granted++;
    order[number] = rc;
    return 0;
}

STORY_IN_ORDER(the_last_one_opens_the_barrier_and_each_gets_its_place) {
    struct weir_group g;
    (void)arg;
    weir_barrier_init(&barrier, 4);
    for (int round = 0; round < 3; round++) {
        weir_group_open(&g, WEIR_TOGETHER);
        for (int i = 0; i < 3; i++)
            go(&g, meets, i, NULL);
        yields(1);
        assert_int_equal(weir_barrier_wait(&barrier), 3);
        assert_int_equal(weir_group_close(&g, 0), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(order[i], i);
    }
    weir_barrier_fini(&barrier);
    return 0;
}

STORY(a_cancelled_task_does_not_count_at_the_barrier) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    granted = 0;
    weir_barrier_init(&barrier, 3);
    weir_group_open(&g, WEIR_TOGETHER);
    go(&g, meets, 0, &t);
    go(&g, meets, 1, NULL);
    yields(1);
    weir_task_cancel(t, "test");
    go(&g, meets, 2, NULL);
    yields(2);
    assert_true(granted == 1 && order[0] == -ECANCELED);
    assert_int_equal(weir_barrier_wait(&barrier), 2);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(order[1] == 0 && order[2] == 1);
    weir_barrier_fini(&barrier);
    return 0;
}

STORY(a_closed_barrier_lets_nobody_wait) {
    struct weir_group g;
    (void)arg;
    weir_barrier_init(&barrier, 2);
    weir_group_open(&g, WEIR_TOGETHER);
    go(&g, meets, 0, NULL);
    yields(1);
    weir_barrier_close(&barrier);
    assert_int_equal(weir_barrier_wait(&barrier), WEIR_ECLOSED);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(order[0], WEIR_ECLOSED);
    weir_barrier_fini(&barrier);
    return 0;
}

/* ---- once ------------------------------------------------------------------------------------ */

static int fails_twice(void *arg) {
    (void)arg;
    int rc = weir_yield();
    return rc < 0 ? rc : ++calls < 3 ? -EIO : 7;
}

static int does_once(void *args) {
    int number = *(int *)args;
    order[number] = weir_once(&once, fails_twice, NULL);
    return 0;
}

STORY_IN_ORDER(once_is_tried_by_the_next_after_a_failure_and_never_after_a_success) {
    struct weir_group g;
    (void)arg;
    calls = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 5; i++)
        go(&g, does_once, i, NULL);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(calls, 3);
    assert_true(order[0] == -EIO && order[1] == -EIO);
    assert_true(order[2] == 0 && order[3] == 0 && order[4] == 0);
    assert_int_equal(weir_once(&once, fails_twice, NULL), 0);
    weir_once_fini(&once);
    return 0;
}

static int calls_itself(void *arg) {
    return weir_once(arg, calls_itself, arg);
}

STORY(once_inside_itself_is_a_deadlock) {
    (void)arg;
    weir_once_init(&once);
    assert_int_equal(weir_once(&once, calls_itself, &once), -EDEADLK);
    weir_once_fini(&once);
    return 0;
}

STORY(a_cancelled_runner_of_once_passes_it_on) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    calls = 5;
    weir_group_open(&g, WEIR_TOGETHER);
    go(&g, does_once, 0, &t);
    go(&g, does_once, 1, NULL);
    yields(1);
    weir_task_cancel(t, "test");
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(order[1] == 0 && calls >= 6);
    weir_once_fini(&once);
    return 0;
}

/* ---- parking --------------------------------------------------------------------------------- */

static int parks(void *args) {
    int number = *(int *)args, slot = number;
    int rc = weir_parking_wait(&parking, &slot);
    order[granted++] = rc < 0 ? rc : rc + slot;
    return 0;
}

STORY_IN_ORDER(a_waker_writes_through_the_slot_and_gives_the_result) {
    struct weir_group g;
    struct weir_task *t;
    (void)arg;
    granted = 0;
    weir_parking_init(&parking);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_null(weir_parking_first(&parking));
    for (int i = 0; i < 4; i++)
        go(&g, parks, i, i == 1 ? &t : NULL);
    yields(1);
    weir_task_cancel(t, "test");
    *(int *)weir_parking_first(&parking) = 50;
    assert_int_equal(weir_parking_wake(&parking, 1, 1000), 1);
    assert_int_equal(weir_parking_wake(&parking, SIZE_MAX, -EIO), 2);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(order[0], -ECANCELED);
    assert_int_equal(order[1], 1050);
    assert_true(order[2] == -EIO && order[3] == -EIO);
    weir_parking_fini(&parking);
    return 0;
}

STORY_IN_ORDER(moved_tasks_wait_on_and_can_be_cancelled_at_the_new_place) {
    struct weir_group g;
    struct weir_task *t;
    struct weir_sync_stats stats = {.size = sizeof stats};
    (void)arg;
    granted = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 4; i++)
        go(&g, parks, i, i == 1 ? &t : NULL);
    yields(1);
    assert_int_equal(weir_parking_move(&parking, &aside, 2), 2);
    assert_int_equal(weir_parking_move(&parking, &parking, 9), 2); /* they stay as they are */
    weir_task_cancel(t, "test");
    weir_sync_stats(&aside.sync, &stats);
    assert_true(stats.waiting == 1 && stats.waiting_peak == 2);
    assert_int_equal(weir_parking_wake(&aside, 9, 10), 1);
    assert_int_equal(weir_parking_wake(&parking, 9, 20), 2);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(order[0] == -ECANCELED && order[1] == 10);
    assert_true(order[2] == 22 && order[3] == 23);
    weir_parking_fini(&parking);
    weir_parking_fini(&aside);
    return 0;
}

/* ---- all ------------------------------------------------------------------------------------- */

static int uses_all(void *args) {
    (void)args;
    weir_event_set(&event);
    int rc = weir_barrier_wait(&barrier);
    if (rc >= 0)
        rc = weir_once(&once, fails_twice, NULL);
    else if (rc == -ECANCELED)
        weir_barrier_close(&barrier); /* one is missing now: the others must not wait for it */
    return rc == -EIO || rc == WEIR_ECLOSED ? 0 : rc;
}

static int story(void *arg) {
    struct weir_group g;
    (void)arg;
    calls = 0;
    weir_barrier_init(&barrier, 3);
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < 6 && rc == 0; i++)
        rc = weir_go0(&g, uses_all);
    if (rc == 0)
        rc = weir_event_wait(&event);
    rc = weir_group_close(&g, rc);
    weir_event_fini(&event);
    weir_once_fini(&once);
    weir_barrier_fini(&barrier);
    return rc;
}

WEIR_TEST(a_cancel_at_each_call_leaves_nobody_waiting) {
    struct weir_story s = {.size = sizeof s, .name = "all", .fn = story};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 15);
}

static int sets_and_ends(void *arg) {
    weir_event_set(arg);
    return weir_event_wait(arg);
}

WEIR_TEST(a_static_primitive_serves_one_run_after_the_other) {
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_run(sets_and_ends, &event, NULL), 0);
}

WEIR_TEST(before_the_run_an_event_may_be_set_and_waiting_says_there_is_no_loop) {
    weir_event_init(&event);
    weir_event_set(&event);
    assert_int_equal(weir_event_wait(&event), WEIR_ENOLOOP);
    assert_int_equal(weir_run(sets_and_ends, &event, NULL), 0);
}

static void *in_thread(void *arg) {
    weir_event_set(arg);
    return NULL;
}

ABORTS(a_thread_without_a_loop_cannot_set_a_loops_event, "weir_event_set: the event initialised") {
    pthread_t thread;
    (void)arg;
    weir_event_init(&event);
    weir_event_clear(&event);
    pthread_create(&thread, NULL, in_thread, &event);
    return pthread_join(thread, NULL);
}

static void *in_other_loop(void *arg) {
    weir_run(sets_and_ends, arg, NULL);
    return NULL;
}

ABORTS(another_loop_is_named_with_the_loop_that_it_belongs_to,
       "belongs to loop 'main', but this thread runs loop 'main-2'") {
    pthread_t thread;
    (void)arg;
    weir_event_clear(&event);
    pthread_create(&thread, NULL, in_other_loop, &event);
    return pthread_join(thread, NULL);
}

ABORTS(fini_with_a_waiter_names_it, "the first is task 'number' (spawned at ") {
    (void)arg;
    go(NULL, waits, 1, NULL);
    weir_yield();
    weir_event_fini(&event);
    return 0;
}

ABORTS(one_primitive_is_not_another, "weir_event_wait: this is a mutex, not a event") {
    struct weir_mutex m;
    (void)arg;
    weir_mutex_init(&m);
    return weir_event_wait((struct weir_event *)(void *)&m);
}

ABORTS(a_barrier_of_nobody_aborts, "weir_barrier_init: a barrier of 0 tasks") {
    (void)arg;
    weir_barrier_init(&barrier, 0);
    return 0;
}

ABORTS(a_once_without_a_function_aborts, "weir_once: the function is NULL") {
    (void)arg;
    weir_once_init(&once);
    return weir_once(&once, NULL, NULL);
}

static int ends_early(void *arg) {
    weir_once_fini(arg);
    return 0;
}

ABORTS(fini_of_a_once_that_runs_aborts, "weir_once_fini: task 'main'") {
    (void)arg;
    return weir_once(&once, ends_early, &once);
}

/* ---- a look from elsewhere ------------------------------------------------------------------- */

static struct {
    struct weir_event event;
    struct weir_mutex mutex;
    struct weir_rwlock rwlock;
    struct weir_cond cond;
    struct weir_once once;
    struct weir_sem sem;
    struct weir_barrier barrier;
    struct weir_parking parking;
    struct weir_limiter limiter;
    struct weir_rate rate;
    struct weir_flight flight;
    struct weir_chan chan;
    struct weir_queue queue;
    struct weir_latest latest;
    struct weir_inbox inbox;
    struct weir_broadcast broadcast;
    struct weir_subscriber subscriber;
    int value;
} its;

static int makes(void *arg, const void *key, size_t key_size, void *ret_value) {
    (void)arg, (void)key, (void)key_size, (void)ret_value;
    return 0;
}

static int does_nothing(void *arg) {
    (void)arg;
    return 0;
}

/* Each is of this loop afterwards, and can be given back. */
static void use_all(void) {
    weir_event_set(&its.event);
    weir_mutex_try_lock(&its.mutex);
    weir_mutex_unlock(&its.mutex);
    weir_rwlock_try_read_lock(&its.rwlock);
    weir_rwlock_read_unlock(&its.rwlock);
    weir_cond_notify_all(&its.cond);
    weir_once(&its.once, does_nothing, NULL);
    weir_sem_init(&its.sem, 2);
    weir_sem_try_acquire(&its.sem, 1);
    weir_barrier_init(&its.barrier, 1);
    weir_barrier_close(&its.barrier);
    weir_parking_wake(&its.parking, 1, 0);
    weir_limiter_init(&its.limiter, 1);
    weir_limiter_set_total(&its.limiter, 2);
    weir_rate_init(&its.rate, 1, WEIR_SECONDS(1), 1);
    weir_rate_try_acquire(&its.rate, 1);
    weir_flight_init(&its.flight, NULL, makes, NULL, 0);
    assert_int_equal(weir_flight_get(&its.flight, "k", 1, NULL), 0);
    weir_chan_init(&its.chan, int, 1);
    weir_chan_try_send(&its.chan, &its.value);
    weir_queue_init(&its.queue, int, 1);
    weir_queue_try_put(&its.queue, &its.value);
    weir_latest_init(&its.latest, &its.value);
    weir_latest_set(&its.latest, &its.value);
    weir_inbox_init(&its.inbox, int, 1);
    weir_inbox_join(&its.inbox);
    weir_broadcast_init(&its.broadcast, int, 1, WEIR_OVERTAKE);
    weir_subscribe(&its.broadcast, &its.subscriber);
}

static void look_event(void) { weir_event_is_set(&its.event); }
static void look_holder(void) { weir_mutex_holder(&its.mutex); }
static void look_permits(void) { weir_sem_permits(&its.sem); }
static void look_first(void) { weir_parking_first(&its.parking); }
static void look_borrowed(void) { weir_limiter_borrowed(&its.limiter); }
static void look_chan_len(void) { weir_chan_len(&its.chan); }
static void look_queue_len(void) { weir_queue_len(&its.queue); }
static void look_unfinished(void) { weir_queue_unfinished(&its.queue); }
static void look_latest(void) { weir_latest_get(&its.latest, &its.value); }
static void look_inbox_len(void) { weir_inbox_len(&its.inbox); }
static void look_senders(void) { weir_inbox_senders(&its.inbox); }
static void look_missed(void) { weir_subscriber_missed(&its.subscriber); }
static void look_stats(void) {
    struct weir_sync_stats stats = {.size = sizeof stats};
    weir_sync_stats(&its.sem.sync, &stats);
}
static void drop_chan(void) { weir_chan_on_drop(&its.chan, NULL, NULL); }
static void drop_queue(void) { weir_queue_on_drop(&its.queue, NULL, NULL); }
static void drop_inbox(void) { weir_inbox_on_drop(&its.inbox, NULL, NULL); }
static void fini_event(void) { weir_event_fini(&its.event); }
static void fini_mutex(void) { weir_mutex_fini(&its.mutex); }
static void fini_rwlock(void) { weir_rwlock_fini(&its.rwlock); }
static void fini_cond(void) { weir_cond_fini(&its.cond); }
static void fini_once(void) { weir_once_fini(&its.once); }
static void fini_sem(void) { weir_sem_fini(&its.sem); }
static void fini_barrier(void) { weir_barrier_fini(&its.barrier); }
static void fini_parking(void) { weir_parking_fini(&its.parking); }
static void fini_limiter(void) { weir_limiter_fini(&its.limiter); }
static void fini_rate(void) { weir_rate_fini(&its.rate); }
static void fini_flight(void) { weir_flight_fini(&its.flight); }
static void fini_chan(void) { weir_chan_fini(&its.chan); }
static void fini_queue(void) { weir_queue_fini(&its.queue); }
static void fini_latest(void) { weir_latest_fini(&its.latest); }
static void fini_inbox(void) { weir_inbox_fini(&its.inbox); }
static void fini_broadcast(void) { weir_broadcast_fini(&its.broadcast); }

static void (*const all_looks[])(void) = {
    look_event, look_holder, look_permits, look_first, look_borrowed, look_chan_len,
    look_queue_len, look_unfinished, look_latest, look_inbox_len, look_senders, look_missed,
    look_stats, drop_chan, drop_queue, drop_inbox, fini_event, fini_mutex, fini_rwlock, fini_cond,
    fini_once, fini_sem, fini_barrier, fini_parking, fini_limiter, fini_rate, fini_flight,
    fini_chan, fini_queue, fini_latest, fini_inbox, fini_broadcast};
enum { LOOKS = sizeof all_looks / sizeof all_looks[0] };

static void *looks_in_thread(void *look) {
    (*(void (**)(void))look)();
    return NULL;
}

static int looks_from_a_thread(void *look) {
    pthread_t thread;
    use_all();
    pthread_create(&thread, NULL, looks_in_thread, look);
    pthread_join(thread, NULL);
    _exit(0);
}

static void looks(void *look) {
    weir_run(looks_from_a_thread, look, NULL);
}

WEIR_TEST(a_thread_without_a_loop_cannot_even_look_at_what_belongs_to_one) {
    for (size_t i = 0; i < LOOKS; i++) {
        void (*look)(void) = all_looks[i];
        char said[1024];
        runner_child(looks, &look, said, sizeof said);
        if (strstr(said, "belongs to loop 'main', but this thread runs no loop") == NULL)
            fail_msg("look %zu said: %s", i, said);
    }
}

static void look_at_all(void) {
    for (size_t i = 0; i + 1 < LOOKS; i++) /* the broadcast has a subscriber */
        all_looks[i]();
}

static int uses_and_forks(void *arg) {
    int status;
    (void)arg;
    use_all();
    pid_t child = fork();
    if (child == 0) {
        look_at_all();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    weir_unsubscribe(&its.subscriber);
    return 0;
}

WEIR_TEST(what_belongs_to_a_loop_that_has_ended_or_is_the_parents_can_be_given_back) {
    assert_int_equal(weir_run(uses_and_forks, NULL, NULL), 0);
    look_at_all();
    fini_broadcast();
}

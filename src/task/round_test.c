/* SPDX-License-Identifier: MIT */
/* The driver's round: everything that is queued, at any moment, is done before the loop waits. Each
 * test has a scope with a budget; if the loop waited although work was queued, that scope fires. */
#include "test/runner.h"

#include <errno.h>
#include <string.h>

#include "task/internal.h"

enum { LINKS = 100 };

static void run(int (*fn)(void *)) {
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
}

/* A task that waits for a flush, and the flush that wakes it, perhaps by a detour. */
static struct weir__flush wakes, detour;
static const struct weir__what flush_comes = {.text = "flush", .kind = WEIR__ON_NOTHING};
static struct weir__park waiting;
static struct weir__timer timer;
static struct weir__op work;
static int flushes;

static int never_mind(struct weir__park *p) {
    (void)p;
    return WEIR__DONE;
}

static void wake_up(struct weir__flush *f) {
    (void)f;
    flushes++;
    weir__unpark(&waiting, 0);
}

static void queue_wakes(void *arg) {
    (void)arg;
    weir__loop_flush_later(weir__loop(), &wakes);
}

static void fire_queues(struct weir__timer *t) {
    queue_wakes(t);
}

static void work_queues(struct weir__op *op) {
    queue_wakes(op);
}

static int nothing(void *arg) {
    (void)arg;
    return 0;
}

static void by_flush(struct weir__flush *f) {
    queue_wakes(f);
}

static void by_post(struct weir__flush *f) {
    (void)f;
    assert_int_equal(weir_post(weir_loop_current(), queue_wakes, NULL), 0);
}

static void by_timer(struct weir__flush *f) {
    (void)f;
    weir__timer_init(&timer, fire_queues);
    weir__timer_arm(weir__loop()->timers, &timer, weir_now());
}

static void by_completion(struct weir__flush *f) {
    (void)f;
    memset(&work, 0, sizeof work);
    work.kind = WEIR__WORK;
    work.u.work.fn = nothing;
    work.wake = work_queues;
    assert_int_equal(weir__submit(weir__loop()->backend, &work), WEIR__PENDING);
}

static void prepare(void (*way)(struct weir__flush *f)) {
    wakes.flush = wake_up;
    detour.flush = way;
    weir__list_init(&wakes.link);
    weir__list_init(&detour.link);
    flushes = 0;
}

static int wait_for(struct weir__flush *f) {
    weir__loop_flush_later(weir__loop(), f);
    waiting = (struct weir__park){.what = &flush_comes, .abort = never_mind};
    return (int)weir__park(&waiting);
}

/* Each flush wakes the task in the second half of a round, where it queues the next one. */
static int chain(void *arg) {
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_SECONDS(10));
    for (int i = 0; i < LINKS; i++) {
        assert_int_equal(wait_for(detour.flush ? &detour : &wakes), 0);
        assert_int_equal(flushes, i + 1);
    }
    assert_int_equal(weir_cancelled(), 0);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(a_chain_of_tasks_and_flushes_never_waits) {
    prepare(NULL);
    run(chain);
}

WEIR_TEST_BACKENDS(flushes_that_a_flush_queued_are_not_left_behind_a_wait) {
    prepare(by_flush);
    run(chain);
}

WEIR_TEST_BACKENDS(flushes_that_a_post_queued_are_not_left_behind_a_wait) {
    prepare(by_post);
    run(chain);
}

WEIR_TEST_BACKENDS(flushes_that_a_timer_queued_are_not_left_behind_a_wait) {
    prepare(by_timer);
    run(chain);
}

WEIR_TEST_BACKENDS(flushes_that_a_completion_queued_are_not_left_behind_a_wait) {
    prepare(by_completion);
    run(chain);
}

static struct weir__flush noted;

static void note(struct weir__flush *f) {
    (void)f;
    flushes++;
}

static int sleeps_after(void *arg) {
    (void)arg;
    assert_int_equal(wait_for(&wakes), 0);
    weir__loop_flush_later(weir__loop(), &noted);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(20)), 0);
    assert_int_equal(flushes, 2); /* before the sleep, not when it ended */
    return 0;
}

WEIR_TEST_BACKENDS(what_a_task_queues_before_it_sleeps_is_done_before_the_loop_sleeps) {
    prepare(NULL);
    noted.flush = note;
    weir__list_init(&noted.link);
    run(sleeps_after);
}

static int queues_and_ends(void *arg) {
    (void)arg;
    assert_int_equal(wait_for(&wakes), 0);
    weir__loop_flush_later(weir__loop(), &noted);
    return 0;
}

WEIR_TEST_BACKENDS(a_flush_that_the_last_task_queued_runs_before_the_run_ends) {
    prepare(NULL);
    noted.flush = note;
    weir__list_init(&noted.link);
    run(queues_and_ends);
    assert_int_equal(flushes, 2);
}

static bool enough;

static void again(struct weir__flush *f) {
    flushes++;
    if (!enough)
        weir__loop_flush_later(weir__loop(), f);
}

static int sleeps_beside(void *arg) {
    (void)arg;
    weir__loop_flush_later(weir__loop(), &noted);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    enough = true;
    return 0;
}

WEIR_TEST_BACKENDS(a_flush_that_queues_itself_cannot_hold_the_loop) {
    prepare(NULL);
    noted.flush = again;
    weir__list_init(&noted.link);
    enough = false;
    run(sleeps_beside);
    assert_true(flushes > 1);
}

static int yields(void *arg) {
    (void)arg;
    for (int i = 0; i < 100000 && flushes == 0; i++)
        assert_int_equal(weir_yield(), 0);
    assert_int_equal(flushes, 1);
    return 0;
}

static int yields_together(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir__loop_flush_later(weir__loop(), &noted);
    assert_int_equal(weir_go0(&g, yields), 0);
    assert_int_equal(weir_go0(&g, yields), 0);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(tasks_that_are_always_ready_do_not_starve_a_flush) {
    prepare(NULL);
    noted.flush = note;
    weir__list_init(&noted.link);
    run(yields_together);
}

/* SPDX-License-Identifier: MIT */
/* A loop that the program drives itself: open, step, close; several on one thread; block_on; and a
 * foreign loop (poll) that waits in the loop's place. */
#include "test/runner.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/drive.h>

#include "base/alloc.h"
#include "task/internal.h"

static struct weir_loop *opened(const char *name) {
    const struct weir_run_options o = {.size = sizeof o, .name = name};
    struct weir_loop *l = NULL;
    assert_int_equal(weir_loop_open(&o, &l), 0);
    return l;
}

static void go(int (*fn)(void *args)) {
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(fn), fn, NULL, 0, NULL, NULL), 0);
}

static int ticks;

static int ticks_thrice(void *args) {
    (void)args;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
        ticks++;
    }
    return 0;
}

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_NEVER);
}

static int slept_rc;

static int sleeps_and_tells(void *args) {
    (void)args;
    return slept_rc = weir_sleep(WEIR_NEVER);
}

/* ---- open, step, close ----------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_step_says_whether_there_are_tasks_that_have_not_ended) {
    struct weir_loop *l = opened(NULL);
    assert_int_equal(weir_loop_step(l, 0), 0);
    go(ticks_thrice);
    assert_ptr_equal(weir_loop_current(), l);
    int steps = 0;
    while (weir_loop_step(l, WEIR_NEVER) > 0)
        steps++;
    assert_int_equal(ticks, 3);
    assert_true(steps >= 3);
    go(ticks_thrice); /* it may be used again */
    while (weir_loop_step(l, WEIR_NEVER) > 0)
        continue;
    assert_int_equal(ticks, 6);
    weir_loop_close(&l);
    assert_null(l);
    assert_null(weir_loop_current());
    weir_loop_close(&l);
}

WEIR_TEST_BACKENDS(a_step_waits_no_longer_than_it_is_told) {
    struct weir_loop *l = opened(NULL);
    go(sleeps);
    assert_int_equal(weir_loop_step(l, 0), 1);
    weir_ns before = weir_now();
    assert_int_equal(weir_loop_step(l, WEIR_MILLISECONDS(2)), 1);
    assert_true(weir_now() >= before + WEIR_MILLISECONDS(2));
    weir_loop_close(&l);
}

WEIR_TEST_BACKENDS(a_close_cancels_what_is_left_and_waits_for_it) {
    struct weir_loop *l = opened(NULL);
    go(sleeps_and_tells);
    weir_loop_step(l, 0);
    weir_loop_close(&l);
    assert_int_equal(slept_rc, -ECANCELED);
}

static void count(void *arg) {
    ++*(int *)arg;
}

WEIR_TEST_BACKENDS(a_reference_to_a_closed_loop_is_told_so) {
    int ran = 0;
    struct weir_loop *l = opened(NULL), *held = weir_loop_ref(l);
    assert_int_equal(weir_post(l, count, &ran), 0);
    assert_int_equal(weir_loop_step(l, WEIR_NEVER), 0);
    assert_int_equal(ran, 1);
    weir_loop_close(&l);
    assert_int_equal(weir_post(held, count, &ran), WEIR_ECLOSED);
    assert_int_equal(weir_loop_step(held, 0), WEIR_ECLOSED);
    assert_int_equal(weir_loop_fd(held), WEIR_ECLOSED);
    assert_int_equal(weir_loop_prepare(held), 0);
    weir_loop_unref(&held);
}

WEIR_TEST(a_loop_that_cannot_open_leaves_nothing_behind) {
    struct weir_loop *l = NULL;
    const struct weir_run_options none = {.size = sizeof none, .backend = "none"};
    assert_int_equal(weir_loop_open(&none, &l), WEIR_EBACKEND);
    int rc = -ENOMEM;
    for (size_t n = 1; rc == -ENOMEM; n++) {
        weir__alloc_fail_at(n);
        rc = weir_loop_open(NULL, &l);
        weir__alloc_fail_at(0);
        assert_true(rc == 0 || (rc == -ENOMEM && l == NULL));
    }
    assert_null(weir_error(rc));
    weir_loop_close(&l);
}

/* ---- block_on ------------------------------------------------------------------------------- */

static int adds(void *arg) {
    int *sum = arg;
    for (int i = 1; i <= 4; i++) {
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
        *sum += i;
    }
    return *sum;
}

static int fails(void *arg) {
    weir_yield();
    return weir_fail(-EPERM, "%s", (const char *)arg);
}

WEIR_TEST_BACKENDS(plain_code_waits_for_a_task_and_the_others_run_meanwhile) {
    struct weir_loop *l = opened(NULL);
    int sum = 0;
    go(ticks_thrice);
    go(sleeps);
    assert_int_equal(weir_block_on(adds, &sum), 10);
    assert_int_equal(ticks, 3);
    assert_int_equal(weir_block_on(fails, "no way"), -EPERM);
    assert_string_equal(weir_error_message(-EPERM), "no way");
    assert_int_equal(weir_block_on(adds, &sum), 20);
    weir_loop_close(&l);
}

WEIR_TEST(a_wait_in_plain_code_for_what_nothing_can_wake_is_cancelled) {
    const struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    struct weir_loop *l = NULL;
    assert_int_equal(weir_loop_open(&o, &l), 0);
    assert_int_equal(weir_loop_step(l, WEIR_NEVER), 0); /* no task waits: nothing to say */
    assert_int_equal(weir_block_on(sleeps, NULL), -ECANCELED);
    weir_loop_close(&l);
}

WEIR_TEST(without_an_open_loop_plain_code_cannot_wait_for_a_task) {
    assert_int_equal(weir_block_on(sleeps, NULL), WEIR_ENOLOOP);
    assert_non_null(strstr(weir_error_message(WEIR_ENOLOOP), "weir_loop_open"));
}

static int stops_others(void *arg) {
    (void)arg;
    weir__stop_others("enough");
    return weir_yield();
}

WEIR_TEST_BACKENDS(the_task_that_plain_code_waits_for_is_the_first_and_is_spared) {
    struct weir_loop *l = opened(NULL);
    go(sleeps_and_tells);
    assert_int_equal(weir_block_on(stops_others, NULL), 0);
    assert_int_equal(slept_rc, -ECANCELED);
    weir_stop("all of it");
    assert_int_equal(weir_block_on(sleeps, NULL), -ECANCELED);
    weir_loop_close(&l);
}

/* ---- inside a step --------------------------------------------------------------------------- */

static int tries_all(void *arg) {
    struct weir_loop *other = arg, *another = NULL;
    assert_int_equal(weir_loop_step(weir_loop_current(), 0), -EBUSY);
    assert_int_equal(weir_loop_step(other, 0), -EBUSY);
    assert_int_equal(weir_loop_open(NULL, &another), -EBUSY);
    assert_int_equal(weir_run(sleeps, NULL, NULL), -EBUSY);
    assert_int_equal(weir_block_on(sleeps, NULL), -EBUSY);
    return 7;
}

WEIR_TEST_BACKENDS(inside_a_step_no_other_loop_is_opened_or_stepped) {
    struct weir_loop *other = opened("other"), *l = opened(NULL);
    assert_int_equal(weir_block_on(tries_all, other), 7);
    weir_loop_close(&l);
    assert_int_equal(weir_run(tries_all, other, NULL), 7);
    weir_loop_close(&other);
}

static int hears_of_the_close(void *args) {
    char *words = *(char **)args;
    int rc = weir_sleep(WEIR_NEVER);
    snprintf(words, 256, "%s", weir_error_message(rc));
    return rc;
}

WEIR_TEST_BACKENDS(a_task_is_told_where_its_loop_was_closed) {
    char text[256] = "", *words = text;
    struct weir_loop *l = opened(NULL);
    weir_spawn(NULL, WEIR_SITE(hears_of_the_close), hears_of_the_close, &words, sizeof words, NULL,
               NULL);
    weir_loop_step(l, 0);
    weir_loop_close(&l);
    assert_non_null(strstr(text, "cancelled at drive_test.c:"));
    assert_non_null(strstr(text, "the loop closes"));
}

static int closes(void *arg) {
    struct weir_loop *l = arg;
    weir_loop_close(&l);
    return 0;
}

WEIR_TEST_ABORTS(closing_a_loop_inside_its_step_aborts, "weir_loop_close: called inside a step") {
    struct weir_loop *l = opened(NULL);
    weir_block_on(closes, l);
}

WEIR_TEST_ABORTS(closing_a_loop_twice_aborts, "loop 'x' has been closed already") {
    struct weir_loop *l = opened("x"), *held = weir_loop_ref(l);
    weir_loop_close(&l);
    weir_loop_close(&held);
}

static int uses(void *arg) {
    weir_loop_use(arg);
    return 0;
}

WEIR_TEST_ABORTS(changing_the_loop_inside_a_step_aborts, "weir_loop_use: called inside a step") {
    struct weir_loop *l = opened(NULL);
    weir_block_on(uses, l);
}

static void *steps(void *arg) {
    weir_loop_step(arg, 0);
    return NULL;
}

WEIR_TEST_ABORTS(stepping_a_loop_of_another_thread_aborts, "'x' belongs to another thread") {
    pthread_t thread;
    pthread_create(&thread, NULL, steps, opened("x"));
    pthread_join(thread, NULL);
}

/* ---- several loops on a thread --------------------------------------------------------------- */

static const char *names[8];
static size_t names_count;

static int notes_loop(void *args) {
    (void)args;
    for (int i = 0; i < 2; i++) {
        names[names_count++] = weir_loop_current()->name;
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    }
    return 0;
}

WEIR_TEST_BACKENDS(two_loops_of_one_thread_take_turns) {
    struct weir_loop *a = opened("a"), *b = opened("b");
    go(notes_loop);
    weir_loop_use(a);
    go(notes_loop);
    assert_ptr_equal(weir_loop_current(), a);
    bool lives = true;
    while (lives) {
        int of_a = weir_loop_step(a, WEIR_MILLISECONDS(2));
        int of_b = weir_loop_step(b, WEIR_MILLISECONDS(2));
        assert_ptr_equal(weir_loop_current(), a); /* a step leaves it as it is */
        lives = of_a + of_b > 0;
    }
    assert_int_equal(names_count, 4);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    weir_loop_close(&a); /* not in the order of opening */
    assert_ptr_equal(weir_loop_current(), b);
    weir_loop_close(&b);
    assert_null(weir_loop_current());
}

WEIR_TEST_BACKENDS(a_run_between_two_steps_is_a_loop_of_its_own) {
    int sum = 0;
    struct weir_loop *l = opened(NULL), *last = opened("last");
    weir_loop_use(l);
    assert_int_equal(weir_run(adds, &sum, NULL), 10);
    assert_ptr_equal(weir_loop_current(), l);
    assert_int_equal(weir_block_on(adds, &sum), 20);
    weir_loop_close(&last);
    assert_ptr_equal(weir_loop_current(), l);
    weir_loop_close(&l);
}

WEIR_TEST(the_signal_stack_stays_until_the_last_loop_of_the_thread_is_closed) {
    const struct weir_run_options o = {.size = sizeof o, .crash_reports = true};
    struct weir_loop *a = NULL, *b = NULL;
    stack_t before, now;
    sigaltstack(NULL, &before);
    assert_int_equal(weir_loop_open(&o, &a), 0);
    assert_int_equal(weir_loop_open(&o, &b), 0);
    weir_loop_close(&b);
    sigaltstack(NULL, &now);
    assert_false(now.ss_flags & SS_DISABLE);
    weir_loop_close(&a);
    sigaltstack(NULL, &now);
    assert_int_equal(now.ss_flags & SS_DISABLE, before.ss_flags & SS_DISABLE);
}

static int forks(void) {
    pid_t child = fork();
    int status = -1;
    if (child != 0) {
        assert_int_equal(waitpid(child, &status, 0), child);
        return status;
    }
    return -1;
}

WEIR_TEST_BACKENDS(a_fork_child_forgets_the_parents_loop_and_opens_its_own) {
    struct weir_loop *l = opened(NULL);
    int sum = 0, status = forks();
    if (status == -1) {
        bool refused = weir_loop_step(l, 0) == WEIR_EFORKED && weir_loop_prepare(l) == 0
                       && weir_loop_fd(l) == WEIR_EFORKED
                       && weir_block_on(adds, &sum) == WEIR_EFORKED;
        weir_loop_close(&l);
        refused = refused && l == NULL;
        l = opened(NULL);
        int rc = weir_block_on(adds, &sum);
        weir_loop_close(&l);
        _exit(refused && rc == 10 ? 0 : 1);
    }
    assert_int_equal(status, 0);
    assert_int_equal(weir_block_on(adds, &sum), 10);
    weir_loop_close(&l);
}

/* ---- a foreign loop -------------------------------------------------------------------------- */

static struct weir_loop *opened_for_poll(void) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation waits for no descriptor");
    return opened(NULL);
}

/* One turn of the foreign loop. Returns what the step says. */
static int foreign_turn(struct weir_loop *l) {
    struct pollfd p = {.fd = weir_loop_fd(l), .events = POLLIN};
    assert_true(p.fd >= 0);
    weir_ns wait = weir_loop_prepare(l);
    assert_true(wait >= 0);
    poll(&p, 1, wait == WEIR_NEVER ? -1 : (int)((wait + 999999) / 1000000));
    return weir_loop_step(l, 0);
}

WEIR_TEST(a_simulation_has_no_descriptor_to_wait_for) {
    const struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    struct weir_loop *l = NULL;
    assert_int_equal(weir_loop_open(&o, &l), 0);
    assert_int_equal(weir_loop_fd(l), -EOPNOTSUPP);
    assert_int_equal(weir_loop_prepare(l), 0);
    weir_loop_close(&l);
}

WEIR_TEST_BACKENDS(a_foreign_loop_waits_until_the_next_timer) {
    struct weir_loop *l = opened_for_poll();
    assert_int_equal(weir_loop_prepare(l), WEIR_NEVER);
    go(ticks_thrice);
    assert_int_equal(weir_loop_prepare(l), 0); /* a task is ready */
    weir_loop_step(l, 0);
    weir_ns wait = weir_loop_prepare(l);
    assert_true(wait <= WEIR_MILLISECONDS(1));
    assert_true(weir_loop_prepare(l) <= wait);
    while (foreign_turn(l) > 0)
        continue;
    assert_int_equal(ticks, 3);
    weir_loop_close(&l);
}

static int offloaded(void *arg) {
    (void)arg;
    return 5;
}

static int offloads(void *args) {
    (void)args;
    for (int i = 0; i < 200; i++)
        assert_int_equal(weir_offload(offloaded, NULL), 5);
    return 0;
}

WEIR_TEST_BACKENDS(a_helper_thread_wakes_a_foreign_loop) {
    struct weir_loop *l = opened_for_poll();
    go(offloads);
    while (foreign_turn(l) > 0)
        continue;
    weir_loop_close(&l);
}

static int pair[2];

static int waits_for_bytes(void *args) {
    (void)args;
    char byte;
    do {
        assert_int_equal(weir_wait_fd(pair[0], POLLIN), POLLIN);
        assert_int_equal(read(pair[0], &byte, 1), 1);
    } while (byte != '.');
    return 0;
}

static void *writes_each_when_the_last_was_read(void *arg) {
    (void)arg;
    for (int i = 0; i < 200; i++)
        assert_int_equal(write(pair[1], i < 199 ? "x" : ".", 1), 1);
    return NULL;
}

WEIR_TEST_BACKENDS(a_descriptor_wakes_a_foreign_loop) {
    struct weir_loop *l = opened_for_poll();
    pthread_t thread;
    assert_int_equal(pipe(pair), 0);
    go(waits_for_bytes);
    pthread_create(&thread, NULL, writes_each_when_the_last_was_read, NULL);
    while (foreign_turn(l) > 0)
        continue;
    pthread_join(thread, NULL);
    close(pair[0]);
    close(pair[1]);
    weir_loop_close(&l);
}

static _Atomic int posts_run;

static void run_post(void *arg) {
    (void)arg;
    posts_run++;
}

/* Each post is made when the one before has run: so most find the foreign loop waiting. */
static void *posts_one_by_one(void *arg) {
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(weir_post(arg, run_post, NULL), 0);
        while (posts_run <= i)
            sched_yield();
    }
    return NULL;
}

WEIR_TEST_BACKENDS(no_post_is_missed_by_a_foreign_loop) {
    struct weir_loop *l = opened_for_poll();
    pthread_t thread;
    pthread_create(&thread, NULL, posts_one_by_one, l);
    while (posts_run < 2000)
        foreign_turn(l);
    pthread_join(thread, NULL);
    weir_loop_close(&l);
}

static int awaits_signal(void *args) {
    struct weir_scope s;
    (void)args;
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR1), 0);
    ticks++;
    return weir_scope_leave(&s, weir_sleep(WEIR_NEVER)) == WEIR_ESTOPPED ? 0 : -EPERM;
}

WEIR_TEST_BACKENDS(a_signal_wakes_a_foreign_loop) {
    struct weir_loop *l = opened_for_poll();
    go(awaits_signal);
    while (ticks == 0)
        foreign_turn(l);
    while (weir_loop_prepare(l) == 0)
        weir_loop_step(l, 0);
    raise(SIGUSR1);
    while (foreign_turn(l) > 0)
        continue;
    weir_loop_close(&l);
}

WEIR_TEST_BACKENDS(a_waiting_foreign_loop_is_not_woken_for_nothing) {
    struct weir_loop *l = opened_for_poll();
    struct pollfd p = {.fd = weir_loop_fd(l), .events = POLLIN};
    go(sleeps);
    foreign_turn(l);
    int turns = 0;
    while (weir_loop_prepare(l) == 0 || poll(&p, 1, 0) != 0) {
        weir_loop_step(l, 0);
        assert_true(++turns < 100);
    }
    assert_int_equal(weir_loop_fd(l), p.fd);
    weir_loop_close(&l);
}

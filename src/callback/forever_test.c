/* SPDX-License-Identifier: MIT */
/* A loop that the program runs: until a future is settled, or until it is stopped. */
#include "test/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/callback.h>
#include <weir/drive.h>
#include <weir/task.h>

static char logged[512];

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    size_t len = strlen(logged);
    (void)level, (void)arg;
    snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

static struct weir_loop *open_loop(void) {
    struct weir_loop *l;
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    return l;
}

static void resolves(void *f) {
    int seven = 7;
    assert_int_equal(weir_future_resolve(f, &seven), 0);
}

static void stops(void *l) {
    assert_int_equal(weir_run_forever(l), -EBUSY);
    weir_loop_stop(l);
}

WEIR_TEST_BACKENDS(a_loop_runs_until_a_future_is_settled_and_again_for_the_next) {
    struct weir_loop *l = open_loop();
    for (int i = 0; i < 2; i++) {
        struct weir_future *f;
        int value = 0;
        assert_int_equal(weir_future_new(sizeof value, &f), 0);
        assert_int_equal(weir_call_later(WEIR_MILLISECONDS(1), resolves, f, NULL), 0);
        assert_int_equal(weir_run_until_complete(l, f, &value), 0);
        assert_int_equal(value, 7);
        weir_future_unref(&f);
    }
    weir_loop_close(&l);
}

WEIR_TEST_BACKENDS(a_stop_ends_a_run_and_leaves_the_future_and_the_calls_alone) {
    struct weir_loop *l = open_loop();
    struct weir_future *f;
    assert_int_equal(weir_future_new(4, &f), 0);
    assert_int_equal(weir_call_later(WEIR_MILLISECONDS(2), resolves, f, NULL), 0);
    assert_int_equal(weir_call_soon(stops, l, NULL), 0);
    assert_int_equal(weir_run_until_complete(l, f, NULL), -ECANCELED);
    assert_false(weir_future_is_done(f));
    assert_int_equal(weir_call_later(WEIR_MILLISECONDS(1), stops, l, NULL), 0);
    assert_int_equal(weir_run_forever(l), 0);
    assert_int_equal(weir_run_until_complete(l, f, NULL), 0);
    weir_loop_stop(l); /* before a run: that one returns after a step, which does not wait */
    assert_int_equal(weir_run_forever(l), 0);
    assert_int_equal(weir_call_soon(stops, l, NULL), 0);
    assert_int_equal(weir_run_forever(l), 0);
    weir_future_unref(&f);
    weir_loop_close(&l);
}

static bool was_called;

static void calls_and_stops(void *l) {
    was_called = true;
    weir_loop_stop(l);
}

WEIR_TEST_BACKENDS(a_stop_before_a_run_for_a_settled_future_ends_no_later_run) {
    struct weir_loop *l = open_loop();
    struct weir_future *f;
    assert_int_equal(weir_future_new(0, &f), 0);
    assert_int_equal(weir_future_resolve(f, NULL), 0);
    weir_loop_stop(l);
    assert_int_equal(weir_run_until_complete(l, f, NULL), 0);
    assert_int_equal(weir_call_later(WEIR_MILLISECONDS(1), calls_and_stops, l, NULL), 0);
    assert_int_equal(weir_run_forever(l), 0);
    assert_true(was_called);
    weir_future_unref(&f);
    weir_loop_close(&l);
}

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_SECONDS(3600));
}

WEIR_TEST_BACKENDS(a_close_after_a_stop_names_the_tasks_that_have_not_ended) {
    struct weir_loop *l = open_loop();
    weir_log_to(keep_line, NULL);
    assert_int_equal(weir_go0(NULL, sleeps), 0);
    assert_int_equal(weir_call_soon(stops, l, NULL), 0);
    assert_int_equal(weir_run_forever(l), 0);
    assert_string_equal(logged, "");
    weir_loop_close(&l);
    weir_log_to(NULL, NULL);
    assert_non_null(strstr(logged, "tasks that have not ended: 1"));
    assert_non_null(strstr(logged, "task 'sleeps' (../src/callback/forever_test.c:"));
    assert_non_null(strstr(logged, "waits: sleep"));
}

WEIR_TEST(a_simulated_run_that_nothing_can_end_says_so) {
    struct weir_loop *l;
    const struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    assert_int_equal(weir_loop_open(&o, &l), 0);
    assert_int_equal(weir_run_forever(l), -EDEADLK);
    weir_loop_close(&l);
}

WEIR_TEST_ABORTS(a_stop_of_another_loop_aborts, "is not the loop of this thread") {
    struct weir_loop *a = open_loop();
    open_loop();
    weir_loop_stop(a);
}

WEIR_TEST(a_run_of_a_loop_that_has_closed_or_is_a_fork_parents_is_refused) {
    struct weir_future *f;
    int status = 0;
    struct weir_loop *l = open_loop(), *kept = weir_loop_ref(l);
    assert_int_equal(weir_future_new(0, &f), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(weir_run_until_complete(l, f, NULL) != WEIR_EFORKED);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    weir_loop_close(&l);
    assert_int_equal(weir_run_until_complete(kept, f, NULL), WEIR_ECLOSED);
    weir_future_unref(&f);
    weir_loop_unref(&kept);
}

static int runs_within(void *f) {
    assert_int_equal(weir_future_resolve(f, NULL), 0);
    return weir_run_until_complete(weir_loop_current(), f, NULL);
}

WEIR_TEST(a_run_inside_a_step_is_refused_although_its_future_is_settled) {
    struct weir_loop *l = open_loop();
    struct weir_future *f;
    assert_int_equal(weir_future_new(0, &f), 0);
    assert_int_equal(weir_block_on(runs_within, f), -EBUSY);
    weir_future_unref(&f);
    weir_loop_close(&l);
}

/* SPDX-License-Identifier: MIT */
/* The hook for errors that nobody will read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "test/runner.h"

static int calls, lines;
static bool handles;
static char last[256];

static bool hook(const struct weir_unhandled *u, void *arg) {
    calls++;
    assert_ptr_equal(arg, last);
    assert_non_null(u->site);
    assert_int_equal(weir_yield(), WEIR_ENOLOOP); /* it belongs to no task */
    snprintf(last, sizeof last, "%s: %s", u->task, u->error->text);
    return handles;
}

static void count_lines(enum weir_log_level level, const char *line, void *arg) {
    lines++;
}

static void run(int (*fn)(void *arg), bool hook_handles) {
    struct weir_run_options o = {.size = sizeof o, .on_unhandled = hook, .unhandled_arg = last};
    calls = lines = 0;
    handles = hook_handles;
    weir_log_to(count_lines, NULL);
    assert_int_equal(weir_run(fn, NULL, &o), 0);
    weir_log_to(NULL, NULL);
}

static int fails(void *args) {
    return weir_fail(-EPIPE, "the pipe is broken");
}

static int fails_barely(void *args) {
    return -EPIPE;
}

static int one(void *arg) {
    return weir_go0(NULL, fails);
}

WEIR_TEST_BACKENDS(the_hook_gets_the_error_of_a_task_that_nobody_reads) {
    run(one, true);
    assert_int_equal(calls, 1);
    assert_int_equal(lines, 0);
    assert_string_equal(last, "fails: the pipe is broken");
}

WEIR_TEST_BACKENDS(an_error_that_the_hook_refuses_is_logged) {
    run(one, false);
    assert_int_equal(calls, 1);
    assert_int_equal(lines, 1);
}

static int without_a_record(void *arg) {
    return weir_go0(NULL, fails_barely);
}

WEIR_TEST_BACKENDS(the_hook_gets_a_record_also_if_the_task_had_none) {
    run(without_a_record, true);
    assert_int_equal(lines, 0);
    assert_string_equal(last, "fails_barely: broken pipe: nobody reads any more (EPIPE)");
}

static int second_error(void *arg) { /* a close returns the first error; the second is unread */
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, fails), 0);
    assert_int_equal(weir_go0(&g, fails_barely), 0);
    assert_int_equal(weir_group_close(&g, 0), -EPIPE);
    return 0;
}

WEIR_TEST_BACKENDS(the_hook_gets_the_later_errors_of_a_group) {
    run(second_error, true);
    assert_int_equal(calls, 1);
    assert_int_equal(lines, 0);
}

static int drained(void *arg) { /* a drain returns no error */
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, fails), 0);
    weir_group_drain(&g, WEIR_SECONDS(1));
    return 0;
}

WEIR_TEST_BACKENDS(the_hook_gets_the_error_of_a_drained_group) {
    run(drained, true);
    assert_int_equal(calls, 1);
    assert_int_equal(lines, 0);
    assert_string_equal(last, "fails: the pipe is broken");
}

static int keeps_the_handle(void *arg) {
    struct weir_task *t = NULL;
    return weir_spawn(NULL, WEIR_SITE(fails), fails, NULL, 0, NULL, &t);
}

WEIR_TEST_BACKENDS(the_hook_gets_the_error_of_a_handle_that_is_left) {
    run(keeps_the_handle, true);
    assert_int_equal(calls, 1);
    assert_int_equal(lines, 0);
}

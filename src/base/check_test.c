/* SPDX-License-Identifier: MIT */
#include "base/check.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <weir/base.h>

#include "test/runner.h"

WEIR_TEST(a_check_that_holds_does_nothing_and_evaluates_once) {
    int times = 0;
    WEIR_CHECK(++times == 1);
    assert_int_equal(times, 1);
}

WEIR_TEST_ABORTS(a_failed_check_says_the_expression, "check failed: 2 + 2 == 5") {
    WEIR_CHECK(2 + 2 == 5);
}

WEIR_TEST_ABORTS(a_failed_check_says_the_place, "base/check_test.c:") {
    WEIR_CHECK(1 > 2);
}

WEIR_TEST_ABORTS(a_bug_says_its_own_sentence, "bug: stream 7 was closed twice") {
    WEIR_BUG("stream %d was closed twice", 7);
}

WEIR_TEST(a_small_code_is_any_of_the_librarys_or_the_kernels) {
    assert_int_equal(WEIR_SMALL_CODE(-1), -1);
    assert_int_equal(WEIR_SMALL_CODE(WEIR_EUSER + 1), WEIR_EUSER + 1);
}

WEIR_TEST_ABORTS(a_programs_own_code_is_no_small_one, "-10000 is no code of the library") {
    (void)WEIR_SMALL_CODE(WEIR_EUSER);
}

WEIR_TEST_ABORTS(what_is_no_error_is_no_small_code, "25536 is no code of the library") {
    (void)WEIR_SMALL_CODE(-40000 + 65536);
}

static const char *the_task(void) {
    return "echo#3";
}

WEIR_TEST_ABORTS(a_bug_names_the_task_that_runs, "in task echo#3") {
    weir__check_who = the_task;
    WEIR_BUG("something");
}

static void shout(enum weir_log_level level, const char *line, void *arg) {
    assert_int_equal(level, WEIR_LOG_ERROR);
    fprintf(stderr, "%s %s", (const char *)arg, line);
}

WEIR_TEST_ABORTS(a_bug_reaches_the_users_sink_first, "HEARD bug: something") {
    weir_log_to(shout, "HEARD");
    WEIR_BUG("something");
}

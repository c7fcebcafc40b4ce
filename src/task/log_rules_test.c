/* SPDX-License-Identifier: MIT */
/* log_rules_test.c - bad rules for the log are errors with a clear text. */
#include <errno.h>
#include <string.h>
#include <weir/error.h>
#include <weir/log.h>
#include <weir/loop.h>

#include "base/levels.h"
#include "test/runner.h"

static int nothing(void *arg) {
    (void)arg;
    return 0;
}

WEIR_TEST_BACKENDS(a_bad_weir_log_is_why_a_run_does_not_begin) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    weir__levels_begin("net=dbug");
    assert_int_equal(weir_run(nothing, NULL, &o), -EINVAL);
    assert_non_null(strstr(weir_error_message(-EINVAL), "WEIR_LOG: 'dbug' is no level: error"));
    assert_int_equal(weir_log_rules("net=debug"), 0);
    assert_int_equal(weir_run(nothing, NULL, &o), 0);
}

WEIR_TEST(a_bad_rule_makes_an_error_record) {
    static struct weir_logger net = WEIR_LOGGER("net", WEIR_LOG_WARNING);
    assert_int_equal(weir_log_rules("net=debug"), 0);
    assert_int_equal(weir_log_rules("net=loud"), -EINVAL);
    assert_non_null(strstr(weir_error_message(-EINVAL), "'loud' is no level"));
    assert_true(weir_log_wants(&net, WEIR_LOG_DEBUG));
    assert_int_equal(weir_log_rules(NULL), 0);
    assert_false(weir_log_wants(&net, WEIR_LOG_INFO));
}

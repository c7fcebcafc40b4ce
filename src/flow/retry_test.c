/* SPDX-License-Identifier: MIT */
/* Again, and again and again: weir_retry, weir_every. */
#include "flow/flow_test_util.h"

#include <string.h>

enum { MANY = 30 };

static struct {
    int calls, succeeds_at;
    weir_ns at[MANY];
} dial;

static int dials(void *arg) {
    assert_true(dial.calls < MANY);
    dial.at[dial.calls++] = weir_now();
    return dial.calls == dial.succeeds_at ? 7 : -ECONNREFUSED;
}

/* Unless the clock is the simulated one, a pause takes longer. */
static void paused(int i, weir_ns least, weir_ns most) {
    weir_ns pause = dial.at[i] - dial.at[i - 1];
    assert_true(pause >= least);
    assert_true(pause <= most || test_backend == NULL || strcmp(test_backend, "sim") != 0);
}

static int doubles(void *arg) {
    struct weir_retry_policy p = {.size = sizeof p, .first_ns = MOMENT, .max_ns = 7 * MOMENT,
                                  .jitter_percent = -1};
    memset(&dial, 0, sizeof dial);
    dial.succeeds_at = 6;
    int rc = weir_retry(&p, dials, NULL);
    if (rc < 0)
        return rc;
    assert_int_equal(rc, 7);
    for (int i = 1, pause[] = {0, 1, 2, 4, 7, 7}; i < 6; i++)
        paused(i, pause[i] * MOMENT, pause[i] * MOMENT);
    return 0;
}

WEIR_TEST_BACKENDS(the_pauses_of_a_retry_double_up_to_the_longest) {
    run(doubles);
}

WEIR_TEST(a_retry_leaves_nothing_behind_wherever_it_is_disturbed) {
    explore(doubles);
}

static int jitters(void *arg) {
    struct weir_retry_policy p = {.size = sizeof p, .first_ns = 100 * MOMENT, .tries = MANY,
                                  .factor_percent = 100, .jitter_percent = 50};
    int differ = 0;
    memset(&dial, 0, sizeof dial);
    assert_int_equal(weir_retry(&p, dials, NULL), -ECONNREFUSED);
    assert_int_equal(dial.calls, MANY);
    for (int i = 1; i < MANY; i++)
        paused(i, 50 * MOMENT, 100 * MOMENT);
    for (int i = 2; i < MANY; i++)
        differ += dial.at[i] - dial.at[i - 1] != dial.at[1] - dial.at[0];
    assert_true(differ > MANY / 2);
    return 0;
}

WEIR_TEST(jitter_shortens_the_pauses_of_a_retry) {
    assert_int_equal(weir_sim_run(jitters, NULL, NULL), 0);
}

static bool only_once(int rc, void *arg) {
    assert_int_equal(rc, -ECONNREFUSED);
    return dial.calls < 2;
}

static int says_when(void *arg) {
    struct weir_retry_policy p = {.size = sizeof p, .first_ns = MOMENT, .should_retry = only_once};
    memset(&dial, 0, sizeof dial);
    assert_int_equal(weir_retry(&p, dials, NULL), -ECONNREFUSED);
    assert_int_equal(dial.calls, 2);
    p = (struct weir_retry_policy){.size = sizeof p, .tries = 1};
    assert_int_equal(weir_retry(&p, dials, NULL), -ECONNREFUSED);
    assert_int_equal(dial.calls, 3);
    return 0;
}

WEIR_TEST_BACKENDS(a_retry_ends_when_the_program_says_so) {
    run(says_when);
}

static int out_of_time(void *arg) {
    struct weir_scope s;
    memset(&dial, 0, sizeof dial);
    weir_scope_enter(&s, WEIR_MILLISECONDS(250));
    int rc = weir_retry(NULL, dials, NULL);
    assert_int_equal(rc, -ETIME);
    assert_int_equal(weir_error(rc)->reason, -ECONNREFUSED);
    assert_int_equal(weir_error(rc)->done, dial.calls);
    assert_non_null(strstr(weir_error_message(rc), "the last error: connection refused"));
    assert_non_null(strstr(weir_error_message(rc), "budget 250 ms"));
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(a_deadline_ends_a_retry_and_the_record_has_the_last_error) {
    run(out_of_time);
}

static int dials_too_long(void *scope) {
    weir_scope_cancel(scope, "enough");
    return dials(NULL);
}

/* A deadline may be noticed just as a pause ends: then the function runs once more, under it. */
static int fired_inside(void *arg) {
    struct weir_scope s;
    memset(&dial, 0, sizeof dial);
    weir_scope_enter(&s, WEIR_NEVER);
    int rc = weir_retry(NULL, dials_too_long, &s);
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(weir_error(rc)->reason, -ECONNREFUSED);
    assert_int_equal(weir_error(rc)->done, 1);
    assert_non_null(strstr(weir_error_message(rc), "the last error: connection refused"));
    assert_int_equal(weir_scope_leave(&s, rc), WEIR_ESTOPPED);
    return 0;
}

WEIR_TEST_BACKENDS(a_retry_whose_scope_fires_while_the_function_runs_tells_of_the_scope) {
    run(fired_inside);
}

/* The first call is refused; the second hangs. */
static int hangs_then(void *arg) {
    (void)arg;
    return ++dial.calls == 1 ? -ECONNREFUSED : weir_sleep(LONG);
}

static int fired_in_the_second(void *arg) {
    struct weir_scope s;
    memset(&dial, 0, sizeof dial);
    weir_scope_enter(&s, WEIR_MILLISECONDS(250));
    int rc = weir_retry(NULL, hangs_then, NULL);
    assert_int_equal(rc, -ETIME);
    assert_int_equal(dial.calls, 2);
    assert_int_equal(weir_error(rc)->reason, -ECONNREFUSED);
    assert_int_equal(weir_error(rc)->done, 2);
    assert_int_equal(weir_error(rc)->budget, WEIR_MILLISECONDS(250));
    const char *said = "after 2 tries, the last error: connection refused";
    assert_non_null(strstr(weir_error_message(rc), said));
    return weir_scope_leave(&s, 0);
}

WEIR_TEST(a_deadline_in_a_later_try_of_a_retry_leaves_the_last_error_in_the_record) {
    run_in_order(fired_in_the_second);
}

static int says_much_then(void *arg) {
    (void)arg;
    if (++dial.calls == 1)
        return -ECONNREFUSED;
    int rc = weir_sleep(LONG);
    return weir_fail(rc, "%0150d", 7);
}

static int fired_in_one_that_says_much(void *arg) {
    struct weir_scope s;
    memset(&dial, 0, sizeof dial);
    weir_scope_enter(&s, WEIR_MILLISECONDS(250));
    int rc = weir_retry(NULL, says_much_then, NULL);
    assert_int_equal(rc, -ETIME);
    const char *said = "after 2 tries, the last error: connection refused; 000";
    assert_non_null(strstr(weir_error_message(rc), said));
    return weir_scope_leave(&s, 0);
}

WEIR_TEST(the_last_error_of_a_retry_has_its_place_beside_a_long_text) {
    run_in_order(fired_in_one_that_says_much);
}

/* ---- every ---- */

static int beats(void *arg) {
    struct weir_every e;
    weir_every_init(&e, 10 * MOMENT);
    weir_ns begin = weir_now();
    for (int i = 1; i <= 5; i++) {
        int rc = weir_every_wait(&e);
        if (rc < 0)
            return rc;
        assert_int_equal(rc, 0);
        assert_int_equal(weir_now() - begin, i * 10 * MOMENT); /* the work in between is no drift */
        rc = weir_sleep(i * MOMENT);
        if (rc < 0)
            return rc;
    }
    int rc = weir_sleep(28 * MOMENT); /* 83 moments have passed */
    if (rc < 0 || (rc = weir_every_wait(&e)) < 0)
        return rc;
    assert_int_equal(rc, 2);
    assert_int_equal(weir_now() - begin, 83 * MOMENT);
    if ((rc = weir_every_wait(&e)) < 0)
        return rc;
    assert_int_equal(rc, 0);
    assert_int_equal(weir_now() - begin, 90 * MOMENT); /* on the beat again */
    return 0;
}

WEIR_TEST(a_beat_does_not_drift_and_skips_what_was_missed) {
    assert_int_equal(weir_sim_run(beats, NULL, NULL), 0);
    explore(beats);
}

static int some_beats(void *arg) {
    struct weir_every e;
    weir_every_init(&e, MOMENT);
    for (int i = 0; i < 3; i++)
        assert_true(weir_every_wait(&e) >= 0);
    weir_every_init(&e, WEIR_NEVER);
    struct weir_scope s;
    weir_scope_enter(&s, MOMENT);
    assert_int_equal(weir_every_wait(&e), -ETIME);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(a_beat_beats) {
    run(some_beats);
}

WEIR_TEST_ABORTS(a_beat_without_a_period_aborts, "the period must be more than 0") {
    weir_every_init(&(struct weir_every){0}, 0);
}

static int retries_nothing(void *arg) {
    return weir_retry(NULL, NULL, NULL);
}

WEIR_TEST_ABORTS(a_retry_without_a_function_aborts, "weir_retry: the function is NULL") {
    weir_run(retries_nothing, NULL, NULL);
}

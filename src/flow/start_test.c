/* SPDX-License-Identifier: MIT */
/* Start and report: weir_start, weir_started. */
#include "flow/flow_test_util.h"

#include <string.h>

static int state; /* of the task that is started: 1 begun, 2 reported, 3 ended */

struct serve_args {
    int port, rc;
};

static int serve(void *args) {
    const struct serve_args *a = args;
    state = 1;
    int rc = weir_sleep(MOMENT);
    if (rc == 0) {
        weir_started(&a->port, sizeof a->port);
        state = 2;
        weir_started(&(int){-1}, sizeof(int)); /* a second call changes nothing */
        rc = weir_sleep(MOMENT);
    }
    state = 3;
    return rc < 0 ? rc : a->rc;
}

static int starts(void *arg) {
    struct weir_group g;
    int port = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go_start(&g, serve, &port, .port = 8765);
    if (rc == 0 && (port != 8765 || state != 2 || weir_group_live(&g) != 1))
        rc = -EPROTO;
    rc = weir_group_close(&g, rc);
    return rc == 0 && state != 3 ? -EPROTO : rc;
}

WEIR_TEST_BACKENDS(a_start_returns_when_the_task_has_reported) {
    run(starts);
}

WEIR_TEST(a_start_leaves_nothing_behind_wherever_it_is_disturbed) {
    explore(starts);
}

static int fails_later(void *arg) {
    struct weir_group g;
    int port;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go_start(&g, serve, &port, .rc = -EPIPE), 0);
    assert_int_equal(weir_group_close(&g, 0), -EPIPE); /* a child like any other by then */
    return 0;
}

WEIR_TEST_BACKENDS(an_error_after_the_start_goes_to_the_group) {
    run(fails_later);
}

static int refuses(void *args) {
    int rc = weir_sleep(MOMENT);
    return rc < 0 ? rc : weir_fail(-EADDRINUSE, "the port is taken");
}

static int says_nothing(void *args) {
    return weir_sleep(MOMENT);
}

static int before_the_start(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_start(&g, WEIR_SITE(refuses), refuses, NULL, 0, NULL, NULL, 0);
    assert_int_equal(rc, -EADDRINUSE);
    assert_string_equal(weir_error_message(rc), "the port is taken");
    assert_int_equal(weir_start(&g, WEIR_SITE(mute), says_nothing, NULL, 0, NULL, NULL, 0),
                     -ECHILD);
    assert_non_null(strstr(weir_error_message(-ECHILD), "without a call of weir_started"));
    assert_int_equal(weir_group_failed(&g), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    return 0;
}

WEIR_TEST_BACKENDS(an_end_before_the_start_is_the_starters_to_handle) {
    run(before_the_start);
}

/* Its clean-up takes a while, in a shield. */
static int cleans_up(void *args) {
    struct weir_scope shield;
    state = 1;
    int rc = weir_sleep(LONG);
    weir_shield_enter(&shield, LONG);
    weir_sleep(MOMENT);
    weir_scope_leave(&shield, 0);
    weir_started(NULL, 0); /* too late: nobody waits for it */
    state = 3;
    return rc;
}

static int gives_up(void *arg) {
    struct weir_group g;
    struct weir_scope s;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&s, MOMENT);
    int rc = weir_start(&g, WEIR_SITE(cleans_up), cleans_up, NULL, 0, NULL, NULL, 0);
    assert_int_equal(rc, -ETIME);
    assert_int_equal(weir_error(rc)->budget, MOMENT);
    assert_int_equal(state, 3); /* joined */
    weir_scope_leave(&s, rc);
    assert_int_equal(weir_group_close(&g, 0), 0);
    return 0;
}

WEIR_TEST_BACKENDS(a_starter_that_is_cancelled_cancels_and_joins) {
    run(gives_up);
}

static struct weir_task *starter;

static int reports_and_cancels(void *args) {
    weir_started(&(int){5}, sizeof(int));
    weir_task_cancel(starter, "just after");
    return 0;
}

static int is_cancelled_after(void *args) {
    int report = 0;
    assert_int_equal(weir_start(NULL, WEIR_SITE(r), reports_and_cancels, NULL, 0, NULL, &report,
                                sizeof report),
                     0);
    assert_int_equal(report, 5);
    assert_int_equal(weir_yield(), -ECANCELED);
    return 0;
}

static int report_before_cancel(void *arg) {
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(starter), is_cancelled_after, NULL, 0, NULL,
                                &starter),
                     0);
    return weir_await(&starter, NULL, 0);
}

WEIR_TEST_BACKENDS(a_report_that_came_before_the_cancel_is_returned) {
    run(report_before_cancel);
}

static int not_started(void *arg) {
    weir_started(NULL, 0);
    return weir_go(NULL, serve, .port = 1); /* calls weir_started too */
}

WEIR_TEST_BACKENDS(weir_started_does_nothing_in_a_task_that_nobody_started) {
    run(not_started);
    weir_started(NULL, 0);
}

static int wrong_size(void *arg) {
    long report;
    return weir_start(NULL, WEIR_SITE(r), reports_and_cancels, NULL, 0, NULL, &report, 1);
}

WEIR_TEST_ABORTS(a_report_of_another_size_aborts, "the report has 4 bytes, and weir_start has room "
                                                  "for 1") {
    weir_run(wrong_size, NULL, NULL);
}

static int refused;

struct awaits_before_args { struct weir_task *its_starter; };
static int awaits_before(void *args) {
    struct awaits_before_args *a = args;
    refused = weir_await(&a->its_starter, NULL, 0);
    weir_started(NULL, 0);
    return 0;
}

static int is_awaited(void *arg) {
    (void)arg;
    assert_int_equal(weir_go_start(NULL, awaits_before, (int *)NULL,
                                   .its_starter = weir_task_current()), 0);
    assert_int_equal(refused, -EDEADLK);
    return 0;
}

WEIR_TEST_BACKENDS(a_task_that_waits_for_its_starter_before_it_has_started_is_refused) {
    run(is_awaited);
}

/* SPDX-License-Identifier: MIT */
/* Shutdown with grace, and daemons. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

#define MOMENT WEIR_MILLISECONDS(5)
#define LONG WEIR_SECONDS(600)

static char logged[4096];

static void keep(enum weir_log_level level, const char *line, void *arg) {
    size_t used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%s\n", line);
}

static int count(const char *part) {
    int n = 0;
    for (const char *at = logged; (at = strstr(at, part)) != NULL; at += strlen(part))
        n++;
    return n;
}

static int ended, asked;

static int works(void *args) { /* takes no new work once the loop is being shut down */
    int rc = 0;
    while (rc == 0 && !weir_stopping())
        rc = weir_sleep(MOMENT);
    ended++;
    return rc;
}

static int watches(void *args) {
    int rc = weir_wait_stopping();
    asked += rc == 0;
    assert_true(rc < 0 || weir_wait_stopping() == 0 || weir_cancelled() != 0);
    ended++;
    return rc;
}

static int asks(void *arg) {
    ended = asked = 0;
    assert_false(weir_stopping());
    int rc = weir_go0(NULL, works);
    rc = rc < 0 ? rc : weir_go0(NULL, watches);
    rc = rc < 0 ? rc : weir_sleep(3 * MOMENT);
    weir_stop_within(LONG, "closing time");
    return rc;
}

WEIR_TEST_BACKENDS(tasks_that_are_asked_finish_within_the_grace) {
    assert_int_equal(weir_run(asks, NULL, NULL), 0);
    assert_int_equal(ended, 2);
    assert_int_equal(asked, 1);
    assert_false(weir_stopping());
}

WEIR_TEST(a_shutdown_leaves_nothing_behind_wherever_it_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "shutdown", .fn = asks};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

static int called_at;

static int does_not_listen(void *args) {
    int rc = weir_sleep(LONG);
    char want[160];
    assert_int_equal(rc, -ECANCELED);
    snprintf(want, sizeof want, "by task 'main' at shutdown_test.c:%d: closing time", called_at);
    assert_non_null(strstr(weir_error_message(rc), want));
    ended++;
    return rc;
}

static int grace_passes(void *arg) {
    ended = 0;
    weir_ns begin = weir_now();
    assert_int_equal(weir_go0(NULL, does_not_listen), 0);
    weir_stop_within(LONG, "closing time"), called_at = __LINE__;
    weir_stop_within(2 * LONG, "cannot make it longer");
    weir_stop_within(4 * MOMENT, "shorter");
    assert_int_equal(weir_sleep(LONG), -ECANCELED);
    assert_true(weir_now() - begin >= 4 * MOMENT && weir_now() - begin < LONG);
    return 0;
}

WEIR_TEST_BACKENDS(what_is_left_after_the_grace_is_cancelled_with_the_cause) {
    assert_int_equal(weir_run(grace_passes, NULL, NULL), 0);
    assert_int_equal(ended, 1);
}

static int at_once(void *arg) {
    weir_stop_within(0, NULL);
    assert_int_equal(weir_yield(), -ECANCELED);
    assert_true(weir_stopping());
    return 0;
}

WEIR_TEST_BACKENDS(a_shutdown_without_grace_is_a_stop) {
    weir_stop_within(0, "outside of a loop nothing happens");
    assert_int_equal(weir_run(at_once, NULL, NULL), 0);
}

static int lingers(void *args) {
    struct weir_scope shield;
    weir_shield_enter(&shield, LONG);
    int rc = weir_sleep(WEIR_SECONDS(20));
    return weir_scope_leave(&shield, rc);
}

static int opens_a_group(void *args) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    return weir_group_close(&g, weir_go0(&g, lingers));
}

static int with_lingerers(void *arg) {
    assert_int_equal(weir_go0(NULL, opens_a_group), 0);
    assert_int_equal(weir_sleep(MOMENT), 0);
    weir_stop_within(WEIR_SECONDS(1), "closing time");
    return 0;
}

WEIR_TEST(tasks_that_do_not_end_are_named_again_and_again) {
    logged[0] = '\0';
    weir_log_to(keep, NULL);
    assert_int_equal(weir_sim_run(with_lingerers, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
    assert_int_equal(count("2 tasks have not ended 5 s after they were cancelled"), 1);
    assert_int_equal(count("2 tasks have not ended 15 s after"), 1);
    assert_int_equal(count("is shut down"), 2);
    assert_int_equal(count("task 'lingers'"), 2);
    assert_int_equal(count("waits: sleep"), 2);
    assert_int_equal(count("task 'opens_a_group'"), 2);
    assert_int_equal(count("waits: join"), 2);
}


static int leaves_it(void *arg) {
    return weir_go0(NULL, works);
}

WEIR_TEST_BACKENDS(the_runs_grace_begins_when_the_first_task_has_ended) {
    struct weir_run_options o = {.size = sizeof o, .grace_ns = LONG};
    ended = 0;
    assert_int_equal(weir_run(leaves_it, NULL, &o), 0);
    assert_int_equal(ended, 1);
}

/* ---- daemons ---- */

static const struct weir_spawn_options daemonic = {.size = sizeof daemonic, .daemon = true};

static int pool(void *args) {
    int rc = weir_sleep(WEIR_NEVER);
    assert_int_equal(rc, -ECANCELED);
    assert_string_equal(weir_error(rc)->scope, "only daemons are left");
    ended++;
    return rc;
}

static int naps(void *args) {
    int rc = weir_sleep(3 * MOMENT);
    assert_int_equal(ended, 0);
    return rc;
}

static int with_daemons(void *arg) {
    ended = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            weir_spawn(NULL, WEIR_SITE(pool), pool, NULL, 0, &daemonic, NULL), 0);
    return weir_go0(NULL, naps);
}

WEIR_TEST_BACKENDS(daemons_are_cancelled_and_joined_when_only_they_are_left) {
    assert_int_equal(weir_run(with_daemons, NULL, NULL), 0);
    assert_int_equal(ended, 3);
}

/* In its clean-up a daemon spawns tasks; a daemon among them is cancelled too. */
static int spawns_more(void *args) {
    int rc = weir_sleep(WEIR_NEVER);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(pool), pool, NULL, 0, &daemonic, NULL), 0);
    assert_int_equal(weir_go0(NULL, works), 0);
    return rc;
}

static int with_a_fertile_daemon(void *arg) {
    ended = 0;
    return weir_spawn(NULL, WEIR_SITE(pool), spawns_more, NULL, 0, &daemonic, NULL);
}

static int stops_works(void *arg) {
    int rc = weir_sleep(3 * MOMENT);
    weir_stop_within(LONG, "enough");
    return rc;
}

static int with_both(void *arg) {
    int rc = with_a_fertile_daemon(arg);
    return rc < 0 ? rc : weir_go0(NULL, stops_works);
}

WEIR_TEST_BACKENDS(what_a_daemon_spawns_in_its_clean_up_is_waited_for) {
    assert_int_equal(weir_run(with_both, NULL, NULL), 0);
    assert_int_equal(ended, 2);
}

static int explored_daemons(void *arg) {
    int rc = weir_spawn(NULL, WEIR_SITE(watches), watches, NULL, 0, &daemonic, NULL);
    return rc < 0 ? rc : weir_sleep(MOMENT);
}

WEIR_TEST(daemons_leave_nothing_behind_wherever_a_story_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "daemons", .fn = explored_daemons};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

static int in_a_group(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    return weir_spawn(&g, WEIR_SITE(pool), pool, NULL, 0, &daemonic, NULL);
}

WEIR_TEST_ABORTS(a_daemon_in_a_group_aborts, "a daemon is a child of the run's own group") {
    weir_run(in_a_group, NULL, NULL);
}

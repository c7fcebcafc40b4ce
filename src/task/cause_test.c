/* SPDX-License-Identifier: MIT */
/* What the error record of -ECANCELED and -ETIME says: the cause or the budget of the scope that
 * fired, however far out from the task it is. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>

#include "task/task.h"
#include "test/runner.h"

#define MOMENT WEIR_MILLISECONDS(5)
#define LONG WEIR_SECONDS(60)

static void run(int (*fn)(void *)) {
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
}

/* rc's record names this cause, or this budget. */
static void because(int rc, int expected, const char *cause, weir_ns budget) {
    const struct weir_error *e = weir_error(rc);
    assert_int_equal(rc, expected);
    assert_non_null(e);
    assert_string_equal(e->scope, cause);
    assert_int_equal(e->budget, budget);
    if (*cause && e->by_code == 0)
        assert_non_null(strstr(e->text, cause));
}

/* ---- a task at the end of a chain of groups, tasks, scopes and shields ---- */

struct deep_args {
    int levels, rc;
    const char *cause;
    weir_ns budget;
    int *ended;
};

static int deep(void *args) {
    struct deep_args a = *(struct deep_args *)args;
    struct weir_scope s, shield;
    struct weir_group g;
    int rc;
    if (a.levels == 0) {
        rc = weir_sleep(LONG);
        because(rc, a.rc, a.cause, a.budget);
        rc = weir_yield(); /* felt at entry */
        because(rc, a.rc, a.cause, a.budget);
        ++*a.ended;
        return rc;
    }
    weir_scope_enter(&s, LONG);
    weir_group_open(&g, a.levels % 2 ? WEIR_TOGETHER : WEIR_INDEPENDENT);
    a.levels--;
    rc = weir_spawn(&g, WEIR_SITE(deep), deep, &a, sizeof a, NULL, NULL);
    rc = rc < 0 ? rc : weir_sleep(LONG);
    because(rc, a.rc, a.cause, a.budget);
    weir_shield_enter(&shield, MOMENT); /* in it nothing is felt, and then the same */
    rc = weir_sleep(LONG);
    because(rc, a.rc, a.cause, a.budget);
    weir_scope_leave(&shield, rc);
    rc = weir_group_close(&g, rc);
    because(rc, a.rc, a.cause, a.budget);
    return weir_scope_leave(&s, rc);
}

enum { LEVELS = 4 };

static int ended;

static void spawn_deep(struct weir_group *g, int rc, const char *cause, weir_ns budget) {
    struct deep_args a = {LEVELS, rc, cause, budget, &ended};
    assert_int_equal(weir_spawn(g, WEIR_SITE(deep), deep, &a, sizeof a, NULL, NULL), 0);
    while (weir_sleep(1) == 0 && weir_group_live(g) == 0)
        continue;
}

static int group_cancelled(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    spawn_deep(&g, -ECANCELED, "enough", 0);
    weir_group_cancel(&g, "enough");
    weir_group_cancel(&g, "again");
    int rc = weir_group_close(&g, weir_yield());
    because(rc, WEIR_ESTOPPED, "enough", 0);
    return ended - 1;
}

WEIR_TEST_BACKENDS(the_cause_of_a_groups_cancel_reaches_the_deepest_task) {
    run(group_cancelled);
}

static int no_cause(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    spawn_deep(&g, -ECANCELED, "", 0);
    weir_group_cancel(&g, NULL);
    weir_group_close(&g, 0);
    return ended - 1;
}

WEIR_TEST_BACKENDS(a_cancel_without_a_cause_has_none_anywhere) {
    run(no_cause);
}

static int deadline(void *arg) {
    struct weir_scope s;
    struct weir_group g;
    weir_scope_enter(&s, LONG);
    weir_scope_renew(&s, 2 * MOMENT);
    weir_group_open(&g, WEIR_INDEPENDENT);
    spawn_deep(&g, -ETIME, "", 2 * MOMENT);
    int rc = weir_group_close(&g, 0);
    because(rc, -ETIME, "", 2 * MOMENT);
    assert_non_null(strstr(weir_error(rc)->text, "budget 10 ms"));
    return weir_scope_leave(&s, rc) == -ETIME ? ended - 1 : -1;
}

WEIR_TEST_BACKENDS(the_budget_of_a_renewed_scope_reaches_the_deepest_task) {
    run(deadline);
}

static int task_cancelled_from_outside(void *arg) {
    struct weir_task *t = NULL;
    struct deep_args a = {LEVELS, -ECANCELED, "not you", 0, &ended};
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(deep), deep, &a, sizeof a, NULL, &t), 0);
    assert_int_equal(weir_sleep(MOMENT), 0);
    weir_task_cancel(t, "not you");
    int rc = weir_await(&t, NULL, 0);
    because(rc, -ECANCELED, "not you", 0); /* the record is the task's */
    return ended - 1;
}

WEIR_TEST_BACKENDS(the_cause_of_a_tasks_cancel_reaches_its_groups) {
    run(task_cancelled_from_outside);
}

static int fails(void *args) {
    int rc = weir_sleep(MOMENT);
    return rc < 0 ? rc : -EIO;
}

static int sibling(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, fails), 0);
    spawn_deep(&g, -ECANCELED, "a sibling failed", 0);
    assert_int_equal(weir_group_close(&g, 0), -EIO);
    return ended - 1;
}

WEIR_TEST_BACKENDS(a_siblings_failure_is_the_cause_everywhere_below) {
    run(sibling);
}

static int grace(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    spawn_deep(&g, -ECANCELED, "grace is over", 0);
    assert_int_equal(weir_group_drain(&g, MOMENT), 1);
    return ended - 1;
}

WEIR_TEST_BACKENDS(the_end_of_a_grace_is_the_cause_everywhere_below) {
    run(grace);
}

static int signalled(void *arg) {
    struct weir_scope s;
    struct weir_group g;
    weir_scope_enter(&s, MOMENT);
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR1), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    because(weir_sleep(LONG), -ETIME, "", MOMENT);
    raise(SIGUSR1);
    for (int rc = 0; rc != -ECANCELED;)
        rc = weir_yield();
    because(weir_yield(), -ECANCELED, "signal", 0);
    spawn_deep(&g, -ECANCELED, "signal", 0);
    weir_group_close(&g, 0);
    assert_int_equal(weir_scope_signal(&s), SIGUSR1);
    assert_string_equal(weir_scope_cause(&s), "signal");
    because(weir_scope_leave(&s, -ECANCELED), WEIR_ESTOPPED, "signal", 0);
    return ended - 1;
}

WEIR_TEST_BACKENDS(a_signal_behind_a_deadline_is_the_cause_and_is_known) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("signals of the simulation are raised by testing.h");
    run(signalled);
}

/* ---- a connection's group ---- */

static struct weir_group server, connection;

static void connection_ended(struct weir_group *g) {
    weir__group_close_under(g);
}

static int orphan(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_group_open(&server, WEIR_INDEPENDENT);
    weir__group_open_under(&connection, &server, WEIR_INDEPENDENT, connection_ended);
    spawn_deep(&connection, -ECANCELED, "closing time", 0);
    weir_scope_cancel(&s, "closing time");
    weir_group_close(&server, 0);
    weir_scope_leave(&s, 0);
    return ended - 1;
}

WEIR_TEST_BACKENDS(a_cause_reaches_the_tasks_of_connections) {
    run(orphan);
}

static int orphan_alone(void *arg) {
    weir_group_open(&server, WEIR_INDEPENDENT);
    weir__group_open_under(&connection, &server, WEIR_INDEPENDENT, connection_ended);
    spawn_deep(&connection, -ECANCELED, "hung up", 0);
    weir_group_cancel(&connection, "hung up");
    weir_group_close(&server, 0);
    return ended - 1;
}

WEIR_TEST_BACKENDS(a_connections_own_cancel_names_its_cause) {
    run(orphan_alone);
}

/* ---- which of several ---- */

struct outlives_args {
    struct weir_scope *outer;
};

/* The inner deadline comes first and is named; the outer one later takes its place. */
static int outlives(void *args) {
    struct weir_scope *outer = ((struct outlives_args *)args)->outer, shield;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    because(weir_sleep(LONG), -ETIME, "", MOMENT);
    weir_scope_renew(outer, 1);
    weir_shield_enter(&shield, LONG);
    weir_scope_leave(&shield, weir_sleep(MOMENT));
    because(weir_yield(), -ETIME, "", 1);
    spawn_deep(&g, -ETIME, "", 1);
    weir_shield_enter(&shield, LONG);
    while (weir_group_live(&g) > 0)
        assert_int_equal(weir_sleep(MOMENT), 0);
    weir_scope_leave(&shield, 0);
    weir_scope_cancel(outer, "over");
    because(weir_yield(), -ECANCELED, "over", 0);
    return weir_group_close(&g, weir_yield());
}

static int several(void *arg) {
    struct weir_scope outer, inner;
    struct weir_group g;
    weir_scope_enter(&outer, LONG);
    weir_scope_enter(&inner, MOMENT);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, outlives, .outer = &outer), 0);
    int rc = weir_group_close(&g, 0);
    because(rc, -ECANCELED, "over", 0);
    rc = weir_scope_leave(&inner, rc);
    return weir_scope_leave(&outer, rc) == WEIR_ESTOPPED ? 0 : -1;
}

WEIR_TEST_BACKENDS(the_outermost_that_fired_is_named) {
    run(several);
}

static int inside_a_shield(void *arg) {
    struct weir_scope outer, shield, inner;
    struct weir_group g;
    weir_scope_enter(&outer, MOMENT);
    assert_int_equal(weir_sleep(LONG), -ETIME);
    weir_shield_enter(&shield, LONG);
    weir_scope_enter(&inner, 2 * MOMENT);
    weir_group_open(&g, WEIR_INDEPENDENT);
    spawn_deep(&g, -ETIME, "", 2 * MOMENT);
    because(weir_sleep(LONG), -ETIME, "", 2 * MOMENT); /* not the outer one's: it is held back */
    weir_group_close(&g, 0);
    weir_scope_leave(&inner, 0);
    weir_scope_cancel(&shield, "enough cleaning");
    because(weir_yield(), -ECANCELED, "enough cleaning", 0);
    weir_scope_leave(&shield, 0);
    because(weir_yield(), -ETIME, "", MOMENT);
    weir_scope_leave(&outer, 0);
    return ended - 1;
}

WEIR_TEST_BACKENDS(what_a_shield_holds_back_is_not_named) {
    run(inside_a_shield);
}

/* ---- who cancelled, and where ---- */

/* rc's record has this text. at is the line of the place that the text names. */
static void says(int rc, const char *format, int at) {
    char text[160];
    snprintf(text, sizeof text, format, at);
    assert_string_equal(weir_error_message(rc), text);
}

static struct weir_scope job;
static int operated_at;

static int operator(void *args) {
    assert_int_equal(weir_sleep(MOMENT), 0);
    weir_scope_cancel(&job, "the operator stops it"), operated_at = __LINE__;
    return 0;
}

static int stopped_by_operator(void *arg) {
    weir_scope_enter(&job, LONG);
    assert_int_equal(weir_go0(NULL, operator), 0);
    int rc = weir_sleep(LONG);
    says(rc, "sleep: cancelled by task 'operator' at cause_test.c:%d: the operator stops it",
         operated_at);
    assert_string_equal(weir_error(rc)->by, "operator");
    assert_int_equal(weir_error(rc)->site->line, operated_at);
    rc = weir_scope_leave(&job, rc);
    says(rc, "scope: cancelled by task 'operator' at cause_test.c:%d: the operator stops it",
         operated_at);
    return rc == WEIR_ESTOPPED ? 0 : -1;
}

WEIR_TEST_BACKENDS(a_cancel_names_the_task_that_cancelled_and_the_place) {
    run(stopped_by_operator);
}

static void posted(void *arg) {
    weir_scope_cancel(&job, NULL), operated_at = __LINE__;
}

static int stopped_by_post(void *arg) {
    weir_scope_enter(&job, LONG);
    assert_int_equal(weir_post(weir_loop_current(), posted, NULL), 0);
    int rc = weir_sleep(LONG);
    says(rc, "sleep: cancelled at cause_test.c:%d", operated_at);
    assert_string_equal(weir_error(rc)->by, "");
    weir_scope_leave(&job, 0);
    weir_scope_enter(&job, LONG);
    (weir_scope_cancel)(&job, "no place");
    rc = weir_sleep(LONG);
    says(rc, "sleep: cancelled by task 'main': no place", 0);
    return weir_scope_leave(&job, rc) == WEIR_ESTOPPED ? 0 : -1;
}

WEIR_TEST_BACKENDS(a_cancel_by_a_posted_function_names_the_place) {
    run(stopped_by_post);
}

static int late(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, MOMENT);
    int entered_at = __LINE__ - 1, rc = weir_sleep(LONG);
    says(rc, "sleep: the deadline has passed (ETIME), budget 5 ms, entered at cause_test.c:%d",
         entered_at);
    return weir_scope_leave(&s, rc) == -ETIME ? 0 : -1;
}

WEIR_TEST_BACKENDS(a_deadline_names_where_its_scope_was_entered) {
    run(late);
}

static int refused(void *args) {
    return -ECONNREFUSED;
}

static int waits_long(void *args) {
    int rc = weir_sleep(LONG);
    says(rc, "sleep: cancelled because task 'refused' (cause_test.c:%d) failed: "
             "connection refused (ECONNREFUSED)", operated_at);
    assert_string_equal(weir_error(rc)->by, "refused");
    assert_int_equal(weir_error(rc)->by_code, -ECONNREFUSED);
    ended = 1;
    return rc;
}

static int with_a_sibling(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, waits_long), 0);
    assert_int_equal(weir_go0(&g, refused), 0), operated_at = __LINE__;
    assert_int_equal(weir_group_close(&g, 0), -ECONNREFUSED);
    return ended - 1;
}

WEIR_TEST_BACKENDS(a_siblings_error_is_named_with_its_task) {
    run(with_a_sibling);
}

static int child_of_a_body(void *args) {
    int rc = weir_sleep(LONG);
    says(rc, "sleep: cancelled because the body of the group opened at cause_test.c:%d failed: "
             "connection refused (ECONNREFUSED)", operated_at);
    ended = 1;
    return rc;
}

static int with_a_body(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT), operated_at = __LINE__;
    assert_int_equal(weir_go0(&g, child_of_a_body), 0);
    assert_int_equal(weir_group_close(&g, -ECONNREFUSED), -ECONNREFUSED);
    return ended - 1;
}

WEIR_TEST_BACKENDS(a_close_with_an_error_is_named_with_it) {
    run(with_a_body);
}

static int child_of_a_drain(void *args) {
    int rc = weir_sleep(LONG);
    says(rc, "sleep: cancelled at cause_test.c:%d: grace is over", operated_at);
    ended = 1;
    return rc;
}

static int with_a_drain(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT), operated_at = __LINE__;
    assert_int_equal(weir_go0(&g, child_of_a_drain), 0);
    assert_int_equal(weir_group_drain(&g, MOMENT), 1);
    return ended - 1;
}

WEIR_TEST_BACKENDS(the_end_of_a_grace_names_the_group) {
    run(with_a_drain);
}

static int stops(void *arg) {
    weir_stop("closing time"), operated_at = __LINE__;
    int rc = weir_sleep(LONG);
    says(rc, "sleep: cancelled by task 'main' at cause_test.c:%d: closing time", operated_at);
    struct weir_task *t = NULL;
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(refused), refused, NULL, 0, NULL, &t), 0);
    weir_task_release(&t);
    return rc == -ECANCELED ? 0 : -1;
}

WEIR_TEST_BACKENDS(a_stop_names_who_stopped) {
    run(stops);
}

static int not_me(void *args) {
    int rc = weir_sleep(LONG);
    says(rc, "sleep: cancelled by task 'main' at cause_test.c:%d: not you", operated_at);
    return rc;
}

static int cancels_a_task(void *arg) {
    struct weir_task *t = NULL;
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(not_me), not_me, NULL, 0, NULL, &t), 0);
    assert_int_equal(weir_sleep(MOMENT), 0);
    weir_task_cancel(t, "not you"), operated_at = __LINE__;
    return weir_await(&t, NULL, 0) == -ECANCELED ? 0 : -1;
}

WEIR_TEST_BACKENDS(a_cancel_of_a_task_names_who_cancelled_it) {
    run(cancels_a_task);
}

static int by_a_signal(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER), operated_at = __LINE__;
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR1), 0);
    raise(SIGUSR1);
    int rc = weir_sleep(LONG);
    assert_int_equal(SIGUSR1, 10);
    says(rc, "sleep: cancelled by signal 10, scope entered at cause_test.c:%d", operated_at);
    return weir_scope_leave(&s, rc) == WEIR_ESTOPPED ? 0 : -1;
}

WEIR_TEST_BACKENDS(a_signal_is_named_with_its_scope) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("signals of the simulation are raised by testing.h");
    run(by_a_signal);
}

/* More places than a loop has room for. */
static int many_places(void *arg) {
    static struct weir_site sites[1000];
    struct weir_scope s;
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
        sites[i] = (struct weir_site){"here", "many.c", "f", (int)i};
        weir_scope_enter(&s, WEIR_NEVER);
        weir_scope_cancel_at(&sites[i], &s, "again");
        because(weir_yield(), -ECANCELED, "again", 0);
        const struct weir_site *at = weir_error(-ECANCELED)->site;
        assert_true(at == &sites[i] || (i > 500 && at == NULL));
        weir_scope_leave(&s, 0);
    }
    says(-ECANCELED, "yield: cancelled: again", 0);
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_cancel_at(&sites[7], &s, "known");
    assert_int_equal(weir_yield(), -ECANCELED);
    says(-ECANCELED, "yield: cancelled by task 'main' at many.c:%d: known", 7);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(a_cancel_at_more_places_than_are_kept_still_has_its_cause) {
    run(many_places);
}

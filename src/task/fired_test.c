/* SPDX-License-Identifier: MIT */
/* Whose deadline was it, and when is the next: weir_scope_fired, weir_group_fired, weir_deadline,
 * weir_sleep_until, weir_stop. */
#include "test/runner.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>

#define RUN_STORY(sentence)                                                                        \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        assert_int_equal(weir_run(sentence##_run, NULL, NULL), 0);                                 \
    }                                                                                              \
    static int sentence##_run(void *arg)

static int sleeps_long(void *args) {
    return weir_sleep(WEIR_SECONDS(60));
}

/* ---- which scope has fired ---- */

/* A retry of the inner work would be wrong: there is no time left for it. */
RUN_STORY(of_two_scopes_around_a_group_the_one_whose_budget_is_spent_has_fired) {
    struct weir_scope outer, inner;
    struct weir_group g;
    weir_scope_enter(&outer, WEIR_MILLISECONDS(5));
    weir_scope_enter(&inner, WEIR_SECONDS(60));
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, sleeps_long);
    rc = weir_group_close(&g, rc);
    assert_int_equal(rc, -ETIME);
    assert_int_equal(weir_group_fired(&g), 0);
    assert_int_equal(weir_scope_fired(&inner), 0);
    assert_int_equal(weir_scope_leave(&inner, rc), -ETIME);
    assert_int_equal(weir_scope_fired(&inner), 0);
    assert_int_equal(weir_scope_fired(&outer), -ETIME);
    assert_int_equal(weir_scope_leave(&outer, rc), -ETIME);
    assert_int_equal(weir_scope_fired(&outer), -ETIME);
    return 0;
}

RUN_STORY(an_inner_scope_that_has_fired_leaves_the_outer_time_to_try_again) {
    struct weir_scope outer, inner;
    weir_scope_enter(&outer, WEIR_SECONDS(60));
    weir_scope_enter(&inner, WEIR_MILLISECONDS(5));
    assert_int_equal(weir_scope_leave(&inner, weir_sleep(WEIR_SECONDS(60))), -ETIME);
    assert_int_equal(weir_scope_fired(&inner), -ETIME);
    assert_int_equal(weir_scope_fired(&outer), 0);
    weir_scope_enter(&inner, WEIR_SECONDS(60)); /* as new */
    assert_int_equal(weir_scope_fired(&inner), 0);
    assert_int_equal(weir_scope_leave(&inner, weir_yield()), 0);
    assert_int_equal(weir_scope_fired(&inner), 0);
    return weir_scope_leave(&outer, 0);
}

/* The results of what is inside do not matter: only what happened to the scope. */
RUN_STORY(a_scope_has_fired_also_if_the_work_inside_succeeded) {
    struct weir_scope s;
    weir_scope_enter(&s, 0);
    assert_int_equal(weir_scope_fired(&s), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 5), 5);
    assert_int_equal(weir_scope_fired(&s), -ETIME);
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_renew(&s, -1);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    assert_int_equal(weir_scope_fired(&s), -ETIME);
    return 0;
}

RUN_STORY(a_cancel_outranks_the_budget_as_it_does_for_leave) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_cancel(&s, "enough");
    assert_int_equal(weir_scope_fired(&s), WEIR_ESTOPPED);
    assert_int_equal(weir_scope_leave(&s, weir_yield()), WEIR_ESTOPPED);
    weir_scope_enter(&s, 0);
    assert_int_equal(weir_scope_fired(&s), -ETIME);
    weir_scope_cancel(&s, NULL);
    assert_int_equal(weir_scope_fired(&s), WEIR_ESTOPPED);
    assert_int_equal(weir_scope_leave(&s, weir_yield()), WEIR_ESTOPPED);
    assert_int_equal(weir_scope_fired(&s), WEIR_ESTOPPED);
    return 0;
}

RUN_STORY(a_signal_fires_its_scope_and_none_around_or_inside) {
    struct weir_scope around, s, inside;
    weir_scope_enter(&around, WEIR_NEVER);
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR1), 0);
    weir_scope_enter(&inside, WEIR_SECONDS(60));
    if (strcmp(test_backend, "sim") == 0)
        assert_int_equal(weir_sim_raise(SIGUSR1), 1);
    else
        assert_int_equal(kill(getpid(), SIGUSR1), 0);
    int rc = weir_sleep(WEIR_SECONDS(60));
    rc = weir_scope_leave(&inside, rc);
    assert_int_equal(weir_scope_fired(&inside), 0);
    assert_int_equal(weir_scope_fired(&around), 0);
    assert_int_equal(weir_scope_fired(&s), WEIR_ESTOPPED);
    assert_int_equal(weir_scope_leave(&s, rc), WEIR_ESTOPPED);
    return weir_scope_leave(&around, 0);
}

RUN_STORY(a_shield_fires_by_its_own_cancel_only) {
    struct weir_scope outer, shield;
    weir_scope_enter(&outer, 0);
    weir_shield_enter(&shield, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_sleep(WEIR_SECONDS(60)), -ETIME); /* of outer, at the shield's bound */
    assert_int_equal(weir_scope_fired(&shield), 0);
    assert_int_equal(weir_scope_leave(&shield, 0), 0);
    weir_shield_enter(&shield, WEIR_SECONDS(60));
    weir_scope_cancel(&shield, NULL);
    assert_int_equal(weir_scope_leave(&shield, weir_yield()), WEIR_ESTOPPED);
    assert_int_equal(weir_scope_fired(&shield), WEIR_ESTOPPED);
    return weir_scope_leave(&outer, 0);
}

static int fails(void *args) {
    return -EIO;
}

RUN_STORY(a_group_has_fired_if_it_was_cancelled_itself) {
    struct weir_scope s;
    struct weir_group g;
    weir_scope_enter(&s, 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_group_close(&g, 0), -ETIME);
    assert_int_equal(weir_group_fired(&g), 0);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, fails), 0);
    assert_int_equal(weir_group_close(&g, 0), -EIO);
    assert_int_equal(weir_group_fired(&g), WEIR_ESTOPPED);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go0(&g, sleeps_long), 0);
    assert_int_equal(weir_group_fired(&g), 0);
    assert_int_equal(weir_group_drain(&g, 0), 1);
    assert_int_equal(weir_group_fired(&g), WEIR_ESTOPPED);
    return 0;
}

static void *asks(void *scope) {
    return (void *)(intptr_t)weir_scope_fired(scope);
}

RUN_STORY(any_thread_may_ask_a_scope_that_was_left) {
    struct weir_scope s;
    pthread_t other;
    void *code;
    weir_scope_enter(&s, 0);
    weir_scope_leave(&s, 0);
    assert_int_equal(pthread_create(&other, NULL, asks, &s), 0);
    pthread_join(other, &code);
    assert_int_equal((intptr_t)code, -ETIME);
    return 0;
}

/* ---- when the time is over ---- */

static weir_ns after(weir_ns ns) {
    return weir_now() + ns;
}

/* The clock of a scope is read when it is entered, a moment after ours. */
static void is_near(weir_ns deadline, weir_ns at) {
    assert_true(deadline >= at && deadline - at < WEIR_SECONDS(30));
}

RUN_STORY(the_deadline_is_that_of_the_innermost_scope_that_has_one) {
    struct weir_scope outer, inner, none;
    assert_true(weir_deadline() == WEIR_NEVER);
    weir_ns minute = after(WEIR_SECONDS(60)), hour = after(WEIR_SECONDS(3600));
    weir_scope_enter(&outer, WEIR_SECONDS(60));
    is_near(weir_deadline(), minute);
    weir_scope_enter(&inner, WEIR_SECONDS(3600));
    is_near(weir_deadline(), hour);
    weir_scope_enter(&none, WEIR_NEVER);
    is_near(weir_deadline(), hour);
    assert_int_equal(weir_scope_leave(&none, 0), 0);
    weir_scope_renew(&inner, WEIR_NEVER);
    is_near(weir_deadline(), minute);
    assert_int_equal(weir_scope_leave(&inner, 0), 0);
    weir_scope_renew(&outer, WEIR_SECONDS(3600));
    is_near(weir_deadline(), hour);
    return weir_scope_leave(&outer, 0);
}

RUN_STORY(the_deadline_of_a_scope_that_has_fired_is_in_the_past) {
    struct weir_scope s;
    weir_ns before = weir_now();
    weir_scope_enter(&s, -1);
    assert_true(weir_deadline() >= before && weir_deadline() <= weir_now());
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    weir_ns at = weir_deadline();
    assert_int_equal(weir_sleep(WEIR_SECONDS(60)), -ETIME);
    assert_true(weir_deadline() == at && at <= weir_now());
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    weir_scope_enter(&s, WEIR_SECONDS(60));
    before = weir_now();
    weir_scope_renew(&s, 0);
    assert_true(weir_deadline() >= before && weir_deadline() <= weir_now());
    return weir_scope_leave(&s, 0);
}

RUN_STORY(a_shield_ends_the_search_until_its_bound_has_passed) {
    struct weir_scope outer, shield;
    weir_scope_enter(&outer, 0);
    weir_ns past = weir_deadline();
    weir_shield_enter(&shield, WEIR_MILLISECONDS(1));
    assert_true(weir_deadline() == WEIR_NEVER);
    assert_int_equal(weir_sleep(WEIR_SECONDS(60)), -ETIME);
    assert_true(weir_deadline() == past);
    assert_int_equal(weir_scope_leave(&shield, 0), 0);
    return weir_scope_leave(&outer, 0);
}

struct grandchild_args {
    weir_ns deadline;
};

static int grandchild(void *args) {
    assert_true(weir_deadline() == ((struct grandchild_args *)args)->deadline);
    return 0;
}

static int child(void *args) {
    struct weir_group g;
    weir_ns deadline = ((struct grandchild_args *)args)->deadline;
    assert_true(weir_deadline() == deadline);
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, grandchild, .deadline = deadline);
    return weir_group_close(&g, rc);
}

RUN_STORY(children_have_the_deadline_that_is_around_their_group) {
    struct weir_scope s, inside;
    struct weir_group g;
    const struct weir_spawn_options o = {.size = sizeof o, .name = "child"};
    struct grandchild_args args;
    weir_scope_enter(&s, WEIR_SECONDS(60));
    args.deadline = weir_deadline();
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&inside, WEIR_SECONDS(3600)); /* not around the group */
    int rc = weir_spawn(&g, WEIR_SITE(child), child, &args, sizeof args, &o, NULL);
    if (rc == 0)
        rc = weir_yield();
    rc = weir_scope_leave(&inside, rc);
    rc = weir_group_close(&g, rc);
    rc = weir_scope_leave(&s, rc);
    if (rc == 0) /* the run's own group has none */
        rc = weir_go(NULL, grandchild, .deadline = WEIR_NEVER);
    return rc;
}

WEIR_TEST(without_a_task_there_is_no_deadline) {
    assert_true(weir_deadline() == WEIR_NEVER);
}

/* ---- sleeping until then ---- */

RUN_STORY(a_sleep_until_a_time_ends_at_it) {
    struct weir_scope s;
    weir_ns at = weir_now() + WEIR_MILLISECONDS(3);
    assert_int_equal(weir_sleep_until(at), 0);
    assert_true(weir_now() >= at);
    assert_int_equal(weir_sleep_until(at), 0); /* gone by: a yield */
    assert_int_equal(weir_sleep_until(INT64_MIN), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_sleep_until(WEIR_NEVER), -ETIME);
    assert_int_equal(weir_sleep_until(at), -ETIME);
    return weir_scope_leave(&s, 0);
}

static int rings(void *args) {
    **(int **)args += 1;
    return 0;
}

RUN_STORY(a_sleep_until_a_time_gone_by_lets_the_others_run) {
    int rung = 0, *p = &rung;
    int rc = weir_spawn(NULL, WEIR_SITE(rings), rings, &p, sizeof p, NULL, NULL);
    assert_int_equal(rc, 0);
    assert_int_equal(weir_sleep_until(0), 0);
    assert_int_equal(rung, 1);
    return 0;
}

WEIR_TEST(outside_a_task_nothing_sleeps) {
    assert_int_equal(weir_sleep_until(0), WEIR_ENOLOOP);
}

static int sleeping_story(void *arg) {
    return weir_sleep_until(weir_now() + WEIR_MILLISECONDS(1));
}

WEIR_TEST(a_sleep_until_a_time_is_a_cancel_point) {
    const struct weir_story story = {
        .size = sizeof story, .name = "sleep until", .fn = sleeping_story};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&story, &e), 0);
    assert_int_equal(e.points, 1);
}

/* ---- the end of the run ---- */

static int stops(void *args) {
    weir_stop("the child has had enough");
    weir_stop("again");
    return weir_yield();
}

RUN_STORY(a_stop_cancels_every_task_of_the_run) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_go0(&g, sleeps_long);
    rc = rc == 0 ? weir_go0(NULL, sleeps_long) : rc;
    rc = rc == 0 ? weir_go0(&g, stops) : rc;
    assert_int_equal(weir_group_close(&g, rc), -ECANCELED);
    assert_non_null(strstr(weir_error_message(-ECANCELED), "the child has had enough"));
    assert_int_equal(weir_cancelled(), -ECANCELED);
    return 0;
}

static void stop_it(void *arg) {
    weir_stop("posted");
}

static int posts_a_stop(void *arg) {
    assert_int_equal(weir_post(weir_loop_current(), stop_it, NULL), 0);
    return weir_sleep(WEIR_SECONDS(60));
}

WEIR_TEST_BACKENDS(a_posted_function_may_stop_the_run) {
    assert_int_equal(weir_run(posts_a_stop, NULL, NULL), -ECANCELED);
    assert_non_null(strstr(weir_error_message(-ECANCELED), "posted"));
}

WEIR_TEST(outside_a_loop_a_stop_does_nothing) {
    weir_stop("nobody runs");
    assert_int_equal(weir_run(sleeping_story, NULL, NULL), 0);
}

/* SPDX-License-Identifier: MIT */
/* Cycles of tasks that wait for each other's end: found by the last of them, before it parks. */
#include "test/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "task/task.h"

static char logged[4096];

static void keep_lines(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    size_t used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%s\n", line);
}

static void run(int (*fn)(void *)) {
    weir_log_to(keep_lines, NULL);
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
}

enum { TASKS_MAX = 40 };

struct awaiter_args {
    struct weir_task **target; /* set after the spawn */
    int *ret;
};

static int awaiter(void *args) {
    struct awaiter_args *a = args;
    struct weir_task *t = weir_task_ref(*a->target);
    *a->ret = weir_await(&t, NULL, 0);
    weir_task_release(&t);
    return 0;
}

/* n tasks, each of which awaits the next, and the last one the first. */
static void ring_of(int n) {
    struct weir_task *t[TASKS_MAX] = {NULL};
    int ret[TASKS_MAX], refused = 0;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < n; i++)
        assert_int_equal(weir_go_task(&g, awaiter, &t[i], .target = &t[(i + 1) % n],
                                      .ret = &ret[i]), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    for (int i = 0; i < n; i++) {
        refused += ret[i] == -EDEADLK;
        assert_true(ret[i] == 0 || ret[i] == -EDEADLK);
        weir_task_release(&t[i]);
    }
    assert_int_equal(refused, 1);
}

static int rings(void *arg) {
    (void)arg;
    for (int n = 2; n <= TASKS_MAX; n++)
        ring_of(n);
    return 0;
}

WEIR_TEST_BACKENDS(the_task_that_would_close_a_ring_of_awaits_is_refused_and_the_others_end) {
    run(rings);
    assert_non_null(strstr(logged, "deadlock: task 'awaiter' waits for the end of task 'awaiter', "
                                   "which waits for the end of task 'awaiter'"));
}

static int awaits_its_opener(void *args) {
    struct weir_task *t = weir_task_ref(*(struct weir_task **)args);
    int rc = weir_await(&t, NULL, 0);
    assert_int_equal(rc, -EDEADLK);
    assert_non_null(strstr(weir_error_message(rc), "waits for the group opened at"));
    assert_non_null(strstr(weir_error_message(rc), "deadlock_test.c:"));
    weir_task_release(&t);
    return 0;
}

/* Between the opener and the child is a task that only closes its own group. */
static int between(void *args) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(awaits_its_opener), awaits_its_opener, args, sizeof(void *), NULL,
               NULL);
    return weir_group_close(&g, 0);
}

static int opener_of(int (*child)(void *)) {
    struct weir_group g;
    struct weir_task *self = weir_task_current();
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(child), child, &self, sizeof self, NULL, NULL);
    return weir_group_close(&g, 0);
}

static int children(void *arg) {
    (void)arg;
    assert_int_equal(opener_of(awaits_its_opener), 0);
    assert_int_equal(opener_of(between), 0);
    return 0;
}

WEIR_TEST_BACKENDS(a_child_cannot_await_the_task_that_waits_for_it_in_a_close) {
    run(children);
}

static int awaits_at_once(void *args) {
    struct weir_task *t = weir_task_ref(*(struct weir_task **)args);
    int rc = weir_await(&t, NULL, 0);
    weir_task_release(&t);
    return rc == -ECANCELED ? 0 : rc;
}

static int closes_second(void *arg) {
    struct weir_group g;
    struct weir_task *self = weir_task_current();
    (void)arg;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_spawn(&g, WEIR_SITE(awaits_at_once), awaits_at_once, &self, sizeof self, NULL, NULL);
    weir_yield();
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_leave(&s, 0);
    weir_group_cancel(&g, "ended"); /* the child leaves its wait, so there is no cycle */
    return weir_group_close(&g, 0) == 0 ? 0 : 1;
}

WEIR_TEST_BACKENDS(a_close_whose_child_was_cancelled_is_no_deadlock) {
    run(closes_second);
    assert_null(strstr(logged, "deadlock"));
}

/* ---- a close comes last: the wait of another task is refused --------------------------------- */

/* The cycle in the record, and the same in the log. */
static void refused(int rc, const char *cycle) {
    assert_int_equal(rc, -EDEADLK);
    assert_non_null(strstr(weir_error_message(rc), cycle));
    assert_non_null(strstr(logged, cycle));
}

static int awaits_and_fails(void *args) {
    struct weir_task *t = weir_task_ref(*(struct weir_task **)args);
    int rc = weir_await(&t, NULL, 0);
    weir_task_release(&t);
    return rc;
}

static void waits_for_me(struct weir_group *g, int (*child)(void *)) {
    struct weir_task *self = weir_task_current();
    weir_spawn(g, WEIR_SITE(child), child, &self, sizeof self, NULL, NULL);
}

static int closes_last(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    waits_for_me(&g, awaits_and_fails);
    weir_yield();
    refused(weir_group_close(&g, 0), "await: deadlock: task 'child' waits for the end of task "
                                     "'main', which waits for the group opened at");
    assert_non_null(strstr(weir_error_message(-EDEADLK), ", which has task 'child'"));
    return 0;
}

WEIR_TEST_BACKENDS(a_close_ends_the_wait_of_a_child_for_its_closer_and_returns_its_error) {
    run(closes_last);
}

static int drains_for_ever(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_INDEPENDENT);
    for (int i = 0; i < 3; i++)
        waits_for_me(&g, awaits_and_fails);
    weir_yield();
    assert_int_equal(weir_group_drain(&g, WEIR_NEVER), 0); /* nothing was cancelled */
    assert_int_equal(weir_group_failed(&g), 3);
    return 0;
}

WEIR_TEST_BACKENDS(a_drain_without_a_bound_ends_the_waits_of_all_children_for_its_task) {
    run(drains_for_ever);
}

static int has_such_a_child(void *args) {
    struct weir_group g;
    struct weir_task *first = *(struct weir_task **)args;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(awaits_and_fails), awaits_and_fails, &first, sizeof first, NULL, NULL);
    return weir_group_close(&g, 0);
}

static int closes_above(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    waits_for_me(&g, has_such_a_child);
    for (int i = 0; i < 3; i++)
        weir_yield(); /* the child waits in its own close */
    assert_string_equal(logged, "");
    refused(weir_group_close(&g, 0), "task 'awaits_and_fails' waits for the end of task 'main'");
    assert_non_null(strstr(logged, ", which has task 'child', which waits for the group opened"));
    return 0;
}

WEIR_TEST_BACKENDS(a_close_ends_the_wait_of_a_grandchild_and_not_the_close_between) {
    run(closes_above);
}

static int waits_for_the_end_of_another(void *args) {
    struct weir_task *t = weir_task_ref(*(struct weir_task **)args);
    int rc = weir_await(&t, NULL, 0);
    weir_task_release(&t);
    assert_true(rc == 0 || rc == -EDEADLK);
    return 0;
}

/* The child waits for an outsider, and that for the closer: only the child's wait is refused. */
static int closes_for_an_outsider(void *arg) {
    struct weir_group out, g;
    struct weir_task *self = weir_task_current(), *outsider = NULL;
    (void)arg;
    weir_group_open(&out, WEIR_TOGETHER);
    weir_spawn(NULL, WEIR_SITE(outsider), waits_for_the_end_of_another, &self, sizeof self, NULL,
               &outsider);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(child), awaits_and_fails, &outsider, sizeof outsider, NULL, NULL);
    weir_yield();
    refused(weir_group_close(&g, 0), "task 'child' waits for the end of task 'outsider', which "
                                     "waits for the end of task 'main', which waits for the group");
    weir_task_release(&outsider);
    return weir_group_close(&out, 0);
}

WEIR_TEST_BACKENDS(of_the_waits_in_a_cycle_the_descendant_of_the_closer_is_refused) {
    run(closes_for_an_outsider);
}

static int closes_with_deadline(void *arg) {
    struct weir_group g;
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_SECONDS(1));
    weir_group_open(&g, WEIR_TOGETHER);
    waits_for_me(&g, awaits_and_fails);
    weir_yield();
    assert_int_equal(weir_group_close(&g, 0), -EDEADLK);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(a_cycle_is_refused_at_once_although_a_deadline_would_end_it) {
    run(closes_with_deadline);
}

static int goes_wrong(void *args) {
    (void)args;
    return -EIO;
}

static int closes_after_a_failure(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    waits_for_me(&g, awaits_and_fails);
    weir_yield();
    weir_go0(&g, goes_wrong);
    weir_yield(); /* it has failed, and the first child is ready, but may not have run */
    assert_int_equal(weir_group_close(&g, 0), -EIO);
    return 0;
}

WEIR_TEST_BACKENDS(a_close_after_a_child_has_failed_refuses_nothing) {
    run(closes_after_a_failure);
    assert_null(strstr(logged, "deadlock"));
}

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_MILLISECONDS(1));
}

static void connection_ended(struct weir_group *g) {
    weir__group_close_under(g);
}

/* As a server with two connections, of which one has another below it, whose task waits for the
 * server's. */
static int closes_a_server(void *arg) {
    struct weir_group server, first, second, below;
    (void)arg;
    weir_group_open(&server, WEIR_INDEPENDENT);
    weir__group_open_under(&first, &server, WEIR_INDEPENDENT, connection_ended);
    weir__group_open_under(&second, &server, WEIR_INDEPENDENT, connection_ended);
    weir__group_open_under(&below, &second, WEIR_INDEPENDENT, connection_ended);
    weir_go0(&first, sleeps);
    waits_for_me(&below, awaits_and_fails);
    weir_yield();
    return weir_group_close(&server, 0);
}

WEIR_TEST_BACKENDS(a_close_ends_such_a_wait_in_a_connection_below_its_group) {
    run(closes_a_server);
    assert_non_null(strstr(logged, "await: deadlock: task 'child' waits for the end of task "
                                   "'main', which waits for the group opened at"));
}

static int awaits_in_a_connection(void *args) {
    struct weir_task *t = weir_task_ref(*(struct weir_task **)args);
    weir_sleep(WEIR_MILLISECONDS(1)); /* until the close waits */
    assert_int_equal(weir_await(&t, NULL, 0), -EDEADLK);
    weir_task_release(&t);
    return 0;
}

static int closes_a_server_first(void *arg) {
    struct weir_group server, first, second;
    (void)arg;
    weir_group_open(&server, WEIR_INDEPENDENT);
    weir__group_open_under(&first, &server, WEIR_INDEPENDENT, connection_ended);
    weir__group_open_under(&second, &server, WEIR_INDEPENDENT, connection_ended);
    weir_go0(&first, sleeps);
    waits_for_me(&second, awaits_in_a_connection);
    return weir_group_close(&server, 0);
}

WEIR_TEST_BACKENDS(a_task_of_a_connection_cannot_await_the_task_that_closes_the_server) {
    run(closes_a_server_first);
}

static int diamond(void *arg) {
    struct weir_group g;
    struct weir_task *end = NULL, *a = NULL, *b = NULL;
    int ret[2];
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(sleeps), sleeps, NULL, 0, NULL, &end);
    weir_go_task(&g, awaiter, &a, .target = &end, .ret = &ret[0]);
    weir_go_task(&g, awaiter, &b, .target = &end, .ret = &ret[1]);
    assert_int_equal(weir_await(&a, NULL, 0), 0);
    assert_int_equal(weir_await(&b, NULL, 0), 0);
    weir_task_release(&end);
    assert_true(ret[0] == 0 && ret[1] == 0);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(tasks_that_wait_for_one_third_are_no_cycle) {
    run(diamond);
    assert_string_equal(logged, "");
}

static int drains(void *arg) {
    struct weir_group g;
    struct weir_task *self = weir_task_current();
    (void)arg;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_spawn(&g, WEIR_SITE(awaits_at_once), awaits_at_once, &self, sizeof self, NULL, NULL);
    assert_int_equal(weir_group_drain(&g, WEIR_MILLISECONDS(1)), 1); /* the grace ends its wait */
    return 0;
}

WEIR_TEST_BACKENDS(a_child_may_await_the_task_that_drains_it_with_a_grace) {
    run(drains);
    assert_string_equal(logged, "");
}

static int goes_on_with_the_first(void *arg) {
    struct weir_group g;
    struct weir_task *self = weir_task_current(), *first = NULL, *one = NULL;
    (void)arg;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_spawn(&g, WEIR_SITE(sleeps), sleeps, NULL, 0, NULL, &first);
    weir_spawn(&g, WEIR_SITE(awaits_at_once), awaits_at_once, &self, sizeof self, NULL, NULL);
    assert_int_equal(weir_group_next(&g, &one), 1);
    assert_ptr_equal(one, first);
    weir_task_release(&first);
    weir_group_cancel(&g, "one has ended");
    return weir_group_close(&g, 0) == 0 ? 0 : 1;
}

WEIR_TEST_BACKENDS(a_child_may_await_the_task_that_waits_for_any_child) {
    run(goes_on_with_the_first);
    assert_string_equal(logged, "");
}

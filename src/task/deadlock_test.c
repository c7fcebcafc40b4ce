/* SPDX-License-Identifier: MIT */
/* Cycles of tasks that wait for each other's end: found by the last of them, before it parks. */
#include "test/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/task.h>

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

static int closes_with_deadline(void *arg) {
    struct weir_group g;
    struct weir_scope s;
    struct weir_task *self = weir_task_current();
    (void)arg;
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_spawn(&g, WEIR_SITE(awaits_at_once), awaits_at_once, &self, sizeof self, NULL, NULL);
    weir_yield();
    assert_int_equal(weir_group_close(&g, 0), -ETIME);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(a_close_in_a_cycle_is_logged_and_waits_on_until_a_deadline_ends_it) {
    run(closes_with_deadline);
    assert_non_null(strstr(logged, "join: deadlock, unless a cancel or a deadline ends it: task "
                                   "'main' waits for the group opened at"));
    assert_non_null(strstr(logged, "which has task 'awaits_at_once', which waits for the end of "
                                   "task 'main'"));
}

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_MILLISECONDS(1));
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

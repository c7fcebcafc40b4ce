/* SPDX-License-Identifier: MIT */
/* Groups and tasks: join, errors, cancel, drain, await, handles. */
#include "test/runner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "base/alloc.h"
#include "task/internal.h"

static char logged[4096];

static void keep_lines(enum weir_log_level level, const char *line, void *arg) {
    strncat(logged, line, sizeof logged - strlen(logged) - 2);
    strcat(logged, "\n");
}

static void run(int (*fn)(void *)) {
    logged[0] = '\0';
    weir_log_to(keep_lines, NULL);
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
}

struct sleeper_args {
    weir_ns ns;
    int rc;
    int *ended;
};

static int sleeper(void *args) {
    struct sleeper_args *a = args;
    int rc = weir_sleep(a->ns);
    if (a->ended != NULL)
        ++*a->ended;
    return rc < 0 ? rc : a->rc;
}

static int joins(void *arg) {
    struct weir_group g;
    int ended = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 50; i++)
        assert_int_equal(weir_go(&g, sleeper, .ns = WEIR_MILLISECONDS(i % 7), .ended = &ended), 0);
    assert_int_equal(weir_group_live(&g), 50);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(ended, 50);
    return 0;
}

WEIR_TEST_BACKENDS(close_joins_every_child) {
    run(joins);
}

static int first_error(void *arg) {
    struct weir_group g;
    int ended = 0;
    weir_ns start = weir_now();
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, sleeper, .ns = WEIR_SECONDS(60), .ended = &ended);
    weir_go(&g, sleeper, .ns = WEIR_MILLISECONDS(2), .rc = -EPIPE, .ended = &ended);
    assert_int_equal(weir_sleep(WEIR_SECONDS(60)), -ECANCELED); /* the body is cancelled too */
    assert_int_equal(weir_group_close(&g, -ECANCELED), -EPIPE);
    assert_int_equal(ended, 2);
    assert_true(weir_now() - start < WEIR_SECONDS(30));
    return weir_cancelled();
}

WEIR_TEST_BACKENDS(group_cancels_siblings_and_body_on_first_error) {
    run(first_error);
}

static int body_fails(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, sleeper, .ns = WEIR_SECONDS(60));
    weir_yield();
    assert_int_equal(weir_group_close(&g, -EBADMSG), -EBADMSG);
    return 0;
}

WEIR_TEST_BACKENDS(a_failing_body_cancels_the_children_and_its_error_stands) {
    run(body_fails);
}

static int body_fails_after_a_child(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, sleeper, .ns = 0, .rc = -EPIPE);
    assert_int_equal(weir_sleep(WEIR_SECONDS(60)), -ECANCELED);
    assert_int_equal(weir_group_close(&g, -EBADMSG), -EBADMSG);
    return 0;
}

WEIR_TEST_BACKENDS(a_childs_error_behind_the_bodys_own_is_logged) {
    run(body_fails_after_a_child);
    assert_non_null(strstr(logged, "a closed group had failed: EPIPE"));
}

static int independent(void *arg) {
    struct weir_group g;
    int ended = 0;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_go(&g, sleeper, .ns = 1, .rc = -EPIPE, .ended = &ended);
    weir_go(&g, sleeper, .ns = WEIR_MILLISECONDS(5), .ended = &ended);
    while (weir_group_failed(&g) == 0)
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_group_failed(&g), 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(ended, 2);
    return 0;
}

WEIR_TEST_BACKENDS(independent_children_fail_alone_and_are_logged_with_name_and_place) {
    run(independent);
    assert_non_null(strstr(logged, "task 'sleeper'"));
    assert_non_null(strstr(logged, "group_test.c:"));
    assert_non_null(strstr(logged, " failed: broken pipe: nobody reads any more (EPIPE)"));
}

static int cancels_group(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 10; i++)
        weir_go(&g, sleeper, .ns = WEIR_SECONDS(60));
    weir_yield();
    weir_group_cancel(&g, "over");
    assert_int_equal(weir_group_failed(&g), 0);
    assert_int_equal(weir_yield(), -ECANCELED);
    assert_int_equal(weir_group_close(&g, -ECANCELED), WEIR_ESTOPPED);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancelled_group_is_stopped_not_failed) {
    run(cancels_group);
    assert_string_equal(logged, "");
}

static int outer_scope(void *arg) {
    struct weir_scope s;
    struct weir_group g;
    int ended = 0;
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 10; i++)
        weir_go(&g, sleeper, .ns = WEIR_SECONDS(60), .ended = &ended);
    assert_int_equal(weir_group_close(&g, 0), -ETIME);
    assert_int_equal(ended, 10);
    assert_int_equal(weir_scope_leave(&s, -ETIME), -ETIME);
    return 0;
}

WEIR_TEST_BACKENDS(a_deadline_around_the_open_reaches_the_children) {
    run(outer_scope);
}

struct tree_args {
    int depth;
    int *ended;
};

static int tree(void *args) {
    struct tree_args a = *(struct tree_args *)args;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = a.depth > 0 ? weir_go(&g, tree, .depth = a.depth - 1, .ended = a.ended) : 0;
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(3600));
    ++*a.ended;
    return weir_group_close(&g, rc);
}

static int tall_tree(void *arg) {
    struct weir_group g;
    struct weir_task *root = NULL;
    int ended = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go_task(&g, tree, &root, .depth = 2000, .ended = &ended);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_task_cancel(root, "fell");
    assert_int_equal(weir_await(&root, NULL, 0), -ECANCELED);
    assert_int_equal(ended, 2001);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_cancel_falls_through_two_thousand_levels_without_recursion) {
    run(tall_tree);
}

static int drains(void *arg) {
    struct weir_group g;
    int ended = 0;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_go(&g, sleeper, .ns = 0, .ended = &ended);
    weir_go(&g, sleeper, .ns = WEIR_SECONDS(60), .ended = &ended);
    weir_go(&g, sleeper, .ns = WEIR_SECONDS(60), .ended = &ended);
    assert_int_equal(weir_group_drain(&g, WEIR_MILLISECONDS(10)), 2);
    assert_int_equal(ended, 3);
    return 0;
}

WEIR_TEST_BACKENDS(drain_waits_then_cancels_and_counts) {
    run(drains);
}

static int drains_cut(void *arg) {
    struct weir_scope s;
    struct weir_group g;
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_go(&g, sleeper, .ns = WEIR_SECONDS(60));
    weir_group_drain(&g, WEIR_SECONDS(30));
    return weir_scope_leave(&s, -ETIME) == -ETIME ? 0 : -1;
}

WEIR_TEST_BACKENDS(an_outer_deadline_ends_the_grace_of_a_drain) {
    run(drains_cut);
}

struct sum_args {
    int a, b, sum;
    char pad[100];
};

static int sum(void *args) {
    struct sum_args *a = args;
    weir_yield();
    a->sum = a->a + a->b;
    return 7;
}

static int awaits(void *arg) {
    struct weir_group g;
    struct weir_task *t = NULL;
    struct sum_args back;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go_task(&g, sum, &t, .a = 2, .b = 3), 0);
    assert_string_equal(weir_task_name(t), "sum");
    assert_int_equal(weir_await(&t, &back, sizeof back), 7);
    assert_null(t);
    assert_int_equal(back.sum, 5);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(await_returns_the_result_and_the_arguments_as_left) {
    run(awaits);
}

static int await_cut(void *arg) {
    struct weir_group g;
    struct weir_scope s;
    struct weir_task *t = NULL;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go_task(&g, sleeper, &t, .ns = WEIR_MILLISECONDS(20), .rc = 3);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_scope_leave(&s, weir_await(&t, NULL, 0)), -ETIME);
    assert_non_null(t); /* the awaited goes on */
    assert_int_equal(weir_await(&t, NULL, 0), 3);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(an_interrupted_await_leaves_the_task_and_its_handle) {
    run(await_cut);
}

static int fails_with_handle(void *arg) {
    struct weir_group g;
    struct weir_task *t = NULL, *kept;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go_task(&g, sleeper, &t, .ns = 1, .rc = -EPROTO);
    kept = weir_task_ref(t);
    assert_int_equal(weir_await(&t, NULL, 0), -EPROTO);
    assert_int_equal(weir_await(&kept, NULL, 0), -EPROTO);
    assert_int_equal(weir_group_failed(&g), 0);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(an_error_that_was_awaited_does_not_reach_the_group) {
    run(fails_with_handle);
}

static int released_unread(void *arg) {
    struct weir_group g;
    struct weir_task *t = NULL;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go_task(&g, sleeper, &t, .ns = 1, .rc = -EPROTO);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(2)), 0);
    weir_task_release(&t);
    assert_null(t);
    assert_int_equal(weir_group_close(&g, 0), -EPROTO);
    return 0;
}

WEIR_TEST_BACKENDS(an_unread_error_goes_to_the_group_on_release) {
    run(released_unread);
}

static int released_late(void *arg) {
    struct weir_group g;
    struct weir_task *t = NULL;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go_task(&g, sleeper, &t, .ns = 1, .rc = -EPROTO);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_task_release(&t);
    return 0;
}

WEIR_TEST_BACKENDS(an_error_whose_group_is_gone_is_logged) {
    run(released_late);
    assert_non_null(strstr(logged, "nobody read it"));
}

static int cancelled_and_released_late(void *arg) {
    struct weir_group g;
    struct weir_task *t = NULL;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go_task(&g, sleeper, &t, .ns = WEIR_SECONDS(60));
    assert_int_equal(weir_group_close(&g, -EBADMSG), -EBADMSG);
    weir_task_release(&t);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancelled_task_whose_group_is_gone_has_not_failed) {
    run(cancelled_and_released_late);
    assert_string_equal(logged, "");
}

static int self(void *arg) {
    struct weir_task *me = weir_task_ref(weir_task_current());
    assert_int_equal(weir_await(&me, NULL, 0), -EDEADLK);
    weir_task_release(&me);
    return 0;
}

WEIR_TEST(a_task_cannot_await_itself) {
    run(self);
}

static int begins_cancelled(void *arg) {
    struct weir_group g;
    int ended = 0;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_cancel(&g, NULL);
    assert_int_equal(weir_go(&g, sleeper, .ns = WEIR_SECONDS(60), .ended = &ended), 0);
    weir_group_close(&g, 0);
    assert_int_equal(ended, 1); /* it began, and cleaned up */
    return 0;
}

WEIR_TEST_BACKENDS(a_spawned_task_always_begins) {
    run(begins_cancelled);
}

static int of_every_size(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (size_t size = 1024; size <= 64 << 20; size *= 4) {
        struct weir_spawn_options o = {.size = sizeof o, .stack_size = size, .name = "sized"};
        struct sleeper_args a = {.ns = WEIR_MILLISECONDS(1)};
        for (int i = 0; i < 3; i++)
            assert_int_equal(
                weir_spawn(&g, WEIR_SITE(sleeper), sleeper, &a, sizeof a, &o, NULL), 0);
        weir_yield();
    }
    struct weir_spawn_options huge = {.size = sizeof huge, .stack_size = (size_t)1 << 40};
    assert_int_equal(weir_spawn(&g, WEIR_SITE(sleeper), sleeper, NULL, 0, &huge, NULL), -ENOMEM);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(stacks_come_in_every_size) {
    run(of_every_size);
}

static int many(void *arg) {
    struct weir_group g;
    int ended = 0;
    weir_group_open(&g, WEIR_INDEPENDENT);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(weir_go(&g, sleeper, .ns = WEIR_SECONDS(60), .ended = &ended), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_group_cancel(&g, NULL);
    weir_group_close(&g, 0);
    assert_int_equal(ended, 5000);
    return 0;
}

WEIR_TEST_BACKENDS(five_thousand_sleepers_are_cancelled_and_their_stacks_reused) {
    run(many);
}

static int group_left_open(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    return 0;
}

WEIR_TEST_ABORTS(leaving_a_group_open_aborts, "ended inside the group opened at " __FILE__) {
    weir_run(group_left_open, NULL, NULL);
}

static int scope_left_open(void *arg) {
    struct weir_group g;
    struct weir_scope outer, inner;
    weir_scope_enter(&outer, WEIR_NEVER);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&inner, WEIR_NEVER);
    weir_scope_leave(&inner, 0);
    return weir_group_close(&g, 0);
}

WEIR_TEST_ABORTS(leaving_a_scope_open_aborts, "ended inside the scope entered at " __FILE__) {
    weir_run(scope_left_open, NULL, NULL);
}

static void opens(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
}

static int posts(void *arg) {
    assert_int_equal(weir_post(weir_loop_current(), opens, NULL), 0);
    return weir_sleep(WEIR_MILLISECONDS(1));
}

WEIR_TEST_ABORTS(a_group_in_a_posted_function_aborts, "posted functions and callbacks have none") {
    weir_run(posts, NULL, NULL);
}

static int nested_run(void *arg) {
    assert_int_equal(weir_run(nested_run, NULL, NULL), -EBUSY);
    return 0;
}

WEIR_TEST(weir_run_inside_a_loop_is_refused) {
    run(nested_run);
}

WEIR_TEST(weir_run_returns_what_the_function_returns_and_can_run_again) {
    struct weir_run_options o = {.size = sizeof o, .name = "again"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_run(self, NULL, &o), 0);
    o.backend = "no-such";
    logged[0] = '\0';
    weir_log_to(keep_lines, NULL);
    assert_int_equal(weir_run(self, NULL, &o), WEIR_EBACKEND);
    assert_non_null(strstr(logged, "no-such"));
}

static int forks(void *arg) {
    int pipes[2];
    char answer = 0;
    assert_int_equal(pipe(pipes), 0);
    if (fork() == 0) {
        answer = weir_yield() == WEIR_EFORKED ? 'f' : 'x';
        _exit(write(pipes[1], &answer, 1) != 1);
    }
    assert_int_equal(read(pipes[0], &answer, 1), 1);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(answer, 'f');
    return 0;
}

#include <sys/wait.h>

WEIR_TEST(a_fork_child_cannot_use_the_loop) {
    run(forks);
    while (wait(NULL) > 0)
        continue;
}

static int blocks(void *arg) {
    usleep(1000);
    return *(int *)arg;
}

static int offloads(void *arg) {
    int n = 42;
    assert_int_equal(weir_offload(blocks, &n), 42);
    assert_int_equal(weir_offload_detached(blocks, &n, sizeof n), 42);
    return 0;
}

WEIR_TEST_BACKENDS(offload_runs_a_blocking_function_and_returns_its_result) {
    run(offloads);
}

static _Atomic bool begun, may_end;

static int overstays(void *arg) {
    begun = true;
    while (!may_end)
        usleep(1000);
    return 0;
}

static int asks_for_work(void *args) {
    return weir_offload_detached(overstays, NULL, 0);
}

static int abandons(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, asks_for_work), 0);
    while (!begun)
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_group_cancel(&g, NULL);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(an_abandoned_function_is_named_when_the_run_ends_first) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("simulated work ends at once");
    size_t before = weir__alloc_live();
    run(abandons);
    assert_non_null(strstr(logged, "offloaded function of task 'asks_for_work'"));
    may_end = true;
    while (weir__alloc_live() > before) /* it ends alone, and leaves nothing */
        usleep(1000);
}

static int small_is_given(void *arg) {
    struct weir_group g;
    struct weir_spawn_options o = {.stack_size = 16384}; /* size 0: all that is known */
    struct weir_task *t = NULL;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(self), self, NULL, 0, &o, &t), 0);
    assert_int_equal(t->result, 0); /* not yet bound: its class */
    weir_task_release(&t);
    return weir_group_close(&g, 0);
}

WEIR_TEST(options_without_a_size_count_whole) {
    run(small_is_given);
}

static int stuck(void *arg) {
    return weir_sleep(WEIR_NEVER);
}

WEIR_TEST(a_quiet_simulation_names_the_tasks_that_wait_and_ends) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    logged[0] = '\0';
    weir_log_to(keep_lines, NULL);
    assert_int_equal(weir_run(stuck, NULL, &o), -ECANCELED);
    assert_non_null(strstr(logged, "is quiet"));
    assert_non_null(strstr(logged, "task 'main'"));
    assert_non_null(strstr(logged, "waits: sleep"));
}

static int opens_with(void *policy) {
    struct weir_group g;
    weir_group_open(&g, (enum weir_policy)(intptr_t)policy);
    return weir_group_close(&g, 0);
}

WEIR_TEST_ABORTS(a_policy_that_is_none_is_a_bug, "weir_group_open: 2 is no policy") {
    (void)weir_run(opens_with, (void *)(intptr_t)2, NULL);
}

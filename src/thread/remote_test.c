/* SPDX-License-Identifier: MIT */
/* Tasks on another loop: results, errors and cancels travel, and a loop that ends meanwhile loses
 * none and doubles none. */
#include "test/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/drive.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/thread.h>

#include "base/alloc.h"
#include "task/task.h"

/* ---- a loop on a thread of its own, which runs until it is told to stop --------------------- */

static pthread_t host;
static struct weir_loop *host_loop;
static pthread_mutex_t host_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t host_is_up = PTHREAD_COND_INITIALIZER;

static int until_stopped(void *arg) {
    (void)arg;
    pthread_mutex_lock(&host_lock);
    host_loop = weir_loop_ref(weir_loop_current());
    pthread_cond_signal(&host_is_up);
    pthread_mutex_unlock(&host_lock);
    int rc = weir_sleep(WEIR_NEVER);
    return rc == -ECANCELED ? 0 : rc;
}

static void *host_main(void *arg) {
    (void)arg;
    assert_int_equal(weir_run(until_stopped, NULL, NULL), 0);
    return NULL;
}

static void host_starts(void) {
    if (test_backend != NULL && strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation is quiet where only another thread can act");
    assert_int_equal(pthread_create(&host, NULL, host_main, NULL), 0);
    pthread_mutex_lock(&host_lock);
    while (host_loop == NULL)
        pthread_cond_wait(&host_is_up, &host_lock);
    pthread_mutex_unlock(&host_lock);
}

static void stop(void *arg) {
    (void)arg;
    weir_stop("the test is over");
}

static void host_ends(void) {
    assert_int_equal(weir_post(host_loop, stop, NULL), 0);
    pthread_join(host, NULL);
    weir_loop_unref(&host_loop);
}

/* ---- functions that run there ---------------------------------------------------------------- */

struct adds_args { int a, b, sum; };
static int adds(void *args) {
    struct adds_args *a = args;
    weir_yield();
    a->sum = a->a + a->b;
    return a->sum;
}

static int fails(void *args) {
    (void)args;
    weir_yield();
    return weir_fail(-EPERM, "not on a %s", "Sunday");
}

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_NEVER);
}

static struct weir_remote *begun(struct weir_loop *l, int (*fn)(void *args), struct adds_args a) {
    struct weir_remote *r = NULL;
    assert_int_equal(weir_run_threadsafe(l, WEIR_SITE(remote), fn, &a, sizeof a, &r), 0);
    return r;
}

/* ---- waits in a plain thread ----------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_plain_thread_gets_result_and_arguments_of_a_remote_task) {
    host_starts();
    struct adds_args got = {0};
    struct weir_remote *r = begun(host_loop, adds, (struct adds_args){2, 3, 0});
    assert_int_equal(weir_remote_wait(&r, WEIR_NEVER, &got, sizeof got), 5);
    assert_null(r);
    assert_int_equal(got.sum, 5);
    r = begun(host_loop, fails, got);
    assert_int_equal(weir_remote_wait(&r, WEIR_SECONDS(3600), NULL, 0), -EPERM);
    assert_string_equal(weir_error_message(-EPERM), "not on a Sunday");
    host_ends();
}

WEIR_TEST_BACKENDS(a_wait_that_runs_out_keeps_the_handle) {
    host_starts();
    struct weir_remote *r = begun(host_loop, sleeps, (struct adds_args){0});
    assert_int_equal(weir_remote_wait(&r, 0, NULL, 0), -ETIME);
    assert_int_equal(weir_remote_wait(&r, 1000, NULL, 0), -ETIME);
    assert_non_null(r);
    assert_false(weir_remote_is_done(r));
    weir_remote_cancel(r, "no more");
    weir_remote_cancel(r, "a second cancel");
    assert_int_equal(weir_remote_wait(&r, WEIR_NEVER, NULL, 0), -ECANCELED);
    assert_string_equal(weir_error(-ECANCELED)->scope, "no more");
    assert_string_equal(weir_error(-ECANCELED)->site->file, __FILE__);
    host_ends();
}

static char logged[512];

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n", line);
}

WEIR_TEST_BACKENDS(an_error_that_no_wait_has_read_is_logged_once_and_a_cancel_is_none) {
    host_starts();
    weir_log_to(keep_line, NULL);
    struct weir_remote *r = begun(host_loop, fails, (struct adds_args){0});
    struct weir_remote *again = weir_remote_ref(r);
    weir_remote_release(&r);
    weir_remote_release(&r);
    while (!weir_remote_is_done(again))
        sched_yield();
    weir_remote_release(&again);
    r = begun(host_loop, sleeps, (struct adds_args){0});
    weir_remote_cancel(r, NULL);
    while (!weir_remote_is_done(r))
        sched_yield();
    weir_remote_release(&r);
    host_ends();
    assert_non_null(strstr(logged, "'remote'"));
    assert_non_null(strstr(logged, "nobody read it: not on a Sunday"));
    assert_ptr_equal(strchr(logged, '\n'), strrchr(logged, '\n')); /* one line */
}

WEIR_TEST(a_wait_that_would_block_the_tasks_own_loop_is_refused) {
    struct weir_loop *l = NULL;
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    struct weir_remote *r = begun(l, adds, (struct adds_args){1, 1, 0});
    assert_int_equal(weir_remote_wait(&r, WEIR_NEVER, NULL, 0), -EDEADLK);
    assert_int_equal(weir_remote_wait(&r, 0, NULL, 0), -ETIME);
    while (weir_loop_step(l, WEIR_NEVER) > 0)
        continue;
    assert_int_equal(weir_remote_wait(&r, WEIR_NEVER, NULL, 0), 2);
    weir_loop_close(&l);
}

static int waits_in_task(void *arg) {
    (void)arg;
    struct weir_remote *r = begun(weir_loop_current(), adds, (struct adds_args){1, 1, 0});
    assert_int_equal(weir_remote_wait(&r, WEIR_NEVER, NULL, 0), -EBUSY);
    return weir_remote_await(&r, NULL, 0);
}

WEIR_TEST_BACKENDS(a_task_does_not_block_its_loop_and_awaits_instead) {
    assert_int_equal(weir_run(waits_in_task, NULL, NULL), 2);
}

/* ---- waits in a task ------------------------------------------------------------------------- */

static int awaits_remote(void *arg) {
    struct weir_loop *l = arg != NULL ? arg : weir_loop_current();
    struct adds_args got = {0};
    struct weir_remote *r = begun(l, adds, (struct adds_args){20, 22, 0}), *more;
    more = weir_remote_ref(r);
    int rc = weir_remote_await(&r, &got, sizeof got);
    if (rc >= 0)
        rc = weir_remote_await(&more, NULL, 0); /* it has ended */
    weir_remote_release(&r);
    weir_remote_release(&more);
    assert_true(rc < 0 || got.sum == 42);
    return rc;
}

WEIR_TEST_BACKENDS(a_task_awaits_a_task_of_another_loop) {
    host_starts();
    for (int i = 0; i < 100; i++)
        assert_int_equal(weir_run(awaits_remote, host_loop, NULL), 42);
    host_ends();
}

WEIR_TEST_BACKENDS(a_task_awaits_a_remote_task_of_its_own_loop) {
    assert_int_equal(weir_run(awaits_remote, NULL, NULL), 42);
}

static int begins_and_awaits(void *arg) {
    struct adds_args a = {20, 22, 0};
    struct weir_remote *r = NULL;
    (void)arg;
    int rc = weir_run_threadsafe(weir_loop_current(), WEIR_SITE(adds), adds, &a, sizeof a, &r);
    if (rc == 0)
        rc = weir_remote_await(&r, &a, sizeof a);
    weir_remote_release(&r);
    return rc;
}

WEIR_TEST(an_await_is_right_under_each_cancel_each_missing_allocation_and_each_seed) {
    struct weir_story story = {.size = sizeof story, .fn = begins_and_awaits};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}

static int gives_up(void *arg) {
    struct weir_scope s;
    struct weir_remote *r = begun(arg, sleeps, (struct adds_args){0});
    weir_scope_enter(&s, 1000);
    assert_int_equal(weir_scope_leave(&s, weir_remote_await(&r, NULL, 0)), -ETIME);
    assert_non_null(r);
    weir_remote_cancel(r, "not needed");
    return weir_remote_await(&r, NULL, 0);
}

WEIR_TEST_BACKENDS(an_await_that_is_given_up_leaves_the_task_and_its_handle) {
    host_starts();
    assert_int_equal(weir_run(gives_up, host_loop, NULL), -ECANCELED);
    host_ends();
}

static struct weir_remote *own_remote;

static int awaits_itself(void *args) {
    (void)args;
    struct weir_remote *r = own_remote;
    return weir_remote_await(&r, NULL, 0);
}

static int begins_one_that_awaits_itself(void *arg) {
    (void)arg;
    own_remote = begun(weir_loop_current(), awaits_itself, (struct adds_args){0});
    return weir_remote_await(&own_remote, NULL, 0);
}

WEIR_TEST_BACKENDS(a_remote_task_that_awaits_itself_is_told_so) {
    assert_int_equal(weir_run(begins_one_that_awaits_itself, NULL, NULL), -EDEADLK);
}

/* ---- ends and refusals ----------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_task_that_its_loop_did_not_begin_is_told_so) {
    struct weir_loop *l = NULL;
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    struct weir_loop *held = weir_loop_ref(l);
    struct weir_remote *r = begun(l, adds, (struct adds_args){0}), *late = NULL;
    weir_remote_cancel(r, "too late");
    weir_loop_close(&l);
    assert_int_equal(weir_remote_wait(&r, WEIR_NEVER, NULL, 0), WEIR_ENOLOOP);
    assert_non_null(strstr(weir_error_message(WEIR_ENOLOOP), "ended before"));
    assert_int_equal(weir_run_threadsafe(held, WEIR_SITE(late), sleeps, NULL, 0, &late),
                     WEIR_ECLOSED);
    assert_null(late);
    weir_loop_unref(&held);
}

WEIR_TEST(without_memory_nothing_begins_and_the_handle_is_untouched) {
    struct weir_loop *l = NULL;
    struct weir_remote *r = NULL;
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    weir__alloc_fail_at(1);
    assert_int_equal(weir_run_threadsafe(l, WEIR_SITE(x), sleeps, NULL, 0, &r), -ENOMEM);
    weir__alloc_fail_at(0);
    assert_null(r);
    assert_int_equal(weir_run_threadsafe(l, WEIR_SITE(x), sleeps, NULL, 0, &r), 0);
    weir__alloc_fail_at(1); /* of the task */
    weir_loop_step(l, 0);
    weir__alloc_fail_at(0);
    if (weir_remote_is_done(r))
        assert_int_equal(weir_remote_wait(&r, 0, NULL, 0), -ENOMEM);
    weir_remote_release(&r);
    weir_loop_close(&l);
}

WEIR_TEST_BACKENDS(in_a_fork_child_a_remote_task_of_the_parent_is_refused) {
    struct weir_loop *l = NULL;
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    struct weir_remote *r = begun(l, adds, (struct adds_args){1, 2, 0}), *more = NULL;
    pid_t child = fork();
    if (child == 0) {
        bool refused = weir_remote_wait(&r, WEIR_NEVER, NULL, 0) == WEIR_EFORKED
                       && weir_run_threadsafe(l, WEIR_SITE(x), adds, NULL, 0, &more) < 0;
        weir_remote_cancel(r, "x");
        weir_remote_release(&r);
        _exit(refused && !weir_cancelled() ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    weir_loop_step(l, 0);
    weir_loop_step(l, 0);
    assert_int_equal(weir_remote_wait(&r, 0, NULL, 0), 3);
    weir_loop_close(&l);
}

/* ---- errors that nobody reads ---------------------------------------------------------------- */

static int hooked, lines;

static bool hook(const struct weir_unhandled *u, void *arg) {
    hooked++;
    assert_string_equal(u->task, "fails");
    assert_string_equal(u->error->text, "not on a Sunday");
    return arg != NULL;
}

static void count_lines(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)line, (void)arg;
    lines++;
}

static void forgets_one_that_fails(void *arg) {
    const struct weir_run_options o = {
        .size = sizeof o, .on_unhandled = hook, .unhandled_arg = arg};
    struct weir_loop *l = NULL;
    hooked = lines = 0;
    assert_int_equal(weir_loop_open(&o, &l), 0);
    assert_int_equal(weir_run_threadsafe(l, WEIR_SITE(fails), fails, NULL, 0, NULL), 0);
    for (int i = 0; i < 4; i++)
        weir_loop_step(l, 0);
    weir_loop_close(&l);
}

WEIR_TEST_BACKENDS(the_hook_gets_the_error_of_a_remote_task_that_nobody_reads) {
    weir_log_to(count_lines, NULL);
    forgets_one_that_fails(&hooked);
    assert_int_equal(hooked, 1);
    assert_int_equal(lines, 0);
    forgets_one_that_fails(NULL);
    assert_int_equal(hooked, 1);
    assert_int_equal(lines, 1);
    weir_log_to(NULL, NULL);
}

WEIR_TEST_BACKENDS(in_a_fork_child_a_remote_task_of_a_loop_that_had_closed_is_refused) {
    struct weir_loop *l = NULL;
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    struct weir_remote *r = begun(l, adds, (struct adds_args){1, 2, 0});
    weir_loop_close(&l);
    pid_t child = fork();
    if (child == 0) {
        bool refused = !weir_remote_is_done(r) && weir_remote_wait(&r, 0, NULL, 0) == WEIR_EFORKED;
        weir_log_to(count_lines, NULL);
        weir_remote_release(&r); /* the error is its parent's, too */
        _exit(refused && lines == 0 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(weir_remote_wait(&r, 0, NULL, 0), WEIR_ENOLOOP);
}

WEIR_TEST_ABORTS(starting_on_no_loop_aborts, "weir_run_threadsafe: the loop is NULL") {
    weir_run_threadsafe(NULL, WEIR_SITE(x), sleeps, NULL, 0, NULL);
}

/* ---- storms ---------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 150, LOOPS = 12 };

static _Atomic size_t begun_count, ran_count, told_results, told_cancels, told_no_loop;

static int counts(void *args) {
    struct adds_args *a = args;
    ran_count++;
    int rc = a->a % 3 == 0 ? weir_sleep(WEIR_NEVER) : weir_yield();
    return rc < 0 ? rc : a->a;
}

static bool tells(int rc, int number) {
    told_results += rc == number;
    told_cancels += rc == -ECANCELED;
    told_no_loop += rc == WEIR_ENOLOOP;
    return rc == number || rc == -ECANCELED || rc == WEIR_ENOLOOP;
}

/* Until the loop refuses: begin a task, perhaps cancel it, and wait for it. */
static void *storms(void *arg) {
    struct weir_loop *l = arg;
    for (int i = 0;; i++) {
        struct adds_args a = {i, 0, 0};
        struct weir_remote *r = NULL;
        int rc = weir_run_threadsafe(l, WEIR_SITE(counts), counts, &a, sizeof a, &r);
        if (rc == WEIR_ECLOSED)
            break;
        assert_int_equal(rc, 0);
        begun_count++;
        if (i % 3 == 0)
            weir_remote_cancel(r, "storm");
        while ((rc = weir_remote_wait(&r, 50000, NULL, 0)) == -ETIME)
            continue;
        assert_true(tells(rc, i));
    }
    weir_loop_unref(&l);
    return NULL;
}

static int host_for_a_while(void *arg) {
    pthread_t *threads = arg;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, storms, weir_loop_ref(weir_loop_current()));
    while (ran_count < ROUNDS)
        weir_yield();
    return 0;
}

WEIR_TEST_BACKENDS(of_tasks_begun_while_the_loop_ends_each_is_told_once) {
    pthread_t threads[THREADS];
    for (int n = 0; n < LOOPS; n++) {
        begun_count = ran_count = told_results = told_cancels = told_no_loop = 0;
        assert_int_equal(weir_run(host_for_a_while, threads, NULL), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(told_results + told_cancels + told_no_loop, begun_count);
        assert_int_equal(ran_count + told_no_loop, begun_count);
    }
}

/* Two loops whose tasks begin tasks on each other, and give up waiting at any moment. */
struct crosses_args { struct weir_loop *other; int left; };
static int crosses(void *args) {
    struct crosses_args *a = args;
    for (int i = 0; i < a->left; i++) {
        struct weir_scope s;
        struct adds_args add = {i, i, 0};
        struct weir_remote *r = NULL;
        int rc = weir_run_threadsafe(a->other, WEIR_SITE(adds), adds, &add, sizeof add, &r);
        assert_int_equal(rc, 0);
        weir_scope_enter(&s, i % 4 == 0 ? i % 50 * 1000 : WEIR_SECONDS(3600));
        rc = weir_scope_leave(&s, weir_remote_await(&r, NULL, 0));
        assert_true(rc == 2 * i || (rc == -ETIME && i % 4 == 0));
        weir_remote_release(&r);
    }
    return 0;
}

static int crosses_from_here(void *arg) {
    struct weir_group g;
    struct crosses_args there = {weir_loop_current(), 300};
    struct weir_remote *r = NULL;
    int rc = weir_run_threadsafe(arg, WEIR_SITE(crosses), crosses, &there, sizeof there, &r);
    assert_int_equal(rc, 0);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_go(&g, crosses, .other = arg, .left = 300), 0);
    rc = weir_group_close(&g, 0);
    int its = weir_remote_await(&r, NULL, 0);
    return rc < 0 ? rc : its;
}

WEIR_TEST_BACKENDS(tasks_of_two_loops_await_each_other_and_give_up_at_any_moment) {
    host_starts();
    assert_int_equal(weir_run(crosses_from_here, host_loop, NULL), 0);
    host_ends();
}

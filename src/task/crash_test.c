/* SPDX-License-Identifier: MIT */
/* Crash reports that name the task, errno across switches, and posts from other threads. */
#include "test/runner.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>

static const struct weir_run_options with_reports = {.size = sizeof with_reports,
                                                     .crash_reports = true};
static const struct weir_run_options debugged = {
    .size = sizeof debugged, .debug = true, .slow_ns = WEIR_SECONDS(60)};
static volatile char sink;

static __attribute__((noinline)) int endless(int depth) {
    volatile char frame[512];
    frame[0] = (char)depth;
    int rc = sink == 'y' ? 0 : endless(depth + 1); /* never, but the compiler cannot know */
    sink = frame[0];
    return rc;
}

static int recursion(void *args) {
    return endless(0);
}

static __attribute__((noinline)) int large_frame(void *args) {
    volatile char frame[200 * 1024];
    for (size_t i = 0; i < sizeof frame; i += 4096)
        frame[i] = 1;
    sink = frame[0];
    return 0;
}

static int in_small_stack(int (*fn)(void *)) {
    struct weir_group g;
    struct weir_spawn_options o = {.size = sizeof o, .stack_size = 64 * 1024, .name = "greedy"};
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_spawn(&g, WEIR_SITE(fn), fn, NULL, 0, &o, NULL);
    return weir_group_close(&g, rc);
}

static int overflows(void *arg) {
    return in_small_stack(recursion);
}

static int overflows_at_once(void *arg) {
    return in_small_stack(large_frame);
}

static int overflows_offloaded(void *arg) {
    return weir_offload(recursion, NULL);
}

static int aborts(void *arg) {
    abort();
}

WEIR_TEST_ABORTS(a_stack_overflow_is_reported_with_the_task, "stack overflow in task 'greedy'") {
    weir_run(overflows, NULL, &with_reports);
}

WEIR_TEST_ABORTS(a_frame_larger_than_the_stack_hits_the_guard, "stack overflow in task 'greedy'") {
    weir_run(overflows_at_once, NULL, &with_reports);
}

WEIR_TEST_ABORTS(an_overflow_in_an_offloaded_function_is_reported, "offloaded function") {
    weir_run(overflows_offloaded, NULL, &with_reports);
}

WEIR_TEST_ABORTS(debug_mode_reports_a_stack_overflow_too, "stack overflow in task 'greedy'") {
    signal(SIGSEGV, SIG_DFL); /* a sanitizer has a handler */
    weir_run(overflows, NULL, &debugged);
}

static void on_overflow(int signal) {
    static const char text[] = "handled by the program\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(7);
}

/* Debug mode leaves the handler of the program alone: with a report its line would come first. */
static void run_handled(void *arg) {
    static char stack[64 * 1024];
    struct sigaction own = {.sa_handler = on_overflow, .sa_flags = SA_ONSTACK};
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    sigaction(SIGSEGV, &own, NULL);
    weir_run(overflows, NULL, arg);
}

WEIR_TEST(debug_mode_leaves_a_handler_of_the_programs_own) {
    struct weir_run_options both = debugged;
    char said[1024];
    both.crash_reports = true;
    runner_child(run_handled, (void *)(uintptr_t)&debugged, said, sizeof said);
    assert_string_equal(said, "handled by the program\n");
    runner_child(run_handled, &both, said, sizeof said);
    assert_non_null(strstr(said, "stack overflow in task 'greedy'"));
    assert_non_null(strstr(said, "handled by the program\n"));
}

WEIR_TEST_ABORTS(an_abort_names_the_task, "aborted in task 'main'") {
    weir_run(aborts, NULL, &with_reports);
}

static int nothing(void *arg) {
    return 0;
}

static void expect_handlers_left(const struct weir_run_options *o) {
    struct sigaction before, after;
    sigaction(SIGSEGV, NULL, &before);
    assert_int_equal(weir_run(nothing, NULL, o), 0);
    sigaction(SIGSEGV, NULL, &after);
    assert_true(before.sa_handler == after.sa_handler);
}

WEIR_TEST(crash_reports_leave_the_handlers_as_they_were) {
    expect_handlers_left(&with_reports);
    expect_handlers_left(&debugged);
}

struct keeps_errno_args {
    int value;
};

static int keeps_errno(void *args) {
    struct keeps_errno_args *a = args;
    for (int i = 0; i < 100; i++) {
        errno = a->value;
        weir_yield();
        if (errno != a->value)
            return -EIO;
    }
    return 0;
}

static int errnos(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 1; i < 10; i++)
        weir_go(&g, keeps_errno, .value = i);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(errno_is_kept_per_task) {
    assert_int_equal(weir_run(errnos, NULL, NULL), 0);
}

enum { POSTS = 1000, POSTERS = 4 };

struct posting {
    struct weir_loop *loop;
    int next[POSTERS], wrong, total;
};

struct post {
    struct posting *all;
    int poster, number;
};

static void posted(void *arg) {
    struct post *p = arg;
    p->all->wrong += p->all->next[p->poster]++ != p->number;
    p->all->total++;
    free(p);
}

struct poster {
    struct posting *all;
    int index;
};

static void *post_many(void *arg) {
    struct poster *me = arg;
    for (int i = 0; i < POSTS; i++) {
        struct post *p = malloc(sizeof *p);
        *p = (struct post){me->all, me->index, i};
        weir_post(me->all->loop, posted, p);
    }
    return NULL;
}

static int receives(void *arg) {
    struct posting all = {.loop = weir_loop_current()};
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){&all, i};
        pthread_create(&threads[i], NULL, post_many, &posters[i]);
    }
    while (all.total < POSTS * POSTERS)
        weir_sleep(WEIR_MILLISECONDS(1));
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(all.wrong, 0);
    return 0;
}

WEIR_TEST_BACKENDS(posts_of_four_threads_arrive_in_each_ones_order) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("threads are not simulated");
    assert_int_equal(weir_run(receives, NULL, NULL), 0);
}

static void suspends(void *arg) {
    *(int *)arg = weir_yield();
}

static int posts_bad(void *arg) {
    int rc = 0;
    weir_post(weir_loop_current(), suspends, &rc);
    weir_sleep(WEIR_MILLISECONDS(1));
    assert_int_equal(rc, WEIR_ENOLOOP);
    return 0;
}

WEIR_TEST_BACKENDS(a_posted_function_that_suspends_gets_an_error) {
    assert_int_equal(weir_run(posts_bad, NULL, NULL), 0);
}

/* SPDX-License-Identifier: MIT */
/* process_test.c - functions in a child process, and how they misbehave. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/offload.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

#define KERNEL_ONLY()                                                                              \
    if (strcmp(test_backend, "sim") == 0)                                                          \
    runner_skip("a simulation stands still until the child has ended")

static void run(int (*fn)(void *)) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(fn, NULL, &o), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left, not even a dead one */
    assert_int_equal(errno, ECHILD);
}

static int within(weir_ns budget_ns, int (*fn)(const void *, void *), const void *args,
                  void *ret_result, size_t size) {
    struct weir_scope s;
    weir_scope_enter(&s, budget_ns);
    int rc = weir_offload_process(fn, args, ret_result, size);
    return weir_scope_leave(&s, rc);
}

/* ---- results -------------------------------------------------------------------------------- */

struct numbers {
    long sum, product;
};

static int touched;

static int add_and_multiply(const void *args, void *result) {
    const int *of = args;
    struct numbers *n = result;
    touched = 1; /* in the child's memory */
    if (n->sum != 0 || n->product != 0)
        return -EINVAL;
    *n = (struct numbers){of[0] + of[1], of[0] * of[1]};
    return 5;
}

static int gets_result(void *arg) {
    int of[2] = {6, 7};
    struct numbers n = {-1, -1};
    (void)arg;
    assert_int_equal(weir_offload_process(add_and_multiply, of, &n, sizeof n), 5);
    assert_int_equal(n.sum, 13);
    assert_int_equal(n.product, 42);
    assert_int_equal(touched, 0);
    return 0;
}

WEIR_TEST_BACKENDS(a_child_gives_its_result_and_touches_nothing) {
    run(gets_result);
}

static int refuses(const void *args, void *result) {
    (void)args;
    memset(result, 'x', 3);
    return WEIR_EPROTO;
}

static int gets_error(void *arg) {
    char result[4] = "old";
    (void)arg;
    assert_int_equal(weir_offload_process(refuses, NULL, result, 3), WEIR_EPROTO);
    assert_string_equal(result, "old");
    return 0;
}

WEIR_TEST_BACKENDS(an_error_of_the_function_leaves_the_result_alone) {
    run(gets_error);
}

enum { LARGE = 3 << 20 };

static int fills(const void *args, void *result) {
    memset(result, *(const char *)args, LARGE);
    return 0;
}

static int gets_large(void *arg) {
    char *all = malloc(LARGE);
    (void)arg;
    assert_int_equal(weir_offload_process(fills, "q", all, LARGE), 0);
    assert_int_equal(all[0], 'q');
    assert_int_equal(all[LARGE - 1], 'q');
    free(all);
    assert_int_equal(weir_offload_process(fills, "q", arg, SIZE_MAX), -ENOMEM);
    return 0;
}

static int gets_large_of(void *arg) {
    (void)arg;
    static char some[1];
    return gets_large(some);
}

WEIR_TEST_BACKENDS(a_result_may_be_large_but_not_boundless) {
    run(gets_large_of);
}

/* ---- ends of other kinds -------------------------------------------------------------------- */

static int crashes(const void *args, void *result) {
    (void)result;
    raise(*(const int *)args);
    return 0;
}

static int writes_too_much(const void *args, void *result) {
    (void)args;
    memset(result, 'x', 100 + 16);
    return 0;
}

static int calls_exit(const void *args, void *result) {
    (void)result;
    _exit(*(const int *)args);
}

static void fails_with(int (*fn)(const void *, void *), int number, const char *text) {
    char result[100] = "old";
    assert_int_equal(weir_offload_process(fn, &number, result, sizeof result), -ECHILD);
    assert_non_null(strstr(weir_error_message(-ECHILD), text));
    assert_string_equal(result, "old");
}

static int meets_crashes(void *arg) {
    (void)arg;
    fails_with(crashes, SIGSEGV, "killed by signal 11 (SIGSEGV)");
    fails_with(crashes, SIGABRT, "(SIGABRT)");
    fails_with(crashes, SIGTERM, "(SIGTERM)");
    fails_with(crashes, SIGRTMIN, "(real-time)");
    fails_with(writes_too_much, 0, "(SIGSEGV)");
    fails_with(calls_exit, 0, "exited with status 0 before its function returned");
    fails_with(calls_exit, 3, "exited with status 3");
    return 0;
}

WEIR_TEST_BACKENDS(a_crash_names_its_signal_and_an_exit_its_status) {
    run(meets_crashes);
}

static int gets_through_ignored(void *arg) {
    int of[2] = {6, 7};
    struct numbers n;
    (void)arg;
    assert_int_equal(weir_offload_process(add_and_multiply, of, &n, sizeof n), 5);
    fails_with(crashes, SIGTERM, "SIGCHLD is ignored");
    return 0;
}

WEIR_TEST_BACKENDS(without_a_status_a_result_counts_and_a_crash_is_an_error) {
    signal(SIGCHLD, SIG_IGN);
    run(gets_through_ignored);
}

/* ---- those that do not return --------------------------------------------------------------- */

static int hangs(const void *args, void *result) {
    (void)args, (void)result;
    volatile bool forever = true;
    while (forever)
        continue;
    return 0;
}

static int stops(const void *args, void *result) {
    (void)args, (void)result;
    raise(SIGSTOP);
    return 0;
}

static int blocks_all(const void *args, void *result) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    return hangs(args, result);
}

static int meets_deadlines(void *arg) {
    char result[4] = "old";
    (void)arg;
    assert_int_equal(within(WEIR_MILLISECONDS(30), hangs, NULL, result, 3), -ETIME);
    assert_int_equal(within(WEIR_MILLISECONDS(30), stops, NULL, result, 3), -ETIME);
    assert_int_equal(within(WEIR_MILLISECONDS(30), blocks_all, NULL, result, 3), -ETIME);
    assert_string_equal(result, "old");
    return 0;
}

WEIR_TEST_BACKENDS(a_deadline_kills_a_child_that_hangs_or_stops) {
    KERNEL_ONLY();
    run(meets_deadlines);
}

static int cancelled;

static int offloads_hanging(void *args) {
    (void)args;
    int rc = weir_offload_process(hangs, NULL, NULL, 0);
    assert_int_equal(rc, -ECANCELED);
    cancelled++;
    return rc;
}

static unsigned running(void) {
    struct weir_offload_stats s = {.size = sizeof s};
    weir_offload_stats(WEIR_OFFLOAD_WORK, &s);
    return s.running;
}

static int cancels(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, offloads_hanging), 0);
    while (running() == 0)
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_go0(&g, offloads_hanging), 0); /* and one waits for its turn */
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_group_cancel(&g, "enough");
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(cancelled, 2);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancel_kills_the_child_or_begins_none) {
    KERNEL_ONLY();
    struct weir_offload_limits one = {.size = sizeof one, .work_threads = 1};
    assert_int_equal(weir_offload_limits(&one), 0);
    run(cancels);
}

/* ---- what the child has --------------------------------------------------------------------- */

static int looks_around(const void *args, void *result) {
    char byte;
    struct stat out, err;
    sigset_t mask;
    struct sigaction usr1;
    int others = 0;
    (void)args, (void)result;
    if (read(STDIN_FILENO, &byte, 1) != 0)
        return -1;
    if (fstat(STDOUT_FILENO, &out) != 0 || fstat(STDERR_FILENO, &err) != 0
        || out.st_ino != err.st_ino)
        return -2;
    for (int fd = 3; fd < 1024; fd++)
        others += fcntl(fd, F_GETFD) >= 0;
    if (others > 0)
        return -3;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int n = 1; n < SIGRTMAX; n++)
        if (sigismember(&mask, n) == 1)
            return -4;
    if (sigaction(SIGUSR1, NULL, &usr1) != 0 || usr1.sa_handler != SIG_DFL)
        return -5;
    if (getsid(0) != getpid())
        return -6;
    char *more = malloc(100000); /* may be used after the fork */
    if (more == NULL)
        return -7;
    free(more);
    return 0;
}

static int has_little(void *arg) {
    (void)arg;
    assert_int_equal(weir_offload_process(looks_around, NULL, NULL, 0), 0);
    return 0;
}

static void ignore(int number) {
    (void)number;
}

WEIR_TEST_BACKENDS(a_child_has_no_descriptors_and_no_signal_handlers_of_the_program) {
    signal(SIGUSR1, ignore);
    run(has_little);
}

/* ---- processes that a child makes ----------------------------------------------------------- */

/* From now on processes whose parent has ended become this one's children. */
static void adopt_grandchildren(void) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        runner_skip("the emulator knows no subreaper");
}

static int leaves_one(const void *args, void *result) {
    bool in_group = *(const bool *)args;
    int *ready = result;
    pid_t pid = fork();
    if (pid == 0) {
        if (!in_group)
            setsid();
        ready[1] = 1; /* shared with its parent, as the whole result */
        for (;;)
            pause();
    }
    while (((volatile int *)ready)[1] == 0)
        usleep(100);
    ready[0] = pid;
    return 0;
}

static int leaves_grandchildren(void *arg) {
    bool in_group = true, elsewhere = false;
    int left[2], status;
    (void)arg;
    assert_int_equal(weir_offload_process(leaves_one, &in_group, left, sizeof left), 0);
    assert_int_equal(waitpid(left[0], &status, 0), left[0]);
    assert_int_equal(status, SIGKILL);
    assert_int_equal(weir_offload_process(leaves_one, &elsewhere, left, sizeof left), 0);
    assert_int_equal(waitpid(left[0], &status, WNOHANG), 0); /* it lives, and holds nothing up */
    assert_int_equal(kill(left[0], SIGTERM), 0);
    assert_int_equal(waitpid(left[0], &status, 0), left[0]);
    assert_int_equal(status, SIGTERM);
    return 0;
}

WEIR_TEST_BACKENDS(what_a_child_leaves_in_its_group_is_killed) {
    adopt_grandchildren();
    run(leaves_grandchildren);
}

static _Atomic pid_t *shown; /* shared between processes */

static int shows_itself(const void *args, void *result) {
    *shown = getpid();
    return hangs(args, result);
}

static int never_ends(void *arg) {
    (void)arg;
    return weir_offload_process(shows_itself, NULL, NULL, 0);
}

WEIR_TEST_BACKENDS(a_child_dies_with_the_program) {
    KERNEL_ONLY();
    int status;
    shown = mmap(NULL, sizeof *shown, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    adopt_grandchildren();
    pid_t program = fork();
    if (program == 0) {
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        weir_run(never_ends, NULL, &o);
        _exit(0);
    }
    while (*shown == 0)
        usleep(1000);
    assert_int_equal(kill(program, SIGKILL), 0);
    assert_int_equal(waitpid(program, &status, 0), program);
    assert_int_equal(waitpid(*shown, &status, 0), *shown);
    assert_int_equal(status, SIGKILL);
    munmap((void *)shown, sizeof *shown);
}

/* ---- faults and misuse ---------------------------------------------------------------------- */

static int at_every_call(void *arg) {
    int of[2] = {6, 7};
    struct numbers n = {-1, -1};
    (void)arg;
    int rc = weir_offload_process(add_and_multiply, of, &n, sizeof n);
    assert_true(rc == 5 || rc == -ECANCELED || rc == -ENOMEM || rc == -EAGAIN);
    assert_int_equal(n.sum, rc == 5 ? 13 : -1);
    return rc == 5 ? 0 : rc;
}

WEIR_TEST(a_cancel_at_every_call_gives_the_result_or_nothing) {
    struct weir_story story = {.size = sizeof story, .name = "child", .fn = at_every_call};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
}

WEIR_TEST(each_allocation_that_fails_is_an_error) {
    struct weir_story story = {.size = sizeof story, .name = "child", .fn = at_every_call};
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

static int no_function(void *arg) {
    (void)arg;
    return weir_offload_process(NULL, NULL, NULL, 0);
}

WEIR_TEST_ABORTS(a_child_without_a_function_is_a_bug, "the function is NULL") {
    weir_run(no_function, NULL, NULL);
}

static int no_room(void *arg) {
    (void)arg;
    return weir_offload_process(hangs, NULL, NULL, 1);
}

WEIR_TEST_ABORTS(a_result_without_room_is_a_bug, "the result is NULL") {
    weir_run(no_room, NULL, NULL);
}

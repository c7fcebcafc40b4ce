/* SPDX-License-Identifier: MIT */
/* Signals of every sort: those whose default is to be ignored, or to go on, and real-time ones; as
 * a stream of numbers and as a scope, on every backend. */
#include "test/runner.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/select.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "task/sanitize.h"

static const int *kinds(size_t *ret_count) {
    static int all[8];
    const int some[] = {SIGWINCH, SIGCONT, SIGCHLD, SIGURG, SIGTSTP, SIGHUP, SIGRTMIN, SIGRTMAX};
    memcpy(all, some, sizeof all);
    *ret_count = sizeof all / sizeof all[0];
    return all;
}

static void send(int signal) {
    int rc = strcmp(test_backend, "sim") == 0 ? weir_sim_raise(signal) : raise(signal);
    assert_true(rc >= 0);
}

#define STORY(sentence)                                                                            \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_sim_options world = {.size = sizeof world};                                    \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        int rc = strcmp(test_backend, "sim") == 0 ? weir_sim_run(sentence##_run, NULL, &world)     \
                                                  : weir_run(sentence##_run, NULL, &o);            \
        assert_int_equal(rc, 0);                                                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

STORY(each_sort_of_signal_is_a_stream_of_numbers) {
    size_t count;
    const int *all = kinds(&count);
    for (size_t i = 0; i < count; i++) {
        struct weir_signals signals;
        assert_int_equal(weir_signals_open(&signals, all[i]), 0);
        for (int times = 0; times < 3; times++)
            send(all[i]);
        for (int times = 0; times < 3; times++)
            assert_int_equal(weir_signals_next(&signals), all[i]);
        assert_int_equal(weir_signals_try_next(&signals), -EAGAIN);
        weir_signals_close(&signals);
    }
    return 0;
}

STORY(each_sort_of_signal_cancels_a_scope) {
    size_t count;
    const int *all = kinds(&count);
    for (size_t i = 0; i < count; i++) {
        struct weir_scope scope;
        weir_scope_enter(&scope, WEIR_NEVER);
        assert_int_equal(weir_scope_on_signal(&scope, all[i]), 0);
        send(all[i]);
        int rc = weir_sleep(WEIR_SECONDS(1000));
        assert_int_equal(rc, -ECANCELED);
        assert_int_equal(weir_error(rc)->by_code, all[i]);
        assert_int_equal(weir_scope_leave(&scope, rc), WEIR_ESTOPPED);
    }
    return 0;
}

/* The kernel's own: a child that ends, one that is stopped and goes on. */
STORY(the_ends_and_stops_of_a_child_are_a_stream_of_sigchld) {
    struct weir_signals signals;
    int status;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no processes");
    if (SANITIZED) /* held back until a call that it intercepts, which the wait is not */
        runner_skip("ThreadSanitizer holds signals of other processes back");
    assert_int_equal(weir_signals_open(&signals, SIGCHLD), 0);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_int_equal(weir_signals_next(&signals), SIGCHLD);
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(weir_signals_next(&signals), SIGCHLD);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    weir_signals_close(&signals);
    return 0;
}

/* ---- a signal that is blocked for a while ---- */

static void block(int how) {
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    assert_int_equal(pthread_sigmask(how, &usr1, NULL), 0);
}

/* Blocked when the loop takes it, and when it comes again. Without a handler it would end us. */
static void comes_while_it_is_blocked(void) {
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    send(SIGUSR1);
    block(SIG_UNBLOCK);
}

STORY(a_signal_that_is_blocked_when_it_is_taken_has_no_other_effect_later) {
    struct weir_signals signals;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation blocks no signals");
    assert_int_equal(weir_signals_open(&signals, SIGUSR1), 0);
    send(SIGUSR1);
    block(SIG_BLOCK);
    assert_int_equal(weir_signals_next(&signals), SIGUSR1);
    comes_while_it_is_blocked();
    assert_int_equal(weir_signals_next(&signals), SIGUSR1);
    assert_int_equal(weir_signals_try_next(&signals), -EAGAIN);
    weir_signals_close(&signals);
    return 0;
}

STORY(a_signal_that_is_blocked_when_it_cancels_a_scope_has_no_other_effect_in_it) {
    struct weir_scope scope, shield;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation blocks no signals");
    weir_scope_enter(&scope, WEIR_NEVER);
    assert_int_equal(weir_scope_on_signal(&scope, SIGUSR1), 0);
    send(SIGUSR1);
    block(SIG_BLOCK);
    int rc = weir_sleep(WEIR_SECONDS(1000));
    assert_int_equal(rc, -ECANCELED);
    weir_shield_enter(&shield, WEIR_SECONDS(1000));
    comes_while_it_is_blocked();
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_scope_leave(&shield, 0);
    assert_int_equal(weir_scope_leave(&scope, rc), WEIR_ESTOPPED);
    return 0;
}

/* ---- a signal that comes when its wait has just ended ---- */

static int takes_and_leaves(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR1), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    sigset_t pending;
    do { /* the other thread takes it */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        sigpending(&pending);
    } while (sigismember(&pending, SIGUSR1));
    return weir_sleep(WEIR_MILLISECONDS(1));
}

static void *runs_blocked(void *backend) {
    struct weir_run_options o = {.size = sizeof o, .backend = backend};
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    assert_int_equal(weir_run(takes_and_leaves, NULL, &o), 0);
    return NULL;
}

WEIR_TEST_BACKENDS(a_signal_behind_its_wait_ends_the_program_though_the_loops_thread_blocks_it) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no threads");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, runs_blocked, (void *)(uintptr_t)test_backend);
        pthread_join(thread, NULL);
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

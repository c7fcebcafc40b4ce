/* SPDX-License-Identifier: MIT */
/* The stories of watches and sets of signals, on real descriptors and real signals, and on the
 * simulated ones: nothing that happens between two calls is lost. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weir/select.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "sync/sync_test_util.h"

/* On epoll and io_uring, which have real descriptors. */
#define REAL_STORY(name)                                                                           \
    static int name##_run(void *arg);                                                              \
    WEIR_TEST_BACKENDS(name) {                                                                     \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("the simulation has no real descriptors");                                 \
        assert_int_equal(weir_run(name##_run, NULL, NULL), 0);                                     \
    }                                                                                              \
    static int name##_run(void *arg)

static int ends[2];
static struct weir_watch watch;
static struct weir_signals signals;
static int codes[4];

static void open_pipe(void) {
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

static void close_pipe(void) {
    close(ends[0]);
    close(ends[1]);
}

static void put(void) {
    assert_int_equal(write(ends[1], "x", 1), 1);
}

static void drain(void) {
    char buf[16];
    while (read(ends[0], buf, sizeof buf) > 0)
        continue;
}

static int raise_it(int signal) {
    if (test_backend != NULL && strcmp(test_backend, "sim") == 0)
        return weir_sim_raise(signal) >= 0 ? 0 : -1;
    return raise(signal);
}

REAL_STORY(a_watch_tells_again_as_long_as_bytes_are_left) {
    open_pipe();
    assert_int_equal(weir_watch_open(&watch, ends[0], POLLIN), 0);
    put();
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_watch_next(&watch), POLLIN);
    drain();
    put();
    assert_int_equal(weir_watch_next(&watch), POLLIN);
    drain();
    close(ends[1]);
    assert_int_equal(weir_watch_next(&watch), POLLHUP);
    weir_watch_close(&watch);
    weir_watch_close(&watch);
    assert_int_equal(weir_watch_next(&watch), WEIR_ECLOSED);
    assert_int_equal(weir_watch_try_next(&watch), WEIR_ECLOSED);
    close(ends[0]);
    return 0;
}

REAL_STORY(an_event_between_two_calls_is_not_lost) {
    struct weir_scope s;
    open_pipe();
    assert_int_equal(weir_watch_open(&watch, ends[0], POLLIN), 0);
    weir_scope_enter(&s, 0);
    assert_int_equal(weir_sleep(1), -ETIME);
    assert_int_equal(weir_watch_next(&watch), -ETIME);
    weir_scope_leave(&s, 0);
    assert_int_equal(weir_watch_try_next(&watch), -EAGAIN);
    put();
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0); /* the loop sees it, nobody waits */
    assert_int_equal(weir_watch_try_next(&watch), POLLIN);
    weir_watch_close(&watch);
    close_pipe();
    return 0;
}

/* Selects again and again, each time taken by another case, while the poll stays pending. */
REAL_STORY(a_select_leaves_the_watch_pending_when_another_case_happens) {
    struct weir_chan c;
    int item = 1;
    open_pipe();
    assert_int_equal(weir_chan_init(&c, int, 1), 0);
    assert_int_equal(weir_watch_open(&watch, ends[0], POLLIN), 0);
    struct weir_case cases[] = {WEIR_ON_WATCH(&watch), WEIR_ON_RECV(&c, &item),
                                WEIR_ON_SLEEP(WEIR_MILLISECONDS(1))};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_select(cases, 3), 2);
        assert_int_equal(weir_chan_send(&c, &item), 0);
        assert_int_equal(weir_select(cases, 3), 1);
    }
    put();
    cases[2] = WEIR_ON_NEVER;
    assert_int_equal(weir_select(cases, 3), 0);
    assert_int_equal(cases[0].rc, POLLIN);
    weir_watch_close(&watch);
    weir_chan_fini(&c);
    close_pipe();
    return 0;
}

/* io_uring finds the first out when it polls, and needs no descriptor for the second. */
REAL_STORY(a_watch_that_cannot_begin_says_why) {
    bool epoll = strcmp(test_backend, "epoll") == 0;
    struct weir_watch second;
    struct rlimit before, few;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int rc = weir_watch_open(&watch, null, POLLPRI);
    assert_int_equal(epoll ? rc : weir_watch_next(&watch), -EPERM);
    weir_watch_close(&watch);
    close(null);
    open_pipe();
    assert_int_equal(weir_watch_open(&watch, ends[0], POLLIN), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    rc = weir_watch_open(&second, ends[0], POLLIN);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(rc, epoll ? -EMFILE : 0);
    weir_watch_close(&second);
    weir_watch_close(&watch);
    close_pipe();
    return 0;
}

static int watches(void *args) {
    int *ret = *(int **)args;
    *ret = weir_watch_next(&watch);
    return 0;
}

static void go_watch(struct weir_group *g, int *ret) {
    *ret = 99;
    assert_int_equal(weir_spawn(g, WEIR_SITE(watches), watches, &ret, sizeof ret, NULL, NULL), 0);
}

REAL_STORY(a_watch_without_memory_is_closed) {
    open_pipe();
    weir__alloc_fail_at(1);
    assert_int_equal(weir_watch_open(&watch, ends[0], POLLIN), -ENOMEM);
    weir__alloc_fail_at(0);
    assert_int_equal(weir_watch_next(&watch), WEIR_ECLOSED);
    close_pipe();
    return 0;
}

REAL_STORY(several_tasks_may_wait_for_one_watch_and_a_close_wakes_them) {
    struct weir_group g;
    open_pipe();
    assert_int_equal(weir_watch_open(&watch, ends[0], POLLIN), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 2; i++)
        go_watch(&g, &codes[i]);
    yields(1);
    put();
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[0], POLLIN);
    assert_int_equal(codes[1], POLLIN);
    drain();
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 2; i++)
        go_watch(&g, &codes[i]);
    yields(2);
    weir_watch_close(&watch);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[0], WEIR_ECLOSED);
    assert_int_equal(codes[1], WEIR_ECLOSED);
    close_pipe();
    return 0;
}

/* The descriptor becomes ready in the very turn in which the watch is closed. */
REAL_STORY(a_watch_is_closed_while_its_event_arrives) {
    for (int i = 0; i < 20; i++) {
        open_pipe();
        assert_int_equal(weir_watch_open(&watch, ends[0], POLLIN), 0);
        yields(i % 3);
        put();
        yields(i % 2);
        weir_watch_close(&watch);
        close_pipe();
    }
    return 0;
}

STORY(a_watch_refuses_what_cannot_be_watched) {
    assert_int_equal(weir_watch_open(&watch, 0, 0), -EINVAL);
    assert_int_equal(weir_watch_open(&watch, -1, POLLIN), -EBADF);
    assert_int_equal(weir_watch_next(&watch), WEIR_ECLOSED);
    return 0;
}

/* ---- signals ---- */

STORY(each_signal_between_two_calls_is_counted) {
    int usr1 = 0, usr2 = 0;
    assert_int_equal(weir_signals_open(&signals, SIGUSR1, SIGUSR2), 0);
    assert_int_equal(weir_signals_try_next(&signals), -EAGAIN);
    for (int i = 0; i < 100; i++)
        assert_int_equal(raise_it(i % 4 == 3 ? SIGUSR2 : SIGUSR1), 0);
    for (int i = 0; i < 101; i++) {
        int rc = weir_signals_next(&signals);
        usr1 += rc == SIGUSR1;
        usr2 += rc == SIGUSR2;
        if (i == 40) /* in the middle of it */
            assert_int_equal(raise_it(SIGUSR1), 0);
    }
    assert_int_equal(usr1, 76);
    assert_int_equal(usr2, 25);
    assert_int_equal(weir_sleep(1), 0);
    assert_int_equal(weir_signals_try_next(&signals), -EAGAIN);
    weir_signals_close(&signals);
    assert_int_equal(weir_signals_next(&signals), WEIR_ECLOSED);
    return 0;
}

STORY(a_cancel_or_another_case_loses_no_signal) {
    struct weir_scope s;
    assert_int_equal(weir_signals_open(&signals, SIGUSR1), 0);
    for (int i = 0; i < 5; i++) {
        struct weir_case cases[] = {WEIR_ON_SLEEP(i), WEIR_ON_SIGNALS(&signals)};
        weir_scope_enter(&s, i);
        assert_int_equal(raise_it(SIGUSR1), 0);
        weir_select(cases, 1);
        weir_sleep(1);
        weir_scope_leave(&s, 0);
    }
    for (int i = 0; i < 5; i++) {
        struct weir_case c = WEIR_ON_SIGNALS(&signals);
        assert_int_equal(weir_select(&c, 1), 0);
        assert_int_equal(c.rc, SIGUSR1);
    }
    assert_int_equal(weir_signals_try_next(&signals), -EAGAIN);
    weir_signals_close(&signals);
    weir_signals_close(&signals);
    return 0;
}

STORY(every_set_gets_each_signal_but_none_from_before_it_was_opened) {
    struct weir_signals late;
    assert_int_equal(weir_signals_open(&signals, SIGUSR1), 0);
    assert_int_equal(raise_it(SIGUSR1), 0);
    assert_int_equal(weir_signals_open(&late, SIGUSR2, SIGUSR1), 0);
    assert_int_equal(weir_signals_next(&signals), SIGUSR1);
    assert_int_equal(weir_signals_try_next(&late), -EAGAIN);
    assert_int_equal(raise_it(SIGUSR1), 0);
    assert_int_equal(weir_signals_next(&late), SIGUSR1);
    assert_int_equal(weir_signals_next(&signals), SIGUSR1);
    weir_signals_close(&late);
    weir_signals_close(&signals);
    return 0;
}

STORY(a_signal_that_is_named_twice_is_returned_once) {
    assert_int_equal(weir_signals_open(&signals, SIGUSR1, SIGUSR2, SIGUSR1), 0);
    assert_int_equal(raise_it(SIGUSR1), 0);
    assert_int_equal(weir_signals_next(&signals), SIGUSR1);
    assert_int_equal(weir_sleep(1), 0);
    assert_int_equal(weir_signals_try_next(&signals), -EAGAIN);
    weir_signals_close(&signals);
    return 0;
}

/* The program blocks the signal after it was taken: the next call says so. */
REAL_STORY(a_signal_that_was_blocked_meanwhile_is_an_error_until_it_is_unblocked) {
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    assert_int_equal(weir_signals_open(&signals, SIGUSR1), 0);
    assert_int_equal(raise_it(SIGUSR1), 0);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
    assert_int_equal(weir_signals_next(&signals), SIGUSR1);
    assert_int_equal(weir_signals_next(&signals), -EPERM);
    assert_string_equal(weir_error(-EPERM)->what, "signals next");
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL), 0);
    assert_int_equal(weir_signals_try_next(&signals), -EAGAIN);
    assert_int_equal(raise_it(SIGUSR1), 0);
    assert_int_equal(weir_signals_next(&signals), SIGUSR1);
    weir_signals_close(&signals);
    return 0;
}

static int takes(void *args) {
    int *ret = *(int **)args;
    *ret = weir_signals_next(&signals);
    return 0;
}

STORY_IN_ORDER(a_signal_goes_to_the_task_that_waits_longest) {
    struct weir_group g;
    assert_int_equal(weir_signals_open(&signals, SIGUSR1), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3; i++) {
        int *ret = &codes[i];
        codes[i] = 99;
        assert_int_equal(weir_spawn(&g, WEIR_SITE(takes), takes, &ret, sizeof ret, NULL, NULL),
                         0);
    }
    yields(1);
    assert_int_equal(raise_it(SIGUSR1), 0);
    assert_int_equal(raise_it(SIGUSR1), 0);
    assert_int_equal(weir_sleep(1), 0);
    yields(1);
    assert_int_equal(codes[0], SIGUSR1);
    assert_int_equal(codes[1], SIGUSR1);
    assert_int_equal(codes[2], 99);
    weir_signals_close(&signals);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[2], WEIR_ECLOSED);
    return 0;
}

STORY(a_set_refuses_signals_that_cannot_be_taken) {
    assert_int_equal(weir_signals_open(&signals, SIGUSR1, SIGKILL), -EINVAL);
    assert_int_equal(weir_signals_open(&signals, -3), -EINVAL);
    int zero = 0;
    assert_int_equal(weir_signals_open(&signals, SIGUSR1, zero, SIGTERM), -EINVAL);
    assert_int_equal(weir_signals_open(&signals, zero), -EINVAL);
    weir__alloc_fail_at(1);
    assert_int_equal(weir_signals_open(&signals, SIGUSR1), -ENOMEM);
    weir__alloc_fail_at(0);
    assert_int_equal(weir_signals_try_next(&signals), WEIR_ECLOSED);
    return 0;
}

static int forgets_to_close(void *arg) {
    assert_int_equal(weir_signals_open(&signals, SIGUSR1), 0);
    return 0;
}

WEIR_TEST_ABORTS(a_run_that_ends_with_signals_open_names_the_call,
                 "weir_signals_close was not called") {
    const struct weir_run_options o = {.size = sizeof o, .backend = "epoll"};
    weir_run(forgets_to_close, NULL, &o);
}

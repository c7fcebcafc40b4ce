/* SPDX-License-Identifier: MIT */
/* Scopes: deadlines, cancels, shields, nesting, misuse. */
#include "test/runner.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>

static void run(int (*fn)(void *)) {
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
}

static int nap(weir_ns ns) {
    return weir_sleep(ns);
}

static int budget(void *arg) {
    struct weir_scope s;
    weir_ns start = weir_now();
    weir_scope_enter(&s, WEIR_MILLISECONDS(20));
    assert_int_equal(nap(WEIR_SECONDS(60)), -ETIME);
    assert_int_equal(weir_cancelled(), -ETIME);
    assert_int_equal(weir_yield(), -ETIME);
    const struct weir_error *e = weir_error(-ETIME);
    assert_non_null(e);
    assert_int_equal(e->budget, WEIR_MILLISECONDS(20));
    assert_int_equal(weir_scope_leave(&s, -ETIME), -ETIME);
    assert_int_equal(weir_cancelled(), 0);
    assert_int_equal(weir_yield(), 0);
    assert_true(weir_now() - start >= WEIR_MILLISECONDS(20));
    return 0;
}

WEIR_TEST_BACKENDS(a_budget_ends_a_sleep_and_is_used_up_by_leave) {
    run(budget);
}

static int spent(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, 0);
    assert_int_equal(weir_yield(), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 5), 5);
    return 0;
}

WEIR_TEST_BACKENDS(a_scope_without_budget_left_fires_at_once_and_leave_keeps_results) {
    run(spent);
}

static int owner_cancels(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_cancel(&s, "enough");
    weir_scope_cancel(&s, "again");
    assert_int_equal(nap(1), -ECANCELED);
    assert_string_equal(weir_scope_cause(&s), "enough");
    assert_non_null(strstr(weir_error(-ECANCELED)->text, "enough"));
    assert_int_equal(weir_scope_leave(&s, -ECANCELED), WEIR_ESTOPPED);
    assert_int_equal(weir_cancelled(), 0);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancel_by_the_owner_becomes_estopped_and_keeps_its_first_cause) {
    run(owner_cancels);
}

static int nested(void *arg) {
    struct weir_scope outer, inner;
    weir_scope_enter(&outer, WEIR_MILLISECONDS(5));
    weir_scope_enter(&inner, WEIR_SECONDS(60));
    assert_int_equal(nap(WEIR_SECONDS(60)), -ETIME);
    assert_int_equal(weir_scope_leave(&inner, -ETIME), -ETIME);
    assert_int_equal(weir_cancelled(), -ETIME);
    weir_scope_cancel(&outer, NULL);
    assert_int_equal(weir_cancelled(), -ECANCELED); /* outranks the deadline */
    assert_int_equal(weir_scope_leave(&outer, -ECANCELED), WEIR_ESTOPPED);
    return 0;
}

WEIR_TEST_BACKENDS(an_inner_scope_feels_the_outer_and_cancel_outranks_the_deadline) {
    run(nested);
}

static int foreign_error(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, 0);
    assert_int_equal(weir_scope_leave(&s, -ECONNRESET), -ECONNRESET);
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_scope_leave(&s, -ETIME), -ETIME);
    return 0;
}

WEIR_TEST(leave_passes_errors_that_the_scope_did_not_raise) {
    run(foreign_error);
}

static int shielded(void *arg) {
    struct weir_scope s, shield;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_cancel(&s, "stop");
    weir_shield_enter(&shield, WEIR_MILLISECONDS(30));
    assert_int_equal(nap(WEIR_MILLISECONDS(5)), 0);
    assert_int_equal(nap(WEIR_SECONDS(60)), -ECANCELED); /* the budget is spent */
    assert_int_equal(weir_scope_leave(&shield, -ECANCELED), -ECANCELED);
    assert_int_equal(weir_scope_leave(&s, -ECANCELED), WEIR_ESTOPPED);
    return 0;
}

WEIR_TEST_BACKENDS(a_shield_holds_back_a_cancel_for_its_budget_and_no_longer) {
    run(shielded);
}

static int shield_alone(void *arg) {
    struct weir_scope shield;
    weir_shield_enter(&shield, WEIR_MILLISECONDS(1));
    assert_int_equal(nap(WEIR_MILLISECONDS(10)), 0);
    assert_int_equal(weir_scope_leave(&shield, 0), 0);
    return 0;
}

WEIR_TEST_BACKENDS(a_shield_whose_budget_ends_raises_nothing_of_its_own) {
    run(shield_alone);
}

static int renewed(void *arg) {
    struct weir_scope idle;
    weir_scope_enter(&idle, WEIR_MILLISECONDS(40));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(nap(WEIR_MILLISECONDS(39)), 0);
        weir_scope_renew(&idle, WEIR_MILLISECONDS(40));
    }
    weir_ns last = weir_now();
    assert_int_equal(nap(WEIR_SECONDS(60)), -ETIME);
    assert_true(weir_now() - last == WEIR_MILLISECONDS(40));
    return weir_scope_leave(&idle, 0);
}

WEIR_TEST(renew_restarts_the_budget) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    assert_int_equal(weir_run(renewed, NULL, &o), 0);
}

static int renewed_late(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(60));
    weir_scope_renew(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(nap(WEIR_SECONDS(60)), -ETIME);
    weir_scope_renew(&s, WEIR_SECONDS(60));
    assert_int_equal(weir_cancelled(), -ETIME);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(renew_shortens_too_and_never_unfires) {
    run(renewed_late);
}

enum { PLAIN, SHIELD };

static const struct renewal {
    const char *name;
    int kind;
    weir_ns first, second; /* the budget, and the one it is renewed with */
    weir_ns felt_after;    /* of a sleep that begins then */
} renewals[] = {
    {"longer", PLAIN, 10, 50, 50},
    {"shorter", PLAIN, 50, 10, 10},
    {"spent", PLAIN, 50, 0, 0},
    {"less than spent", PLAIN, 50, -1, 0},
    {"least", PLAIN, 50, INT64_MIN, 0},
    {"never", PLAIN, 10, WEIR_NEVER, 100}, /* the scope around it */
    {"beyond time", PLAIN, 10, WEIR_NEVER - 1, 100},
    {"from never on", PLAIN, WEIR_NEVER, 10, 10},
    {"from never to spent", PLAIN, WEIR_NEVER, 0, 0},
    {"a longer shield", SHIELD, 10, 50, 50}, /* the scope around has fired, and is felt then */
    {"a shorter shield", SHIELD, 50, 10, 10},
    {"a spent shield", SHIELD, 50, 0, 0},
    {"a shield less than spent", SHIELD, 50, -1, 0},
    {"a shield for ever", SHIELD, 50, WEIR_NEVER, 50},
    {"a shield beyond time", SHIELD, 50, WEIR_NEVER - 1, 50},
};

static weir_ns milliseconds(weir_ns n) {
    return n > 1000 || n < -1000 ? n : WEIR_MILLISECONDS(n);
}

static int renewals_of_every_kind(void *arg) {
    for (size_t i = 0; i < sizeof renewals / sizeof renewals[0]; i++) {
        const struct renewal *r = &renewals[i];
        struct weir_scope around, s, inner;
        weir_scope_enter(&around, r->kind == SHIELD ? 0 : WEIR_MILLISECONDS(100));
        if (r->kind == SHIELD)
            weir_shield_enter(&s, milliseconds(r->first));
        else
            weir_scope_enter(&s, milliseconds(r->first));
        weir_scope_enter(&inner, WEIR_NEVER);
        weir_ns begun = weir_now();
        weir_scope_renew(&s, milliseconds(r->second));
        bool at_once = weir_cancelled() == -ETIME;
        assert_int_equal(nap(WEIR_SECONDS(60)), -ETIME);
        weir_ns after = weir_now() - begun;
        if (at_once != (r->felt_after == 0) || after != WEIR_MILLISECONDS(r->felt_after))
            fail_msg("%s: felt after %lld ns", r->name, (long long)after);
        weir_scope_renew(&s, WEIR_SECONDS(60)); /* what was spent stays spent */
        assert_int_equal(weir_cancelled(), -ETIME);
        weir_scope_leave(&inner, 0);
        weir_scope_leave(&s, 0);
        weir_scope_leave(&around, 0);
    }
    return weir_cancelled();
}

WEIR_TEST(a_renewed_scope_fires_when_its_new_budget_says_and_a_shield_stays_bounded) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    assert_int_equal(weir_run(renewals_of_every_kind, NULL, &o), 0);
}

static int shield_for_ever(void *arg) {
    struct weir_scope s, shield;
    weir_scope_enter(&s, 0);
    weir_shield_enter(&shield, WEIR_MILLISECONDS(5));
    weir_scope_renew(&shield, WEIR_NEVER);
    assert_int_equal(nap(WEIR_SECONDS(60)), -ETIME);
    weir_scope_leave(&shield, 0);
    weir_scope_enter(&shield, WEIR_SECONDS(60));
    weir_scope_renew(&shield, 0);
    assert_int_equal(weir_cancelled(), -ETIME);
    weir_scope_leave(&shield, 0);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(no_renewal_makes_a_shield_endless) {
    run(shield_for_ever);
}

struct renewer_args {
    struct weir_scope *scope;
};

static int renewer(void *args) {
    weir_scope_renew(((struct renewer_args *)args)->scope, 0);
    return 0;
}

static int renewed_by_other(void *arg) {
    struct weir_group g;
    struct weir_scope s;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_go(&g, renewer, .scope = &s), 0);
    assert_int_equal(nap(WEIR_SECONDS(60)), -ETIME);
    assert_int_equal(weir_scope_leave(&s, -ETIME), -ETIME);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(another_task_may_spend_a_scopes_budget) {
    run(renewed_by_other);
}

struct canceller_args {
    struct weir_scope *scope;
};

static int canceller(void *args) {
    struct canceller_args *a = args;
    weir_scope_cancel(a->scope, "from another task");
    return 0;
}

static int cancelled_by_other(void *arg) {
    struct weir_group g;
    struct weir_scope s;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_go(&g, canceller, .scope = &s), 0);
    assert_int_equal(nap(WEIR_SECONDS(60)), -ECANCELED);
    assert_int_equal(weir_scope_leave(&s, -ECANCELED), WEIR_ESTOPPED);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(another_task_may_cancel_a_scope) {
    run(cancelled_by_other);
}

static int signalled(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(10));
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR1), 0);
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR2), 0);
    assert_int_equal(weir_scope_on_signal(&s, SIGKILL), -EINVAL);
    assert_int_equal(weir_scope_on_signal(&s, SIGSEGV), -EINVAL);
    raise(SIGUSR2);
    assert_int_equal(nap(WEIR_SECONDS(60)), -ECANCELED);
    raise(SIGUSR2); /* still caught: the program lives */
    assert_int_equal(weir_scope_signal(&s), SIGUSR2);
    return weir_scope_leave(&s, -ECANCELED) == WEIR_ESTOPPED ? 0 : -1;
}

WEIR_TEST_BACKENDS(a_signal_cancels_the_scope_that_asked_for_it) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("signals of the simulation are raised by testing.h, tested there");
    run(signalled);
    struct sigaction now;
    sigaction(SIGUSR2, NULL, &now);
    assert_true(now.sa_handler == SIG_DFL);
}

static int signalled_by_one_of_three(void *arg) {
    struct weir_scope outer, s;
    weir_scope_enter(&outer, WEIR_SECONDS(10));
    assert_int_equal(weir_scope_on_signal(&outer, 0), -EINVAL);
    assert_int_equal(weir_scope_on_signal(&outer, SIGUSR1, 0, SIGTERM), -EINVAL);
    assert_non_null(strstr(weir_error(-EINVAL)->text, "signal 0 "));
    assert_int_equal(weir_scope_on_signal(&outer, SIGUSR1, SIGHUP, SIGUSR2), 0);
    weir_scope_enter(&s, WEIR_SECONDS(10));
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR2, SIGHUP, SIGKILL), -EINVAL); /* none */
    assert_non_null(strstr(weir_error(-EINVAL)->text, "signal 9 "));
    raise(SIGHUP);
    assert_int_equal(nap(WEIR_SECONDS(60)), -ECANCELED);
    assert_int_equal(weir_scope_signal(&s), 0);
    assert_int_equal(weir_scope_signal(&outer), SIGHUP);
    assert_int_equal(weir_scope_leave(&s, -ECANCELED), -ECANCELED);
    raise(SIGUSR1); /* still caught: the program lives */
    raise(SIGUSR2);
    return weir_scope_leave(&outer, -ECANCELED) == WEIR_ESTOPPED ? 0 : -1;
}

WEIR_TEST_BACKENDS(several_signals_are_taken_in_one_call_or_none_of_them) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("signals of the simulation are raised by testing.h, tested there");
    run(signalled_by_one_of_three);
}

static int waits_for_usr1(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(10));
    int rc = weir_scope_on_signal(&s, SIGUSR1);
    assert_int_equal(rc, *(const int *)arg);
    if (rc < 0)
        assert_string_equal(weir_error(rc)->text,
                            "wait for signal: 10 is blocked in every thread: unblock it "
                            "(pthread_sigmask)");
    if (rc < 0)
        return weir_scope_leave(&s, 0);
    kill(getpid(), SIGUSR1); /* the process; raise is for this thread */
    assert_int_equal(nap(WEIR_SECONDS(60)), -ECANCELED);
    return weir_scope_leave(&s, -ECANCELED) == WEIR_ESTOPPED ? 0 : -1;
}

/* Waits in poll: in a blocking read ThreadSanitizer holds signals back until it returns. */
static void *lets_usr1_in(void *arg) {
    int *pipes = arg;
    struct pollfd closed = {.fd = pipes[2]};
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    assert_int_equal(write(pipes[1], "", 1), 1);
    while (poll(&closed, 1, -1) < 0)
        assert_int_equal(errno, EINTR);
    assert_int_equal(closed.revents, POLLHUP);
    return NULL;
}

WEIR_TEST_BACKENDS(a_signal_that_every_thread_blocks_is_refused) {
    static const int refused = -EPERM, heard = 0;
    sigset_t usr1, before;
    pthread_t other;
    int pipes[4];
    char byte;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("signals of the simulation are raised by testing.h, tested there");
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, &before);
    assert_int_equal(weir_run(waits_for_usr1, (void *)(intptr_t)&refused, NULL), 0);
    /* It is enough that one thread does not. */
    assert_int_equal(pipe(pipes) + pipe(pipes + 2), 0);
    assert_int_equal(pthread_create(&other, NULL, lets_usr1_in, pipes), 0);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(weir_run(waits_for_usr1, (void *)(intptr_t)&heard, NULL), 0);
    close(pipes[3]);
    pthread_join(other, NULL);
    for (int i = 0; i < 3; i++)
        close(pipes[i]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(weir_run(waits_for_usr1, (void *)(intptr_t)&heard, NULL), 0);
}

static int deep(int levels) {
    struct weir_scope s;
    if (levels == 0)
        return nap(WEIR_SECONDS(60));
    weir_scope_enter(&s, levels == 40 ? WEIR_MILLISECONDS(1) : WEIR_NEVER);
    return weir_scope_leave(&s, deep(levels - 1));
}

static int deep_scopes(void *arg) {
    assert_int_equal(deep(40), -ETIME);
    return weir_cancelled();
}

WEIR_TEST_BACKENDS(forty_nested_scopes_feel_the_outermost) {
    run(deep_scopes);
}

static int out_of_order(void *arg) {
    struct weir_scope a, b;
    weir_scope_enter(&a, WEIR_NEVER);
    weir_scope_enter(&b, WEIR_NEVER);
    return weir_scope_leave(&a, 0);
}

WEIR_TEST_ABORTS(leaving_out_of_order_aborts, "is not the innermost") {
    weir_run(out_of_order, NULL, NULL);
}

static int left_open(void *arg) {
    static struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    return 0;
}

WEIR_TEST_ABORTS(ending_inside_a_scope_aborts_with_its_name, "in task main") {
    weir_run(left_open, NULL, NULL);
}

static int twice(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_leave(&s, 0);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_ABORTS(leaving_twice_aborts, "was left already") {
    weir_run(twice, NULL, NULL);
}

static int endless_shield(void *arg) {
    struct weir_scope s;
    weir_shield_enter(&s, WEIR_NEVER);
    return 0;
}

WEIR_TEST_ABORTS(a_shield_without_budget_aborts, "must be finite") {
    weir_run(endless_shield, NULL, NULL);
}

static int entered_twice(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_enter(&s, WEIR_NEVER);
    return 0;
}

WEIR_TEST_ABORTS(entering_an_open_scope_aborts, "is open already") {
    weir_run(entered_twice, NULL, NULL);
}

static int group_renewed(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_renew((struct weir_scope *)(void *)&g, 1);
    return 0;
}

WEIR_TEST_ABORTS(a_group_cannot_be_renewed, "a group has no budget") {
    weir_run(group_renewed, NULL, NULL);
}

static int group_shielded(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_shield_enter((struct weir_scope *)(void *)&g, 1);
    return 0;
}

WEIR_TEST_ABORTS(a_group_cannot_be_entered_as_a_shield, "is open already") {
    weir_run(group_shielded, NULL, NULL);
}

WEIR_TEST_ABORTS(a_scope_outside_a_loop_aborts, "call it inside weir_run") {
    struct weir_scope s;
    weir_scope_enter(&s, 1);
}

WEIR_TEST(suspending_calls_outside_a_loop_say_so) {
    assert_int_equal(weir_sleep(1), WEIR_ENOLOOP);
    assert_non_null(strstr(weir_error(WEIR_ENOLOOP)->text, "weir_run"));
    assert_int_equal(weir_yield(), WEIR_ENOLOOP);
}

static char logged[512];

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    strncpy(logged, line, sizeof logged - 1);
}

static int ignores(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, 0);
    for (int i = 0; i < 1000; i++)
        weir_yield();
    return weir_scope_leave(&s, 0);
}

WEIR_TEST(the_thousandth_call_after_a_cancel_is_logged) {
    weir_log_to(keep_line, NULL);
    run(ignores);
    assert_non_null(strstr(logged, "1000 times"));
    assert_non_null(strstr(logged, "main"));
}

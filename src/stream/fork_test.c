/* SPDX-License-Identifier: MIT */
/* fork_test.c - fork inside a run. The child must not swallow a signal of the parent and must not
 * touch what it shares with the parent; it may close what it inherited and may run a loop of its
 * own. The parent must notice nothing. A child reports by its exit status. */
#include "stream/stream_test_util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"

/* There under the sanitizer of that name. */
extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

enum { LATER_MS = 3 };

#define FORK_STORY(sentence)                                                                       \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("a simulated world is one process");                                       \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

/* The child's checks: no assertions there, which would tell its copy of the runner. */
#define CHILD_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "child: %s (line %d)\n", #condition, __LINE__);                       \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static int status_of(pid_t child) {
    int status = -1;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void expect_echo(struct weir_stream *a, struct weir_stream *b) {
    send_text(a, "ping");
    expect_bytes(b, "ping");
    send_text(b, "pong");
    expect_bytes(a, "pong");
}

/* ---- signals ---- */

static int nothing(void *arg) {
    (void)arg;
    return 0;
}

static int wait_and_end(void *arg) {
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_NEVER);
    int rc = weir_scope_on_signal(&s, SIGTERM);
    return weir_scope_leave(&s, rc);
}

static void idle_for_ever(void) {
    for (;;)
        pause();
}

/* The kernel's fork: nobody who registered for it hears of this one. Not every machine has a call
 * of that name; with no stack and no flags clone is it, whatever the order of the rest. */
static pid_t raw_fork(void) {
    return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void *fork_elsewhere(void *ret_child) {
    pid_t child = fork();
    if (child == 0)
        idle_for_ever();
    *(pid_t *)ret_child = child;
    return NULL;
}

enum way { PLAIN, RAN_A_LOOP, ELSEWHERE, RAW, WAYS };

static pid_t child_by(enum way way) {
    pthread_t t;
    pid_t child = -1;
    if (way == ELSEWHERE) {
        pthread_create(&t, NULL, fork_elsewhere, &child);
        pthread_join(t, NULL);
        return child;
    }
    child = way == RAW ? raw_fork() : fork();
    if (child != 0)
        return child;
    if (way == RAN_A_LOOP)
        CHILD_CHECK(weir_run(wait_and_end, NULL, NULL) == 0);
    idle_for_ever();
    return -1;
}

FORK_STORY(a_signal_to_the_child_is_the_childs) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_scope_on_signal(&s, SIGTERM), 0);
    for (int way = 0; way < WAYS; way++) {
        pid_t child = child_by((enum way)way);
        kill(child, SIGTERM); /* perhaps before it has done anything */
        int status = status_of(child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGTERM);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
        assert_int_equal(weir_scope_signal(&s), 0);
    }
    kill(getpid(), SIGTERM);
    assert_int_equal(weir_sleep(WEIR_SECONDS(10)), -ECANCELED);
    assert_int_equal(weir_scope_signal(&s), SIGTERM);
    return weir_scope_leave(&s, 0);
}

static void say_42(int signo) {
    (void)signo;
    _exit(42);
}

FORK_STORY(in_the_child_a_signal_does_what_it_did_before) {
    struct sigaction own = {.sa_handler = say_42}, before;
    struct weir_scope s;
    if (__tsan_init != NULL)
        runner_skip("ThreadSanitizer runs no handlers in such a child");
    assert_int_equal(sigaction(SIGUSR1, &own, &before), 0);
    signal(SIGUSR2, SIG_IGN);
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR1), 0);
    assert_int_equal(weir_scope_on_signal(&s, SIGUSR2), 0);
    for (int way = 0; way < WAYS; way++) {
        pid_t child = child_by((enum way)way);
        kill(child, SIGUSR2);
        kill(child, SIGUSR1);
        int status = status_of(child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 42);
        assert_int_equal(weir_scope_signal(&s), 0);
    }
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0); /* the handler goes in a turn */
    sigaction(SIGUSR1, &before, NULL);
    signal(SIGUSR2, SIG_DFL);
    return 0;
}

/* ---- what the child may call ---- */

struct inherited {
    struct weir_listener *l;
    struct weir_stream *a, *b, *memory, *other;
};

static void inherit(struct inherited *i) {
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &i->l), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(i->l));
    assert_int_equal(weir_dial(url, NULL, &i->a), 0);
    assert_int_equal(weir_accept(i->l, &i->b), 0);
    assert_int_equal(weir_memory_pair(0, &i->memory, &i->other), 0);
    for (int n = 0; n < 40; n++) /* past the sends that earn a slot in the ring */
        expect_echo(i->a, i->b);
}

static void disinherit(struct inherited *i) {
    weir_close(&i->a);
    weir_close(&i->b);
    weir_close(&i->memory);
    weir_close(&i->other);
    weir_unlisten(&i->l);
}

static void expect_refusals(struct inherited *i, int without_object) {
    struct weir_stream *s = NULL;
    struct weir_listener *l = NULL;
    char buf[8];
    CHILD_CHECK(weir_read(i->a, buf, 1) == WEIR_EFORKED);
    CHILD_CHECK(weir_read_exactly(i->a, buf, 1) == WEIR_EFORKED);
    CHILD_CHECK(weir_read_until(i->a, 'x', buf, sizeof buf) == WEIR_EFORKED);
    CHILD_CHECK(weir_peek(i->memory, 1, &(struct weir_view){0}) == WEIR_EFORKED);
    CHILD_CHECK(weir_write(i->a, "x", 1) == WEIR_EFORKED);
    CHILD_CHECK(weir_shutdown(i->a) == WEIR_EFORKED);
    CHILD_CHECK(weir_accept(i->l, &s) == WEIR_EFORKED);
    if (without_object == 0)
        return;
    CHILD_CHECK(weir_sleep(1) == without_object);
    CHILD_CHECK(weir_yield() == without_object);
    CHILD_CHECK(weir_dial("tcp://127.0.0.1:1", NULL, &s) == without_object);
    CHILD_CHECK(weir_listen("tcp://127.0.0.1:0", NULL, &l) == without_object);
    CHILD_CHECK(weir_wait_fd(0, POLLIN) == without_object);
    CHILD_CHECK(weir_offload(nothing, NULL) == without_object);
    CHILD_CHECK(weir_offload_detached(nothing, NULL, 0) == without_object);
}

static void post_nothing(void *arg) {
    (void)arg;
}

static void own_echo(const char *url, struct weir_listener *l) {
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *b = NULL;
    char buf[4];
    CHILD_CHECK(weir_dial(url, NULL, &a) == 0);
    CHILD_CHECK(weir_accept(l, &b) == 0);
    CHILD_CHECK(weir_write(a, "ping", 4) == 0);
    CHILD_CHECK(weir_read_exactly(b, buf, 4) == 0);
}

/* A whole run in the child: sockets, helper threads, signals. */
static int run_afresh(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_scope s;
    char url[64];
    expect_refusals(arg, 0);
    CHILD_CHECK(weir_listen("tcp://127.0.0.1:0", NULL, &l) == 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    own_echo(url, l);
    weir_unlisten(&l);
    CHILD_CHECK(weir_offload(nothing, NULL) == 0);
    weir_scope_enter(&s, WEIR_NEVER);
    CHILD_CHECK(weir_scope_on_signal(&s, SIGTERM) == 0);
    kill(getpid(), SIGTERM);
    CHILD_CHECK(weir_sleep(WEIR_SECONDS(10)) == -ECANCELED);
    CHILD_CHECK(weir_scope_signal(&s) == SIGTERM);
    weir_scope_leave(&s, 0);
    disinherit(arg);
    return 0;
}

static void *thread_of_the_child(void *arg) {
    return arg;
}

/* Not so in an emulator (qemu-user 7.2), which then aborts. */
static bool child_may_start_threads(void) {
    pthread_t t;
    pid_t child = fork();
    if (child == 0) {
        CHILD_CHECK(pthread_create(&t, NULL, thread_of_the_child, NULL) == 0);
        CHILD_CHECK(pthread_join(t, NULL) == 0);
        _exit(0);
    }
    return status_of(child) == 0;
}

FORK_STORY(the_child_is_refused_with_an_error_and_may_run_afresh) {
    struct inherited i = {NULL};
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    struct weir_loop *here = weir_loop_current();
    inherit(&i);
    assert_int_equal(weir_offload(nothing, NULL), 0); /* the helper is not in the child */
    if (!child_may_start_threads())
        runner_skip("a child of a process that has threads cannot start any");
    pid_t child = fork();
    if (child == 0) {
        expect_refusals(&i, WEIR_EFORKED);
        CHILD_CHECK(weir_post(here, post_nothing, NULL) == WEIR_EFORKED);
        CHILD_CHECK(weir_run(run_afresh, &i, &o) == 0);
        CHILD_CHECK(weir_run(nothing, NULL, &o) == 0); /* and again */
        _exit(0);
    }
    for (int n = 0; n < 100; n++)
        expect_echo(i.a, i.b);
    assert_int_equal(status_of(child), 0);
    expect_echo(i.a, i.b);
    expect_echo(i.memory, i.other);
    disinherit(&i);
    return 0;
}

/* ---- closing ---- */

FORK_STORY(what_the_child_closes_stays_open_in_the_parent) {
    struct inherited i = {NULL};
    struct weir_stream *more = NULL;
    char url[64];
    inherit(&i);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(i.l));
    pid_t child = fork();
    if (child == 0) {
        disinherit(&i);
        CHILD_CHECK(i.a == NULL && i.b == NULL && i.l == NULL && i.memory == NULL);
        _exit(0);
    }
    assert_int_equal(status_of(child), 0);
    expect_echo(i.a, i.b);
    expect_echo(i.memory, i.other);
    for (int n = 0; n < 3; n++) {
        struct weir_stream *s = NULL;
        assert_int_equal(weir_dial(url, NULL, &s), 0);
        assert_int_equal(weir_accept(i.l, &more), 0);
        expect_echo(s, more);
        weir_close(&s);
        weir_close(&more);
    }
    disinherit(&i);
    return 0;
}

/* Its copies are closed: the end of the stream does not wait for the child's. */
FORK_STORY(what_the_child_closes_holds_no_connection) {
    struct inherited i = {NULL};
    struct weir_scope patience;
    int ready[2];
    char byte;
    inherit(&i);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        disinherit(&i);
        CHILD_CHECK(write(ready[1], "x", 1) == 1);
        idle_for_ever();
    }
    assert_int_equal(weir_wait_fd(ready[0], POLLIN), POLLIN);
    weir_close(&i.b);
    weir_scope_enter(&patience, WEIR_SECONDS(10));
    assert_int_equal(weir_scope_leave(&patience, (int)weir_read(i.a, &byte, 1)), 0);
    kill(child, SIGKILL);
    status_of(child);
    close(ready[0]);
    close(ready[1]);
    disinherit(&i);
    return 0;
}

/* ---- threads at work while it forks ---- */

static atomic_bool over;

static void quiet(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)line, (void)arg;
}

static void *log_and_wait(void *arg) {
    struct weir_run_options o = {.size = sizeof o, .backend = "epoll"};
    while (!atomic_load(&over)) {
        weir__log(WEIR_LOG_ERROR, "a line");
        weir_run(wait_and_end, NULL, &o);
    }
    return arg;
}

FORK_STORY(no_lock_is_held_for_ever_in_the_child) {
    pthread_t threads[2];
    if (__asan_init != NULL)
        runner_skip("AddressSanitizer forks with the locks of its own allocator held");
    weir_log_to(quiet, NULL);
    for (int t = 0; t < 2; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, log_and_wait, NULL), 0);
    for (int n = 0; n < 60; n++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(15);
            weir__log(WEIR_LOG_ERROR, "a line");
            CHILD_CHECK(weir_run(wait_and_end, NULL, NULL) == 0);
            _exit(0);
        }
        assert_int_equal(status_of(child), 0);
    }
    atomic_store(&over, true);
    for (int t = 0; t < 2; t++)
        pthread_join(threads[t], NULL);
    weir_log_to(NULL, NULL);
    return 0;
}

/* ---- a child that forgets to end ---- */

static int told[2];

static int tell_once(void *args) {
    (void)args;
    return write(told[1], "x", 1) == 1 ? 0 : -EIO;
}

FORK_STORY(a_function_that_returns_in_the_child_ends_it_and_runs_nothing_else) {
    char text[4];
    assert_int_equal(pipe2(told, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(weir_go0(NULL, tell_once), 0);
    pid_t child = fork();
    if (child == 0)
        return 0;
    int status = status_of(child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    settle();
    assert_int_equal(read(told[0], text, sizeof text), 1); /* the parent's */
    close(told[0]);
    close(told[1]);
    return 0;
}

/* ---- crash reports ---- */

static int fork_a_crash(void *arg) {
    struct sigaction now;
    (void)arg;
    pid_t child = fork();
    if (child == 0) {
        CHILD_CHECK(sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
        CHILD_CHECK(sigaction(SIGABRT, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
        _exit(0);
    }
    assert_int_equal(status_of(child), 0);
    assert_int_equal(sigaction(SIGSEGV, NULL, &now), 0);
    assert_true(now.sa_handler != SIG_DFL);
    return 0;
}

WEIR_TEST_BACKENDS(a_crash_of_the_child_is_not_reported_as_the_parents) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend, .crash_reports = true};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulated world is one process");
    signal(SIGSEGV, SIG_DFL); /* sanitizers have theirs */
    signal(SIGABRT, SIG_DFL);
    assert_int_equal(weir_run(fork_a_crash, NULL, &o), 0);
}

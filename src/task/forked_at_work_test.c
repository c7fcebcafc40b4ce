/* SPDX-License-Identifier: MIT */
/* forked_at_work_test.c - forks while other threads use all that the library keeps for the whole
 * process: the pool, signals, the log and its sink, the lists of loops and of backends. Each child
 * uses the same things, and so finds no lock that a thread of the parent held. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/backend.h>
#include <weir/log.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "test/runner.h"

extern void __tsan_init(void) __attribute__((weak));
extern void __asan_init(void) __attribute__((weak));

enum { FORKS = 30, CHILD_SECONDS = 60 };

static atomic_bool is_over;
static atomic_int rounds;

static int nothing(void *arg) {
    (void)arg;
    return 0;
}

static int uses_all(void *arg) {
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_NEVER);
    int rc = weir_scope_on_signal(&s, SIGUSR1);
    if (rc == 0)
        raise(SIGUSR1);
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(60)) == -ECANCELED ? 0 : -EPROTO;
    rc = weir_scope_leave(&s, rc);
    if (rc == 0)
        rc = weir_offload(nothing, NULL);
    return rc;
}

static int round_of_all(void) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (weir_backend_register("epoll", NULL) != -EINVAL)
        return -EPROTO;
    return weir_run(uses_all, NULL, &o);
}

/* Uses all of it under the lock of the log. */
static void sink(enum weir_log_level level, const char *line, void *arg) {
    static __thread int depth;
    (void)level, (void)arg;
    if (strstr(line, "a round") == NULL || depth++ > 0)
        return;
    if (round_of_all() == 0)
        rounds++;
    depth = 0;
}

static void *work(void *logger) {
    while (!is_over && logger != NULL)
        weir_log(logger, WEIR_LOG_ERROR, "a round");
    while (!is_over && logger == NULL)
        if (round_of_all() == 0)
            rounds++;
    return NULL;
}

static void child(struct weir_logger *logger) {
    if (__tsan_init != NULL) /* seen in clang 14: a child waits for a lock of TSan's allocator */
        _exit(0);            /* what the hooks of fork do in both processes has been watched */
    alarm(CHILD_SECONDS); /* if it hangs */
    rounds = 0;
    weir_log(logger, WEIR_LOG_ERROR, "a round");
    _exit(rounds == 1 && round_of_all() == 0 ? 0 : 1);
}

WEIR_TEST_BACKENDS(a_fork_while_all_is_in_use_leaves_a_whole_child_and_a_whole_parent) {
    static struct weir_logger logger = WEIR_LOGGER("test", WEIR_LOG_ERROR);
    pthread_t alone, in_sink;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulated world is one process");
    if (__asan_init != NULL) /* seen in gcc 12: a child waits for a lock of ASan's allocator */
        runner_skip("ASan's allocator takes no part in fork");
    signal(SIGUSR1, SIG_IGN); /* for one that comes when its wait has just ended */
    weir_log_to(sink, NULL);
    assert_int_equal(pthread_create(&alone, NULL, work, NULL), 0);
    assert_int_equal(pthread_create(&in_sink, NULL, work, &logger), 0);
    for (int i = 0; i < FORKS; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            child(&logger);
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    is_over = true;
    pthread_join(alone, NULL);
    pthread_join(in_sink, NULL);
    assert_true(rounds > 0);
    assert_int_equal(round_of_all(), 0);
    weir_log_to(NULL, NULL);
}

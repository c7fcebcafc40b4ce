/* SPDX-License-Identifier: MIT */
/* process_test.c - the head of the one struct, and what fork does to a part. */
#include "base/process.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/runner.h"

WEIR_TEST(the_head_of_the_process_says_what_it_is) {
    assert_memory_equal(&weir__process, "weirproc", 8);
    assert_int_equal(weir__process.version, WEIR__PROCESS_VERSION);
    assert_int_equal(weir__process.size, sizeof weir__process);
    assert_true(weir__list_empty(&weir__process.loops));
    assert_string_equal(weir__process.parts[WEIR__PART_LOG]->name, "log");
    assert_string_equal(weir__process.parts[WEIR__PART_LEVELS]->name, "levels");
}

WEIR_TEST(without_its_fork_hook_a_process_opens_no_loop) {
    char why[WEIR__PROCESS_WHY];
    assert_true(weir__process.has_hook);
    weir__process.has_hook = false; /* as if pthread_atfork had had no memory */
    assert_int_equal(weir__process_begin(why), -ENOMEM);
    assert_int_equal(weir__process.runs, 0);
    weir__process.has_hook = true;
    assert_int_equal(weir__process_begin(why), 0);
    assert_int_not_equal(weir__process.runs, 0);
}

static pthread_mutex_t first_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_mine, locked_in_child, blocked_in_child;

static bool is_free(pthread_mutex_t *lock) {
    int rc = pthread_mutex_trylock(lock);
    if (rc == 0)
        pthread_mutex_unlock(lock);
    return rc == 0;
}

static bool is_held_here(void) {
    return is_mine;
}

static bool blocks_usr1(void) {
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, SIGUSR1) == 1;
}

static void fork_child(void) {
    locked_in_child = !is_free(&first_lock) && !is_free(&last_lock);
    blocked_in_child = blocks_usr1();
}

static const struct weir__part first = {.name = "first", .lock = &first_lock,
                                        .is_held_here = is_held_here, .fork_child = fork_child};
static const struct weir__part last = {.name = "last", .lock = &last_lock};

/* In place of two rooms that this test does not use. */
static void hang_in(void) {
    weir__process_add(WEIR__PART_OUT, &first);
    weir__process_add(WEIR__PART_WATCHDOG, &last);
}

static void fork_and_check(bool free_after) {
    uint32_t forks = weir__process.forks;
    pid_t child = fork();
    bool whole = is_free(&first_lock) == free_after && is_free(&last_lock) && !blocks_usr1();
    if (child == 0)
        _exit(whole && locked_in_child && blocked_in_child && weir__process.forks > forks ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(whole);
    assert_int_equal(weir__process.forks, forks);
    assert_false(locked_in_child);
}

WEIR_TEST(fork_takes_each_lock_blocks_signals_and_gives_all_back_in_both_processes) {
    hang_in();
    fork_and_check(true);
}

WEIR_TEST(fork_leaves_a_lock_alone_that_the_thread_holds_in_a_sink) {
    hang_in();
    is_mine = true;
    pthread_mutex_lock(&first_lock);
    fork_and_check(false);
    pthread_mutex_unlock(&first_lock);
}

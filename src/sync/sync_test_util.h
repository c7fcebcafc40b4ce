/* SPDX-License-Identifier: MIT */
/* sync_test_util.h - what the tests of this room share: a story that runs as a task, on each
 * backend. */
#ifndef WEIR_SYNC_TEST_UTIL_H
#define WEIR_SYNC_TEST_UTIL_H

#include <errno.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "test/runner.h"

/* A story that is the first task of a run, on sim, epoll and uring. It returns 0. */
#define STORY(name)                                                                                \
    static int name##_run(void *arg);                                                              \
    WEIR_TEST_BACKENDS(name) {                                                                     \
        assert_int_equal(weir_run(name##_run, NULL, NULL), 0);                                     \
    }                                                                                              \
    static int name##_run(void *arg)

/* The same for a story that asserts in which order tasks run: a seed of WEIR_SEED would mix it. */
#define STORY_IN_ORDER(name)                                                                       \
    static int name##_run(void *arg);                                                              \
    WEIR_TEST_BACKENDS(name) {                                                                     \
        runner_plain_order();                                                                      \
        assert_int_equal(weir_run(name##_run, NULL, NULL), 0);                                     \
    }                                                                                              \
    static int name##_run(void *arg)

/* A story in which the library aborts with these words. */
#define ABORTS(name, words)                                                                        \
    static int name##_run(void *arg);                                                              \
    WEIR_TEST_ABORTS(name, words) {                                                                \
        weir_run(name##_run, NULL, NULL);                                                          \
    }                                                                                              \
    static int name##_run(void *arg)

/* Let the other tasks run, n times. */
static inline void yields(int n) {
    while (n-- > 0)
        assert_int_equal(weir_yield(), 0);
}

/* Spawn fn, whose argument is a number. */
static inline int go(struct weir_group *g, int (*fn)(void *args), int number,
                     struct weir_task **ret_task) {
    return weir_spawn(g, WEIR_SITE(number), fn, &number, sizeof number,
                      NULL, ret_task);
}

#endif

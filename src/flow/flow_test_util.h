/* SPDX-License-Identifier: MIT */
/* flow_test_util.h - what the tests of this room share. */
#ifndef WEIR_FLOW_TEST_UTIL_H
#define WEIR_FLOW_TEST_UTIL_H

#include <errno.h>
#include <weir/flow.h>
#include <weir/generator.h>
#include <weir/loop.h>
#include <weir/testing.h>

#include "test/runner.h"

#define MOMENT WEIR_MILLISECONDS(5)
#define LONG WEIR_SECONDS(60)

static inline void run(int (*fn)(void *arg)) {
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
}

/* Simulated: moments that differ stay apart, which no busy machine promises. */
static inline void run_in_order(int (*fn)(void *arg)) {
    assert_int_equal(weir_sim_run(fn, NULL, NULL), 0);
}

static inline void explore(int (*fn)(void *arg)) {
    struct weir_story story = {.size = sizeof story, .name = "flow", .fn = fn};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

/* Sleeps for ns, then returns rc. */
struct later_args {
    weir_ns ns;
    int rc;
};

static inline int later(void *args) {
    const struct later_args *a = args;
    int rc = weir_sleep(a->ns);
    return rc < 0 ? rc : a->rc;
}

/* A task that ends after so many moments. */
static inline int spawn_later(struct weir_group *g, int moments, int rc, struct weir_task **ret) {
    struct later_args a = {moments * MOMENT, rc};
    return weir_spawn(g, WEIR_SITE(later), later, &a, sizeof a, NULL, ret);
}

#endif

/* SPDX-License-Identifier: MIT */
/* up_test.c - a fleet whose `up` runs out of memory at any point still ends, with all its nodes,
 * and gives back all it holds (the runner checks). */
#include "cli/up.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/plan.h"
#include "test/runner.h"

static const char file[] = "fleet: t\n"
                           "nodes:\n"
                           "  b: {command: \"sh -c 'echo b; exit 0'\", depends_on: [a]}\n"
                           "  a: {command: \"sh -c 'echo ready >&3; exec sleep 1000'\",\n"
                           "      ready: notify,\n"
                           "      grace: 100ms, port: 1}\n";

/* Run it with the n-th allocation of `up` failing (0: none). Returns its exit code. */
static int run_failing_at(size_t n, const char *backend, size_t *ret_asked) {
    struct fleet fleet;
    struct plan plan;
    struct guard guard;
    struct yaml_problem problem;
    struct settings settings = {.color = OUTPUT_NEVER};
    struct up_options options = {
        .settings = &settings, .backend = backend, .ready_within = WEIR_MILLISECONDS(300)};
    assert_int_equal(fleet_parse(file, strlen(file), &fleet, &problem), 0);
    assert_int_equal(plan_make(&fleet, &(struct plan_options){NULL}, &plan), 0);
    assert_int_equal(guard_open(plan.launches, plan.count, &guard), 0);
    weir__alloc_fail_at(n);
    int code = up_run(&fleet, &guard, &options);
    *ret_asked = weir__alloc_fail_at(0);
    plan_fini(&plan);
    fleet_fini(&fleet);
    return code;
}

static void every_allocation_fails(const char *backend) {
    size_t asked = 0;
    assert_int_equal(run_failing_at(0, backend, &asked), 0);
    assert_true(asked > 10);
    for (size_t n = 1; n <= asked; n++) {
        size_t asked_now;
        int code = run_failing_at(n, backend, &asked_now);
        assert_in_range(code, 0, 255); /* a node may be lost sight of, or lose its output */
    }
}

WEIR_TEST(a_fleet_ends_whole_whatever_allocation_fails) {
    every_allocation_fails("epoll");
}

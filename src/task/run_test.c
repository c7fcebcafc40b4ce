/* SPDX-License-Identifier: MIT */
/* run_test.c - what weir_run decides before the first task runs: the backend, and why that one;
 * the calls beside it: options of a spawn, random numbers. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "sys/forbid_uring_test_util.h"
#include "test/runner.h"
#include "weir-features.h"

static bool tells_of(const char *line, const char *backend) {
    const char *name = strcmp(backend, "uring") == 0 ? "io_uring" : backend;
    return strncmp(line, name, strlen(name)) == 0;
}

static char why_line[256];

static int asks(void *arg) {
    const char *line = weir_loop_explain(weir_loop_current());
    (void)arg;
    assert_true(strlen(line) < sizeof why_line);
    strcpy(why_line, line);
    assert_null(strchr(line, '\n'));
    assert_int_equal(weir_yield(), 0);
    assert_ptr_equal(weir_loop_explain(weir_loop_current()), line); /* as long as the loop */
    return 0;
}

WEIR_TEST_BACKENDS(a_loop_says_which_backend_it_has) {
    assert_int_equal(weir_run(asks, NULL, NULL), 0);
    assert_true(tells_of(why_line, test_backend));
}

WEIR_TEST_BACKENDS(what_the_program_asks_for_outranks_the_variable) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    setenv("WEIR_BACKEND", strcmp(test_backend, "sim") == 0 ? "epoll" : "sim", 1);
    assert_int_equal(weir_run(asks, NULL, &o), 0);
    assert_true(tells_of(why_line, test_backend));
}

struct named_args {
    int number;
};

static int named(void *args) {
    assert_string_equal(weir_task_name(weir_task_current()), "number");
    assert_int_equal(((struct named_args *)args)->number, 7);
    return 0;
}

static int goes_with_options(void *arg) {
    struct weir_spawn_options o = {.size = sizeof o, .stack_size = 1 << 20, .name = "number"};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go_with(&g, &o, named, .number = 7);
    o.stack_size = SIZE_MAX / 2; /* no stack is that large */
    assert_int_equal(weir_go_with(&g, &o, named, .number = 8), -ENOMEM);
    return weir_group_close(&g, rc);
}

WEIR_TEST_BACKENDS(a_task_may_be_started_with_options) {
    assert_int_equal(weir_run(goes_with_options, NULL, NULL), 0);
}

static int draws(void *arg) {
    uint64_t *drawn = arg;
    for (int i = 0; i < 4; i++)
        drawn[i] = weir_random();
    return 0;
}

static void all_differ(const uint64_t *drawn, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(drawn[i] != drawn[k]);
}

WEIR_TEST_BACKENDS(random_numbers_differ_inside_a_run_and_outside) {
    uint64_t drawn[8];
    assert_int_equal(weir_run(draws, drawn, NULL), 0);
    draws(drawn + 4);
    all_differ(drawn, 8);
}

WEIR_TEST(random_numbers_of_a_simulation_are_its_seeds) {
    uint64_t drawn[12];
    struct weir_sim_options o = {.size = sizeof o, .seed = 5};
    assert_int_equal(weir_sim_run(draws, drawn, &o), 0);
    assert_int_equal(weir_sim_run(draws, drawn + 8, &o), 0);
    assert_memory_equal(drawn, drawn + 8, 4 * sizeof drawn[0]);
    o.seed = 6;
    assert_int_equal(weir_sim_run(draws, drawn + 4, &o), 0);
    all_differ(drawn, 8);
}

/* Kept, because nobody was there to read it when it was found. */
WEIR_TEST(a_loop_says_why_it_has_no_io_uring) {
    unsetenv("WEIR_BACKEND");
    if (WEIR_HAVE_URING)
        forbid_uring();
    assert_int_equal(weir_run(asks, NULL, NULL), 0);
    assert_true(tells_of(why_line, "epoll"));
    assert_non_null(strstr(why_line, WEIR_HAVE_URING ? "forbidden here" : "without io_uring"));
}

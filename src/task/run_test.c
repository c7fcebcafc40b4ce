/* SPDX-License-Identifier: MIT */
/* run_test.c - what weir_run decides before the first task runs: the backend, and why that one;
 * the calls beside it: options of a spawn, random numbers. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "sys/forbid_test_util.h"
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

/* ---- a sink of the log that asks the library ---- */

static int lines;

static void asks_back(enum weir_log_level level, const char *line, void *arg) {
    lines++;
    assert_true(weir_now() > 0);
    (void)weir_random();
    weir_stop("a line was logged");
    assert_int_equal(weir_cancelled(), 0);
    assert_null(weir_loop_current());
}

static int never_runs(void *arg) {
    fail_msg("no backend, but it runs");
    return 0;
}

static void cannot_run(const struct weir_run_options *o, int expected, const char *text) {
    lines = 0;
    weir_log_to(asks_back, NULL);
    assert_int_equal(weir_run(never_runs, NULL, o), expected);
    weir_log_to(NULL, NULL);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(weir_error_message(expected), text));
    assert_string_equal(weir_error(expected)->what, "run");
}

WEIR_TEST(a_sink_may_ask_the_time_while_a_run_cannot_start) {
    cannot_run(&(struct weir_run_options){.size = sizeof(struct weir_run_options),
                                          .backend = "nosuch"},
               WEIR_EBACKEND, "nosuch");
}

WEIR_TEST_BACKENDS(a_sink_may_ask_the_time_where_descriptors_lack) {
    struct rlimit before, none;
    if (strcmp(test_backend, "sim") == 0)
        return; /* it needs no descriptor */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    cannot_run(NULL, -EMFILE, "EMFILE");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void late_sink(enum weir_log_level level, const char *line, void *arg) {
    lines++;
    assert_true(weir_now() > 0);
    (void)weir_random();
    weir_stop("a line was logged");
}

static _Atomic bool begun, may_return;

static int overstays(void *args) {
    begun = true;
    while (!may_return)
        usleep(1000);
    return 0;
}

static int offloads(void *args) {
    return weir_offload_detached(overstays, NULL, 0);
}

static void unseen(void *arg) {
    fail_msg("the run was over");
}

static int leaves_work_behind(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    if (strcmp(test_backend, "sim") != 0) { /* there it ends at once */
        assert_int_equal(weir_go0(&g, offloads), 0);
        while (!begun)
            assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    }
    weir_group_cancel(&g, NULL);
    (void)weir_group_close(&g, 0);
    return weir_post(weir_loop_current(), unseen, NULL);
}

WEIR_TEST_BACKENDS(a_sink_may_ask_the_time_while_the_run_ends) {
    size_t before = weir__alloc_live();
    begun = may_return = false;
    lines = 0;
    weir_log_to(late_sink, NULL);
    assert_int_equal(weir_run(leaves_work_behind, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
    assert_int_equal(lines, strcmp(test_backend, "sim") == 0 ? 1 : 2);
    may_return = true;
    while (weir__alloc_live() > before) /* the function's thread leaves nothing */
        usleep(1000);
}

/* SPDX-License-Identifier: MIT */
/* run_test.c - what weir_run decides before the first task runs: the backend, and why that one. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

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

/* Kept, because nobody was there to read it when it was found. */
WEIR_TEST(a_loop_says_why_it_has_no_io_uring) {
    unsetenv("WEIR_BACKEND");
    if (WEIR_HAVE_URING)
        forbid_uring();
    assert_int_equal(weir_run(asks, NULL, NULL), 0);
    assert_true(tells_of(why_line, "epoll"));
    assert_non_null(strstr(why_line, WEIR_HAVE_URING ? "forbidden here" : "without io_uring"));
}

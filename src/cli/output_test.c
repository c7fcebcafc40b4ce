/* SPDX-License-Identifier: MIT */
/* Lines stay whole where stdout and stderr are one pipe that is almost full. */
#include "cli/output.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "test/runner.h"

enum { PAGE = 4096, LONG = LIMIT_LINE_BYTES, ALL = 4 + LONG + 11 };

static int ends[2];
static char long_line[LONG], seen[2 * LONG], expected[ALL + 1];
static size_t seen_len;

struct print_args {
    struct output *output;
    bool to_err;
};

static int print(void *args) {
    struct print_args *a = args;
    return a->to_err ? output_line(a->output, true, "b", 1, "short", 5)
                     : output_line(a->output, false, "a", 0, long_line, sizeof long_line);
}

static size_t take(char *to, size_t size) {
    ssize_t n = read(ends[0], to, size);
    return n > 0 ? (size_t)n : 0;
}

/* The pipe takes the first page of the long line. When there is room again, the short line comes
 * before the rest could be written. What fails is told when stderr is no pipe any more. */
static int both(void *arg) {
    struct output o;
    struct weir_group g;
    int rc = output_init(&o, OUTPUT_NEVER);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, print, .output = &o, .to_err = false);
    while (rc == 0 && (seen_len = take(seen, PAGE)) == 0)
        rc = weir_yield();
    if (rc == 0)
        rc = weir_go(&g, print, .output = &o, .to_err = true);
    while (rc == 0 && seen_len < ALL) {
        rc = weir_sleep(WEIR_MILLISECONDS(1));
        seen_len += take(seen + seen_len, sizeof seen - seen_len);
    }
    rc = weir_group_close(&g, rc);
    output_fini(&o);
    return rc;
}

WEIR_TEST_BACKENDS(a_line_on_stderr_does_not_tear_one_on_stdout) {
    struct weir_run_options options = {.size = sizeof options, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("its streams are not the process's");
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    memset(long_line, 'x', sizeof long_line);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, PAGE), PAGE);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    int rc = weir_run(both, NULL, &options);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    assert_int_equal(rc, 0);
    memcpy(mempcpy(mempcpy(expected, "a | ", 4), long_line, LONG), "\nb | short\n", 11);
    assert_int_equal(seen_len, ALL);
    assert_memory_equal(seen, expected, ALL);
    close(out), close(err), close(ends[0]), close(ends[1]);
}

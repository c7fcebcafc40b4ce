/* SPDX-License-Identifier: MIT */
/* The write line to a program's standard input: its put is the pipe's below (over.c). */
#include <errno.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "stream/out.h"
#include "test/runner.h"

static int ends, end_rc;

static void moved(struct weir__out *o, int rc) {
    if (weir__out_writes(o))
        return;
    ends++;
    end_rc = rc;
}

/* More than the pipe holds, to a program that reads all, and to one that reads nothing. */
static int to_program(const char *url, size_t echoed, weir_ns rest_ns) {
    static uint8_t bytes[300000];
    struct weir__out_owner by;
    struct weir__out o;
    struct weir_stream *s = NULL;
    ends = 0;
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    weir__out_owner_init(&by, weir__loop(), "line", rest_ns, moved);
    weir__out_init(&o);
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(weir__out_append(&o, bytes, sizeof bytes), 0);
    weir__out_go(&o, s, &by);
    assert_true(weir__out_writes(&o));
    assert_int_equal(weir_write(s, "y", 1), -EBUSY);
    if (echoed > 0)
        assert_int_equal(weir_read_exactly(s, bytes, echoed), 0);
    for (int i = 0; ends == 0 && i < 2000; i++)
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(5)), 0);
    assert_int_equal(ends, 1);
    assert_int_equal(bytes[sizeof bytes - 1], 'x');
    weir__out_fini(&o);
    weir__out_owner_fini(&by);
    weir_close(&s);
    return 0;
}

static int programs(void *arg) {
    to_program("exec:cat", 300000, WEIR_SECONDS(20));
    assert_int_equal(end_rc, 0);
    to_program("exec:sleep 60", 0, WEIR_MILLISECONDS(40));
    assert_int_equal(end_rc, WEIR_EKEEPALIVE);
    return 0;
}

WEIR_TEST_BACKENDS(a_line_writes_to_a_program) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation starts no programs");
    assert_int_equal(weir_run(programs, NULL, &o), 0);
}

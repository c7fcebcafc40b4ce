/* SPDX-License-Identifier: MIT */
/* Programs in a pseudo-terminal. */
#include "process/process_test_util.h"

#include <weir/tty.h>

static const struct weir_pty_options size = {.size = sizeof size, .columns = 91, .rows = 17};
static const struct weir_process_options in_terminal = {.size = sizeof in_terminal,
                                                        .in = {WEIR_STDIO_PTY},
                                                        .out = {WEIR_STDIO_PTY},
                                                        .err = {WEIR_STDIO_PTY},
                                                        .grace_ns = WEIR_MILLISECONDS(5),
                                                        .pty = &size};

REAL_STORY(a_program_finds_its_terminal_and_its_size) {
    struct weir_output out;
    struct weir_process_options o = in_terminal;
    static const char asks[] = "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && stty size; echo e >&2; "
                               "echo controlled >/dev/tty";
    assert_int_equal(weir_process_run(SH(asks), &o, &out), 0);
    assert_int_equal(out.exit.code, 0);
    assert_non_null(strstr(out.out, "17 91\r\n"));
    assert_non_null(strstr(out.out, "e\r\n"));
    assert_non_null(strstr(out.out, "controlled\r\n"));
    assert_null(out.err);
    weir_output_free(&out);
    return 0;
}

PROCESS_STORY(a_terminal_carries_a_dialogue) {
    struct weir_process *p = NULL;
    struct weir_pty_options raw = {.size = sizeof raw, .raw = true};
    struct weir_process_options o = in_terminal;
    char buf[6];
    o.pty = &raw; /* no echo, no lines */
    play_all();
    assert_int_equal(weir_process_start(ARGV("cat"), &o, &p), 0);
    assert_ptr_equal(weir_process_stdin(p), weir_process_stdout(p));
    assert_null(weir_process_stderr(p));
    assert_int_equal(weir_write(weir_process_stdin(p), "hello", 5), 0);
    assert_int_equal(weir_read_exactly(weir_process_stdout(p), buf, 5), 0);
    assert_memory_equal(buf, "hello", 5);
    weir_process_close_stdin(p);
    assert_null(weir_process_stdin(p));
    assert_int_equal(weir_process_signal(p, 0), 0); /* it stays open */
    weir_process_close(&p);
    return 0;
}

REAL_STORY(control_c_on_its_terminal_interrupts_a_program) {
    struct weir_process *p = NULL;
    struct weir_exit e;
    char line[64];
    assert_int_equal(weir_process_start(SH("echo ready; exec sleep 60"), &in_terminal, &p), 0);
    assert_true(weir_read_until(weir_process_stdout(p), '\n', line, sizeof line) > 0);
    assert_int_equal(weir_write(weir_process_stdin(p), "\3", 1), 0);
    assert_int_equal(weir_process_wait(p, &e), 0);
    assert_int_equal(e.signal, SIGINT);
    assert_int_equal(weir_read(weir_process_stdout(p), line, 2), 2); /* ^C */
    assert_int_equal(weir_read(weir_process_stdout(p), line, 1), 0);
    weir_process_close(&p);
    return 0;
}

REAL_STORY(run_ends_the_input_of_a_terminal_as_a_user_would) {
    const char *const inputs[] = {"one\ntwo\n", "no newline", ""};
    const char *const counts[] = {"8\r\n", "10\r\n", "0\r\n"};
    for (int i = 0; i < 3; i++) {
        struct weir_process_options o = in_terminal;
        struct weir_output out;
        o.input = inputs[i];
        o.input_len = strlen(inputs[i]);
        assert_int_equal(weir_process_run(ARGV("wc", "-c"), &o, &out), 0);
        assert_non_null(strstr(out.out, counts[i])); /* behind the echo */
        weir_output_free(&out);
    }
    return 0;
}

REAL_STORY(a_program_in_a_terminal_is_killed_with_its_session) {
    struct weir_output out;
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_MILLISECONDS(50));
    int rc = weir_process_run(SH("trap '' TERM HUP; sleep 60"), &in_terminal, &out);
    assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    expect_no_child();
    return 0;
}

PROCESS_STORY(a_terminal_needs_a_session) {
    struct weir_process *p = NULL;
    struct weir_process_options o = in_terminal;
    o.group = WEIR_PROCESS_SAME_GROUP;
    play_all();
    assert_int_equal(weir_process_start(ARGV("cat"), &o, &p), -EINVAL);
    return 0;
}

REAL_STORY(errors_may_be_kept_apart_from_the_terminal) {
    struct weir_process_options o = in_terminal;
    struct weir_output out;
    o.err.kind = WEIR_STDIO_PIPE;
    assert_int_equal(weir_process_run(SH("echo out; echo err >&2"), &o, &out), 0);
    assert_non_null(strstr(out.out, "out\r\n"));
    assert_string_equal(out.err, "err\n");
    weir_output_free(&out);
    return 0;
}

REAL_STORY(a_start_that_fails_leaves_no_terminal) {
    struct weir_process *p = NULL;
    struct weir_process_options o = in_terminal;
    assert_int_equal(weir_process_start(ARGV("weir-no-such-program"), &o, &p), -ENOENT);
    struct weir_pty_options wrong = {.size = sizeof wrong, .columns = -1};
    o.pty = &wrong;
    assert_int_equal(weir_process_start(ARGV("cat"), &o, &p), -EINVAL);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* communicate and run: input, outputs and the end at once. */
#include "process/process_test_util.h"

PROCESS_STORY(run_keeps_both_outputs_and_the_status) {
    struct weir_output out;
    play_all();
    assert_int_equal(weir_process_run(SH("echo out; echo err >&2"), NULL, &out), 0);
    assert_string_equal(out.out, "out\n");
    assert_string_equal(out.err, "err\n");
    assert_int_equal(out.out_len, 4);
    assert_int_equal(out.exit.code, 0);
    assert_false(out.out_truncated || out.err_truncated);
    weir_output_free(&out);
    assert_null(out.out);
    assert_int_equal(weir_process_run(SH("exit 3"), NULL, &out), 0);
    assert_int_equal(out.exit.code, 3);
    assert_string_equal(out.out, "");
    weir_output_free(&out);
    return 0;
}

enum { MUCH = 3 << 20 };

/* More than any pipe holds, in both directions at once. */
PROCESS_STORY(much_input_becomes_much_output) {
    char *much = malloc(MUCH);
    struct weir_output out;
    struct weir_process_options o = {.size = sizeof o, .input = much, .input_len = MUCH};
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i * 7 + i / 251);
    play_all();
    assert_int_equal(weir_process_run(ARGV("cat"), &o, &out), 0);
    assert_int_equal(out.out_len, MUCH);
    assert_memory_equal(out.out, much, MUCH);
    weir_output_free(&out);
    o.output_max = 1000;
    assert_int_equal(weir_process_run(ARGV("cat"), &o, &out), 0);
    assert_int_equal(out.out_len, 1000);
    assert_true(out.out_truncated);
    weir_output_free(&out);
    free(much);
    return 0;
}

PROCESS_STORY(a_program_may_leave_its_input_unread) {
    static const char much[1 << 20];
    struct weir_output out;
    struct weir_process_options o = {.size = sizeof o, .input = much, .input_len = sizeof much};
    play_all();
    assert_int_equal(weir_process_run(SH("exit 4"), &o, &out), 0);
    assert_int_equal(out.exit.code, 4);
    weir_output_free(&out);
    return 0;
}

PROCESS_STORY(a_deadline_ends_the_program_before_run_returns) {
    struct weir_output out = {.out_len = 99};
    struct weir_process_options o = {.size = sizeof o, .grace_ns = WEIR_MILLISECONDS(10)};
    const char *const scripts[] = {"sleep 60", "trap '' TERM; sleep 60"};
    play_all();
    for (int i = 0; i < 2; i++) {
        struct weir_scope s;
        weir_scope_enter(&s, WEIR_MILLISECONDS(50));
        int rc = weir_scope_leave(&s, weir_process_run(SH(scripts[i]), &o, &out));
        assert_int_equal(rc, -ETIME);
        assert_int_equal(out.out_len, 99);
        expect_no_child();
    }
    return 0;
}

PROCESS_STORY(communicate_goes_on_after_a_deadline) {
    static char much[1 << 20];
    struct weir_process_options o = {
        .size = sizeof o, .in = {WEIR_STDIO_PIPE}, .out = {WEIR_STDIO_PIPE}};
    struct weir_process *p = NULL;
    struct weir_output out;
    int rc = -ETIME, tries = 0;
    for (size_t i = 0; i < sizeof much; i++)
        much[i] = (char)(i % 127);
    play_all();
    assert_int_equal(weir_process_start(ARGV("cat"), &o, &p), 0);
    for (; rc == -ETIME; tries++) {
        struct weir_scope s;
        weir_scope_enter(&s, tries * WEIR_MILLISECONDS(1) / 8 + 1);
        rc = weir_scope_leave(&s, weir_process_communicate(p, much, sizeof much, &out));
    }
    assert_int_equal(rc, 0);
    assert_true(tries > 1);
    assert_int_equal(out.out_len, sizeof much);
    assert_memory_equal(out.out, much, sizeof much);
    weir_output_free(&out);
    weir_process_close(&p);
    return 0;
}

/* The shell ends; what it has left in the background holds the pipe. */
REAL_STORY(a_grandchild_that_holds_the_pipe_does_not_hold_run) {
    struct weir_output out;
    assert_int_equal(weir_process_run(SH("sleep 60 & echo $!"), NULL, &out), 0);
    pid_t left = (pid_t)atol(out.out);
    assert_true(left > 1);
    weir_output_free(&out);
    for (int i = 0; i < 5000 && is_alive(left); i++) /* killed with its group; another reaps it */
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_false(is_alive(left));
    return 0;
}

REAL_STORY(drain_waits_for_what_a_grandchild_writes) {
    struct weir_output out;
    struct weir_process_options o = {.size = sizeof o, .drain_ns = WEIR_SECONDS(30)};
    assert_int_equal(weir_process_run(SH("(sleep 0.05; echo late) & echo soon"), &o, &out), 0);
    assert_string_equal(out.out, "soon\nlate\n");
    weir_output_free(&out);
    return 0;
}

struct communicates_args {
    struct weir_process *p;
};
static int communicates(void *args) {
    struct weir_output out;
    int rc = weir_process_communicate(((struct communicates_args *)args)->p, NULL, 0, &out);
    return rc == WEIR_ECLOSED ? 0 : -EPROTO;
}

struct closes_args {
    struct weir_process **p;
};
static int closes(void *args) {
    weir_process_close(((struct closes_args *)args)->p);
    return 0;
}

/* The tasks that read its outputs have not run by then. */
PROCESS_STORY(a_close_in_the_round_of_communicate_is_felt) {
    struct weir_process_options o = {
        .size = sizeof o, .out = {WEIR_STDIO_PIPE}, .err = {WEIR_STDIO_PIPE}};
    struct weir_process *p = NULL;
    struct weir_group g;
    runner_plain_order(); /* what is closed before the call is none to communicate with */
    play_all();
    assert_int_equal(weir_process_start(SH("sleep 60"), &o, &p), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, communicates, .p = p), 0);
    assert_int_equal(weir_go(&g, closes, .p = &p), 0);
    return weir_group_close(&g, 0);
}

REAL_STORY(communicate_hands_out_what_a_read_before_has_left) {
    struct weir_process_options o = {.size = sizeof o, .out = {WEIR_STDIO_PIPE}};
    struct weir_process *p = NULL;
    struct weir_output out;
    char line[8];
    assert_int_equal(weir_process_start(SH("printf 'a\\nb\\n'"), &o, &p), 0);
    assert_int_equal(weir_read_until(weir_process_stdout(p), '\n', line, sizeof line), 2);
    assert_int_equal(weir_process_wait(p, NULL), 0);
    assert_int_equal(weir_process_communicate(p, NULL, 0, &out), 0);
    assert_string_equal(out.out, "b\n");
    weir_output_free(&out);
    weir_process_close(&p);
    return 0;
}

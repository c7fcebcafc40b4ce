/* SPDX-License-Identifier: MIT */
/* Start, wait, signals, stop, close; what a program is given. */
#include "process/process_test_util.h"

#include <fcntl.h>

static const struct weir_process_options quiet = {.size = sizeof quiet,
                                                  .in = {WEIR_STDIO_NULL},
                                                  .out = {WEIR_STDIO_NULL},
                                                  .err = {WEIR_STDIO_NULL}};

static struct weir_process *start(const char *const *argv, const struct weir_process_options *o) {
    struct weir_process *p = NULL;
    play_all();
    assert_int_equal(weir_process_start(argv, o, &p), 0);
    assert_non_null(p);
    return p;
}

PROCESS_STORY(an_exit_status_is_returned) {
    struct weir_process *p = start(SH("exit 7"), &quiet);
    struct weir_exit e = {.signal = -1};
    assert_true(weir_process_pid(p) > 0);
    bool is_sim = strcmp(test_backend, "sim") == 0;
    assert_true(is_sim ? weir_process_fd(p) == -EOPNOTSUPP : weir_process_fd(p) > 2);
    assert_int_equal(weir_process_wait(p, &e), 0);
    assert_int_equal(e.code, 7);
    assert_int_equal(e.signal, 0);
    memset(&e, 0, sizeof e);
    assert_int_equal(weir_process_wait(p, &e), 0); /* again, after the end */
    assert_int_equal(e.code, 7);
    assert_int_equal(weir_process_signal(p, SIGTERM), -ESRCH);
    weir_process_close(&p);
    assert_null(p);
    return 0;
}

PROCESS_STORY(a_program_reads_what_is_written_and_ends_with_its_input) {
    struct weir_process_options o = {
        .size = sizeof o, .in = {WEIR_STDIO_PIPE}, .out = {WEIR_STDIO_PIPE}};
    struct weir_process *p = start(ARGV("cat"), &o);
    char buf[16];
    assert_int_equal(weir_write(weir_process_stdin(p), "hello", 5), 0);
    assert_int_equal(weir_read_exactly(weir_process_stdout(p), buf, 5), 0);
    assert_memory_equal(buf, "hello", 5);
    assert_null(weir_process_stderr(p));
    weir_process_close_stdin(p);
    assert_null(weir_process_stdin(p));
    assert_int_equal(weir_read(weir_process_stdout(p), buf, 1), 0);
    struct weir_exit e;
    assert_int_equal(weir_process_wait(p, &e), 0);
    assert_int_equal(e.code, 0);
    weir_process_close(&p);
    return 0;
}

PROCESS_STORY(a_signal_that_ends_a_program_is_reported) {
    struct weir_process *p = start(SH("sleep 60"), &quiet);
    struct weir_exit e;
    assert_int_equal(weir_process_signal_group(p, SIGTERM), 0);
    assert_int_equal(weir_process_wait(p, &e), 0);
    assert_int_equal(e.code, -1);
    assert_int_equal(e.signal, SIGTERM);
    weir_process_close(&p);
    return 0;
}

PROCESS_STORY(what_ignores_sigterm_is_killed_after_its_grace) {
    struct weir_process_options o = quiet;
    o.out.kind = WEIR_STDIO_PIPE;
    struct weir_process *p = start(SH("trap '' TERM; echo out; sleep 60"), &o);
    char buf[4];
    assert_int_equal(weir_read_exactly(weir_process_stdout(p), buf, 4), 0); /* the trap is set */
    struct weir_exit e;
    assert_int_equal(weir_process_stop(p, WEIR_MILLISECONDS(20), &e), 0);
    assert_int_equal(e.signal, SIGKILL);
    assert_int_equal(weir_process_stop(p, 0, &e), 0); /* again */
    weir_process_close(&p);
    return 0;
}

PROCESS_STORY(sigterm_is_enough_for_most) {
    struct weir_process *p = start(SH("sleep 60"), &quiet);
    struct weir_exit e;
    assert_int_equal(weir_process_stop(p, WEIR_SECONDS(30), &e), 0);
    assert_int_equal(e.signal, SIGTERM);
    weir_process_close(&p);
    return 0;
}

PROCESS_STORY(a_process_that_runs_is_killed_and_reaped_by_close) {
    struct weir_process *p = start(SH("sleep 60"), &quiet);
    weir_process_close(&p);
    return 0; /* the run waits for it, and expect_no_child looks */
}

struct waits_args {
    struct weir_process *p;
    int *count;
    int rc;
};

static int waits(void *args) {
    struct waits_args *a = args;
    int rc = weir_process_wait(a->p, NULL);
    *a->count += rc == a->rc;
    return 0;
}

PROCESS_STORY(many_tasks_wait_for_one_process) {
    struct weir_process *p = start(SH("sleep 60"), &quiet);
    struct weir_group g;
    int count = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 20; i++)
        assert_int_equal(weir_go(&g, waits, .p = p, .count = &count), 0);
    assert_int_equal(weir_yield(), 0);
    assert_int_equal(weir_process_signal_group(p, SIGKILL), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(count, 20);
    weir_process_close(&p);
    return 0;
}

PROCESS_STORY(a_close_ends_the_waits_of_others) {
    struct weir_process *p = start(SH("sleep 60"), &quiet);
    struct weir_group g;
    int count = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_go(&g, waits, .p = p, .count = &count, .rc = WEIR_ECLOSED), 0);
    assert_int_equal(weir_yield(), 0);
    weir_process_close(&p);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(count, 3);
    return 0;
}

PROCESS_STORY(a_wait_that_is_cut_short_leaves_the_program_alone) {
    struct weir_process *p = start(SH("sleep 60"), &quiet);
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    assert_int_equal(weir_scope_leave(&s, weir_process_wait(p, NULL)), -ETIME);
    assert_int_equal(weir_process_signal(p, 0), 0);
    weir_process_close(&p);
    return 0;
}

REAL_STORY(a_program_that_is_not_there_is_an_error_with_its_name) {
    struct weir_process *p = NULL;
    int rc = weir_process_start(ARGV("weir-no-such-program"), NULL, &p);
    assert_int_equal(rc, -ENOENT);
    assert_string_equal(weir_error(rc)->on, "weir-no-such-program");
    assert_non_null(strstr(weir_error(rc)->text, "it cannot be executed"));
    assert_int_equal(weir_process_start(ARGV("/etc/passwd"), NULL, &p), -EACCES);
    assert_int_equal(weir_process_start(ARGV("/etc"), NULL, &p), -EACCES);
    assert_int_equal(weir_process_start(ARGV(""), NULL, &p), -ENOENT);
    struct weir_process_options o = {.size = sizeof o, .cwd = "/no/such/folder"};
    rc = weir_process_start(ARGV("true"), &o, &p);
    assert_int_equal(rc, -ENOENT);
    assert_non_null(strstr(weir_error(rc)->text, "working directory '/no/such/folder'"));
    assert_null(p);
    return 0;
}

static int start_unknown(void *arg) {
    struct weir_process *p = NULL;
    struct weir_passed_fd fd = {3, 0};
    struct weir_process_options o = {.size = sizeof o, .fds = &fd, .fd_count = 1};
    int rc = weir_process_start(ARGV("make"), NULL, &p);
    assert_int_equal(rc, WEIR_ESIMREFUSED);
    assert_non_null(strstr(weir_error(rc)->text, "weir_sim_program"));
    assert_string_equal(weir_error(rc)->on, "make");
    play_all();
    assert_int_equal(weir_process_start(ARGV("cat"), &o, &p), WEIR_ESIMREFUSED);
    assert_int_equal(weir_process_from_pid(1, &p), WEIR_ESIMREFUSED);
    assert_null(p);
    return 0;
}

WEIR_TEST(a_simulation_names_what_it_cannot_play) {
    assert_int_equal(weir_sim_program("x", play_cat), WEIR_ENOLOOP);
    assert_int_equal(weir_sim_run(start_unknown, NULL, NULL), 0);
}

PROCESS_STORY(options_that_contradict_each_other_are_refused) {
    struct weir_process *p = NULL;
    struct weir_process_options o = {.size = sizeof o, .in = {WEIR_STDIO_OUT}};
    play_all();
    assert_int_equal(weir_process_start(ARGV("cat"), &o, &p), -EINVAL);
    struct weir_passed_fd low[] = {{2, 0}}, twice[] = {{5, 0}, {5, 1}};
    o = (struct weir_process_options){.size = sizeof o, .fds = low, .fd_count = 1};
    assert_int_equal(weir_process_start(ARGV("cat"), &o, &p), -EINVAL);
    o.fds = twice;
    o.fd_count = 2;
    assert_int_equal(weir_process_start(ARGV("cat"), &o, &p), -EINVAL);
    assert_int_equal(weir_process_start((const char *const[]){NULL}, NULL, &p), -EINVAL);
    return 0;
}

REAL_STORY(a_child_made_by_fork_can_be_taken_over) {
    struct weir_process *p = NULL;
    struct weir_exit e;
    pid_t pid = fork();
    if (pid == 0)
        _exit(11);
    assert_int_equal(weir_process_from_pid(pid, &p), 0);
    assert_int_equal(weir_process_wait(p, &e), 0);
    assert_int_equal(e.code, 11);
    weir_process_close(&p);
    assert_int_equal(weir_process_from_pid(1, &p), -ECHILD);
    assert_int_equal(weir_process_from_pid(pid, &p), -ESRCH);
    return 0;
}

static int closes_a_lent_stream(void *arg) {
    const char *const argv[] = {"cat", NULL};
    struct weir_process_options o = {.size = sizeof o, .in.kind = WEIR_STDIO_PIPE};
    struct weir_process *p;
    assert_int_equal(weir_process_start(argv, &o, &p), 0);
    struct weir_stream *s = weir_process_stdin(p);
    weir_close(&s);
    return 0;
}

WEIR_TEST_ABORTS(a_close_of_a_lent_stream_says_who_closes_it, "weir_process_close_stdin") {
    weir_run(closes_a_lent_stream, NULL, NULL);
}

static int closes_twice(void *arg) {
    struct weir_process *p = NULL, *copy;
    int rc = weir_process_start(ARGV("true"), NULL, &p);
    copy = p;
    weir_process_close(&p);
    weir_process_close(&copy);
    return rc;
}

WEIR_TEST_ABORTS(a_second_close_of_a_process_names_the_first,
                 "the process true was closed before, by task 'main' at closes_twice+0x") {
    weir_run(closes_twice, NULL, &(struct weir_run_options){.debug = true});
}

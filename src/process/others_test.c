/* SPDX-License-Identifier: MIT */
/* Processes in a program that does things of its own with its children: it ignores SIGCHLD, or
 * waits for all of them, forks, runs several loops, is short of descriptors. */
#include "process/process_test_util.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/utsname.h>

static const struct weir_process_options quiet = {.size = sizeof quiet,
                                                  .in = {WEIR_STDIO_NULL},
                                                  .out = {WEIR_STDIO_NULL},
                                                  .err = {WEIR_STDIO_NULL}};

static bool pidfds_keep_the_status(void) {
    struct utsname u;
    int major = 0, minor = 0;
    assert_int_equal(uname(&u), 0);
    return sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 15));
}

/* The status is known (Linux 6.15), or the error says why not. It never hangs. */
static void expect_status_or_reason(int code) {
    struct weir_process *p = NULL;
    struct weir_exit e = {.code = -2};
    char script[16];
    snprintf(script, sizeof script, "exit %d", code);
    assert_int_equal(weir_process_start(SH(script), &quiet, &p), 0);
    int rc = weir_process_wait(p, &e);
    if (rc == 0)
        assert_int_equal(e.code, code);
    else
        assert_int_equal(rc, -ECHILD);
    assert_true(rc == 0 || !pidfds_keep_the_status());
    if (rc < 0)
        assert_non_null(strstr(weir_error(rc)->text, "SIGCHLD"));
    weir_process_close(&p);
}

REAL_STORY(a_wait_ends_though_sigchld_is_ignored) {
    struct sigaction ignored = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGCHLD, &ignored, &before);
    expect_status_or_reason(5);
    struct weir_output out;
    int rc = weir_process_run(SH("echo yes"), NULL, &out);
    assert_true(rc == 0 || rc == -ECHILD);
    if (rc == 0)
        weir_output_free(&out);
    struct weir_process *p = NULL;
    assert_int_equal(weir_process_start(SH("sleep 60"), &quiet, &p), 0);
    weir_process_close(&p); /* killed all the same, and the run ends */
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(20)), 0);
    sigaction(SIGCHLD, &before, NULL);
    return 0;
}

static void reap_all(int signal) {
    int saved = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    errno = saved;
}

REAL_STORY(a_wait_ends_though_a_handler_reaps_all_children) {
    struct sigaction reaps = {.sa_handler = reap_all}, before;
    sigaction(SIGCHLD, &reaps, &before);
    for (int i = 0; i < 5; i++)
        expect_status_or_reason(i);
    sigaction(SIGCHLD, &before, NULL);
    return 0;
}

/* ---- a debugger ---- */

/* Another process traces p, and takes its status only when go is closed. Returns it, or -1 if that
 * is not allowed here. */
static pid_t trace(struct weir_process *p, int *ret_go) {
    int seized[2], go[2];
    char is_seized = 0;
    assert_int_equal(pipe2(seized, O_CLOEXEC), 0);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    pid_t tracer = fork();
    if (tracer == 0) {
        char c = ptrace(PTRACE_SEIZE, weir_process_pid(p), NULL, NULL) == 0;
        close(go[1]);
        if (write(seized[1], &c, 1) == 1 && read(go[0], &c, 1) == 0)
            waitpid(weir_process_pid(p), NULL, 0);
        _exit(0);
    }
    close(seized[1]);
    close(go[0]);
    assert_int_equal(read(seized[0], &is_seized, 1), 1);
    close(seized[0]);
    *ret_go = go[1];
    return tracer;
}

/* A start whose program is killed, but whose debugger does not look. */
static bool held_back(struct weir_process **ret_process, pid_t *ret_tracer, int *ret_go) {
    assert_int_equal(weir_process_start(SH("exec sleep 60"), &quiet, ret_process), 0);
    *ret_tracer = trace(*ret_process, ret_go);
    assert_int_equal(weir_process_signal(*ret_process, SIGKILL), 0);
    struct pollfd ended = {.fd = weir_process_fd(*ret_process), .events = POLLIN};
    assert_int_equal(poll(&ended, 1, -1), 1);
    siginfo_t info = {.si_pid = 0};
    assert_int_equal(waitid(P_PID, (id_t)weir_process_pid(*ret_process), &info,
                            WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid == 0;
}

REAL_STORY(an_end_that_a_debugger_holds_back_is_waited_for) {
    struct weir_process *p = NULL;
    struct weir_exit e = {.code = 0};
    struct weir_scope s;
    pid_t tracer;
    int go;
    if (held_back(&p, &tracer, &go)) {
        weir_scope_enter(&s, WEIR_MILLISECONDS(30));
        assert_int_equal(weir_scope_leave(&s, weir_process_wait(p, &e)), -ETIME);
    }
    close(go);
    assert_int_equal(weir_process_wait(p, &e), 0);
    assert_int_equal(e.signal, SIGKILL);
    weir_process_close(&p);
    assert_int_equal(waitpid(tracer, NULL, 0), tracer);
    held_back(&p, &tracer, &go);
    weir_process_close(&p); /* the end of the run waits for it, and takes it */
    close(go);
    assert_int_equal(waitpid(tracer, NULL, 0), tracer);
    return 0;
}

/* EMFILE at each step: with one descriptor more each time, until there are enough. */
REAL_STORY(a_start_without_descriptors_leaves_nothing) {
    struct rlimit before, tight;
    struct weir_output out;
    int rc = weir_process_run(ARGV("true"), NULL, &out); /* the helper thread exists */
    assert_int_equal(rc, 0);
    weir_output_free(&out);
    getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    int refused = 0, first = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(first);
    rc = -EMFILE;
    for (int n = 0; rc == -EMFILE; n++) {
        assert_true(n < 20);
        tight.rlim_cur = (rlim_t)(first + n);
        setrlimit(RLIMIT_NOFILE, &tight);
        rc = weir_process_run(SH("echo enough"), NULL, &out);
        setrlimit(RLIMIT_NOFILE, &before);
        refused += rc == -EMFILE;
        expect_no_child();
        int again = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_int_equal(again, first);
        close(again);
    }
    assert_int_equal(rc, 0);
    assert_true(refused >= 3);
    weir_output_free(&out);
    return 0;
}

static int start_struck(void *arg) {
    struct weir_process *p = NULL;
    play_all();
    int rc = weir_process_start(ARGV("cat"), &quiet, &p);
    assert_null(p);
    assert_string_equal(weir_error(rc)->on, "cat");
    return rc;
}

WEIR_TEST_BACKENDS(a_fault_of_the_start_is_returned) {
    const int errors[] = {-EAGAIN, -EMFILE, -ENOMEM};
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    for (int i = 0; i < 3; i++) {
        struct weir_fault f = {
            .size = sizeof f, .kinds = WEIR_FAULT_SPAWN, .error = errors[i], .nth = 1};
        weir_fault_arm(&f);
        assert_int_equal(weir_run(start_struck, NULL, &o), errors[i]);
        assert_int_equal(weir_fault_struck(), 1);
    }
    weir_fault_arm(NULL);
}

/* ---- several loops ---- */

static int run_some(void *arg) {
    for (int i = 0; i < 5; i++) {
        struct weir_output out;
        int rc = weir_process_run(SH("echo hello; exit 2"), NULL, &out);
        if (rc < 0)
            return rc;
        bool good = strcmp(out.out, "hello\n") == 0 && out.exit.code == 2;
        weir_output_free(&out);
        if (!good)
            return -EPROTO;
    }
    return 0;
}

static void *loop_of_its_own(void *arg) {
    struct weir_run_options o = {.size = sizeof o, .backend = arg};
    return (void *)(intptr_t)weir_run(run_some, NULL, &o);
}

WEIR_TEST_BACKENDS(loops_of_several_threads_run_programs_at_once) {
    pthread_t threads[3];
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no processes");
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, loop_of_its_own,
                                        (void *)(uintptr_t)test_backend), 0);
    for (int i = 0; i < 3; i++) {
        void *rc;
        pthread_join(threads[i], &rc);
        assert_null(rc);
    }
    expect_no_child();
}

/* ---- fork ---- */

REAL_STORY(a_fork_child_closes_its_copy_and_kills_nothing) {
    struct weir_process_options o = quiet;
    struct weir_process *p = NULL;
    o.in.kind = WEIR_STDIO_PIPE;
    assert_int_equal(weir_process_start(ARGV("cat"), &o, &p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        weir_process_close(&p);
        _exit(p == NULL ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(weir_process_signal(p, 0), 0); /* it runs */
    assert_int_equal(weir_write(weir_process_stdin(p), "x", 1), 0);
    weir_process_close_stdin(p);
    struct weir_exit e;
    assert_int_equal(weir_process_wait(p, &e), 0);
    assert_int_equal(e.code, 0);
    weir_process_close(&p);
    return 0;
}

/* ---- the end of the run ---- */

static int leave_it(void *arg) {
    return weir_process_start(SH("exit 0"), &quiet, arg);
}

WEIR_TEST_BACKENDS(a_process_that_was_not_closed_does_not_hold_the_run) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    struct weir_process *p = NULL;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no processes");
    /* in a child: what is left behind, the memory too, is the point */
    pid_t pid = fork();
    if (pid == 0)
        _exit(weir_run(leave_it, &p, &o) == 0 ? 0 : 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- what a stop reaches ---- */

REAL_STORY(a_stop_reaches_what_the_program_has_started) {
    struct weir_process_options o = quiet;
    struct weir_process *p = NULL;
    char line[32];
    o.out.kind = WEIR_STDIO_PIPE;
    assert_int_equal(weir_process_start(SH("sleep 60 & echo $!; exit 6"), &o, &p), 0);
    assert_true(weir_read_until(weir_process_stdout(p), '\n', line, sizeof line) > 1);
    pid_t left = (pid_t)atol(line);
    struct weir_exit e;
    assert_int_equal(weir_process_wait(p, &e), 0); /* it has ended, its child has not */
    assert_int_equal(kill(left, 0), 0);
    assert_int_equal(weir_process_stop(p, WEIR_SECONDS(1), &e), 0);
    assert_int_equal(e.code, 6);
    /* The pipe is closed when the last that had it is gone. */
    assert_int_equal(weir_read(weir_process_stdout(p), line, 1), 0);
    weir_process_close(&p);
    return 0;
}

REAL_STORY(run_in_our_group_kills_the_program_alone) {
    struct weir_process_options o = {.size = sizeof o, .group = WEIR_PROCESS_SAME_GROUP,
                                     .grace_ns = -1};
    struct weir_output out;
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_MILLISECONDS(30));
    int rc = weir_scope_leave(&s, weir_process_run(ARGV("sleep", "60"), &o, &out));
    assert_int_equal(rc, -ETIME); /* and this process lives */
    expect_no_child();
    return 0;
}

/* More pipes and processes than descriptors of one poll set would like. */
enum { MANY = 60 };

static int run_one(void *arg) {
    struct weir_output out;
    int rc = weir_process_run(SH("read x; echo $x"),
                              &(struct weir_process_options){.input = "word\n", .input_len = 5},
                              &out);
    if (rc < 0)
        return rc;
    rc = strcmp(out.out, "word\n") == 0 ? 0 : -EPROTO;
    weir_output_free(&out);
    return rc;
}

REAL_STORY(many_programs_run_at_once) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(weir_go0(&g, run_one), 0);
    return weir_group_close(&g, 0);
}

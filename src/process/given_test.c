/* SPDX-License-Identifier: MIT */
/* What a program is given, and what it is not: descriptors, signals, environment, directory, group,
 * limits. Real programs only: a simulation has none of these. */
#include "process/process_test_util.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Run a script; its output without the last newline must be expected. */
static void expect_said(const char *script, const struct weir_process_options *o,
                        const char *expected) {
    struct weir_output out;
    assert_int_equal(weir_process_run(SH(script), o, &out), 0);
    if (out.out_len > 0 && out.out[out.out_len - 1] == '\n')
        out.out[out.out_len - 1] = '\0';
    assert_string_equal(out.err, "");
    assert_string_equal(out.out, expected);
    weir_output_free(&out);
}

/* ---- descriptors ---- */

/* No open of a folder, which would be a descriptor of its own. */
static const char lists[] = "i=0; while [ $i -lt 70 ]; do [ -e /proc/self/fd/$i ] && l=\"$l$i \";"
                            " i=$((i+1)); done; [ -e /proc/self/fd/300 ] && l=\"$l 300\"; echo $l";

/* Not close-on-exec: as other libraries leave them. */
static void litter(int *fds, int n) {
    for (int i = 0; i < n; i++)
        fds[i] = open("/dev/zero", O_RDWR);
    assert_true(dup2(fds[0], 300) == 300);
}

static void clean(const int *fds, int n) {
    for (int i = 0; i < n; i++)
        close(fds[i]);
    close(300);
}

REAL_STORY(a_program_has_descriptors_0_1_and_2_and_no_other) {
    int fds[20];
    litter(fds, 20);
    expect_said(lists, NULL, "0 1 2");
    clean(fds, 20);
    return 0;
}

REAL_STORY(what_is_passed_is_there_besides) {
    int fds[4];
    litter(fds, 4);
    struct weir_passed_fd pass[] = {{60, fds[2]}, {7, fds[0]}, {20, fds[0]}};
    struct weir_process_options o = {.size = sizeof o, .fds = pass, .fd_count = 3};
    expect_said(lists, &o, "0 1 2 7 20 60");
    clean(fds, 4);
    return 0;
}

static int file_of(const char *text) {
    char path[] = "/tmp/weir-given-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    lseek(fd, 0, SEEK_SET);
    unlink(path);
    return fd;
}

/* Each number is also the source of another: 3 -> 4, 4 -> 3, and one onto itself. */
REAL_STORY(descriptors_can_swap_their_numbers) {
    int a = file_of("a"), b = file_of("b"), c = file_of("c");
    struct weir_passed_fd pass[] = {{a, b}, {b, a}, {c, c}};
    struct weir_process_options o = {.size = sizeof o, .fds = pass, .fd_count = 3};
    char script[80], numbers[60];
    assert_true(a < 10 && b < 10 && c < 10);
    snprintf(script, sizeof script, "cat <&%d; cat <&%d; cat <&%d", a, b, c);
    expect_said(script, &o, "bac");
    snprintf(numbers, sizeof numbers, "0 1 2 %d %d %d", a, b, c);
    expect_said(lists, &o, numbers);
    close(a);
    close(b);
    close(c);
    return 0;
}

REAL_STORY(standard_descriptors_may_be_any_descriptor) {
    int in = file_of("from a file"), out = file_of("");
    struct weir_process_options o = {.size = sizeof o,
                                     .in = {WEIR_STDIO_FD, in},
                                     .out = {WEIR_STDIO_FD, out},
                                     .err = {WEIR_STDIO_OUT}};
    struct weir_output ret;
    char buf[64] = "";
    assert_int_equal(weir_process_run(SH("cat; echo ' and errors' >&2"), &o, &ret), 0);
    assert_null(ret.out);
    assert_null(ret.err);
    weir_output_free(&ret);
    assert_true(pread(out, buf, sizeof buf - 1, 0) > 0);
    assert_string_equal(buf, "from a file and errors\n");
    close(in);
    close(out);
    return 0;
}

REAL_STORY(errors_may_go_where_the_output_goes) {
    struct weir_process_options o = {.size = sizeof o, .err = {WEIR_STDIO_OUT}};
    struct weir_output ret;
    assert_int_equal(weir_process_run(SH("echo a; echo b >&2; echo c"), &o, &ret), 0);
    assert_string_equal(ret.out, "a\nb\nc\n");
    assert_null(ret.err);
    weir_output_free(&ret);
    return 0;
}

/* Pipes, /dev/null and the pidfd could all get these numbers. */
static int with_numbers_closed(void *arg) {
    static const struct weir_process_options inherits = {.size = sizeof inherits,
                                                         .in = {WEIR_STDIO_INHERIT}};
    static const char says[] = "i=0; while [ $i -lt 40 ]; do [ -e /proc/self/fd/$i ] && "
                               "l=\"$l$i \"; i=$((i+1)); done; echo $l; cat";
    struct weir_output out;
    struct weir_process *p = NULL;
    for (int n = 0; n < 3; n++)
        close(n);
    int rc = weir_process_run(SH(says), &inherits, &out); /* 0 is closed: /dev/null */
    bool good = rc == 0 && strcmp(out.out, "0 1 2\n") == 0;
    if (rc == 0)
        weir_output_free(&out);
    if (good)
        rc = weir_process_start(ARGV("true"), NULL, &p);
    good = good && rc == 0 && weir_process_fd(p) > 2 && weir_process_wait(p, NULL) == 0;
    weir_process_close(&p);
    return good ? 0 : -EPROTO;
}

static void run_closed(void *arg) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    _exit(weir_run(with_numbers_closed, NULL, &o) == 0 ? 0 : 9);
}

WEIR_TEST_BACKENDS(a_parent_without_descriptors_0_1_and_2_lends_none_of_its_own) {
    char said[64];
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no processes");
    assert_int_equal(runner_child(run_closed, NULL, said, sizeof said), 0);
}

REAL_STORY(a_descriptor_that_is_not_open_is_named_as_the_reason) {
    struct weir_passed_fd pass = {5, 999};
    struct weir_process_options o = {.size = sizeof o, .fds = &pass, .fd_count = 1};
    struct weir_process *p = NULL;
    int rc = weir_process_start(ARGV("true"), &o, &p);
    assert_int_equal(rc, -EBADF);
    assert_non_null(strstr(weir_error(rc)->text, "a descriptor could not be placed"));
    return 0;
}

/* ---- signals ---- */

static void ignore(int signal) {
}

REAL_STORY(a_program_has_no_signal_blocked_ignored_or_caught) {
    sigset_t all, before;
    struct sigaction caught = {.sa_handler = ignore}, ignored = {.sa_handler = SIG_IGN}, old[3];
    sigfillset(&all);
    sigaction(SIGUSR1, &caught, &old[0]);
    sigaction(SIGUSR2, &ignored, &old[1]);
    sigaction(SIGPIPE, &ignored, &old[2]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    expect_said("sed -n '/^Sig[BIC][lg][knt]/p' /proc/self/status | tr -d '\\n\\t'", NULL,
                "SigBlk:0000000000000000SigIgn:0000000000000000SigCgt:0000000000000000");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGUSR1, &old[0], NULL);
    sigaction(SIGUSR2, &old[1], NULL);
    sigaction(SIGPIPE, &old[2], NULL);
    return 0;
}

/* ---- environment, directory, PATH ---- */

REAL_STORY(the_environment_is_inherited_changed_or_replaced) {
    setenv("WEIR_GIVEN_A", "a", 1);
    setenv("WEIR_GIVEN_B", "b", 1);
    static const char says[] = "echo \"$WEIR_GIVEN_A,$WEIR_GIVEN_B,${WEIR_GIVEN_C-none}\"";
    struct weir_process_options o = {.size = sizeof o};
    expect_said(says, &o, "a,b,none");
    o.set_env = ARGV("WEIR_GIVEN_C=c", "WEIR_GIVEN_B", "WEIR_GIVEN_A=1", "WEIR_GIVEN_A=2=3");
    expect_said(says, &o, "2=3,,c");
    o.env = ARGV("WEIR_GIVEN_B=x", "PATH=/bin");
    o.set_env = NULL;
    expect_said(says, &o, ",x,none");
    return 0;
}

REAL_STORY(path_is_that_of_the_program) {
    char folder[] = "/tmp/weir-path-XXXXXX", path[64], env[128];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/weir-tool", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(write(fd, "#!/bin/sh\necho found $0\n", 24) == 24);
    close(fd);
    struct weir_output out;
    struct weir_process_options o = {.size = sizeof o};
    snprintf(env, sizeof env, "PATH=/no/such:%s", folder);
    o.set_env = ARGV(env);
    assert_int_equal(weir_process_run(ARGV("weir-tool"), NULL, &out), -ENOENT);
    assert_int_equal(weir_process_run(ARGV("weir-tool"), &o, &out), -EACCES); /* 0644 */
    chmod(path, 0755);
    assert_int_equal(weir_process_run(ARGV("weir-tool"), &o, &out), 0);
    assert_non_null(strstr(out.out, "/weir-tool\n"));
    weir_output_free(&out);
    o.cwd = folder; /* an empty part of PATH is the program's directory */
    o.set_env = ARGV("PATH=/no/such:");
    assert_int_equal(weir_process_run(ARGV("weir-tool"), &o, &out), 0);
    weir_output_free(&out);
    unlink(path);
    rmdir(folder);
    return 0;
}

REAL_STORY(a_program_starts_in_its_directory) {
    struct weir_process_options o = {.size = sizeof o, .cwd = "/dev"};
    expect_said("pwd", &o, "/dev");
    return 0;
}

/* ---- group, limits and the like ---- */

REAL_STORY(a_program_leads_its_group_or_session_or_joins_ours) {
    static const char says[] = "set -- $(cat /proc/self/stat); "
                               "[ $5 = $$ ] && g=own; [ $6 = $$ ] && s=own; echo $g,$s";
    struct weir_process_options o = {.size = sizeof o};
    expect_said(says, &o, "own,");
    o.group = WEIR_PROCESS_SESSION;
    expect_said(says, &o, "own,own");
    o.group = WEIR_PROCESS_SAME_GROUP;
    expect_said(says, &o, ",");
    return 0;
}

REAL_STORY(limits_umask_and_priority_are_set) {
    struct weir_process_limits l = {.files = 77, .core = -1, .cpu_s = 50, .memory = 900 << 20};
    mode_t mask = 027;
    struct weir_process_options o = {
        .size = sizeof o, .limits = &l, .umask = &mask, .nice = 3};
    char said[64];
    struct rlimit r;
    snprintf(said, sizeof said, "77\n0\n50\n921600\n0027\n%d", getpriority(PRIO_PROCESS, 0) + 3);
    expect_said("ulimit -n; ulimit -c; ulimit -t; ulimit -v; umask; nice", &o, said);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    assert_true(r.rlim_cur != 77); /* not ours */
    return 0;
}

REAL_STORY(a_program_can_be_another_users) {
    if (getuid() != 0)
        runner_skip("only root may choose a user");
    struct weir_process_user nobody = {65534, 65533};
    struct weir_process_options o = {.size = sizeof o, .user = &nobody, .cwd = "/"};
    expect_said("id -u; id -g; id -G", &o, "65534\n65533\n65533");
    struct weir_process *p = NULL; /* a failure comes back from a copy of the memory too */
    assert_int_equal(weir_process_start(ARGV("/weir/no/such"), &o, &p), -ENOENT);
    return 0;
}

/* ---- a program that is told of its parent's end ---- */

static int start_and_end(void *arg) {
    struct weir_process_options o = {.size = sizeof o, .die_with_parent = true};
    struct weir_process *p = NULL;
    int rc = weir_process_start(ARGV("sleep", "60"), &o, &p);
    dprintf(*(int *)arg, "%d\n", rc < 0 ? rc : (int)weir_process_pid(p));
    _exit(0); /* without a close */
}

static void end_first(void *arg) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    weir_run(start_and_end, arg, &o);
}

WEIR_TEST_BACKENDS(a_program_dies_with_its_parent_if_it_is_to) {
    char said[64] = "";
    int fds[2];
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no processes");
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(runner_child(end_first, &fds[1], said, sizeof said), 0);
    assert_true(read(fds[0], said, sizeof said) > 0);
    pid_t pid = (pid_t)atol(said);
    assert_true(pid > 1);
    for (int i = 0; i < 5000 && is_alive(pid); i++)
        usleep(1000);
    assert_false(is_alive(pid));
    close(fds[0]);
    close(fds[1]);
}

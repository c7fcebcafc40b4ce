/* SPDX-License-Identifier: MIT */
/* The standard streams: each row of the table (socket, pipe, terminal, file, any other), shared
 * with a process that is blocked in read, at the end, closed, in the background. Each story runs in
 * a child process, whose descriptors 0 and 1 the test sets. */
#include "device/device_test_util.h"

#include <errno.h>
#include <sys/eventfd.h>

enum { HOLDS_MS = 20 };

/* Run fn in a child process with these as descriptors 0 and 1. Returns its exit code. */
static int child_code(int in, int out, int (*fn)(void *), void *arg) {
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        dup2(in, 0);
        dup2(out, 1);
        exit(weir_run(fn, arg, &o));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* Read two words from stdin, one byte late; write to stdout what was read. */
static int copy_two(void *arg) {
    struct weir_stream *in = NULL, *out = NULL;
    char word[8];
    assert_int_equal(weir_stdin(&in), 0);
    assert_int_equal(weir_stdout(&out), 0);
    assert_int_equal(weir_read_exactly(in, word, 8), 0);
    assert_int_equal(weir_write(out, word, 8), 0);
    weir_close(&in);
    weir_close(&out);
    return fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0; /* the numbers stay */
}

struct pair {
    int in, in_far, out, out_far;
};

/* Feed eight bytes in two writes, and expect them back. The flags stay as they were. */
static void copies_two(struct pair p) {
    int in_flags = fcntl(p.in, F_GETFL), out_flags = fcntl(p.out, F_GETFL);
    char back[8];
    assert_int_equal((in_flags | out_flags) & O_NONBLOCK, 0);
    assert_int_equal(write(p.in_far, "wa", 2), 2);
    assert_int_equal(write(p.in_far, "terfal", 6), 6);
    assert_int_equal(child_code(p.in, p.out, copy_two, NULL), 0);
    size_t len = 0;
    for (ssize_t n; len < 8 && (n = read(p.out_far, back + len, 8 - len)) > 0;)
        len += (size_t)n;
    assert_int_equal(len, 8);
    assert_memory_equal(back, "waterfal", 8);
    assert_int_equal(fcntl(p.in, F_GETFL), in_flags);
    assert_int_equal(fcntl(p.out, F_GETFL), out_flags);
}

static void close_all(struct pair p) {
    close(p.in);
    close(p.in_far);
    if (p.out != p.in)
        close(p.out);
    if (p.out_far != p.in_far)
        close(p.out_far);
}

#define REAL_STORY(sentence)                                                                       \
    static void sentence##_check(void);                                                            \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("a simulation has no real descriptors");                                   \
        sentence##_check();                                                                        \
    }                                                                                              \
    static void sentence##_check(void)

/* ---- the kinds ------------------------------------------------------------------------------ */

REAL_STORY(pipes_as_standard_streams_keep_their_flags) {
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    struct pair p = {in[0], in[1], out[1], out[0]};
    copies_two(p);
    close_all(p);
}

REAL_STORY(a_socket_as_both_standard_streams_keeps_its_flags) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct pair p = {fds[0], fds[1], fds[0], fds[1]};
    copies_two(p);
    close_all(p);
}

static void set_raw(int tty) {
    struct termios mode;
    assert_int_equal(tcgetattr(tty, &mode), 0);
    cfmakeraw(&mode);
    assert_int_equal(tcsetattr(tty, TCSANOW, &mode), 0);
}

REAL_STORY(a_terminal_as_both_standard_streams_keeps_its_flags_and_its_mode) {
    struct termios before = {0}, after = {0};
    int master, slave;
    open_terminal(&master, &slave);
    set_raw(slave);
    assert_int_equal(tcgetattr(slave, &before), 0);
    struct pair p = {slave, master, slave, master};
    copies_two(p);
    assert_int_equal(tcgetattr(slave, &after), 0);
    assert_memory_equal(&before, &after, sizeof before);
    close_all(p);
}

/* The master cannot be opened again, and RWF_NOWAIT is refused: a helper thread. */
REAL_STORY(a_master_as_both_standard_streams_keeps_its_flags) {
    int master, slave;
    open_terminal(&master, &slave);
    set_raw(slave);
    struct pair p = {master, slave, master, slave};
    copies_two(p);
    close_all(p);
}

REAL_STORY(files_as_standard_streams_are_never_opened_again) {
    char path[] = "/tmp/weir-stdio-XXXXXX";
    int in = mkostemp(path, O_CLOEXEC);
    assert_true(in >= 0);
    int out = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    unlink(path); /* opened again by its name or by /proc it would begin at 0 */
    assert_int_equal(pwrite(in, "xxxxwaterfal", 12, 0), 12);
    assert_int_equal(lseek(in, 4, SEEK_SET), 4);
    assert_int_equal(child_code(in, out, copy_two, NULL), 0);
    char back[8];
    assert_int_equal(pread(in, back, 8, 12), 8);
    assert_memory_equal(back, "waterfal", 8);
    assert_int_equal(lseek(in, 0, SEEK_CUR), 12); /* the position is shared, as a shell expects */
    close(in);
    close(out);
}

/* ---- at the end, absent, a device ------------------------------------------------------------ */

static int reads_the_end(void *arg) {
    struct weir_stream *in = NULL;
    char byte;
    assert_int_equal(weir_stdin(&in), 0);
    assert_int_equal(weir_read(in, &byte, 1), 0);
    assert_int_equal(weir_read(in, &byte, 1), 0);
    weir_close(&in);
    assert_int_equal(weir_stdin(&in), 0); /* closed: it may be opened again */
    assert_int_equal(weir_read(in, &byte, 1), 0);
    weir_close(&in);
    return 0;
}

REAL_STORY(stdin_at_its_end_says_so_each_time) {
    int fds[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    close(fds[1]);
    assert_int_equal(child_code(fds[0], null, reads_the_end, NULL), 0);
    assert_int_equal(child_code(null, null, reads_the_end, NULL), 0); /* /dev/null */
    close(fds[0]);
    close(null);
}

static int finds_none(void *arg) {
    struct weir_stream *s = NULL;
    close(0);
    close(1);
    close(2);
    assert_int_equal(weir_stdin(&s), -EBADF);
    int rc = strstr(weir_error(-EBADF)->text, "descriptor 0 is closed") == NULL;
    rc |= weir_stdin(&s) != -EBADF; /* not -EBUSY */
    rc |= weir_stdout(&s) != -EBADF || weir_stderr(&s) != -EBADF;
    return rc | (s != NULL);
}

REAL_STORY(closed_standard_descriptors_are_errors_with_a_name) {
    assert_int_equal(child_code(0, 1, finds_none, NULL), 0);
}

static int opens_twice(void *arg) {
    struct weir_stream *a = NULL, *b = NULL, *out = NULL, *more = NULL;
    assert_int_equal(weir_stdin(&a), 0);
    expect_refusal(weir_stdin(&b), -EBUSY, "open already");
    assert_null(b);
    assert_int_equal(weir_stdout(&out) | weir_stdout(&more), 0);
    assert_string_equal(weir_stream_peer(a), "stdin");
    assert_string_equal(weir_stream_peer(out), "stdout");
    weir_close(&a);
    weir_close(&out);
    weir_close(&more);
    return 0;
}

REAL_STORY(a_process_reads_its_stdin_by_one_stream_at_a_time) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(child_code(fds[0], fds[1], opens_twice, NULL), 0);
    close(fds[0]);
    close(fds[1]);
}

/* ---- shared with a process that is blocked in read ------------------------------------------- */

static int reads_beside(void *arg) {
    struct weir_stream *in = NULL;
    struct weir_scope scope;
    char byte;
    assert_int_equal(weir_stdin(&in), 0);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(HOLDS_MS));
    int rc = (int)weir_read(in, &byte, 1);
    rc = weir_scope_leave(&scope, rc);
    weir_close(&in);
    return rc != -ETIME;
}

/* Our read is cancelled, our process ends at once, and the neighbour's blocking read goes on: it
 * gets the byte that comes afterwards. */
static void beside_a_blocked_reader(int in, int far) {
    int says[2], status;
    assert_int_equal(pipe2(says, O_CLOEXEC), 0);
    pid_t neighbour = fork();
    if (neighbour == 0) {
        char byte = '-';
        close(far);
        say(says[1], 'b');
        ssize_t n = read(in, &byte, 1);
        _exit(n == 1 && byte == 'x' ? 0 : n < 0 ? 100 + (errno == EAGAIN) : 50);
    }
    assert_int_equal(hear(says[0]), 'b');
    assert_int_equal(child_code(in, 1, reads_beside, NULL), 0);
    assert_int_equal(write(far, "x", 1), 1);
    assert_int_equal(waitpid(neighbour, &status, 0), neighbour);
    assert_int_equal(status, 0);
    close(says[0]);
    close(says[1]);
    close(in);
    close(far);
}

REAL_STORY(a_neighbour_that_is_blocked_in_a_pipe_is_left_alone) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    beside_a_blocked_reader(fds[0], fds[1]);
}

REAL_STORY(a_neighbour_that_is_blocked_in_a_socket_is_left_alone) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    beside_a_blocked_reader(fds[0], fds[1]);
}

REAL_STORY(a_neighbour_that_is_blocked_in_a_terminal_is_left_alone) {
    int master, slave;
    open_terminal(&master, &slave);
    set_raw(slave);
    beside_a_blocked_reader(slave, master);
}

/* ---- the exit is not held up ----------------------------------------------------------------- */

static int forgets_a_read(void *args) {
    struct weir_stream *in = NULL;
    char byte;
    assert_int_equal(weir_stdin(&in), 0);
    int rc = (int)weir_read(in, &byte, 1);
    weir_close(&in);
    return rc;
}

static int ends_while_reading(void *arg) {
    int rc = weir_go0(NULL, forgets_a_read);
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(HOLDS_MS));
    weir_stop("done");
    return rc;
}

REAL_STORY(a_pending_read_of_any_kind_holds_up_no_exit) {
    int fds[2], pair[2], master, slave;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    open_terminal(&master, &slave);
    int counter = eventfd(0, EFD_CLOEXEC);
    int kinds[] = {fds[0], pair[0], master, slave, counter};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        assert_int_equal(child_code(kinds[i], 1, ends_while_reading, NULL), 0);
    close(fds[0]);
    close(fds[1]);
    close(pair[0]);
    close(pair[1]);
    close(master);
    close(slave);
    close(counter);
}

/* Here a thread is blocked in the read itself: a neighbour takes the byte that poll has shown, so
 * the thread waits when the program ends. It is the master of a terminal: see shared_fd_test. */
static void rob(int fd) {
    char byte;
    int n = 0;
    while (ioctl(fd, FIONREAD, &n) == 0 && n > 0 && read(fd, &byte, 1) == 1)
        continue;
}

REAL_STORY(a_thread_that_is_blocked_in_a_read_holds_up_no_exit) {
    int master, slave;
    open_terminal(&master, &slave);
    set_raw(slave);
    for (int i = 0; i < 20; i++) { /* mostly the thread is faster, now and then it is robbed */
        assert_int_equal(write(slave, "x", 1), 1);
        rob(i % 2 == 0 ? master : -1);
        assert_int_equal(child_code(master, 1, ends_while_reading, NULL), 0);
    }
    close(master);
    close(slave);
}

/* ---- in the background of a terminal --------------------------------------------------------- */

static char warned[512];

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    snprintf(warned, sizeof warned, "%s", line);
}

struct shell {
    int says; /* what the job reports */
};

/* The job: reads its terminal from the background until a byte comes. */
static int reads_in_background(void *arg) {
    struct shell *sh = arg;
    struct weir_stream *in = NULL;
    struct weir_scope scope;
    char byte = '-';
    weir_log_to(keep_line, NULL);
    assert_int_equal(weir_stdin(&in), 0);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(400));
    int rc = (int)weir_read(in, &byte, 1);
    rc = weir_scope_leave(&scope, rc);
    say(sh->says, rc == -ETIME && strstr(warned, "background") != NULL ? 'b' : '?');
    rc = (int)weir_read(in, &byte, 1); /* the shell brings it to the foreground meanwhile */
    say(sh->says, rc == 1 ? byte : '!');
    weir_close(&in);
    return 0;
}

/* The shell: leads a session with this terminal, and keeps itself in the foreground. */
static int plays_shell(int slave, int master) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    int says[2], status;
    if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0 || pipe2(says, O_CLOEXEC) < 0)
        return 90;
    signal(SIGTTOU, SIG_IGN);
    if (write(master, "x", 1) != 1)
        return 91;
    pid_t job = fork();
    if (job == 0) {
        struct shell sh = {.says = says[1]};
        setpgid(0, 0);
        signal(SIGTTOU, SIG_DFL);
        dup2(slave, 0);
        exit(weir_run(reads_in_background, &sh, &o));
    }
    setpgid(job, job);
    if (hear(says[0]) != 'b')
        return 92;
    if (waitpid(job, &status, WNOHANG | WUNTRACED) != 0)
        return 93; /* it has stopped, or ended */
    if (tcsetpgrp(slave, job) < 0)
        return 94;
    if (hear(says[0]) != 'x')
        return 95;
    return waitpid(job, &status, WUNTRACED) == job && status == 0 ? 0 : 96;
}

REAL_STORY(a_program_in_the_background_is_not_stopped_and_reads_when_it_comes_to_the_foreground) {
    int master, slave, status;
    open_terminal(&master, &slave);
    set_raw(slave);
    pid_t shell = fork();
    if (shell == 0)
        _exit(plays_shell(slave, master));
    assert_int_equal(waitpid(shell, &status, 0), shell);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(status, 0);
    close(master);
    close(slave);
}

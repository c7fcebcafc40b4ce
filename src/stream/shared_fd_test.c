/* SPDX-License-Identifier: MIT */
/* shared_fd_test.c - descriptors that another process reads or writes too: it may be faster between
 * the poll that says "ready" and our call. This program replaces poll to play that process: the
 * function `between` runs when the library's poll has reported a descriptor as ready. */
#include "stream/stream_test_util.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <time.h>

static void (*between)(void);

int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    struct timespec t = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    int n = ppoll(fds, count, timeout_ms < 0 ? NULL : &t, NULL);
    void (*act)(void) = between;
    if (n <= 0 || act == NULL || timeout_ms != 0)
        return n;
    between = NULL;
    act();
    return n;
}

static int ends[2]; /* what is read, what is written */
static int other;   /* the other process's: the same thing, opened on its own, non-blocking */
static char taken[64];

static int open_again(int fd, int flags) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    assert_true(own >= 0);
    return own;
}

static void open_pty(int *ret_master, int *ret_slave) {
    struct termios raw;
    *ret_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*ret_master >= 0);
    assert_int_equal(grantpt(*ret_master), 0);
    assert_int_equal(unlockpt(*ret_master), 0);
    *ret_slave = open(ptsname(*ret_master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*ret_slave >= 0);
    assert_int_equal(tcgetattr(*ret_slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(*ret_slave, TCSANOW, &raw), 0);
}

static void take_it(void) {
    assert_true(read(other, taken, sizeof taken) > 0);
}

static void fill_it(void) {
    static const char many[4096];
    while (write(other, many, sizeof many) > 0)
        continue;
    while (write(other, many, 1) > 0)
        continue;
}

/* A terminal moves bytes on to its reader when it likes, until that has 4095 of them. */
static void fill_terminal(void) {
    int waiting = 0;
    for (int i = 0; i < 1000000 && waiting < 4095; i++) {
        fill_it();
        sched_yield();
        assert_int_equal(ioctl(ends[0], FIONREAD, &waiting), 0);
    }
    fill_it();
}

static int within(weir_ns budget_ns, int64_t (*fn)(struct weir_stream *), struct weir_stream *s) {
    struct weir_scope scope;
    weir_scope_enter(&scope, budget_ns);
    int64_t rc = fn(s);
    return weir_scope_leave(&scope, rc < 0 ? (int)rc : 0);
}

static int64_t read_one(struct weir_stream *s) {
    return weir_read(s, taken, 1);
}

static int64_t write_one(struct weir_stream *s) {
    return weir_write(s, "w", 1);
}

/* The stream reads `fd`; what is written to ends[1] is taken by the other, once. */
static void reader_is_robbed(int fd) {
    struct weir_stream *s = NULL;
    int flags = fcntl(fd, F_GETFL);
    assert_int_equal(flags & O_NONBLOCK, 0);
    assert_int_equal(weir_stream_from_fd(fd, &s), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    between = take_it;
    assert_int_equal(within(WEIR_MILLISECONDS(30), read_one, s), -ETIME);
    assert_null(between);
    assert_int_equal(taken[0], 'x');
    assert_int_equal(write(ends[1], "yz", 2), 2);
    assert_int_equal(within(WEIR_SECONDS(10), read_one, s), 0);
    assert_int_equal(taken[0], 'y');
    assert_int_equal(within(WEIR_SECONDS(10), read_one, s), 0);
    assert_int_equal(taken[0], 'z');
    assert_int_equal(fcntl(fd, F_GETFL), flags);
    weir_close(&s);
}

FD_STORY(another_reader_of_a_pipe_blocks_no_task) {
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    other = open_again(ends[0], O_RDONLY);
    reader_is_robbed(ends[0]);
    close(other);
    close(ends[1]);
    return 0;
}

FD_STORY(another_reader_of_a_terminal_blocks_no_task) {
    open_pty(&ends[1], &ends[0]);
    other = open_again(ends[0], O_RDONLY);
    reader_is_robbed(ends[0]);
    close(other);
    close(ends[1]);
    return 0;
}

/* The master cannot be opened again: a thread reads, and what it got is the next call's. */
FD_STORY(another_reader_of_a_terminals_master_blocks_no_task) {
    int flags;
    open_pty(&ends[0], &ends[1]);
    other = fcntl(ends[0], F_DUPFD_CLOEXEC, 3); /* the same description: taken while it blocks */
    flags = fcntl(ends[0], F_GETFL);
    reader_is_robbed(ends[0]);
    assert_int_equal(fcntl(other, F_GETFL), flags);
    close(other);
    close(ends[1]);
    return 0;
}

/* A thread reads the master, for a call that has been given up. */
static struct weir_stream *read_in_vain(void) {
    struct weir_stream *s = NULL;
    open_pty(&ends[0], &ends[1]);
    other = fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
    assert_int_equal(weir_stream_from_fd(ends[0], &s), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    between = take_it;
    assert_int_equal(within(WEIR_MILLISECONDS(30), read_one, s), -ETIME);
    return s;
}

/* Closed while its thread waits: the thread is left to end alone, with the terminal. */
FD_STORY(a_master_is_closed_while_a_thread_reads_it) {
    struct weir_stream *s = read_in_vain();
    weir_close(&s);
    close(ends[1]); /* ends its read */
    close(other);
    return 0;
}

/* Closed when its thread has just read, before the loop has heard of it: the run hears of it. */
FD_STORY(a_master_is_closed_when_a_thread_has_just_read_it) {
    int waiting = 1;
    struct weir_stream *s = read_in_vain();
    assert_int_equal(write(ends[1], "y", 1), 1);
    while (waiting > 0) {
        sched_yield();
        assert_int_equal(ioctl(other, FIONREAD, &waiting), 0);
    }
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* the thread hands it over */
    weir_close(&s);
    close(ends[1]);
    close(other);
    return 0;
}

/* The stream writes `fd`; the other fills it first. */
static void writer_is_forestalled(int fd, void (*filled)(void)) {
    struct weir_stream *s = NULL;
    char drain[4096];
    int flags = fcntl(fd, F_GETFL);
    assert_int_equal(weir_stream_from_fd(fd, &s), 0);
    between = filled;
    assert_int_equal(within(WEIR_MILLISECONDS(30), write_one, s), -ETIME);
    assert_null(between);
    int quick = fcntl(ends[0], F_GETFL) | O_NONBLOCK;
    assert_int_equal(fcntl(ends[0], F_SETFL, quick), 0);
    do /* a terminal moves its bytes when it likes */
        while (read(ends[0], drain, sizeof drain) > 0)
            continue;
    while (within(WEIR_MILLISECONDS(10), write_one, s) != 0);
    assert_int_equal(fcntl(fd, F_GETFL), flags);
    weir_close(&s);
}

FD_STORY(another_writer_that_fills_a_pipe_blocks_no_task) {
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    other = open_again(ends[1], O_WRONLY);
    writer_is_forestalled(ends[1], fill_it);
    close(other);
    close(ends[0]);
    return 0;
}

FD_STORY(another_writer_that_fills_a_terminal_blocks_no_task) {
    unsigned number;
    open_pty(&ends[0], &ends[1]);
    if (ioctl(ends[1], TIOCGDEV, &number) < 0) /* then a helper thread writes */
        runner_skip("the emulator does not say which terminal one is");
    other = open_again(ends[1], O_WRONLY);
    writer_is_forestalled(ends[1], fill_terminal);
    close(other);
    close(ends[0]);
    return 0;
}

/* Each read of a terminal opens it once more. */
FD_STORY(a_moment_without_free_descriptors_does_not_end_a_terminal) {
    struct weir_stream *s = NULL;
    struct rlimit before, none;
    char byte = 0;
    open_pty(&ends[1], &ends[0]);
    assert_int_equal(weir_stream_from_fd(ends[0], &s), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){3, before.rlim_max}; /* all of these are used */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int rc = within(WEIR_MILLISECONDS(30), read_one, s);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(rc, -EMFILE);
    assert_int_equal(weir_read(s, &byte, 1), 1);
    weir_close(&s);
    close(ends[1]);
    return 0;
}

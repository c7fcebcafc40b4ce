/* SPDX-License-Identifier: MIT */
/* Descriptors of the user: waits for them, and streams made from them. Blocking ones never block
 * the loop. Not in a simulation, which has no real descriptors. */
#include "stream/stream_test_util.h"

#include <fcntl.h>
#include <poll.h>

static void open_pipe(int fds[2]) {
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0); /* blocking */
}

struct write_late_args {
    int fd;
};

static int write_late(void *args) {
    int rc = weir_sleep(WEIR_MILLISECONDS(5));
    return rc < 0 ? rc : write(((struct write_late_args *)args)->fd, "x", 1) == 1 ? 0 : -EIO;
}

FD_STORY(wait_fd_returns_what_is_ready) {
    struct weir_group g;
    int fds[2];
    open_pipe(fds);
    assert_int_equal(weir_wait_fd(fds[1], POLLOUT), POLLOUT);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, write_late, .fd = fds[1]), 0);
    assert_int_equal(weir_wait_fd(fds[0], POLLIN), POLLIN);
    assert_int_equal(weir_group_close(&g, 0), 0);
    close(fds[1]);
    assert_true((weir_wait_fd(fds[0], POLLIN) & (POLLIN | POLLHUP)) != 0);
    close(fds[0]);
    return 0;
}

struct ring_late_args {
    bool *rang;
};

static int ring_late(void *args) {
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    *((struct ring_late_args *)args)->rang = true;
    return rc;
}

/* No call on it ever waits: others have their turn all the same. */
FD_STORY(a_descriptor_that_is_always_ready_starves_no_task) {
    WEIR_AUTO(weir_close) struct weir_stream *null = NULL;
    struct weir_group g;
    bool rang = false;
    int rc = weir_stream_from_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), &null);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, ring_late, .rang = &rang), 0);
    for (long calls = 0; rc == 0 && !rang; calls++) {
        assert_true(calls < 1000000);
        rc = weir_write(null, "x", 1);
    }
    return weir_group_close(&g, rc);
}

FD_STORY(wait_fd_keeps_to_its_deadline) {
    struct weir_scope s;
    int fds[2];
    open_pipe(fds);
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    int rc = weir_wait_fd(fds[0], POLLIN);
    assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

FD_STORY(wait_fd_refuses_what_is_no_descriptor) {
    assert_int_equal(weir_wait_fd(-1, POLLIN), -EBADF);
    assert_int_equal(weir_wait_fd(999, POLLIN), -EBADF);
    return 0;
}

FD_STORY(wait_fd_finds_regular_files_ready) {
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(weir_wait_fd(fd, POLLIN), POLLIN);
    close(fd);
    return 0;
}

struct waiting_args {
    int fd;
    short events;
};

static int waiting(void *args) {
    struct waiting_args *a = args;
    int rc = weir_wait_fd(a->fd, a->events);
    return rc < 0 ? rc : 0;
}

FD_STORY(several_tasks_may_wait_for_one_descriptor) {
    struct weir_group g;
    int fds[2];
    open_pipe(fds);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_go(&g, waiting, .fd = fds[0], .events = POLLIN), 0);
    settle();
    assert_int_equal(weir_group_live(&g), 3);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

FD_STORY(a_blocking_pipe_becomes_two_streams) {
    struct weir_stream *in = NULL, *out = NULL;
    struct weir_group g;
    struct doing w = {.len = 1 << 20, .buf = malloc(1 << 20)};
    uint8_t *buf = malloc(1 << 20);
    int fds[2];
    open_pipe(fds);
    assert_int_equal(weir_stream_from_fd(fds[0], &in), 0);
    assert_int_equal(weir_stream_from_fd(fds[1], &out), 0);
    pattern_fill(w.buf, 0, w.len);
    w.s = out;
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, writing, &w); /* far more than the pipe holds */
    assert_int_equal(weir_read_exactly(in, buf, w.len), 0);
    pattern_check(buf, 0, w.len);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(w.rc, 0);
    assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(weir_shutdown(out), -EOPNOTSUPP);
    weir_close(&out);
    assert_int_equal(weir_read(in, buf, 1), 0);
    weir_close(&in);
    free(buf);
    free(w.buf);
    return 0;
}

FD_STORY(a_pipe_without_reader_is_broken_and_raises_no_signal) {
    struct weir_stream *out = NULL;
    int fds[2];
    open_pipe(fds);
    assert_int_equal(weir_stream_from_fd(fds[1], &out), 0);
    close(fds[0]);
    assert_int_equal(weir_write(out, "x", 1), -EPIPE);
    weir_close(&out);
    return 0;
}

FD_STORY(a_regular_file_is_a_stream_too) {
    struct weir_stream *in = NULL;
    char magic[4];
    assert_int_equal(weir_stream_from_fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), &in), 0);
    assert_int_equal(weir_read_exactly(in, magic, 4), 0);
    assert_memory_equal(magic, "\177ELF", 4);
    weir_close(&in);
    return 0;
}

FD_STORY(a_pseudo_terminal_is_a_stream_too) {
    struct weir_stream *s = NULL;
    char line[32];
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    assert_int_equal(weir_stream_from_fd(slave, &s), 0);
    assert_int_equal(write(master, "typed\n", 6), 6);
    assert_int_equal(weir_read_until(s, '\n', line, sizeof line), 6);
    assert_string_equal(line, "typed\n");
    weir_close(&s);
    close(master);
    return 0;
}

FD_STORY(what_is_no_descriptor_becomes_no_stream) {
    struct weir_stream *s = NULL;
    assert_int_equal(weir_stream_from_fd(-1, &s), -EBADF);
    assert_int_equal(weir_stream_from_fd(999, &s), -EBADF);
    assert_null(s);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* wait_fd_test.c - weir_wait_fd on every kind of descriptor, for every mixture of events: it must
 * return what poll(2) returns, on every backend. Where poll would wait for ever because the
 * descriptor has no such event, it must return an error. */
#include "stream/stream_test_util.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <termios.h>

enum { LATER_MS = 3 };

struct subject {
    const char *name;
    int fd, other; /* other: kept open beside it; -1: none */
    bool pollable;
};

static int subject_count;
static struct subject subjects[40];

static void add(const char *name, int fd, int other, bool pollable) {
    assert_true(fd >= 0 || strcmp(name, "closed") == 0);
    subjects[subject_count++] = (struct subject){name, fd, other, pollable};
}

static void add_pipes(void) {
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    add("empty pipe, read end", p[0], p[1], true);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    add("empty pipe, write end", p[1], p[0], true);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_int_equal(write(p[1], "x", 1), 1);
    add("pipe with a byte", p[0], p[1], true);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    close(p[1]);
    add("pipe without writer", p[0], -1, true);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    close(p[0]);
    add("pipe without reader", p[1], -1, true);
    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    static const char many[65536];
    while (write(p[1], many, sizeof many) > 0)
        continue;
    add("full pipe", p[1], p[0], true);
}

static void add_sockets(void) {
    int p[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
    add("socket", p[0], p[1], true);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
    assert_int_equal(write(p[1], "x", 1), 1);
    add("socket with a byte", p[0], p[1], true);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
    shutdown(p[1], SHUT_WR);
    add("socket whose peer sent its end", p[0], p[1], true);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
    close(p[1]);
    add("socket whose peer is gone", p[0], -1, true);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, p), 0);
    add("datagram socket", p[0], p[1], true);
    add("unconnected tcp", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -1, true);
}

/* A tcp connection; the other end has sent a byte out of band. */
static void add_urgent(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(l, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(l, 1), 0);
    assert_int_equal(getsockname(l, (struct sockaddr *)&a, &len), 0);
    add("listener without caller", l, -1, true);
    assert_int_equal(connect(c, (struct sockaddr *)&a, sizeof a), 0);
    int s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
    assert_true(s >= 0);
    assert_int_equal(send(c, "!", 1, MSG_OOB), 1);
    struct pollfd p = {.fd = s, .events = POLLPRI};
    assert_int_equal(poll(&p, 1, 5000), 1);
    add("tcp with urgent data", s, c, true);
}

static void add_terminals(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    add("terminal", slave, -1, true);
    add("master", master, -1, true);
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    close(master);
    add("terminal that was hung up", slave, -1, true);
}

static void add_kernel_things(void) {
    add("eventfd", eventfd(0, EFD_CLOEXEC), -1, true);
    add("rung eventfd", eventfd(1, EFD_CLOEXEC), -1, true);
    add("full eventfd", eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), -1, true);
    assert_int_equal(eventfd_write(subjects[subject_count - 1].fd, UINT64_MAX - 1), 0);
    add("epoll set", epoll_create1(EPOLL_CLOEXEC), -1, true);
    int set = epoll_create1(EPOLL_CLOEXEC), e = eventfd(1, EFD_CLOEXEC);
    struct epoll_event want = {.events = EPOLLIN};
    assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, e, &want), 0);
    add("epoll set with news", set, e, true);
    add("timer", timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), -1, true);
    add("inotify", inotify_init1(IN_CLOEXEC), -1, true);
}

static void add_files(void) {
    add("regular file", open("/proc/self/exe", O_RDONLY | O_CLOEXEC), -1, false);
    add("memory file", memfd_create("m", MFD_CLOEXEC), -1, false);
    add("directory", open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), -1, false);
    add("/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC), -1, false);
    add("/dev/zero", open("/dev/zero", O_RDWR | O_CLOEXEC), -1, false);
    add("/dev/urandom", open("/dev/urandom", O_RDWR | O_CLOEXEC), -1, false);
    add("file of /proc", open("/proc/self/status", O_RDONLY | O_CLOEXEC), -1, false);
    add("pollable file of /proc", open("/proc/self/mounts", O_RDONLY | O_CLOEXEC), -1, true);
    add("file by its path alone", open("/", O_PATH | O_CLOEXEC), -1, false);
    add("closed", -1, -1, true);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    add("closed", fd, -1, true);
}

/* What the contract says, by poll. */
static int expected_of(const struct subject *s, short events) {
    struct pollfd p = {.fd = s->fd, .events = events};
    int n = s->fd < 0 ? -1 : poll(&p, 1, 0);
    if (n < 0 || (p.revents & POLLNVAL))
        return -EBADF;
    if (n > 0)
        return p.revents & (events | POLLERR | POLLHUP);
    return s->pollable ? -ETIME : -EPERM;
}

static int wait_for(int fd, short events) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_MILLISECONDS(LATER_MS));
    return weir_scope_leave(&s, weir_wait_fd(fd, events));
}

static int every_kind(void *arg) {
    (void)arg;
    int wrong = 0;
    add_pipes();
    add_sockets();
    add_urgent();
    add_terminals();
    add_kernel_things();
    for (int i = 0; i < subject_count; i++)
        for (int mixture = 1; mixture < 8; mixture++) {
            short events = (short)((mixture & 1 ? POLLIN : 0) | (mixture & 2 ? POLLOUT : 0) |
                                   (mixture & 4 ? POLLPRI : 0));
            int want = expected_of(&subjects[i], events);
            int got = wait_for(subjects[i].fd, events);
            if (got != want)
                print_error("%s, events %#x: %d, not %d\n", subjects[i].name, events, got, want);
            wrong += got != want;
        }
    for (int i = 0; i < subject_count; i++) {
        if (subjects[i].fd >= 0 && fcntl(subjects[i].fd, F_GETFD) >= 0)
            close(subjects[i].fd);
        if (subjects[i].other >= 0)
            close(subjects[i].other);
    }
    assert_int_equal(wrong, 0);
    return 0;
}

struct drain_late_args {
    int fd;
};

static int drain_late(void *args) {
    char buf[65536];
    int rc = weir_yield();
    while (recv(((struct drain_late_args *)args)->fd, buf, sizeof buf, MSG_DONTWAIT) > 0)
        continue;
    return rc;
}

/* That the peer sends no more is no room. */
static int wait_for_room(void *arg) {
    struct weir_group g;
    char much[65536] = "";
    int p[2];
    (void)arg;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
        while (send(p[0], much, sizeof much, MSG_DONTWAIT) > 0)
            continue;
        shutdown(p[1], SHUT_WR);
        assert_int_equal(wait_for(p[0], POLLOUT), -ETIME);
        weir_group_open(&g, WEIR_TOGETHER);
        assert_int_equal(weir_go(&g, drain_late, .fd = p[1]), 0);
        assert_int_equal(weir_wait_fd(p[0], POLLOUT), POLLOUT);
        assert_int_equal(weir_group_close(&g, 0), 0);
        close(p[0]);
        close(p[1]);
    }
    return 0;
}

WEIR_TEST_BACKENDS(room_is_awaited_beside_a_peer_that_sends_no_more) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no real descriptors");
    assert_int_equal(weir_run(wait_for_room, NULL, &o), 0);
}

WEIR_TEST_BACKENDS(wait_fd_answers_as_poll_does_for_every_kind_and_mixture) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no real descriptors");
    add_files();
    assert_int_equal(weir_run(every_kind, NULL, &o), 0);
}

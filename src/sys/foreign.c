/* SPDX-License-Identifier: MIT */
/* foreign.c - see foreign.h. */
#include "sys/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "sys/fds.h"

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100 /* Linux 6.18 */
#endif

struct try {
    int fd;
    bool writes;
    void *buf;
    size_t len;
};

static int64_t result(int64_t rc) {
    return rc < 0 ? -errno : rc;
}

/* flags: RWF_*. The offset -1: at the file's own position. */
static int64_t vectored(const struct try *t, int flags) {
    struct iovec v = {.iov_base = t->buf, .iov_len = t->len};
    return result(t->writes ? pwritev2(t->fd, &v, 1, -1, flags)
                            : preadv2(t->fd, &v, 1, -1, flags));
}

static int64_t plainly(const struct try *t) {
    return result(t->writes ? write(t->fd, t->buf, t->len) : read(t->fd, t->buf, t->len));
}

/* Write with SIGPIPE blocked; if this write has raised it, take it out of the pending signals. Only
 * the mask of this thread changes, and only during the call. */
static int64_t masked(const struct try *t, int flags) {
    sigset_t pipe_set, old, pending;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigpending(&pending);
    bool already = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    int64_t n = flags != 0 ? vectored(t, flags) : plainly(t);
    const struct timespec at_once = {0, 0};
    if (n == -EPIPE && !already)
        while (sigtimedwait(&pipe_set, NULL, &at_once) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return n;
}

static bool is_refusal(int64_t n) {
    return n == -EOPNOTSUPP || n == -ENOSYS;
}

/* A few drivers take no flags even where the kernel has this one: then it is not tried again
 * either, which costs four system calls a write and nothing else. */
static int64_t quietly(const struct try *t, int flags) {
    static atomic_bool has_no_flag;
    if (!t->writes)
        return flags != 0 ? vectored(t, flags) : plainly(t);
    if (atomic_load_explicit(&has_no_flag, memory_order_relaxed))
        return masked(t, flags);
    int64_t n = vectored(t, flags | RWF_NOSIGNAL);
    if (!is_refusal(n))
        return n;
    n = masked(t, flags);
    if (!is_refusal(n))
        atomic_store_explicit(&has_no_flag, true, memory_order_relaxed);
    return n;
}

/* ---- terminals ------------------------------------------------------------------------------ */

bool weir__foreign_in_background(int fd) {
    pid_t group = tcgetpgrp(fd); /* fails if it is not our controlling terminal */
    return group > 0 && group != getpgrp();
}

/* Read a terminal with SIGTTIN blocked: in the background the kernel then says EIO. */
static int64_t unstopped(const struct try *t) {
    sigset_t stop, old;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTIN);
    pthread_sigmask(SIG_BLOCK, &stop, &old);
    int64_t n = plainly(t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return n == -EIO && weir__foreign_in_background(t->fd) ? -EAGAIN : n;
}

/* ---- an open file of our own ---------------------------------------------------------------- */

/* May the descriptor be opened again through /proc? The master of a pseudo-terminal would be a new
 * one, and some devices depend on how they were opened. */
static bool opens_alike(int fd, const struct stat *st) {
    unsigned number;
    return S_ISFIFO(st->st_mode)
           || (S_ISCHR(st->st_mode) && isatty(fd) && ioctl(fd, TIOCGPTN, &number) != 0);
}

/* /dev/tty is another terminal in a process that has another one. */
static bool is_same_device(int a, int b, const struct stat *st) {
    unsigned at_a = 0, at_b = 0;
    return !S_ISCHR(st->st_mode)
           || (ioctl(a, TIOCGDEV, &at_a) == 0 && ioctl(b, TIOCGDEV, &at_b) == 0 && at_a == at_b);
}

static int64_t on_its_own(const struct try *t, const struct stat *st) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", t->fd);
    int flags = (t->writes ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int own = weir__fd_lift(open(path, flags));
    if (own == -ENXIO && t->writes)
        return -EPIPE; /* a FIFO without a reader */
    if (own < 0)
        return -EOPNOTSUPP; /* it belongs to another user, or there is no /proc */
    struct try on_own = *t;
    on_own.fd = own;
    int64_t n = !is_same_device(t->fd, own, st) ? -EOPNOTSUPP
                : !t->writes && S_ISCHR(st->st_mode) ? unstopped(&on_own)
                                                     : quietly(&on_own, 0);
    close(own);
    return n;
}

/* ---- one try -------------------------------------------------------------------------------- */

/* n: what RWF_NOWAIT said, -EAGAIN or that it cannot. */
static int64_t otherwise(const struct try *t, int64_t n, short events) {
    struct stat st;
    if (fstat(t->fd, &st) != 0)
        return -errno;
    if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode))
        return quietly(t, 0);
    if (n == -EAGAIN)
        return n; /* another process was faster */
    n = opens_alike(t->fd, &st) ? on_its_own(t, &st) : -EOPNOTSUPP;
    if (n != -EOPNOTSUPP)
        return n;
    bool hung_up = (events & POLLHUP) != 0 && S_ISCHR(st.st_mode);
    if (!hung_up && (fcntl(t->fd, F_GETFL) & O_NONBLOCK) == 0)
        return -EOPNOTSUPP;
    return S_ISCHR(st.st_mode) && !t->writes ? unstopped(t) : quietly(t, 0);
}

static int64_t try_now(const struct try *t) {
    struct pollfd p = {.fd = t->fd, .events = t->writes ? POLLOUT : POLLIN};
    if (poll(&p, 1, 0) <= 0)
        return -EAGAIN;
    int64_t n = quietly(t, RWF_NOWAIT);
    return n == -EAGAIN || is_refusal(n) ? otherwise(t, n, p.revents) : n;
}

int64_t weir__foreign_read(int fd, void *buf, size_t len) {
    ssize_t n;
    do
        n = recv(fd, buf, len, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n >= 0 || errno != ENOTSOCK)
        return result(n);
    return try_now(&(struct try){fd, false, buf, len});
}

int64_t weir__foreign_write(int fd, const void *buf, size_t len) {
    ssize_t n = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0 || errno != ENOTSOCK)
        return result(n);
    return try_now(&(struct try){fd, true, (void *)(uintptr_t)buf, len});
}

int64_t weir__own_read(int fd, void *buf, size_t len) {
    const struct try t = {fd, false, buf, len};
    int64_t n;
    do
        n = plainly(&t);
    while (n == -EINTR);
    return n;
}

int64_t weir__own_write(int fd, const void *buf, size_t len) {
    const struct try t = {fd, true, (void *)(uintptr_t)buf, len};
    int64_t n;
    do
        n = quietly(&t, 0);
    while (n == -EINTR);
    return n;
}

int64_t weir__foreign_write_waiting(int fd, const void *buf, size_t len) {
    return quietly(&(struct try){fd, true, (void *)(uintptr_t)buf, len}, 0);
}

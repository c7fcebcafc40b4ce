/* SPDX-License-Identifier: MIT */
/* fds.c - see fds.h. */
#include "sys/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST = 3 };

static atomic_bool has_lifted; /* a number below 3 was free once, and may be again */

int weir__fd_lift(int fd) {
    if (fd < 0)
        return -errno;
    if (fd >= FIRST)
        return fd;
    atomic_store_explicit(&has_lifted, true, memory_order_relaxed);
    int twin = fcntl(fd, F_DUPFD_CLOEXEC, FIRST), rc = errno;
    close(fd);
    return twin >= 0 ? twin : -rc;
}

void weir__fd_close_copy(int fd, bool is_socket) {
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && (S_ISSOCK(st.st_mode) || !is_socket))
        close(fd);
}

int weir__fd_lift_pair(int rc, int fds[2]) {
    if (rc < 0) {
        rc = -errno;
        fds[0] = fds[1] = -1;
        return rc;
    }
    for (int i = 0; i < 2; i++) {
        fds[i] = weir__fd_lift(fds[i]);
        rc = fds[i] < 0 ? fds[i] : rc;
    }
    for (int i = 0; rc < 0 && i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
    return rc;
}

/* room is a duplicate of fd: it reserves the number that the connection will get. */
static int accept_into(int room, int fd, struct sockaddr *addr, socklen_t *len, int flags) {
    int got = accept4(fd, addr, len, flags), rc = errno;
    if (got < 0 || got >= FIRST) {
        close(room);
        return got < 0 ? -rc : got;
    }
    rc = dup3(got, room, O_CLOEXEC) < 0 ? -errno : room;
    close(got);
    if (rc < 0)
        close(room);
    return rc;
}

int weir__fd_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags) {
    flags |= SOCK_CLOEXEC;
    if (atomic_load_explicit(&has_lifted, memory_order_relaxed)) {
        int room = fcntl(fd, F_DUPFD_CLOEXEC, FIRST);
        int rc = room < 0 ? -errno : accept_into(room, fd, addr, len, flags);
        if (rc != -EMFILE || room < 0)
            return rc;
    } /* EMFILE: the reserved number was the last one; it is free again now */
    return weir__fd_lift(accept4(fd, addr, len, flags));
}

/* SPDX-License-Identifier: MIT */
/* fds.c - see fds.h. */
#include "sys/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST = 3 };

int weir__fd_lift(int fd) {
    if (fd < 0)
        return -errno;
    if (fd >= FIRST)
        return fd;
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

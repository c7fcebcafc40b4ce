/* SPDX-License-Identifier: MIT */
/* Shows: weir-unix weir_send_fds weir_recv_fds weir_fds weir_peer_credentials weir_credentials */
/* Hand the end of a pipe to the process at the other end of a unix socket: here, to this one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/weir.h>

static int give(struct weir_stream *s, int fd) {
    struct weir_credentials who;
    int rc = weir_peer_credentials(s, &who);
    if (rc == 0 && who.uid != getuid())
        return -EPERM; /* not to another user */
    return rc < 0 ? rc : weir_send_fds(s, "pipe", 4, &fd, 1);
}

static int take(struct weir_stream *s, int *ret_fd) {
    char head[4];
    struct weir_fds fds = {.fds = ret_fd, .max = 1};
    ssize_t n = weir_recv_fds(s, head, sizeof head, &fds);
    if (n < 0)
        return (int)n;
    return n == 4 && fds.count == 1 && !fds.truncated ? 0 : -EPROTO;
}

static int talk(int pair[2], int pipes[2]) {
    struct weir_stream *a = NULL, *b = NULL;
    int fd = -1;
    int rc = weir_stream_from_socket(pair[0], &a);
    if (rc == 0)
        rc = weir_stream_from_socket(pair[1], &b);
    if (rc == 0)
        rc = give(a, pipes[1]);
    if (rc == 0)
        rc = take(b, &fd);
    if (rc == 0 && write(fd, "through the copy\n", 17) == 17)
        printf("passed\n");
    if (fd >= 0)
        close(fd);
    weir_close(&a);
    weir_close(&b);
    return rc;
}

static int program(void *arg) {
    int pair[2], pipes[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return -errno;
    int rc = talk(pair, pipes);
    close(pipes[0]);
    close(pipes[1]);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

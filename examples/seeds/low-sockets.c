/* SPDX-License-Identifier: MIT */
/* low-sockets - sockets of the program's own, made by socket(2): what each call of the system would
 * wait for, the task waits for. Use streams (weir/stream.h) where you can: they do more. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/weir.h>

static int sock_accept(int fd) {
    for (;;) {
        int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer >= 0 || errno != EAGAIN)
            return peer >= 0 ? peer : -errno;
        int rc = weir_wait_fd(fd, POLLIN);
        if (rc < 0)
            return rc;
    }
}

static int sock_connect(int fd, const struct sockaddr *to, socklen_t size) {
    int error;
    socklen_t error_size = sizeof error;
    if (connect(fd, to, size) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -errno;
    int rc = weir_wait_fd(fd, POLLOUT);
    if (rc < 0)
        return rc;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0 ? -errno : -error;
}

/* weir_sendmsg and weir_recvmsg wait by themselves, on a socket of any family. */
static int sock_sendall(int fd, const char *buf, size_t len) {
    while (len > 0) {
        struct iovec v = {(void *)(uintptr_t)buf, len};
        ssize_t n = weir_sendmsg(fd, &(struct msghdr){.msg_iov = &v, .msg_iovlen = 1}, 0);
        if (n < 0)
            return (int)n;
        buf += n;
        len -= (size_t)n;
    }
    return 0;
}

static ssize_t sock_recv(int fd, void *buf, size_t len) {
    struct iovec v = {buf, len};
    return weir_recvmsg(fd, &(struct msghdr){.msg_iov = &v, .msg_iovlen = 1}, 0);
}

struct server_args { int fd; };
static int server(void *args) {
    char buf[4096];
    int peer = sock_accept(((struct server_args *)args)->fd);
    ssize_t n = peer;
    while (n >= 0 && (n = sock_recv(peer, buf, sizeof buf)) > 0) {
        int rc = sock_sendall(peer, buf, (size_t)n);
        if (rc < 0)
            n = rc;
    }
    if (peer >= 0)
        close(peer);
    return (int)n;
}

static int client(int fd, const struct sockaddr *to, socklen_t size) {
    char data[101];
    ssize_t n = sock_connect(fd, to, size);
    if (n == 0)
        n = sock_sendall(fd, "hello", 5);
    if (n == 0 && (n = sock_recv(fd, data, sizeof data)) > 0)
        printf("received: %.*s\n", (int)n, data);
    return n < 0 ? (int)n : 0;
}

static int program(void *arg) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *sa = (struct sockaddr *)&a;
    socklen_t size = sizeof a;
    struct weir_group g;
    int rc = 0;
    (void)arg;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int asking = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listening, sa, size) < 0 || listen(listening, 1) < 0 ||
        getsockname(listening, sa, &size) < 0)
        rc = -errno;
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go(&g, server, .fd = listening);
    if (rc == 0)
        rc = client(asking, sa, size);
    close(asking); /* the end of the stream ends the server */
    rc = weir_group_close(&g, rc);
    close(listening);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

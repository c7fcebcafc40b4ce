/* SPDX-License-Identifier: MIT */
/* echo-callbacks - an echo server and its client by readers and writers alone. What a task keeps in
 * local variables and in the place where it waits, each connection keeps in a struct here. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/weir.h>

static struct weir_loop *loop;
static int listening = -1, asking = -1, served, result = -1;

struct conn {
    int fd;
    size_t len, sent;
    char buf[4096];
};

static void reads(void *arg);

static void forget(struct conn *c) {
    weir_remove_reader(c->fd);
    weir_remove_writer(c->fd);
    close(c->fd);
    free(c);
    served--;
}

/* The state "writing": nothing is read until all is written. */
static void writes(void *arg) {
    struct conn *c = arg;
    ssize_t n = send(c->fd, c->buf + c->sent, c->len - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0) {
        forget(c);
        return;
    }
    c->sent += (size_t)n;
    if (c->sent < c->len)
        return;
    weir_remove_writer(c->fd);
    if (weir_add_reader(c->fd, reads, c) < 0)
        forget(c);
}

/* The state "reading". */
static void reads(void *arg) {
    struct conn *c = arg;
    ssize_t n = read(c->fd, c->buf, sizeof c->buf);
    if (n < 0 && errno == EAGAIN)
        return;
    weir_remove_reader(c->fd);
    c->len = n > 0 ? (size_t)n : 0;
    c->sent = 0;
    if (n <= 0 || weir_add_writer(c->fd, writes, c) < 0)
        forget(c);
}

static void accepts(void *arg) {
    (void)arg;
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct conn *c = fd < 0 ? NULL : calloc(1, sizeof *c);
    if (c == NULL) {
        close(fd);
        return;
    }
    c->fd = fd;
    served++;
    if (weir_add_reader(fd, reads, c) < 0)
        forget(c);
}

static void answered(void *arg) {
    char data[101];
    (void)arg;
    ssize_t n = read(asking, data, sizeof data - 1);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0)
        result = printf("received: %.*s\n", (int)n, data);
    weir_remove_reader(asking);
    close(asking);
    weir_loop_stop(loop);
}

static void connected(void *message) {
    weir_remove_writer(asking);
    if (send(asking, message, strlen(message), MSG_NOSIGNAL) > 0)
        printf("sent: %s\n", (const char *)message);
    if (weir_add_reader(asking, answered, NULL) < 0)
        weir_loop_stop(loop);
}

static int start(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    struct sockaddr *sa = (struct sockaddr *)&a;
    listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    asking = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listening, sa, size) < 0 || listen(listening, 16) < 0 ||
        getsockname(listening, sa, &size) < 0)
        return -errno;
    if (connect(asking, sa, size) < 0 && errno != EINPROGRESS)
        return -errno;
    int rc = weir_add_reader(listening, accepts, NULL);
    return rc < 0 ? rc : weir_add_writer(asking, connected, "hello");
}

int main(void) {
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    int rc = start();
    if (rc == 0)
        rc = weir_run_forever(loop);
    while (rc >= 0 && served > 0)
        rc = weir_loop_step(loop, WEIR_NEVER); /* the server sees the end of the client */
    weir_loop_close(&loop);
    close(listening);
    return rc < 0 || result < 0;
}

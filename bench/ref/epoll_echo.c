/* SPDX-License-Identifier: MIT */
/* The yardstick for readiness: a TCP echo server on bare epoll, frozen. One thread, --port N;
 * with --ws a WebSocket one, whose answers ws_answer.h writes over what was received; with --http
 * each empty line that comes gets a fixed answer: what any HTTP server must at least do.
 * Edge-triggered, registered once at accept, never changed: no epoll_ctl per message, and the
 * kernel does not poll the socket a second time. One receive buffer for all connections, small
 * enough to stay in L2. What a send does not take is kept aside; until it is gone the
 * connection is not read. */
#include "ws_answer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef BUFFER_SIZE
#define BUFFER_SIZE (128 << 10)
#endif
#ifndef EVENTS_MAX
#define EVENTS_MAX 64
#endif

/* Bytes that a full socket did not take. */
struct backlog {
    size_t begin, end;
    uint8_t bytes[];
};

static struct backlog **backlogs;       /* by descriptor; NULL: nothing is waiting */
static int backlogs_max;
static struct ws_peer *peers;           /* by descriptor; NULL: TCP */
static int answers_http;
static uint8_t buffer[BUFFER_SIZE] __attribute__((aligned(4096)));

static void die(const char *what) {
    fprintf(stderr, "ref-epoll-echo: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void hang_up(int fd) {
    free(backlogs[fd]);
    backlogs[fd] = NULL;
    if (peers)
        ws_reset(&peers[fd]);
    close(fd);
}

/* Send the backlog. Returns 1 if nothing waits, 0 if some still does, -1 if the peer is gone. */
static int flush(int fd) {
    struct backlog *b = backlogs[fd];

    while (b->begin < b->end) {
        ssize_t n = send(fd, b->bytes + b->begin, b->end - b->begin, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        b->begin += (size_t)n;
    }
    free(b);
    backlogs[fd] = NULL;
    return 1;
}

/* Send, and keep what the socket does not take. Returns as flush does. */
static int echo(int fd, size_t len) {
    ssize_t n = send(fd, buffer, len, MSG_NOSIGNAL);
    struct backlog *b;

    if (n == (ssize_t)len)
        return 1;
    if (n < 0 && errno != EAGAIN)
        return -1;
    if (n < 0)
        n = 0;
    b = malloc(sizeof *b + len - (size_t)n);
    if (!b)
        return -1;
    b->begin = 0;
    b->end = len - (size_t)n;
    memcpy(b->bytes, buffer + n, b->end);
    backlogs[fd] = b;
    return flush(fd);
}

/* Count the heads that end in the buffer, none of which is cut by its loads, and write as many
 * answers. */
static size_t answer_http(size_t len) {
    static const char text[] = "HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 12:00:00 GMT\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 6\r\n\r\nhello\n";
    size_t heads = 0;
    const uint8_t *at = buffer, *end = buffer + len;

    while ((at = memmem(at, (size_t)(end - at), "\r\n\r\n", 4)) != NULL) {
        at += 4;
        heads++;
    }
    for (size_t i = 0; i < heads && (i + 1) * sizeof text < sizeof buffer; i++)
        memcpy(buffer + i * (sizeof text - 1), text, sizeof text - 1);
    return heads * (sizeof text - 1);
}

/* Answer the len bytes in the buffer. Returns as flush does. */
static int answer(int fd, size_t len) {
    struct ws_peer *p = peers ? &peers[fd] : NULL;
    char response[WS_RESPONSE_MAX];
    ssize_t n = (ssize_t)len;

    if (answers_http)
        n = (ssize_t)answer_http(len);
    if (p && !p->open) {
        n = ws_shake(p, buffer, len, response);
        if (n > 0)
            memcpy(buffer, response, (size_t)n);
    } else if (p) {
        n = ws_answer(p, buffer, len, buffer);
    }
    return n > 0 ? echo(fd, (size_t)n) : n < 0 ? -1 : 1;
}

/* A read that does not fill the buffer has drained the socket: what comes later is a new edge.
 * Only the end of the stream may already stand behind it, and then the event says so. */
static void on_event(int fd, uint32_t events) {
    int rc = backlogs[fd] ? flush(fd) : 1, ended = (events & (EPOLLRDHUP | EPOLLERR)) != 0;
    ssize_t n;

    while (rc > 0) {
        n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        rc = n > 0 ? answer(fd, (size_t)n) : -1;
        if (rc > 0 && n < (ssize_t)sizeof buffer && !ended)
            return;
    }
    if (rc < 0)
        hang_up(fd);
}

static void accept_all(int epoll, int listener) {
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        e.data.fd = fd;
        if (fd >= backlogs_max || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
            close(fd);
    }
}

/* Accepted sockets inherit TCP_NODELAY from the listener. */
static int listen_on(uint16_t port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0
        || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0)
        die("listen");
    return fd;
}

static void serve(int epoll, int listener) {
    struct epoll_event events[EVENTS_MAX];

    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                on_event(events[i].data.fd, events[i].events);
        }
    }
}

int main(int argc, char **argv) {
    struct epoll_event e = {.events = EPOLLIN};
    struct rlimit limit;
    int epoll, listener, websocket = argc == 4 && strcmp(argv[3], "--ws") == 0;

    answers_http = argc == 4 && strcmp(argv[3], "--http") == 0;

    if (argc != 3 + websocket + answers_http || strcmp(argv[1], "--port") != 0) {
        fputs("usage: ref-epoll-echo --port N [--ws | --http]\n", stderr);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    backlogs_max = (int)limit.rlim_cur;
    backlogs = calloc((size_t)backlogs_max, sizeof(struct backlog *));
    if (websocket && !(peers = calloc((size_t)backlogs_max, sizeof *peers)))
        die("start");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = listen_on((uint16_t)atoi(argv[2]));
    e.data.fd = listener;
    if (!backlogs || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) != 0)
        die("start");
    serve(epoll, listener);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* See dial.h. The key of the handshake is the example of RFC 6455, 1.3, so that the accept
 * value is known without SHA-1. Close resets (SO_LINGER 0): thousands of runs must not fill
 * the port range with TIME_WAIT. */
#include "dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 4096, REPLY_TIMEOUT_S = 10 };

static const char request_format[] = "GET / HTTP/1.1\r\n"
                                     "Host: 127.0.0.1:%u\r\n"
                                     "Upgrade: websocket\r\n"
                                     "Connection: Upgrade\r\n"
                                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                     "Sec-WebSocket-Version: 13\r\n"
                                     "\r\n";
static const char accept_name[] = "\r\nSec-WebSocket-Accept:";
static const char accept_value[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

static int set_up(int fd) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct timeval patience = {.tv_sec = REPLY_TIMEOUT_S};
    int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0
        || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return -errno;
    return 0;
}

/* Read up to the empty line, byte by byte: a frame may follow it. */
static int read_head(int fd, char *head) {
    for (size_t len = 0; len < HEAD_MAX - 1; len++) {
        ssize_t n = recv(fd, head + len, 1, 0);
        if (n <= 0)
            return n == 0 ? -ECONNRESET : -errno;
        head[len + 1] = 0;
        if (len >= 3 && memcmp(head + len - 3, "\r\n\r\n", 4) == 0)
            return 0;
    }
    return -EMSGSIZE;
}

static int check_head(const char *head) {
    const char *accept = strcasestr(head, accept_name);

    if (strncmp(head, "HTTP/1.1 101", 12) != 0 || !accept) {
        fprintf(stderr, "bench-load: handshake refused: %.60s\n", head);
        return -EPROTO;
    }
    accept += sizeof accept_name - 1;
    accept += strspn(accept, " \t");
    if (strncmp(accept, accept_value, sizeof accept_value - 1) != 0) {
        fprintf(stderr, "bench-load: wrong Sec-WebSocket-Accept: %.40s\n", accept);
        return -EPROTO;
    }
    return 0;
}

static int handshake(int fd, uint16_t port) {
    char head[HEAD_MAX];
    int len = snprintf(head, sizeof head, request_format, port), rc;

    if (send(fd, head, (size_t)len, MSG_NOSIGNAL) != len)
        return -EIO;
    rc = read_head(fd, head);
    return rc < 0 ? rc : check_head(head);
}

int dial(uint16_t port, int websocket) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd, rc;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    rc = set_up(fd);
    if (rc == 0 && connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        rc = -errno;
    if (rc == 0 && websocket)
        rc = handshake(fd, port);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}

int dial_raise_limit(unsigned count) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)count + 64;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -errno;
    if (limit.rlim_cur >= wanted)
        return 0;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -errno;
}

/* SPDX-License-Identifier: MIT */
/* bench-small-echo [MESSAGES [ROUNDS]] - echoes of 64 bytes on one socket: UDP, unix, TCP; weir
 * beside bare system calls. The server is a child process; its CPU time for each message is what is
 * printed, the median of all rounds with the least and the most, and how long an echo took. In each
 * round every server runs once. The client keeps a window of messages under way: 1, or 32. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#include "../ref/small_echo.h"

enum { SIZE = 64, BATCH = 32, ROUNDS_MAX = 99 };
enum kind { UDP, UNIX, TCP, KINDS };

static const char *const kind_names[] = {"UDP", "unix", "TCP"};

/* ---- our servers ---------------------------------------------------------------------------- */

static int serve_datagrams(void *arg) {
    struct weir_dgram *d = *(struct weir_dgram **)arg;
    static char bytes[BATCH][2048];
    static struct weir_addr from[BATCH];
    struct weir_datagram many[BATCH];
    for (;;) {
        for (int i = 0; i < BATCH; i++)
            many[i] = (struct weir_datagram){.data = bytes[i], .size = 2048, .addr = &from[i]};
        ssize_t n = weir_dgram_recv_many(d, many, BATCH);
        for (ssize_t i = 0; i < n; i++)
            if (many[i].len == 0)
                return 0;
        if (n < 0 || weir_dgram_send_many(d, many, (size_t)n) != n)
            return -EPROTO;
    }
}

/* One datagram at a time. */
static int serve_one_by_one(struct weir_dgram *d) {
    char bytes[2048];
    struct weir_addr from;
    for (;;) {
        ssize_t n = weir_dgram_recv(d, bytes, sizeof bytes, &from);
        int rc = n > 0 ? weir_dgram_send(d, bytes, (size_t)n, &from) : 0;
        if (n <= 0 || rc < 0)
            return rc < 0 ? rc : (int)n;
    }
}

static int serve_stream(int fd) {
    struct weir_stream *s;
    struct weir_view v;
    int rc = weir_stream_from_socket(fd, &s);
    if (rc < 0)
        return rc;
    while ((rc = (int)weir_peek(s, 1, &v)) > 0) {
        rc = weir_write(s, v.base, v.len);
        if (rc < 0)
            break;
        weir_consume(s, v.len);
    }
    weir_close(&s);
    return rc;
}

/* ---- a round -------------------------------------------------------------------------------- */

struct server {
    const char *name, *backend; /* backend NULL: bare */
    bool ring, single;
};

static const struct server servers[] = {
    {"bare epoll", NULL, false, false},
    {"weir, epoll", "epoll", false, false},
    {"weir, io_uring", "uring", false, false},
    {"bare io_uring", NULL, true, false},
    {"weir, epoll, single", "epoll", false, true},
    {"weir, io_uring, single", "uring", false, true},
};
enum { SERVERS = sizeof servers / sizeof servers[0] };

struct job {
    enum kind kind;
    const struct server *by;
    int fd;   /* of a stream */
    int port; /* the end of a pipe, to say which port UDP has */
    double took;
};

static double now_us(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int serve_socket(struct job *j) {
    if (j->kind != UDP)
        return serve_stream(j->fd);
    struct weir_dgram *d;
    int rc = weir_dgram_open("udp://127.0.0.1:0", NULL, &d);
    if (rc < 0)
        return rc;
    int port = weir_dgram_port(d);
    if (write(j->port, &port, sizeof port) != sizeof port)
        return -EIO;
    rc = j->by->single ? serve_one_by_one(d) : serve_datagrams(&d);
    weir_dgram_close(&d);
    return rc;
}

/* What the begin and the end of the run cost does not count. */
static int serve(void *arg) {
    struct job *j = arg;
    double begin = now_us(CLOCK_PROCESS_CPUTIME_ID);
    int rc = serve_socket(j);
    j->took = now_us(CLOCK_PROCESS_CPUTIME_ID) - begin;
    return rc;
}

static int bare_socket(const struct job *j) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    if (j->kind != UDP)
        return j->by->ring ? ref_stream_echo_uring(j->fd) : ref_stream_echo(j->fd);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (void *)&a, len) != 0 || getsockname(fd, (void *)&a, &len) != 0)
        return -errno;
    int port = ntohs(a.sin_port);
    if (write(j->port, &port, sizeof port) != sizeof port)
        return -EIO;
    return ref_datagram_echo(fd);
}

static int bare(struct job *j) {
    double begin = now_us(CLOCK_PROCESS_CPUTIME_ID);
    int rc = bare_socket(j);
    j->took = now_us(CLOCK_PROCESS_CPUTIME_ID) - begin;
    return rc;
}

/* The child: serves, and writes the CPU time that it took. */
static void child(struct job *j, int out) {
    struct weir_run_options o = {.size = sizeof o, .backend = j->by->backend};
    j->port = out;
    int rc = j->by->backend != NULL ? weir_run(serve, j, &o) : bare(j);
    _exit(write(out, &j->took, sizeof j->took) == sizeof j->took && rc == 0 ? 0 : 1);
}

static void tcp_pair(int fds[2]) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int on = 1, l = socket(AF_INET, SOCK_STREAM, 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(l, (void *)&a, len) != 0 || listen(l, 1) != 0 || getsockname(l, (void *)&a, &len) != 0
        || connect(fds[0], (void *)&a, len) != 0)
        abort();
    fds[1] = accept(l, NULL, NULL);
    for (int i = 0; i < 2; i++)
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    close(l);
}

static void exchange(int fd, bool datagrams, long messages, int window) {
    char bytes[SIZE * BATCH] = {0};
    for (long i = 0; i < messages; i += window) {
        if (datagrams)
            for (int k = 0; k < window; k++)
                send(fd, bytes, SIZE, 0);
        else
            send(fd, bytes, (size_t)window * SIZE, 0);
        for (ssize_t left = (ssize_t)window * SIZE; left > 0;) {
            ssize_t n = recv(fd, bytes, sizeof bytes, 0);
            if (n <= 0)
                abort();
            left -= n;
        }
    }
}

/* Returns false if this server does not run here. */
static bool run(enum kind kind, const struct server *by, long messages, int window,
                double *ret_cpu, double *ret_wall) {
    int pipes[2], pair[2] = {-1, -1}, port = 0, status;
    if (kind == UNIX && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        abort();
    if (kind == TCP)
        tcp_pair(pair);
    if (pipe(pipes) != 0)
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        struct job j = {.kind = kind, .by = by, .fd = pair[1]};
        close(pair[0]);
        child(&j, pipes[1]);
    }
    close(pipes[1]);
    close(pair[1]);
    int fd = pair[0];
    if (kind == UDP) {
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (read(pipes[0], &port, sizeof port) != sizeof port)
            abort();
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (connect(fd, (void *)&a, sizeof a) != 0)
            abort();
    }
    double begin = now_us(CLOCK_MONOTONIC);
    exchange(fd, kind == UDP, messages, window);
    *ret_wall = (now_us(CLOCK_MONOTONIC) - begin) / (double)messages;
    if (kind == UDP)
        send(fd, "", 0, 0);
    close(fd);
    bool good = read(pipes[0], ret_cpu, sizeof *ret_cpu) == sizeof *ret_cpu;
    *ret_cpu /= (double)messages;
    close(pipes[0]);
    waitpid(pid, &status, 0);
    return good && status == 0;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool applies(enum kind kind, const struct server *s) {
    return kind == UDP ? !s->ring : !s->single;
}

static void measure(enum kind kind, int window, long messages, int rounds) {
    static double cpu[SERVERS][ROUNDS_MAX], wall[SERVERS][ROUNDS_MAX];
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < SERVERS; i++)
            if (applies(kind, &servers[i]) &&
                !run(kind, &servers[i], messages, window, &cpu[i][round], &wall[i][round]))
                cpu[i][round] = wall[i][round] = 0;
    for (int i = 0; i < SERVERS; i++) {
        if (!applies(kind, &servers[i]))
            continue;
        qsort(cpu[i], (size_t)rounds, sizeof(double), by_size);
        qsort(wall[i], (size_t)rounds, sizeof(double), by_size);
        printf("%-4s window %2d  %-24s %6.2f us CPU (%.2f to %.2f), %6.2f us\n", kind_names[kind],
               window, servers[i].name, cpu[i][rounds / 2], cpu[i][0], cpu[i][rounds - 1],
               wall[i][rounds / 2]);
    }
}

int main(int argc, char **argv) {
    long messages = argc > 1 ? strtol(argv[1], NULL, 10) : 32000;
    int rounds = argc > 2 ? atoi(argv[2]) : 9;
    if (rounds < 1 || rounds > ROUNDS_MAX || messages < BATCH)
        return 2;
    messages -= messages % BATCH;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int kind = 0; kind < KINDS; kind++) {
        measure((enum kind)kind, 1, messages, rounds);
        measure((enum kind)kind, BATCH, messages, rounds);
    }
    return 0;
}

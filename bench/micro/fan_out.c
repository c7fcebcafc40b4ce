/* SPDX-License-Identifier: MIT */
/* fan_out.c - what it costs a server to send one message of 64 bytes to many connections.
 *
 *   fan_out bare COUNT ROUNDS          a loop over send(2): the cost of the sends alone
 *   fan_out epoll|uring COUNT ROUNDS   weir_ws_topic_publish to as many WebSocket connections
 *   fan_out PORT COUNT 0               only the clients, of another server (bench/peers/fan_out.js)
 *
 * The clients are a process of their own, on the other core. A round is over when they have read
 * all. Prints the server's CPU time for each message to one connection. */
#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

enum { FRAME = 66, WARM = 3 };

static const char request[] =
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

static int count, rounds, done_pipe[2];
static bool bare;

static void must(bool good, const char *what) {
    if (good)
        return;
    perror(what);
    exit(1);
}

static void pin(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

struct cpu {
    double user, system; /* us */
};

static struct cpu cpu_now(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (struct cpu){1e6 * (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec,
                        1e6 * (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec};
}

/* ---- the clients ---- */

static int client_open(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0, "connect");
    if (bare)
        return fd;
    char byte;
    must(write(fd, request, sizeof request - 1) == sizeof request - 1, "request");
    for (int ends = 0; ends < 4;) { /* until the empty line */
        must(read(fd, &byte, 1) == 1, "handshake");
        ends = byte == "\r\n\r\n"[ends] ? ends + 1 : byte == '\r';
    }
    return fd;
}

static void clients(int port) {
    int epfd = epoll_create1(0);
    pin(1);
    for (int i = 0; i < count; i++) {
        struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.fd = client_open(port)};
        must(epoll_ctl(epfd, EPOLL_CTL_ADD, e.data.fd, &e) == 0, "epoll_ctl");
    }
    must(write(done_pipe[1], "o", 1) == 1, "pipe");
    static char buf[4096];
    static struct epoll_event events[512];
    for (size_t left = (size_t)count * FRAME;;) {
        int n = epoll_wait(epfd, events, 512, -1);
        for (int i = 0; i < n; i++) {
            ssize_t got = read(events[i].data.fd, buf, sizeof buf);
            if (got <= 0)
                exit(0);
            left -= (size_t)got;
        }
        if (left == 0) {
            left = (size_t)count * FRAME;
            must(write(done_pipe[1], "r", 1) == 1, "pipe");
        }
    }
}

static pid_t clients_begin(int port) {
    pid_t pid = fork();
    if (pid == 0)
        clients(port);
    return pid;
}

/* ---- the servers ---- */

static void report(const char *what, struct cpu before) {
    struct cpu now = cpu_now();
    double user = (now.user - before.user) / rounds / count;
    double system = (now.system - before.system) / rounds / count;
    printf("%-6s %d connections: %.3f us of CPU for each, %.3f of them not the kernel's\n", what,
           count, user + system, user);
}

static void serve_bare(void) {
    char frame[FRAME] = {(char)0x82, 64}, byte;
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM, 0), *fds = calloc((size_t)count, sizeof *fds);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(l, (struct sockaddr *)&a, len) == 0 && listen(l, 4096) == 0, "listen");
    getsockname(l, (struct sockaddr *)&a, &len);
    pid_t pid = clients_begin(ntohs(a.sin_port));
    for (int i = 0; i < count; i++)
        must((fds[i] = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0, "accept");
    must(read(done_pipe[0], &byte, 1) == 1, "pipe");
    struct cpu before = {0, 0};
    for (int r = -WARM; r < rounds; r++) {
        before = r == 0 ? cpu_now() : before;
        for (int i = 0; i < count; i++)
            must(send(fds[i], frame, sizeof frame, MSG_NOSIGNAL) == FRAME, "send");
        must(read(done_pipe[0], &byte, 1) == 1, "pipe");
    }
    report("bare", before);
    kill(pid, SIGKILL);
}

static int opened(struct weir_ws *ws, void *state) {
    return weir_ws_topic_subscribe(weir_ws_arg(ws), ws);
}

static int ignores(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return 0;
}

struct publisher_args {
    struct weir_listener *l;
    struct weir_ws_topic *topic;
    const char *backend;
};

static int round_over(void) {
    char byte;
    int rc = weir_wait_fd(done_pipe[0], POLLIN);
    return rc < 0 ? rc : read(done_pipe[0], &byte, 1) == 1 ? 0 : -1;
}

static int publisher(void *args) {
    struct publisher_args *a = args;
    char payload[64] = {0};
    pid_t pid = clients_begin(weir_listener_port(a->l));
    int rc = round_over();
    struct cpu before = {0, 0};
    for (int r = -WARM; r < rounds && rc >= 0; r++) {
        before = r == 0 ? cpu_now() : before;
        ssize_t n = weir_ws_topic_publish(a->topic, WEIR_WS_BINARY, payload, sizeof payload);
        must(n == count, "publish");
        rc = round_over();
    }
    report(a->backend, before);
    fflush(stdout);
    kill(pid, SIGKILL);
    _exit(rc < 0);
}

static int serve_weir(void *arg) {
    struct weir_ws_options o = {.size = sizeof o, .connections_max = 100000};
    struct publisher_args a = {.backend = arg};
    struct weir_listen_options lo = {.size = sizeof lo, .backlog = 4096};
    int rc = weir_listen("tcp://127.0.0.1:0", &lo, &a.l);
    if (rc == 0)
        rc = weir_ws_topic_new(NULL, &a.topic);
    struct weir_ws_reactive server = {
        .size = sizeof server, .opened = opened, .message = ignores, .arg = a.topic};
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    if (rc == 0)
        rc = weir_go(&g, publisher, .l = a.l, .topic = a.topic, .backend = a.backend);
    if (rc == 0)
        rc = weir_ws_react(a.l, &g, &server, &o);
    return weir_group_close(&g, rc);
}

int main(int argc, char **argv) {
    if (argc != 4)
        return fprintf(stderr, "usage: fan_out bare|epoll|uring|PORT COUNT ROUNDS\n"), 2;
    count = atoi(argv[2]);
    rounds = atoi(argv[3]);
    bare = strcmp(argv[1], "bare") == 0;
    must(pipe(done_pipe) == 0, "pipe");
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (atoi(argv[1]) > 0)
        clients(atoi(argv[1]));
    pin(0);
    if (bare)
        return serve_bare(), 0;
    struct weir_run_options run = {.size = sizeof run, .backend = argv[1]};
    return weir_run(serve_weir, argv[1], &run) < 0;
}

/* SPDX-License-Identifier: MIT */
/* bench-machine: what kind of machine this is, as one line of JSON, so that figures of two runs
 * can be told apart. --hop CPU CPU: only the one-way time between two cores, which a
 * hypervisor may change under our feet by moving a virtual core. --costs: also what one small
 * TCP send and receive cost by plain system calls, by epoll and by io_uring in batches: the
 * bound on what any io_uring server can save here. Least of many runs, pinned by the caller. */
#include "clock.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { HOPS = 20000, PAIRS = 32, ROUNDS = 1500, SIZE = 64, BUFFERS = 64, GROUP = 1 };

static void die(const char *what) {
    fprintf(stderr, "bench-machine: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- two cores handing one word to and fro ---- */

static _Alignas(128) atomic_int word;

static void pin(size_t cpu) {
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0)
        die("pin");
}

static void *answer(void *cpu) {
    pin(*(size_t *)cpu);
    for (int i = 0; i < HOPS; i++) {
        while (atomic_load(&word) != 2 * i + 1)
            ;
        atomic_store(&word, 2 * i + 2);
    }
    return NULL;
}

static double hop_ns(size_t here, size_t there) {
    pthread_t thread;
    int64_t start_ns = 0;

    pin(here);
    if (pthread_create(&thread, NULL, answer, &there) != 0)
        die("thread");
    for (int i = 0; i < HOPS; i++) {
        if (i == HOPS / 2)
            start_ns = clock_now_ns();
        atomic_store(&word, 2 * i + 1);
        while (atomic_load(&word) != 2 * i + 2)
            ;
    }
    pthread_join(thread, NULL);
    return (double)(clock_now_ns() - start_ns) / HOPS;
}

/* ---- the cost of an operation ---- */

static int pairs[PAIRS][2];
static char bytes[SIZE];
static struct io_uring ring;
static struct io_uring_buf_ring *buffer_ring;
static char buffers[BUFFERS][SIZE];
static int epoll;

static void connect_pair(int *pair) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 1) != 0
        || getsockname(listener, (struct sockaddr *)&at, &len) != 0
        || connect(pair[0], (struct sockaddr *)&at, len) != 0)
        die("connect");
    pair[1] = accept(listener, NULL, NULL);
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    close(listener);
}

static void send_all(int side) {
    for (int i = 0; i < PAIRS; i++)
        if (send(pairs[i][side], bytes, SIZE, 0) != SIZE)
            die("send");
}

static void receive_all(int side) {
    for (int i = 0; i < PAIRS; i++)
        if (recv(pairs[i][side], bytes, SIZE, 0) != SIZE)
            die("recv");
}

static void wait_all(void) {
    struct epoll_event events[PAIRS];

    for (int n = 0; n < PAIRS;)
        n += epoll_wait(epoll, events, PAIRS, -1);
}

static void ring_send_all(int side) {
    for (int i = 0; i < PAIRS; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
        io_uring_prep_send(sqe, 2 * i + side, bytes, SIZE, MSG_DONTWAIT | MSG_WAITALL);
        sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    }
    if (io_uring_submit(&ring) != PAIRS)
        die("io_uring send");
}

static void ring_receive_all(void) {
    for (int got = 0; got < PAIRS;) {
        struct io_uring_cqe *cqe;
        unsigned head;
        int n = 0;

        io_uring_submit_and_wait(&ring, (unsigned)(PAIRS - got));
        io_uring_for_each_cqe(&ring, head, cqe) {
            unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
            io_uring_buf_ring_add(buffer_ring, buffers[id], SIZE, (unsigned short)id, BUFFERS - 1,
                                  n++);
        }
        io_uring_buf_ring_advance(buffer_ring, n);
        io_uring_cq_advance(&ring, (unsigned)n);
        got += n;
    }
}

static void arm_ring(int side) {
    for (int i = 0; i < PAIRS; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
        io_uring_prep_recv_multishot(sqe, 2 * i + side, NULL, 0, 0);
        sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
        sqe->buf_group = GROUP;
    }
    io_uring_submit(&ring);
}

static void set_up(void) {
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER
                                              | IORING_SETUP_DEFER_TASKRUN};
    struct io_uring_buf_reg reg = {.bgid = GROUP, .ring_entries = BUFFERS};
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};

    epoll = epoll_create1(0);
    for (int i = 0; i < PAIRS; i++) {
        connect_pair(pairs[i]);
        epoll_ctl(epoll, EPOLL_CTL_ADD, pairs[i][1], &event);
    }
    if (io_uring_queue_init_params(4 * PAIRS, &ring, &params) < 0)
        die("io_uring");
    io_uring_register_ring_fd(&ring);
    buffer_ring = aligned_alloc(4096, 4096);
    memset(buffer_ring, 0, 4096);
    reg.ring_addr = (uintptr_t)buffer_ring;
    if (io_uring_register_files(&ring, pairs[0], 2 * PAIRS) < 0
        || io_uring_register_buf_ring(&ring, &reg, 0) < 0)
        die("io_uring_register");
    for (int i = 0; i < BUFFERS; i++)
        io_uring_buf_ring_add(buffer_ring, buffers[i], SIZE, (unsigned short)i, BUFFERS - 1, i);
    io_uring_buf_ring_advance(buffer_ring, BUFFERS);
}

/* Not timed. Without an answer the receiver would send bare acknowledgements of its own. */
static void send_back(void) {
    send_all(1);
    receive_all(0);
}

/* Note the time of one operation since the lap began, and begin the next. */
static void least(double *best, int64_t *start_ns) {
    double each = (double)(clock_now_ns() - *start_ns) / PAIRS;

    if (*best == 0 || each < *best)
        *best = each;
    *start_ns = clock_now_ns();
}

static void print_costs(void) {
    double call = 0, by_call[3] = {0}, by_ring[2] = {0};
    int64_t lap_ns;

    set_up();
    for (int k = 0; k < ROUNDS; k++) {
        lap_ns = clock_now_ns();
        for (int i = 0; i < PAIRS; i++)
            syscall(SYS_getppid);
        least(&call, &lap_ns);
        send_all(0);
        least(&by_call[0], &lap_ns);
        wait_all();
        least(&by_call[1], &lap_ns);
        receive_all(1);
        least(&by_call[2], &lap_ns);
        send_back();
    }
    for (int i = 0; i < PAIRS; i++)
        epoll_ctl(epoll, EPOLL_CTL_DEL, pairs[i][1], NULL);
    arm_ring(1);
    for (int k = 0; k < ROUNDS; k++) {
        lap_ns = clock_now_ns();
        ring_send_all(0);
        least(&by_ring[0], &lap_ns);
        ring_receive_all();
        least(&by_ring[1], &lap_ns);
        send_back();
    }
    printf(", \"syscall_ns\": %.0f, \"send_ns\": %.0f, \"epoll_wait_ns\": %.0f, \"recv_ns\": %.0f",
           call, by_call[0], by_call[1], by_call[2]);
    printf(", \"ring_send_ns\": %.0f, \"ring_recv_ns\": %.0f", by_ring[0], by_ring[1]);
}

int main(int argc, char **argv) {
    if (argc != 4 || (strcmp(argv[1], "--hop") != 0 && strcmp(argv[1], "--costs") != 0)) {
        fputs("usage: bench-machine --hop|--costs CPU CPU\n", stderr);
        return 2;
    }
    printf("{\"hop_ns\": %.1f", hop_ns(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10)));
    if (strcmp(argv[1], "--costs") == 0)
        print_costs();
    puts("}");
    return 0;
}

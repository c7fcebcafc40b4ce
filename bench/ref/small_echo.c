/* SPDX-License-Identifier: MIT */
/* small_echo.c - see small_echo.h. Level-triggered: one call to wait, one to receive, one to
 * send. */
#include "small_echo.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 32, SIZE = 2048, STREAM_SIZE = 16 << 10, BUFFERS = 16 };

static int watch(int fd) {
    struct epoll_event e = {.events = EPOLLIN};
    int ep = epoll_create1(EPOLL_CLOEXEC);
    if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) != 0)
        abort();
    return ep;
}

int ref_datagram_echo(int fd) {
    static char bytes[BATCH][SIZE];
    static struct sockaddr_in6 from[BATCH];
    static struct iovec v[BATCH];
    static struct mmsghdr m[BATCH];
    struct epoll_event e;
    int ep = watch(fd);
    for (;;) {
        epoll_wait(ep, &e, 1, -1);
        for (int i = 0; i < BATCH; i++) {
            v[i] = (struct iovec){bytes[i], SIZE};
            m[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i],
                                           .msg_iov = &v[i], .msg_iovlen = 1};
        }
        int n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            v[i].iov_len = m[i].msg_len;
            if (m[i].msg_len == 0) {
                close(ep);
                return 0;
            }
        }
        if (n > 0 && sendmmsg(fd, m, (unsigned)n, 0) != n)
            abort();
    }
}

int ref_stream_echo(int fd) {
    static char bytes[STREAM_SIZE];
    struct epoll_event e;
    int ep = watch(fd);
    for (;;) {
        epoll_wait(ep, &e, 1, -1);
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n == 0)
            break;
        if (n > 0 && send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
            abort();
    }
    close(ep);
    return 0;
}

static void receive(struct io_uring *r, int fd) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(r);
    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->user_data = 1;
}

/* One completion. Returns false at the end of the stream. */
static bool handle(struct io_uring *r, struct io_uring_buf_ring *ring, char (*bytes)[STREAM_SIZE],
                   int fd, const struct io_uring_cqe *cqe) {
    if (cqe->user_data != 1) { /* a send is over: its buffer is free */
        unsigned id = (unsigned)cqe->user_data - 2;
        io_uring_buf_ring_add(ring, bytes[id], STREAM_SIZE, (unsigned short)id, BUFFERS - 1, 0);
        io_uring_buf_ring_advance(ring, 1);
        return true;
    }
    if (cqe->res == 0)
        return false;
    if (cqe->res > 0) {
        unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        struct io_uring_sqe *sqe = io_uring_get_sqe(r);
        io_uring_prep_send(sqe, fd, bytes[id], (size_t)cqe->res, MSG_NOSIGNAL);
        sqe->user_data = id + 2;
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        receive(r, fd);
    return true;
}

int ref_stream_echo_uring(int fd) {
    static char bytes[BUFFERS][STREAM_SIZE];
    struct io_uring r;
    struct io_uring_buf_ring *ring = NULL;
    struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    bool goes_on = true;
    if (io_uring_queue_init_params(64, &r, &p) != 0)
        return -errno;
    if (posix_memalign((void **)&ring, 4096, 4096) != 0)
        abort();
    struct io_uring_buf_reg reg = {.ring_addr = (unsigned long)ring, .ring_entries = BUFFERS};
    if (io_uring_register_buf_ring(&r, &reg, 0) != 0)
        abort();
    io_uring_buf_ring_init(ring);
    for (unsigned i = 0; i < BUFFERS; i++)
        io_uring_buf_ring_add(ring, bytes[i], STREAM_SIZE, (unsigned short)i, BUFFERS - 1, (int)i);
    io_uring_buf_ring_advance(ring, BUFFERS);
    receive(&r, fd);
    while (goes_on) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        io_uring_submit_and_wait(&r, 1);
        io_uring_for_each_cqe(&r, head, cqe) {
            goes_on &= handle(&r, ring, bytes, fd, cqe);
            count++;
        }
        io_uring_cq_advance(&r, count);
    }
    io_uring_queue_exit(&r);
    free(ring);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* uring_outer.c - the descriptor by which a foreign loop waits for a ring: an epoll set of two
 * eventfds. One is the ring's, which the kernel writes for each completion. (With deferred task
 * work the ring's own descriptor is not ready when a completion is about to be made.) The other is
 * the latch. The ring watches the latch too, but for an eventfd that is written while another one
 * is, the kernel puts the write off for milliseconds: so a post would come late.
 *
 * Both are edge-triggered and never read: an edge that was not fetched keeps the set ready. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/fds.h"
#include "sys/uring.h"

static int add(struct uring_backend *b, int fd) {
    struct epoll_event e = {.events = EPOLLIN | EPOLLET};
    return epoll_ctl(b->outer_fd, EPOLL_CTL_ADD, fd, &e) != 0 ? -errno : 0;
}

static int open_both(struct uring_backend *b) {
    b->event_fd = weir__fd_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (b->event_fd < 0)
        return b->event_fd;
    b->outer_fd = weir__fd_lift(epoll_create1(EPOLL_CLOEXEC));
    if (b->outer_fd < 0)
        return b->outer_fd;
    int rc = add(b, b->event_fd);
    if (rc == 0)
        rc = add(b, b->base.latch->fd);
    return rc == 0 ? io_uring_register_eventfd(&b->ring, b->event_fd) : rc;
}

int weir__uring_outer_open(struct uring_backend *b) {
    if (b->outer_fd >= 0)
        return b->outer_fd;
    int rc = open_both(b);
    if (rc == 0)
        return b->outer_fd;
    weir__uring_outer_close(b);
    return rc;
}

void weir__uring_outer_fetch(struct uring_backend *b) {
    struct epoll_event events[2];
    if (b->outer_fd >= 0)
        (void)epoll_wait(b->outer_fd, events, 2, 0);
}

void weir__uring_outer_close(struct uring_backend *b) {
    if (b->outer_fd >= 0)
        close(b->outer_fd);
    if (b->event_fd >= 0)
        close(b->event_fd);
    b->outer_fd = b->event_fd = -1;
}

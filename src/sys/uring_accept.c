/* SPDX-License-Identifier: MIT */
/* uring_accept.c - a multishot accept per listener. What it brings before it is asked for waits in
 * an inbox, and when that is full the accept is stopped: the rest is the kernel's backlog. The
 * peer's name is asked for when it is wanted, since a multishot has nowhere to put it. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "sys/limits.h"
#include "sys/plain.h"
#include "sys/uring.h"

static void arm(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if (f->live & URING_ACCEPT_LIVE)
        return;
    struct io_uring_sqe *sqe = weir__uring_sqe(b, file, URING_ACCEPT);
    io_uring_prep_multishot_accept(sqe, file->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    f->live |= URING_ACCEPT_LIVE;
    f->inflight++;
}

static void end(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if ((f->live & URING_ACCEPT_LIVE) == 0 || (f->live & URING_ACCEPT_ENDING) != 0)
        return;
    f->live |= URING_ACCEPT_ENDING;
    weir__uring_cancel(b, file, URING_ACCEPT);
}

/* The peer may be gone already: then its name is not known. */
static int64_t hand_over(struct weir__op *op, int fd) {
    struct weir__addr *peer = op->u.accept.ret_peer;
    if (peer != NULL && weir__plain_peer(fd, peer) != 0)
        *peer = (struct weir__addr){0};
    return fd;
}

static int pop(struct uring_accepted *a) {
    int fd = a->fds[a->first++];
    if (--a->count == 0)
        a->first = 0;
    return fd;
}

static int grow(struct uring_accepted **a, uint32_t max) {
    struct uring_accepted *more = weir__realloc(*a, sizeof *more + max * sizeof more->fds[0]);
    if (more == NULL)
        return -ENOMEM;
    if (*a == NULL)
        more->first = more->count = 0;
    more->max = max;
    *a = more;
    return 0;
}

/* How many may come at once is up to the kernel: at most what listen allowed it to keep. */
static int push(struct uring_accepted **at, int fd) {
    struct uring_accepted *a = *at;
    if (a->first + a->count == a->max && a->first > 0) {
        memmove(a->fds, a->fds + a->first, a->count * sizeof a->fds[0]);
        a->first = 0;
    }
    if (a->count == a->max && grow(at, a->max * 2) != 0)
        return -ENOMEM;
    a = *at;
    a->fds[a->first + a->count++] = fd;
    return 0;
}

int weir__uring_accept_submit(struct uring_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct uring_file *f = weir__uring_file(file);
    if (file->reader != NULL)
        return weir__op_now_done(op, -EBUSY);
    if (f->mode != URING_LISTENER && grow(&f->accepted, weir__sys_limits.inbox_accepted) != 0)
        return weir__op_now_done(op, -ENOMEM);
    f->mode = URING_LISTENER;
    if (f->accepted->count > 0)
        return weir__op_now_done(op, hand_over(op, pop(f->accepted)));
    file->reader = op;
    arm(b, file);
    return weir__op_hold(op);
}

static void keep(struct uring_backend *b, struct weir__file *file, int fd) {
    struct uring_file *f = weir__uring_file(file);
    if ((f->live & URING_CLOSING) != 0 || push(&f->accepted, fd) != 0) {
        weir__plain_turn_away(fd);
        return;
    }
    if (f->accepted->count >= weir__sys_limits.inbox_accepted)
        end(b, file);
}

static void tell(struct uring_backend *b, struct weir__file *file, int64_t result) {
    struct weir__op *op = file->reader;
    file->reader = NULL;
    weir__op_complete(&b->done, op, result);
}

void weir__uring_accept_event(struct uring_backend *b, struct weir__file *file,
                              const struct io_uring_cqe *cqe) {
    struct uring_file *f = weir__uring_file(file);
    struct weir__op *op = file->reader;
    bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (!more) {
        f->live &= (uint8_t)~(URING_ACCEPT_LIVE | URING_ACCEPT_ENDING);
        f->inflight--;
    }
    if (cqe->res >= 0 && op != NULL)
        tell(b, file, hand_over(op, cqe->res));
    else if (cqe->res >= 0)
        keep(b, file, cqe->res);
    else if (op != NULL && cqe->res != -ECANCELED && !weir__plain_accept_again(cqe->res))
        tell(b, file, cqe->res);
    if (more)
        return;
    if (file->reader != NULL)
        arm(b, file);
    weir__uring_settled(b, file);
}

void weir__uring_accept_drop(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    end(b, file);
    while (f->accepted->count > 0)
        weir__plain_turn_away(pop(f->accepted));
    weir__free(f->accepted);
    f->accepted = NULL;
}

/* SPDX-License-Identifier: MIT */
/* uring_send.c - sending and connecting. Small sends go with the one system call of the turn. Two
 * kinds are tried at once instead, and only what the socket does not take is left to the ring: a
 * large one, whose copy dwarfs the call and whose bytes are in cache now; and one in a turn with
 * little to do, where the ring would save no call but cost one more (its completion ends the
 * wait of the next io_uring_enter, so that a lone echo takes two). */
#include <errno.h>
#include <limits.h>

#include "sys/limits.h"
#include "sys/plain.h"
#include "sys/uring.h"

enum { DIRECT_MIN = 16 << 10 };

/* op->priv: a cancel was asked for. */
enum { ASKED_TO_END = 1 };

static int hand_to_kernel(struct weir__op *op) {
    op->priv = 0;
    op->file->writer = op;
    weir__uring_file(op->file)->inflight++;
    return weir__op_hold(op);
}

/* By its slot, once the file has sent enough to be worth one. */
static void address(struct uring_backend *b, struct weir__file *file, struct io_uring_sqe *sqe) {
    struct uring_file *f = weir__uring_file(file);
    if (f->slot == 0 && ++f->sends == weir__sys_limits.ring_slot_sends)
        weir__uring_fix(b, file);
    if (f->slot == 0)
        return;
    sqe->fd = (int)f->slot - 1;
    sqe->flags |= IOSQE_FIXED_FILE;
}

/* MSG_WAITALL: the kernel goes on by itself until all is sent. */
static void queue_send(struct uring_backend *b, struct weir__op *op) {
    const unsigned flags = MSG_NOSIGNAL | MSG_WAITALL;
    struct iovec *v = op->kind == WEIR__SENDV ? op->u.vector.vec : NULL;
    struct io_uring_sqe *sqe;
    if (op->kind == WEIR__SENDV && op->u.vector.count > 1) {
        struct msghdr *m = weir__uring_msg(b);
        size_t count = op->u.vector.count;
        *m = (struct msghdr){.msg_iov = v, .msg_iovlen = count < IOV_MAX ? count : IOV_MAX};
        sqe = weir__uring_sqe(b, op, URING_OP);
        io_uring_prep_sendmsg(sqe, op->file->fd, m, flags);
    } else {
        sqe = weir__uring_sqe(b, op, URING_OP);
        if (v != NULL)
            io_uring_prep_send(sqe, op->file->fd, v->iov_base, v->iov_len, (int)flags);
        else
            io_uring_prep_send(sqe, op->file->fd, (uint8_t *)op->u.bytes.base + op->u.bytes.done,
                               op->u.bytes.len - op->u.bytes.done, (int)flags);
    }
    address(b, op->file, sqe);
}

int weir__uring_send_submit(struct uring_backend *b, struct weir__op *op) {
    if (op->file->writer != NULL)
        return weir__op_now_done(op, -EBUSY);
    size_t unsent = weir__plain_unsent(op);
    if (unsent >= DIRECT_MIN || unsent == 0 || b->tries_left > 0) {
        b->tries_left -= b->tries_left > 0;
        int64_t n = weir__plain_send(op);
        if (n != -EAGAIN)
            return weir__op_now_done(op, n);
    }
    queue_send(b, op);
    return hand_to_kernel(op);
}

int weir__uring_connect_submit(struct uring_backend *b, struct weir__op *op) {
    if (op->file->writer != NULL)
        return weir__op_now_done(op, -EBUSY);
    struct io_uring_sqe *sqe = weir__uring_sqe(b, op, URING_OP);
    io_uring_prep_connect(sqe, op->file->fd, &op->u.addr->sa, op->u.addr->len);
    return hand_to_kernel(op);
}

/* A send may come back short: it was told to end, or a signal came between. */
static bool goes_on(struct uring_backend *b, struct weir__op *op, int *res) {
    bool ended = (op->priv & ASKED_TO_END) != 0;
    if (op->kind == WEIR__CONNECT)
        return false;
    if (*res >= 0 && weir__plain_sent(op, (size_t)*res))
        return false;
    if (*res < 0 && *res != -EINTR && *res != -EAGAIN)
        return false;
    if (ended) {
        *res = -ECANCELED;
        return false;
    }
    queue_send(b, op);
    return true;
}

void weir__uring_write_event(struct uring_backend *b, struct weir__op *op, int res) {
    struct weir__file *file = op->file;
    if (goes_on(b, op, &res))
        return;
    int64_t result = res;
    if (res >= 0 && op->kind != WEIR__CONNECT)
        result = (int64_t)(op->kind == WEIR__SEND ? op->u.bytes.done : op->u.vector.done);
    file->writer = NULL;
    weir__uring_file(file)->inflight--;
    weir__op_complete(&b->done, op, result);
    weir__uring_settled(b, file);
}

void weir__uring_write_cancel(struct uring_backend *b, struct weir__op *op) {
    if (op->priv & ASKED_TO_END)
        return;
    op->priv |= ASKED_TO_END;
    weir__uring_cancel(b, op, URING_OP);
}

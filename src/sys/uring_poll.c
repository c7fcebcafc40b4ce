/* SPDX-License-Identifier: MIT */
/* uring_poll.c - the op POLL: readiness of any descriptor. */
#include <errno.h>
#include <poll.h>

#include "sys/uring.h"

int weir__uring_poll_submit(struct uring_backend *b, struct weir__op *op) {
    uint64_t handle;
    if (weir__slots_add(&b->polls, op, &handle) != 0)
        return weir__op_now_done(op, -ENOMEM);
    op->priv = (uint32_t)handle;
    if (op->file != NULL) {
        weir__uring_file(op->file)->inflight++;
        weir__uring_file(op->file)->live |= URING_HAS_POLLS;
    }
    op->cancelled = false;
    op->u.poll.came = 0;
    struct io_uring_sqe *sqe = weir__uring_sqe(b, op, URING_OP);
    io_uring_prep_poll_add(sqe, op->u.poll.fd, (unsigned)op->u.poll.events);
    return weir__op_hold(op);
}

void weir__uring_poll_cancel(struct uring_backend *b, struct weir__op *op) {
    op->cancelled = true;
    weir__uring_cancel(b, op, URING_OP);
}

bool weir__uring_polls_have(const struct uring_backend *b, const struct weir__file *file) {
    for (uint32_t i = 0; i < b->polls.count; i++) {
        const struct weir__op *op = weir__slots_at(&b->polls, i);
        if (op != NULL && op->file == file)
            return true;
    }
    return false;
}

void weir__uring_polls_end(struct uring_backend *b, struct weir__file *file) {
    for (uint32_t i = 0; i < b->polls.count; i++) {
        struct weir__op *op = weir__slots_at(&b->polls, i);
        if (op != NULL && op->file == file)
            weir__uring_poll_cancel(b, op);
    }
}

/* The ring reports a peer that has shut down its side (POLLRDHUP) without being asked, again and
 * again. A multishot poll reports it once, and then each change. */
static void ask_for_changes(struct uring_backend *b, struct weir__op *op) {
    struct io_uring_sqe *sqe = weir__uring_sqe(b, op, URING_OP);
    io_uring_prep_poll_multishot(sqe, op->u.poll.fd, (unsigned)op->u.poll.events);
}

/* The multishot poll has reported an event and stays armed: cancel it. Its last completion is still
 * to come. */
static void poll_changed(struct uring_backend *b, struct weir__op *op, int64_t result) {
    if (result <= 0 || op->u.poll.came != 0)
        return;
    op->u.poll.came = (short)result;
    weir__uring_cancel(b, op, URING_OP);
}

/* -EINVAL: this kind of file has no such event (epoll_ctl says EPERM). */
static int64_t poll_result(const struct weir__op *op, int res) {
    if (res < 0)
        return res == -EINVAL ? -EPERM : res;
    return res & (op->u.poll.events | POLLERR | POLLHUP);
}

void weir__uring_poll_event(struct uring_backend *b, struct weir__op *op,
                            const struct io_uring_cqe *cqe) {
    struct weir__file *file = op->file;
    int64_t result = poll_result(op, cqe->res);
    if (cqe->flags & IORING_CQE_F_MORE) {
        poll_changed(b, op, result);
        return;
    }
    if (op->u.poll.came != 0)
        result = op->u.poll.came;
    if (result == 0 && !op->cancelled) {
        ask_for_changes(b, op);
        return;
    }
    weir__slots_remove(&b->polls, op->priv, op);
    weir__op_complete(&b->done, op, result != 0 ? result : -ECANCELED);
    if (file == NULL)
        return;
    weir__uring_file(file)->inflight--;
    weir__uring_settled(b, file);
}

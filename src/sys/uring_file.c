/* SPDX-License-Identifier: MIT */
/* uring_file.c - the life of a file, and readiness of any descriptor. A file is closed once the
 * kernel has ended everything that names it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "sys/plain.h"
#include "sys/uring.h"

static void adopt(struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    memset(file->priv, 0, sizeof file->priv);
    file->reader = file->writer = NULL;
    file->state = WEIR__FILE_KEPT;
    f->mode = URING_STREAM;
    weir__direct_attach(&f->direct, file, false); /* known when bulk begins */
}

/* io_uring waits on a non-blocking socket as on any other, and direct calls need it to be one. */
int64_t weir__uring_socket(struct weir__op *op) {
    int64_t fd = weir__plain_socket(op->u.socket.family, op->u.socket.type, SOCK_NONBLOCK);
    if (fd < 0)
        return fd;
    adopt(op->file);
    op->file->fd = (int)fd;
    op->file->foreign = false;
    return 0;
}

int64_t weir__uring_attach(struct weir__op *op) {
    adopt(op->file);
    return 0;
}

/* ---- close ---------------------------------------------------------------------------------- */

static void close_now(struct uring_backend *b, struct weir__file *file) {
    weir__uring_unfix(b, file);
    if (!file->foreign)
        close(file->fd);
    file->fd = -1;
    file->state = WEIR__FILE_NONE;
}

void weir__uring_settled(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if ((f->live & URING_CLOSING) == 0 || f->inflight > 0)
        return;
    close_now(b, file);
    weir__op_complete(&b->done, f->closer, 0);
}

static void end_polls(struct uring_backend *b, struct weir__file *file) {
    for (uint32_t i = 0; i < b->polls.count; i++) {
        struct weir__op *op = weir__slots_at(&b->polls, i);
        if (op != NULL && op->file == file)
            weir__uring_poll_cancel(b, op);
    }
}

int weir__uring_close_file(struct uring_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct uring_file *f = weir__uring_file(file);
    if (file->state == WEIR__FILE_NONE)
        return weir__op_now_done(op, weir__plain_close_unkept(file));
    WEIR_CHECK((f->live & URING_CLOSING) == 0);
    f->live |= URING_CLOSING;
    if (file->reader != NULL)
        weir__op_complete(&b->done, file->reader, -ECANCELED);
    file->reader = NULL;
    weir__uring_recv_drop(b, file);
    f->closer = op;
    struct weir__op *writer = file->writer;
    if (writer != NULL && weir__uring_write_cancel(b, writer) == WEIR__DONE) {
        weir__op_hold(writer);
        weir__op_complete(&b->done, writer, -ECANCELED);
    }
    if (f->live & URING_HAS_POLLS)
        end_polls(b, file);
    if (f->inflight > 0 || !weir__fifo_empty(&b->done)) { /* behind those that it ended */
        weir__op_hold(op);
        weir__uring_settled(b, file);
        return WEIR__PENDING;
    }
    close_now(b, file);
    return weir__op_now_done(op, 0);
}

/* ---- readiness ------------------------------------------------------------------------------ */

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

/* The ring tells of a peer that sends no more (POLLRDHUP) unasked, again and again. A request that
 * stays armed tells it once, and then of each change. */
static void ask_for_changes(struct uring_backend *b, struct weir__op *op) {
    struct io_uring_sqe *sqe = weir__uring_sqe(b, op, URING_OP);
    io_uring_prep_poll_multishot(sqe, op->u.poll.fd, (unsigned)op->u.poll.events);
}

/* It stays armed, so its end is still to come. */
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

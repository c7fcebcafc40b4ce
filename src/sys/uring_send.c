/* SPDX-License-Identifier: MIT */
/* uring_send.c - sending and connecting. Small sends are queued for the one system call of the
 * turn. Two kinds of sends are made by a call of their own at once: a large one, since its copy
 * costs much more than the call and its bytes are in the cache now; and a small one in a turn with
 * little to do, where the ring would need one call more (the completion ends the wait of the next
 * io_uring_enter, so a lone echo would take two). If the socket does not take all bytes, the ring
 * sends the rest of a small send; for a large one it only reports when there is room again. */
#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "sys/limits.h"
#include "sys/plain.h"
#include "sys/uring.h"

/* op->priv. ASKED: the op's request polls for room and sends nothing. CAME: it has reported room
 * and was cancelled. */
enum { ROOM_ASKED = 4, ROOM_CAME = 8 };

static int hand_to_kernel(struct weir__op *op) {
    op->file->writer = op;
    weir__uring_file(op->file)->inflight++;
    return weir__op_hold(op);
}

/* The file's slot in the ring's table; 0: none. A file that has sent often enough is given one. */
static uint32_t slot_of(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if (f->slot == 0 && ++f->sends == weir__sys_limits.ring_slot_sends)
        weir__uring_fix(b, file);
    return f->slot;
}

/* How many pieces of the vector fit into one request; 0: not even the first. */
static size_t pieces_of(const struct weir__op *op) {
    size_t n = 0, count = op->u.vector.count, left = weir__sys_limits.ring_send_max;
    if (count > IOV_MAX)
        count = IOV_MAX;
    for (; n < count && op->u.vector.vec[n].iov_len <= left; n++)
        left -= op->u.vector.vec[n].iov_len;
    return n;
}

/* The next bytes to send that are contiguous: of a SEND, or the first piece of a vector. */
static struct iovec piece_of(const struct weir__op *op) {
    struct iovec v;
    if (op->kind == WEIR__SENDV)
        v = op->u.vector.vec[0];
    else
        v = (struct iovec){(uint8_t *)op->u.bytes.base + op->u.bytes.done,
                           op->u.bytes.len - op->u.bytes.done};
    if (v.iov_len > weir__sys_limits.ring_send_max)
        v.iov_len = weir__sys_limits.ring_send_max;
    return v;
}

/* Not with MSG_WAITALL, by which the kernel goes on by itself until all bytes are sent: if a reset
 * meets it then, it reports the bytes that it has sent, and the reset is lost. MSG_DONTWAIT: the
 * kernel ends the request when the socket is full. */
static void queue_send(struct uring_backend *b, struct weir__op *op) {
    bool waits = op->kind != WEIR__SEND_SOON;
    const unsigned flags = MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT);
    size_t pieces = op->kind == WEIR__SENDV ? pieces_of(op) : 1;
    uint32_t slot = slot_of(b, op->file);
    struct io_uring_sqe *sqe = weir__uring_sqe(b, op, URING_OP);
    if (pieces > 1) {
        struct msghdr *m = weir__uring_msg(b, sqe);
        *m = (struct msghdr){.msg_iov = op->u.vector.vec, .msg_iovlen = pieces};
        io_uring_prep_sendmsg(sqe, op->file->fd, m, flags);
    } else {
        struct iovec v = piece_of(op);
        io_uring_prep_send(sqe, op->file->fd, v.iov_base, v.iov_len, (int)flags);
    }
    if (slot != 0) {
        sqe->fd = (int)slot - 1;
        sqe->flags |= IOSQE_FIXED_FILE;
    }
}

/* A large send waits until there is room, and then goes on as a ready writer: a turn limits how
 * many bytes it sends, and the kernel would not. */
static void queue_rest(struct uring_backend *b, struct weir__op *op) {
    const uint32_t small = weir__sys_limits.small_send;
    if (weir__plain_unsent(op, small) < small) {
        queue_send(b, op);
        return;
    }
    struct io_uring_sqe *sqe = weir__uring_sqe(b, op, URING_OP);
    io_uring_prep_poll_add(sqe, op->file->fd, POLLOUT);
    op->priv |= ROOM_ASKED;
}

/* A completion of the poll for room. Returns whether the poll is finished. The ring also reports,
 * without being asked, a peer that has shut down its side (POLLRDHUP), at once and again and again.
 * Then a multishot poll takes its place, which stays armed and reports each change once. */
static bool room_asked(struct uring_backend *b, struct weir__op *op,
                       const struct io_uring_cqe *cqe) {
    bool room = cqe->res < 0 || (cqe->res & (POLLOUT | POLLERR | POLLHUP)) != 0;
    if (cqe->flags & IORING_CQE_F_MORE) {
        if (room && (op->priv & ROOM_CAME) == 0)
            weir__uring_cancel(b, op, URING_OP);
        op->priv |= room ? ROOM_CAME : 0;
        return false;
    }
    if (room || (op->priv & (ROOM_CAME | WEIR__WRITER_ENDING)) != 0)
        return true;
    struct io_uring_sqe *sqe = weir__uring_sqe(b, op, URING_OP);
    io_uring_prep_poll_multishot(sqe, op->file->fd, POLLOUT);
    return false;
}

void weir__uring_writer_full(struct uring_backend *b, struct weir__op *op) {
    queue_rest(b, op);
    weir__uring_file(op->file)->inflight++;
}

static int make_ready(struct uring_backend *b, struct weir__op *op) {
    op->file->writer = op;
    weir__op_hold(op);
    weir__writers_add(&b->writers, op);
    return WEIR__PENDING;
}

int weir__uring_send_submit(struct uring_backend *b, struct weir__op *op) {
    if (op->file->writer != NULL)
        return weir__op_now_done(op, -EBUSY);
    op->priv = 0;
    size_t unsent = weir__plain_unsent(op, weir__sys_limits.small_send);
    bool direct = unsent == weir__sys_limits.small_send || unsent == 0 || b->tries_left > 0;
    if (!direct && !weir__writers_charge(&b->writers, unsent))
        return make_ready(b, op);
    if (direct) {
        b->tries_left -= b->tries_left > 0;
        int64_t n = weir__writers_send(&b->writers, op);
        if (n == -EINPROGRESS)
            return make_ready(b, op);
        if (n != -EAGAIN)
            return weir__op_now_done(op, n);
    }
    queue_rest(b, op);
    return hand_to_kernel(op);
}

int weir__uring_soon_submit(struct uring_backend *b, struct weir__op *op) {
    size_t len = op->u.bytes.len;
    if (op->file->writer != NULL)
        return weir__op_now_done(op, -EBUSY);
    bool direct = len == 0 || len >= weir__sys_limits.small_send || b->tries_left > 0;
    op->priv = 0;
    op->u.bytes.done = 0;
    if (direct || !weir__writers_charge(&b->writers, len)) {
        b->tries_left -= b->tries_left > 0;
        return weir__op_now_done(op, weir__plain_send_once(op));
    }
    queue_send(b, op);
    return hand_to_kernel(op);
}

int weir__uring_connect_submit(struct uring_backend *b, struct weir__op *op) {
    if (op->file->writer != NULL)
        return weir__op_now_done(op, -EBUSY);
    op->priv = 0;
    struct io_uring_sqe *sqe = weir__uring_sqe(b, op, URING_OP);
    io_uring_prep_connect(sqe, op->file->fd, &op->u.addr->sa, op->u.addr->len);
    return hand_to_kernel(op);
}

/* Must the send go on? It may have sent only a part: the socket had no room for more, one request
 * could not carry all bytes, it was cancelled, or a signal interrupted it. */
static bool goes_on(struct weir__op *op, int *res) {
    bool ended = (op->priv & WEIR__WRITER_ENDING) != 0, asked = (op->priv & ROOM_ASKED) != 0;
    op->priv &= ~(uint32_t)(ROOM_ASKED | ROOM_CAME);
    if (op->kind == WEIR__CONNECT || op->kind == WEIR__SEND_SOON)
        return false;
    if (asked) /* whatever the poll reported, the next send finds out */
        *res = -EAGAIN;
    if (*res >= 0 && weir__plain_sent(op, (size_t)*res))
        return false;
    if (*res < 0 && *res != -EINTR && *res != -EAGAIN)
        return false;
    if (ended)
        *res = -ECANCELED;
    return !ended;
}

void weir__uring_write_event(struct uring_backend *b, struct weir__op *op,
                             const struct io_uring_cqe *cqe) {
    struct weir__file *file = op->file;
    int res = cqe->res;
    if ((op->priv & ROOM_ASKED) != 0 && !room_asked(b, op, cqe))
        return;
    weir__uring_file(file)->inflight--;
    if (goes_on(op, &res)) {
        weir__writers_add(&b->writers, op);
        return;
    }
    int64_t result = res;
    if (res >= 0 && (op->kind == WEIR__SEND || op->kind == WEIR__SENDV))
        result = (int64_t)weir__plain_done(op);
    file->writer = NULL;
    weir__op_complete(&b->done, op, result);
    weir__uring_settled(b, file);
}

int weir__uring_write_cancel(struct uring_backend *b, struct weir__op *op) {
    if (op->priv & WEIR__WRITER_READY) {
        weir__writers_remove(&b->writers, op);
        op->file->writer = NULL;
        return weir__op_now_done(op, -ECANCELED);
    }
    if ((op->priv & WEIR__WRITER_ENDING) == 0)
        weir__uring_cancel(b, op, URING_OP);
    op->priv |= WEIR__WRITER_ENDING;
    return WEIR__PENDING;
}

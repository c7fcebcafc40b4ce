/* SPDX-License-Identifier: MIT */
/* uring_recv.c - receiving, and leaving with what was received. The pieces of a multishot receive
 * go to the reader, or wait in the file's inbox; when the inbox grows, the receive is cancelled.
 * The kernel never holds a reader's memory, so every cancel of a reader is done at once. For the
 * modes see enum uring_mode. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/alloc.h"
#include "sys/limits.h"
#include "sys/plain.h"
#include "sys/uring.h"

/* From this size on a read is made by recv into the caller's memory: it is worth a system call. */
enum { INTO_BULK_MIN = 64 << 10 };
/* After so many short reads in a row the file leaves the mode BULK. */
enum { SHORT_READS = 8 };

static void put(struct uring_backend *b, struct weir__lent *lent) {
    b->base.ops->release(&b->base, lent);
}

/* ---- the inbox ------------------------------------------------------------------------------ */

/* Copy a piece to the heap, since its buffer is needed now. Without memory it stays in the buffer:
 * the ring has one buffer less, and without any the receives wait. */
static struct uring_piece *copy(struct uring_backend *b, struct uring_piece *p) {
    struct weir__lent lent;
    if (weir__bufs_heap(&b->direct.bufs, (uint32_t)sizeof *p + p->lent.len, &lent) != 0)
        return p;
    struct uring_piece *own = (struct uring_piece *)(void *)lent.base;
    own->next = NULL;
    own->lent = (struct weir__lent){.base = lent.base + sizeof *own,
                                    .len = p->lent.len,
                                    .token = lent.token};
    memcpy(own->lent.base, p->lent.base, p->lent.len);
    put(b, &p->lent);
    return own;
}

static void inbox_push(struct uring_file *f, struct uring_piece *p) {
    if (f->inbox == NULL)
        f->inbox_end = &f->inbox;
    *f->inbox_end = p;
    f->inbox_end = &p->next;
    f->inbox_count = (uint8_t)(f->inbox_count + (f->inbox_count < UINT8_MAX));
}

static struct weir__lent inbox_pop(struct uring_file *f) {
    struct weir__lent lent = f->inbox->lent; /* the piece may lie in the lent memory itself */
    f->inbox = f->inbox->next;
    f->inbox_count = f->inbox == NULL ? 0 : (uint8_t)(f->inbox_count - 1);
    return lent;
}

static int64_t take_into(struct uring_backend *b, struct uring_file *f, struct weir__op *op) {
    struct weir__lent *lent = &f->inbox->lent;
    size_t n = op->u.bytes.len < lent->len ? op->u.bytes.len : lent->len;
    memcpy(op->u.bytes.base, lent->base, n);
    lent->base += n;
    lent->len -= (uint32_t)n;
    if (lent->len == 0) {
        struct weir__lent empty = inbox_pop(f);
        put(b, &empty);
    }
    return (int64_t)n;
}

/* Give a reader bytes from the inbox, or the end of stream or error behind it; else -EAGAIN. */
static int64_t take(struct uring_backend *b, struct uring_file *f, struct weir__op *op) {
    if (f->inbox == NULL)
        return f->end == 0 ? -EAGAIN : f->end == 1 ? 0 : f->end;
    if (op->kind != WEIR__RECV)
        return take_into(b, f, op);
    op->u.lent = inbox_pop(f);
    return op->u.lent.len;
}

/* ---- asking the kernel ---------------------------------------------------------------------- */

static void end_recv(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if ((f->live & URING_RECV_LIVE) == 0 || (f->live & URING_RECV_ENDING) != 0)
        return;
    f->live |= URING_RECV_ENDING;
    weir__uring_cancel(b, file, URING_RECV);
}

/* Multishot receives fail at once while the ring is empty, even if no bytes are there
 * (liburing#1275). Not POLL_FIRST, which would spare a try: on 6.18 a receive that begins by
 * polling takes the bytes that are there and misses an end of stream or an error that came
 * before. */
static void arm_recv(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if (b->bufs.with_kernel == 0 || b->bufs.ran_out) {
        weir__list_remove(&f->direct.link);
        weir__list_add_tail(&b->starved, &f->direct.link);
        return;
    }
    struct io_uring_sqe *sqe = weir__uring_sqe(b, file, URING_RECV);
    io_uring_prep_recv_multishot(sqe, file->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = URING_GROUP;
    f->live |= URING_RECV_LIVE;
    f->inflight++;
}

/* A multishot poll is edge-triggered, as direct.h needs it. */
static void arm_poll(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    struct io_uring_sqe *sqe = weir__uring_sqe(b, file, URING_POLL);
    io_uring_prep_poll_multishot(sqe, file->fd, POLLIN | POLLRDHUP | POLLPRI);
    f->live |= URING_POLL_LIVE;
    f->inflight++;
}

static void end_poll(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if ((f->live & URING_POLL_LIVE) == 0 || (f->live & URING_POLL_ENDING) != 0)
        return;
    f->live |= URING_POLL_ENDING;
    weir__uring_cancel(b, file, URING_POLL);
}

static void enter_bulk(struct uring_file *f) {
    f->direct.steady = f->direct.file->exact || weir__direct_is_tcp(f->direct.file->fd);
    f->mode = URING_BULK;
    f->wants_bulk = false;
    f->direct.in = false;
    f->direct.short_reads = 0;
}

static void choose_mode(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if (f->mode == URING_STREAM && (f->wants_bulk || file->exact))
        f->mode = URING_LEAVING;
    if (f->mode == URING_LEAVING && (f->live & URING_RECV_LIVE) == 0)
        enter_bulk(f);
    if (f->mode == URING_BULK && f->direct.short_reads >= SHORT_READS && !file->exact) {
        f->mode = URING_STREAM;
        weir__list_remove(&f->direct.link);
        end_poll(b, file);
    }
}

/* A reader waits and the inbox is empty: make sure that the kernel will report bytes. A request
 * that was cancelled will have a last completion, and then this is called again. */
static void await_bytes(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    choose_mode(b, file);
    switch ((enum uring_mode)f->mode) {
    case URING_STREAM:
        if ((f->live & URING_RECV_LIVE) == 0)
            arm_recv(b, file);
        break;
    case URING_LEAVING:
        end_recv(b, file);
        break;
    case URING_LISTENER:
    case URING_BULK:
        if (f->direct.in)
            weir__direct_want(&b->direct, &f->direct);
        if ((f->live & URING_POLL_LIVE) == 0) /* also then: the socket may be empty after all */
            arm_poll(b, file);
        break;
    }
}

/* ---- the op --------------------------------------------------------------------------------- */

int weir__uring_recv_submit(struct uring_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct uring_file *f = weir__uring_file(file);
    if (file->reader != NULL)
        return weir__op_now_done(op, -EBUSY);
    if (f->mode == URING_LISTENER)
        return weir__op_now_done(op, -ENOTCONN);
    int64_t n = take(b, f, op);
    if (n != -EAGAIN)
        return weir__op_now_done(op, n);
    if (op->kind == WEIR__RECV_INTO && op->u.bytes.len >= INTO_BULK_MIN && f->mode == URING_STREAM)
        f->wants_bulk = true;
    file->reader = op;
    await_bytes(b, file);
    return weir__op_hold(op);
}

/* A file of another kind may have bytes in its inbox, without what came beside them. */
int weir__uring_message_submit(struct uring_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct uring_file *f = weir__uring_file(file);
    WEIR_CHECK(file->exact);
    if (file->reader != NULL)
        return weir__op_now_done(op, -EBUSY);
    int64_t n = weir__direct_message(&f->direct, op);
    if (n != -EAGAIN)
        return weir__op_now_done(op, n);
    file->reader = op;
    await_bytes(b, file);
    return weir__op_hold(op);
}

int weir__uring_accept_submit(struct uring_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct uring_file *f = weir__uring_file(file);
    if (file->reader != NULL)
        return weir__op_now_done(op, -EBUSY);
    f->mode = URING_LISTENER;
    int64_t n = weir__direct_accept(&b->direct, &f->direct, op);
    if (n != -EAGAIN)
        return weir__op_now_done(op, n);
    file->reader = op;
    await_bytes(b, file);
    return weir__op_hold(op);
}

/* One try to read. While a multishot receive is live, only its pieces may be read: a system call
 * could take bytes that come later. */
int64_t weir__uring_read_fd(struct uring_backend *b, struct weir__op *op) {
    struct uring_file *f = weir__uring_file(op->file);
    if (op->file->foreign || f->mode == URING_LISTENER)
        return weir__plain(op);
    int64_t n = take(b, f, op);
    return n == -EAGAIN && (f->live & URING_RECV_LIVE) == 0 ? weir__plain(op) : n;
}

/* ---- detach --------------------------------------------------------------------------------- */

/* Copy the inbox, len bytes in all, into one block behind the caller's room. */
static int gather(struct uring_backend *b, struct uring_file *f, struct weir__op *op, size_t len) {
    op->u.detach.block = len > 0 ? weir__alloc(op->u.detach.room + len) : NULL;
    if (len > 0 && op->u.detach.block == NULL)
        return -ENOMEM;
    op->u.detach.len = (uint32_t)len;
    uint8_t *at = len > 0 ? op->u.detach.block + op->u.detach.room : NULL;
    while (f->inbox != NULL) {
        struct weir__lent lent = inbox_pop(f);
        memcpy(at, lent.base, lent.len);
        at += lent.len;
        put(b, &lent);
    }
    return 0;
}

/* The kernel holds no receive of the file any more: the file leaves. Returns the op's result. */
static int64_t leave(struct uring_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct uring_file *f = weir__uring_file(file);
    size_t len = 0;
    if (file->writer != NULL
        || ((f->live & URING_HAS_POLLS) != 0 && weir__uring_polls_have(b, file)))
        return -EBUSY;
    if (f->end < 0 && op->u.detach.whole)
        return f->end;
    for (const struct uring_piece *p = f->inbox; p != NULL; p = p->next)
        len += p->lent.len;
    if (len > op->u.detach.max)
        return WEIR_ETOOBIG;
    int rc = gather(b, f, op, len);
    if (rc != 0)
        return rc;
    WEIR_CHECK(f->inflight == 0);
    weir__uring_unfix(b, file);
    op->u.detach.end = f->end == 0 ? 1 : f->end == 1 ? 0 : f->end;
    int fd = file->fd;
    file->fd = -1;
    file->state = WEIR__FILE_NONE;
    return fd;
}

static bool is_received(const struct uring_file *f) {
    return (f->live & (URING_RECV_LIVE | URING_POLL_LIVE)) != 0;
}

/* As the file's reader the op keeps others away. A cancel is done at once: what the kernel still
 * brings stays in the inbox, and the next reader asks for more. */
int weir__uring_detach_submit(struct uring_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct uring_file *f = weir__uring_file(file);
    WEIR_CHECK(file->state == WEIR__FILE_KEPT && (f->live & URING_CLOSING) == 0);
    if (file->reader != NULL)
        return weir__op_now_done(op, -EBUSY);
    if (file->writer == NULL) {
        weir__list_remove(&f->direct.link);
        end_recv(b, file);
        end_poll(b, file);
    }
    if (file->writer != NULL || !is_received(f))
        return weir__op_now_done(op, leave(b, op));
    file->reader = op;
    return weir__op_hold(op);
}

static void detach_goes_on(struct uring_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    if (is_received(weir__uring_file(file)))
        return;
    file->reader = NULL;
    weir__op_complete(&b->done, op, leave(b, op));
}

/* ---- completions ---------------------------------------------------------------------------- */

static void serve_reader(struct uring_backend *b, struct weir__file *file) {
    struct weir__op *op = file->reader;
    if (op == NULL)
        return;
    if (op->kind == WEIR__DETACH) {
        detach_goes_on(b, op);
        return;
    }
    int64_t n = take(b, weir__uring_file(file), op);
    if (n == -EAGAIN) {
        await_bytes(b, file);
        return;
    }
    file->reader = NULL;
    weir__op_complete(&b->done, op, n);
}

static void received(struct uring_backend *b, struct weir__file *file, uint32_t id, uint32_t len) {
    struct uring_file *f = weir__uring_file(file);
    struct uring_piece *p = weir__uring_bufs_filled(&b->bufs, id, len);
    if (f->live & URING_CLOSING) {
        weir__plain_reset(file->fd);
        put(b, &p->lent);
        return;
    }
    f->wants_bulk |= len == b->bufs.size && f->mode == URING_STREAM;
    bool crowded = f->inbox_count >= weir__sys_limits.inbox_pinned;
    if (crowded || weir__uring_bufs_scarce(&b->bufs))
        p = copy(b, p);
    if (crowded)
        end_recv(b, file);
    inbox_push(f, p);
}

static void recv_ended(struct uring_backend *b, struct uring_file *f, int res) {
    f->live &= (uint8_t)~(URING_RECV_LIVE | URING_RECV_ENDING);
    f->inflight--;
    if (res == -ENOBUFS)
        weir__uring_bufs_starved(&b->bufs);
    else if (res == 0)
        f->end = 1;
    else if (res < 0 && res != -ECANCELED && res != -EINTR && res != -EAGAIN)
        f->end = WEIR_SMALL_CODE(res);
}

void weir__uring_recv_event(struct uring_backend *b, struct weir__file *file,
                            const struct io_uring_cqe *cqe) {
    struct uring_file *f = weir__uring_file(file);
    if (cqe->res > 0)
        received(b, file, cqe->flags >> IORING_CQE_BUFFER_SHIFT, (uint32_t)cqe->res);
    bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (!more)
        recv_ended(b, f, cqe->res);
    serve_reader(b, file);
    if (!more)
        weir__uring_settled(b, file);
}

void weir__uring_ready_event(struct uring_backend *b, struct weir__file *file,
                             const struct io_uring_cqe *cqe) {
    struct uring_file *f = weir__uring_file(file);
    if (cqe->res > 0) {
        f->direct.in = true;
        f->direct.steady &= (cqe->res & (POLLRDHUP | POLLHUP | POLLERR | POLLPRI)) == 0;
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        f->live &= (uint8_t)~(URING_POLL_LIVE | URING_POLL_ENDING);
        f->inflight--;
        f->direct.in |= cqe->res < 0 && cqe->res != -ECANCELED; /* recv will return the error */
    }
    if (file->reader != NULL && file->reader->kind == WEIR__DETACH)
        detach_goes_on(b, file->reader);
    else if (file->reader != NULL && (f->mode == URING_BULK || f->mode == URING_LISTENER))
        await_bytes(b, file);
    if ((cqe->flags & IORING_CQE_F_MORE) == 0)
        weir__uring_settled(b, file);
}

void weir__uring_recv_rearm(struct uring_backend *b) {
    uint32_t n = 2 * b->bufs.with_kernel; /* not every file has bytes waiting */
    while (n-- > 0 && !weir__list_empty(&b->starved)) {
        struct weir__direct_file *d =
            WEIR_CONTAINER(b->starved.next, struct weir__direct_file, link);
        weir__list_remove(&d->link);
        await_bytes(b, d->file);
    }
}

void weir__uring_recv_drop(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    weir__list_remove(&f->direct.link);
    end_recv(b, file);
    end_poll(b, file);
    if (f->inbox != NULL) /* the kernel resets a connection with unread bytes: do the same */
        weir__plain_reset(file->fd);
    while (f->inbox != NULL) {
        struct weir__lent lent = inbox_pop(f);
        put(b, &lent);
    }
}

/* SPDX-License-Identifier: MIT */
/* uring.c - the backend by completion: the turn, and which file handles each op and completion. One
 * io_uring_enter in a turn submits everything and waits. The files of this backend call only those
 * after them in this order: setup (probe), this one, close, recv, send, poll and verb, file, fixed
 * (the ring's table of files), bufs (receive buffers), ring (submission). */
#include "sys/uring.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sys/limits.h"
#include "sys/plain.h"
#include "sys/reused.h"

static struct uring_backend *self(struct weir__backend *b) {
    return (struct uring_backend *)(void *)b;
}

/* ---- ops ------------------------------------------------------------------------------------ */

static int uring_submit(struct weir__backend *base, struct weir__op *op) {
    struct uring_backend *b = self(base);
    WEIR_CHECK(op->state != WEIR__OP_HELD);
    switch (op->kind) {
    case WEIR__SEND:
    case WEIR__SENDV:
        return weir__uring_send_submit(b, op);
    case WEIR__SEND_SOON:
        return weir__uring_soon_submit(b, op);
    case WEIR__RECV:
    case WEIR__RECV_INTO:
        return weir__uring_recv_submit(b, op);
    case WEIR__RECVMSG:
        return weir__uring_message_submit(b, op);
    case WEIR__ACCEPT:
        return weir__uring_accept_submit(b, op);
    case WEIR__CONNECT:
        return weir__uring_connect_submit(b, op);
    case WEIR__SOCKET:
        return weir__op_now_done(op, weir__uring_socket(op));
    case WEIR__ATTACH:
        return weir__op_now_done(op, weir__uring_attach(op));
    case WEIR__POLL:
        return weir__uring_poll_submit(b, op);
    case WEIR__READ_FD:
        return weir__op_now_done(op, weir__uring_read_fd(b, op));
    case WEIR__CLOSE:
        return weir__uring_close_file(b, op);
    case WEIR__DETACH:
        return weir__uring_detach_submit(b, op);
    case WEIR__FILE_OP:
        return weir__uring_verb_submit(b, op);
    default:
        if (weir__helpers_kind(op->kind))
            return weir__helpers_submit(&b->helpers, op);
        return weir__op_now_done(op, weir__plain(op));
    }
}

/* The kernel never writes into a reader's memory by itself, so a cancel is done at once. Bytes that
 * arrive later stay in the inbox. */
static int cancel_reader(struct weir__op *op) {
    weir__list_remove(&weir__uring_file(op->file)->direct.link);
    op->file->reader = NULL;
    return weir__op_now_done(op, -ECANCELED);
}

static int uring_cancel(struct weir__backend *base, struct weir__op *op) {
    struct uring_backend *b = self(base);
    if (op->state != WEIR__OP_HELD)
        return WEIR__PENDING; /* it has completed: its wake will be called */
    if (op->kind == WEIR__FILE_OP)
        return weir__uring_verb_cancel(b, op);
    if (weir__helpers_kind(op->kind))
        return weir__helpers_cancel(&b->helpers, op);
    if (op->kind == WEIR__CLOSE)
        return WEIR__PENDING;
    if (op->kind == WEIR__POLL)
        weir__uring_poll_cancel(b, op);
    else if (op->file->reader == op)
        return cancel_reader(op);
    else
        return weir__uring_write_cancel(b, op);
    return WEIR__PENDING;
}

/* ---- completions ---------------------------------------------------------------------------- */

void weir__uring_latch_arm(struct uring_backend *b) {
    struct io_uring_sqe *sqe = weir__uring_sqe(b, NULL, URING_LATCH);
    io_uring_prep_poll_multishot(sqe, b->base.latch->fd, POLLIN);
    b->latch_armed = true;
}

static void on_op(struct uring_backend *b, struct weir__op *op, const struct io_uring_cqe *cqe) {
    if (op->kind == WEIR__POLL)
        weir__uring_poll_event(b, op, cqe);
    else if (op->kind == WEIR__FILE_OP)
        weir__uring_verb_event(b, op, cqe);
    else
        weir__uring_write_event(b, op, cqe);
}

static void on_completion(struct uring_backend *b, const struct io_uring_cqe *cqe) {
    void *who = (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)URING_TAGS);
    switch ((enum uring_tag)(cqe->user_data & URING_TAGS)) {
    case URING_OP:
        on_op(b, who, cqe);
        break;
    case URING_RECV:
        weir__uring_recv_event(b, who, cqe);
        break;
    case URING_POLL:
        weir__uring_ready_event(b, who, cqe);
        break;
    case URING_LATCH:
        b->latch_armed = (cqe->flags & IORING_CQE_F_MORE) != 0;
        break;
    case URING_IGNORE:
    default:
        break;
    }
}

/* Handle all completions that are there. The head of the queue is moved once, after the last:
 * requests that are submitted meanwhile complete behind it. */
static void reap(struct uring_backend *b) {
    struct io_uring_cq *cq = &b->ring.cq;
    unsigned head = *cq->khead, tail = io_uring_smp_load_acquire(cq->ktail);
    b->tries_left = tail - head <= weir__sys_limits.ring_tries ? weir__sys_limits.ring_tries : 0;
    for (; head != tail; head++)
        on_completion(b, &cq->cqes[head & cq->ring_mask]);
    io_uring_smp_store_release(cq->khead, head);
}

/* ---- the turn ------------------------------------------------------------------------------- */

static bool has_work(const struct uring_backend *b) {
    return !weir__fifo_empty(&b->done) || !weir__list_empty(&b->direct.ready)
           || weir__writers_waiting(&b->writers)
           || (!weir__list_empty(&b->starved) && b->bufs.with_kernel > 0)
           || (__atomic_load_n(b->ring.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW);
}

/* How long the kernel may wait: a duration, WEIR_NEVER, or 0 if there is work. */
static weir_ns may_wait(const struct uring_backend *b, weir_ns until_ns) {
    if (has_work(b) || until_ns <= 0)
        return 0;
    if (until_ns == WEIR_NEVER)
        return WEIR_NEVER;
    weir_ns left = until_ns - weir__plain_now();
    return left > 0 ? left : 0;
}

static void ask_kernel(struct uring_backend *b, weir_ns until_ns) {
    weir_ns wait = may_wait(b, until_ns);
    WEIR_CHECK(wait == 0 || !weir__writers_waiting(&b->writers));
    b->turns_unpolled = 0;
    weir__uring_outer_fetch(b);
    if (wait != 0 && !weir__latch_sleep(b->base.latch))
        wait = 0;
    if (wait != 0 || !weir__uring_quiet(b)) {
        weir__uring_enter(b, wait);
        reap(b);
    }
    weir__latch_awake(b->base.latch);
}

/* While files with bulk traffic wait for buffers or to send, and no entry is queued, a turn need
 * not ask the kernel. After so many turns it asks all the same. */
enum { TURNS_UNPOLLED_MAX = 4 };

static struct weir__op *uring_turn(struct weir__backend *base, weir_ns until_ns) {
    struct uring_backend *b = self(base);
    weir__direct_begin(&b->direct);
    weir__writers_begin(&b->writers);
    weir__uring_bufs_refill(&b->bufs);
    if (!weir__list_empty(&b->starved))
        weir__uring_recv_rearm(b);
    if (!b->latch_armed)
        weir__uring_latch_arm(b);
    bool busy = !weir__list_empty(&b->direct.ready) || weir__writers_waiting(&b->writers);
    if (!busy || !weir__uring_idle(b) || ++b->turns_unpolled >= TURNS_UNPOLLED_MAX)
        ask_kernel(b, until_ns);
    weir__latch_clear(b->base.latch);
    weir__helpers_collect(&b->helpers, &b->done);
    weir__direct_turn(&b->direct, &b->done);
    for (struct weir__op *op = weir__writers_turn(&b->writers, &b->done), *next; op; op = next) {
        next = op->next;
        weir__uring_writer_full(b, op);
    }
    return weir__fifo_take(&b->done);
}

/* ---- the rest of the contract --------------------------------------------------------------- */

static void uring_release(struct weir__backend *base, struct weir__lent *lent) {
    struct uring_backend *b = self(base);
    if (lent->token >= WEIR__TOKEN_RING && lent->token < WEIR__TOKEN_HEAP)
        weir__uring_bufs_put(&b->bufs, lent);
    else
        weir__bufs_put(&b->direct.bufs, lent);
}

static void uring_wake(struct weir__backend *base) {
    weir__latch_ring(base->latch);
}

static weir_ns uring_now(struct weir__backend *base) {
    (void)base;
    return weir__plain_now();
}

static void uring_random(struct weir__backend *base, void *buf, size_t len) {
    (void)base;
    weir__plain_random(buf, len);
}

static const char *uring_explain(struct weir__backend *base) {
    return self(base)->why;
}

static int uring_descriptor(struct weir__backend *base) {
    return weir__uring_outer_open(self(base));
}

static bool uring_arm(struct weir__backend *base) {
    struct uring_backend *b = self(base);
    if (!weir__latch_sleep(base->latch) || has_work(b))
        return false;
    if (!weir__uring_quiet(b))
        weir__uring_enter(b, 0);
    return weir__uring_quiet(b);
}

void weir__uring_close(struct weir__backend *base) {
    struct uring_backend *b = self(base);
    weir__uring_outer_close(b);
    weir__helpers_fini(&b->helpers);
    weir__memory_given_back();
    if (b->ring_open)
        io_uring_queue_exit(&b->ring);
    weir__uring_bufs_fini(b);
    weir__direct_fini(&b->direct);
    weir__slots_fini(&b->polls);
    weir__slots_fini(&b->slots);
    weir__latch_unref(base->latch);
    weir__free(b->msgs);
    weir__free(b);
}

const struct weir__backend_ops weir__uring_ops = {
    .name = "uring",
    .submit = uring_submit,
    .cancel = uring_cancel,
    .turn = uring_turn,
    .release = uring_release,
    .wake = uring_wake,
    .now = uring_now,
    .random = uring_random,
    .explain = uring_explain,
    .close = weir__uring_close,
    .descriptor = uring_descriptor,
    .arm = uring_arm,
};

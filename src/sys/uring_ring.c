/* SPDX-License-Identifier: MIT */
/* uring_ring.c - the submission queue and the one system call of a turn. liburing 2.3 has no call
 * that submits and waits in one with a timeout and leaves completions alone, so the queue is
 * published by its public fields. */
#include <errno.h>
#include <sched.h>

#include "sys/uring.h"

static unsigned publish(struct uring_backend *b) {
    struct io_uring_sq *sq = &b->ring.sq;
    sq->sqe_head = sq->sqe_tail;
    io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
    return sq->sqe_tail - io_uring_smp_load_acquire(sq->khead);
}

static int enter(struct uring_backend *b, unsigned submit, unsigned wait_nr, unsigned flags,
                 struct io_uring_getevents_arg *arg) {
    return io_uring_enter2((unsigned)b->ring.enter_ring_fd, submit, wait_nr,
                           flags | b->enter_flags, (sigset_t *)arg, arg ? sizeof *arg : 0);
}

/* Make room in the queue: submit its entries, without waiting. The kernel may refuse for a moment
 * (no memory, a signal); it has no other reason to refuse. */
static void submit_now(struct uring_backend *b) {
    unsigned left = publish(b);
    while (left > 0) {
        int rc = enter(b, left, 0, 0, NULL);
        WEIR_CHECK(rc >= 0 || rc == -EAGAIN || rc == -EINTR || rc == -EBUSY);
        if (rc < 0)
            sched_yield();
        left = publish(b);
    }
}

void (*weir__uring_asked)(struct uring_backend *b, const char *asker);

struct io_uring_sqe *weir__uring_sqe_for(struct uring_backend *b, const void *who,
                                         enum uring_tag tag, const char *asker) {
    if (weir__uring_asked != NULL)
        weir__uring_asked(b, asker);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
    if (sqe == NULL) {
        submit_now(b);
        sqe = io_uring_get_sqe(&b->ring);
    }
    WEIR_CHECK(sqe != NULL && ((uintptr_t)who & URING_TAGS) == 0);
    sqe->user_data = (uintptr_t)who | tag; /* prep functions of liburing 2.3 leave it alone */
    return sqe;
}

void weir__uring_cancel_for(struct uring_backend *b, const void *who, enum uring_tag tag,
                            const char *asker) {
    struct io_uring_sqe *sqe = weir__uring_sqe_for(b, NULL, URING_IGNORE, asker);
    io_uring_prep_cancel64(sqe, (uintptr_t)who | tag, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

struct msghdr *weir__uring_msg(struct uring_backend *b, const struct io_uring_sqe *sqe) {
    return &b->msgs[sqe - b->ring.sq.sqes];
}

bool weir__uring_idle(const struct uring_backend *b) {
    return b->ring.sq.sqe_tail == *b->ring.sq.khead;
}

bool weir__uring_quiet(const struct uring_backend *b) {
    unsigned flags = __atomic_load_n(b->ring.sq.kflags, __ATOMIC_ACQUIRE);
    return weir__uring_idle(b) && (flags & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) == 0
           && *b->ring.cq.khead == io_uring_smp_load_acquire(b->ring.cq.ktail);
}

/* Expected errors: -ETIME, the wait is over; -EINTR, a signal, which the turn handles; -EAGAIN and
 * -EBUSY, no memory for a request or no room for completions, which pass when completions are
 * fetched. Entries that were not taken stay queued. */
void weir__uring_enter(struct uring_backend *b, weir_ns wait) {
    struct __kernel_timespec t = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
    struct io_uring_getevents_arg arg = {0};
    unsigned left = publish(b);
    if (wait != 0 && wait != WEIR_NEVER)
        arg.ts = (uintptr_t)&t;
    int rc = enter(b, left, wait != 0, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg);
    WEIR_CHECK(rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
}

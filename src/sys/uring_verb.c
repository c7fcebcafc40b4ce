/* SPDX-License-Identifier: MIT */
/* uring_verb.c - calls on files: those for which the ring has an operation are asked of it, the
 * others are made by a helper thread. The ring holds the caller's memory and paths until the last
 * completion, so a cancel of a begun call is pending.
 *
 * A close is not asked of the ring: it would free the blocks of a deleted file on this thread. Nor
 * are the calls that the ring makes on a thread of its own for want of an operation. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/uring.h"
#include "sys/verb.h"

enum { OP_FTRUNCATE = 55 }; /* Linux 6.9 */

static void prep_open(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_openat(sqe, AT_FDCWD, c->path, c->flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                         c->mode);
}

static void prep_read(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_read(sqe, c->fd, c->base, (unsigned)c->len, (uint64_t)c->at);
}

/* The ring would make a write that syncs on this thread, and wait for the disk. */
static void prep_write(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_write(sqe, c->fd, c->base, (unsigned)c->len, (uint64_t)c->at);
    if (c->syncs)
        sqe->flags |= IOSQE_ASYNC;
}

static void prep_sync(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_fsync(sqe, c->fd, c->flags == WEIR__DATA_ONLY ? IORING_FSYNC_DATASYNC : 0);
}

static void prep_stat(struct io_uring_sqe *sqe, const struct weir__call *c) {
    if (c->path == NULL)
        io_uring_prep_statx(sqe, c->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, c->base);
    else
        io_uring_prep_statx(sqe, AT_FDCWD, c->path, c->flags, STATX_BASIC_STATS, c->base);
}

static void prep_truncate(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_rw(OP_FTRUNCATE, sqe, c->fd, NULL, 0, (uint64_t)c->at);
}

static void prep_allocate(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_fallocate(sqe, c->fd, 0, (off_t)c->at, (off_t)c->size);
}

static void prep_rename(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_renameat(sqe, AT_FDCWD, c->path, AT_FDCWD, c->to, 0);
}

static void prep_unlink(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_unlinkat(sqe, AT_FDCWD, c->path, c->flags);
}

static void prep_mkdir(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_mkdirat(sqe, AT_FDCWD, c->path, c->mode);
}

static void prep_link(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_linkat(sqe, AT_FDCWD, c->path, AT_FDCWD, c->to, 0);
}

static void prep_symlink(struct io_uring_sqe *sqe, const struct weir__call *c) {
    io_uring_prep_symlinkat(sqe, c->path, AT_FDCWD, c->to);
}

static const struct {
    uint8_t op; /* IORING_OP_*; 0: none */
    void (*prep)(struct io_uring_sqe *sqe, const struct weir__call *c);
} verbs[WEIR__VERBS] = {
    [WEIR__OPEN] = {IORING_OP_OPENAT, prep_open},
    [WEIR__READ_AT] = {IORING_OP_READ, prep_read},
    [WEIR__WRITE_AT] = {IORING_OP_WRITE, prep_write},
    [WEIR__SYNC] = {IORING_OP_FSYNC, prep_sync},
    [WEIR__STAT] = {IORING_OP_STATX, prep_stat},
    [WEIR__TRUNCATE] = {OP_FTRUNCATE, prep_truncate},
    [WEIR__ALLOCATE] = {IORING_OP_FALLOCATE, prep_allocate},
    [WEIR__RENAME] = {IORING_OP_RENAMEAT, prep_rename},
    [WEIR__UNLINK] = {IORING_OP_UNLINKAT, prep_unlink},
    [WEIR__MKDIR] = {IORING_OP_MKDIRAT, prep_mkdir},
    [WEIR__LINK] = {IORING_OP_LINKAT, prep_link},
    [WEIR__SYMLINK] = {IORING_OP_SYMLINKAT, prep_symlink},
};

_Static_assert(WEIR__VERBS <= 32, "uring_backend.verbs has a bit for each");

void weir__uring_verbs_probe(struct uring_backend *b, const struct io_uring_probe *probe) {
    for (int i = 0; i < WEIR__VERBS; i++)
        if (verbs[i].op != 0 && io_uring_opcode_supported(probe, verbs[i].op))
            b->verbs |= (uint32_t)1 << i;
}

/* Only the descriptor's truncate is an operation of the ring. An open beneath a directory is not
 * asked of it: the ring would keep a struct open_how of ours until it is done. A write past the
 * limit of RLIMIT_FSIZE would raise SIGXFSZ on this thread, so it is a helper's. */
static bool ring_has(const struct uring_backend *b, const struct weir__call *c) {
    if ((b->verbs >> c->verb & 1) == 0 || (c->verb == WEIR__TRUNCATE && c->path != NULL) ||
        (c->verb == WEIR__OPEN && c->beneath))
        return false;
    return !weir__verb_may_raise(c);
}

static bool is_at_position(const struct weir__call *c) {
    return c->at == WEIR__AT_POSITION && (c->verb == WEIR__READ_AT || c->verb == WEIR__WRITE_AT);
}

/* A read or write at the file's position has moved n bytes. If an error cut it short (a full disk),
 * or if it had to wait for the disk (O_DIRECT), the ring counts the bytes and does not move the
 * position (Linux 6.18): the next call would move the same bytes. The room file lets no other call
 * use the position meanwhile. */
static void mend_position(const struct weir__call *c, int64_t n) {
    if (n <= 0 || lseek(c->fd, 0, SEEK_CUR) != c->size)
        return;
    bool appends = (fcntl(c->fd, F_GETFL) & O_APPEND) != 0;
    (void)lseek(c->fd, appends ? 0 : c->size + n, appends ? SEEK_END : SEEK_SET);
}

int weir__uring_verb_submit(struct uring_backend *b, struct weir__op *op) {
    struct weir__call *c = op->u.call;
    WEIR_CHECK(c->len <= INT_MAX);
    int64_t rc = weir__verb_try(c);
    c->by_ring = rc == -EAGAIN && ring_has(b, c);
    op->cancelled = false;
    if (rc != -EAGAIN)
        return weir__op_now_done(op, rc);
    if (!c->by_ring)
        return weir__pool_submit(&b->helpers.jobs, op);
    if (is_at_position(c))
        c->size = lseek(c->fd, 0, SEEK_CUR);
    struct io_uring_sqe *sqe = weir__uring_sqe(b, op, URING_OP);
    verbs[c->verb].prep(sqe, c);
    return weir__op_hold(op);
}

int weir__uring_verb_cancel(struct uring_backend *b, struct weir__op *op) {
    if (!op->u.call->by_ring)
        return weir__pool_cancel(&b->helpers.jobs, op);
    if (!op->cancelled)
        weir__uring_cancel(b, op, URING_OP);
    op->cancelled = true;
    return WEIR__PENDING;
}

/* -EAGAIN: a kind of file that the ring cannot wait for. -EINTR: a signal for the ring's thread, as
 * a cancel sends it. A helper thread can do both. */
static bool goes_to_helper(struct uring_backend *b, struct weir__op *op, int res) {
    if ((res != -EAGAIN && res != -EINTR) || op->cancelled)
        return false;
    if (weir__pool_submit(&b->helpers.jobs, op) == WEIR__PENDING)
        return true;
    weir__op_hold(op);
    weir__op_complete(&b->done, op, op->result);
    return true;
}

void weir__uring_verb_event(struct uring_backend *b, struct weir__op *op,
                            const struct io_uring_cqe *cqe) {
    struct weir__call *c = op->u.call;
    int64_t result = cqe->res;
    c->by_ring = false;
    if (goes_to_helper(b, op, cqe->res))
        return;
    if (result == -EINTR || result == -EAGAIN)
        result = -ECANCELED;
    if (c->verb == WEIR__OPEN && result >= 0)
        result = weir__verb_opened(c, (int)result);
    else if (is_at_position(c))
        mend_position(c, result);
    weir__op_complete(&b->done, op, result);
}

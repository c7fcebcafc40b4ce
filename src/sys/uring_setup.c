/* SPDX-License-Identifier: MIT */
/* uring_setup.c - opening the ring: what the kernel offers is tried, not guessed from its version,
 * and the result is kept as text. Needed: multishot receive with provided buffers (6.0), which
 * brings multishot accept, timeouts in enter and skipped completions along. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sys/fds.h"
#include "sys/limits.h"
#include "sys/reused.h"
#include "sys/uring.h"

/* Sets of flags to try, the best first. */
static const struct {
    unsigned flags;
    const char *text;
} setups[] = {
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
     "single issuer, deferred task work"},
    {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
     "cooperative task work (deferred needs Linux 6.1)"},
};

static const char *setup_error(int rc) {
    switch (-rc) {
    case ENOSYS:
        return "the kernel has no io_uring";
    case EPERM:
    case EACCES:
        return "io_uring is forbidden here (seccomp, or kernel.io_uring_disabled)";
    case ENOMEM:
        return "no memory for the rings (RLIMIT_MEMLOCK?)";
    case EMFILE:
    case ENFILE:
        return "no descriptor for the ring (RLIMIT_NOFILE?)";
    default:
        return "io_uring cannot be set up (Linux 6.0 or later?)";
    }
}

/* liburing has made the descriptor. Move it above 2; the mappings stay valid. */
static int lift(struct uring_backend *b, const char **ret_text) {
    int fd = weir__fd_lift(b->ring.ring_fd);
    if (fd < 0)
        *ret_text = setup_error(fd);
    b->ring.ring_fd = b->ring.enter_ring_fd = fd;
    return fd < 0 ? fd : 0;
}

static int set_up(struct uring_backend *b, const char **ret_text) {
    unsigned entries = weir__sys_limits.ring_entries;
    int rc = -EINVAL;
    for (size_t i = 0; i < sizeof setups / sizeof setups[0] && rc == -EINVAL; i++) {
        struct io_uring_params p = {
            .flags = setups[i].flags | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
            .cq_entries = 4 * entries,
        };
        rc = io_uring_queue_init_params(entries, &b->ring, &p); /* lifted below */
        *ret_text = rc == 0 ? setups[i].text : setup_error(rc);
    }
    weir__memory_got();
    b->ring_open = rc == 0;
    return rc == 0 ? lift(b, ret_text) : rc;
}

static const char *missing_op(struct uring_backend *b) {
    struct io_uring *ring = &b->ring;
    static const struct {
        int op;
        const char *text;
    } needed[] = {
        {IORING_OP_SEND, "no send"},           {IORING_OP_SENDMSG, "no sendmsg"},
        {IORING_OP_RECV, "no recv"},           {IORING_OP_ACCEPT, "no accept"},
        {IORING_OP_CONNECT, "no connect"},     {IORING_OP_POLL_ADD, "no poll"},
        {IORING_OP_ASYNC_CANCEL, "no cancel"},
    };
    const unsigned features = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_CQE_SKIP
                              | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL;
    if ((ring->features & features) != features)
        return "an old io_uring (Linux 6.0 or later is needed)";
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    const char *missing = probe == NULL ? "no probe" : NULL;
    for (size_t i = 0; missing == NULL && i < sizeof needed / sizeof needed[0]; i++)
        if (!io_uring_opcode_supported(probe, needed[i].op))
            missing = needed[i].text;
    if (missing == NULL)
        weir__uring_verbs_probe(b, probe);
    if (probe != NULL)
        io_uring_free_probe(probe);
    return missing;
}

/* ---- the self-test -------------------------------------------------------------------------- */

static bool next(struct uring_backend *b, struct io_uring_cqe *ret_cqe) {
    struct io_uring_cqe *cqe;
    weir__uring_enter(b, WEIR_MILLISECONDS(1000));
    if (io_uring_peek_cqe(&b->ring, &cqe) != 0)
        return false;
    *ret_cqe = *cqe;
    io_uring_cqe_seen(&b->ring, cqe);
    return true;
}

/* Send one byte, which a multishot receive must report and stay armed; then close, which it must
 * report too. */
static bool receives(struct uring_backend *b, int pair[2]) {
    struct io_uring_cqe cqe;
    struct io_uring_sqe *sqe = weir__uring_sqe(b, NULL, URING_IGNORE);
    io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = URING_GROUP;
    weir__uring_enter(b, 0);
    if (send(pair[1], "w", 1, MSG_NOSIGNAL) != 1 || !next(b, &cqe) || cqe.res != 1
        || (cqe.flags & IORING_CQE_F_MORE) == 0 || (cqe.flags & IORING_CQE_F_BUFFER) == 0)
        return false;
    struct uring_piece *p =
        weir__uring_bufs_filled(&b->bufs, cqe.flags >> IORING_CQE_BUFFER_SHIFT, 1);
    bool right = p->lent.base[0] == 'w';
    weir__uring_bufs_put(&b->bufs, &p->lent);
    shutdown(pair[1], SHUT_WR);
    return right && next(b, &cqe) && cqe.res == 0 && (cqe.flags & IORING_CQE_F_MORE) == 0;
}

static const char *self_test(struct uring_backend *b) {
    int pair[2];
    const int type = SOCK_STREAM | SOCK_CLOEXEC;
    if (weir__fd_lift_pair(socketpair(AF_UNIX, type, 0, pair), pair) != 0)
        return "no socket pair for the self-test (RLIMIT_NOFILE?)";
    weir__uring_bufs_refill(&b->bufs);
    bool right = receives(b, pair);
    close(pair[0]);
    close(pair[1]);
    return right ? NULL : "multishot receive with provided buffers fails (Linux 6.0?)";
}

/* ---- open ----------------------------------------------------------------------------------- */

static int probe(struct uring_backend *b, const char **ret_text) {
    int rc = set_up(b, ret_text);
    if (rc != 0)
        return rc == -EMFILE || rc == -ENFILE ? rc : WEIR_EBACKEND;
    bool registered = io_uring_register_ring_fd(&b->ring) == 1;
    b->enter_flags = registered ? IORING_ENTER_REGISTERED_RING : 0;
    io_uring_ring_dontfork(&b->ring);
    b->msgs = weir__alloc(b->ring.sq.ring_entries * sizeof *b->msgs);
    if (b->msgs == NULL)
        return -ENOMEM;
    const char *why_not = missing_op(b);
    if (why_not == NULL) {
        rc = weir__uring_bufs_init(b);
        if (rc == -ENOMEM)
            return rc;
        why_not = rc == 0 ? self_test(b) : "no provided-buffer rings (Linux 5.19)";
    }
    if (why_not == NULL)
        return 0;
    *ret_text = why_not;
    return WEIR_EBACKEND;
}

static int open_parts(struct uring_backend *b, const char **ret_text) {
    int rc = weir__direct_init(&b->direct);
    return rc == 0 ? probe(b, ret_text) : rc;
}

int weir__uring_open(struct weir__backend **ret_backend, const char **ret_why) {
    struct uring_backend *b = weir__alloc_zero(sizeof *b);
    const char *text = "";
    if (b == NULL)
        return -ENOMEM;
    b->base.ops = &weir__uring_ops;
    b->base.batches = true;
    b->outer_fd = b->event_fd = -1;
    int rc = weir__latch_new(true, &b->base.latch);
    if (rc != 0) {
        weir__free(b);
        *ret_why = text;
        return rc;
    }
    weir__fifo_init(&b->done);
    weir__list_init(&b->starved);
    weir__list_init(&b->direct.ready);
    weir__slots_init(&b->polls);
    weir__slots_init(&b->slots);
    weir__helpers_init(&b->helpers, b->base.latch);
    rc = open_parts(b, &text);
    if (rc != 0) {
        weir__uring_close(&b->base);
        *ret_why = text; /* static */
        return rc;
    }
    weir__uring_latch_arm(b);
    snprintf(b->why, sizeof b->why, "io_uring: %s%s", text,
             b->enter_flags ? ", registered ring" : "");
    *ret_why = b->why;
    *ret_backend = &b->base;
    return 0;
}

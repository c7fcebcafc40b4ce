/* SPDX-License-Identifier: MIT */
/* writers.c - see writers.h. */
#include "sys/writers.h"

#include <errno.h>

#include "sys/limits.h"
#include "sys/plain.h"

void weir__writers_begin(struct weir__writers *w) {
    w->left = weir__sys_limits.turn_sent;
}

/* How many of the unsent bytes the turn allows now. */
static size_t allowance(const struct weir__writers *w, size_t unsent) {
    const uint32_t small = weir__sys_limits.small_send;
    if (unsent < small)
        return w->left > -(int64_t)weir__sys_limits.turn_sent ? unsent : 0;
    if (w->left <= 0)
        return 0;
    return w->left > small ? (size_t)w->left : small; /* no very small pieces */
}

static int64_t send_at_most(struct weir__writers *w, struct weir__op *op, size_t max) {
    size_t before = weir__plain_done(op);
    int64_t n = weir__plain_send(op, max);
    w->left -= (int64_t)(weir__plain_done(op) - before);
    return n;
}

int64_t weir__writers_send(struct weir__writers *w, struct weir__op *op) {
    size_t unsent = weir__plain_unsent(op, weir__sys_limits.small_send);
    size_t max = allowance(w, unsent);
    if (max == 0 && unsent > 0)
        return -EINPROGRESS;
    return send_at_most(w, op, max);
}

bool weir__writers_charge(struct weir__writers *w, size_t len) {
    if (allowance(w, len) == 0 && len > 0)
        return false;
    w->left -= (int64_t)len;
    return true;
}

/* ---- the list ------------------------------------------------------------------------------- */

void weir__writers_add(struct weir__writers *w, struct weir__op *op) {
    WEIR_CHECK(op->state == WEIR__OP_HELD && (op->priv & WEIR__WRITER_READY) == 0);
    op->priv |= WEIR__WRITER_READY;
    op->next = NULL;
    op->u.bytes.prev = w->last;
    if (w->last != NULL)
        w->last->next = op;
    else
        w->first = op;
    w->last = op;
}

void weir__writers_remove(struct weir__writers *w, struct weir__op *op) {
    if ((op->priv & WEIR__WRITER_READY) == 0)
        return;
    op->priv &= ~(uint32_t)WEIR__WRITER_READY;
    struct weir__op *before = op->u.bytes.prev, *after = op->next;
    if (before != NULL)
        before->next = after;
    else
        w->first = after;
    if (after != NULL)
        after->u.bytes.prev = before;
    else
        w->last = before;
}

struct weir__op *weir__writers_turn(struct weir__writers *w, struct weir__fifo *done) {
    struct weir__op *full = NULL;
    while (w->first != NULL && w->left > 0) {
        struct weir__op *op = w->first;
        size_t max = allowance(w, weir__plain_unsent(op, weir__sys_limits.small_send));
        weir__writers_remove(w, op);
        int64_t n = send_at_most(w, op, max < weir__sys_limits.sent_piece
                                            ? max
                                            : weir__sys_limits.sent_piece);
        if (n == -EINPROGRESS) {
            weir__writers_add(w, op);
        } else if (n == -EAGAIN) {
            op->next = full;
            full = op;
        } else {
            op->file->writer = NULL;
            weir__op_complete(done, op, n);
        }
    }
    return full;
}

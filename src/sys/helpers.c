/* SPDX-License-Identifier: MIT */
/* helpers.c - see helpers.h. */
#include "sys/helpers.h"

#include <string.h>

#include "sys/addr.h"
#include "sys/spawn.h"
#include "sys/verb.h"

void weir__helpers_init(struct weir__helpers *h, struct weir__latch *latch) {
    weir__pool_user_init(&h->jobs, latch);
    weir__signals_init(&h->signals, latch);
}

void weir__helpers_fini(struct weir__helpers *h) {
    weir__pool_leave(&h->jobs);
    weir__signals_fini(&h->signals);
}

/* A numeric address needs no thread. A name that is too long is refused without one too. */
static int resolve(struct weir__helpers *h, struct weir__op *op) {
    if (weir__addr_parse_numeric(op->u.resolve.host, op->u.resolve.port, op->u.resolve.ret) == 0)
        return weir__op_now_done(op, 1);
    size_t len = strnlen(op->u.resolve.host, WEIR__NAME_MAX + 1);
    if (len == 0 || len > WEIR__NAME_MAX)
        return weir__op_now_done(op, WEIR_ENONAME);
    return weir__pool_submit(&h->jobs, op);
}

/* The kernel ties a child that dies with its parent to the thread that made it: helpers come and
 * go, so that is the loop's. */
static int spawn(struct weir__helpers *h, struct weir__op *op) {
    const struct weir__spawn *s = op->u.work.arg;
    if (s->dies_with_parent)
        return weir__op_now_done(op, op->u.work.fn(op->u.work.arg));
    return weir__pool_submit(&h->jobs, op);
}

static int call_files(struct weir__helpers *h, struct weir__op *op) {
    int64_t rc = weir__verb_try(op->u.call);
    return rc != -EAGAIN ? weir__op_now_done(op, rc) : weir__pool_submit(&h->jobs, op);
}

int weir__helpers_submit(struct weir__helpers *h, struct weir__op *op) {
    switch (op->kind) {
    case WEIR__SIGNAL:
        return weir__signals_submit(&h->signals, op);
    case WEIR__FILE_OP:
        return call_files(h, op);
    case WEIR__SPAWN:
        return spawn(h, op);
    case WEIR__WALL_NOW:
    case WEIR__WALL_OPEN:
    case WEIR__WALL_END:
        return weir__op_now_done(op, weir__wall(op));
    case WEIR__WORK:
        return weir__pool_submit(&h->jobs, op);
    default:
        return resolve(h, op);
    }
}

int weir__helpers_cancel(struct weir__helpers *h, struct weir__op *op) {
    if (op->kind == WEIR__SIGNAL)
        return weir__signals_cancel(&h->signals, op);
    return weir__pool_cancel(&h->jobs, op);
}

void weir__helpers_collect(struct weir__helpers *h, struct weir__fifo *done) {
    weir__pool_collect(&h->jobs, done);
    weir__signals_collect(&h->signals, done);
}

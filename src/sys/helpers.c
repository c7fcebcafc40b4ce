/* SPDX-License-Identifier: MIT */
/* helpers.c - see helpers.h. */
#include "sys/helpers.h"

#include <errno.h>
#include <string.h>

#include "sys/addr.h"
#include "sys/limits.h"

/* Stack sizes: getaddrinfo needs 12 KiB (measured), modules of nsswitch need more; a user's
 * function gets about as much as a thread of the user's would have. This is address space, not
 * memory. */
enum { RESOLVE_STACK = 512 << 10, WORK_STACK = 2 << 20 };

void weir__helpers_init(struct weir__helpers *h, struct weir__latch *latch) {
    *h = (struct weir__helpers){.latch = latch};
    weir__signals_init(&h->signals, latch);
}

void weir__helpers_fini(struct weir__helpers *h) {
    weir__pool_free(h->resolve);
    weir__pool_free(h->work);
    h->resolve = h->work = NULL;
    weir__signals_fini(&h->signals);
}

static int work(struct weir__helpers *h, struct weir__op *op) {
    if (h->work == NULL
        && weir__pool_new("weir-work", weir__sys_limits.work_threads, WORK_STACK, h->latch,
                          &h->work) != 0)
        return weir__op_now_done(op, -ENOMEM);
    return weir__pool_submit(h->work, op);
}

/* A numeric address needs no thread. A name that is too long is refused without one too. */
static int resolve(struct weir__helpers *h, struct weir__op *op) {
    if (weir__addr_parse_numeric(op->u.resolve.host, op->u.resolve.port, op->u.resolve.ret) == 0)
        return weir__op_now_done(op, 1);
    size_t len = strnlen(op->u.resolve.host, WEIR__NAME_MAX + 1);
    if (len == 0 || len > WEIR__NAME_MAX)
        return weir__op_now_done(op, WEIR_ENONAME);
    if (h->resolve == NULL
        && weir__pool_new("weir-resolve", weir__sys_limits.resolve_threads, RESOLVE_STACK,
                          h->latch, &h->resolve) != 0)
        return weir__op_now_done(op, -ENOMEM);
    return weir__pool_submit(h->resolve, op);
}

int weir__helpers_submit(struct weir__helpers *h, struct weir__op *op) {
    if (op->kind == WEIR__SIGNAL)
        return weir__signals_submit(&h->signals, op);
    return op->kind == WEIR__WORK ? work(h, op) : resolve(h, op);
}

int weir__helpers_cancel(struct weir__helpers *h, struct weir__op *op) {
    if (op->kind == WEIR__SIGNAL)
        return weir__signals_cancel(&h->signals, op);
    return weir__pool_cancel(op->kind == WEIR__WORK ? h->work : h->resolve, op);
}

void weir__helpers_collect(struct weir__helpers *h, struct weir__fifo *done) {
    weir__pool_collect(h->resolve, done);
    weir__pool_collect(h->work, done);
    weir__signals_collect(&h->signals, done);
}

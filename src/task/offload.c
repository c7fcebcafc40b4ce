/* SPDX-License-Identifier: MIT */
/* offload.c - blocking functions on helper threads: joined, or abandonable with own arguments. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "task/internal.h"

int weir_offload(int (*fn)(void *arg), void *arg) {
    int rc = weir__suspend_enter("offload");
    if (rc < 0)
        return rc;
    struct weir__op op = {.kind = WEIR__WORK, .u.work = {fn, arg}};
    rc = (int)weir__op_await(&op, "offload", NULL);
    return rc;
}

/* One abandoned job outlives its caller: op and arguments live on the heap until it ends. */
struct detached {
    struct weir__op op;
    struct weir__park *park; /* NULL: abandoned */
    char args[];
};

static void detached_done(struct weir__op *op) {
    struct detached *d = WEIR_CONTAINER(op, struct detached, op);
    if (d->park != NULL)
        weir__unpark(d->park, op->result);
    else
        weir__free(d);
}

struct detached_wait {
    struct weir__park park;
    struct detached *job;
    bool abandoned;
};

static int detached_abort(struct weir__park *p) {
    struct detached_wait *w = WEIR_CONTAINER(p, struct detached_wait, park);
    w->abandoned = weir__cancel(weir__sched->loop.backend, &w->job->op) == WEIR__PENDING;
    if (w->abandoned)
        w->job->park = NULL;
    return WEIR__DONE;
}

int weir_offload_detached(int (*fn)(void *args), const void *args, size_t size) {
    int rc = weir__suspend_enter("offload");
    if (rc < 0)
        return rc;
    struct detached *d = weir__alloc(sizeof *d + size);
    if (d == NULL)
        return weir__fail(-ENOMEM, "offload", NULL);
    memset(&d->op, 0, sizeof d->op);
    if (size > 0)
        memcpy(d->args, args, size);
    d->op.kind = WEIR__WORK;
    d->op.wake = detached_done;
    d->op.u.work.fn = fn;
    d->op.u.work.arg = d->args;
    struct detached_wait w = {.park = {.abort = detached_abort, .what = "offload"}, .job = d};
    if (weir__submit(weir__sched->loop.backend, &d->op) == WEIR__DONE) {
        rc = (int)d->op.result;
    } else {
        d->park = &w.park;
        rc = (int)weir__park(&w.park);
    }
    if (!w.abandoned)
        weir__free(d);
    return rc;
}

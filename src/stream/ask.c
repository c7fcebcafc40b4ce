/* SPDX-License-Identifier: MIT */
/* ask.c - a task's wait for the next piece of a stream, for the kinds that only know how to be
 * asked. */
#include "base/check.h"
#include "stream/stream.h"

struct asking {
    struct weir__park park;
    struct weir__op op;
    struct weir_stream *stream;
};

static int asking_abort(struct weir__park *p) {
    struct asking *a = WEIR_CONTAINER(p, struct asking, park);
    if (a->stream->closed)
        return WEIR__PENDING; /* the close ends the ask, and may have begun to */
    return a->stream->kind->unask(a->stream, &a->op);
}

static void asking_over(struct weir__op *op) {
    weir__unpark(&WEIR_CONTAINER(op, struct asking, op)->park, 0);
}

int64_t weir__stream_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct asking a = {.park = {.abort = asking_abort, .what = &weir__reads, .on = s},
                       .op = {.wake = asking_over},
                       .stream = s};
    bool waits = s->kind->ask(s, &a.op) == WEIR__PENDING;
    if (waits)
        weir__park(&a.park);
    if (a.op.result > 0) {
        *ret_lent = a.op.u.lent;
        if (!waits) /* a stream that never waits: let others run */
            (void)weir__breathe_bytes(a.op.u.lent.len);
    }
    int felt = a.op.result == -ECANCELED ? weir_cancelled() : 0;
    return felt < 0 ? felt : a.op.result;
}

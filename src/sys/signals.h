/* SPDX-License-Identifier: MIT */
/* signals.h - ops that wait for a signal to the process. The handler is there only while somebody
 * waits, in whichever loop, and until that loop's next turn; then what was there before is put
 * back, unless somebody else has changed it meanwhile. A signal wakes all who wait for it, in all
 * loops. */
#ifndef WEIR_SYS_SIGNALS_H
#define WEIR_SYS_SIGNALS_H

#include "sys/fifo.h"
#include "sys/latch.h"

struct weir__signals { /* one per loop */
    _Atomic(struct weir__signals *) next;
    _Atomic uint64_t wanted, got; /* bit signo - 1 */
    struct weir__latch *latch;
    struct weir__op *ops; /* waiting, newest last */
    uint64_t lingers; /* signals whose handler stays until the next turn */
    uint64_t spent;   /* of these, came for a wait that was cancelled: no old way for them */
    bool listed;
};

void weir__signals_init(struct weir__signals *s, struct weir__latch *latch);
void weir__signals_fini(struct weir__signals *s);

/* Loop thread. submit: WEIR__PENDING, or WEIR__DONE with -EINVAL. cancel is done at once. */
int weir__signals_submit(struct weir__signals *s, struct weir__op *op);
int weir__signals_cancel(struct weir__signals *s, struct weir__op *op);
void weir__signals_collect(struct weir__signals *s, struct weir__fifo *done);

#endif

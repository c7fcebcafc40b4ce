/* SPDX-License-Identifier: MIT */
/* signals.h - ops that wait for a signal to the process. Our handler is installed while at least
 * one op of any loop waits for the signal, and until that loop's next turn. Then the disposition
 * that was there before is restored, unless the program has changed it meanwhile. A signal wakes
 * every op that waits for it, in all loops. */
#ifndef WEIR_SYS_SIGNALS_H
#define WEIR_SYS_SIGNALS_H

#include "sys/fifo.h"
#include "sys/latch.h"

enum { WEIR__SIGNALS_MAX = 64 };

struct weir__signals { /* one per loop */
    _Atomic(struct weir__signals *) next;
    _Atomic uint64_t wanted, got; /* bit signo - 1 */
    _Atomic uint32_t counts[WEIR__SIGNALS_MAX]; /* at signo - 1: how often it came */
    struct weir__latch *latch;
    struct weir__op *ops; /* waiting, newest last */
    uint64_t lingers; /* signals whose handler stays until the next turn */
    uint64_t spent;   /* those that came for a wait which was then cancelled: not raised again */
    bool listed;
};

void weir__signals_init(struct weir__signals *s, struct weir__latch *latch);
void weir__signals_fini(struct weir__signals *s);

/* Loop thread. submit: WEIR__PENDING, or WEIR__DONE with -EINVAL, or -EPERM (the signal is blocked
 * in every thread; not if the wake of an op submits it again). cancel is done at once. */
int weir__signals_submit(struct weir__signals *s, struct weir__op *op);
int weir__signals_cancel(struct weir__signals *s, struct weir__op *op);
void weir__signals_collect(struct weir__signals *s, struct weir__fifo *done);

/* Does every thread block signo, so that no handler would ever run? */
bool weir__signal_is_blocked(int signo);

#endif

/* SPDX-License-Identifier: MIT */
/* helpers.h - the ops that neither epoll nor io_uring can do: RESOLVE, WORK and FILE_OP on threads,
 * SIGNAL by a handler. A backend contains one of these structs; an op that has finished rings the
 * backend's latch. Loop thread only. */
#ifndef WEIR_SYS_HELPERS_H
#define WEIR_SYS_HELPERS_H

#include "sys/pool.h"
#include "sys/signals.h"
#include "sys/wall_timer.h"

struct weir__helpers {
    struct weir__pool_user jobs; /* on the helper threads of the process */
    struct weir__signals signals;
};

void weir__helpers_init(struct weir__helpers *h, struct weir__latch *latch);
void weir__helpers_fini(struct weir__helpers *h);

static inline bool weir__helpers_kind(int kind) {
    return kind == WEIR__RESOLVE || kind == WEIR__WORK || kind == WEIR__SIGNAL ||
           kind == WEIR__SPAWN || kind == WEIR__FILE_OP ||
           weir__wall_kind(kind);
}

int weir__helpers_submit(struct weir__helpers *h, struct weir__op *op);
int weir__helpers_cancel(struct weir__helpers *h, struct weir__op *op);
void weir__helpers_collect(struct weir__helpers *h, struct weir__fifo *done);

#endif

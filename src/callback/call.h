/* SPDX-License-Identifier: MIT */
/* call.h - what this room keeps for each loop: its calls and the descriptors that it watches. */
#ifndef WEIR_CALLBACK_CALL_H
#define WEIR_CALLBACK_CALL_H

#include "task/failure.h"
#include "task/soon.h"

struct call_slab;
struct weir_call;
struct weir_loop;
struct ready;

enum { CALLS_AHEAD = 16 };

/* Of one loop: made when a callback is first asked for, freed when the run ends. */
struct calls {
    struct call_slab *slabs;
    struct weir_call *spare;
    struct weir_call *queued[CALLS_AHEAD]; /* the calls that were queued last: call.c, ahead */
    size_t queued_count;
    struct ready **ready; /* two for each descriptor from 0 on: its reader, its writer, or NULL */
    size_t ready_count;
    void (*end_ready)(struct calls *cs); /* the run ends; NULL: there is nothing to end */
    void (*end_calls)(struct calls *cs);
};

/* That of this thread's loop. Returns 0; -ENOMEM, WEIR_ENOLOOP, WEIR_EFORKED, WEIR_ECLOSED (the
 * run is ending), with a record for what. */
int weir__calls(const char *what, struct calls **ret_calls);

/* As weir_call_cancel, whichever loop of this thread plain code speaks to: l is that of the call,
 * and a reference. If l has closed, the call is gone already. */
void weir__call_drop(struct weir_loop *l, struct weir_call *c);

#endif

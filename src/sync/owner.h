/* SPDX-License-Identifier: MIT */
/* owner.h - a primitive that one task holds: a mutex, an rwlock's writer, a once that runs. The
 * holder is known by a hook at its end, so a task that ends as the holder is named at once, and the
 * search for deadlocks finds the way from the primitive to the task. */
#ifndef WEIR_SYNC_OWNER_H
#define WEIR_SYNC_OWNER_H

#include "sync/sync.h"

struct weir__owned {
    struct weir__sync sync;
    struct weir__at_end held; /* held.task is the holder; NULL: nobody holds it */
};

/* The hook: abort, with the names of the task and of what it holds. */
void weir__owner_ended(struct weir__at_end *held);

/* For weir__what: the holder. */
struct weir_task *weir__owner_of(const void *owned);

/* Abort: call needs the running task to be the holder. */
_Noreturn void weir__owner_refuse(struct weir__owned *o, const char *kind, const char *call)
    __attribute__((cold));

/* Abort if somebody waits, or holds it. */
void weir__owned_fini(struct weir__owned *o, const char *kind, const char *call);

/* The running task; aborts outside a task. */
struct weir_task *weir__owner_here(const char *call);

static inline void weir__owner_set(struct weir__owned *o, struct weir_task *t) {
    weir__at_end_add_to(t, &o->held, weir__owner_ended);
}

static inline void weir__owner_check(struct weir__owned *o, const char *kind, const char *call) {
    if (__builtin_expect(o->held.task == NULL || o->held.task != weir__task_here(), 0))
        weir__owner_refuse(o, kind, call);
}

#endif

/* SPDX-License-Identifier: MIT */
/* near.h - the timers that are due within the current tick, in exact order of (deadline, arming).
 * Two parts: a sorted run, filled at once from a slot of the wheel and consumed from its front,
 * and a heap for those that are armed for this tick later on. Called by timers.c only.
 * A timer's place is in its priv[0]: index << 2 | NEAR_RUN or NEAR_HEAP. */
#ifndef WEIR_LOOP_NEAR_H
#define WEIR_LOOP_NEAR_H

#include <stdbool.h>

#include "loop/timers.h"

enum { WEIR__NEAR_RUN = 1, WEIR__NEAR_HEAP = 2 };

struct weir__near_entry {
    weir_ns deadline_ns;
    uint64_t armed; /* the arming's number: breaks ties */
    struct weir__timer *timer; /* NULL in a run: disarmed since */
};

struct weir__near {
    struct weir__near_entry *run, *heap;
    size_t run_first, run_count, run_max; /* run holds twice run_max entries, for sorting */
    size_t heap_count, heap_max;
};

/* true if timer a fires before timer b. */
static inline bool weir__timer_before(const struct weir__timer *a, const struct weir__timer *b) {
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns
                                            : a->priv[1] < b->priv[1];
}

void weir__near_fini(struct weir__near *n);

/* Begin a run of count timers; the last one must be used up. false: no memory. Then append them
 * in any order, then sort. */
bool weir__near_run_begin(struct weir__near *n, size_t count);
void weir__near_run_append(struct weir__near *n, struct weir__timer *t);
void weir__near_run_sort(struct weir__near *n);

/* Add one timer. false: no memory. */
bool weir__near_add(struct weir__near *n, struct weir__timer *t);

/* Take t out, wherever it is. Its priv[0] is left to the caller. */
void weir__near_remove(struct weir__near *n, struct weir__timer *t);

/* The one to fire first; NULL if there is none. */
struct weir__timer *weir__near_first(struct weir__near *n);

/* Touch what will be first soon. */
static inline void weir__near_prefetch(const struct weir__near *n) {
    enum { AHEAD = 6 };
    if (n->run_first + AHEAD < n->run_count)
        __builtin_prefetch(n->run[n->run_first + AHEAD].timer, 1);
}

/* Give memory back that a burst needed, if nothing is in it now. */
void weir__near_trim(struct weir__near *n);

#endif

/* SPDX-License-Identifier: MIT */
/* near.h - the timers that are due in the current tick or before, in exact order of (deadline,
 * arming). Two parts: a run, which is filled from one slot of the wheel, sorted once and consumed
 * from its front; and a heap for timers that are armed for this tick afterwards. Called by timers.c
 * only. A timer's priv[0] says where it lies: index << 2 | WEIR__NEAR_RUN or WEIR__NEAR_HEAP. */
#ifndef WEIR_LOOP_NEAR_H
#define WEIR_LOOP_NEAR_H

#include <stdbool.h>

#include "loop/timers.h"

enum { WEIR__NEAR_RUN = 1, WEIR__NEAR_HEAP = 2 };

struct weir__near_entry {
    weir_ns deadline_ns;
    uint64_t armed; /* number of the arming: orders equal deadlines */
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

/* Make room for a run of count timers. All timers of the run before must have been removed.
 * Returns false if there is no memory. Then append the timers in any order, then sort. */
bool weir__near_run_begin(struct weir__near *n, size_t count);
void weir__near_run_append(struct weir__near *n, struct weir__timer *t);
void weir__near_run_sort(struct weir__near *n);

/* Add one timer to the heap. Returns false if there is no memory. */
bool weir__near_add(struct weir__near *n, struct weir__timer *t);

/* Take t out of the run or the heap. The caller sets its priv[0]. */
void weir__near_remove(struct weir__near *n, struct weir__timer *t);

/* The timer that fires first; NULL if there is none. */
struct weir__timer *weir__near_first(struct weir__near *n);

/* Fetch a timer of the run that will fire soon into the cache. */
static inline void weir__near_prefetch(const struct weir__near *n) {
    enum { AHEAD = 6 };
    if (n->run_first + AHEAD < n->run_count)
        __builtin_prefetch(n->run[n->run_first + AHEAD].timer, 1);
}

/* Free the memory of the run and of the heap that a burst needed, where it is empty now. */
void weir__near_trim(struct weir__near *n);

#endif

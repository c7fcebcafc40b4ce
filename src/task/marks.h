/* SPDX-License-Identifier: MIT */
/* marks.h - proves the suspend marks while the program runs, in a build with the option
 * mark_checks: a public function without the mark WEIR_SUSPENDS never parks, and a function with it
 * never returns without having been a cancel point. tools/suspends.py proves the same for all
 * paths from the source; this one also sees what the source cannot show (a user's callback that
 * suspends inside an unmarked call). In other builds all of it is empty.
 *
 * The compiler calls back at the entry and exit of each of the library's functions
 * (-finstrument-functions); those in the table made from the public headers are followed, one
 * trail for each task. */
#ifndef WEIR_TASK_MARKS_H
#define WEIR_TASK_MARKS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "weir-features.h"

enum { MARKS_DEPTH = 16 }; /* public calls inside each other; deeper ones are not followed */

struct mark_entry { /* of the table; the last has no name */
    const void *function;
    const char *name;
    bool suspends;
};

struct mark_trail { /* public calls that are active on one stack, outermost first */
    uint32_t depth;
    uint32_t points; /* cancel points passed on this stack */
    struct {
        const struct mark_entry *entry;
        uint32_t points;
    } calls[MARKS_DEPTH];
};

extern __thread struct mark_trail weir__mark_trail;

/* Use this table from now on; its memory must stay valid. The default is made from the headers. */
void weir__marks_use(const struct mark_entry *table);

/* The compiler's hooks call these at the entry and exit of each function. Functions that are not in
 * the table are ignored. */
void weir__marks_entered(const void *function);
void weir__marks_left(const void *function);

/* The running task is about to park: abort if an unmarked call is active on its stack. */
void weir__marks_parks(void);

/* The scheduler calls these. A trail belongs to a stack: it is put aside while other tasks run. */
static inline void marks_point(void) {
    if (WEIR_HAVE_MARK_CHECKS)
        weir__mark_trail.points++;
}

static inline void marks_parks(void) {
    if (WEIR_HAVE_MARK_CHECKS)
        weir__marks_parks();
}

static inline void marks_aside(struct mark_trail *keep) {
    if (WEIR_HAVE_MARK_CHECKS)
        *keep = weir__mark_trail;
}

static inline void marks_back(const struct mark_trail *kept) {
    if (WEIR_HAVE_MARK_CHECKS)
        weir__mark_trail = *kept;
}

static inline void marks_fresh(void) {
    if (WEIR_HAVE_MARK_CHECKS)
        memset(&weir__mark_trail, 0, sizeof weir__mark_trail);
}

#endif

/* SPDX-License-Identifier: MIT */
/* depth.h - how deep the stacks of tasks go, for each place of spawn: a high-water mark that shows
 * which stack_size the place needs. It is always on, and so it measures a sample: the 1st, 2nd, 4th
 * .. 65536th task of a place, then each 65536th. Before such a task begins, the stack below its
 * first frame is cleared; when it ends, the lowest word that is not zero is searched. The other
 * tasks pay one look into a table. */
#ifndef WEIR_TASK_DEPTH_H
#define WEIR_TASK_DEPTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/task.h>

#include "task/stack.h"

enum { DEPTH_SLOTS_FIRST = 64, DEPTH_SLOTS_MAX = 1 << 16, DEPTH_STEP_MAX = 1 << 16 };

struct depth { /* one place of spawn, and one size of stacks */
    const struct weir_site *site; /* NULL: a free slot */
    uint32_t class;
    uint32_t left;                /* tasks that will begin until one is measured */
    uint32_t ordinal;             /* number of the place: 0 is the first that the loop met */
    uint64_t due;                 /* number, from 1, of the task that will be measured next */
    uint64_t measured;            /* tasks that were measured */
    size_t deepest, stack_size;
};

struct depths { /* open addressing, at most three quarters full */
    struct depth first[DEPTH_SLOTS_FIRST];
    struct depth *slots;  /* first, or on the heap */
    struct depth *recent; /* the slot used last: the next task mostly has the same place */
    uint32_t mask;
    uint32_t count;
};

void weir__depths_init(struct depths *d);
void weir__depths_fini(struct depths *d);

/* The rare part of depth_begins. Called on the stack of the task that is about to begin. */
void weir__depth_begins(struct depths *d, const struct weir_site *site, struct stack *stack);

/* A measured task ends. Called on its stack. */
void weir__depth_ends(struct depths *d, struct stack *stack);

/* Measure a task now that has not ended. */
void weir__depth_look(struct depths *d, struct stack *stack);

/* The i-th place; NULL past the last. */
const struct depth *weir__depth_at(const struct depths *d, size_t i);

static inline size_t depth_slot(const struct depths *d, const struct weir_site *site,
                                uint32_t class) {
    return (size_t)(((uintptr_t)site + class) * 0x9e3779b97f4a7c15u >> 32) & d->mask;
}

static inline bool depth_is(const struct depth *at, const struct weir_site *site,
                            uint32_t class) {
    return at->site == site && at->class == class;
}

static inline void depth_begins(struct depths *d, const struct weir_site *site,
                                struct stack *stack) {
    struct depth *at = d->recent;
    if (!depth_is(at, site, stack->class))
        at = d->recent = &d->slots[depth_slot(d, site, stack->class)];
    if (__builtin_expect(!depth_is(at, site, stack->class) || --at->left == 0, 0))
        weir__depth_begins(d, site, stack);
}

#endif

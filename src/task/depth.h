/* SPDX-License-Identifier: MIT */
/* depth.h - how deep the stacks of tasks go, by place of spawn: the high-water marks that tell
 * what stack_size a place needs. Always on, so it is a sample: the 1st, 2nd, 4th .. task of a place
 * and then each 65536th has what lies below its first frame cleared, and is looked through for the
 * lowest word that is not zero when it ends. The others pay one look into a table. */
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
    uint32_t left;                /* tasks to begin until one is measured */
    uint32_t ordinal;             /* places in the order in which they were met */
    uint64_t due;                 /* that task's number, from 1 */
    uint64_t measured;
    size_t deepest, stack_size;
};

struct depths { /* open addressing, at most three quarters full */
    struct depth first[DEPTH_SLOTS_FIRST];
    struct depth *slots;  /* first, or on the heap */
    struct depth *recent; /* the slot used last: mostly the next task's too */
    uint32_t mask;
    uint32_t count;
};

void weir__depths_init(struct depths *d);
void weir__depths_fini(struct depths *d);

/* On the stack of a task that is about to begin: the rare part of depth_begins. */
void weir__depth_begins(struct depths *d, const struct weir_site *site, struct stack *stack);

/* On the stack of a measured task that ends. */
void weir__depth_ends(struct depths *d, struct stack *stack);

/* Look at a measured task that goes on. */
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

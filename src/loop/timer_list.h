/* SPDX-License-Identifier: MIT */
/* timer_list.h - timers outside of the wheel, linked through priv[0]. timers.c only. */
#ifndef WEIR_LOOP_TIMER_LIST_H
#define WEIR_LOOP_TIMER_LIST_H

#include "loop/timers.h"

/* Tag in priv[0]: the timer is in a struct list. WEIR__NEAR_*: in near.c. 0: in an entry. */
enum { LISTED = 3 };

struct list {
    struct weir__timer *first;
};

static inline struct weir__timer *next_of(const struct weir__timer *t) {
    return (struct weir__timer *)(uintptr_t)(t->priv[0] & ~(uint64_t)LISTED);
}

static inline void list_add(struct list *l, struct weir__timer *t) {
    t->priv[0] = (uint64_t)(uintptr_t)l->first | LISTED;
    l->first = t;
}

static inline bool list_remove(struct list *l, struct weir__timer *t) {
    if (l->first == t) {
        l->first = next_of(t);
        return true;
    }
    for (struct weir__timer *at = l->first; at != NULL; at = next_of(at)) {
        if (next_of(at) == t) {
            at->priv[0] = t->priv[0];
            return true;
        }
    }
    return false;
}

static inline struct weir__timer *list_earliest(const struct list *l) {
    struct weir__timer *earliest = l->first;
    for (struct weir__timer *t = l->first; t != NULL; t = next_of(t))
        if (weir__timer_before(t, earliest))
            earliest = t;
    return earliest;
}

#endif

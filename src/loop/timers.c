/* SPDX-License-Identifier: MIT */
/* timers.c - a sorted list, to begin with. */
#include "loop/timers.h"

#include "base/alloc.h"
#include "base/check.h"

struct weir__timers {
    struct weir__timer *first;
    uint64_t armings;
};

/* priv[0]: next, with bit 0 set while armed; priv[1]: arming sequence. */
static struct weir__timer *next_of(const struct weir__timer *t) {
    return (struct weir__timer *)(uintptr_t)(t->priv[0] & ~(uint64_t)1);
}

static void link_to(struct weir__timer *t, struct weir__timer *next) {
    t->priv[0] = (uint64_t)(uintptr_t)next | 1;
}

int weir__timers_new(weir_ns now_ns, struct weir__timers **ret_timers) {
    (void)now_ns;
    struct weir__timers *ts = weir__alloc_zero(sizeof *ts);
    if (ts == NULL)
        return -ENOMEM;
    *ret_timers = ts;
    return 0;
}

void weir__timers_free(struct weir__timers *ts) {
    WEIR_CHECK(ts == NULL || ts->first == NULL);
    weir__free(ts);
}

void weir__timer_disarm(struct weir__timers *ts, struct weir__timer *t) {
    struct weir__timer *prev = NULL, *at = ts->first;
    if (!weir__timer_armed(t))
        return;
    for (; at != t; at = next_of(at))
        prev = at;
    if (prev)
        link_to(prev, next_of(t));
    else
        ts->first = next_of(t);
    t->priv[0] = 0;
}

void weir__timer_arm(struct weir__timers *ts, struct weir__timer *t, weir_ns deadline_ns) {
    weir__timer_disarm(ts, t);
    t->deadline_ns = deadline_ns;
    if (deadline_ns == WEIR_NEVER)
        return;
    t->priv[1] = ts->armings++;
    struct weir__timer *prev = NULL, *at = ts->first;
    for (; at != NULL && at->deadline_ns <= deadline_ns; at = next_of(at))
        prev = at;
    link_to(t, at);
    if (prev)
        link_to(prev, t);
    else
        ts->first = t;
}

weir_ns weir__timers_next(struct weir__timers *ts, bool exact) {
    (void)exact;
    return ts->first ? ts->first->deadline_ns : WEIR_NEVER;
}

size_t weir__timers_fire(struct weir__timers *ts, weir_ns now_ns) {
    uint64_t limit = ts->armings;
    size_t fired = 0;
    for (struct weir__timer *t = ts->first; t != NULL && t->deadline_ns <= now_ns;) {
        if (t->priv[1] >= limit) {
            t = next_of(t);
            continue;
        }
        weir__timer_disarm(ts, t);
        fired++;
        t->fire(t);
        t = ts->first;
    }
    return fired;
}

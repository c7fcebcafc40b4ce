/* SPDX-License-Identifier: MIT */
/* timers.h - deadlines of one loop. Arming never fails, and its cost does not grow with the count
 * of timers. A timer is its caller's memory and is not moved while armed. Timers fire in order of
 * deadline, equal deadlines in order of arming. All arithmetic is on integers, so that a simulation
 * gives the same result on every machine. */
#ifndef WEIR_LOOP_TIMERS_H
#define WEIR_LOOP_TIMERS_H

#include <stdbool.h>
#include <weir/base.h>

struct weir__timer { /* 32 bytes; it fits into a public weir_scope */
    weir_ns deadline_ns;
    void (*fire)(struct weir__timer *t);
    uint64_t priv[2]; /* timers.c and near.c only; priv[0] == 0: not armed */
};

struct weir__timers;

int weir__timers_new(weir_ns now_ns, struct weir__timers **ret_timers); /* 0 or -ENOMEM */
void weir__timers_free(struct weir__timers *ts);                       /* no timer may be armed */
bool weir__timers_armed(struct weir__timers *ts);                      /* is any timer armed? */

static inline void weir__timer_init(struct weir__timer *t, void (*fire)(struct weir__timer *t)) {
    t->deadline_ns = WEIR_NEVER;
    t->fire = fire;
    t->priv[0] = t->priv[1] = 0;
}

static inline bool weir__timer_armed(const struct weir__timer *t) {
    return t->priv[0] != 0;
}

/* Arm or re-arm t for deadline_ns. WEIR_NEVER disarms it. A deadline in the past fires in the next
 * weir__timers_fire. */
WEIR_API void weir__timer_arm(struct weir__timers *ts, struct weir__timer *t, weir_ns deadline_ns);
/* Harmless if t is not armed. */
WEIR_API void weir__timer_disarm(struct weir__timers *ts, struct weir__timer *t);

/* How long the loop may wait: a time not later than the earliest deadline; WEIR_NEVER without any
 * timer. It may be too early; waiting until it and calling weir__timers_fire makes it more exact.
 * With exact true it is the earliest deadline itself (the simulation needs that). */
weir_ns weir__timers_next(struct weir__timers *ts, bool exact);

/* Disarm and fire all timers with deadline <= now_ns, in order. The function fire may arm and
 * disarm any timer; a timer that it arms for a time <= now_ns fires in the next call. Returns how
 * many fired. */
size_t weir__timers_fire(struct weir__timers *ts, weir_ns now_ns);

#endif

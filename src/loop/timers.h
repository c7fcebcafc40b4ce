/* SPDX-License-Identifier: MIT */
/* timers.h - deadlines of one loop. Arming never fails; cost does not grow with the count.
 * A timer is its caller's memory, not moved while armed. Timers fire in order of deadline; equal
 * deadlines in order of arming. Integer arithmetic only: a seed replays anywhere. */
#ifndef WEIR_LOOP_TIMERS_H
#define WEIR_LOOP_TIMERS_H

#include <stdbool.h>
#include <weir/base.h>

struct weir__timer { /* 32 bytes; it fits into a public weir_scope */
    weir_ns deadline_ns;
    void (*fire)(struct weir__timer *t);
    uint64_t priv[2]; /* zeroed by init; priv[0] == 0: not armed */
};

struct weir__timers;

int weir__timers_new(weir_ns now_ns, struct weir__timers **ret_timers); /* 0 or -ENOMEM */
void weir__timers_free(struct weir__timers *ts);                       /* nothing armed any more */

static inline void weir__timer_init(struct weir__timer *t, void (*fire)(struct weir__timer *t)) {
    t->deadline_ns = WEIR_NEVER;
    t->fire = fire;
    t->priv[0] = t->priv[1] = 0;
}

static inline bool weir__timer_armed(const struct weir__timer *t) {
    return t->priv[0] != 0;
}

/* Arm (or re-arm) for deadline_ns; WEIR_NEVER disarms; a deadline in the past fires next time. */
void weir__timer_arm(struct weir__timers *ts, struct weir__timer *t, weir_ns deadline_ns);
void weir__timer_disarm(struct weir__timers *ts, struct weir__timer *t); /* harmless if not armed */

/* A time not after the earliest deadline, and exact once that is near; WEIR_NEVER if none.
 * Waiting until it and calling fire_due then converges on the exact deadline. In a simulation
 * exact must be true: the earliest deadline itself. */
weir_ns weir__timers_next(struct weir__timers *ts, bool exact);

/* Disarm and fire all with deadline <= now_ns, in order. fire may arm and disarm any timer; one
 * armed for a time <= now_ns during the call fires at the next call. Returns how many fired. */
size_t weir__timers_fire(struct weir__timers *ts, weir_ns now_ns);

#endif

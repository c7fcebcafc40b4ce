/* SPDX-License-Identifier: MIT */
/* wall_timer.h - the ops of the wall clock, done at once: the time, and a timer (timerfd) that also
 * becomes readable when the clock is stepped. */
#ifndef WEIR_SYS_WALL_TIMER_H
#define WEIR_SYS_WALL_TIMER_H

#include "sys/backend.h"

static inline bool weir__wall_kind(int kind) {
    return kind >= WEIR__WALL_NOW && kind <= WEIR__WALL_END;
}

/* Do it. Returns the op's result. */
int64_t weir__wall(struct weir__op *op);

/* The wall clock; *ret_offset_ns, if it is not NULL: less the monotonic clock. */
weir_ns weir__wall_now(weir_ns *ret_offset_ns);

#endif

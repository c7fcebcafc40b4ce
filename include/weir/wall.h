/* SPDX-License-Identifier: MIT */
/* wall.h - the wall clock: the time of day, which people and NTP set. It may be stepped forward or
 * back at any moment. All other times in weir are of the monotonic clock, which nobody sets. Use
 * the wall clock only for times of the calendar, such as a job at 03:00.
 *
 * A simulated world has a wall clock too. It begins at 2026-01-01 00:00:00 UTC, and
 * weir_sim_wall_step (weir/testing.h) steps it. */
#ifndef WEIR_WALL_H
#define WEIR_WALL_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The time of the wall clock, in nanoseconds since 1970-01-01 00:00:00 UTC, without leap seconds.
 * Any thread; inside a loop it is that loop's clock, which may be simulated. */
WEIR_API weir_ns weir_wall_now(void);

/* How many nanoseconds the wall clock is ahead of weir_now. It changes when the wall clock is
 * stepped, and by a suspend of the machine, during which the monotonic clock stands still. Slewing
 * changes both clocks alike. Any thread. */
WEIR_API weir_ns weir_wall_offset(void);

/* Sleep until the wall clock has reached when_ns. If the clock is stepped meanwhile, or the machine
 * was suspended, the call returns at once, so that the caller can compute its time anew.
 * Returns 0 once the clock has reached when_ns, also by a step; 1 after a step or suspend that has
 * not reached it; -ECANCELED, -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_wall_sleep_until(weir_ns when_ns);

/* Wait until the wall clock has been stepped by 1 ms or more since its offset was *offset_ns. Begin
 * with weir_wall_offset(), and give the same variable to each call: no step between two calls is
 * missed.
 * Returns 0, and *offset_ns is the new offset: it differs from the old one by the step; -ECANCELED,
 * -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP. On error or cancel *offset_ns is untouched. */
WEIR_SUSPENDS int weir_wall_wait_step(weir_ns *offset_ns);

#ifdef __cplusplus
}
#endif
#endif

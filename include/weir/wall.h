/* SPDX-License-Identifier: MIT */
/* wall.h - the wall clock: the time of day, which people and NTP set. It can be stepped forward and
 * back at any moment. All other times in weir are by the monotonic clock, which nobody sets: use
 * this one only for what a calendar says, such as a job at 03:00.
 *
 * A simulated world has a wall clock too. It begins at 2026-01-01 00:00:00 UTC, and
 * weir_sim_wall_step (weir/testing.h) steps it. */
#ifndef WEIR_WALL_H
#define WEIR_WALL_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The wall clock, in nanoseconds since 1970-01-01 00:00:00 UTC without leap seconds. Any thread;
 * inside a loop it is that loop's, which may be simulated. */
WEIR_API weir_ns weir_wall_now(void);

/* How far the wall clock is ahead of weir_now. Only steps change it, and a suspend of the machine,
 * during which the monotonic clock stands still; a clock that is slewed changes both. */
WEIR_API weir_ns weir_wall_offset(void);

/* Sleep until the wall clock has reached when_ns. If the clock is stepped meanwhile the call wakes
 * at once: after a step the caller should compute its time anew, since the calendar has changed.
 * Returns 0 once the clock has reached when_ns, also by a step; 1 if it was stepped (or the machine
 * was suspended) and has not reached it; -ECANCELED, -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_wall_sleep_until(weir_ns when_ns);

/* Wait until the wall clock has been stepped by 1 ms or more since *offset_ns was the offset. Begin
 * with weir_wall_offset(). When the call returns 0, *offset_ns is the new offset: the difference is
 * how far the clock was stepped. So no step is missed that comes between two calls.
 * Returns 0; -ECANCELED, -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP. On error *offset_ns is
 * untouched. */
WEIR_SUSPENDS int weir_wall_wait_step(weir_ns *offset_ns);

#ifdef __cplusplus
}
#endif
#endif

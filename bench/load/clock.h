/* SPDX-License-Identifier: MIT */
/* The clocks of the load generator: monotonic time, and the CPU time of a process.
 * Not a timer. A process clock counts every thread, ended ones too, in nanoseconds, and
 * needs no tick: it is utime + stime before the kernel rounds them to 10 ms. */
#ifndef BENCH_LOAD_CLOCK_H
#define BENCH_LOAD_CLOCK_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

static inline int64_t clock_read_ns(clockid_t id) {
    struct timespec t;

    if (clock_gettime(id, &t) != 0)
        return -1;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t clock_now_ns(void) {
    return clock_read_ns(CLOCK_MONOTONIC);
}

static inline int64_t clock_own_cpu_ns(void) {
    return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* CPU time of process pid; -1 if there is none. */
static inline int64_t clock_cpu_of_ns(pid_t pid) {
    clockid_t id;

    if (clock_getcpuclockid(pid, &id) != 0)
        return -1;
    return clock_read_ns(id);
}

#endif

/* SPDX-License-Identifier: MIT */
/* yield.h - what a yield costs, measured beside other figures, which are stated in yields. */
#ifndef WEIR_BENCH_YIELD_H
#define WEIR_BENCH_YIELD_H

#include <stdio.h>
#include <weir/loop.h>
#include <weir/task.h>

enum { YIELDS = 2000000 };

static inline double per(weir_ns start, double n) {
    return (double)(weir_now() - start) / n;
}

static int yielder(void *args) {
    (void)args;
    for (int i = 0; i < YIELDS; i++)
        weir_yield();
    return 0;
}

/* Two tasks that yield to each other. Prints the nanoseconds of one yield. */
static inline void bench_yield(void) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, yielder);
    weir_go0(&g, yielder);
    weir_ns start = weir_now();
    weir_group_close(&g, 0);
    printf("yield_ns %.1f\n", per(start, 2.0 * YIELDS));
}

#endif

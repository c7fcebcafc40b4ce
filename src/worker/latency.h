/* SPDX-License-Identifier: MIT */
/* latency.h - a histogram of how long answers took: buckets of 1/16 of a power of two, so at most
 * 6 % off, from 1 us to 2^40 us. No allocation. */
#ifndef WEIR_WORKER_LATENCY_H
#define WEIR_WORKER_LATENCY_H

#include <weir/base.h>

enum { WEIR__LATENCY_STEPS = 16, WEIR__LATENCY_BUCKETS = 37 * WEIR__LATENCY_STEPS };

struct weir__latency {
    uint64_t count;
    uint32_t buckets[WEIR__LATENCY_BUCKETS];
};

void weir__latency_add(struct weir__latency *l, weir_ns took);

/* The time in us within which so many per cent (1 .. 100) were answered; 0: nothing was added. */
uint64_t weir__latency_us(const struct weir__latency *l, unsigned percent);

#endif

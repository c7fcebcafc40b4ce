/* SPDX-License-Identifier: MIT */
/* A histogram of latencies in nanoseconds, in the manner of HDR: each power of two is cut
 * into 64 equal buckets, so that a quantile is at most 1.6 % off from 64 ns to 2^40 ns
 * (18 minutes). Constant memory, constant time to record. */
#ifndef BENCH_LOAD_HISTOGRAM_H
#define BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 6,
    HISTOGRAM_SUB = 1 << HISTOGRAM_SUB_BITS,
    HISTOGRAM_TOP_BIT = 40,
    HISTOGRAM_BUCKETS = (HISTOGRAM_TOP_BIT - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB
};

struct histogram {
    uint64_t count;
    int64_t max_ns;
    double sum_ns;
    uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, int64_t latency_ns);

/* The latency that the fraction q (0..1) of the records does not exceed; 0 without records. */
int64_t histogram_quantile_ns(const struct histogram *h, double q);
double histogram_mean_ns(const struct histogram *h);

#endif

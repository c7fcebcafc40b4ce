/* SPDX-License-Identifier: MIT */
/* See histogram.h. Bucket b of power p holds [(64 + b) << p, (64 + b + 1) << p); the values
 * below 64 have a bucket each. */
#include "histogram.h"

#include <string.h>

static unsigned bucket_of(uint64_t v) {
    unsigned power;

    if (v < HISTOGRAM_SUB)
        return (unsigned)v;
    if (v >> HISTOGRAM_TOP_BIT)
        return HISTOGRAM_BUCKETS - 1;
    power = 63U - (unsigned)__builtin_clzll(v) - HISTOGRAM_SUB_BITS;
    return (power + 1) * HISTOGRAM_SUB + (unsigned)((v >> power) - HISTOGRAM_SUB);
}

/* The largest value that falls into a bucket. */
static int64_t bucket_top(unsigned i) {
    unsigned power;

    if (i < HISTOGRAM_SUB)
        return (int64_t)i;
    power = i / HISTOGRAM_SUB - 1;
    return (int64_t)((((uint64_t)HISTOGRAM_SUB + i % HISTOGRAM_SUB + 1) << power) - 1);
}

void histogram_clear(struct histogram *h) {
    memset(h, 0, sizeof *h);
}

void histogram_add(struct histogram *h, int64_t latency_ns) {
    if (latency_ns < 0)
        latency_ns = 0;
    h->count++;
    h->sum_ns += (double)latency_ns;
    if (latency_ns > h->max_ns)
        h->max_ns = latency_ns;
    h->bucket[bucket_of((uint64_t)latency_ns)]++;
}

int64_t histogram_quantile_ns(const struct histogram *h, double q) {
    uint64_t seen = 0, wanted = (uint64_t)(q * (double)h->count);

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > wanted || (seen == h->count && seen > 0)) {
            int64_t top = bucket_top(i);
            return top < h->max_ns ? top : h->max_ns;
        }
    }
    return 0;
}

double histogram_mean_ns(const struct histogram *h) {
    return h->count ? h->sum_ns / (double)h->count : 0;
}

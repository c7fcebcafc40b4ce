/* SPDX-License-Identifier: MIT */
/* latency.c - 0 .. 15 us have a bucket each; above, the top five bits of the number choose. */
#include "worker/latency.h"

#include "base/check.h"

static unsigned bucket_of(uint64_t us) {
    if (us < WEIR__LATENCY_STEPS)
        return (unsigned)us;
    unsigned top = 63 - (unsigned)__builtin_clzll(us); /* >= 4 */
    unsigned step = (unsigned)(us >> (top - 4)) & (WEIR__LATENCY_STEPS - 1);
    unsigned bucket = (top - 3) * WEIR__LATENCY_STEPS + step;
    return bucket < WEIR__LATENCY_BUCKETS ? bucket : WEIR__LATENCY_BUCKETS - 1;
}

/* The largest time that falls into the bucket. */
static uint64_t end_of(unsigned bucket) {
    WEIR_CHECK(bucket < WEIR__LATENCY_BUCKETS);
    if (bucket < WEIR__LATENCY_STEPS)
        return bucket;
    unsigned shift = bucket / WEIR__LATENCY_STEPS - 1;
    uint64_t step = bucket % WEIR__LATENCY_STEPS + WEIR__LATENCY_STEPS;
    return ((step + 1) << shift) - 1;
}

void weir__latency_add(struct weir__latency *l, weir_ns took) {
    unsigned bucket = bucket_of(took > 0 ? (uint64_t)took / 1000 : 0);
    WEIR_CHECK(bucket < WEIR__LATENCY_BUCKETS);
    l->count++;
    l->buckets[bucket]++;
}

uint64_t weir__latency_us(const struct weir__latency *l, unsigned percent) {
    WEIR_CHECK(percent >= 1 && percent <= 100);
    uint64_t wanted = (l->count * percent + 99) / 100, seen = 0;
    for (unsigned i = 0; i < WEIR__LATENCY_BUCKETS && l->count > 0; i++)
        if ((seen += l->buckets[i]) >= wanted)
            return end_of(i) > 0 ? end_of(i) : 1;
    return 0;
}

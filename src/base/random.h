/* SPDX-License-Identifier: MIT */
/* random.h - a small seeded generator (splitmix64, Steele et al. 2014): for seeds, schedules,
 * jitter. Not for keys: those come from the backend's random. All arithmetic is on integers, so
 * that a seed gives the same numbers on every machine. */
#ifndef WEIR_BASE_RANDOM_H
#define WEIR_BASE_RANDOM_H

#include <stdint.h>

struct weir__random {
    uint64_t state;
};

static inline uint64_t weir__random_next(struct weir__random *r) {
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in 0 .. bound-1 to within 2^-32; bound 1 .. 2^32. */
static inline uint64_t weir__random_below(struct weir__random *r, uint64_t bound) {
    return ((weir__random_next(r) >> 32) * bound) >> 32;
}

#endif

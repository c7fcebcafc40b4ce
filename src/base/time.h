/* SPDX-License-Identifier: MIT */
/* time.h - add a duration to a point in time without overflow. Any weir_ns may come from a public
 * option and be WEIR_NEVER or close to it. So the library never adds times with +, which
 * tools/deadlines.py checks; it calls weir__deadline. */
#ifndef WEIR_BASE_TIME_H
#define WEIR_BASE_TIME_H

#include <weir/base.h>

/* now + after; WEIR_NEVER where that is too far, INT64_MIN where it is too long ago. */
static inline weir_ns weir__deadline(weir_ns now, weir_ns after) {
    weir_ns at;
    if (__builtin_expect(!__builtin_add_overflow(now, after, &at), 1))
        return at;
    return after > 0 ? WEIR_NEVER : INT64_MIN;
}

#endif

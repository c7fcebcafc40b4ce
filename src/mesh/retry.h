/* SPDX-License-Identifier: MIT */
/* retry.h - the pauses of one outage: 100 ms doubling to 1 s, jitter 20 %, until the mesh's limit
 * is used up. Only time without a connection counts against it. */
#ifndef WEIR_MESH_RETRY_H
#define WEIR_MESH_RETRY_H

#include <stdbool.h>
#include <stdio.h>

#include "base/random.h"
#include "mesh/limits.h"

struct weir__retry {
    weir_ns left, pause;
};

static inline struct weir__retry weir__retry_new(weir_ns all) {
    return (struct weir__retry){all, WEIR__RETRY_FIRST};
}

/* The next pause, counted against what is left; 0: nothing is left. */
static inline weir_ns weir__retry_next(struct weir__retry *r, struct weir__random *random) {
    weir_ns percent = 100 - WEIR__RETRY_JITTER
                      + (weir_ns)weir__random_below(random, 2 * WEIR__RETRY_JITTER + 1);
    weir_ns pause = r->pause / 100 * percent;
    if (r->left <= 0)
        return 0;
    pause = pause < r->left ? pause : r->left;
    r->pause = r->pause * 2 < WEIR__RETRY_LAST ? r->pause * 2 : WEIR__RETRY_LAST;
    r->left -= pause;
    return pause;
}

enum { WEIR__RETRY_TEXT = 32 };

/* " for 5 s", or "" if there is no limit. */
static inline void weir__retry_text(weir_ns all, char ret_text[static WEIR__RETRY_TEXT]) {
    bool is_whole = all % WEIR_SECONDS(1) == 0;
    weir_ns count = all / (is_whole ? WEIR_SECONDS(1) : WEIR_MILLISECONDS(1));
    ret_text[0] = '\0';
    if (all != WEIR_NEVER)
        snprintf(ret_text, WEIR__RETRY_TEXT, " for %lld %s", (long long)count,
                 is_whole ? "s" : "ms");
}

#endif

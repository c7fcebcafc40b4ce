/* SPDX-License-Identifier: MIT */
/* nearest.h - the known name that a mistyped one was probably meant to be. Pure. */
#ifndef WEIR_MESH_NEAREST_H
#define WEIR_MESH_NEAREST_H

#include <stddef.h>

/* Give it the names one by one; nearest is the best of them so far. NULL: none is near enough to be
 * suggested (one slip, or a third of a long word). Names are borrowed. */
struct weir__nearest {
    const char *word, *nearest;
    size_t distance;
};

static inline struct weir__nearest weir__nearest_to(const char *word) {
    return (struct weir__nearest){word, NULL, (size_t)-1};
}

void weir__nearest_feed(struct weir__nearest *n, const char *name);

#endif

/* SPDX-License-Identifier: MIT */
/* suggest.c - the mesh's measure of nearness, over a list. */
#include "cli/suggest.h"

#include "mesh/nearest.h"

const char *suggest_nearest(const char *word, const char *const *known, size_t count) {
    struct weir__nearest near = weir__nearest_to(word);
    for (size_t i = 0; i < count; i++)
        if (known[i] != NULL)
            weir__nearest_feed(&near, known[i]);
    return near.nearest;
}

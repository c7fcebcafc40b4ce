/* SPDX-License-Identifier: MIT */
/* arena.h - small pieces of memory that are freed all at once: the parts of a fleet file or a
 * plan. */
#ifndef WEIR_CLI_ARENA_H
#define WEIR_CLI_ARENA_H

#include <stddef.h>

struct arena { /* zero: empty */
    struct arena_block *blocks;
};

/* Take size bytes, zeroed and aligned for any type. Returns NULL without memory. */
void *arena_take(struct arena *a, size_t size) __attribute__((warn_unused_result));

/* Copy len bytes and add a NUL. Returns NULL without memory. */
char *arena_text(struct arena *a, const char *bytes, size_t len)
    __attribute__((warn_unused_result));

/* As sprintf, into the arena. Returns NULL without memory. */
char *arena_format(struct arena *a, const char *format, ...)
    __attribute__((warn_unused_result, format(printf, 2, 3)));

/* Free all that was taken; the arena is empty again. */
void arena_fini(struct arena *a);

#endif

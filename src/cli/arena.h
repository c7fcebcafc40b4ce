/* SPDX-License-Identifier: MIT */
/* arena.h - small pieces of memory that are freed all at once: what a file or a plan is made of. */
#ifndef WEIR_CLI_ARENA_H
#define WEIR_CLI_ARENA_H

#include <stddef.h>

struct arena { /* zero: empty */
    struct arena_block *blocks;
};

/* size bytes, zeroed, aligned for anything; NULL: no memory. */
void *arena_take(struct arena *a, size_t size) __attribute__((warn_unused_result));

/* A copy of len bytes with a NUL behind; NULL: no memory. */
char *arena_text(struct arena *a, const char *bytes, size_t len)
    __attribute__((warn_unused_result));

/* As sprintf into the arena; NULL: no memory. */
char *arena_format(struct arena *a, const char *format, ...)
    __attribute__((warn_unused_result, format(printf, 2, 3)));

/* Free all that was taken; the arena is empty again. */
void arena_fini(struct arena *a);

#endif

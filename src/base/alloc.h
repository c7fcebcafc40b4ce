/* SPDX-License-Identifier: MIT */
/* alloc.h - the library's heap. It counts allocations, and the fault tests can make one fail. Every
 * caller returns -ENOMEM on NULL. Any thread. */
#ifndef WEIR_BASE_ALLOC_H
#define WEIR_BASE_ALLOC_H

#include <weir/base.h>

WEIR_API void *weir__alloc(size_t size) __attribute__((malloc, warn_unused_result));
WEIR_API void *weir__alloc_zero(size_t size) __attribute__((malloc, warn_unused_result));
WEIR_API void *weir__realloc(void *old, size_t size) __attribute__((warn_unused_result));
WEIR_API void weir__free(void *p);
/* The block becomes the program's, which frees it by free(3). Returns p. */
WEIR_API void *weir__alloc_given(void *p);
WEIR_API char *weir__strdup(const char *s) __attribute__((malloc, warn_unused_result));

/* Allocations not yet freed, of all threads: now, and the most since the last call of peak_reset
 * (0 before the first). Exact once the threads that allocate are quiet. */
WEIR_API size_t weir__alloc_live(void);
size_t weir__alloc_peak(void);
void weir__alloc_peak_reset(void);

/* Make the n-th allocation from now fail, in whichever thread it is (1 is the next; 0: none). For
 * tests. Returns how many allocations were tried since the last call. */
WEIR_API size_t weir__alloc_fail_at(size_t n);

#endif

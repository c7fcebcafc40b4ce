/* SPDX-License-Identifier: MIT */
/* alloc.c - malloc with three counters. They are per process and relaxed: exact once the threads
 * that allocate are quiet, which is when tests read them. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic size_t live, peak, asked, fail_at;

static int must_fail(void) {
    size_t n = atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed) + 1;
    size_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    return at != 0 && n == at;
}

static void *counted(void *p) {
    if (p == NULL)
        return NULL;
    size_t n = atomic_fetch_add_explicit(&live, 1, memory_order_relaxed) + 1;
    size_t top = atomic_load_explicit(&peak, memory_order_relaxed);
    while (n > top && !atomic_compare_exchange_weak_explicit(&peak, &top, n, memory_order_relaxed,
                                                             memory_order_relaxed))
        continue;
    return p;
}

void *weir__alloc(size_t size) {
    return must_fail() ? NULL : counted(malloc(size ? size : 1));
}

void *weir__alloc_zero(size_t size) {
    return must_fail() ? NULL : counted(calloc(1, size ? size : 1));
}

void *weir__realloc(void *old, size_t size) {
    if (old == NULL)
        return weir__alloc(size);
    return must_fail() ? NULL : realloc(old, size ? size : 1);
}

void weir__free(void *p) {
    if (p != NULL)
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}

char *weir__strdup(const char *s) {
    size_t len = strlen(s) + 1;
    char *copy = weir__alloc(len);
    return copy ? memcpy(copy, s, len) : NULL;
}

size_t weir__alloc_live(void) {
    return atomic_load_explicit(&live, memory_order_relaxed);
}

size_t weir__alloc_peak(void) {
    return atomic_load_explicit(&peak, memory_order_relaxed);
}

void weir__alloc_peak_reset(void) {
    atomic_store_explicit(&peak, weir__alloc_live(), memory_order_relaxed);
}

size_t weir__alloc_fail_at(size_t n) {
    atomic_store_explicit(&fail_at, n, memory_order_relaxed);
    return atomic_exchange_explicit(&asked, 0, memory_order_relaxed);
}

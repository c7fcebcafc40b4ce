/* SPDX-License-Identifier: MIT */
/* alloc.c - malloc that counts. Each thread counts in one of a few slots, so that two loops do not
 * write to the same cache line; a reader of the counts adds the slots up. The counts are relaxed:
 * exact once the threads that allocate are quiet, which is when tests read them. A block may be
 * freed by another thread than allocated it: then one slot has more releases than allocations, and
 * the sum is right all the same. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Threads get their slots in turn: loops that begin together do not share one. More threads than
 * slots do share, and only pay for it. 128 bytes, since processors fetch lines in pairs. */
enum { SLOTS = 32, SLOT_SIZE = 128 };

static struct slot {
    _Alignas(SLOT_SIZE) _Atomic size_t asked; /* calls that want memory, realloc too */
    _Atomic size_t settled;                   /* of those: freed, refused, or old memory resized */
} slots[SLOTS];

static _Thread_local struct slot *mine;

/* What tests switch on. All threads read this cache line; outside of tests none writes it. */
static _Alignas(SLOT_SIZE) _Atomic bool counts_down, keeps_peak;
static _Alignas(SLOT_SIZE) _Atomic size_t left, peak, asked_before;

static void add(_Atomic size_t *count) {
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static struct slot *slot_here(void) {
    static _Atomic unsigned taken;
    if (mine == NULL)
        mine = &slots[atomic_fetch_add_explicit(&taken, 1, memory_order_relaxed) % SLOTS];
    return mine;
}

static bool must_fail(void) {
    add(&slot_here()->asked);
    return atomic_load_explicit(&counts_down, memory_order_relaxed)
           && atomic_fetch_sub_explicit(&left, 1, memory_order_relaxed) == 1;
}

static void keep_peak(void) {
    size_t n = weir__alloc_live(), top = atomic_load_explicit(&peak, memory_order_relaxed);
    while (n > top && !atomic_compare_exchange_weak_explicit(&peak, &top, n, memory_order_relaxed,
                                                             memory_order_relaxed))
        continue;
}

static void *counted(void *p) {
    if (p == NULL)
        add(&slot_here()->settled);
    else if (atomic_load_explicit(&keeps_peak, memory_order_relaxed))
        keep_peak();
    return p;
}

void *weir__alloc(size_t size) {
    return counted(must_fail() ? NULL : malloc(size ? size : 1));
}

void *weir__alloc_zero(size_t size) {
    return counted(must_fail() ? NULL : calloc(1, size ? size : 1));
}

void *weir__realloc(void *old, size_t size) {
    if (old == NULL)
        return weir__alloc(size);
    bool fails = must_fail();
    add(&slot_here()->settled); /* the number of blocks has not changed */
    return fails ? NULL : realloc(old, size ? size : 1);
}

void weir__free(void *p) {
    if (p != NULL)
        add(&slot_here()->settled);
    free(p);
}

void *weir__alloc_given(void *p) {
    add(&slot_here()->settled);
    return p;
}

char *weir__strdup(const char *s) {
    size_t len = strlen(s) + 1;
    char *copy = weir__alloc(len);
    return copy ? memcpy(copy, s, len) : NULL;
}

/* settled is read before asked: of a block that is allocated and freed meanwhile, the release alone
 * must not be counted. */
size_t weir__alloc_live(void) {
    size_t asked = 0, settled = 0;
    for (int i = 0; i < SLOTS; i++)
        settled += atomic_load_explicit(&slots[i].settled, memory_order_relaxed);
    for (int i = 0; i < SLOTS; i++)
        asked += atomic_load_explicit(&slots[i].asked, memory_order_relaxed);
    return asked - settled;
}

size_t weir__alloc_peak(void) {
    return atomic_load_explicit(&peak, memory_order_relaxed);
}

void weir__alloc_peak_reset(void) {
    atomic_store_explicit(&peak, weir__alloc_live(), memory_order_relaxed);
    atomic_store_explicit(&keeps_peak, true, memory_order_relaxed);
}

size_t weir__alloc_fail_at(size_t n) {
    size_t asked = 0;
    for (int i = 0; i < SLOTS; i++)
        asked += atomic_load_explicit(&slots[i].asked, memory_order_relaxed);
    atomic_store_explicit(&left, n, memory_order_relaxed);
    atomic_store_explicit(&counts_down, n != 0, memory_order_relaxed);
    return asked - atomic_exchange_explicit(&asked_before, asked, memory_order_relaxed);
}

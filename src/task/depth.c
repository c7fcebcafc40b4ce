/* SPDX-License-Identifier: MIT */
/* depth.c - see depth.h. mincore(2) says which pages of a stack exist. Clearing and searching touch
 * only those, so that measuring does not change the use of memory. */
#include "task/depth.h"

#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/log.h"
#include "task/sanitize.h"

enum { PAGE = 4096, CHUNK = 256 /* pages asked for at a time */, BELOW = 512 };

void weir__depths_init(struct depths *d) {
    memset(d, 0, sizeof *d);
    d->slots = d->recent = d->first;
    d->mask = DEPTH_SLOTS_FIRST - 1;
}

void weir__depths_fini(struct depths *d) {
    if (d->slots != d->first)
        weir__free(d->slots);
}

static struct depth *find(const struct depths *d, const struct weir_site *site, uint32_t class) {
    size_t i = depth_slot(d, site, class);
    while (d->slots[i].site != NULL && !depth_is(&d->slots[i], site, class))
        i = (i + 1) & d->mask;
    return &d->slots[i];
}

/* Returns false without memory: the places known so far are still counted, new ones are not. */
static bool grow(struct depths *d) {
    uint32_t old_count = d->mask + 1;
    struct depth *old = d->slots;
    if (old_count >= DEPTH_SLOTS_MAX)
        return false;
    struct depth *slots = weir__alloc_zero(2 * old_count * sizeof *slots);
    if (slots == NULL)
        return false;
    d->slots = d->recent = slots;
    d->mask = 2 * old_count - 1;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i].site != NULL)
            *find(d, old[i].site, old[i].class) = old[i];
    if (old != d->first)
        weir__free(old);
    return true;
}

static struct depth *find_or_add(struct depths *d, const struct weir_site *site, uint32_t class) {
    struct depth *at = find(d, site, class);
    if (at->site != NULL)
        return at;
    if (d->count >= d->mask / 4 * 3) {
        if (!grow(d))
            return NULL;
        at = find(d, site, class);
    }
    *at = (struct depth){.site = site, .class = class, .left = 1, .due = 1, .ordinal = d->count++};
    return at;
}

/* The lowest page at or above from, below end, that was touched; end if none was. */
static __attribute__((noinline)) uint8_t *touched_from(uint8_t *from, uint8_t *end) {
    unsigned char there[CHUNK];
    while (from < end) {
        size_t pages = ((size_t)(end - from) + PAGE - 1) / PAGE;
        if (pages > CHUNK)
            pages = CHUNK;
        if (mincore(from, pages * PAGE, there) < 0)
            return from; /* an emulator may not know: look at all of it */
        for (size_t i = 0; i < pages; i++)
            if (there[i] & 1)
                return from + i * PAGE;
        from += pages * PAGE;
    }
    return end;
}

/* Pages are touched from the top down, so all above the lowest touched one is there. */
static __attribute__((noinline)) void clear_below(struct stack *stack) {
    uint8_t *end = (uint8_t *)__builtin_frame_address(0) - BELOW;
    if (end <= stack->low)
        return;
    stack->clear_from = touched_from(stack->low, end);
    if (stack->clear_from < end)
        memset(stack->clear_from, 0, (size_t)(end - stack->clear_from));
}

static bool is_watched(const struct stack *stack) {
    return SANITIZED || stack->valgrind_id != 0; /* these forbid to read the unused part */
}

void weir__depth_begins(struct depths *d, const struct weir_site *site, struct stack *stack) {
    struct depth *at = find_or_add(d, site, stack->class);
    if (at == NULL)
        return;
    if (at->left > 0 && --at->left > 0) /* 0: depth_begins has counted this task already */
        return;
    at->left = at->due < DEPTH_STEP_MAX ? (uint32_t)at->due : DEPTH_STEP_MAX;
    at->due += at->left;
    if (is_watched(stack))
        return;
    stack->measured = site;
    at->measured++;
    clear_below(stack);
}

/* The lowest address that was used since clear_below. A page that did not exist then counts as
 * used, even if it holds zeros only. */
static uint8_t *lowest_used(struct stack *stack) {
    uint8_t *page = touched_from(stack->low, (uint8_t *)stack);
    const uint64_t *word = (const void *)page;
    while ((const uint8_t *)word < (uint8_t *)stack && *word == 0)
        word++;
    uint8_t *used = (uint8_t *)(uintptr_t)word;
    bool is_new = page < stack->clear_from && used >= page + PAGE;
    return is_new ? page : used;
}

static void warn_if_near(const struct depth *at) {
    weir__log(WEIR_LOG_WARNING,
              "a task '%s' (%s:%d) used %zu of the %zu KiB of its stack: give it more (stack_size)",
              at->site->name, at->site->file, at->site->line, at->deepest / 1024,
              at->stack_size / 1024);
}

void weir__depth_look(struct depths *d, struct stack *stack) {
    struct depth *at = find(d, stack->measured, stack->class);
    size_t size = (size_t)((uint8_t *)stack - stack->low);
    size_t depth = (size_t)((uint8_t *)stack - lowest_used(stack));
    if (depth <= at->deepest)
        return;
    bool was_near = at->deepest > at->stack_size / 8 * 7;
    at->deepest = depth;
    at->stack_size = size;
    if (depth > size / 8 * 7 && !was_near)
        warn_if_near(at);
}

void weir__depth_ends(struct depths *d, struct stack *stack) {
    weir__depth_look(d, stack);
    stack->measured = NULL;
}

const struct depth *weir__depth_at(const struct depths *d, size_t i) {
    for (uint32_t slot = 0; slot <= d->mask; slot++)
        if (d->slots[slot].site != NULL && d->slots[slot].ordinal == i)
            return &d->slots[slot];
    return NULL;
}

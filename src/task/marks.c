/* SPDX-License-Identifier: MIT */
/* marks.c - see marks.h. Compiled into builds with the option mark_checks only. */
#include "task/marks.h"

#include "base/check.h"

enum { SLOTS = 4096 }; /* more than twice the public functions */

#define UNWATCHED __attribute__((no_instrument_function))

extern const struct mark_entry weir__mark_table[]; /* made from the headers by tools/marks.py */

__thread struct mark_trail weir__mark_trail;

static const struct mark_entry *slots[SLOTS];

/* The table is sparse, so that most searches end at the first slot: most functions that are entered
 * are not public. */
static UNWATCHED const struct mark_entry **slot_of(const void *function) {
    size_t i = (size_t)((uintptr_t)function * 0x9e3779b97f4a7c15u >> 40) % SLOTS;
    while (slots[i] != NULL && slots[i]->function != function)
        i = (i + 1) % SLOTS;
    return &slots[i];
}

UNWATCHED void weir__marks_use(const struct mark_entry *table) {
    memset(slots, 0, sizeof slots);
    for (const struct mark_entry *e = table; e->name != NULL; e++) {
        WEIR_CHECK(e - table < SLOTS / 2);
        *slot_of(e->function) = e;
    }
}

static UNWATCHED __attribute__((constructor)) void use_default(void) {
    weir__marks_use(weir__mark_table);
}

UNWATCHED void weir__marks_entered(const void *function) {
    const struct mark_entry *e = *slot_of(function);
    struct mark_trail *trail = &weir__mark_trail;
    if (e == NULL)
        return;
    if (trail->depth < MARKS_DEPTH) {
        trail->calls[trail->depth].entry = e;
        trail->calls[trail->depth].points = trail->points;
    }
    trail->depth++;
}

UNWATCHED void weir__marks_left(const void *function) {
    const struct mark_entry *e = *slot_of(function);
    struct mark_trail *trail = &weir__mark_trail;
    if (e == NULL)
        return;
    WEIR_CHECK(trail->depth > 0);
    if (--trail->depth >= MARKS_DEPTH)
        return;
    WEIR_CHECK(trail->calls[trail->depth].entry == e);
    if (e->suspends && trail->calls[trail->depth].points == trail->points)
        WEIR_BUG("%s is marked WEIR_SUSPENDS, but returned without being a cancel point", e->name);
}

UNWATCHED void weir__marks_parks(void) {
    struct mark_trail *trail = &weir__mark_trail;
    uint32_t known = trail->depth < MARKS_DEPTH ? trail->depth : MARKS_DEPTH;
    for (uint32_t i = 0; i < known; i++)
        if (!trail->calls[i].entry->suspends)
            WEIR_BUG("%s is not marked WEIR_SUSPENDS, but parks (in %s)",
                     trail->calls[i].entry->name, trail->calls[known - 1].entry->name);
}

/* The compiler calls these two (-finstrument-functions). */
UNWATCHED void __cyg_profile_func_enter(void *function, void *site);
UNWATCHED void __cyg_profile_func_exit(void *function, void *site);

UNWATCHED void __cyg_profile_func_enter(void *function, void *site) {
    (void)site;
    weir__marks_entered(function);
}

UNWATCHED void __cyg_profile_func_exit(void *function, void *site) {
    (void)site;
    weir__marks_left(function);
}

/* SPDX-License-Identifier: MIT */
/* note.c - who cancelled, and where. Scopes, groups and tasks keep only the number of such a note
 * beside the cause, so that they do not grow. Equal notes have one number. The notes of a loop stay
 * until its run ends; their count is bounded, since each is a place in the program with a task's
 * name. When there is no room for another, number 0 says that nothing is known. */
#include <string.h>

#include "task/internal.h"

static unsigned bucket_of(const struct note *n) {
    uint64_t h = (uintptr_t)n->by * 31 + (uintptr_t)n->site + (uint32_t)n->code;
    return (unsigned)((h * 0x9e3779b97f4a7c15) >> 56) % NOTE_BUCKETS;
}

uint16_t weir__note(const char *by, const struct weir_site *site, int code) {
    struct notes *all = &weir__sched->notes;
    struct note n = {by, site, code, 0};
    uint16_t *first = &all->buckets[bucket_of(&n)];
    if (by == NULL && site == NULL && code == 0)
        return 0;
    for (uint16_t i = *first; i != 0; i = all->notes[i].next)
        if (all->notes[i].by == by && all->notes[i].site == site && all->notes[i].code == code)
            return i;
    if (all->count + 1 >= NOTES_MAX)
        return 0;
    n.next = *first;
    *first = (uint16_t)++all->count;
    all->notes[*first] = n;
    return *first;
}

uint16_t weir__note_here(const struct weir_site *site) {
    const struct weir_task *t = weir__sched->current;
    return weir__note(t ? t->name : NULL, site, 0);
}

const struct note *weir__note_of(uint16_t number) {
    static const struct note unknown;
    return number != 0 && weir__sched != NULL ? &weir__sched->notes.notes[number] : &unknown;
}

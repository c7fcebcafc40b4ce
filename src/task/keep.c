/* SPDX-License-Identifier: MIT */
/* keep.c - many errors of one group, to be read together. A keeper lies in memory of the caller.
 * The scheduler has a list of them, which is searched only when a child has failed: so a group has
 * no room for one, and needs none. */
#include <weir/group.h>

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/internal.h"

struct keeper { /* behind struct weir_errors */
    size_t count, more;
    struct weir_child_error *first, *last;
    struct keeper *next; /* in the scheduler's list */
    struct group *group;
    size_t max;
};
static_assert(sizeof(struct keeper) == sizeof(struct weir_errors), "public size is ABI");

static struct keeper **find(struct sched *s, const struct group *g) {
    struct keeper **at = &s->keepers;
    while (*at != NULL && (*at)->group != g)
        at = &(*at)->next;
    return at;
}

void weir_group_keep_errors(struct weir_group *group, struct weir_errors *errs, size_t max) {
    struct group *g = group_of(group);
    scope_assert(g ? &g->scope : NULL, "weir_group_keep_errors");
    weir__not_null(errs, "weir_group_keep_errors");
    if (g->scope.kind != SCOPE_GROUP)
        WEIR_BUG("weir_group_keep_errors: this is a scope, not a group");
    struct keeper **at = find(weir__sched, g);
    if (*at != NULL)
        WEIR_BUG("weir_group_keep_errors: the errors of this group are kept already");
    struct keeper *k = (struct keeper *)(void *)errs;
    *k = (struct keeper){.group = g, .max = max};
    *at = k;
}

bool weir__keep_error(struct group *g, const struct weir_task *t, int rc,
                      const struct weir_error *e) {
    struct keeper *k = *find(weir__sched, g);
    if (k == NULL)
        return false;
    struct weir_child_error *kept = k->count < k->max ? weir__alloc_zero(sizeof *kept) : NULL;
    struct weir_error *own = kept ? weir__error_of_child(t, rc, e) : NULL;
    if (own == NULL) {
        weir__free(kept);
        k->more++;
        return false;
    }
    weir__error_words(own);
    kept->task = t->name;
    kept->site = t->site;
    kept->error = *own;
    weir__free(own);
    if (k->first == NULL)
        k->first = kept;
    else
        k->last->next = kept;
    k->last = kept;
    k->count++;
    return true;
}

void weir__keeper_leave(struct sched *s, const struct group *g) {
    struct keeper **at = find(s, g);
    if (*at != NULL) {
        (*at)->group = NULL;
        *at = (*at)->next;
    }
}

void weir_errors_free(struct weir_errors *errs) {
    struct keeper *k = (struct keeper *)(void *)errs;
    if (k == NULL)
        return;
    if (k->group != NULL)
        WEIR_BUG("weir_errors_free: the group is not closed yet");
    for (struct weir_child_error *e = k->first, *next; e != NULL; e = next) {
        next = (struct weir_child_error *)(uintptr_t)e->next;
        weir__free(e);
    }
    *k = (struct keeper){0};
}

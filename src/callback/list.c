/* SPDX-License-Identifier: MIT */
/* list.c - a Deferred that fires when many others have: Twisted's DeferredList and gatherResults.
 * One allocation holds the Deferred, the results, and an element for the chain of each member. */
#include "callback/deferred.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"

#undef weir_deferred_list

struct member {
    struct step step;
    struct list *list;
    struct weir_deferred *of; /* no reference: while step stands in its chain, it lives */
};

struct list {
    struct weir_deferred deferred;
    size_t n, left; /* left: members that the result has not passed */
    size_t standing; /* of those left: the others were freed unfired */
    unsigned flags;
    bool cancelled;
    struct weir_result *results;
    struct member members[];
};

/* After a cancel: when no member stands in a chain any more, nothing else fires the list. */
static void fail_if_stopped(struct list *l) {
    struct weir__callback c;
    if (!l->cancelled || l->standing > 0 || l->deferred.fired)
        return;
    weir__callback_begin(&c);
    int rc = weir__failf(WEIR_ESTOPPED, "deferred list", NULL, "%s", "cancelled");
    weir__deferred_fail(&l->deferred, (struct weir_result){rc, NULL});
    weir__callback_end(&c);
}

static void member_is_out(struct member *m) {
    m->of = NULL;
    m->list->standing--;
}

/* Each member that stands in a chain holds a reference to the list. */
static void member_leaves(struct list *l) {
    struct weir_deferred *d = &l->deferred;
    fail_if_stopped(l);
    weir_deferred_unref(&d);
}

static void member_taken(struct step *s) {
    (void)s;
}

static void member_dropped(struct step *s) {
    struct member *m = WEIR_CONTAINER(s, struct member, step);
    member_is_out(m);
    member_leaves(m->list);
}

static void fire_if_due(struct list *l, struct weir_result *r) {
    struct weir_deferred *d = &l->deferred;
    if (d->fired)
        return;
    if (r->rc < 0 && (l->flags & WEIR_FIRST_ERROR) != 0)
        weir__deferred_fail(d, (struct weir_result){r->rc, r});
    else if (r->rc == 0 && (l->flags & WEIR_FIRST_VALUE) != 0)
        weir_deferred_fire(d, r);
    else if (l->left == 0)
        weir_deferred_fire(d, l->results);
}

static struct weir_result member_passed(struct weir_result r, void *arg) {
    struct member *m = arg;
    struct list *l = m->list;
    struct weir_result *mine = &l->results[m - l->members];
    bool consumes = r.rc < 0 && (l->flags & WEIR_CONSUME_ERRORS) != 0;
    *mine = r;
    l->left--;
    member_is_out(m);
    fire_if_due(l, mine);
    member_leaves(l);
    return consumes ? (struct weir_result){0} : r;
}

/* Cancelling one may let others pass, or be freed: so each is looked at again. One of a future
 * passes a round later. */
static void list_cancel(struct weir_deferred *d) {
    struct list *l = WEIR_CONTAINER(d, struct list, deferred);
    l->cancelled = true;
    for (size_t i = 0; i < l->n; i++)
        if (l->members[i].of != NULL)
            weir_deferred_cancel(l->members[i].of);
    fail_if_stopped(l);
}

static void list_freed(struct weir_deferred *d) {
    weir__free(WEIR_CONTAINER(d, struct list, deferred)->results);
}

static int list_make(const struct weir_site *site, size_t n, struct list **ret_list) {
    struct weir_deferred *d = NULL;
    struct weir_result *results = NULL;
    if (n > (SIZE_MAX - sizeof(struct list)) / sizeof(struct member))
        return weir__fail(-ENOMEM, "deferred list", NULL);
    if (n > 0 && (results = weir__alloc_zero(n * sizeof *results)) == NULL)
        return weir__fail(-ENOMEM, "deferred list", NULL);
    int rc = weir__deferred_make(site, sizeof(struct list) + n * sizeof(struct member), &d);
    if (rc < 0) {
        weir__free(results);
        return rc;
    }
    struct list *l = WEIR_CONTAINER(d, struct list, deferred);
    d->cancel = list_cancel;
    d->freed = list_freed;
    l->n = l->left = n;
    l->results = results;
    *ret_list = l;
    return 0;
}

int weir_deferred_list_at(const struct weir_site *site, struct weir_deferred *const *ds, size_t n,
                          unsigned flags, struct weir_deferred **ret_d) {
    struct list *l = NULL;
    for (size_t i = 0; i < n; i++)
        weir__deferred_assert(ds[i], "weir_deferred_list");
    int rc = list_make(site, n, &l);
    if (rc < 0)
        return rc;
    l->flags = flags;
    for (size_t i = 0; i < n; i++) {
        struct member *m = &l->members[i];
        m->step = (struct step){.callback = member_passed, .errback = member_passed,
                                .callback_arg = m, .errback_arg = m,
                                .taken = member_taken, .dropped = member_dropped};
        m->list = l;
        m->of = ds[i];
        l->standing++;
        weir_deferred_ref(&l->deferred);
        weir__deferred_add(ds[i], &m->step);
    }
    if (n == 0 && (flags & WEIR_FIRST_VALUE) == 0)
        weir_deferred_fire(&l->deferred, l->results);
    *ret_d = &l->deferred;
    return 0;
}

int weir_deferred_list(struct weir_deferred *const *ds, size_t n, unsigned flags,
                       struct weir_deferred **ret_d) {
    static const struct weir_site unknown = {"weir_deferred_list", "a place unknown", "", 0};
    return weir_deferred_list_at(&unknown, ds, n, flags, ret_d);
}

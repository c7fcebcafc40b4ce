/* SPDX-License-Identifier: MIT */
/* deferred.c - a chain of functions that a result passes through, as Twisted's Deferred has it.
 *
 * What a function of a chain may do: add functions, fire and cancel other Deferreds and its own,
 * give references back, and make its chain wait for another Deferred. While it runs, `runs` keeps
 * its own chain from going on below it. */
#include "callback/deferred.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

#undef weir_deferred_new

enum { WAITS = 1 }; /* weir_result.rc of weir_wait_for */

/* ---- life ---- */

static void onward_taken(struct step *s);
static void onward_dropped(struct step *s);

int weir__deferred_make(const struct weir_site *site, size_t size, struct weir_deferred **ret_d) {
    struct weir_deferred *d = weir__alloc_zero(size);
    if (d == NULL)
        return weir__fail(-ENOMEM, "deferred", NULL);
    d->refs = 1;
    d->site = site;
    d->last = &d->first;
    d->onward.taken = onward_taken;
    d->onward.dropped = onward_dropped;
    *ret_d = d;
    return 0;
}

int weir_deferred_new(void (*canceller)(struct weir_deferred *d, void *arg), void *arg,
                      struct weir_deferred **ret_d) {
    static const struct weir_site unknown = {"weir_deferred_new", "a place unknown", "", 0};
    return weir_deferred_new_at(&unknown, canceller, arg, ret_d);
}

int weir_deferred_new_at(const struct weir_site *site,
                         void (*canceller)(struct weir_deferred *d, void *arg), void *arg,
                         struct weir_deferred **ret_d) {
    struct weir_deferred *d = NULL;
    int rc = weir__deferred_make(site, sizeof *d, &d);
    if (rc < 0)
        return rc;
    d->canceller = canceller;
    d->canceller_arg = arg;
    *ret_d = d;
    return 0;
}

void weir__deferred_assert(const struct weir_deferred *d, const char *call) {
    weir__not_null(d, call);
    if (__builtin_expect(d->refs == 0, 0))
        WEIR_BUG("%s: the Deferred has no reference any more", call);
}

struct weir_deferred *weir_deferred_ref(struct weir_deferred *d) {
    weir__deferred_assert(d, "weir_deferred_ref");
    d->refs++;
    return d;
}

static struct step *step_pop(struct weir_deferred *d) {
    struct step *s = d->first;
    d->first = s->next;
    if (d->first == NULL)
        d->last = &d->first;
    return s;
}

/* Deferreds that wait for a freed one lose the reference that their place in its chain held. Such a
 * row may be long: so those that must go too are put on a list, instead of a call inside a call. */
static __thread struct weir_deferred *dying;
static __thread bool buries;

static void free_one(struct weir_deferred *d) {
    struct weir_deferred *other = d->waits_for;
    WEIR_CHECK(other == NULL); /* else a chain would still hold a reference */
    while (d->first != NULL) {
        struct step *s = step_pop(d);
        if (s->dropped != NULL)
            s->dropped(s);
        else
            weir__free(s);
    }
    if (d->freed != NULL)
        d->freed(d);
    weir__failure_log(&d->failure, "a Deferred", d->site);
    weir__failure_drop(&d->failure);
    weir__free(d);
}

static void give_back(struct weir_deferred *d) {
    if (--d->refs > 0)
        return;
    WEIR_CHECK(!d->runs && !d->stacked);
    d->below = dying;
    dying = d;
    if (buries)
        return;
    buries = true;
    while (dying != NULL) {
        d = dying;
        dying = d->below;
        free_one(d);
    }
    buries = false;
}

void weir_deferred_unref(struct weir_deferred **take_d) {
    if (take_d == NULL || *take_d == NULL)
        return;
    struct weir_deferred *d = *take_d;
    weir__deferred_assert(d, "weir_deferred_unref");
    *take_d = NULL;
    give_back(d);
}

/* ---- results ---- */

static void set_value(struct weir_deferred *d, void *value) {
    weir__failure_drop(&d->failure);
    d->result = (struct weir_result){0, value};
}

/* The present record is that of the error, if it has one. An error that only passed through keeps
 * its record and its number. */
static void set_error(struct weir_deferred *d, struct weir_result r) {
    weir__failure_drop(&d->failure);
    weir__failure_keep(&d->failure, r.rc);
    d->result = r;
}

/* Move the result of source to target; source has NULL then. */
static void pass_result(struct weir_deferred *source, struct weir_deferred *target) {
    weir__failure_drop(&target->failure);
    target->failure = source->failure;
    target->result = source->result;
    source->failure = (struct weir__failure){0};
    source->result = (struct weir_result){0};
}

/* ---- the chain ---- */

static struct weir_deferred *owner_of(struct step *onward) {
    return WEIR_CONTAINER(onward, struct weir_deferred, onward);
}

/* Taken out by run_chain itself, which looks for this function. */
static void onward_taken(struct step *s) {
    (void)s;
}

static void onward_dropped(struct step *s) {
    struct weir_deferred *d = owner_of(s);
    d->waits_for->waited--;
    d->waits_for = NULL;
    d->orphan = true;
    give_back(d);
}

static void append(struct weir_deferred *d, struct step *s) {
    s->next = NULL;
    *d->last = s;
    d->last = &s->next;
}

/* The chain of d waits for inner, whose reference is given away. */
static void wait_for(struct weir_deferred *d, struct weir_deferred *inner) {
    bool may_circle = d->waited > 0 || inner == d; /* else nothing leads back to d: no long walk */
    for (const struct weir_deferred *at = inner; may_circle && at != NULL; at = at->waits_for)
        if (at == d)
            WEIR_BUG("weir_wait_for: the chain of the Deferred made at %s:%d would wait for itself",
                     d->site->file, d->site->line);
    weir__failure_drop(&d->failure); /* the function has answered it */
    d->result = (struct weir_result){0};
    bool is_through = inner->first == NULL; /* else an outer run goes on with it */
    bool has_result = inner->fired && inner->waits_for == NULL && !inner->orphan;
    if (has_result && !inner->runs && is_through) {
        pass_result(inner, d);
    } else {
        d->refs++;
        d->waits_for = inner;
        inner->waited++;
        append(inner, &d->onward);
    }
    give_back(inner);
}

static void take_returned(struct weir_deferred *d, struct weir_result r) {
    if (r.rc == WAITS)
        wait_for(d, r.value);
    else if (r.rc < 0)
        set_error(d, r);
    else if (r.rc == 0)
        set_value(d, r.value);
    else
        WEIR_BUG("a function in the chain of the Deferred made at %s:%d returned %d: 0 is a value, "
                 "an error is less", d->site->file, d->site->line, r.rc);
}

/* Call the function of s, if it has one for this result. */
static void call_one(struct weir_deferred *d, struct step *s, struct weir__callback *c) {
    bool failed = d->result.rc < 0;
    weir_on_result *fn = failed ? s->errback : s->callback;
    void *arg = failed ? s->errback_arg : s->callback_arg;
    if (s->taken == NULL)
        weir__free(s);
    else
        s->taken(s);
    if (fn == NULL)
        return;
    weir__callback_again(c);
    weir__failure_give(&d->failure);
    d->runs = true;
    struct weir_result r = fn(d->result, arg);
    d->runs = false;
    take_returned(d, r);
}

/* Call functions until d has no more, waits, or meets one that waits for d. Returns that one. */
static struct weir_deferred *run_until_onward(struct weir_deferred *d, struct weir__callback *c) {
    while (d->first != NULL && d->waits_for == NULL && !d->orphan && !d->runs) {
        struct step *s = step_pop(d);
        if (s->taken == onward_taken) {
            d->waited--;
            return owner_of(s);
        }
        call_one(d, s, c);
    }
    return NULL;
}

/* Run the chain of d. Where another waits in it for the result, that one's chain runs first, and d
 * is put on a stack, by the links `below`: so chains that wait for each other need no recursion.
 * A function may make d's chain run once more while d is on the stack of an outer run: then it is
 * not put on the inner one, and the outer run finds what is left. */
static void run_chain(struct weir_deferred *d) {
    struct weir__callback c;
    struct weir_deferred *stack = NULL, *next;
    if (d->runs || d->waits_for != NULL || d->orphan)
        return;
    d->refs++;
    weir__callback_begin(&c);
    for (;;) {
        while ((next = run_until_onward(d, &c)) != NULL) {
            next->waits_for = NULL;
            pass_result(d, next); /* and onward's reference to next is now this loop's */
            if (d->stacked) {
                give_back(d);
            } else {
                d->stacked = true;
                d->below = stack;
                stack = d;
            }
            d = next;
        }
        give_back(d);
        if ((d = stack) == NULL)
            break;
        stack = d->below;
        d->stacked = false;
    }
    weir__callback_end(&c);
}

void weir__deferred_add(struct weir_deferred *d, struct step *s) {
    append(d, s);
    if (d->fired)
        run_chain(d);
}

void weir__deferred_replace(struct weir_deferred *d, struct step *s, struct step *other) {
    struct step **at = &d->first;
    while (*at != s)
        at = &(*at)->next;
    if (other != NULL) {
        *at = other;
        at = &other->next;
    }
    if ((*at = s->next) == NULL)
        d->last = at;
}

int weir_deferred_add_callbacks(struct weir_deferred *d, weir_on_result *callback,
                                void *callback_arg, weir_on_result *errback, void *errback_arg) {
    weir__deferred_assert(d, "weir_deferred_add_callbacks");
    struct step *s = weir__alloc_zero(sizeof *s);
    if (s == NULL)
        return weir__fail(-ENOMEM, "deferred", NULL);
    s->callback = callback;
    s->callback_arg = callback_arg;
    s->errback = errback;
    s->errback_arg = errback_arg;
    weir__deferred_add(d, s);
    return 0;
}

int weir_deferred_add_callback(struct weir_deferred *d, weir_on_result *callback, void *arg) {
    return weir_deferred_add_callbacks(d, callback, arg, NULL, NULL);
}

int weir_deferred_add_errback(struct weir_deferred *d, weir_on_result *errback, void *arg) {
    return weir_deferred_add_callbacks(d, NULL, NULL, errback, arg);
}

int weir_deferred_add_both(struct weir_deferred *d, weir_on_result *both, void *arg) {
    return weir_deferred_add_callbacks(d, both, arg, both, arg);
}

struct weir_result weir_wait_for(struct weir_deferred *take_d) {
    weir__deferred_assert(take_d, "weir_wait_for");
    return (struct weir_result){WAITS, take_d};
}

/* ---- fire and cancel ---- */

/* Returns 1 if d may be fired now, 0 if this fire is swallowed, -EALREADY. */
static int may_fire(struct weir_deferred *d, const char *what) {
    if (!d->fired)
        return 1;
    if (!d->swallows)
        return weir__fail(-EALREADY, what, NULL);
    d->swallows = false;
    return 0;
}

int weir_deferred_fire(struct weir_deferred *d, void *value) {
    weir__deferred_assert(d, "weir_deferred_fire");
    int rc = may_fire(d, "fire a Deferred");
    if (rc <= 0)
        return rc;
    d->fired = true;
    set_value(d, value);
    run_chain(d);
    return 0;
}

int weir__deferred_fail(struct weir_deferred *d, struct weir_result error) {
    int rc = may_fire(d, "fail a Deferred");
    if (rc <= 0)
        return rc;
    d->fired = true;
    set_error(d, error);
    run_chain(d);
    return 0;
}

int weir_deferred_fail(struct weir_deferred *d, int rc) {
    weir__deferred_assert(d, "weir_deferred_fail");
    if (rc >= 0)
        WEIR_BUG("weir_deferred_fail: %d is no error, which is less than 0 (the Deferred made at "
                 "%s:%d)", rc, d->site->file, d->site->line);
    return weir__deferred_fail(d, (struct weir_result){rc, NULL});
}

static void cancel_unfired(struct weir_deferred *d) {
    struct weir__callback c;
    if (d->cancel != NULL) {
        d->cancel(d);
        return;
    }
    weir__callback_begin(&c);
    if (d->canceller != NULL)
        d->canceller(d, d->canceller_arg);
    else
        d->swallows = true;
    if (!d->fired) {
        int rc = weir__failf(WEIR_ESTOPPED, "deferred", NULL, "%s", "cancelled");
        weir__deferred_fail(d, (struct weir_result){rc, NULL});
    }
    weir__callback_end(&c);
}

static void cancel_orphan(struct weir_deferred *d) {
    struct weir__callback c;
    weir__callback_begin(&c);
    d->orphan = false;
    set_error(d, (struct weir_result){weir__failf(WEIR_ESTOPPED, "deferred", NULL, "%s",
                                                  "cancelled"), NULL});
    run_chain(d);
    weir__callback_end(&c);
}

void weir_deferred_cancel(struct weir_deferred *d) {
    weir__deferred_assert(d, "weir_deferred_cancel");
    while (d->waits_for != NULL)
        d = d->waits_for;
    if (d->fired && !d->orphan)
        return;
    d->refs++; /* its functions may give back the caller's */
    if (d->orphan)
        cancel_orphan(d);
    else
        cancel_unfired(d);
    give_back(d);
}

bool weir_deferred_is_fired(const struct weir_deferred *d) {
    weir__deferred_assert(d, "weir_deferred_is_fired");
    return d->fired;
}

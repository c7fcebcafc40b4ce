/* SPDX-License-Identifier: MIT */
/* scope.c - deadlines and cancellation: what fires, and how it spreads.
 *
 *   felt(task's root)  = max(own, felt(its group))
 *   felt(plain scope)  = max(own, felt(outer))
 *   felt(group)        = the same; its tasks hang below it
 *   felt(shield)       = own, until its budget is spent; then like a plain one
 *
 * where max ranks -ECANCELED over -ETIME over 0. */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "task/internal.h"

struct sched *weir__sched_for(const char *call) {
    struct sched *s = weir__sched;
    if (s == NULL)
        WEIR_BUG("%s: outside a task (call it inside weir_run)", call);
    if (s->current == NULL)
        WEIR_BUG("%s: not inside a task: posted functions and callbacks have none", call);
    return s;
}

static void scope_assert(const struct scope *s, const char *call) {
    if (s->cookie != SCOPE_COOKIE)
        WEIR_BUG("%s: not an open scope or group (entered? left already? moved?)", call);
    if (s->task != NULL && weir__sched == NULL)
        WEIR_BUG("%s: called from a thread without a loop", call);
}

void weir__scope_queue_group(struct sched *s, struct group *g) {
    if (g->queued)
        return;
    g->queued = true;
    g->next_work = NULL;
    if (s->work == NULL)
        s->work = g;
    else
        s->work_tail->next_work = g;
    s->work_tail = g;
}

/* ---- why ---- */

static struct reason reason_own(const struct scope *sc) {
    weir_ns budget = sc->own == -ETIME && sc->budget > 0 ? sc->budget : 0;
    return (struct reason){sc->cause, budget};
}

/* Why do the children of g feel its code? A connection's group has no room to know: its server's
 * does, and it is never far. */
static struct reason reason_of_group(const struct group *g) {
    const struct group *above;
    while (g->scope.kind == SCOPE_UNDER && (above = g->scope.u.under.parent) != NULL &&
           above->scope.felt == g->scope.felt)
        g = above;
    return g->scope.kind == SCOPE_UNDER ? reason_own(&g->scope) : g->scope.u.group.felt;
}

/* Why does t feel code outside of its scopes? */
static struct reason reason_of_base(const struct weir_task *t, int code) {
    if (t->group != NULL && t->group->scope.felt == code)
        return reason_of_group(t->group);
    return (struct reason){t->own == code ? t->cause : NULL, 0};
}

static bool deaf(const struct scope *sc) {
    return sc->kind == SCOPE_SHIELD && !sc->expired;
}

struct reason weir__scope_reason(const struct weir_task *t, const struct scope *sc, int code) {
    struct reason found = {NULL, 0};
    for (; sc != NULL; sc = sc->outer) {
        if (sc->kind == SCOPE_GROUP && sc->felt == code)
            return sc->u.group.felt;
        if (sc->own == code)
            found = reason_own(sc);
        if (deaf(sc))
            return found;
    }
    return t->base == code ? reason_of_base(t, code) : found;
}

/* ---- what is felt ---- */

static int16_t felt_below(const struct scope *sc, int16_t outer) {
    return code_max(sc->own, deaf(sc) ? 0 : outer);
}

static void group_feels(struct sched *s, struct group *g, int16_t now, struct reason why) {
    struct reason *felt = &g->scope.u.group.felt;
    if (now == g->scope.felt && why.cause == felt->cause && why.budget == felt->budget)
        return;
    if (g->scope.felt == 0)
        weir__group_feels(g);
    else if (now != g->scope.felt)
        g->scope.was_late = true;
    *felt = why;
    weir__scope_queue_group(s, g);
}

/* The chain is linked from the inside out; it is needed from the outside in: turn it round, walk
 * back and restore it. */
static void refresh_chain(struct sched *s, struct weir_task *t) {
    struct scope *turned = NULL;
    for (struct scope *sc = t->scope, *outer; sc != NULL; sc = outer) {
        outer = sc->outer;
        sc->outer = turned;
        turned = sc;
    }
    struct scope *outer = NULL;
    int16_t felt = t->base;
    struct reason why = reason_of_base(t, felt);
    for (struct scope *sc = turned, *inner; sc != NULL; sc = inner) {
        inner = sc->outer;
        sc->outer = outer;
        outer = sc;
        int16_t now = felt_below(sc, felt);
        if (now != 0 && (now != felt || deaf(sc)))
            why = reason_own(sc);
        if (now != 0 && sc->kind == SCOPE_GROUP)
            group_feels(s, WEIR_CONTAINER(sc, struct group, scope), now, why);
        sc->felt = felt = now;
    }
    t->felt = felt;
}

void weir__scope_refresh(struct sched *s, struct weir_task *t) {
    int16_t before = t->felt;
    t->base = code_max(t->own, t->group ? t->group->scope.felt : 0);
    refresh_chain(s, t);
    if (t->felt != 0 && before == 0)
        weir__interrupt(s, t);
}

static void refresh_under(struct sched *s, struct group *g, int16_t outer) {
    int16_t now = code_max(g->scope.own, outer), before = g->scope.felt;
    if (now == 0)
        return;
    g->scope.was_late |= now != before && before != 0;
    g->scope.felt = now;
    if (g->live > 0)
        weir__scope_queue_group(s, g); /* also if only the reason is another */
    else if (now != before && g->scope.u.under.ended != NULL)
        g->scope.u.under.ended((struct weir_group *)(void *)g); /* may free g */
}

void weir__scope_spread(struct sched *s) {
    struct group *g;
    while ((g = s->work) != NULL) {
        s->work = g->next_work;
        g->queued = false;
        struct weir__list *at;
        for (at = g->tasks.next; at != &g->tasks; at = at->next)
            weir__scope_refresh(s, WEIR_CONTAINER(at, struct weir_task, link));
        for (struct weir__list *next = g->unders.next; (at = next) != &g->unders;) {
            next = at->next; /* the group may close when it is told */
            struct scope *under = WEIR_CONTAINER(at, struct scope, u.under.link);
            refresh_under(s, WEIR_CONTAINER(under, struct group, scope), g->scope.felt);
        }
    }
}

void weir__scope_fire(struct scope *sc, int16_t code, const char *cause) {
    struct sched *s = weir__sched;
    if (sc->own == code || sc->own == -ECANCELED)
        return;
    if (sc->cause == NULL || code == -ECANCELED)
        sc->cause = cause;
    sc->own = code;
    if (sc->kind == SCOPE_UNDER) {
        struct group *g = WEIR_CONTAINER(sc, struct group, scope);
        refresh_under(s, g, sc->u.under.parent ? sc->u.under.parent->scope.felt : 0);
    } else {
        weir__scope_refresh(s, sc->task);
    }
    weir__scope_spread(s);
}

static void budget_spent(struct weir__timer *timer) {
    struct scope *sc = WEIR_CONTAINER(timer, struct scope, u.timer);
    if (sc->kind == SCOPE_SHIELD) {
        sc->expired = true;
        weir__scope_refresh(weir__sched, sc->task);
        weir__scope_spread(weir__sched);
        return;
    }
    weir__scope_fire(sc, -ETIME, sc->cause);
}

static void inside(struct weir_task *t, struct scope *sc) {
    t->scope = sc;
    t->stack->inside = sc ? sc->site : NULL;
    t->stack->inside_kind = sc ? sc->kind : 0;
}

void weir__scope_begin(struct scope *sc, uint8_t kind, const void *site) {
    struct weir_task *t = weir__sched->current;
    if (t->scope == sc)
        WEIR_BUG("the scope or group entered at %s is open already", weir__place(sc->site));
    memset(sc, 0, sizeof *sc);
    sc->cookie = SCOPE_COOKIE;
    sc->kind = kind;
    sc->outer = t->scope;
    sc->task = t;
    sc->site = site;
    sc->felt = felt_below(sc, t->felt);
    inside(t, sc);
    t->felt = sc->felt;
}

void weir__scope_end(struct scope *sc, const char *verb, const void *site) {
    struct weir_task *t = sc->task;
    if (t != weir__sched->current)
        WEIR_BUG("%s at %s: the scope was entered at %s by another task, '%s'", verb,
                 weir__place(site), weir__place(sc->site), t->name);
    if (t->scope != sc)
        WEIR_BUG("%s: the scope entered at %s is not the innermost: that was entered at %s", verb,
                 weir__place(sc->site), t->scope ? weir__place(t->scope->site) : "?");
    inside(t, sc->outer);
    t->felt = sc->outer ? sc->outer->felt : t->base;
    sc->cookie = 0;
}

static void arm(struct scope *sc, weir_ns budget_ns) {
    struct weir_loop *l = &weir__sched->loop;
    sc->budget = budget_ns;
    weir__timer_arm(l->timers, &sc->u.timer, weir__deadline(weir__loop_now(l), budget_ns));
}

void weir_scope_enter(struct weir_scope *scope, weir_ns budget_ns) {
    weir__sched_for("weir_scope_enter");
    struct scope *sc = scope_of(scope);
    weir__scope_begin(sc, SCOPE_PLAIN, __builtin_return_address(0));
    weir__timer_init(&sc->u.timer, budget_spent);
    sc->budget = budget_ns;
    if (budget_ns <= 0)
        weir__scope_fire(sc, -ETIME, NULL);
    else if (budget_ns != WEIR_NEVER)
        arm(sc, budget_ns);
}

void weir_shield_enter(struct weir_scope *scope, weir_ns budget_ns) {
    weir__sched_for("weir_shield_enter");
    if (budget_ns <= 0 || budget_ns == WEIR_NEVER)
        WEIR_BUG("weir_shield_enter: the budget must be finite and more than 0");
    struct scope *sc = scope_of(scope);
    weir__scope_begin(sc, SCOPE_SHIELD, __builtin_return_address(0));
    weir__timer_init(&sc->u.timer, budget_spent);
    arm(sc, budget_ns);
}

/* For ever, or for as long as there will be clocks. */
static bool endless(weir_ns budget_ns) {
    return weir__deadline(weir__loop_now(&weir__sched->loop), budget_ns) == WEIR_NEVER;
}

void weir_scope_renew(struct weir_scope *scope, weir_ns budget_ns) {
    struct scope *sc = scope_of(scope);
    scope_assert(sc, "weir_scope_renew");
    if (sc->kind != SCOPE_PLAIN && sc->kind != SCOPE_SHIELD)
        WEIR_BUG("weir_scope_renew: a group has no budget");
    if (sc->own != 0 || sc->expired)
        return;
    if (budget_ns <= 0) {
        weir__timer_disarm(weir__sched->loop.timers, &sc->u.timer);
        sc->budget = budget_ns;
        budget_spent(&sc->u.timer);
    } else if (sc->kind == SCOPE_PLAIN || !endless(budget_ns)) {
        arm(sc, budget_ns);
    }
}

void weir_scope_cancel(struct weir_scope *scope, const char *cause) {
    struct scope *sc = scope_of(scope);
    scope_assert(sc, "weir_scope_cancel");
    weir__scope_fire(sc, -ECANCELED, cause);
}

int weir__stopped(const char *what, const struct scope *sc) {
    const char *cause = sc->cause ? sc->cause : "";
    weir__failf(WEIR_ESTOPPED, what, NULL, "%s%s%s", weir_error_text(WEIR_ESTOPPED),
                *cause ? ", cause: " : "", cause);
    weir__error_here()->scope = cause;
    return WEIR_ESTOPPED;
}

int weir_scope_leave(struct weir_scope *scope, int rc) {
    struct scope *sc = scope_of(scope);
    scope_assert(sc, "weir_scope_leave");
    if (sc->kind != SCOPE_PLAIN && sc->kind != SCOPE_SHIELD)
        WEIR_BUG("weir_scope_leave: this is a group: close or drain it");
    weir__signal_waits_drop(sc);
    weir__timer_disarm(weir__sched->loop.timers, &sc->u.timer);
    weir__scope_end(sc, "weir_scope_leave", __builtin_return_address(0));
    bool raised_here = rc < 0 && rc == sc->own && rc != sc->task->felt;
    if (raised_here && rc == -ECANCELED)
        return weir__stopped("scope", sc);
    return rc;
}

int weir_cancelled(void) {
    struct sched *s = weir__sched;
    return s && s->current ? s->current->felt : 0;
}

int weir_scope_signal(const struct weir_scope *scope) {
    return ((const struct scope *)(const void *)scope)->signal;
}

const char *weir_scope_cause(const struct weir_scope *scope) {
    const char *cause = ((const struct scope *)(const void *)scope)->cause;
    return cause ? cause : "";
}

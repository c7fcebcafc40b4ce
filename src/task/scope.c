/* SPDX-License-Identifier: MIT */
/* scope.c - deadlines and cancellation: how a scope fires, and how its code reaches everything
 * inside it. doc/design/task.md follows one cancel.
 *
 *   felt(task's base)  = max(own, felt(its group))
 *   felt(plain scope)  = max(own, felt(outer))
 *   felt(group)        = the same; the base of each child depends on it
 *   felt(shield)       = own, until its budget is spent; then like a plain one
 *
 * where max ranks -ECANCELED over -ETIME over 0. */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "task/internal.h"

#undef weir_scope_enter
#undef weir_shield_enter
#undef weir_scope_cancel

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
    return (struct reason){sc->cause, budget, sc->note};
}

/* Why is felt what is felt in a group that a task has opened? */
static struct reason reason_felt(const struct scope *sc) {
    return (struct reason){sc->u.group.cause, sc->u.group.budget, sc->u.group.note};
}

/* Why do the children of g feel its code? The group of a connection has no room for the reason: ask
 * the groups above, up to the server's. */
static struct reason reason_of_group(const struct group *g) {
    const struct group *above;
    while (g->scope.kind == SCOPE_UNDER && (above = g->scope.u.under.parent) != NULL &&
           above->scope.felt == g->scope.felt)
        g = above;
    return g->scope.kind == SCOPE_UNDER ? reason_own(&g->scope) : reason_felt(&g->scope);
}

/* Why does t feel code where it is in none of its scopes? */
static struct reason reason_of_base(const struct weir_task *t, int code) {
    const struct group *g = group_of_task(t);
    if (g != NULL && g->scope.felt == code)
        return reason_of_group(g);
    if (!t->cancelled || code != -ECANCELED)
        return (struct reason){NULL, 0, 0};
    return (struct reason){t->cause, 0, t->note};
}

static bool deaf(const struct scope *sc) { /* a shield that still holds back outer codes */
    return sc->kind == SCOPE_SHIELD && !sc->expired;
}

/* Abort if the innermost scope of t, which is about to be read, is not open. */
static void innermost_assert(const struct weir_task *t) {
    if (t->scope != NULL && !scope_has(t->scope, SCOPE_OPEN))
        weir__scope_gone(t, t->stack->inside, (uint8_t)t->stack->inside_kind);
}

static void outer_holds_assert(const struct weir_task *t, const struct scope *sc) {
    if (!outer_holds(sc))
        weir__scope_gone(t, sc->outer_site, sc->outer_kind);
}

struct reason weir__scope_reason(const struct weir_task *t, const struct scope *sc, int code) {
    struct reason found = {NULL, 0, 0};
    innermost_assert(t);
    for (; sc != NULL; sc = sc->outer) {
        outer_holds_assert(t, sc);
        if (sc->kind == SCOPE_GROUP && sc->felt == code)
            return reason_felt(sc);
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
    struct reason before = reason_felt(&g->scope);
    if (now == g->scope.felt && weir__reason_is(&before, &why))
        return;
    if (g->scope.felt == 0)
        weir__group_feels(g);
    else if (now != g->scope.felt)
        g->scope.was_late = true;
    weir__group_reason(g, why);
    weir__scope_queue_group(s, g);
}

/* Compute the felt codes of t's scopes anew, from the outermost to the innermost. The chain is
 * linked the other way: reverse its links, then walk back and restore them. */
static void refresh_chain(struct sched *s, struct weir_task *t) {
    struct scope *turned = NULL;
    innermost_assert(t);
    for (struct scope *sc = t->scope, *outer; sc != NULL; sc = outer) {
        outer = sc->outer;
        outer_holds_assert(t, sc);
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
    struct group *g = group_of_task(t);
    bool is_spared = t == s->first && s->first_spared;
    t->base = code_max(t->cancelled ? -ECANCELED : 0, g && !is_spared ? g->scope.felt : 0);
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
        weir__scope_queue_group(s, g); /* also if only the reason has changed */
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
            next = at->next; /* refresh_under may close and free the group */
            struct scope *under = WEIR_CONTAINER(at, struct scope, u.under.link);
            refresh_under(s, WEIR_CONTAINER(under, struct group, scope), g->scope.felt);
        }
    }
}

void weir__scope_fire(struct scope *sc, int16_t code, const char *cause, uint16_t note) {
    struct sched *s = weir__sched;
    if (sc->own == code || sc->own == -ECANCELED)
        return;
    if (sc->cause == NULL || code == -ECANCELED)
        sc->cause = cause;
    sc->own = code;
    sc->note = note;
    if (sc->kind == SCOPE_UNDER) {
        struct group *g = WEIR_CONTAINER(sc, struct group, scope);
        refresh_under(s, g, sc->u.under.parent ? sc->u.under.parent->scope.felt : 0);
    } else {
        weir__scope_refresh(s, sc->task);
    }
    weir__scope_spread(s);
}

void weir__root_fire(struct sched *s, const char *cause, uint16_t note) {
    weir__scope_fire(&s->root.scope, -ECANCELED, cause, note);
    if (!s->first_spared)
        return;
    s->first_spared = false;
    s->root.scope.cause = cause;
    s->root.scope.note = note;
    weir__scope_refresh(s, s->first);
    weir__scope_spread(s);
}

void weir__stop_others(const char *cause) {
    struct sched *s = weir__sched;
    if (s->root.scope.own != 0)
        return;
    s->first_spared = s->first != NULL;
    weir__scope_fire(&s->root.scope, -ECANCELED, cause, weir__note_here(NULL));
}

static void budget_spent(struct weir__timer *timer) {
    struct scope *sc = WEIR_CONTAINER(timer, struct scope, u.timer);
    if (sc->kind == SCOPE_SHIELD) {
        sc->expired = true;
        weir__scope_refresh(weir__sched, sc->task);
        weir__scope_spread(weir__sched);
        return;
    }
    weir__scope_fire(sc, -ETIME, sc->cause, weir__note(NULL, sc->site, 0));
}

/* There is no budget, and was none: the deadline is now. */
static void spent_at_once(struct scope *sc) {
    sc->u.timer.deadline_ns = weir__loop_now(&weir__sched->loop);
    budget_spent(&sc->u.timer);
}

static void inside(struct weir_task *t, struct scope *sc, const struct weir_site *site,
                   uint8_t kind) {
    t->scope = sc;
    t->stack->inside = site;
    t->stack->inside_kind = kind;
}

/* Abort if sc is open already, in this chain, or if an open scope lies in a frame that has
 * returned. */
static void outer_assert(const struct weir_task *t, const struct scope *sc, const void *frame) {
    uint8_t kind = (uint8_t)t->stack->inside_kind;
    scope_alive(t, frame);
    if (t->scope == sc)
        weir__scope_open_already(t->stack->inside, kind);
    for (const struct scope *at = t->scope; at->outer != NULL; at = at->outer) {
        outer_holds_assert(t, at);
        if (at->outer == sc)
            weir__scope_open_already(sc->site, sc->kind);
    }
}

void weir__scope_begin(struct scope *sc, uint8_t kind, const struct weir_site *site,
                       const void *frame) {
    struct sched *s = weir__sched;
    struct weir_task *t = s->current;
    if (t->scope != NULL)
        outer_assert(t, sc, frame);
    memset(sc, 0, sizeof *sc);
    sc->cookie = SCOPE_OPEN ^ (uint32_t)(uintptr_t)sc;
    sc->kind = kind & 15u;
    sc->loop = s->loop.number;
    sc->outer = t->scope;
    sc->outer_site = t->stack->inside;
    sc->outer_kind = (unsigned)t->stack->inside_kind & 15u;
    sc->depth = sc->outer ? (uint8_t)(sc->outer->depth + 1) : 0;
    sc->task = t;
    sc->site = site;
    sc->felt = felt_below(sc, t->felt);
    inside(t, sc, site, kind);
    t->felt = sc->felt;
}

void weir__scope_leavable(const struct scope *sc, const char *call) {
    const struct weir_task *t = weir__sched->current;
    if (t == NULL)
        weir__sched_for(call);
    if (t != sc->task || t->scope != sc)
        weir__scope_not_yours(sc, call);
}

void weir__scope_end(struct scope *sc) {
    struct weir_task *t = sc->task;
    outer_holds_assert(t, sc);
    inside(t, sc->outer, sc->outer_site, sc->outer_kind);
    t->felt = sc->outer ? sc->outer->felt : t->base;
    sc->cookie = SCOPE_LEFT ^ (uint32_t)(uintptr_t)sc;
}

static void arm(struct scope *sc, weir_ns budget_ns) {
    struct weir__loop *l = &weir__sched->loop;
    sc->budget = budget_ns;
    weir__timer_arm(l->timers, &sc->u.timer, weir__deadline(weir__loop_now(l), budget_ns));
}

static struct scope *enter(const char *call, struct weir_scope *scope, uint8_t kind,
                           const struct weir_site *site, const void *frame) {
    weir__sched_for(call);
    if (scope == NULL)
        weir__scope_refuse(NULL, call);
    weir__scope_begin(scope_of(scope), kind, site, frame);
    return scope_of(scope);
}

void weir_scope_enter(struct weir_scope *scope, weir_ns budget_ns) {
    weir_scope_enter_at(NULL, scope, budget_ns);
}

void weir_scope_enter_at(const struct weir_site *site, struct weir_scope *scope,
                         weir_ns budget_ns) {
    struct scope *sc = enter("weir_scope_enter", scope, SCOPE_PLAIN, site,
                             __builtin_frame_address(0));
    weir__timer_init(&sc->u.timer, budget_spent);
    sc->budget = budget_ns;
    if (budget_ns <= 0)
        spent_at_once(sc);
    else if (budget_ns != WEIR_NEVER)
        arm(sc, budget_ns);
}

void weir_shield_enter(struct weir_scope *scope, weir_ns budget_ns) {
    weir_shield_enter_at(NULL, scope, budget_ns);
}

void weir_shield_enter_at(const struct weir_site *site, struct weir_scope *scope,
                          weir_ns budget_ns) {
    if (budget_ns <= 0 || budget_ns == WEIR_NEVER)
        WEIR_BUG("weir_shield_enter: the budget must be finite and more than 0");
    struct scope *sc = enter("weir_shield_enter", scope, SCOPE_SHIELD, site,
                             __builtin_frame_address(0));
    weir__timer_init(&sc->u.timer, budget_spent);
    arm(sc, budget_ns);
}

/* Is the deadline never, or beyond the last time that the clock can show? */
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
        spent_at_once(sc);
    } else if (sc->kind == SCOPE_PLAIN || !endless(budget_ns)) {
        arm(sc, budget_ns);
    }
}

void weir_scope_cancel(struct weir_scope *scope, const char *cause) {
    weir_scope_cancel_at(NULL, scope, cause);
}

void weir_scope_cancel_at(const struct weir_site *site, struct weir_scope *scope,
                          const char *cause) {
    struct scope *sc = scope_of(scope);
    scope_assert(sc, "weir_scope_cancel");
    weir__scope_fire(sc, -ECANCELED, cause, weir__note_here(site));
}

int weir__stopped(const char *what, const struct scope *sc) {
    weir__fail(WEIR_ESTOPPED, what, NULL);
    weir__error_because((struct reason){sc->cause, 0, sc->note});
    return WEIR_ESTOPPED;
}

int weir_scope_leave(struct weir_scope *scope, int rc) {
    struct scope *sc = scope_of(scope);
    scope_assert(sc, "weir_scope_leave");
    if (sc->kind != SCOPE_PLAIN && sc->kind != SCOPE_SHIELD)
        WEIR_BUG("weir_scope_leave: this is a group: close or drain it");
    weir__scope_leavable(sc, "weir_scope_leave");
    weir__signal_waits_drop(sc);
    weir__timer_disarm(weir__sched->loop.timers, &sc->u.timer);
    weir__scope_end(sc);
    bool raised_here = rc < 0 && rc == sc->own && rc != sc->task->felt;
    if (raised_here && rc == -ECANCELED)
        return weir__stopped("scope", sc);
    return rc;
}

void weir_scope_auto_leave(struct weir_scope *scope) {
    const struct scope *sc = scope_of(scope);
    if (sc == NULL)
        weir__scope_refuse(NULL, "weir_scope_auto_leave");
    if (sc->cookie != 0 && !scope_has(sc, SCOPE_LEFT))
        weir_scope_leave(scope, 0);
}

int weir_cancelled(void) {
    struct sched *s = weir__sched;
    return s && s->current ? s->current->felt : 0;
}

/* The signal and the cause of a scope may be read after it was left too, and then by any thread. */
static const struct scope *readable(const struct weir_scope *scope, const char *call) {
    const struct scope *sc = (const struct scope *)(const void *)scope;
    if (sc == NULL || !scope_has(sc, SCOPE_LEFT))
        scope_assert(sc, call);
    return sc;
}

int weir_scope_signal(const struct weir_scope *scope) {
    return readable(scope, "weir_scope_signal")->signal;
}

const char *weir_scope_cause(const struct weir_scope *scope) {
    const char *cause = readable(scope, "weir_scope_cause")->cause;
    return cause ? cause : "";
}

int weir_scope_fired(const struct weir_scope *scope) {
    return scope_fired(readable(scope, "weir_scope_fired"));
}

/* Looks from sc outwards. Returns true if the search is over. */
static bool deadline_found(const struct weir_task *t, const struct scope *sc, weir_ns *ret_ns) {
    for (; sc != NULL; sc = sc->outer) {
        outer_holds_assert(t, sc);
        if (sc->kind == SCOPE_PLAIN)
            *ret_ns = sc->u.timer.deadline_ns;
        if (*ret_ns != WEIR_NEVER || deaf(sc))
            return true;
    }
    return false;
}

weir_ns weir_deadline(void) {
    const struct weir_task *t = weir_task_current();
    weir_ns at = WEIR_NEVER;
    if (t == NULL)
        return at;
    innermost_assert(t);
    const struct group *g;
    for (const struct scope *sc = t->scope; !deadline_found(t, sc, &at); t = g->scope.task) {
        if ((g = opened_group_of(t)) == NULL)
            break;
        sc = &g->scope;
    }
    return at;
}

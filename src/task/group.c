/* SPDX-License-Identifier: MIT */
/* group.c - groups of tasks: open, cancel, join. A group is a scope on the chain of the task that
 * opened it. Its children are tasks, and groups of reactive connections. A close or drain waits for
 * all of them, so no child outlives its group. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "task/deadlock.h"
#include "task/internal.h"

#undef weir_group_open
#undef weir_group_cancel
#undef weir_stop

struct join { /* in the frame of close or drain */
    struct weir__park park;
    struct weir__timer grace;
    struct group *group;
};

void weir__group_init(struct group *g, enum weir_policy policy) {
    weir__list_init(&g->tasks);
    weir__list_init(&g->unders);
    g->live = g->failed = 0;
    g->first_error = 0;
    g->policy = (uint8_t)policy;
    g->queued = false;
    g->next_work = NULL;
}

void weir_group_open(struct weir_group *group, enum weir_policy policy) {
    weir_group_open_at(NULL, group, policy);
}

void weir_group_open_at(const struct weir_site *site, struct weir_group *group,
                        enum weir_policy policy) {
    weir__sched_for("weir_group_open");
    if (group == NULL)
        weir__scope_refuse(NULL, "weir_group_open");
    if (policy != WEIR_TOGETHER && policy != WEIR_INDEPENDENT)
        WEIR_BUG("weir_group_open: %d is no policy (WEIR_TOGETHER, WEIR_INDEPENDENT)",
                 (int)policy);
    struct group *g = group_of(group);
    weir__scope_begin(&g->scope, SCOPE_GROUP, site, __builtin_frame_address(0));
    if (__builtin_expect(g->scope.felt != 0, 0))
        weir__group_reason(g, weir__scope_reason(g->scope.task, g->scope.outer, g->scope.felt));
    weir__group_init(g, policy);
}

static void group_assert(const struct group *g, const char *call) {
    scope_assert(g ? &g->scope : NULL, call);
    if (g->scope.kind != SCOPE_GROUP && g->scope.kind != SCOPE_UNDER)
        WEIR_BUG("%s: this is a scope, not a group", call);
}

void weir_stop(const char *cause) {
    weir_stop_at(NULL, cause);
}

void weir_stop_at(const struct weir_site *site, const char *cause) {
    if (weir__sched != NULL)
        weir__root_fire(weir__sched, cause, weir__note_here(site));
}

void weir_group_cancel(struct weir_group *group, const char *cause) {
    weir_group_cancel_at(NULL, group, cause);
}

void weir_group_cancel_at(const struct weir_site *site, struct weir_group *group,
                          const char *cause) {
    struct sched *s = weir__sched;
    if (group == NULL && s == NULL)
        WEIR_BUG("weir_group_cancel: called from a thread without a loop (NULL is the run's own "
                 "group)");
    if (group == NULL) {
        weir__root_fire(s, cause, weir__note_here(site));
        return;
    }
    struct group *g = group_of(group);
    group_assert(g, "weir_group_cancel");
    weir__scope_fire(&g->scope, -ECANCELED, cause, weir__note_here(site));
}

/* The counts may be read after the close too. */
static const struct group *readable(const struct weir_group *group, const char *call) {
    const struct group *g = (const struct group *)(const void *)group;
    if (g == NULL || !scope_has(&g->scope, SCOPE_LEFT))
        group_assert(g, call);
    return g;
}

int weir_group_fired(const struct weir_group *group) {
    return scope_fired(&readable(group, "weir_group_fired")->scope);
}

size_t weir_group_live(const struct weir_group *group) {
    return readable(group, "weir_group_live")->live;
}

size_t weir_group_failed(const struct weir_group *group) {
    return readable(group, "weir_group_failed")->failed;
}

/* The first error in a TOGETHER group is kept for its close. All others are logged, and so is an
 * error whose group was closed before (g is NULL). */
void weir__group_child_failed(struct group *g, struct weir_task *t, int rc,
                              const struct weir_error *e) {
    if (g == NULL) {
        weir__error_log("failed, and nobody read it", t, rc, e);
        return;
    }
    g->failed++;
    bool is_kept = weir__sched->keepers != NULL && weir__keep_error(g, t, rc, e);
    if (g->policy == WEIR_INDEPENDENT || g->first_error != 0) {
        if (is_kept)
            weir__error_settled(t->error_number);
        else
            weir__error_log("failed", t, rc, e);
        return;
    }
    g->first_error = rc;
    g->first_number = t->error_number;
    g->scope.v.kept = weir__error_of_child(t, rc, e);
    weir__scope_fire(&g->scope, -ECANCELED, "a sibling failed",
                     weir__note(t->name, t->site, rc));
}

void weir__group_child_ended(struct group *g) {
    WEIR_CHECK(g->live > 0);
    if (--g->live > 0) {
        struct sched *s = weir__sched;
        if (__builtin_expect(g->live == s->daemons, 0) && g == &s->root && s->is_run)
            weir__daemons_cancel(s);
        return;
    }
    if (g->scope.kind == SCOPE_UNDER) {
        if (g->scope.u.under.ended != NULL)
            g->scope.u.under.ended((struct weir_group *)(void *)g);
    } else if (g->scope.u.group.joiner != NULL) {
        struct weir__park *joiner = g->scope.u.group.joiner;
        g->scope.u.group.joiner = NULL;
        weir__unpark(joiner, 0);
    }
}

/* The children that have not ended. Not g->live, which still counts the child that has just failed
 * and whose error cancels its siblings. */
static uint32_t alive(const struct group *g) {
    uint32_t n = 0;
    for (struct weir__list *at = g->tasks.next; at != &g->tasks; at = at->next)
        n += WEIR_CONTAINER(at, struct weir_task, link)->state != TASK_ENDED;
    for (struct weir__list *at = g->unders.next; at != &g->unders; at = at->next)
        n++;
    return n;
}

static const struct weir__what
    joins = {.text = "join", .kind = WEIR__ON_GROUP, .all_must_end = true},
    joins_with_grace = {.text = "join", .kind = WEIR__ON_GROUP};

/* Whatever cancels a group calls this once: when the felt code changes from 0. Then a grace is over
 * too, and will end no cycle any more. */
void weir__group_feels(struct group *g) {
    struct weir__park *joiner = g->scope.u.group.joiner;
    g->scope.u.group.cancelled = alive(g);
    if (joiner != NULL && joiner->what == &joins_with_grace)
        joiner->what = &joins;
}

void weir__group_child_begins_cancelled(struct group *g) {
    if (g->scope.kind == SCOPE_GROUP)
        g->scope.u.group.cancelled++;
}

bool weir__group_has_felt(const struct group *g, int rc) {
    return rc == g->scope.felt || (rc == -ETIME && g->scope.was_late);
}

static void grace_is_over(struct group *g) {
    weir__scope_fire(&g->scope, -ECANCELED, "grace is over", weir__note(NULL, g->scope.site, 0));
}

/* A child that the cancel has not ended may wait for the task that joins: look for such a cycle. */
static void grace_ended(struct weir__timer *timer) {
    struct join *j = WEIR_CONTAINER(timer, struct join, grace);
    grace_is_over(j->group);
    if (j->group->live > 0)
        weir__deadlock_moved(j->park.task, false);
}

/* The group closes. Ended children of which somebody has a handle lose their group; if the handle
 * is released without an await, their error is logged. */
static void forget_ended(struct group *g) {
    while (!weir__list_empty(&g->tasks)) {
        struct weir_task *t = WEIR_CONTAINER(g->tasks.next, struct weir_task, link);
        weir__list_remove(&t->link);
        t->group = NULL;
        t->done = false;
    }
}

int weir__group_join(struct sched *s, struct group *g, weir_ns grace_ns) {
    struct join j = {.park = {.what = &joins, .on = g}, .group = g};
    weir__timer_init(&j.grace, grace_ended);
    bool waits = g->live > 0 && g->scope.felt == 0;
    if (waits && grace_ns <= 0) {
        grace_is_over(g);
    } else if (waits && grace_ns != WEIR_NEVER) {
        j.park.what = &joins_with_grace; /* a cycle ends with the grace */
        weir__timer_arm(s->loop.timers, &j.grace,
                        weir__deadline(weir__loop_now(&s->loop), grace_ns));
    }
    if (g->live > 0 && j.park.what == &joins)
        weir__deadlock_break(&joins, g);
    while (g->live > 0) {
        g->scope.u.group.joiner = &j.park;
        weir__park(&j.park);
    }
    weir__timer_disarm(s->loop.timers, &j.grace);
    forget_ended(g);
    if (s->keepers != NULL)
        weir__keeper_leave(s, g);
    return (int)g->scope.u.group.cancelled;
}

/* Make the record of the first error the record of the running task. Returns the error. */
static int first_error_hand_over(struct group *g) {
    if (g->scope.v.kept != NULL)
        weir__error_restore(g->scope.v.kept);
    else /* there was no memory for a copy: replace an older record that has the same code */
        weir__fail(g->first_error, "group", NULL);
    weir__free(g->scope.v.kept);
    g->scope.v.kept = NULL;
    weir__error_settled(g->first_number);
    return g->first_error;
}

/* Log the first error, where another result is returned. */
static void first_error_log(struct group *g, const char *how) {
    struct weir_error *e = g->scope.v.kept;
    if (g->first_error == 0)
        return;
    if (e != NULL)
        weir__error_words(e);
    if (!weir__unhandled(e ? e->where : "", g->scope.site, g->first_error, e))
        weir__log(WEIR_LOG_ERROR, "a %s group had failed: %s%s%s%s%s", how,
              weir_error_name(g->first_error), e ? " in task " : "", e ? e->where : "",
              e ? ": " : "", e ? weir__error_words(e) : "");
    weir__free(g->scope.v.kept);
    g->scope.v.kept = NULL;
    weir__error_settled(g->first_number);
}

/* The body failed by itself, not because a cancel or deadline stopped it: its error is returned
 * before any other. */
static int close_failed(struct sched *s, struct group *g, int rc) {
    struct weir_error bodys = {0};
    const struct weir_error *e = weir_error(rc);
    if (e != NULL)
        bodys = *e;
    weir__scope_fire(&g->scope, -ECANCELED, "the group's body failed",
                     weir__note(NULL, g->scope.site, rc));
    weir__group_join(s, g, WEIR_NEVER);
    weir__scope_end(&g->scope);
    first_error_log(g, "closed");
    if (bodys.code == rc)
        *weir__error_here() = bodys;
    return rc;
}

/* A scope around the group cut the children short. If the body returned the same code, its record
 * stays. Else an older record of that code is another deadline's, or of a call that has been dealt
 * with. */
static int cut_short(int felt, int rc) {
    return rc == felt ? weir__error_felt(felt, "join") : weir__fail(felt, "join", NULL);
}

/* Abort unless the running task may join the group now. */
static struct group *joinable(struct weir_group *group, const char *call) {
    struct group *g = group_of(group);
    group_assert(g, call);
    weir__sched_for(call);
    weir__scope_leavable(&g->scope, call);
    return g;
}

/* Which result is returned: a table in doc/design/task.md and in close_test.c. */
int weir_group_close(struct weir_group *group, int rc) {
    struct group *g = joinable(group, "weir_group_close");
    struct sched *s = weir__sched;
    weir__mark();
    if (rc < 0 && !weir__group_has_felt(g, rc))
        return close_failed(s, g, rc);
    weir__group_join(s, g, WEIR_NEVER);
    weir__scope_end(&g->scope);
    if (g->first_error != 0)
        return first_error_hand_over(g);
    if (s->current->felt != 0) /* a scope around cut the children short */
        return cut_short(s->current->felt, rc);
    return rc == -ECANCELED ? weir__stopped("group", &g->scope) : rc;
}

int weir_group_drain(struct weir_group *group, weir_ns grace_ns) {
    struct group *g = joinable(group, "weir_group_drain");
    struct sched *s = weir__sched;
    weir__mark();
    int cancelled = weir__group_join(s, g, grace_ns);
    weir__scope_end(&g->scope);
    first_error_log(g, "drained");
    return cancelled;
}

void weir__group_open_under(struct weir_group *group, struct weir_group *parent,
                            enum weir_policy policy, void (*ended)(struct weir_group *g)) {
    struct group *g = group_of(group), *above = parent ? group_of(parent) : &weir__sched->root;
    group_assert(above, "weir_react");
    memset(&g->scope, 0, sizeof g->scope);
    g->scope.cookie = SCOPE_OPEN ^ (uint32_t)(uintptr_t)&g->scope;
    g->scope.kind = SCOPE_UNDER;
    g->scope.loop = above->scope.loop;
    g->scope.site = above->scope.site;
    g->scope.budget = WEIR_NEVER;
    g->scope.u.under.parent = above;
    g->scope.u.under.ended = ended;
    g->scope.felt = above->scope.felt;
    weir__group_init(g, policy);
    weir__list_add_tail(&above->unders, &g->scope.u.under.link);
    above->live++;
    if (above->scope.felt != 0)
        weir__group_child_begins_cancelled(above);
}

void weir__group_close_under(struct weir_group *group) {
    struct group *g = group_of(group);
    WEIR_CHECK(g->scope.kind == SCOPE_UNDER && g->live == 0);
    forget_ended(g);
    first_error_log(g, "connection's"); /* there is none: these groups are INDEPENDENT */
    weir__free(g->scope.v.kept);
    g->scope.v.kept = NULL;
    weir__list_remove(&g->scope.u.under.link);
    g->scope.cookie = SCOPE_LEFT ^ (uint32_t)(uintptr_t)&g->scope;
    weir__group_child_ended(g->scope.u.under.parent);
}

void weir__group_cancel_unders(struct weir_group *group, const char *cause,
                               bool (*is_meant)(const struct weir_group *under, const void *arg),
                               const void *arg) {
    struct group *g = group_of(group);
    struct weir__list *at;
    for (struct weir__list *next = g->unders.next; (at = next) != &g->unders;) {
        next = at->next; /* the cancel may close and free the group */
        struct scope *under = WEIR_CONTAINER(at, struct scope, u.under.link);
        struct weir_group *it = (struct weir_group *)(void *)under;
        if (is_meant(it, arg))
            weir_group_cancel_at(NULL, it, cause);
    }
}

/* From a task to the one that opened its group, and so on up. */
bool weir__task_is_within(const struct weir_task *t, const struct weir_task *top) {
    while (t != NULL && t != top) {
        const struct group *g = opened_group_of(t);
        t = g != NULL ? g->scope.task : NULL;
    }
    return t != NULL;
}

void weir__group_error_keep(struct weir_group *group, int rc) {
    struct group *g = group_of(group);
    WEIR_CHECK(g->scope.kind == SCOPE_UNDER);
    if (g->scope.v.kept == NULL)
        g->scope.v.kept = weir__error_copy(rc, weir_error(rc));
}

void weir__group_error_give(const struct weir_group *group, int rc) {
    const struct weir_error *e = ((const struct group *)(const void *)group)->scope.v.kept;
    if (e != NULL && e->code == rc)
        weir__error_restore(e);
}

int weir__group_cancelled(const struct weir_group *group) {
    return ((const struct group *)(const void *)group)->scope.felt;
}

/* SPDX-License-Identifier: MIT */
/* deadlock.c - who waits for whom: a search from what a task is about to wait for, back to that
 * task. It visits parked tasks only, and looks at each as weir__what describes its wait. It runs
 * when a task is about to park, and ends at once if nothing waits for that task. Each task on the
 * way can go on only after the next one, so a way back is a deadlock. A wait that a scope has fired
 * is not on it: its task is ready already. */
#include "task/deadlock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/log.h"
#include "task/internal.h"

/* A longer cycle is not found, nor one behind so many tasks; then the tasks wait, and the run's
 * report of what waits for ever names them. */
enum { HOPS_MAX = 48, VISITS_MAX = 4096, ABOVE_MAX = 16, CYCLE_TEXT = 1024 };

struct hop { /* task waits for on */
    struct weir_task *task;
    const struct weir__what *what;
    const void *on;
    const struct group *in;      /* on is a group: that, or one of a connection below it, */
    const struct weir__list *at; /* and the child in it that was visited last */
    bool begun;
};

struct path {
    struct hop hops[HOPS_MAX];
    int count;
    int visits;
    bool firm; /* it leads over waits that no cancel ends, and over no other */
};

const char *weir__task_text(const struct weir_task *t, char buf[static WEIR__TASK_TEXT]) {
    snprintf(buf, WEIR__TASK_TEXT, "task '%s' (spawned at %s:%d)", t->name, t->site->file,
             t->site->line);
    return buf;
}

/* ---- the search ------------------------------------------------------------------------------ */

/* The next of top and the groups of connections below it; NULL: g was the last. */
static const struct group *next_group(const struct group *g, const struct group *top) {
    const struct weir__list *next = g->unders.next, *end = &g->unders;
    while (next == end) {
        if (g == top)
            return NULL;
        next = g->scope.u.under.link.next;
        g = g->scope.u.under.parent;
        end = &g->unders;
    }
    struct scope *under = WEIR_CONTAINER(next, struct scope, u.under.link);
    return WEIR_CONTAINER(under, struct group, scope);
}

/* The next child of the group that h waits for; NULL: there is no further one. */
static struct weir_task *next_child(struct path *p, struct hop *h) {
    if (!h->begun) {
        h->in = h->on;
        h->at = &h->in->tasks;
    }
    while (h->in != NULL && p->visits++ < VISITS_MAX) {
        h->at = h->at->next;
        if (h->at == &h->in->tasks) {
            h->in = next_group(h->in, h->on);
            h->at = h->in != NULL ? &h->in->tasks : NULL;
            continue;
        }
        struct weir_task *t = WEIR_CONTAINER(h->at, struct weir_task, link);
        if (t->state != TASK_ENDED)
            return t;
    }
    return NULL;
}

/* The next task that must act before the last wait of p can end; NULL: there is no further one. */
static struct weir_task *next_of(struct path *p) {
    struct hop *h = &p->hops[p->count - 1];
    struct weir_task *t = NULL;
    if (h->what->all_must_end)
        t = next_child(p, h);
    else if (h->what->owner != NULL && !h->begun)
        t = h->what->owner(h->on);
    h->begun = true;
    return t;
}

static void add_hop(struct path *p, struct weir_task *t, const struct weir__what *what,
                    const void *on) {
    p->hops[p->count++] = (struct hop){.task = t, .what = what, .on = on};
}

/* Called again, it goes on with the search. */
static bool leads_back(struct path *p, const struct weir_task *self) {
    while (p->count > 0) {
        struct weir_task *t = next_of(p);
        if (t == self)
            return true;
        if (p->visits++ >= VISITS_MAX)
            return false;
        if (t == NULL)
            p->count--;
        else if (t->state == TASK_PARKED && p->count < HOPS_MAX &&
                 !(p->firm && t->park->abort != NULL))
            add_hop(p, t, t->park->what, t->park->on);
    }
    return false;
}

/* Who awaits a task stands in its queue, and a lock that it holds has a hook at its end. And a task
 * that closes a group waits for all that is in it. So without an awaiter or a hook here and above
 * nothing leads back, unless the wait is for one of those above. */
static bool may_be_awaited(const struct weir_task *t, const struct weir_task *wanted) {
    for (int i = 0; t != NULL && i < ABOVE_MAX; i++) {
        if (t->at_end != NULL || !weir__waitq_empty(&t->awaiters) || t == wanted)
            return true;
        const struct group *g = opened_group_of(t);
        t = g != NULL ? g->scope.task : NULL;
    }
    return false;
}

/* ---- its words ------------------------------------------------------------------------------- */

struct text {
    char *buf;
    size_t size, len;
};

static __attribute__((format(printf, 2, 3))) void put(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->buf + t->len, t->size - t->len, format, args);
    va_end(args);
    t->len = n > 0 && t->len + (size_t)n < t->size ? t->len + (size_t)n : t->size - 1;
}

static const struct weir_site *site_of(const struct hop *h) {
    const char *on = h->on;
    if (h->what->kind == WEIR__ON_GROUP)
        return ((const struct group *)h->on)->scope.site;
    return h->what->site_at != 0 ? *(const struct weir_site *const *)(const void *)
                                        (on + h->what->site_at) : NULL;
}

static void put_hop(struct text *text, const struct hop *h) {
    const struct weir_site *site = site_of(h);
    if (h->what->kind == WEIR__ON_TASK) {
        put(text, " waits for the end of");
        return;
    }
    bool group = h->what->kind == WEIR__ON_GROUP;
    put(text, " waits for the %s", group ? "group" : h->what->object);
    if (site != NULL)
        put(text, " %s at %s:%d", group ? "opened" : "initialised", site->file, site->line);
    else if (!group)
        put(text, " at %p", h->on);
    put(text, group ? ", which has" : ", held by");
}

/* Begin with the task of hop number first. */
static void put_cycle(char cycle[static CYCLE_TEXT], const struct path *p, int first) {
    struct text text = {cycle, CYCLE_TEXT, 0};
    for (int i = 0; i < p->count; i++) {
        const struct hop *h = &p->hops[(first + i) % p->count];
        const struct hop *before = &p->hops[(first + i + p->count - 1) % p->count];
        put(&text, "%stask '%s'", i > 0 ? " " : "", h->task->name);
        if (i > 0 && before->what->kind == WEIR__ON_SYNC) /* it holds that */
            put(&text, " (spawned at %s:%d)", h->task->site->file, h->task->site->line);
        if (i > 0)
            put(&text, ", which");
        put_hop(&text, h);
    }
    put(&text, p->count > 1 ? " task '%s'" : " itself", p->hops[first].task->name);
}

/* ---- what becomes of it ---------------------------------------------------------------------- */

/* Begin the search for a way back to self. Returns false if there can be none. */
static bool begins(struct path *p, struct weir_task *self, const struct weir__what *what,
                   const void *on) {
    if (!may_be_awaited(self, what->owner != NULL ? what->owner(on) : NULL))
        return false;
    p->count = p->visits = 0;
    p->firm = false;
    add_hop(p, self, what, on);
    return true;
}

static int refused(struct weir_task *t, const struct weir__what *what, const char *cycle) {
    weir__log(WEIR_LOG_ERROR, "%s: deadlock: %s", what->text, cycle);
    return weir__failf_in(t, -EDEADLK, what->text, "deadlock: %s", cycle);
}

int weir__deadlock_refuse(const struct weir__what *what, const void *on) {
    struct path p;
    char cycle[CYCLE_TEXT];
    if (!begins(&p, weir__sched->current, what, on) || !leads_back(&p, p.hops[0].task))
        return 0;
    put_cycle(cycle, &p, 0);
    return refused(p.hops[0].task, what, cycle);
}

/* The first wait of a cycle that can be refused, behind that of the task from which the search
 * began; 0: none can. If that task closes, it is that of a descendant: only closes come before. */
static int first_refusable(const struct path *p) {
    for (int i = 1; i < p->count; i++)
        if (p->hops[i].what->owner != NULL && p->hops[i].task->park->abort != NULL)
            return i;
    return 0;
}

static void break_all(struct path *p) {
    char cycle[CYCLE_TEXT];
    const char *call = p->hops[0].what->text;
    while (leads_back(p, p->hops[0].task)) {
        int i = first_refusable(p);
        struct hop *h = &p->hops[i];
        put_cycle(cycle, p, i);
        if (i == 0)
            WEIR_BUG("%s: deadlock, which no cancel can end: %s", call, cycle);
        weir__wait_refuse(h->task, refused(h->task, h->what, cycle));
        p->count = i; /* go on behind it: another child may wait in another cycle */
        p->visits = 0;
    }
}

void weir__deadlock_break(const struct weir__what *what, const void *on) {
    struct path p;
    if (begins(&p, weir__sched->current, what, on))
        break_all(&p);
}

void weir__deadlock_moved(struct weir_task *t, bool by_cancel) {
    struct path p;
    if (!begins(&p, t, t->park->what, t->park->on))
        return;
    p.firm = by_cancel;
    break_all(&p);
}

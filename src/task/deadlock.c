/* SPDX-License-Identifier: MIT */
/* deadlock.c - who waits for whom: a search from what a task is about to wait for, back to that
 * task. It visits parked tasks only, and looks at each as weir__what describes its wait. It runs
 * when a task is about to park, and ends at once if nothing waits for that task. */
#include "task/deadlock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "task/internal.h"

/* A longer cycle is not found, nor one behind so many tasks; then the tasks wait, and the run's
 * report of what waits for ever names them. */
enum { HOPS_MAX = 48, VISITS_MAX = 4096, ABOVE_MAX = 16, CYCLE_TEXT = 1024 };

struct hop { /* task waits for on */
    const struct weir_task *task;
    const struct weir__what *what;
    const void *on;
    const struct weir__list *at; /* a group: the child that was visited last */
    bool begun;
};

struct path {
    struct hop hops[HOPS_MAX];
    int count;
    int visits;
};

const char *weir__task_text(const struct weir_task *t, char buf[static WEIR__TASK_TEXT]) {
    snprintf(buf, WEIR__TASK_TEXT, "task '%s' (spawned at %s:%d)", t->name, t->site->file,
             t->site->line);
    return buf;
}

/* ---- the search ------------------------------------------------------------------------------ */

static const struct weir_task *next_child(struct hop *h) {
    const struct group *g = h->on;
    for (h->at = h->begun ? h->at->next : g->tasks.next; h->at != &g->tasks; h->at = h->at->next) {
        const struct weir_task *t = WEIR_CONTAINER(h->at, struct weir_task, link);
        if (t->state != TASK_ENDED)
            return t;
    }
    return NULL;
}

/* The next task that must act before h's wait can end; NULL: there is no further one. */
static const struct weir_task *next_of(struct hop *h) {
    const struct weir_task *t = NULL;
    if (h->begun && h->at == NULL)
        return NULL;
    if (h->what->all_must_end)
        t = next_child(h);
    else if (h->what->owner != NULL)
        t = h->what->owner(h->on);
    h->begun = true;
    if (t == NULL)
        h->at = NULL;
    return t;
}

static void add_hop(struct path *p, const struct weir_task *t, const struct weir__what *what,
                    const void *on) {
    p->hops[p->count++] = (struct hop){.task = t, .what = what, .on = on};
}

static bool leads_back(struct path *p, const struct weir_task *self) {
    while (p->count > 0) {
        const struct weir_task *t = next_of(&p->hops[p->count - 1]);
        if (t == self)
            return true;
        if (t == NULL)
            p->count--;
        else if (++p->visits > VISITS_MAX)
            return false;
        else if (t->state == TASK_PARKED && p->count < HOPS_MAX)
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

static void put_cycle(struct text *text, const struct path *p) {
    for (int i = 0; i < p->count; i++) {
        const struct weir_task *t = p->hops[i].task;
        put(text, "%stask '%s'", i > 0 ? " " : "", t->name);
        if (i > 0 && p->hops[i - 1].what->kind == WEIR__ON_SYNC) /* it holds that */
            put(text, " (spawned at %s:%d)", t->site->file, t->site->line);
        if (i > 0)
            put(text, ", which");
        put_hop(text, &p->hops[i]);
    }
    put(text, p->count > 1 ? " task '%s'" : " itself", p->hops[0].task->name);
}

static bool closes_a_cycle(const struct weir__what *what, const void *on, char *buf,
                           size_t size) {
    struct weir_task *self = weir__sched->current;
    struct path p;
    struct text text = {buf, size, 0};
    if (!may_be_awaited(self, what->owner != NULL ? what->owner(on) : NULL))
        return false;
    p.count = p.visits = 0;
    add_hop(&p, self, what, on);
    if (!leads_back(&p, self))
        return false;
    put_cycle(&text, &p);
    return true;
}

int weir__deadlock_refuse(const struct weir__what *what, const void *on) {
    char cycle[CYCLE_TEXT];
    if (!closes_a_cycle(what, on, cycle, sizeof cycle))
        return 0;
    weir__log(WEIR_LOG_ERROR, "%s: deadlock: %s", what->text, cycle);
    return weir__failf(-EDEADLK, what->text, NULL, "deadlock: %s", cycle);
}

void weir__deadlock_warn(const struct weir__what *what, const void *on) {
    char cycle[CYCLE_TEXT];
    if (closes_a_cycle(what, on, cycle, sizeof cycle))
        weir__log(WEIR_LOG_ERROR, "%s: deadlock, unless a cancel or a deadline ends it: %s",
                  what->text, cycle);
}

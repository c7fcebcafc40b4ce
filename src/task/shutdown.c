/* SPDX-License-Identifier: MIT */
/* shutdown.c - how a run ends in good order: tasks are asked, get time to finish, are cancelled,
 * and those that still do not end are named. And daemons: tasks that hold no run open. */
#include <errno.h>

#include "base/check.h"
#include "base/log.h"
#include "task/internal.h"

#define FIRST_BOUND WEIR_SECONDS(5)

void weir__name_waiting(enum weir_log_level level, const struct group *g) {
    char waits[WEIR__WHAT_TEXT];
    for (const struct weir__list *at = g->tasks.next; at != &g->tasks; at = at->next) {
        const struct weir_task *t = WEIR_CONTAINER(at, struct weir_task, link);
        if (t->state == TASK_ENDED)
            continue;
        weir__log(level, "  task '%s' (%s:%d) waits: %s", t->name, t->site->file, t->site->line,
                  weir__task_waits_text(t, waits));
        for (const struct scope *sc = t->scope; sc != NULL; sc = sc->outer)
            if (sc->kind == SCOPE_GROUP)
                weir__name_waiting(level, WEIR_CONTAINER(sc, struct group, scope));
    }
    for (const struct weir__list *at = g->unders.next; at != &g->unders; at = at->next) {
        const struct scope *under = WEIR_CONTAINER(at, struct scope, u.under.link);
        weir__name_waiting(level, WEIR_CONTAINER(under, struct group, scope));
    }
}

static void arm(struct sched *s, weir_ns after_ns) {
    weir__timer_arm(s->loop.timers, &s->shutdown.timer,
                    weir__deadline(weir__loop_now(&s->loop), after_ns));
}

static void cancel_all(struct sched *s) {
    s->shutdown.phase = CANCELLED;
    s->shutdown.bound_ns = FIRST_BOUND;
    arm(s, FIRST_BOUND);
    weir__root_fire(s, s->shutdown.cause, s->shutdown.note);
}

static void report(struct sched *s) {
    weir__log(WEIR_LOG_WARNING,
              "loop '%s' is shut down, and %zu tasks have not ended %lld s after they were "
              "cancelled",
              s->loop.handle->name, s->tasks_live,
              (long long)((2 * s->shutdown.bound_ns - FIRST_BOUND) / WEIR_SECONDS(1)));
    weir__name_waiting(WEIR_LOG_WARNING, &s->root);
    s->shutdown.bound_ns *= 2;
    arm(s, s->shutdown.bound_ns);
}

static void timer_fired(struct weir__timer *timer) {
    struct sched *s = WEIR_CONTAINER(timer, struct sched, shutdown.timer);
    if (s->shutdown.phase == DRAINS)
        cancel_all(s);
    else
        report(s);
}

void weir__shutdown_init(struct sched *s) {
    weir__timer_init(&s->shutdown.timer, timer_fired);
}

void weir__shutdown_end(struct sched *s) {
    weir__timer_disarm(s->loop.timers, &s->shutdown.timer);
}

void weir__shutdown(struct sched *s, weir_ns grace_ns, const char *cause, uint16_t note) {
    struct shutdown *d = &s->shutdown;
    if (d->phase == CANCELLED)
        return;
    weir_ns at_ns = weir__deadline(weir__loop_now(&s->loop), grace_ns > 0 ? grace_ns : 0);
    if (d->phase == NOT_ASKED) {
        d->phase = DRAINS;
        d->cause = cause;
        d->note = note;
        weir__waitq_wake_all(&d->waiting, 0);
    } else if (at_ns >= d->timer.deadline_ns) {
        return;
    }
    if (grace_ns <= 0)
        cancel_all(s);
    else
        weir__timer_arm(s->loop.timers, &d->timer, at_ns);
}

#undef weir_stop_within
void weir_stop_within(weir_ns grace_ns, const char *cause) {
    weir_stop_within_at(NULL, grace_ns, cause);
}

void weir_stop_within_at(const struct weir_site *site, weir_ns grace_ns, const char *cause) {
    struct sched *s = weir__sched;
    if (s != NULL)
        weir__shutdown(s, grace_ns, cause, weir__note_here(site));
}

bool weir_stopping(void) {
    const struct sched *s = weir__sched;
    return s != NULL && (s->shutdown.phase != NOT_ASKED || s->root.scope.own != 0);
}

int weir_wait_stopping(void) {
    static const struct weir__what waits = {.text = "wait for shutdown", .kind = WEIR__ON_NOTHING};
    int rc = weir__suspend_enter(waits.text);
    if (rc < 0)
        return rc;
    if (weir_stopping()) {
        weir__breathe();
        return 0;
    }
    rc = (int)weir__waitq_wait(&weir__sched->shutdown.waiting, NULL, &waits, NULL);
    return rc < 0 ? weir__fail(rc, waits.text, NULL) : 0;
}

/* ---- daemons --------------------------------------------------------------------------------- */

void weir__daemon_begins(struct sched *s, struct weir_task *t) {
    if (t->group != &s->root)
        WEIR_BUG("weir_spawn: a daemon is a child of the run's own group (NULL)");
    t->daemon = true;
    s->daemons++;
}

void weir__daemons_cancel(struct sched *s) {
    for (struct weir__list *at = s->root.tasks.next; at != &s->root.tasks; at = at->next) {
        struct weir_task *t = WEIR_CONTAINER(at, struct weir_task, link);
        if (!t->daemon || t->state == TASK_ENDED || t->cancelled)
            continue;
        t->cancelled = true;
        t->cause = "only daemons are left";
        t->note = 0;
        weir__scope_refresh(s, t);
    }
    weir__scope_spread(s);
}

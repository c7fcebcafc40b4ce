/* SPDX-License-Identifier: MIT */
/* soon.c - callbacks: what surrounds the call of a user's function outside of its tasks, and the
 * queue of those that the loop calls soon.
 *
 * The queue runs as a flush: when the ready tasks of a round have run. A callback that is queued
 * while the queue runs waits for the next flush, so callbacks that always queue another cannot hold
 * the loop, and the loop does not wait while one is queued. */
#include "base/check.h"
#include "loop/handle.h"
#include "task/internal.h"
#include "task/soon.h"

void weir__callback_begin(struct weir__callback *c) {
    struct sched *s = weir__sched;
    c->sched = s;
    c->task = s != NULL ? s->current : NULL;
    if (s != NULL)
        s->current = NULL;
    weir__callback_again(c);
    c->outer = weir__error_divert(&c->error);
}

/* Where plain code has the callback called, it may open, use and close loops: then no task ran, and
 * c->sched may be freed. */
void weir__callback_end(struct weir__callback *c) {
    bool is_same = weir__sched == c->sched;
    if (!is_same && weir__loop_is_parents(c->sched))
        WEIR_BUG("a callback forked, and returned in the child: end the child by _exit or exec");
    weir__error_divert(c->outer);
    if (is_same && c->sched != NULL)
        ((struct sched *)c->sched)->current = c->task;
}

void weir__soon_add(struct weir__soon *n) {
    struct sched *s = weir__sched;
    WEIR_CHECK(s != NULL && weir__list_empty(&n->link));
    weir__list_add_tail(&s->soon, &n->link);
    if (!s->ending)
        weir__loop_flush_later(&s->loop, &s->soon_flush);
}

bool weir__soon_waits(void) {
    return weir__sched != NULL && !weir__list_empty(&weir__sched->soon);
}

static void run_queue(struct weir__flush *f) {
    struct sched *s = WEIR_CONTAINER(f, struct sched, soon_flush);
    struct weir__callback c;
    struct weir__list now;
    weir__list_take(&now, &s->soon);
    weir__callback_begin(&c);
    while (!weir__list_empty(&now)) {
        struct weir__soon *n = WEIR_CONTAINER(now.next, struct weir__soon, link);
        weir__list_remove(&n->link);
        weir__callback_again(&c);
        n->called(n, false);
    }
    weir__callback_end(&c);
    if (!weir__list_empty(&s->soon))
        weir__loop_flush_later(&s->loop, f);
}

void weir__soon_init(struct sched *s) {
    weir__list_init(&s->soon);
    weir__list_init(&s->soon_flush.link);
    s->soon_flush.flush = run_queue;
}

void weir__soon_drop(struct sched *s) {
    weir__list_remove(&s->soon_flush.link);
    while (!weir__list_empty(&s->soon)) {
        struct weir__soon *n = WEIR_CONTAINER(s->soon.next, struct weir__soon, link);
        weir__list_remove(&n->link);
        n->called(n, true);
    }
}

void weir__run_ends(struct sched *s) {
    void (*ending)(struct weir__loop *l) = s->loop.ending;
    s->ending = true;
    s->loop.ending = NULL;
    weir__soon_drop(s);
    if (ending != NULL)
        ending(&s->loop);
    if (s->loop.writes_last != NULL)
        s->loop.writes_last(&s->loop);
}

bool weir__run_is_ending(void) {
    return weir__sched != NULL && weir__sched->ending;
}

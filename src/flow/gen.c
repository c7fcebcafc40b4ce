/* SPDX-License-Identifier: MIT */
/* gen.c - generators: one task yields items, another asks for them. Of the two at most one runs:
 * the body waits in `want` until somebody asks, and who asks waits in `ready` until the body has
 * yielded or ended. An item that is yielded while nobody waits (the consumer was cancelled) stays
 * in the body's frame; the slot of its waiter points to it. */
#include <weir/generator.h>

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "task/task.h"
#include "task/waitq.h"

/* CLOSING: the body was cancelled and may still run. To ask aborts: that task would still wait when
 * the generator is closed. */
enum gen_state { CLOSED, OPEN, CLOSING, ENDED, REPORTED };

struct gen { /* behind struct weir_gen */
    struct weir_task *task;
    struct weir__waitq want, ready;
    size_t item_size;
    int (*fn)(struct weir_gen *gen, void *arg);
    void *arg;
    enum gen_state state;
    bool owed; /* a task was woken for the end, and has not run since */
};
_Static_assert(sizeof(struct gen) <= sizeof(struct weir_gen), "fits into the public struct");

struct body_args {
    struct gen *gen;
};

static const struct weir__what asks = {.text = "next item", .kind = WEIR__ON_NOTHING};
static const struct weir__what waits = {.text = "yield item", .kind = WEIR__ON_NOTHING};

static const struct weir__what closes = {
    .text = "close generator", .kind = WEIR__ON_TASK, .owner = weir__what_awaited};

static struct gen *gen_of(struct weir_gen *gen, const char *call) {
    struct gen *g = (struct gen *)(void *)gen;
    weir__not_null(gen, call);
    if (g->state == CLOSED)
        WEIR_BUG("%s: the generator is closed", call);
    return g;
}

static int body(void *args) {
    struct gen *g = ((struct body_args *)args)->gen;
    bool asked = !weir__waitq_empty(&g->ready);
    int rc = asked ? weir_cancelled() : (int)weir__waitq_wait(&g->want, NULL, &waits, NULL);
    if (rc == 0)
        rc = g->fn((struct weir_gen *)(void *)g, g->arg);
    if (g->state == OPEN)
        g->state = ENDED;
    g->owed = weir__waitq_wake_all(&g->ready, 1) > 0;
    return rc;
}

#undef weir_gen_open
int weir_gen_open(struct weir_gen *gen, struct weir_group *g, size_t item_size,
                  int (*fn)(struct weir_gen *gen, void *arg), void *arg) {
    return weir_gen_open_at(WEIR_SITE(generator), gen, g, item_size, fn, arg);
}

int weir_gen_open_at(const struct weir_site *site, struct weir_gen *gen, struct weir_group *group,
                     size_t item_size, int (*fn)(struct weir_gen *gen, void *arg), void *arg) {
    weir__not_null(gen, "weir_gen_open");
    if (fn == NULL)
        WEIR_BUG("weir_gen_open: the function is NULL");
    struct gen *g = (struct gen *)(void *)gen;
    *g = (struct gen){.item_size = item_size, .fn = fn, .arg = arg};
    int rc = weir_spawn(group, site, body, &(struct body_args){g}, sizeof(struct body_args), NULL,
                        &g->task);
    g->state = rc == 0 ? OPEN : CLOSED;
    return rc;
}

int weir_gen_yield(struct weir_gen *gen, const void *item) {
    int rc = weir__suspend_enter(waits.text);
    if (rc < 0)
        return rc;
    struct gen *g = gen_of(gen, "weir_gen_yield");
    struct weir__waiter *w = weir__waitq_first(&g->ready);
    if (weir_task_current() != g->task)
        WEIR_BUG("weir_gen_yield: only the generator's own function may yield");
    if (g->item_size == 0)
        item = g; /* it only says that there is an item */
    if (w != NULL) {
        if (g->item_size > 0)
            memcpy(w->slot, item, g->item_size);
        weir__waiter_grant(w, 0);
        item = NULL;
    }
    rc = (int)weir__waitq_wait(&g->want, (void *)(uintptr_t)item, &waits, NULL);
    return rc < 0 ? weir__fail(rc, waits.text, NULL) : 0;
}

/* The body has ended: its error is reported once, to whoever asks first. */
static int report(struct gen *g) {
    if (g->state == REPORTED)
        return 0;
    g->state = REPORTED;
    int rc = weir__task_take(&g->task, NULL, 0);
    return rc < 0 ? rc : 0;
}

static int wait_for_item(struct gen *g, void *ret_item) {
    int rc = (int)weir__waitq_wait(&g->ready, ret_item, &asks, NULL);
    if (rc < 0)
        return weir__fail(rc, asks.text, NULL);
    if (rc == 0)
        return 1;
    g->owed = false;
    return report(g);
}

int weir_gen_next(struct weir_gen *gen, void *ret_item) {
    int rc = weir__suspend_enter(asks.text);
    if (rc < 0)
        return rc;
    struct gen *g = gen_of(gen, "weir_gen_next");
    if (weir_task_current() == g->task)
        return weir__failf(-EDEADLK, asks.text, NULL, "a generator cannot ask itself");
    if (g->state == CLOSING)
        WEIR_BUG("weir_gen_next: the generator is being closed");
    if (g->state >= ENDED)
        return report(g);
    if (!weir__waitq_empty(&g->ready))
        return weir__failf(-EBUSY, asks.text, NULL, "another task waits for the next item");
    struct weir__waiter *w = weir__waitq_first(&g->want);
    if (w != NULL && w->slot != NULL) {
        if (g->item_size > 0)
            memcpy(ret_item, w->slot, g->item_size);
        w->slot = NULL;
        weir__breathe();
        return 1;
    }
    if (w != NULL)
        weir__waiter_grant(w, 0);
    return wait_for_item(g, ret_item);
}

void weir_gen_close(struct weir_gen *gen) {
    struct gen *g = (struct gen *)(void *)gen;
    weir__mark();
    if (g == NULL || g->state == CLOSED)
        return;
    if (weir_task_current() == NULL || weir_task_current() == g->task)
        WEIR_BUG("weir_gen_close: called %s", g->task != NULL && weir_task_current() == g->task
                                                  ? "by the generator's own function"
                                                  : "outside a task");
    if (g->state == CLOSING)
        WEIR_BUG("weir_gen_close: another task is closing this generator");
    if (g->owed || !weir__waitq_empty(&g->ready))
        WEIR_BUG("weir_gen_close: a task waits in weir_gen_next for this generator");
    if (g->state == OPEN) {
        g->state = CLOSING;
        (weir_task_cancel)(g->task, "its generator was closed");
    }
    if (g->task != NULL)
        weir__task_join(g->task, &closes);
    weir_task_release(&g->task);
    g->state = CLOSED;
}

/* SPDX-License-Identifier: MIT */
/* limiter.c - units that are borrowed. Each borrower brings the memory of its unit, so the limiter
 * knows all of them and allocates nothing. */
#include <errno.h>
#include <string.h>
#include <weir/limit.h>

#include "base/list.h"
#include "sync/owner.h"

#undef weir_limiter_init

struct limiter { /* behind struct weir_limiter */
    struct weir__sync sync;
    size_t total, borrowed;
    struct weir__list borrows;
};
static_assert(sizeof(struct limiter) <= sizeof(struct weir_limiter), "public size is ABI");

struct borrow { /* behind struct weir_borrow */
    struct weir__at_end held; /* held.task: whose it is; NULL: nobody's, or no task's */
    struct weir__list link;
    struct limiter *of; /* NULL: it is not borrowed; nobodys: a task waits for it */
    const char *name;
};
static_assert(sizeof(struct borrow) <= sizeof(struct weir_borrow), "public size is ABI");

static struct limiter nobodys;

static struct weir_task *only_borrower(const void *on);

static const char kind[] = "limiter";
static const struct weir__what acquires = WEIR__SYNC_WHAT("limiter acquire", kind, only_borrower),
                               acquires_for = WEIR__SYNC_WHAT("limiter acquire", kind, NULL);

static struct limiter *limiter_of(const struct weir_limiter *limiter, const char *call) {
    struct limiter *l = (struct limiter *)(void *)(uintptr_t)limiter;
    weir__not_null(limiter, call);
    if (__builtin_expect(l->borrows.next == NULL, 0))
        WEIR_BUG("%s: the limiter was not initialised", call);
    return l;
}

void weir_limiter_init_at(const struct weir_site *site, struct weir_limiter *limiter,
                          size_t total) {
    struct limiter *l = (struct limiter *)(void *)limiter;
    weir__not_null(limiter, "weir_limiter_init");
    weir__sync_init(&l->sync, kind, site);
    weir__list_init(&l->borrows);
    l->total = total;
    l->borrowed = 0;
}

void weir_limiter_init(struct weir_limiter *l, size_t total) {
    weir_limiter_init_at(NULL, l, total);
}

static const char *borrower_text(const struct borrow *b, char buf[static WEIR__TASK_TEXT]) {
    return b->held.task != NULL ? weir__task_text(b->held.task, buf) : b->name;
}

void weir_limiter_fini(struct weir_limiter *limiter) {
    struct limiter *l = (struct limiter *)(void *)limiter;
    char text[WEIR__SYNC_TEXT], task[WEIR__TASK_TEXT];
    weir__not_null(limiter, "weir_limiter_fini");
    weir__sync_fini(&l->sync, kind, "weir_limiter_fini");
    if (l->borrowed > 0) {
        struct borrow *b = WEIR_CONTAINER(l->borrows.next, struct borrow, link);
        WEIR_BUG("weir_limiter_fini: %zu of %s are borrowed, one by %s", l->borrowed,
                 weir__sync_text(&l->sync, text), borrower_text(b, task));
    }
    memset(limiter, 0, sizeof *limiter);
}

/* The one task that has borrowed all there is; NULL: there are several, or one is no task. */
static struct weir_task *only_borrower(const void *on) {
    const struct limiter *l = on;
    struct weir_task *t = NULL;
    for (struct weir__list *at = l->borrows.next; at != &l->borrows; at = at->next) {
        struct borrow *b = WEIR_CONTAINER(at, struct borrow, link);
        if (b->held.task == NULL || (t != NULL && t != b->held.task))
            return NULL;
        t = b->held.task;
    }
    return t;
}

static void borrower_ended(struct weir__at_end *held) {
    struct borrow *b = WEIR_CONTAINER(held, struct borrow, held);
    char task[WEIR__TASK_TEXT], text[WEIR__SYNC_TEXT];
    WEIR_BUG("%s ended while it had borrowed of %s", weir__task_text(weir__task_here(), task),
             weir__sync_text(&b->of->sync, text));
}

/* t: the task that becomes the borrower, if no name is given. */
static void lend(struct limiter *l, struct borrow *b, struct weir_task *t) {
    l->borrowed++;
    b->of = l;
    weir__list_add_tail(&l->borrows, &b->link);
    if (b->name == NULL)
        weir__at_end_add_to(t, &b->held, borrower_ended);
}

static bool can_lend(const struct limiter *l) {
    return l->borrowed < l->total && weir__waitq_empty(&l->sync.queue);
}

static void serve(struct limiter *l) {
    struct weir__waiter *w;
    while (l->borrowed < l->total && (w = weir__waitq_first(&l->sync.queue)) != NULL) {
        lend(l, w->slot, w->wait->park.task);
        weir__sync_grant(&l->sync, w, 0);
    }
}

/* The borrow behind b, which is free. */
static struct borrow *fresh(struct weir_borrow *borrow, const char *name, const char *call) {
    struct borrow *b = (struct borrow *)(void *)borrow;
    weir__not_null(borrow, call);
    if (b->of == &nobodys)
        WEIR_BUG("%s: a task waits with this already: borrow with another", call);
    if (b->of != NULL)
        WEIR_BUG("%s: this is borrowed already: give it back first, or borrow with another", call);
    memset(b, 0, sizeof *b);
    b->name = name;
    return b;
}

static int acquire(struct weir_limiter *limiter, struct weir_borrow *borrow, const char *name,
                   const struct weir__what *what, const char *call) {
    struct limiter *l = limiter_of(limiter, call);
    int rc = weir__sync_enter(&l->sync, kind, call, what->text);
    if (rc < 0)
        return rc;
    struct borrow *b = fresh(borrow, name, call);
    if (can_lend(l)) {
        lend(l, b, weir__task_here());
        return 0;
    }
    rc = what->owner != NULL ? weir__deadlock_refuse(what, l) : 0;
    if (rc < 0)
        return rc;
    b->of = &nobodys;
    rc = weir__sync_wait(&l->sync, b, what, NULL);
    if (rc < 0)
        b->of = NULL;
    return rc;
}

int weir_limiter_acquire(struct weir_limiter *l, struct weir_borrow *b) {
    int rc = weir__suspend_enter("limiter acquire");
    return rc < 0 ? rc : acquire(l, b, NULL, &acquires, "weir_limiter_acquire");
}

int weir_limiter_acquire_for(struct weir_limiter *l, struct weir_borrow *b, const char *name) {
    int rc = weir__suspend_enter("limiter acquire");
    if (rc < 0)
        return rc;
    return acquire(l, b, name ? name : "a borrower without a name", &acquires_for,
                   "weir_limiter_acquire_for");
}

int weir_limiter_try_acquire(struct weir_limiter *limiter, struct weir_borrow *borrow) {
    struct limiter *l = limiter_of(limiter, "weir_limiter_try_acquire");
    weir__sync_touch(&l->sync, kind, "weir_limiter_try_acquire");
    struct weir_task *t = weir__owner_here("weir_limiter_try_acquire");
    struct borrow *b = fresh(borrow, NULL, "weir_limiter_try_acquire");
    if (!can_lend(l))
        return -EAGAIN;
    lend(l, b, t);
    return 0;
}

void weir_limiter_release(struct weir_limiter *limiter, struct weir_borrow *borrow) {
    struct limiter *l = limiter_of(limiter, "weir_limiter_release");
    struct borrow *b = (struct borrow *)(void *)borrow;
    char text[WEIR__SYNC_TEXT], task[WEIR__TASK_TEXT];
    weir__sync_touch(&l->sync, kind, "weir_limiter_release");
    weir__not_null(borrow, "weir_limiter_release");
    if (b->of != l || b->link.prev->next != &b->link) /* a copy is not in the list */
        WEIR_BUG("weir_limiter_release: this is not borrowed of %s",
                 weir__sync_text(&l->sync, text));
    if (b->held.task != NULL && b->held.task != weir__task_here())
        WEIR_BUG("weir_limiter_release: this is borrowed of %s by %s, which must give it back",
                 weir__sync_text(&l->sync, text), weir__task_text(b->held.task, task));
    weir__at_end_remove(&b->held);
    weir__list_remove(&b->link);
    b->of = NULL;
    l->borrowed--;
    serve(l);
}

void weir_limiter_set_total(struct weir_limiter *limiter, size_t total) {
    struct limiter *l = limiter_of(limiter, "weir_limiter_set_total");
    weir__sync_touch(&l->sync, kind, "weir_limiter_set_total");
    l->total = total;
    serve(l);
}

size_t weir_limiter_borrowed(const struct weir_limiter *limiter) {
    struct limiter *l = limiter_of(limiter, "weir_limiter_borrowed");
    weir__sync_look(&l->sync, "weir_limiter_borrowed");
    return l->borrowed;
}

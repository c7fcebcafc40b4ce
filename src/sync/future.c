/* SPDX-License-Identifier: MIT */
/* future.c - a value, or an error with its record, that tasks and callbacks wait for. It is settled
 * once. Tasks are made ready by the call that settles it; callbacks are queued by it. */
#include "sync/future.h"

#include <errno.h>
#include <string.h>
#include <weir/select.h>

#include "base/alloc.h"
#include "base/check.h"
#include "sync/item.h"
#include "sync/sync.h"
#include "task/failure.h"
#include "task/soon.h"
#include "task/what.h"

#undef weir_future_new

enum state { WAITED_FOR, RESOLVED, FAILED, CANCELLED };

struct weir_future {
    uint32_t refs;
    uint8_t state;
    uint16_t loop; /* number of its loop */
    const struct weir_site *site;
    struct weir__failure failure; /* FAILED, CANCELLED */
    struct weir__waitq waiters;   /* those of weir_future_await hold a reference each */
    struct weir__waitq lasts;     /* their functions run code of the user's: behind all others */
    struct weir__list dones;      /* struct done; none is left once the settling call returns */
    struct weir__list queued;     /* struct done: settled, and to be called soon */
    size_t size;
    max_align_t value[];
};

struct done {
    struct weir__list link;
    struct weir__soon soon;
    struct weir_future *future; /* a reference, once it is queued */
    void (*fn)(struct weir_future *f, void *arg);
    void *arg;
};

static const struct weir__what waits_future = {.text = "future", .kind = WEIR__ON_SYNC};

static __attribute__((cold)) _Noreturn void refuse(const struct weir_future *f, const char *call) {
    char theirs[WEIR__LOOP_TEXT];
    const struct weir__loop *here = weir__loop();
    WEIR_BUG("%s: the future made at %s:%d belongs to %s, but this thread runs %s%s%s", call,
             f->site->file, f->site->line, weir__loop_text_of(f->loop, theirs),
             here ? "loop '" : "no loop", here ? here->handle->name : "", here ? "'" : "");
}

static inline bool is_here(const struct weir_future *f) {
    const struct weir__loop *l = weir__loop_here();
    return l != NULL && l->number == f->loop;
}

static inline void future_assert(const struct weir_future *f, const char *call) {
    weir__not_null(f, call);
    if (__builtin_expect(!is_here(f), 0))
        refuse(f, call);
}

int weir_future_new(size_t size, struct weir_future **ret_f) {
    static const struct weir_site unknown = {"weir_future_new", "a place unknown", "", 0};
    return weir_future_new_at(&unknown, size, ret_f);
}

int weir_future_new_at(const struct weir_site *site, size_t size, struct weir_future **ret_f) {
    struct weir__loop *l = weir__loop();
    if (l == NULL)
        return weir__no_loop("future");
    struct weir_future *f = NULL;
    if (size <= SIZE_MAX - sizeof *f)
        f = weir__alloc(sizeof *f + size);
    if (f == NULL)
        return weir__fail(-ENOMEM, "future", NULL);
    memset(f, 0, sizeof *f);
    f->refs = 1;
    f->loop = l->number;
    f->site = site;
    f->size = size;
    weir__list_init(&f->dones);
    weir__list_init(&f->queued);
    *ret_f = f;
    return 0;
}

struct weir_future *weir_future_ref(struct weir_future *f) {
    future_assert(f, "weir_future_ref");
    WEIR_CHECK(f->refs > 0);
    f->refs++;
    return f;
}

static void done_free(struct done *d) {
    weir__list_remove(&d->link);
    weir__free(d);
}

static __attribute__((noinline)) void destroy(struct weir_future *f) {
    if (!weir__waitq_empty(&f->waiters))
        WEIR_BUG("weir_future_unref: a weir_select waits for the future made at %s:%d: it needs a "
                 "reference of its own", f->site->file, f->site->line);
    while (!weir__list_empty(&f->dones))
        done_free(WEIR_CONTAINER(f->dones.next, struct done, link));
    if (f->state == FAILED)
        weir__failure_log(&f->failure, "a future", f->site);
    weir__failure_drop(&f->failure);
    weir__free(f);
}

static inline void give_back(struct weir_future *f) {
    WEIR_CHECK(f->refs > 0);
    if (__builtin_expect(--f->refs == 0, 0))
        destroy(f);
}

void weir_future_unref(struct weir_future **take_f) {
    if (take_f == NULL || *take_f == NULL)
        return;
    struct weir_future *f = *take_f;
    *take_f = NULL;
    if (!weir__future_is_here(f) && weir__loop_lives(f->loop))
        refuse(f, "weir_future_unref");
    give_back(f);
}

/* ---- settling ---- */

static void done_called(struct weir__soon *n, bool dropped) {
    struct done *d = WEIR_CONTAINER(n, struct done, soon);
    struct weir_future *f = d->future;
    void (*fn)(struct weir_future *f, void *arg) = d->fn;
    void *arg = d->arg;
    done_free(d);
    if (!dropped)
        fn(f, arg);
    give_back(f);
}

static void done_queue(struct done *d) {
    struct weir_future *f = d->future;
    f->refs++;
    weir__list_remove(&d->link);
    weir__list_add_tail(&f->queued, &d->link);
    weir__soon_add(&d->soon);
}

/* A Deferred that f is made of runs its chain at the end. That may give back the caller's
 * reference, and in plain code it may use or close loops: nothing of f's loop is touched then. */
static __attribute__((noinline)) void wake_others(struct weir_future *f) {
    f->refs++;
    weir__waitq_wake_all(&f->waiters, 0);
    while (!weir__list_empty(&f->dones))
        done_queue(WEIR_CONTAINER(f->dones.next, struct done, link));
    weir__waitq_wake_all(&f->lasts, 0);
    give_back(f);
}

static inline void settle(struct weir_future *f, enum state state) {
    struct weir__waiter *w = weir__waitq_first(&f->waiters);
    f->state = (uint8_t)state;
    if (w != NULL && w->next == w && w->wait != NULL && weir__list_empty(&f->dones) &&
        weir__waitq_empty(&f->lasts))
        weir__waiter_grant(w, 0); /* most often one task waits; it runs nothing here */
    else
        wake_others(f);
}

static int settled_already(const struct weir_future *f, const char *what) {
    return f->state == WAITED_FOR ? 0 : weir__fail(-EALREADY, what, NULL);
}

int weir_future_resolve(struct weir_future *f, const void *value) {
    future_assert(f, "weir_future_resolve");
    if (__builtin_expect(f->state != WAITED_FOR, 0))
        return settled_already(f, "resolve a future");
    if (value == NULL && f->size > 0)
        WEIR_BUG("weir_future_resolve: the value is NULL, but the future made at %s:%d is for %zu "
                 "bytes", f->site->file, f->site->line, f->size);
    if (f->size > 0)
        weir__item_copy(f->value, value, f->size);
    settle(f, RESOLVED);
    return 0;
}

int weir_future_fail(struct weir_future *f, int rc) {
    future_assert(f, "weir_future_fail");
    if (rc >= 0)
        WEIR_BUG("weir_future_fail: %d is no error, which is less than 0 (the future made at "
                 "%s:%d)", rc, f->site->file, f->site->line);
    if (f->state != WAITED_FOR)
        return settled_already(f, "fail a future");
    weir__failure_keep(&f->failure, rc);
    settle(f, FAILED);
    return 0;
}

int weir_future_cancel(struct weir_future *f, const char *cause) {
    struct weir_error mine;
    future_assert(f, "weir_future_cancel");
    if (f->state != WAITED_FOR)
        return settled_already(f, "cancel a future");
    weir__error_keep(&mine);
    int rc = weir__failf(WEIR_ESTOPPED, "future", NULL, "cancelled%s%s", cause ? ": " : "",
                         cause ? cause : "");
    weir__failure_keep(&f->failure, rc);
    weir__failure_settle(&f->failure); /* a cancel is no error that somebody must read */
    weir__error_restore(&mine);
    settle(f, CANCELLED);
    return 0;
}

void weir__future_watch(struct weir_future *f, struct weir__waiter *w) {
    WEIR_CHECK(f->state == WAITED_FOR && w->wait == NULL);
    weir__waitq_add(&f->waiters, w);
}

void weir__future_watch_last(struct weir_future *f, struct weir__waiter *w) {
    WEIR_CHECK(f->state == WAITED_FOR && w->wait == NULL);
    weir__waitq_add(&f->lasts, w);
}

bool weir__future_is_here(const struct weir_future *f) {
    return is_here(f);
}

const struct weir_site *weir__future_site(const struct weir_future *f) {
    return f->site;
}

bool weir__future_is_cancelled(const struct weir_future *f) {
    return f->state == CANCELLED;
}

/* ---- reading ---- */

bool weir_future_is_done(const struct weir_future *f) {
    future_assert(f, "weir_future_is_done");
    return f->state != WAITED_FOR;
}

void *weir__future_value(struct weir_future *f) {
    return f->state == RESOLVED && f->size > 0 ? f->value : NULL;
}

const void *weir_future_value(const struct weir_future *f) {
    future_assert(f, "weir_future_value");
    return f->state == RESOLVED && f->size > 0 ? f->value : NULL;
}

static int take_result(struct weir_future *f, void *ret_value) {
    if (f->state != RESOLVED) {
        weir__failure_settle(&f->failure);
        return weir__failure_give(&f->failure);
    }
    if (ret_value != NULL && f->size > 0)
        weir__item_copy(ret_value, f->value, f->size);
    return 0;
}

int weir_future_result(struct weir_future *f, void *ret_value) {
    future_assert(f, "weir_future_result");
    if (f->state == WAITED_FOR)
        return -EAGAIN;
    return take_result(f, ret_value);
}

/* The caller's reference may go while the task waits, and the waiter's own keeps f. */
int weir_future_await(struct weir_future *f, void *ret_value) {
    int rc = weir__suspend_enter("future");
    if (rc < 0)
        return rc;
    future_assert(f, "weir_future_await");
    f->refs++;
    if (f->state == WAITED_FOR)
        rc = (int)weir__waitq_wait(&f->waiters, NULL, &waits_future, f);
    else
        weir__breathe();
    rc = f->state != WAITED_FOR ? take_result(f, ret_value) : weir__fail(rc, "future", NULL);
    give_back(f);
    return rc;
}

/* ---- done callbacks ---- */

int weir_future_on_done(struct weir_future *f, void (*fn)(struct weir_future *f, void *arg),
                        void *arg) {
    future_assert(f, "weir_future_on_done");
    if (fn == NULL)
        WEIR_BUG("weir_future_on_done: the function is NULL");
    if (weir__run_is_ending())
        return weir__fail(WEIR_ECLOSED, "future", NULL);
    struct done *d = weir__alloc(sizeof *d);
    if (d == NULL)
        return weir__fail(-ENOMEM, "future", NULL);
    d->fn = fn;
    d->arg = arg;
    d->future = f;
    weir__soon_prepare(&d->soon, done_called);
    weir__list_init(&d->link);
    bool first = weir__list_empty(&f->dones); /* if not: wake_others queues this one in its turn */
    weir__list_add_tail(&f->dones, &d->link);
    if (f->state != WAITED_FOR && first)
        done_queue(d);
    return 0;
}

/* Returns how many were taken out of the list; those that were queued give their reference back. */
static size_t remove_from(struct weir__list *list, void (*fn)(struct weir_future *f, void *arg),
                          void *arg) {
    size_t removed = 0;
    for (struct weir__list *at = list->next, *next; at != list; at = next) {
        next = at->next;
        struct done *d = WEIR_CONTAINER(at, struct done, link);
        if (d->fn != fn || d->arg != arg)
            continue;
        weir__soon_remove(&d->soon);
        done_free(d);
        removed++;
    }
    return removed;
}

size_t weir_future_remove_done(struct weir_future *f, void (*fn)(struct weir_future *f, void *arg),
                               void *arg) {
    future_assert(f, "weir_future_remove_done");
    size_t queued = remove_from(&f->queued, fn, arg), waiting = remove_from(&f->dones, fn, arg);
    for (size_t i = 0; i < queued; i++)
        give_back(f);
    return queued + waiting;
}

/* ---- a case of weir_select ---- */

static void case_check(void *object, size_t item_size) {
    (void)item_size;
    future_assert(object, "weir_select");
}

static int case_attempt(void *object, void *item) {
    (void)item;
    return ((struct weir_future *)object)->state != WAITED_FOR ? 0 : -EAGAIN;
}

static void case_enlist(void *object, void *item, struct weir__wait *wait, struct weir__waiter *w) {
    weir__wait_add(wait, w, &((struct weir_future *)object)->waiters, item);
}

const struct weir__select_ops weir__case_future = {
    .text = "future", .check = case_check, .attempt = case_attempt, .enlist = case_enlist};

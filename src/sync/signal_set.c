/* SPDX-License-Identifier: MIT */
/* signal_set.c - signals, counted until a task takes them. For each signal of the set an op stays
 * pending until the close; its wake submits it again at once, so none is missed in between. */
#include <weir/select.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>

#include "base/alloc.h"
#include "sync/sync.h"
#include "sys/signals.h"

struct signal_set;

struct taken { /* one signal */
    struct weir__op op;
    struct signal_set *set;
    uint64_t count; /* that came and were not yet returned */
    bool pending;   /* the backend holds op */
    bool blocked;   /* in every thread, when it was looked at last */
};

struct signal_set {
    struct weir__loop *loop;
    struct weir__waitq queue;
    size_t pending, n;
    bool closed;
    struct taken taken[];
};

struct signals_head { /* behind struct weir_signals */
    struct signal_set *set; /* NULL: closed */
};
static_assert(sizeof(struct signals_head) <= sizeof(struct weir_signals), "public size is ABI");

enum { SIGNALS_MAX = 64 }; /* of one call: more there are not */

static const struct weir__what waits = {.text = "signals next", .kind = WEIR__ON_NOTHING};

static int submit(struct taken *t) {
    t->pending = weir__submit(t->set->loop->backend, &t->op) == WEIR__PENDING;
    t->set->pending += t->pending;
    return t->pending ? 0 : (int)t->op.result;
}

/* Its op stays pending while the program blocks it, so that it has no other effect. */
static bool look_if_blocked(struct taken *t) {
    t->blocked = !t->set->loop->backend->simulated && weir__signal_is_blocked(t->op.u.number);
    return t->blocked;
}

/* The signal number of the next one that came, or -EAGAIN. A signal that was blocked when it was
 * taken last is looked at again, and an op that could not be submitted after its wake is tried
 * again, so the caller gets the error. */
static int take(struct signal_set *set) {
    for (size_t i = 0; i < set->n; i++)
        if (set->taken[i].count > 0) {
            set->taken[i].count--;
            return set->taken[i].op.u.number;
        }
    for (size_t i = 0; i < set->n; i++) {
        struct taken *t = &set->taken[i];
        int rc = t->pending ? 0 : submit(t);
        if (rc == 0 && t->blocked && look_if_blocked(t))
            rc = -EPERM;
        if (rc < 0)
            return rc;
    }
    return -EAGAIN;
}

static void woke(struct weir__op *op) {
    struct taken *t = WEIR_CONTAINER(op, struct taken, op);
    struct signal_set *set = t->set;
    struct weir__waiter *w;
    t->pending = false;
    set->pending--;
    if (set->closed) {
        if (set->pending > 0)
            return;
        set->loop->hidden--;
        weir__free(set);
        return;
    }
    if (op->result > 0)
        t->count += op->u.signal.count;
    int rc = submit(t);
    if (rc == 0 && look_if_blocked(t))
        rc = -EPERM;
    for (; t->count > 0 && (w = weir__waitq_first(&set->queue)) != NULL; t->count--)
        weir__waiter_grant(w, op->u.number);
    if (rc < 0)
        weir__waitq_wake_all(&set->queue, rc);
}

/* Give up a set in which nobody waits. */
static void leave(struct signal_set *set) {
    set->closed = true;
    for (size_t i = 0; i < set->n; i++) {
        struct taken *t = &set->taken[i];
        if (!t->pending || weir__cancel(set->loop->backend, &t->op) != WEIR__DONE)
            continue;
        t->pending = false;
        set->pending--;
    }
    if (set->pending == 0)
        weir__free(set);
    else
        set->loop->hidden++; /* a signal has just come: the run waits for the wakes */
}

/* As weir_scope_on_signal: not the faults, which the kernel would raise again and again. */
static bool may_take(int signal) {
    static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (signal == never[i])
            return false;
    return signal > 0 && signal < NSIG;
}

static int refused(int rc, int signal) {
    if (rc == -EINVAL)
        return weir__failf(rc, "signals open", NULL, "signal %d cannot be taken (%s)", signal,
                           weir_error_name(rc));
    if (rc == -EPERM)
        return weir__failf(rc, "signals open", NULL,
                           "%d is blocked in every thread: unblock it (pthread_sigmask)", signal);
    return weir__fail(rc, "signals open", NULL);
}

static int open_all(struct signal_set *set) {
    for (size_t i = 0; i < set->n; i++) {
        struct taken *t = &set->taken[i];
        int rc = may_take(t->op.u.number) ? submit(t) : -EINVAL;
        if (rc < 0)
            return refused(rc, t->op.u.number);
    }
    return 0;
}

/* The end of the list is INT_MIN: any other number may be a mistake of the caller's. */
static size_t count_list(va_list list) {
    size_t n = 0;
    while (va_arg(list, int) != INT_MIN)
        n++;
    return n;
}

static bool has(const struct signal_set *set, int signal) {
    for (size_t i = 0; i < set->n; i++)
        if (set->taken[i].op.u.number == signal)
            return true;
    return false;
}

static struct signal_set *set_new(struct weir__loop *l, size_t n, va_list list) {
    struct signal_set *set = weir__alloc_zero(sizeof *set + n * sizeof set->taken[0]);
    if (set == NULL)
        return NULL;
    set->loop = l;
    while (n-- > 0) {
        int signal = va_arg(list, int);
        if (has(set, signal))
            continue;
        struct taken *t = &set->taken[set->n++];
        t->set = set;
        t->op.kind = WEIR__SIGNAL;
        t->op.wake = woke;
        t->op.u.signal.number = signal;
        t->op.u.signal.since = true;
    }
    return set;
}

#undef weir_signals_open
int weir_signals_open(struct weir_signals *signals, ...) {
    struct signals_head *h = (struct signals_head *)(void *)signals;
    struct weir__loop *l = weir__loop();
    va_list list;
    weir__not_null(signals, "weir_signals_open");
    h->set = NULL;
    if (l == NULL)
        return weir__no_loop("signals open");
    va_start(list, signals);
    size_t n = count_list(list);
    va_end(list);
    if (n == 0 || n > SIGNALS_MAX)
        WEIR_BUG("weir_signals_open: %zu signals", n);
    va_start(list, signals);
    struct signal_set *set = set_new(l, n, list);
    va_end(list);
    if (set == NULL)
        return weir__fail(-ENOMEM, "signals open", NULL);
    int rc = open_all(set);
    if (rc < 0) {
        leave(set);
        return rc;
    }
    l->unclosed++;
    h->set = set;
    return 0;
}

/* NULL: it is closed. */
static struct signal_set *set_of(struct weir_signals *signals, const char *call) {
    weir__not_null(signals, call);
    struct signal_set *set = ((struct signals_head *)(void *)signals)->set;
    if (set != NULL)
        weir__loop_assert(set->loop, set, call);
    return set;
}

int weir_signals_next(struct weir_signals *signals) {
    int rc = weir__suspend_enter("signals next");
    if (rc < 0)
        return rc;
    struct signal_set *set = set_of(signals, "weir_signals_next");
    if (set != NULL && weir__breathe()) {
        rc = weir_cancelled();
        set = set_of(signals, "weir_signals_next");
    }
    if (set == NULL)
        return weir__fail(WEIR_ECLOSED, "signals next", NULL);
    if (rc == 0)
        rc = take(set);
    if (rc == -EAGAIN)
        rc = (int)weir__waitq_wait(&set->queue, NULL, &waits, NULL);
    return rc < 0 ? weir__fail(rc, "signals next", NULL) : rc;
}

int weir_signals_try_next(struct weir_signals *signals) {
    struct signal_set *set = set_of(signals, "weir_signals_try_next");
    return set != NULL ? take(set) : WEIR_ECLOSED;
}

void weir_signals_close(struct weir_signals *signals) {
    weir__not_null(signals, "weir_signals_close");
    struct signals_head *h = (struct signals_head *)(void *)signals;
    struct signal_set *set = h->set;
    h->set = NULL;
    if (set == NULL)
        return;
    if (weir__loop_is_parents(set->loop)) { /* its ops are the parent's */
        weir__free(set);
        return;
    }
    weir__loop_assert(set->loop, set, "weir_signals_close");
    set->loop->unclosed--;
    weir__waitq_wake_all(&set->queue, WEIR_ECLOSED);
    leave(set);
}

/* ---- as a case of weir_select ---------------------------------------------------------------- */

static void check(void *object, size_t item_size) {
    (void)item_size;
    set_of(object, "weir_select");
}

static int attempt(void *object, void *item) {
    (void)item;
    return weir_signals_try_next(object);
}

static void enlist(void *object, void *item, struct weir__wait *wait, struct weir__waiter *w) {
    weir__wait_add(wait, w, &((struct signals_head *)object)->set->queue, item);
}

const struct weir__select_ops weir__case_signals = {
    .text = "signals", .check = check, .attempt = attempt, .enlist = enlist};

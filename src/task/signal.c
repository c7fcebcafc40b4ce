/* SPDX-License-Identifier: MIT */
/* signal.c - a signal cancels a scope: one backend op per (scope, signal), kept until the scope
 * is left. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/internal.h"

struct signal_wait {
    struct weir__op op;
    struct signal_wait *next;
    struct scope *scope; /* NULL: the scope was left while the backend still held the op */
    bool over;           /* the backend does not hold the op any more */
};

static void signal_came(struct weir__op *op) {
    struct signal_wait *w = WEIR_CONTAINER(op, struct signal_wait, op);
    w->over = true;
    if (w->scope == NULL) {
        weir__sched->loop.hidden--;
        weir__free(w);
        return;
    }
    if (op->result <= 0)
        return;
    struct scope *sc = w->scope;
    if (sc->own != -ECANCELED) /* its deadline may have fired before */
        sc->signal = (uint8_t)op->result;
    weir__scope_fire(sc, -ECANCELED, "signal",
                     weir__note(NULL, sc->site, (int)op->result));
    /* wait again: until the scope is left, the signal must have no other effect */
    w->over = weir__submit(weir__sched->loop.backend, op) == WEIR__DONE;
}

/* Not the faults: the kernel raises a fault again as soon as its handler returns, so the program
 * would loop. */
static bool may_wait_for(int signal) {
    static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (signal == never[i])
            return false;
    return signal > 0 && signal < NSIG;
}

static int wait_for(struct scope *sc, int signal) {
    if (!may_wait_for(signal))
        return weir__failf(-EINVAL, "wait for signal", NULL,
                           "signal %d cannot be waited for (EINVAL)", signal);
    struct signal_wait *w = weir__alloc_zero(sizeof *w);
    if (w == NULL)
        return weir__fail(-ENOMEM, "wait for signal", NULL);
    w->op.kind = WEIR__SIGNAL;
    w->op.u.number = signal;
    w->op.wake = signal_came;
    w->scope = sc;
    if (weir__submit(weir__sched->loop.backend, &w->op) == WEIR__DONE) {
        int rc = (int)w->op.result;
        weir__free(w);
        if (rc == -EPERM)
            return weir__failf(rc, "wait for signal", NULL,
                               "%d is blocked in every thread: unblock it (pthread_sigmask)",
                               signal);
        return weir__fail(rc < 0 ? rc : -EINVAL, "wait for signal", NULL);
    }
    w->next = sc->v.signals;
    sc->v.signals = w;
    return 0;
}

/* Drop the waits that are newer than `kept`. */
static void drop_until(struct scope *sc, struct signal_wait *kept) {
    for (struct signal_wait *w = sc->v.signals, *next; w != kept; w = next) {
        next = w->next;
        w->scope = NULL;
        if (w->over || weir__cancel(weir__sched->loop.backend, &w->op) == WEIR__DONE)
            weir__free(w);
        else
            weir__sched->loop.hidden++; /* the signal has just come: the run waits for the wake */
    }
    sc->v.signals = kept;
}

void weir__signal_waits_drop(struct scope *sc) {
    if (sc->kind == SCOPE_PLAIN)
        drop_until(sc, NULL);
}

#undef weir_scope_on_signal
int weir_scope_on_signal(struct weir_scope *scope, ...) {
    struct scope *sc = scope_of(scope);
    va_list list;
    if (weir__sched == NULL)
        return weir__no_loop("wait for signal");
    scope_assert(sc, "weir_scope_on_signal");
    if (sc->kind != SCOPE_PLAIN)
        WEIR_BUG("weir_scope_on_signal: weir_scope_enter makes the scope: no shield, no group");
    struct signal_wait *before = sc->v.signals;
    va_start(list, scope);
    int rc = 0;
    for (int signal; rc == 0 && (signal = va_arg(list, int)) != INT32_MIN;)
        rc = wait_for(sc, signal); /* a 0 may be a mistake of the caller's: it is no signal */
    va_end(list);
    if (rc < 0)
        drop_until(sc, before);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/* shared.c - waiters of shared objects: how a task or a plain thread waits, is woken by any thread,
 * and leaves. */
#include "thread/shared.h"

#include <errno.h>
#include <time.h>

#include "base/check.h"
#include "base/process.h"
#include "base/time.h"

void weir__shared_init(struct weir__shared *s, const struct weir_site *site) {
    atomic_init(&s->refs, 1);
    s->waiting = 0;
    s->tickets = 0;
    s->forks = weir__process.forks;
    s->site = site;
    pthread_mutex_init(&s->lock, NULL);
}

void weir__shared_ref(struct weir__shared *s, const char *call) {
    weir__not_null(s, call);
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

bool weir__shared_unref(struct weir__shared *s, const char *call) {
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1
        || weir__shared_is_parents(s))
        return false;
    pthread_mutex_lock(&s->lock);
    bool is_waited_on = s->waiting > 0;
    pthread_mutex_unlock(&s->lock);
    if (is_waited_on)
        WEIR_BUG("%s: it is the last reference, and something waits", call);
    return true;
}

void weir__shared_fini(struct weir__shared *s) {
    pthread_mutex_destroy(&s->lock);
}

bool weir__shared_is_parents(const struct weir__shared *s) {
    return s->forks != weir__process.forks;
}

int weir__shared_enter(struct weir__shared *s, const struct weir__what *what, const void *frame) {
    int rc = 0;
    weir__not_null(s, what->text);
    if (weir__task_here() == NULL)
        weir__mark(); /* in a plain thread there is nothing to cancel */
    if (weir__task_here() != NULL)
        rc = weir__suspend_enter_from(what->text, frame);
    else if (weir__is_stepping())
        rc = weir__failf(-EBUSY, what->text, NULL,
                         "it may block this thread's loop: call it in a task, or use a call that "
                         "never waits");
    if (rc == 0 && weir__shared_is_parents(s))
        rc = weir__fail(WEIR_EFORKED, what->text, NULL);
    if (rc == 0 && weir__task_here() != NULL && weir__breathe() && (rc = weir_cancelled()) < 0)
        rc = weir__fail(rc, what->text, NULL);
    return rc;
}

/* ---- being woken ----------------------------------------------------------------------------- */

/* As soon as the lock is free, w may be gone. */
static void wake(struct weir__sharer *w) {
    struct weir_loop *its = w->loop;
    if (its == NULL) {
        pthread_cond_signal(&w->told);
        return;
    }
    int rc = weir__loop_push(its, &w->woken);
    WEIR_CHECK(rc == 0); /* a loop does not close while a task waits */
    weir__loop_unref(its);
}

void weir__shared_offer(struct weir__sharer *w) {
    WEIR_CHECK(w->state == WEIR__WAITS);
    weir__list_remove(&w->link);
    w->state = WEIR__OFFERED;
    wake(w);
}

void weir__shared_tell(struct weir__sharer *w, int rc) {
    WEIR_CHECK(w->state == WEIR__WAITS);
    weir__list_remove(&w->link);
    w->rc = rc;
    w->state = WEIR__TOLD;
    wake(w);
}

static void enlist(struct weir__sharer *w) {
    struct weir__list *next = w->in->next;
    while (next != w->in && WEIR_CONTAINER(next, struct weir__sharer, link)->ticket < w->ticket)
        next = next->next;
    weir__list_add_tail(next, &w->link); /* before next */
}

/* w has an offer. It takes it, or waits in its old place again. */
static void claim(struct weir__sharer *w) {
    if (w->ops->claim(w)) {
        w->state = WEIR__TOLD;
        return;
    }
    w->state = WEIR__WAITS;
    if (w->loop != NULL)
        weir__loop_ref(w->loop);
    enlist(w);
}

static void leave(struct weir__sharer *w) {
    bool had_offer = w->state == WEIR__OFFERED;
    weir__list_remove(&w->link);
    w->state = WEIR__LEFT;
    if (w->ops->left != NULL)
        w->ops->left(w, had_offer);
}

/* ---- a task waits ---------------------------------------------------------------------------- */

static void woken(struct weir__post *p, bool dropped) {
    struct weir__sharer *w = WEIR_CONTAINER(p, struct weir__sharer, woken);
    WEIR_CHECK(!dropped); /* a loop does not close while a task waits */
    pthread_mutex_lock(&w->on->lock);
    if (w->state == WEIR__OFFERED)
        claim(w);
    bool waits_again = w->state == WEIR__WAITS;
    w->on->waiting -= !waits_again;
    pthread_mutex_unlock(&w->on->lock);
    if (!waits_again)
        weir__unpark(&w->park, 0);
}

/* The offer goes to the next at once, but the node is on its way to this loop. */
static int abort_wait(struct weir__park *p) {
    struct weir__sharer *w = WEIR_CONTAINER(p, struct weir__sharer, park);
    pthread_mutex_lock(&w->on->lock);
    bool was_listed = w->state == WEIR__WAITS;
    if (w->state != WEIR__TOLD)
        leave(w);
    w->on->waiting -= was_listed;
    pthread_mutex_unlock(&w->on->lock);
    if (!was_listed)
        return WEIR__PENDING;
    weir__loop_unref(w->loop);
    return WEIR__DONE;
}

static int wait_in_task(struct weir__shared *s, struct weir__sharer *w, const void *on,
                        const struct weir__what *what) {
    w->park = (struct weir__park){.abort = abort_wait, .what = what, .on = on};
    w->woken = (struct weir__post){NULL, woken};
    w->loop = weir__loop_ref(weir_loop_current());
    pthread_mutex_unlock(&s->lock);
    int64_t rc = weir__park(&w->park);
    if (w->state == WEIR__TOLD)
        return w->rc;
    int felt = weir_cancelled();
    return rc < 0 ? (int)rc : felt < 0 ? felt : -ECANCELED;
}

/* ---- a thread waits -------------------------------------------------------------------------- */

static struct timespec time_until(weir_ns timeout_ns) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    weir_ns until = weir__deadline((weir_ns)now.tv_sec * 1000000000 + now.tv_nsec, timeout_ns);
    return (struct timespec){until / 1000000000, until % 1000000000};
}

static int wait_in_thread(struct weir__shared *s, struct weir__sharer *w, weir_ns timeout_ns) {
    pthread_condattr_t monotonic;
    struct timespec until = time_until(timeout_ns);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->told, &monotonic);
    pthread_condattr_destroy(&monotonic);
    while (w->state == WEIR__WAITS) {
        int rc = timeout_ns == WEIR_NEVER ? pthread_cond_wait(&w->told, &s->lock)
                                          : pthread_cond_timedwait(&w->told, &s->lock, &until);
        if (w->state == WEIR__OFFERED)
            claim(w);
        if (w->state == WEIR__WAITS && rc != 0)
            leave(w);
    }
    s->waiting--;
    pthread_mutex_unlock(&s->lock);
    pthread_cond_destroy(&w->told);
    return w->state == WEIR__TOLD ? w->rc : -ETIME;
}

int weir__shared_wait(struct weir__shared *s, struct weir__sharer *w, struct weir__list *list,
                      weir_ns timeout_ns, const struct weir__what *what) {
    int rc;
    w->on = s;
    w->in = list;
    w->state = WEIR__WAITS;
    w->ticket = s->tickets++;
    s->waiting++;
    weir__list_add_tail(list, &w->link);
    if (weir__task_here() == NULL) {
        w->loop = NULL;
        rc = wait_in_thread(s, w, timeout_ns);
    } else if (timeout_ns == WEIR_NEVER) {
        rc = wait_in_task(s, w, s, what);
    } else {
        struct weir_scope scope;
        weir_scope_enter(&scope, timeout_ns);
        rc = weir_scope_leave(&scope, wait_in_task(s, w, s, what));
    }
    return rc < 0 ? weir__fail(rc, what->text, NULL) : rc;
}

/* SPDX-License-Identifier: MIT */
/* offload.c - blocking functions on helper threads. weir_offload waits until the function returns.
 * weir_offload_detached has a copy of the arguments, and a cancel may leave the function behind. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/internal.h"

/* fn was not called. -EAGAIN is what the kernel and the backend say alike, for want of a thread. */
static int not_begun(int rc) {
    if (rc != -EAGAIN)
        return weir__fail(rc, "offload", NULL);
    return weir__failf(rc, "offload", NULL,
                       "no helper thread can be had: raise the limit of threads (ulimit -u), or "
                       "wait until abandoned functions have returned (EAGAIN)");
}

/* fn has returned rc, without a record: it ran on another thread. */
static int its_code(int rc) {
    if (rc < 0)
        weir__error_forget(rc);
    return rc;
}

struct offloaded { /* in the frame of the task that waits */
    int (*fn)(void *arg);
    void *arg;
    bool begun; /* a thread has called fn */
};

static int offloaded_run(void *job) { /* on the helper thread */
    struct offloaded *o = job;
    o->begun = true;
    return o->fn(o->arg);
}

static const struct weir__what offloads = {.text = "offload", .kind = WEIR__ON_OFFLOAD};

int weir_offload(int (*fn)(void *arg), void *arg) {
    if (fn == NULL)
        WEIR_BUG("weir_offload: the function is NULL");
    int rc = weir__suspend_enter("offload");
    if (rc < 0)
        return rc;
    struct offloaded o = {.fn = fn, .arg = arg};
    struct weir__op op = {.kind = WEIR__WORK, .u.work = {offloaded_run, &o}};
    rc = (int)weir__op_await(&op, &offloads, NULL);
    return o.begun ? its_code(rc) : not_begun(rc);
}

/* An abandoned job may outlive its caller and the run. So it lies on the heap and has two holders:
 * the loop and the helper thread. The one that drops it last frees it. */
struct detached {
    struct weir__op op;
    struct weir__park *park;
    struct weir__list link; /* in sched.abandoned */
    int (*fn)(void *args);
    struct weir__work_by by;
    _Atomic int holders;
    bool begun; /* a thread has called fn */
    _Alignas(max_align_t) char args[]; /* a copy of the caller's struct, of any type */
};

static void detached_drop(struct detached *d) {
    if (atomic_fetch_sub_explicit(&d->holders, 1, memory_order_acq_rel) == 1)
        weir__free(d);
}

static int detached_run(void *job) { /* on the helper thread */
    struct detached *d = job;
    d->begun = true;
    int rc = d->fn(d->args);
    detached_drop(d);
    return rc;
}

static void detached_done(struct weir__op *op) {
    weir__unpark(WEIR_CONTAINER(op, struct detached, op)->park, op->result);
}

/* Drop the abandoned jobs that have ended; when the run is over, all of them. (The backend logs the
 * names of those that still run.) */
static void abandoned_sweep(struct sched *s, bool the_end) {
    for (struct weir__list *at = s->abandoned.next, *next; at != &s->abandoned; at = next) {
        struct detached *d = WEIR_CONTAINER(at, struct detached, link);
        next = at->next;
        if (!the_end && atomic_load_explicit(&d->holders, memory_order_acquire) > 1)
            continue;
        weir__list_remove(&d->link);
        detached_drop(d);
    }
}

void weir__offload_forget(struct sched *s) {
    abandoned_sweep(s, true);
}

struct detached_wait {
    struct weir__park park;
    struct detached *job;
};

static int detached_abort(struct weir__park *p) {
    struct detached_wait *w = WEIR_CONTAINER(p, struct detached_wait, park);
    struct detached *d = w->job;
    struct sched *s = weir__sched;
    if (weir__cancel(s->loop.backend, &d->op) == WEIR__PENDING)
        return WEIR__PENDING; /* fn has just returned: the op will complete with its result */
    w->job = NULL;
    if (d->op.result != -EINPROGRESS)
        detached_drop(d); /* no thread will run it: drop the thread's hold too */
    abandoned_sweep(s, false);
    weir__list_add_tail(&s->abandoned, &d->link);
    return WEIR__DONE;
}

static struct detached *detached_new(const struct weir_site *site, int (*fn)(void *args),
                                     const void *args, size_t size) {
    struct detached *d = size < SIZE_MAX / 2 ? weir__alloc(sizeof *d + size) : NULL;
    if (d == NULL)
        return NULL;
    memset(d, 0, sizeof *d);
    if (size > 0)
        memcpy(d->args, args, size);
    d->op.kind = WEIR__WORK;
    d->op.wake = detached_done;
    d->op.u.work.fn = detached_run;
    d->op.u.work.arg = d;
    d->op.u.work.abandon = true;
    d->by = (struct weir__work_by){weir_task_name(weir_task_current()), site};
    d->op.u.work.by = &d->by;
    d->fn = fn;
    d->holders = 2;
    return d;
}

#undef weir_offload_detached
int weir_offload_detached(int (*fn)(void *args), const void *args, size_t size) {
    static const struct weir_site unknown = {"a function", "a place unknown", "", 0};
    return weir_offload_detached_at(&unknown, fn, args, size);
}

int weir_offload_detached_at(const struct weir_site *site, int (*fn)(void *args),
                             const void *args, size_t size) {
    if (site == NULL || fn == NULL)
        WEIR_BUG("weir_offload_detached: the %s is NULL", site ? "function" : "site");
    int rc = weir__suspend_enter("offload");
    if (rc < 0)
        return rc;
    struct detached *d = detached_new(site, fn, args, size);
    if (d == NULL)
        return weir__fail(-ENOMEM, "offload", NULL);
    struct detached_wait w = {.park = {.abort = detached_abort, .what = &offloads}, .job = d};
    d->park = &w.park;
    if (weir__submit(weir__sched->loop.backend, &d->op) == WEIR__DONE) {
        rc = (int)d->op.result; /* the backend refused it: fn will not run */
        weir__free(d);
        return not_begun(rc);
    }
    rc = (int)weir__park(&w.park);
    if (w.job == NULL)
        return weir__fail(rc, "offload", NULL);
    bool begun = d->begun;
    if (!begun)
        detached_drop(d); /* no thread ran it: drop the thread's hold too */
    detached_drop(d);
    return begun ? its_code(rc) : not_begun(rc);
}

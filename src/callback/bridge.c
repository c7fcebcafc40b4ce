/* SPDX-License-Identifier: MIT */
/* bridge.c - Deferreds and what lies beside them: a task that waits for one, a future made of one,
 * one made of a future, a timeout. */
#include "callback/call.h"
#include "callback/deferred.h"

#include <errno.h>
#include <weir/callback.h>

#include "base/alloc.h"
#include "base/check.h"
#include "loop/handle.h"
#include "sync/future.h"
#include "task/soon.h"

struct beside { /* from on_begin to on_end */
    struct sched *outside, *inside;
};

/* A Deferred belongs to no loop, but a task or a future that hangs on it does, and the thread may
 * speak to another of its loops when the Deferred fires. Have it speak to l until on_end. Returns
 * false if l has closed, or is a fork parent's: then nothing of it can be woken. */
static bool on_begin(const struct weir_loop *l, struct beside *b) {
    b->outside = b->inside = weir__sched;
    if (l->own == NULL || weir__mailbox_is_parents(&l->mail))
        return false;
    if (!weir__loop_is_here(l))
        weir__loop_assert(l->own, NULL, "fire, cancel or free a Deferred");
    weir__sched = b->inside = (struct sched *)(void *)l->own;
    return true;
}

static void on_end(const struct beside *b) {
    weir__loop_speak_again(b->inside, b->outside);
}

/* ---- a task that waits ---- */

struct inline_wait { /* in the frame of the task, which holds a reference to the Deferred */
    struct step step;
    const struct weir_loop *loop; /* of the task */
    struct weir__waitq queue; /* of one */
    struct weir_result result;
    struct weir__failure failure;
    bool passed; /* the result has passed this place of the chain: it is in the two members above */
};

static const struct weir__what waits_deferred = {.text = "deferred", .kind = WEIR__ON_SYNC};

static void step_stays(struct step *s) {
    (void)s;
}

/* Nobody waits if the task was cancelled, or has just come. */
static void inline_wake(struct inline_wait *w) {
    struct beside beside;
    if (on_begin(w->loop, &beside))
        weir__waitq_grant(&w->queue);
    on_end(&beside);
}

static struct weir_result inline_passed(struct weir_result r, void *arg) {
    struct inline_wait *w = arg;
    w->passed = true;
    w->result = r;
    if (r.rc < 0)
        weir__failure_keep(&w->failure, r.rc);
    inline_wake(w);
    return (struct weir_result){0};
}

static struct weir_result swallow(struct weir_result r, void *arg) {
    (void)r, (void)arg;
    return (struct weir_result){0};
}

/* The task goes before the Deferred has fired: an element of its own takes the place of the task's,
 * and drops the result. Without memory that result stays in d. */
static void inline_leave(struct inline_wait *w, struct weir_deferred *d) {
    struct step *other = weir__alloc_zero(sizeof *other);
    if (other != NULL)
        other->callback = other->errback = swallow;
    weir__deferred_replace(d, &w->step, other);
}

/* The task was cancelled first: cancel the Deferred, and drop what comes of it. */
static void inline_cancel(struct inline_wait *w, struct weir_deferred *d) {
    struct weir__callback c;
    weir__callback_begin(&c);
    weir_deferred_cancel(d);
    weir__callback_end(&c);
    if (!w->passed)
        inline_leave(w, d);
    weir__failure_drop(&w->failure);
}

static int inline_take(struct inline_wait *w, void **ret_value) {
    int rc = w->result.rc;
    if (rc < 0)
        weir__failure_give(&w->failure);
    else if (ret_value != NULL)
        *ret_value = w->result.value;
    weir__failure_drop(&w->failure);
    return rc;
}

int weir_deferred_await(struct weir_deferred *d, void **ret_value) {
    int rc = weir__suspend_enter("deferred");
    if (rc == WEIR_ENOLOOP || rc == WEIR_EFORKED)
        return rc;
    weir__deferred_assert(d, "weir_deferred_await");
    if (rc < 0 && d->fired && d->waits_for == NULL && !d->orphan)
        return rc; /* the result stays in d */
    struct inline_wait w = {.step = {.callback = inline_passed, .errback = inline_passed,
                                     .taken = step_stays, .dropped = step_stays},
                            .loop = weir__loop()->handle};
    w.step.callback_arg = w.step.errback_arg = &w;
    weir_deferred_ref(d);
    weir__deferred_add(d, &w.step);
    if (rc == 0 && !w.passed) {
        int64_t felt = weir__waitq_wait(&w.queue, NULL, &waits_deferred, d);
        rc = felt < 0 && !w.passed ? weir__fail((int)felt, "deferred", NULL) : 0;
    } else if (rc == 0) {
        weir__breathe();
    }
    if (rc < 0)
        inline_cancel(&w, d);
    else
        rc = inline_take(&w, ret_value);
    weir_deferred_unref(&d);
    return rc;
}

/* ---- a future made of a Deferred ---- */

struct to_future {
    struct step step;
    struct weir__waiter watch; /* stands in the future's queue until that is settled */
    struct weir_deferred *deferred; /* no reference: step stands in its chain */
    struct weir_future *future;     /* a reference */
    struct weir_loop *loop;         /* that of the future: a reference */
};

static void to_future_free(struct to_future *t, const struct beside *beside) {
    weir_future_unref(&t->future);
    on_end(beside);
    weir__loop_unref(t->loop);
    weir__free(t);
}

/* When the loop has closed, nobody can read the future: so an error goes on along the chain. */
static struct weir_result to_future_passed(struct weir_result r, void *arg) {
    struct to_future *t = arg;
    struct beside beside;
    bool is_lost = r.rc < 0;
    weir__waiter_remove(&t->watch);
    if (on_begin(t->loop, &beside)) {
        is_lost = false;
        if (!weir_future_is_done(t->future) && r.rc < 0)
            weir_future_fail(t->future, r.rc);
        else if (!weir_future_is_done(t->future))
            weir_future_resolve(t->future, &r.value);
    }
    to_future_free(t, &beside);
    return is_lost ? r : (struct weir_result){0};
}

/* Freed unfired. After the run of the loop a future cannot be settled, and nobody waits. */
static void to_future_dropped(struct step *s) {
    struct to_future *t = WEIR_CONTAINER(s, struct to_future, step);
    struct beside beside;
    weir__waiter_remove(&t->watch);
    if (on_begin(t->loop, &beside) && !weir_future_is_done(t->future))
        weir_future_cancel(t->future, "its Deferred was freed unfired");
    to_future_free(t, &beside);
}

static void future_was_settled(struct weir__waiter *w) {
    struct to_future *t = WEIR_CONTAINER(w, struct to_future, watch);
    if (weir__future_is_cancelled(t->future))
        weir_deferred_cancel(t->deferred);
}

int weir_future_from_deferred(struct weir_deferred *d, struct weir_future **ret_f) {
    struct weir_future *f = NULL;
    weir__deferred_assert(d, "weir_future_from_deferred");
    struct to_future *t = weir__alloc_zero(sizeof *t);
    if (t == NULL)
        return weir__fail(-ENOMEM, "future", NULL);
    int rc = weir_future_new_at(d->site, sizeof(void *), &f);
    if (rc < 0) {
        weir__free(t);
        return rc;
    }
    t->step = (struct step){.callback = to_future_passed, .errback = to_future_passed,
                            .callback_arg = t, .errback_arg = t,
                            .taken = step_stays, .dropped = to_future_dropped};
    t->deferred = d;
    t->future = weir_future_ref(f);
    t->loop = weir__loop_ref(weir__loop()->handle);
    t->watch.granted = future_was_settled;
    weir__future_watch_last(f, &t->watch);
    *ret_f = f;
    weir__deferred_add(d, &t->step);
    return 0;
}

/* ---- a Deferred made of a future ---- */

struct of_future {
    struct weir_deferred deferred;
    struct weir__waiter watch;
    struct weir__soon soon;
    struct weir_future *future; /* a reference */
    struct weir_loop *loop;     /* that of the future: a reference */
    bool cancelled;
};

static void of_future_settled(struct weir__waiter *w) {
    weir__soon_add(&WEIR_CONTAINER(w, struct of_future, watch)->soon);
}

/* No round of callbacks comes that would fire it. */
static void of_future_stop(struct weir_deferred *d) {
    d->cancel = NULL;
    weir_deferred_cancel(d);
}

static void of_future_fires(struct weir__soon *n, bool dropped) {
    struct of_future *o = WEIR_CONTAINER(n, struct of_future, soon);
    if (dropped && o->cancelled)
        of_future_stop(&o->deferred);
    if (dropped || o->deferred.fired)
        return;
    int rc = weir_future_result(o->future, NULL);
    if (rc < 0)
        weir_deferred_fail(&o->deferred, rc);
    else
        weir_deferred_fire(&o->deferred, weir__future_value(o->future));
}

/* When the run of the loop has ended, that is the end of the Deferred too. */
static void of_future_cancel(struct weir_deferred *d) {
    struct of_future *o = WEIR_CONTAINER(d, struct of_future, deferred);
    struct beside beside;
    bool is_here = on_begin(o->loop, &beside), comes = is_here && !weir__run_is_ending();
    o->cancelled = true;
    if (is_here && !weir_future_is_done(o->future))
        weir_future_cancel(o->future, "its Deferred was cancelled");
    on_end(&beside);
    if (!comes && !d->fired)
        of_future_stop(d);
}

static void of_future_freed(struct weir_deferred *d) {
    struct of_future *o = WEIR_CONTAINER(d, struct of_future, deferred);
    struct beside beside;
    weir__waiter_remove(&o->watch);
    weir__soon_remove(&o->soon);
    (void)on_begin(o->loop, &beside);
    weir_future_unref(&o->future);
    on_end(&beside);
    weir__loop_unref(o->loop);
}

int weir_deferred_from_future(struct weir_future *f, struct weir_deferred **ret_d) {
    struct weir_deferred *d = NULL;
    bool is_done = weir_future_is_done(f);
    int rc = weir__deferred_make(weir__future_site(f), sizeof(struct of_future), &d);
    if (rc < 0)
        return rc;
    struct of_future *o = WEIR_CONTAINER(d, struct of_future, deferred);
    d->cancel = of_future_cancel;
    d->freed = of_future_freed;
    o->future = weir_future_ref(f);
    o->loop = weir__loop_ref(weir__loop()->handle);
    o->watch.granted = of_future_settled;
    weir__soon_prepare(&o->soon, of_future_fires);
    if (is_done)
        weir__soon_add(&o->soon);
    else
        weir__future_watch(f, &o->watch);
    *ret_d = d;
    return 0;
}

/* ---- a timeout ---- */

struct timeout {
    struct step step;
    struct weir_deferred *deferred; /* no reference: step stands in its chain */
    struct weir_call *call;         /* NULL once it was called; invalid after the run */
    struct weir_loop *loop;         /* a reference: plain code may speak to another meanwhile */
    bool over;
};

static void timeout_free(struct timeout *t) {
    if (t->call != NULL)
        weir__call_drop(t->loop, t->call);
    weir__loop_unref(t->loop);
    weir__free(t);
}

static void time_is_over(void *arg) {
    struct timeout *t = arg;
    weir_call_release(&t->call);
    t->over = true;
    weir_deferred_cancel(t->deferred);
}

static struct weir_result timeout_passed(struct weir_result r, void *arg) {
    struct timeout *t = arg;
    if (t->over && r.rc == WEIR_ESTOPPED)
        r = (struct weir_result){weir__failf(-ETIME, "deferred", NULL, "%s", "its time is over"),
                                 NULL};
    timeout_free(t);
    return r;
}

static void timeout_dropped(struct step *s) {
    timeout_free(WEIR_CONTAINER(s, struct timeout, step));
}

int weir_deferred_add_timeout(struct weir_deferred *d, weir_ns timeout_ns) {
    weir__deferred_assert(d, "weir_deferred_add_timeout");
    struct timeout *t = weir__alloc_zero(sizeof *t);
    if (t == NULL)
        return weir__fail(-ENOMEM, "deferred", NULL);
    int rc = weir_call_later(timeout_ns, time_is_over, t, &t->call);
    if (rc < 0) {
        weir__free(t);
        return rc;
    }
    t->step = (struct step){.callback = timeout_passed, .errback = timeout_passed,
                            .callback_arg = t, .errback_arg = t,
                            .taken = step_stays, .dropped = timeout_dropped};
    t->deferred = d;
    t->loop = weir__loop_ref(weir__loop()->handle);
    weir__deferred_add(d, &t->step);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* remote.c - a task on another loop. The call posts a node to the loop, which spawns the task
 * there; when the task has ended, plain threads are woken by a condition, and each task that waits
 * by a node in its own frame, posted to its own loop. So after the first allocation nothing can
 * fail.
 *
 * Under the lock: done, rc, failure, excused, read, waiters. Set by the starting thread before the
 * post: fn, args, site, loop. Only on the loop's thread: task. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <weir/thread.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/list.h"
#include "base/log.h"
#include "base/process.h"
#include "base/time.h"
#include "task/soon.h"
#include "task/task.h"

#undef weir_remote_cancel

struct weir_remote {
    unsigned forks; /* how many forks this process was away from the first one when it was made */
    _Atomic unsigned refs; /* handles, one until the task has ended, one while a cancel is posted */
    struct weir__post start, cancel;
    _Atomic bool cancelled;
    struct weir_loop *loop; /* a reference */
    const struct weir_site *site, *cancel_site;
    const char *cause;
    int (*fn)(void *args);
    struct weir_task *task; /* a handle; NULL: not begun, or ended */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct weir__list waiters; /* struct waiter */
    struct weir_error failure; /* the record of rc, if its code is rc */
    int rc;
    bool done, excused, read;
    size_t size;
    max_align_t args[];
};

struct waiter { /* in the frame of weir_remote_await */
    struct weir__park park;
    struct weir__list link; /* empty once the wake is posted */
    struct weir__post woken;
    struct weir_loop *loop; /* a reference: for the thread that posts the wake */
    struct weir_remote *remote;
};

static const struct weir__what awaits_remote = {
    .text = "remote await",
    .kind = WEIR__ON_SYNC,
    .site_at = offsetof(struct weir_remote, site),
    .object = "task of another loop",
};

/* The mailbox of a loop that had closed before the fork says that it is closed, and not that it is
 * the parent's. */
static bool is_parents(const struct weir_remote *r) {
    return r->forks != weir__process.forks;
}

static void unread(const struct weir_remote *r) {
    const struct weir_error *e = r->failure.code == r->rc ? &r->failure : NULL;
    if (!weir__unhandled(r->site->name, r->site, r->rc, e))
        weir__log(WEIR_LOG_ERROR,
                  "task '%s' (%s:%d), begun by weir_run_threadsafe, failed, and nobody read it: %s",
                  r->site->name, r->site->file, r->site->line,
                  e != NULL ? e->text : weir_error_text(r->rc));
}

static void unref(struct weir_remote *r) {
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (r->rc < 0 && !r->read && !r->excused && !is_parents(r))
        unread(r);
    weir__loop_unref(r->loop);
    pthread_cond_destroy(&r->ended);
    pthread_mutex_destroy(&r->lock);
    weir__free(r);
}

/* The waiter's frame may be gone as soon as its wake is posted. */
static void wake_all(struct weir_remote *r) {
    while (!weir__list_empty(&r->waiters)) {
        struct waiter *w = WEIR_CONTAINER(r->waiters.next, struct waiter, link);
        struct weir_loop *its = w->loop;
        weir__list_remove(&w->link);
        int rc = weir__loop_push(its, &w->woken);
        WEIR_CHECK(rc == 0 || rc == WEIR_EFORKED); /* a loop does not close while a task waits */
        weir__loop_unref(its);
    }
}

/* The task has ended, or never began. Gives the run's reference back. */
static void finish(struct weir_remote *r, int rc, bool excused) {
    const struct weir_error *e = weir_error(rc);
    pthread_mutex_lock(&r->lock);
    WEIR_CHECK(!r->done);
    if (e != NULL)
        r->failure = *e;
    r->rc = rc;
    r->excused = excused;
    r->done = true;
    pthread_cond_broadcast(&r->ended);
    wake_all(r);
    pthread_mutex_unlock(&r->lock);
    unref(r);
}

/* What waits for the task reads the result here and not through the group, so the task ends
 * with 0. */
static int remote_main(void *args) {
    struct weir_remote *r = *(struct weir_remote **)args;
    int rc = r->fn(r->args);
    weir_task_release(&r->task);
    finish(r, rc, rc < 0 && rc == weir_cancelled());
    return 0;
}

static void start(struct weir__post *p, bool dropped) {
    struct weir_remote *r = WEIR_CONTAINER(p, struct weir_remote, start);
    if (dropped || weir__run_is_ending()) {
        finish(r, weir__failf(WEIR_ENOLOOP, "remote", r->site->name,
                              "the loop ended before the task had begun"), false);
        return;
    }
    int rc = weir_spawn(NULL, r->site, remote_main, &r, sizeof r, NULL, &r->task);
    if (rc < 0)
        finish(r, rc, false);
}

static void cancel(struct weir__post *p, bool dropped) {
    struct weir_remote *r = WEIR_CONTAINER(p, struct weir_remote, cancel);
    if (!dropped && r->task != NULL)
        weir_task_cancel_at(r->cancel_site, r->task, r->cause);
    unref(r);
}

static struct weir_remote *make(struct weir_loop *l, size_t size) {
    pthread_condattr_t monotonic;
    struct weir_remote *r =
        size < SIZE_MAX - sizeof *r ? weir__alloc(sizeof *r + size) : NULL;
    if (r == NULL)
        return NULL;
    memset(r, 0, sizeof *r);
    r->forks = weir__process.forks;
    atomic_init(&r->refs, 1);
    atomic_init(&r->cancelled, false);
    r->start.fn = start;
    r->cancel.fn = cancel;
    weir__list_init(&r->waiters);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    r->loop = weir__loop_ref(l);
    r->size = size;
    return r;
}

int weir_run_threadsafe(struct weir_loop *l, const struct weir_site *site, int (*fn)(void *args),
                        const void *args, size_t args_size, struct weir_remote **ret_remote) {
    if (l == NULL || site == NULL || fn == NULL)
        WEIR_BUG("weir_run_threadsafe: the %s is NULL",
                 l == NULL ? "loop" : site == NULL ? "site" : "function");
    struct weir_remote *r = make(l, args_size);
    if (r == NULL)
        return weir__fail(-ENOMEM, "run threadsafe", site->name);
    r->site = site;
    r->fn = fn;
    if (args_size > 0)
        memcpy(r->args, args, args_size);
    if (ret_remote != NULL)
        atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    int rc = weir__loop_push(l, &r->start);
    if (rc == 0 && ret_remote != NULL)
        *ret_remote = r;
    if (rc == 0)
        return 0;
    atomic_store_explicit(&r->refs, 1, memory_order_relaxed);
    unref(r);
    return weir__fail(rc, "run threadsafe", site->name);
}

struct weir_remote *weir_remote_ref(struct weir_remote *r) {
    weir__not_null(r, "weir_remote_ref");
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void weir_remote_release(struct weir_remote **take_remote) {
    if (take_remote == NULL || *take_remote == NULL)
        return;
    struct weir_remote *r = *take_remote;
    *take_remote = NULL;
    unref(r);
}

void weir_remote_cancel(struct weir_remote *r, const char *cause) {
    weir_remote_cancel_at(NULL, r, cause);
}

/* The node is posted once; its reference is given back when it has been called. */
void weir_remote_cancel_at(const struct weir_site *site, struct weir_remote *r,
                           const char *cause) {
    weir__not_null(r, "weir_remote_cancel");
    if (atomic_exchange(&r->cancelled, true))
        return;
    r->cancel_site = site;
    r->cause = cause;
    weir_remote_ref(r);
    if (weir__loop_push(r->loop, &r->cancel) < 0)
        unref(r);
}

bool weir_remote_is_done(struct weir_remote *r) {
    weir__not_null(r, "weir_remote_is_done");
    if (is_parents(r))
        return false; /* the lock may be held by a thread that this process does not have */
    pthread_mutex_lock(&r->lock);
    bool done = r->done;
    pthread_mutex_unlock(&r->lock);
    return done;
}

/* It has ended. Take its result, and give the handle back. */
static int result_take(struct weir_remote **take_remote, void *ret_args, size_t size) {
    struct weir_remote *r = *take_remote;
    int rc = r->rc;
    pthread_mutex_lock(&r->lock);
    r->read = true;
    pthread_mutex_unlock(&r->lock);
    if (ret_args != NULL)
        memcpy(ret_args, r->args, size < r->size ? size : r->size);
    if (rc < 0 && r->failure.code == rc)
        weir__error_restore(&r->failure);
    else if (rc < 0)
        weir__error_forget(rc);
    weir_remote_release(take_remote);
    return rc;
}

/* Returns whether it is done. Its state does not change any more then. */
static bool wait_until(struct weir_remote *r, weir_ns timeout_ns) {
    struct timespec until, now;
    int rc = 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    weir_ns until_ns = weir__deadline((weir_ns)now.tv_sec * 1000000000 + now.tv_nsec, timeout_ns);
    until = (struct timespec){until_ns / 1000000000, until_ns % 1000000000};
    pthread_mutex_lock(&r->lock);
    while (!r->done && rc == 0 && timeout_ns > 0)
        rc = timeout_ns == WEIR_NEVER ? pthread_cond_wait(&r->ended, &r->lock)
                                      : pthread_cond_timedwait(&r->ended, &r->lock, &until);
    bool done = r->done;
    pthread_mutex_unlock(&r->lock);
    return done;
}

int weir_remote_wait(struct weir_remote **take_remote, weir_ns timeout_ns, void *ret_args,
                     size_t size) {
    weir__not_null(take_remote, "weir_remote_wait");
    struct weir_remote *r = *take_remote;
    weir__not_null(r, "weir_remote_wait");
    if (is_parents(r))
        return weir__fail(WEIR_EFORKED, "remote wait", r->site->name);
    if (weir__is_stepping())
        return weir__failf(-EBUSY, "remote wait", r->site->name,
                           "it would block this thread's loop: a task calls weir_remote_await");
    if (!weir_remote_is_done(r) && timeout_ns > 0 && weir__loop_is_here(r->loop))
        return weir__failf(-EDEADLK, "remote wait", r->site->name,
                           "its loop is this thread's, and would not run meanwhile");
    if (!wait_until(r, timeout_ns))
        return weir__fail(-ETIME, "remote wait", r->site->name);
    return result_take(take_remote, ret_args, size);
}

static void woken(struct weir__post *p, bool dropped) {
    WEIR_CHECK(!dropped); /* a loop does not close while a task waits */
    weir__unpark(&WEIR_CONTAINER(p, struct waiter, woken)->park, 0);
}

/* A wake that has been posted comes, and returns the result: the next call feels the cancel. */
static int await_abort(struct weir__park *p) {
    struct waiter *w = WEIR_CONTAINER(p, struct waiter, park);
    pthread_mutex_lock(&w->remote->lock);
    bool was_listed = !weir__list_empty(&w->link);
    weir__list_remove(&w->link);
    pthread_mutex_unlock(&w->remote->lock);
    if (!was_listed)
        return WEIR__PENDING;
    weir__loop_unref(w->loop);
    return WEIR__DONE;
}

int weir_remote_await(struct weir_remote **take_remote, void *ret_args, size_t size) {
    int rc = weir__suspend_enter("remote await");
    if (rc < 0)
        return rc;
    weir__not_null(take_remote, "weir_remote_await");
    struct weir_remote *r = *take_remote;
    weir__not_null(r, "weir_remote_await");
    if (is_parents(r))
        return weir__fail(WEIR_EFORKED, "remote await", r->site->name);
    if (weir__loop_is_here(r->loop) && r->task == weir_task_current())
        return weir__failf(-EDEADLK, "remote await", r->site->name, "a task awaits itself");
    struct waiter w = {.park = {.abort = await_abort, .what = &awaits_remote, .on = r},
                       .woken = {NULL, woken},
                       .remote = r};
    pthread_mutex_lock(&r->lock);
    bool must_wait = !r->done;
    if (must_wait) {
        w.loop = weir__loop_ref(weir_loop_current());
        weir__list_add_tail(&r->waiters, &w.link);
    }
    pthread_mutex_unlock(&r->lock);
    if (must_wait && (rc = (int)weir__park(&w.park)) < 0)
        return weir__fail(rc, "remote await", r->site->name);
    return result_take(take_remote, ret_args, size);
}

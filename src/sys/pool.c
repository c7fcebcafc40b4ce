/* SPDX-License-Identifier: MIT */
/* pool.c - see pool.h.
 *
 * A job's life; all changes are made under the lock:
 *   queued -> running -> ended (in the list ended; or freed, if it was abandoned meanwhile)
 * A thread is idle, at work, or lost: it runs a job that was abandoned. At most max threads are not
 * lost; all threads together are at most WEIR__POOL_GROWTH times max. A thread that has finished an
 * abandoned job ends, if there are more than max threads then; nobody joins it.
 * The pool's memory is reference-counted: the loop holds one reference and every thread one,
 * because a thread in an abandoned job may outlive the loop. */
#include "sys/pool.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/list.h"
#include "base/log.h"
#include "sys/addr.h"
#include "sys/plain.h"
#include "sys/slots.h"

enum phase { QUEUED, RUNNING, ENDED };

struct job {
    struct weir__list link; /* in queued or ended */
    struct weir__op *op;    /* NULL: abandoned */
    enum phase phase;
    int64_t result;
    int (*fn)(void *); /* NULL: look up name */
    void *arg;
    uint16_t port;
    struct weir__addr *addrs; /* resolve: the result */
    char name[]; /* the host, or the task that offloaded fn */
};

struct helper {
    struct weir__pool *pool;
    pthread_t thread;
    struct job *job; /* the job that it runs; NULL: idle */
    bool used;
    bool alone; /* detached: no pool joins it */
};

static _Atomic int threads_alone;

struct weir__pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct weir__list queued, ended;
    unsigned queue_len, idle, count, lost, max, refs;
    bool closing;
    weir_ns said_ns; /* when the log last said that abandoned jobs hold the threads */
    size_t stack_size;
    struct weir__latch *latch;
    _Atomic bool any_ended;
    struct weir__slots jobs; /* by op->priv; only the loop's thread uses it */
    char name[16];
    struct helper helpers[];
};

static struct job *job_of(struct weir__list *link) {
    return WEIR_CONTAINER(link, struct job, link);
}

static void job_free(struct job *j) {
    if (j != NULL)
        weir__free(j->addrs);
    weir__free(j);
}

/* ---- what a job does ------------------------------------------------------------------------ */

static int64_t resolve_error(int rc, int saved_errno) {
    switch (rc) {
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return saved_errno ? -saved_errno : WEIR_ERESOLVE;
    case EAI_AGAIN:
    case EAI_FAIL:
        return WEIR_ERESOLVE;
    default:
        return WEIR_ENONAME;
    }
}

/* Not AI_ADDRCONFIG: it hides the loopback addresses of a machine that has no other. */
static int64_t resolve(struct job *j) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC}, *found = NULL;
    errno = 0;
    int rc = getaddrinfo(j->name, NULL, &hints, &found);
    if (rc != 0)
        return resolve_error(rc, errno);
    int count = 0;
    for (struct addrinfo *a = found; a != NULL && count < WEIR__ADDRS_MAX; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        struct weir__addr *to = &j->addrs[count++];
        memcpy(&to->sa, a->ai_addr, a->ai_addrlen);
        to->len = a->ai_addrlen;
        weir__addr_set_port(to, j->port);
    }
    freeaddrinfo(found);
    return count > 0 ? count : WEIR_ENONAME;
}

static int64_t job_run(struct job *j) {
    return j->fn != NULL ? j->fn(j->arg) : resolve(j);
}

/* ---- the helper threads --------------------------------------------------------------------- */

static void unref_unlock(struct weir__pool *p) {
    bool last = --p->refs == 0;
    pthread_mutex_unlock(&p->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    weir__free(p);
}

static unsigned not_lost(const struct weir__pool *p) {
    return p->count - p->lost;
}

/* With the lock held: wait for a job and take it. NULL: the thread shall end. */
static struct job *next_job(struct weir__pool *p) {
    while (weir__list_empty(&p->queued) && !p->closing && not_lost(p) <= p->max) {
        p->idle++;
        pthread_cond_wait(&p->work, &p->lock);
        p->idle--;
    }
    if (weir__list_empty(&p->queued) || not_lost(p) > p->max)
        return NULL;
    struct job *j = job_of(p->queued.next);
    weir__list_remove(&j->link);
    p->queue_len--;
    return j;
}

static void job_ended(struct weir__pool *p, struct job *j) {
    j->phase = ENDED;
    if (j->op == NULL) {
        p->lost--;
        job_free(j);
        return;
    }
    weir__list_add_tail(&p->ended, &j->link);
    atomic_store_explicit(&p->any_ended, true, memory_order_release);
    weir__latch_ring(p->latch); /* under the lock, for which a closing loop waits */
}

static void leave_alone(struct helper *h) {
    h->alone = true;
    atomic_fetch_add(&threads_alone, 1);
    pthread_detach(h->thread);
}

int weir__threads_alone(void) {
    return atomic_load(&threads_alone);
}

/* With the lock held: the thread ends. A pool that closes joins its threads; otherwise the thread
 * is detached. Returns whether it is. */
static bool helper_ends(struct weir__pool *p, struct helper *h) {
    if (!p->closing) {
        leave_alone(h);
        h->used = false;
        p->count--;
    }
    return h->alone;
}

static void *helper_main(void *arg) {
    struct helper *h = arg;
    struct weir__pool *p = h->pool;
    if (weir__thread_begins != NULL)
        weir__thread_begins();
    pthread_mutex_lock(&p->lock);
    for (struct job *j; (j = next_job(p)) != NULL;) {
        h->job = j;
        j->phase = RUNNING;
        pthread_mutex_unlock(&p->lock);
        j->result = job_run(j);
        pthread_mutex_lock(&p->lock);
        h->job = NULL;
        job_ended(p, j);
    }
    bool alone = helper_ends(p, h);
    unref_unlock(p);
    if (weir__thread_ends != NULL)
        weir__thread_ends();
    if (alone)
        atomic_fetch_sub(&threads_alone, 1);
    return NULL;
}

static int start(struct helper *h, pthread_attr_t *attr) {
    sigset_t all, old;
    sigfillset(&all);
    static const int of_the_thread[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (size_t i = 0; i < sizeof of_the_thread / sizeof of_the_thread[0]; i++)
        sigdelset(&all, of_the_thread[i]); /* if blocked, a crash would not be reported */
    pthread_sigmask(SIG_SETMASK, &all, &old); /* inherited by the new thread */
    int rc = pthread_create(&h->thread, attr, helper_main, h);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        pthread_setname_np(h->thread, h->pool->name);
    return -rc;
}

/* With the lock held: start one more thread. Returns 0 or a negative errno. */
static int add_helper(struct weir__pool *p) {
    struct helper *h = p->helpers;
    pthread_attr_t attr;
    if (p->count == p->max * WEIR__POOL_GROWTH)
        return -EAGAIN;
    while (h->used)
        h++;
    if (pthread_attr_init(&attr) != 0)
        return -ENOMEM;
    pthread_attr_setstacksize(&attr, p->stack_size);
    *h = (struct helper){.pool = p, .used = true};
    int rc = start(h, &attr);
    pthread_attr_destroy(&attr);
    h->used = rc == 0;
    p->count += rc == 0;
    p->refs += rc == 0;
    return rc;
}

/* With the lock held: if more jobs wait than threads are idle, start a thread, as far as the bound
 * allows. Returns 0; or the error, if there is no thread at all that could run the jobs. */
static int man(struct weir__pool *p) {
    int rc = 0;
    if (p->queue_len > p->idle && not_lost(p) < p->max)
        rc = add_helper(p);
    return not_lost(p) > 0 ? 0 : rc;
}

/* ---- the loop's side ------------------------------------------------------------------------ */

int weir__pool_new(const char *name, unsigned threads_max, size_t stack_size,
                   struct weir__latch *latch, struct weir__pool **ret_pool) {
    WEIR_CHECK(threads_max > 0);
    size_t room = threads_max * WEIR__POOL_GROWTH * sizeof(struct helper);
    struct weir__pool *p = weir__alloc_zero(sizeof *p + room);
    if (p == NULL)
        return -ENOMEM;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    weir__list_init(&p->queued);
    weir__list_init(&p->ended);
    weir__slots_init(&p->jobs);
    p->max = threads_max;
    p->refs = 1;
    p->stack_size = stack_size;
    p->latch = latch;
    snprintf(p->name, sizeof p->name, "%s", name);
    *ret_pool = p;
    return 0;
}

static struct job *job_new(const struct weir__op *op) {
    bool is_work = op->kind == WEIR__WORK;
    const char *name = is_work ? op->u.work.name : op->u.resolve.host;
    size_t name_size = name ? strlen(name) + 1 : 1;
    struct job *j = weir__alloc_zero(sizeof *j + name_size);
    if (j == NULL)
        return NULL;
    if (name != NULL)
        memcpy(j->name, name, name_size);
    if (is_work) {
        j->fn = op->u.work.fn, j->arg = op->u.work.arg;
        return j;
    }
    j->port = op->u.resolve.port;
    j->addrs = weir__alloc_zero(WEIR__ADDRS_MAX * sizeof *j->addrs);
    if (j->addrs != NULL)
        return j;
    weir__free(j);
    return NULL;
}

/* Log that abandoned jobs hold as many threads as the bound allows, or (full) all that can exist.
 * Without the lock. */
static void say_lost(struct weir__pool *p, unsigned lost, const char *name, bool full) {
    weir_ns now = weir__plain_now();
    if (p->said_ns != 0 && now - p->said_ns < WEIR_SECONDS(1))
        return;
    p->said_ns = now;
    weir__log(WEIR_LOG_WARNING, "%s: %u abandoned jobs still run, the last for '%s': %s", p->name,
              lost, name,
              full ? "nothing more is begun until one ends" : "further threads take their place");
}

int weir__pool_submit(struct weir__pool *p, struct weir__op *op) {
    uint64_t handle;
    struct job *j = job_new(op);
    if (j == NULL || weir__slots_add(&p->jobs, j, &handle) != 0) {
        job_free(j);
        return weir__op_now_done(op, -ENOMEM);
    }
    weir__list_init(&j->link);
    j->op = op;
    op->priv = (uint32_t)handle;
    pthread_mutex_lock(&p->lock);
    weir__list_add_tail(&p->queued, &j->link);
    p->queue_len++;
    int rc = man(p);
    if (rc == 0) {
        pthread_cond_signal(&p->work);
    } else {
        weir__list_remove(&j->link);
        p->queue_len--;
    }
    unsigned lost = p->lost;
    pthread_mutex_unlock(&p->lock);
    if (rc == 0)
        return weir__op_hold(op);
    if (lost > 0)
        say_lost(p, lost, j->name, true);
    weir__slots_remove(&p->jobs, op->priv, j);
    job_free(j);
    return weir__op_now_done(op, rc);
}

/* With the lock held: no thread will run the jobs that wait. They end with rc. */
static void refuse_queued(struct weir__pool *p, int rc) {
    while (!weir__list_empty(&p->queued)) {
        struct job *j = job_of(p->queued.next);
        weir__list_remove(&j->link);
        p->queue_len--;
        j->result = rc;
        job_ended(p, j);
    }
}

/* With the lock held: a running job is abandoned, its thread is lost. Returns how many threads
 * are. */
static unsigned abandon(struct weir__pool *p) {
    p->lost++;
    int rc = man(p);
    if (rc != 0)
        refuse_queued(p, rc);
    return p->lost;
}

int weir__pool_cancel(struct weir__pool *p, struct weir__op *op) {
    struct job *j = weir__slots_at(&p->jobs, op->priv);
    WEIR_CHECK(j != NULL && j->op == op);
    pthread_mutex_lock(&p->lock);
    enum phase phase = j->phase;
    bool runs_on = phase == RUNNING && op->kind == WEIR__WORK;
    if (op->kind == WEIR__WORK && phase != QUEUED && !(runs_on && op->u.work.abandon)) {
        pthread_mutex_unlock(&p->lock);
        return WEIR__PENDING;
    }
    j->op = NULL;
    weir__list_remove(&j->link);
    p->queue_len -= phase == QUEUED;
    char name[64] = "";
    unsigned lost = 0;
    if (phase == RUNNING) {
        snprintf(name, sizeof name, "%s", j->name); /* the thread frees j when it ends */
        lost = abandon(p);
    }
    pthread_mutex_unlock(&p->lock);
    weir__slots_remove(&p->jobs, op->priv, j);
    if (phase != RUNNING)
        job_free(j);
    if (lost >= p->max)
        say_lost(p, lost, name, lost == p->max * WEIR__POOL_GROWTH);
    return weir__op_now_done(op, runs_on ? -EINPROGRESS : -ECANCELED);
}

static void hand_out(struct weir__pool *p, struct job *j, struct weir__fifo *done) {
    struct weir__op *op = j->op;
    if (op->kind == WEIR__RESOLVE && j->result > 0)
        memcpy(op->u.resolve.ret, j->addrs, (size_t)j->result * sizeof *j->addrs);
    weir__slots_remove(&p->jobs, op->priv, j);
    weir__op_complete(done, op, j->result);
    job_free(j);
}

void weir__pool_collect(struct weir__pool *p, struct weir__fifo *done) {
    if (p == NULL || !atomic_load_explicit(&p->any_ended, memory_order_acquire))
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store_explicit(&p->any_ended, false, memory_order_relaxed);
    while (!weir__list_empty(&p->ended)) {
        struct job *j = job_of(p->ended.next);
        weir__list_remove(&j->link);
        hand_out(p, j, done);
    }
    pthread_mutex_unlock(&p->lock);
}

/* With the lock held: the pool closes. Returns whether the thread must be joined; a thread that
 * runs an abandoned job is detached. */
static bool leave(struct helper *h) {
    if (h->job == NULL)
        return true;
    WEIR_CHECK(h->job->op == NULL); /* no op is pending any more: the job was abandoned */
    weir__log(WEIR_LOG_WARNING, "%s '%s' still ran when its loop closed: left to end alone",
              h->job->fn != NULL ? "an offloaded function of task" : "the look-up of",
              h->job->name);
    leave_alone(h);
    return false;
}

void weir__pool_free(struct weir__pool *p) {
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    WEIR_CHECK(weir__list_empty(&p->queued) && weir__list_empty(&p->ended));
    p->closing = true;
    pthread_cond_broadcast(&p->work);
    const unsigned all = p->max * WEIR__POOL_GROWTH;
    for (unsigned i = 0; i < all; i++) /* afterwards used means: to be joined */
        p->helpers[i].used = p->helpers[i].used && leave(&p->helpers[i]);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < all; i++)
        if (p->helpers[i].used)
            pthread_join(p->helpers[i].thread, NULL);
    weir__slots_fini(&p->jobs);
    pthread_mutex_lock(&p->lock);
    unref_unlock(p);
}

/* SPDX-License-Identifier: MIT */
/* crew.c - see crew.h. A job's life; all changes are made under the lock:
 *   queued -> running -> ended (in its user's list; or freed, if it was abandoned meanwhile) */
#include "sys/crew.h"

#include <errno.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/check.h"
#include "sys/limits.h"
#include "sys/plain.h"

struct helper {
    struct weir__list link; /* in crew->helpers; once dismissed, in the list of who joins it */
    struct weir__list rest; /* in crew->idle, while it is idle */
    struct weir__crew *crew;
    pthread_t thread;
    pthread_cond_t woken;
    struct weir__job *job; /* the job that it runs */
    bool coming;           /* it is counted in crew->coming */
    bool dismissed;        /* the last user has left, and joins it */
    bool alone;            /* detached: nobody joins it */
};

static _Atomic int threads_alone;

void weir__crew_init(struct weir__crew *c, pthread_mutex_t *lock, const char *name,
                     size_t stack_size) {
    *c = (struct weir__crew){
        .lock = lock, .name = name, .stack_size = stack_size, .bound = c->bound};
    weir__list_init(&c->turns);
    weir__list_init(&c->helpers);
    weir__list_init(&c->idle);
    weir__list_init(&c->abandoned);
}

void weir__crew_forget_alone(void) {
    atomic_store(&threads_alone, 0);
}

/* ---- queues ---------------------------------------------------------------------------------- */

void weir__crew_enqueue(struct weir__crew *c, struct weir__job *j) {
    struct weir__pool_seat *seat = &j->user->seats[j->class];
    if (weir__list_empty(&seat->queued))
        weir__list_add_tail(&c->turns, &seat->turn);
    weir__list_add_tail(&seat->queued, &j->link);
    c->queued++;
}

void weir__crew_dequeue(struct weir__crew *c, struct weir__job *j) {
    struct weir__pool_seat *seat = &j->user->seats[j->class];
    weir__list_remove(&j->link);
    c->queued--;
    if (weir__list_empty(&seat->queued))
        weir__list_remove(&seat->turn);
}

struct weir__job *weir__crew_dequeue_next(struct weir__crew *c) {
    struct weir__pool_seat *seat = WEIR_CONTAINER(c->turns.next, struct weir__pool_seat, turn);
    struct weir__job *j = weir__job_of(seat->queued.next);
    weir__list_remove(&seat->turn);
    weir__list_add_tail(&c->turns, &seat->turn);
    weir__crew_dequeue(c, j);
    return j;
}

void weir__crew_send_home(struct weir__job *j) {
    struct weir__pool_user *u = j->user;
    j->phase = WEIR__JOB_ENDED;
    weir__list_add_tail(&u->ended, &j->link);
    atomic_store_explicit(&u->any_ended, true, memory_order_release);
    weir__latch_ring(u->latch); /* under the lock, for which a closing loop waits */
}

static void job_begins(struct weir__crew *c, struct weir__job *j) {
    j->phase = WEIR__JOB_RUNNING;
    j->began = weir__plain_now();
    weir_ns waited = j->began - j->queued_at;
    c->wait_longest = waited > c->wait_longest ? waited : c->wait_longest;
    c->running++;
    c->running_peak = c->running > c->running_peak ? c->running : c->running_peak;
}

static void job_ended(struct weir__crew *c, struct weir__job *j) {
    c->ended++;
    if (j->op == NULL) {
        c->lost--;
        weir__list_remove(&j->link);
        weir__job_free(j);
        return;
    }
    c->running--;
    weir__crew_send_home(j);
}

/* ---- the helper threads --------------------------------------------------------------------- */

static unsigned not_lost(const struct weir__crew *c) {
    return c->count - c->lost;
}

static bool one_too_many(const struct helper *h) {
    return h->dismissed || h->alone || not_lost(h->crew) > h->crew->max;
}

/* The helper is on its way to a job. */
static void comes(struct helper *h) {
    h->coming = true;
    h->crew->coming++;
}

static void has_come(struct helper *h) {
    h->crew->coming -= h->coming;
    h->coming = false;
}

static void wake(struct helper *h) {
    weir__list_remove(&h->rest);
    comes(h);
    pthread_cond_signal(&h->woken);
}

static void wake_all(struct weir__crew *c) {
    while (!weir__list_empty(&c->idle))
        wake(WEIR_CONTAINER(c->idle.next, struct helper, rest));
}

/* Be idle until woken. Returns false if that took too long. */
static bool rest(struct helper *h) {
    weir_ns until = weir__plain_now() + weir__sys_limits.helper_idle;
    const struct timespec end = {.tv_sec = (time_t)(until / WEIR_SECONDS(1)),
                                 .tv_nsec = (long)(until % WEIR_SECONDS(1))};
    int rc = 0;
    weir__list_add_tail(&h->crew->idle, &h->rest);
    while (!h->coming && !h->dismissed && rc == 0)
        rc = pthread_cond_timedwait(&h->woken, h->crew->lock, &end);
    if (h->coming || h->dismissed)
        return true;
    weir__list_remove(&h->rest);
    return false;
}

/* Wait for a job and take it. NULL: the thread shall end. */
static struct weir__job *next_job(struct helper *h) {
    do {
        has_come(h);
        if (one_too_many(h))
            return NULL;
        if (!weir__list_empty(&h->crew->turns))
            return weir__crew_dequeue_next(h->crew);
    } while (rest(h));
    return NULL;
}

static void leave_alone(struct helper *h) {
    h->alone = true;
    atomic_fetch_add(&threads_alone, 1);
    pthread_detach(h->thread);
}

int weir__threads_alone(void) {
    return atomic_load(&threads_alone);
}

/* The thread ends. Returns whether it is alone, and frees h itself. */
static bool helper_ends(struct helper *h) {
    if (h->dismissed)
        return false;
    if (!h->alone)
        leave_alone(h);
    weir__list_remove(&h->link);
    h->crew->count--;
    return true;
}

static void helper_free(struct helper *h) {
    pthread_cond_destroy(&h->woken);
    weir__free(h);
}

static void *helper_main(void *arg) {
    struct helper *h = arg;
    struct weir__crew *c = h->crew;
    pthread_mutex_t *lock = c->lock;
    void (*begins)(void) = weir__thread_begins;
    if (begins != NULL)
        begins();
    pthread_mutex_lock(lock);
    for (struct weir__job *j; (j = next_job(h)) != NULL;) {
        h->job = j;
        job_begins(c, j);
        pthread_mutex_unlock(lock);
        j->result = weir__job_run(j);
        pthread_mutex_lock(lock);
        h->job = NULL;
        job_ended(c, j);
    }
    bool alone = helper_ends(h);
    pthread_mutex_unlock(lock);
    if (alone)
        helper_free(h);
    void (*ends)(void) = weir__thread_ends;
    if (ends != NULL)
        ends();
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
        pthread_setname_np(h->thread, h->crew->name);
    return -rc;
}

static struct helper *helper_new(struct weir__crew *c) {
    pthread_condattr_t attr;
    struct helper *h = weir__alloc_zero(sizeof *h);
    if (h == NULL)
        return NULL;
    h->crew = c;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->woken, &attr);
    pthread_condattr_destroy(&attr);
    return h;
}

/* Start one more thread. Returns 0 or a negative errno. */
static int add_helper(struct weir__crew *c) {
    pthread_attr_t attr;
    if (c->count >= c->max * WEIR__POOL_GROWTH)
        return -EAGAIN;
    struct helper *h = helper_new(c);
    if (h == NULL)
        return -ENOMEM;
    int rc = -pthread_attr_init(&attr);
    if (rc == 0) {
        pthread_attr_setstacksize(&attr, c->stack_size);
        rc = start(h, &attr);
        pthread_attr_destroy(&attr);
    }
    if (rc < 0) {
        helper_free(h);
        return rc;
    }
    comes(h); /* the new thread waits for the lock first */
    weir__list_add_tail(&c->helpers, &h->link);
    c->count++;
    return 0;
}

int weir__crew_man(struct weir__crew *c) {
    int rc = 0;
    if (c->queued <= c->coming)
        return 0;
    if (!weir__list_empty(&c->idle))
        wake(WEIR_CONTAINER(c->idle.prev, struct helper, rest));
    else if (not_lost(c) < c->max)
        rc = add_helper(c);
    return not_lost(c) > 0 ? 0 : rc;
}

void weir__crew_set_max(struct weir__crew *c, unsigned max) {
    c->max = max;
    wake_all(c); /* those that are now too many end */
    for (unsigned n = c->queued; n > 0 && weir__crew_man(c) == 0; n--)
        continue;
}

void weir__crew_lose(struct weir__crew *c, struct weir__job *j) {
    j->op = NULL;
    weir__list_add_tail(&c->abandoned, &j->link);
    c->running--;
    c->lost++;
}

void weir__crew_dismiss(struct weir__crew *c, struct weir__list *list) {
    for (struct weir__list *at = c->helpers.next, *next; at != &c->helpers; at = next) {
        struct helper *h = WEIR_CONTAINER(at, struct helper, link);
        next = at->next;
        if (h->job != NULL) {
            WEIR_CHECK(h->job->op == NULL); /* no op is pending any more: the job was abandoned */
            if (!h->alone)
                leave_alone(h);
            continue;
        }
        if (h->coming)
            has_come(h);
        else
            weir__list_remove(&h->rest);
        h->dismissed = true;
        pthread_cond_signal(&h->woken);
        c->count--;
        weir__list_remove(at);
        weir__list_add_tail(list, at);
    }
}

void weir__crew_join(struct weir__list *list) {
    while (!weir__list_empty(list)) {
        struct helper *h = WEIR_CONTAINER(list->next, struct helper, link);
        weir__list_remove(&h->link);
        pthread_join(h->thread, NULL);
        helper_free(h);
    }
}

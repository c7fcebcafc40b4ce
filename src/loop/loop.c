/* SPDX-License-Identifier: MIT */
/* loop.c - the turn, the flushes, and posts from other threads.
 *
 * Posts are a stack: any thread pushes one, and the loop takes all of them and reverses their
 * order. The head of the stack also says whether the loop waits, so that one word decides who must
 * wake it:
 *   NULL     the loop is busy and will look at the stack: push, do not wake
 *   waiting  the loop waits, or is about to: the push replaces this mark, and that thread wakes it
 *   a post   another thread has pushed since the loop last looked: push, do not wake
 *   closed   the loop has ended and will not look again: the post is refused
 *   forked   this process is a fork child and the loop is its parent's: the post is refused */
#include "loop/loop.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "sys/latch.h"
#include "weir-features.h"

struct weir__post {
    struct weir__post *next; /* the one pushed before */
    void (*fn)(void *arg);
    void *arg;
};

static struct weir__post waiting, closed, forked; /* marks, never run */

static int enlist(struct weir_loop *l, const char *name, const char **ret_why) {
    int rc = weir__timers_new(weir__loop_now(l), &l->timers);
    if (rc < 0) {
        *ret_why = "no memory for the timers";
        return rc;
    }
    rc = weir__loop_enlist(l, name);
    if (rc < 0) {
        weir__timers_free(l->timers);
        *ret_why = "too many loops";
    }
    return rc;
}

int weir__loop_init(struct weir_loop *l, const char *backend, const char *name,
                    const char **ret_why) {
    memset(l, 0, sizeof *l);
    int rc = weir__backend_open(backend, &l->backend, ret_why);
    if (rc < 0)
        return rc;
    rc = enlist(l, name, ret_why);
    if (rc < 0) {
        l->backend->ops->close(l->backend);
        return rc;
    }
    weir__list_init(&l->flushes);
    l->turn_ns = weir__loop_now(l);
    snprintf(l->why, sizeof l->why, "%s", l->backend->ops->explain(l->backend));
    l->thread = pthread_self();
    l->exact = strcmp(l->backend->ops->name, "sim") == 0;
    l->latch = weir__latch_ref(l->backend->latch);
    atomic_init(&l->refs, 1);
    return 0;
}

struct weir_loop *weir__loop_ref(struct weir_loop *l) {
    unsigned before = atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    WEIR_CHECK(before > 0);
    return l;
}

void weir__loop_unref(struct weir_loop *l) {
    unsigned before = atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel);
    WEIR_CHECK(before > 0);
    if (before > 1)
        return;
    if (l->backend != NULL)
        WEIR_BUG("weir_loop_unref: loop '%s' runs: given back more often than taken", l->name);
    weir__latch_unref(l->latch);
    weir__free(l);
}

static bool is_over(const struct weir__post *head) {
    return head == &closed || head == &forked;
}

/* Take all posts, oldest first, and leave mark in their place (NULL: the loop is busy). */
static struct weir__post *take_posts(struct weir_loop *l, struct weir__post *mark) {
    struct weir__post *newest = atomic_exchange_explicit(&l->posts, mark, memory_order_acquire);
    struct weir__post *oldest = NULL;
    if (newest == &waiting)
        return NULL;
    WEIR_CHECK(!is_over(newest));
    while (newest != NULL) {
        struct weir__post *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void run_posts(struct weir_loop *l) {
    if (atomic_load_explicit(&l->posts, memory_order_relaxed) == NULL)
        return;
    for (struct weir__post *p = take_posts(l, NULL), *next; p != NULL; p = next) {
        next = p->next;
        void (*fn)(void *) = p->fn;
        void *arg = p->arg;
        weir__free(p);
        fn(arg);
    }
}

/* One atomic exchange takes the last posts and sets the mark "closed". So a post is either dropped
 * and counted here, or it comes later and is refused. */
void weir__loop_stop(struct weir_loop *l) {
    size_t dropped = 0;
    for (struct weir__post *p = take_posts(l, &closed), *next; p != NULL; p = next, dropped++) {
        next = p->next;
        weir__free(p);
    }
    if (l->unclosed > 0)
        weir__log(WEIR_LOG_WARNING,
                  "loop '%s' ended: %zu streams, listeners or WebSockets were never closed",
                  l->name, l->unclosed);
    if (dropped > 0)
        weir__log(WEIR_LOG_WARNING, "loop '%s' ended: %zu posts to it were dropped", l->name,
                  dropped);
}

void weir__loop_fini(struct weir_loop *l) {
    WEIR_CHECK(weir__list_empty(&l->flushes));
    if (weir__timers_armed(l->timers)) /* the keepalive's: all others end with their tasks */
        WEIR_BUG("loop '%s' ended while a timer was armed: weir_ws_drop was not called for a "
                 "WebSocket (never closed: %zu streams, listeners or WebSockets)", l->name,
                 l->unclosed);
    weir__timers_free(l->timers);
    l->backend->ops->close(l->backend);
    l->timers = NULL;
    l->backend = NULL;
    weir__loop_delist(l);
}

bool weir__loop_is_parents(const struct weir_loop *l) {
    return atomic_load_explicit(&l->posts, memory_order_relaxed) == &forked;
}

void weir__loop_forked(struct weir_loop *l) {
    atomic_store_explicit(&l->posts, &forked, memory_order_relaxed);
}

/* Returns the head onto which p was pushed, or the mark (closed, forked) that refused p. */
static struct weir__post *push(struct weir_loop *l, struct weir__post *p) {
    struct weir__post *head = atomic_load_explicit(&l->posts, memory_order_relaxed);
    do {
        if (is_over(head))
            return head;
        p->next = head == &waiting ? NULL : head;
    } while (!atomic_compare_exchange_weak_explicit(&l->posts, &head, p, memory_order_release,
                                                    memory_order_relaxed));
    return head;
}

/* When this thread rings the latch, the loop may already have run the post and ended: so l holds a
 * reference to the latch besides the backend's. */
int weir__loop_post(struct weir_loop *l, void (*fn)(void *arg), void *arg) {
    struct weir__post *p = weir__alloc(sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    p->fn = fn;
    p->arg = arg;
    struct weir__post *head = push(l, p);
    if (is_over(head)) {
        weir__free(p);
        return head == &closed ? WEIR_ECLOSED : WEIR_EFORKED;
    }
    if (head == &waiting)
        weir__latch_ring(l->latch);
    return 0;
}

/* Set the mark "waiting", so that the next post wakes the loop. Returns until_ns, or 0 if there are
 * posts to run and the loop must not wait. */
static weir_ns announce_wait(struct weir_loop *l, weir_ns until_ns) {
    struct weir__post *none = NULL;
    if (until_ns <= 0)
        return until_ns;
    return atomic_compare_exchange_strong_explicit(&l->posts, &none, &waiting,
                                                   memory_order_relaxed, memory_order_relaxed)
               ? until_ns
               : 0;
}

static void wake_completed(struct weir__op *op) {
    for (struct weir__op *next; op != NULL; op = next) {
        next = op->next; /* op is its owner's again once woken */
        op->wake(op);
    }
}

void weir__loop_turn(struct weir_loop *l, weir_ns until_ns) {
    if (!weir__loop_may_sleep(l))
        until_ns = 0;
    if (until_ns > 0) {
        weir_ns timer_ns = weir__timers_next(l->timers, l->exact);
        until_ns = timer_ns < until_ns ? timer_ns : until_ns;
    }
    until_ns = announce_wait(l, until_ns);
    if (WEIR_HAVE_MARK_CHECKS) /* a debug build: nothing above has queued work */
        WEIR_CHECK(until_ns <= 0 || (l->ready == 0 && weir__list_empty(&l->flushes)));
    struct weir__op *done = l->backend->ops->turn(l->backend, until_ns);
    l->turn_ns = weir__loop_now(l);
    l->turns++;
    wake_completed(done);
    run_posts(l);
    weir__timers_fire(l->timers, l->turn_ns);
}

void weir__loop_flush_add(struct weir_loop *l, struct weir__flush *f) {
    WEIR_CHECK(f->flush != NULL && weir__list_empty(&f->link));
    weir__list_add_tail(&l->flushes, &f->link);
}

void weir__loop_flush(struct weir_loop *l) {
    struct weir__list now;
    weir__list_take(&now, &l->flushes);
    while (!weir__list_empty(&now)) {
        struct weir__flush *f = WEIR_CONTAINER(now.next, struct weir__flush, link);
        weir__list_remove(&f->link);
        f->flush(f);
    }
}

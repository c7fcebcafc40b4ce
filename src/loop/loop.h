/* SPDX-License-Identifier: MIT */
/* loop.h - one turn: wait in the backend, then wake, in one stated order:
 *   1. completed ops, in the order the backend gave (data wins over a deadline of the same turn);
 *   2. functions posted from other threads, in order of posting;
 *   3. timers that are due, in order of deadline.
 * The loop knows ops, posts and timers; it does not know tasks, and calls no scheduler. The driver
 * (task/run.c) does: turn -> run the ready -> flush -> run what became ready -> flush -> turn. */
#ifndef WEIR_LOOP_LOOP_H
#define WEIR_LOOP_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <weir/base.h>

#include "base/list.h"
#include "loop/timers.h"
#include "sys/backend.h"

struct weir__flush { /* something to do once all ready tasks have run, before the next wait */
    struct weir__list link;
    void (*flush)(struct weir__flush *f);
};

struct weir__post;

struct weir_loop {
    struct weir__backend *backend;
    struct weir__timers *timers;
    struct weir__list flushes;
    size_t ready;      /* tasks that are ready: the scheduler above counts its queue here */
    weir_ns turn_ns;   /* when the current turn's waiting ended; stamps, not deadlines */
    uint64_t turns;
    unsigned hidden;   /* closed objects whose memory the backend still holds: the run waits */
    const char *why;   /* why this backend */
    pthread_t thread;  /* the owner */
    int pid;           /* of the process that made it: a fork child is refused */
    const char *name;
    _Atomic(struct weir__post *) posts; /* newest first; any thread pushes */
    _Atomic unsigned outside;           /* posters that promised to come: waiting is no deadlock */
    bool exact;                         /* virtual time: waits end at the very deadline */
};

/* Open a loop on this thread. backend as weir__backend_open. Returns 0, WEIR_EBACKEND, -ENOMEM,
 * -EMFILE; *ret_why then says why. */
int weir__loop_init(struct weir_loop *l, const char *backend, const char **ret_why);
void weir__loop_fini(struct weir_loop *l); /* posts not yet run are dropped and logged */

/* May the loop sleep? Only while every queue of work is empty: ready tasks, flushes, posts. Each
 * turn asks before it waits, so whoever adds a queue of work to the loop, or to a room above it,
 * adds it here. What the backend has at hand itself (completions, pieces received, writers that can
 * go on) is the backend's to know: its turn does not block meanwhile. */
static inline bool weir__loop_may_sleep(const struct weir_loop *l) {
    return l->ready == 0 && weir__list_empty(&l->flushes)
           && atomic_load_explicit(&l->posts, memory_order_relaxed) == NULL;
}

/* One turn. until_ns: the latest end of the wait, absolute (0: do not wait); the nearest timer
 * shortens it, and work that is queued forbids it. */
void weir__loop_turn(struct weir_loop *l, weir_ns until_ns);

/* Queue f for the end of this round. A flush that is queued already stays where it is. */
void weir__loop_flush_later(struct weir_loop *l, struct weir__flush *f);
/* Run what is queued now. What these queue waits for the next call, so that a flush which always
 * queues another cannot hold the loop; no turn waits until that call has come. */
void weir__loop_flush(struct weir_loop *l);

/* Have fn(arg) called by a later turn. Returns 0 or -ENOMEM (fn will not be called). Any thread;
 * posts of one thread keep their order. Wakes the loop only if it waits. */
int weir__loop_post(struct weir_loop *l, void (*fn)(void *arg), void *arg);

static inline weir_ns weir__loop_now(struct weir_loop *l) {
    return l->backend->ops->now(l->backend);
}

#endif

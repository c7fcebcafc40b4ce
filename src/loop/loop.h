/* SPDX-License-Identifier: MIT */
/* loop.h - one turn: wait in the backend, then call what has become due, in this order:
 *   1. completed ops, in the backend's order (so data wins over a deadline of the same turn);
 *   2. functions posted from other threads, in order of posting;
 *   3. timers that are due, in order of deadline.
 * The loop knows ops, posts and timers. It does not know tasks and calls no scheduler: the driver
 * (task/run.c) runs a turn, runs the ready tasks, flushes, runs the tasks that the flush made
 * ready, flushes, and begins again. */
#ifndef WEIR_LOOP_LOOP_H
#define WEIR_LOOP_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <weir/base.h>

#include "base/list.h"
#include "loop/timers.h"
#include "sys/backend.h"

struct weir__flush { /* a function to call when all ready tasks have run, before the next wait */
    struct weir__list link;
    void (*flush)(struct weir__flush *f);
};

struct weir__post;

enum { WEIR__LOOP_NAME = 48, WEIR__LOOP_WHY = 192 }; /* bytes of the texts, with NUL */

/* Reference-counted: it outlives its run while other threads hold references and may post to it.
 * weir__loop_fini leaves alone what posting needs: refs, posts, latch, name, why. The struct is the
 * head of one allocation, which the last weir__loop_unref frees. */
struct weir_loop {
    struct weir__backend *backend;
    struct weir__timers *timers;
    struct weir__list flushes;
    size_t ready;      /* ready tasks: the scheduler above counts its queue here */
    bool recorded;     /* a task may have an error record: the records have been asked for once */
    unsigned slice;    /* calls of weir__breathe left before the running task lets others run */
    weir_ns turn_ns;   /* when the wait of the current turn was over: for stamps, not deadlines */
    uint64_t turns;
    size_t unclosed;   /* streams and listeners of the user's, made and not closed */
    unsigned hidden;   /* closed objects whose memory the backend still holds: the run waits */
    bool exact;        /* virtual time: a wait lasts exactly until the earliest deadline */
    pthread_t thread;  /* the owner */
    _Atomic unsigned refs;
    _Atomic(struct weir__post *) posts; /* newest first, or a mark (loop.c); any thread pushes */
    struct weir__latch *latch;          /* the backend's; a post may ring it after the run too */
    struct weir__list living;           /* registry.c: this and the next three */
    uint16_t number;                    /* no other living loop has it; never 0 */
    unsigned name_base, name_count;     /* "main-2": 4, 2 */
    char name[WEIR__LOOP_NAME];         /* no other living loop has it */
    char why[WEIR__LOOP_WHY];           /* why this backend was chosen */
};

/* Open a loop on this thread, with one reference. l is the head of an allocation of weir__alloc.
 * backend as weir__backend_open. name: NULL is "main"; a name that a living loop has gets a suffix
 * "-2" or higher.
 * Returns 0, WEIR_EBACKEND, -ENOMEM, -EMFILE, -EAGAIN (too many loops). On error *ret_why says why,
 * and the caller frees l. */
int weir__loop_init(struct weir_loop *l, const char *backend, const char *name,
                    const char **ret_why);

/* The run is over: posts not yet run are dropped, later ones are refused. Logs how many posts were
 * dropped, and how many objects were not closed. */
void weir__loop_stop(struct weir_loop *l);

/* Close the backend of a loop that was stopped. */
void weir__loop_fini(struct weir_loop *l);

/* Any thread. The last unref frees l, which has ended. */
struct weir_loop *weir__loop_ref(struct weir_loop *l);
void weir__loop_unref(struct weir_loop *l);

/* May the loop wait? Only while every queue of work is empty: ready tasks, flushes, posts. Each
 * turn asks before it waits. A new queue of work, in the loop or in a room above it, must be added
 * here. Work that the backend itself has at hand (completions, received pieces, writers that can go
 * on) is not asked for here: the backend's turn does not block while it has some. */
static inline bool weir__loop_may_sleep(const struct weir_loop *l) {
    return l->ready == 0 && weir__list_empty(&l->flushes)
           && atomic_load_explicit(&l->posts, memory_order_relaxed) == NULL;
}

/* One turn. until_ns: how long to wait at most, as a point in time (0: do not wait). The nearest
 * timer shortens the wait, and queued work forbids it. */
void weir__loop_turn(struct weir_loop *l, weir_ns until_ns);

/* Queue f: it runs when the ready tasks of this round have run. A flush that is queued already
 * keeps its place. */
void weir__loop_flush_add(struct weir_loop *l, struct weir__flush *f); /* it is in no list */
static inline void weir__loop_flush_later(struct weir_loop *l, struct weir__flush *f) {
    if (weir__list_empty(&f->link))
        weir__loop_flush_add(l, f);
}
/* Run the flushes that are queued now. A flush that one of them queues waits for the next call, so
 * that a flush which always queues another cannot hold the loop. No turn waits before that call. */
void weir__loop_flush(struct weir_loop *l);

/* Have a later turn call fn(arg). Returns 0, -ENOMEM, WEIR_ECLOSED (the loop has ended) or
 * WEIR_EFORKED (the loop belongs to the parent process); on error fn will not be called. Any
 * thread; posts of one thread keep their order. Wakes the loop only if it waits. */
int weir__loop_post(struct weir_loop *l, void (*fn)(void *arg), void *arg);

/* registry.c: give l a number and a name that no living loop has. Returns 0 or -EAGAIN. */
int weir__loop_enlist(struct weir_loop *l, const char *name);
void weir__loop_delist(struct weir_loop *l);

bool weir__loop_lives(unsigned number);

/* Write "loop 'main'", or "a loop that has ended", into buf and return buf. The first takes a
 * loop's number, the second a pointer that may dangle. */
enum { WEIR__LOOP_TEXT = WEIR__LOOP_NAME + 32 };
const char *weir__loop_text_of(unsigned number, char buf[static WEIR__LOOP_TEXT]);
const char *weir__loop_text(const struct weir_loop *l, char buf[static WEIR__LOOP_TEXT]);

/* pthread_atfork calls these, so that the child finds the registry consistent. In the child each
 * loop is taken out of it and given to close: weir__loop_forked, after which it refuses posts. */
void weir__loops_before_fork(void);
void weir__loops_after_fork_parent(void);
void weir__loops_after_fork_child(void (*close)(struct weir_loop *l));
void weir__loop_forked(struct weir_loop *l);

/* Is this process a fork child, and l a loop of its parent? Then nothing of l may be used. */
bool weir__loop_is_parents(const struct weir_loop *l);

static inline weir_ns weir__loop_now(struct weir_loop *l) {
    return l->backend->ops->now(l->backend);
}

#endif

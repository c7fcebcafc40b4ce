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

enum { WEIR__LOOP_NAME = 48, WEIR__LOOP_WHY = 192 }; /* bytes of the texts, with NUL */

/* Counted: it outlives its run for as long as somebody may still post to it. What it needs for
 * that (refs, posts, latch, name, why) is left alone by weir__loop_fini. It is the head of one
 * allocation, which the last weir__loop_unref frees. */
struct weir_loop {
    struct weir__backend *backend;
    struct weir__timers *timers;
    struct weir__list flushes;
    size_t ready;      /* tasks that are ready: the scheduler above counts its queue here */
    weir_ns turn_ns;   /* when the current turn's waiting ended; stamps, not deadlines */
    uint64_t turns;
    unsigned hidden;   /* closed objects whose memory the backend still holds: the run waits */
    bool exact;        /* virtual time: waits end at the very deadline */
    pthread_t thread;  /* the owner */
    _Atomic unsigned refs;
    _Atomic(struct weir__post *) posts; /* newest first, or a mark; any thread pushes */
    struct weir__latch *latch;          /* the backend's: a late post may still ring it */
    struct weir__list living;           /* registry.c: this and the next three */
    uint16_t number;                    /* of no other living loop; never 0 */
    unsigned name_base, name_count;     /* "main-2": 4, 2 */
    char name[WEIR__LOOP_NAME];         /* of no other living loop */
    char why[WEIR__LOOP_WHY];           /* why this backend */
};

/* Open a loop on this thread, held once. l is the head of an allocation of weir__alloc. backend as
 * weir__backend_open. name: NULL is "main"; one that a living loop has gets "-2" or more behind it.
 * Returns 0, WEIR_EBACKEND, -ENOMEM, -EMFILE, -EAGAIN (too many loops); *ret_why then says why, and
 * l is the caller's to free. */
int weir__loop_init(struct weir_loop *l, const char *backend, const char *name,
                    const char **ret_why);

/* End the loop: posts not yet run are dropped and logged, later ones are refused. */
void weir__loop_fini(struct weir_loop *l);

/* Any thread. The last unref frees l, which has ended. */
struct weir_loop *weir__loop_ref(struct weir_loop *l);
void weir__loop_unref(struct weir_loop *l);

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

/* Have fn(arg) called by a later turn. Returns 0, -ENOMEM, WEIR_ECLOSED (the loop has ended) or
 * WEIR_EFORKED (it is the parent process's); on error fn will not be called. Any thread; posts of
 * one thread keep their order. Wakes the loop only if it waits. */
int weir__loop_post(struct weir_loop *l, void (*fn)(void *arg), void *arg);

/* registry.c: give l a number and a name that no living loop has. Returns 0 or -EAGAIN. */
int weir__loop_enlist(struct weir_loop *l, const char *name);
void weir__loop_delist(struct weir_loop *l);

bool weir__loop_lives(unsigned number);

/* "loop 'main'", or what became of it. Of a number; of a pointer that may dangle. In buf, which is
 * returned. */
enum { WEIR__LOOP_TEXT = WEIR__LOOP_NAME + 32 };
const char *weir__loop_text_of(unsigned number, char buf[static WEIR__LOOP_TEXT]);
const char *weir__loop_text(const struct weir_loop *l, char buf[static WEIR__LOOP_TEXT]);

/* Around fork, so that the child finds the registry whole. The child's takes every loop out of it
 * and calls close with each: weir__loop_forked, which makes it refuse posts from now on. */
void weir__loops_before_fork(void);
void weir__loops_after_fork_parent(void);
void weir__loops_after_fork_child(void (*close)(struct weir_loop *l));
void weir__loop_forked(struct weir_loop *l);

/* This process is a fork child, and l its parent's: nothing of l may be used. */
bool weir__loop_is_parents(const struct weir_loop *l);

static inline weir_ns weir__loop_now(struct weir_loop *l) {
    return l->backend->ops->now(l->backend);
}

#endif

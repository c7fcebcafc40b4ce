/* SPDX-License-Identifier: MIT */
/* loop.h - one turn: wait in the backend, then call what has become due, in this order:
 *   1. completed ops, in the backend's order (so data wins over a deadline of the same turn);
 *   2. functions posted from other threads, in order of posting;
 *   3. timers that are due, in order of deadline.
 * The loop knows ops, posts and timers. It does not know tasks and calls no scheduler: the driver
 * (task/drive.c) runs a turn, runs the ready tasks, flushes, runs the tasks that the flush made
 * ready, flushes, and begins again. */
#ifndef WEIR_LOOP_LOOP_H
#define WEIR_LOOP_LOOP_H

#include <pthread.h>
#include <weir/base.h>

#include "base/list.h"
#include "loop/handle.h"
#include "loop/timers.h"
#include "sys/backend.h"

struct weir__flush { /* a function to call when all ready tasks have run, before the next wait */
    struct weir__list link;
    void (*flush)(struct weir__flush *f);
};

/* The loop itself: only its own thread touches it. It is the head of the scheduler's memory, and
 * ends with it. Other threads have the handle. */
struct weir__loop {
    struct weir__backend *backend;
    struct weir__timers *timers;
    struct weir__list flushes;
    struct weir_loop *handle; /* one reference */
    size_t ready;      /* ready tasks: the scheduler above counts its queue here */
    bool recorded;     /* a task may have an error record: the records have been asked for once */
    bool exact;        /* virtual time: a wait lasts exactly until the earliest deadline */
    uint16_t number;   /* the handle's: no other living loop has it */
    unsigned slice;    /* calls of weir__breathe left before the running task lets others run */
    weir_ns turn_ns;   /* when the wait of the current turn was over: for stamps, not deadlines */
    uint64_t turns;
    struct weir__debug *debug; /* debug mode (loop/debug.h); else NULL */
    size_t unclosed;   /* streams and listeners of the user's, made and not closed */
    struct weir__list writes;  /* room stream's: of write lines, under way */
    void (*writes_last)(struct weir__loop *l); /* called once all tasks have ended; NULL: no line
                                                * was used */
    struct weir__list hatches; /* room stream's: listeners in memory, found by their names */
    void *calls;       /* room callback's: made when it is first used, it frees it when */
    void (*ending)(struct weir__loop *l); /* this is called: all tasks have ended. NULL: not used */
    bool stopped;      /* room callback's: weir_loop_stop was called */
    unsigned hidden;   /* closed objects whose memory the backend still holds: the run waits */
    pthread_t thread;  /* the owner */
};

/* Open a loop on this thread; all of l is set. backend as weir__backend_open. name: NULL is "main";
 * a name that a living loop has gets a suffix "-2" or higher.
 * Returns 0, WEIR_EBACKEND, -ENOMEM, -EMFILE, -EAGAIN (too many loops). On error *ret_why says why,
 * and nothing is left of l. */
int weir__loop_init(struct weir__loop *l, const char *backend, const char *name,
                    const char **ret_why);

/* The run is over: posts not yet run are dropped, later ones are refused. Logs how many posts were
 * dropped, and how many objects were not closed. */
void weir__loop_stop(struct weir__loop *l);

/* Close the backend of a loop that was stopped, and give the reference to the handle back. */
void weir__loop_fini(struct weir__loop *l);

/* May the loop wait? Only while every queue of work is empty: ready tasks, flushes, posts. Each
 * turn asks before it waits. A new queue of work, in the loop or in a room above it, must be added
 * here. Work that the backend itself has at hand (completions, received pieces, writers that can go
 * on) is not asked for here: the backend's turn does not block while it has some. */
static inline bool weir__loop_may_sleep(const struct weir__loop *l) {
    return l->ready == 0 && weir__list_empty(&l->flushes)
           && weir__mailbox_empty(&l->handle->mail);
}

/* One turn. until_ns: how long to wait at most, as a point in time (0: do not wait). The nearest
 * timer shortens the wait, and queued work forbids it. */
void weir__loop_turn(struct weir__loop *l, weir_ns until_ns);

/* The same for a foreign loop, which waits in the turn's place: the descriptor that it watches
 * (-EOPNOTSUPP in a simulation, -EMFILE, -ENOMEM); and the call before each of its waits, which
 * returns how long that may last, as a duration: 0 if there is work. */
int weir__loop_fd(struct weir__loop *l);
weir_ns weir__loop_prepare(struct weir__loop *l);

/* Queue f: it runs when the ready tasks of this round have run. A flush that is queued already
 * keeps its place. */
WEIR_API void weir__loop_flush_add(struct weir__loop *l, struct weir__flush *f); /* in no list */
static inline void weir__loop_flush_later(struct weir__loop *l, struct weir__flush *f) {
    if (weir__list_empty(&f->link))
        weir__loop_flush_add(l, f);
}
/* Run the flushes that are queued now. A flush that one of them queues waits for the next call, so
 * that a flush which always queues another cannot hold the loop. No turn waits before that call. */
void weir__loop_flush(struct weir__loop *l);

static inline weir_ns weir__loop_now(struct weir__loop *l) {
    return l->backend->ops->now(l->backend);
}

#endif

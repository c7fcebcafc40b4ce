/* SPDX-License-Identifier: MIT */
/* pool.h - helper threads for calls that would block the loop: getaddrinfo, and functions of users.
 * The process has one pool, which all its loops use. Its threads belong to classes, each with a
 * bound of its own, so that slow look-ups never keep files or functions waiting. Threads are made
 * on demand, and end when they have been idle for long or the last loop has left; they block all
 * signals.
 * Within a class the loops take turns: one with a thousand jobs does not keep another's single job
 * waiting.
 *
 * A loop has a struct weir__pool_user, and calls the functions that take one on its own thread.
 * A finished job comes home by its own list node: the helper puts it into the user's list and rings
 * the loop's latch. Nothing is allocated for that, so it cannot fail.
 *
 * getaddrinfo cannot be cancelled; a cancelled job is abandoned: it owns copies of all that it
 * reads and writes, and its thread goes on with it, also when its loop has closed. That thread is
 * lost: a new one may take its place, up to WEIR__POOL_GROWTH times the bound in all. When all of
 * these are lost, no job of the class is begun any more: -EAGAIN.
 *
 * A fork child has none of the threads. It begins with an empty pool. */
#ifndef WEIR_SYS_POOL_H
#define WEIR_SYS_POOL_H

#include "base/list.h"
#include "sys/fifo.h"
#include "sys/latch.h"
#include "sys/slots.h"

enum weir__pool_class {
    WEIR__POOL_RESOLVE,
    WEIR__POOL_FILE,
    WEIR__POOL_WORK,
    WEIR__POOL_CLASSES
};

enum { WEIR__POOL_GROWTH = 4, WEIR__POOL_THREADS_MAX = 1024 /* of a class; the growth apart */ };

struct weir__pool_seat { /* a loop's place in a class */
    struct weir__list queued; /* its jobs that wait for a thread, oldest first */
    struct weir__list turn;   /* in the class's ring, while a job is queued */
};

struct weir__pool_user {
    struct weir__latch *latch;
    struct weir__pool_seat seats[WEIR__POOL_CLASSES];
    struct weir__list ended; /* its jobs that are to be collected */
    _Atomic bool any_ended;
    bool entered;            /* it is counted among the users of the pool */
    struct weir__slots jobs; /* by op->priv; only the loop's thread uses it */
};

/* The user is not counted before its first job. */
void weir__pool_user_init(struct weir__pool_user *u, struct weir__latch *latch);

/* The loop closes, and none of its ops is pending. Its abandoned jobs that still run are named in
 * the log. The last user to leave joins the idle threads, and detaches those in abandoned jobs. */
void weir__pool_leave(struct weir__pool_user *u);

/* Submit a RESOLVE, WORK or FILE_OP op. Returns WEIR__PENDING, or WEIR__DONE if it was refused
 * (-ENOMEM, -EAGAIN). An op that waits for a thread completes with -EAGAIN when the jobs of all
 * threads of its class have been abandoned, so that none is left to run it. */
int weir__pool_submit(struct weir__pool_user *u, struct weir__op *op);

/* A WORK or FILE_OP that has begun answers WEIR__PENDING (unless it may be abandoned); all else
 * completes with -ECANCELED. */
int weir__pool_cancel(struct weir__pool_user *u, struct weir__op *op);

/* Move the ops whose jobs have ended to done, in the order in which they ended. */
void weir__pool_collect(struct weir__pool_user *u, struct weir__fifo *done);

/* ---- any thread ----------------------------------------------------------------------------- */

/* How many threads of this process have not ended and will be joined by nobody: detached when the
 * last loop left the pool, or one too many after an abandoned job. Test runners wait for them. */
int weir__threads_alone(void);

/* Bound the threads of a class; 0: by default. It holds at once and for later pools. More threads
 * than a lowered bound end as soon as they have no job. threads <= WEIR__POOL_THREADS_MAX. */
void weir__pool_bound(enum weir__pool_class class, unsigned threads);

struct weir__pool_stats {
    unsigned threads_max, threads, idle, running, queued, abandoned, running_peak;
    uint64_t ended;
    weir_ns wait_longest; /* the longest that a job waited for its thread */
};
void weir__pool_stats(enum weir__pool_class class, struct weir__pool_stats *ret_stats);

struct weir__pool_job { /* a copy of what is known of an abandoned job */
    enum weir__pool_class class;
    char name[64]; /* the task that offloaded it, or the host that is looked up */
    const struct weir_site *site; /* NULL: not known */
    weir_ns began;
    uint64_t number; /* counts abandoned jobs */
};
/* The abandoned job that still runs and has the least number above `after`. Returns false if there
 * is none. */
bool weir__pool_abandoned(uint64_t after, struct weir__pool_job *ret_job);

#endif

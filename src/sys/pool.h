/* SPDX-License-Identifier: MIT */
/* pool.h - helper threads for calls that would block the loop: getaddrinfo, and functions of users.
 * One pool for each kind and loop, so that slow look-ups never keep other work waiting, and a loop
 * that closes waits for its own jobs only. Threads are made on demand, up to a bound, and kept;
 * they block all signals.
 *
 * Every function here is called on the loop's thread. getaddrinfo cannot be cancelled; a cancelled
 * job is abandoned: it owns copies of all that it reads and writes, and its thread goes on with it.
 * That thread is lost: a new one may take its place, up to WEIR__POOL_GROWTH times the bound in
 * all. When all of these are lost, no job is begun any more: -EAGAIN. */
#ifndef WEIR_SYS_POOL_H
#define WEIR_SYS_POOL_H

#include "sys/fifo.h"
#include "sys/latch.h"

struct weir__pool;

enum { WEIR__POOL_GROWTH = 4 };

/* Make a pool without threads. The pool rings latch whenever a job ends. Returns 0 or -ENOMEM. */
int weir__pool_new(const char *name, unsigned threads_max, size_t stack_size,
                   struct weir__latch *latch, struct weir__pool **ret_pool);

/* Join the idle threads. A thread that still runs an abandoned job is detached and named in the
 * log. NULL is fine. */
void weir__pool_free(struct weir__pool *p);

/* Submit a RESOLVE or WORK op. Returns WEIR__PENDING, or WEIR__DONE if it was refused (-ENOMEM,
 * -EAGAIN). An op that waits for a thread completes with -EAGAIN when the jobs of all threads have
 * been abandoned, so that none is left to run it. */
int weir__pool_submit(struct weir__pool *p, struct weir__op *op);

/* A WORK that has begun answers WEIR__PENDING (unless it may be abandoned); all else completes with
 * -ECANCELED. */
int weir__pool_cancel(struct weir__pool *p, struct weir__op *op);

/* How many threads of this process have not ended and are joined by no pool: detached by a pool
 * that was freed, or one too many after an abandoned job. Test runners wait for them. Any
 * thread. */
int weir__threads_alone(void);

/* Move the ops whose jobs have ended to done, in the order in which they ended. */
void weir__pool_collect(struct weir__pool *p, struct weir__fifo *done);

#endif

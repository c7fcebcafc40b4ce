/* SPDX-License-Identifier: MIT */
/* pool.h - helper threads for what would block the loop: getaddrinfo, and functions of users. One
 * pool per kind and loop, so that slow names never keep work waiting and a loop's end waits for
 * nobody else's jobs. Threads are made on demand, up to a bound, and kept; they block all signals.
 *
 * Every function here is called on the loop's thread. A job that cannot be waited for (getaddrinfo
 * has no cancel) is abandoned: it owns copies of all it reads and writes. Its thread does not
 * count any more: a fresh one may take its place, up to WEIR__POOL_GROWTH times the bound in all.
 * When all of these are in abandoned jobs, nothing more is begun: -EAGAIN. */
#ifndef WEIR_SYS_POOL_H
#define WEIR_SYS_POOL_H

#include "sys/fifo.h"
#include "sys/latch.h"

struct weir__pool;

enum { WEIR__POOL_GROWTH = 4 };

/* latch is rung whenever a job ends. Returns 0 or -ENOMEM. No thread is made yet. */
int weir__pool_new(const char *name, unsigned threads_max, size_t stack_size,
                   struct weir__latch *latch, struct weir__pool **ret_pool);

/* Join what is idle; leave what still runs to end on its own, named in the log. NULL is fine. */
void weir__pool_free(struct weir__pool *p);

/* Submit a RESOLVE or WORK op. Returns WEIR__PENDING, or WEIR__DONE if it was refused (-ENOMEM,
 * -EAGAIN). An op that waits for a thread completes with -EAGAIN when the jobs of all threads have
 * been abandoned, so that none is left to run it. */
int weir__pool_submit(struct weir__pool *p, struct weir__op *op);

/* WORK that has begun answers WEIR__PENDING; all else is over with -ECANCELED. */
int weir__pool_cancel(struct weir__pool *p, struct weir__op *op);

/* Threads of this process that nobody joins and that have not ended: of pools that were freed
 * while they ran, or surplus after an abandoned job. Test runners wait for them. Any thread. */
int weir__threads_alone(void);

/* Move the ops whose jobs ended to done, in order of their end. */
void weir__pool_collect(struct weir__pool *p, struct weir__fifo *done);

#endif

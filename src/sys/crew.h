/* SPDX-License-Identifier: MIT */
/* crew.h - one class of the pool: the queue of its jobs, and the threads that run them. Only pool.c
 * uses it. All functions are called with the pool's lock held, which a crew's threads release while
 * a job runs and while they are idle.
 *
 * A thread is coming (started or woken, and on its way to a job), at work, idle, or lost: it runs a
 * job that was abandoned. At most max threads are not lost; all together are at most
 * WEIR__POOL_GROWTH times max. A thread ends when it has finished its job and more than max threads
 * are there, or when it has been idle for weir__sys_limits.helper_idle. Nobody joins it. The thread
 * that became idle last is woken first, so those that are not needed stay idle. */
#ifndef WEIR_SYS_CREW_H
#define WEIR_SYS_CREW_H

#include <pthread.h>

#include "sys/job.h"

struct weir__crew {
    pthread_mutex_t *lock;
    const char *name;
    size_t stack_size;
    struct weir__list turns;     /* the seats that have queued jobs; the first has its turn */
    struct weir__list helpers;   /* threads that were not dismissed */
    struct weir__list idle;      /* the last to come is the first to go */
    struct weir__list abandoned; /* jobs that still run, in the order of their numbers */
    unsigned max, bound;         /* bound: what the program asked for; 0: nothing */
    unsigned queued, coming, count, lost, running, running_peak;
    uint64_t ended;
    weir_ns wait_longest;
    weir_ns said; /* when the log last said that abandoned jobs hold the threads */
};

/* A crew without threads and jobs. bound is kept. */
void weir__crew_init(struct weir__crew *c, pthread_mutex_t *lock, const char *name,
                     size_t stack_size);

/* A fork child has no threads of its parent's. */
void weir__crew_forget_alone(void);

/* Add a job to the queue of its user, or take it from there. */
void weir__crew_enqueue(struct weir__crew *c, struct weir__job *j);
void weir__crew_dequeue(struct weir__crew *c, struct weir__job *j);

/* Take the oldest job of the seat whose turn it is; then the next seat has its turn. There must be
 * one. */
struct weir__job *weir__crew_dequeue_next(struct weir__crew *c);

/* Give an ended job to its user. */
void weir__crew_send_home(struct weir__job *j);

/* A job that runs is abandoned: its thread is lost. */
void weir__crew_lose(struct weir__crew *c, struct weir__job *j);

/* If more jobs wait than threads are coming, wake a thread or start one, as far as max allows.
 * Returns 0; or the error, if there is no thread at all that could run them. */
int weir__crew_man(struct weir__crew *c);

void weir__crew_set_max(struct weir__crew *c, unsigned max);

/* No loop uses the pool any more. Threads without a job move to the list, by their field link, for
 * weir__crew_join; the others run an abandoned job, and will end alone. */
void weir__crew_dismiss(struct weir__crew *c, struct weir__list *list);

/* Wait until the threads of the list have ended. Without the lock. */
void weir__crew_join(struct weir__list *list);

#endif

/* SPDX-License-Identifier: MIT */
/* job.h - one call that a helper thread makes for a loop: getaddrinfo, a function of a user's, or a
 * call on files. It owns copies of all that the call reads and writes, so it may outlive its op and
 * its loop. The pool (pool.c) decides when it runs. */
#ifndef WEIR_SYS_JOB_H
#define WEIR_SYS_JOB_H

#include "sys/pool.h"

enum weir__job_phase { WEIR__JOB_QUEUED, WEIR__JOB_RUNNING, WEIR__JOB_ENDED };

struct weir__job {
    struct weir__list link; /* in queued or ended of its user, or in abandoned of its class */
    struct weir__op *op;    /* NULL: abandoned */
    struct weir__pool_user *user; /* NULL: abandoned, and its loop has closed */
    enum weir__pool_class class;
    enum weir__job_phase phase;
    int64_t result;
    struct weir__call *call; /* FILE_OP; never abandoned, so it is its caller's */
    int (*fn)(void *);       /* WORK; without both: look up name */
    void *arg;
    uint16_t port;
    struct weir__addr *addrs; /* resolve: the result */
    const struct weir_site *site;
    weir_ns queued_at, began;
    uint64_t number; /* once it is abandoned */
    char name[]; /* the host, or the task that offloaded fn */
};

static inline struct weir__job *weir__job_of(struct weir__list *link) {
    return WEIR_CONTAINER(link, struct weir__job, link);
}

/* The job of an op RESOLVE, WORK or FILE_OP; NULL without memory. */
struct weir__job *weir__job_new(struct weir__pool_user *u, struct weir__op *op);
void weir__job_free(struct weir__job *j); /* NULL is fine */

/* Make the call. Returns the result of the op. */
int64_t weir__job_run(struct weir__job *j);

void weir__job_describe(const struct weir__job *j, struct weir__pool_job *ret_job);

/* Write "fn (program.c:12), an offloaded function of task 'name', for 12 s" into buf and return
 * buf. */
enum { WEIR__JOB_TEXT = 256 };
const char *weir__job_text(const struct weir__pool_job *j, char buf[static WEIR__JOB_TEXT]);

#endif

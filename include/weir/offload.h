/* SPDX-License-Identifier: MIT */
/* offload.h - how many processors a program has for its loops and for the functions that it
 * offloads. weir_offload and weir_offload_detached themselves are in weir/loop.h. */
#ifndef WEIR_OFFLOAD_H
#define WEIR_OFFLOAD_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What helper threads do. Each kind has threads of its own. */
enum weir_offload_kind {
    WEIR_OFFLOAD_WORK,    /* the functions of weir_offload and weir_offload_detached */
    WEIR_OFFLOAD_RESOLVE, /* looking up the names of hosts, for weir_dial and weir_listen */
    WEIR_OFFLOAD_FILE     /* reads and writes of terminals and the like, which may block */
};

/* How many helper threads the process may have. All its loops share them. */
struct weir_offload_limits {  /* zero: the default */
    size_t size;              /* sizeof (struct weir_offload_limits) */
    unsigned work_threads;    /* 0: 16, or weir_cpus() + 4 if that is fewer; at most 1,024 */
    unsigned resolve_threads; /* 0: 8; at most 1,024 */
    unsigned file_threads;    /* 0: 16; at most 1,024 */
};

/* Set how many jobs of each kind run at once. Abandoned jobs are not counted: with them there are
 * at most four times as many threads. The limits hold for the whole process, now and later: a
 * second call replaces what the first has set, whichever loop made it. When a limit is raised,
 * waiting jobs begin at once. When it is lowered, threads end after their present job. A thread is
 * made when a job needs one, and ends when it has been idle for ten seconds or when the last loop
 * that used helpers has closed. A fork child has none of them, and makes its own. limits is
 * borrowed until return; NULL: the defaults. In a simulation there are no helper threads.
 * Returns 0; -EINVAL (a number is too large), and nothing is changed. Any thread. */
WEIR_API int weir_offload_limits(const struct weir_offload_limits *limits);

/* What the helper threads of a kind do now, and what they have done so far. Jobs wait for threads
 * if `queued` is not 0 most of the time, or wait_longest_ns is long. */
struct weir_offload_stats {
    size_t size;             /* sizeof (struct weir_offload_stats) */
    unsigned threads_max;    /* the limit that holds */
    unsigned threads;        /* there now, those of abandoned jobs too */
    unsigned idle;           /* threads that have nothing to do */
    unsigned running;        /* jobs that run and for which a task waits */
    unsigned queued;         /* jobs that wait for a thread */
    unsigned abandoned;      /* jobs that still run and for which no task waits any more */
    unsigned running_peak;   /* the most that `running` has been */
    uint64_t ended;          /* jobs that have run to their end */
    weir_ns wait_longest_ns; /* the longest that a job waited for its thread */
};

/* Fill *ret_stats, as far as its size tells, for one kind of helper threads, for all loops of the
 * process. In a simulation all numbers but threads_max stay 0: it runs the jobs itself. Any
 * thread. */
WEIR_API void weir_offload_stats(enum weir_offload_kind kind,
                                 struct weir_offload_stats *ret_stats);

/* A job that was abandoned and still runs. All is lent during the call that shows it. */
struct weir_offload_job {
    enum weir_offload_kind kind;
    const char *task;             /* that offloaded it (cut to 63 bytes); "" for a look-up;
                                   * "reading fd 5" for a file */
    const char *host;             /* the name that is looked up; "" for a function */
    const struct weir_site *site; /* of the call of weir_offload_detached; its name is that of the
                                   * function. NULL if the library itself offloaded the job */
    weir_ns began_ns;             /* when it began to run, as weir_now counts outside of loops */
    weir_ns ran_ns;               /* for how long it has run */
};

/* Call each(job, arg) for every abandoned job of the process that still runs, in the order in which
 * they were abandoned. each may call anything of the library that does not suspend; jobs that are
 * abandoned meanwhile may be shown too.
 * Returns how many were shown. Any thread. */
WEIR_API int weir_offload_abandoned(void (*each)(const struct weir_offload_job *job, void *arg),
                                    void *arg);

/* Count the processors that the calling thread may use: those of its affinity mask, or fewer if the
 * control groups around the process (cgroup v2 and v1) limit its time. A limit of one and a half
 * counts as two. The call reads the kernel's files each time, so keep the result. In a simulation
 * it counts the real processors too.
 * Returns the count, at least 1; it never fails. Any thread. */
WEIR_API int weir_cpus(void);

#ifdef __cplusplus
}
#endif
#endif

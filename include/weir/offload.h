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

/* Run fn(args, result) in a child process and wait for its result: for code that cannot be trusted
 * to return, or to leave the program's memory alone. result points to result_size bytes, zeroed and
 * aligned for any type. If fn returns >= 0 they are copied to *ret_result; otherwise *ret_result
 * stays as it is. A cancel or a deadline kills the child, whatever it does; the call returns when
 * the child is gone.
 * The child is a fork: it sees the program's memory as it was, so args may point to anything, and
 * changes nothing of it. Its standard input is empty, its standard output is the program's standard
 * error, and no other descriptor is open in it. Its signals have their default effects. It is the
 * only member of a session of its own; processes that it makes are killed with it unless they leave
 * that session's group. It dies with the program.
 * If the program has threads, the helper threads of the library among them, fn must keep to what is
 * safe after their fork: computation, system calls, malloc and free. A lock that another thread
 * held at the fork is never released in the child; a deadline ends the wait for it. fn must not
 * flush or close streams of stdio that the program has written to: their pending output would
 * appear twice. weir_run may be called; calls on objects of the program's loops may not.
 * A helper thread of the kind WEIR_OFFLOAD_WORK waits for the child all the time. So at most
 * work_threads children run at once. The program gets a SIGCHLD for each, and must not wait for any
 * child (waitpid with -1). In a simulation the child is a real one, and its loop stands still until
 * it has ended.
 * Returns fn's result; -ECHILD (the child was killed by a signal, or exited before fn returned: the
 * error's text tells the signal or the status); -ECANCELED, -ETIME; -EAGAIN, -ENOMEM (no child, or
 * no thread for it, can be made); WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_offload_process(int (*fn)(const void *args, void *result), const void *args,
                                       void *ret_result, size_t result_size);

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

/* SPDX-License-Identifier: MIT */
/* testing.h - libweir-test: run a program of tasks in a simulated world, and make things fail.
 *
 * The world has one virtual clock, which jumps while all tasks wait; hosts with names, addresses
 * and loopbacks of their own; TCP between them with the error numbers of Linux. One seed decides
 * everything: the same program with the same options runs the same way, on every machine.
 * A listener on the address or name of a host runs on that host; a dial starts from the host that
 * the program runs on, unless the socket is bound to another's address. Real descriptors, UDP and
 * unix sockets are refused: WEIR_ESIMREFUSED. All calls: the thread that runs the loop. */
#ifndef WEIR_TESTING_H
#define WEIR_TESTING_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_sim_options { /* zero: the default; a negative time means the default too */
    size_t size;           /* sizeof (struct weir_sim_options) */
    uint64_t seed;         /* 0: 1 */
    const char *host;      /* the host that the program runs on; NULL: "main" */
    weir_ns latency_ns;    /* between hosts, one way; 0: 200 us. Within a host: 20 us */
    size_t send_buffer;    /* bytes per connection; 0: 64 KiB */
    size_t receive_buffer; /* likewise */
    size_t segment_max;    /* bytes that arrive at once; 0: 1460 */
    size_t piece_size;     /* receive buffers that the backend lends; 0: 16 KiB */
    size_t piece_count;    /* how many; 0: 64 */
    size_t descriptors_max; /* sockets open at once; 0: 65536. More: -EMFILE */
    weir_ns limit_ns;      /* the run is cancelled after so much virtual time; 0: a day */
    bool deferred;         /* no op is done at once: as on io_uring; default as on epoll */
    const struct weir_run_options *run; /* for weir_run; its backend is not looked at */
};

/* Run fn(arg) as weir_run does, in a new simulated world. options may be NULL.
 * Returns fn's result (-ECANCELED after the limit of time, or when nothing could ever happen any
 * more, which is logged with the tasks that wait); as weir_run; -EBUSY (a world is open here). */
WEIR_API int weir_sim_run(int (*fn)(void *arg), void *arg, const struct weir_sim_options *options);
WEIR_API int weir_sim_run_at(const struct weir_site *site, int (*fn)(void *arg), void *arg,
                             const struct weir_sim_options *options);
#define weir_sim_run(...) weir_sim_run_at(WEIR_SITE(main), __VA_ARGS__)

/* Add a host to the running world; twice is once. Its names resolve to an IPv6 and an IPv4
 * address. Returns 0; -EINVAL (longer than 255 bytes, or empty); WEIR_ENOLOOP (no world here). */
WEIR_API int weir_sim_host(const char *name);

/* Set the latency between two hosts, one way, for what is sent from now on.
 * Returns 0; WEIR_ENONAME; -EINVAL (negative); WEIR_ENOLOOP. */
WEIR_API int weir_sim_link(const char *a, const char *b, weir_ns latency_ns);

/* Cut a host off: nothing arrives at it or from it, what is on its way is lost; nobody is told.
 * restore: TCP sends again what was lost. Loopback goes on.
 * Returns 0; WEIR_ENONAME; WEIR_ENOLOOP. */
WEIR_API int weir_sim_cut(const char *host);
WEIR_API int weir_sim_restore(const char *host);

/* Let the simulated process get a signal. Returns how many waited for it; WEIR_ENOLOOP. */
WEIR_API int weir_sim_raise(int signal);

struct weir_sim_counts {
    weir_ns now_ns;           /* the virtual clock, which began at 3600 s */
    size_t sockets, pieces, ops; /* open; lent; pending: all 0 after a run */
    size_t connections;       /* both ends counted, closed ones that still say goodbye too */
    uint64_t events, segments, lost;
    uint64_t quiet;           /* times that nothing could ever happen */
    bool overran;             /* the limit of virtual time was reached */
};

/* The counts of the world that runs, else of the last one on this thread. Never NULL; valid until
 * the next call. */
WEIR_API const struct weir_sim_counts *weir_sim_counts(void);

/* ---- faults ---------------------------------------------------------------------------------- */

/* Kinds of ops that a fault may strike, to be or-ed. */
enum weir_fault_kinds {
    WEIR_FAULT_SOCKET = 1 << 0,
    WEIR_FAULT_BIND = 1 << 1,
    WEIR_FAULT_LISTEN = 1 << 2,
    WEIR_FAULT_SHUTDOWN = 1 << 3,
    WEIR_FAULT_CONNECT = 1 << 4,
    WEIR_FAULT_ACCEPT = 1 << 5,
    WEIR_FAULT_RECEIVE = 1 << 6,
    WEIR_FAULT_SEND = 1 << 7,
    WEIR_FAULT_RESOLVE = 1 << 8,
    WEIR_FAULT_WORK = 1 << 9,
    WEIR_FAULT_POLL = 1 << 10,
    WEIR_FAULT_SIGNAL = 1 << 11,
    WEIR_FAULT_CLOSE = 1 << 12, /* WEIR_FAULT_LATE only: a close is never refused */
    WEIR_FAULT_ATTACH = 1 << 13, /* registering an accepted or a user's descriptor */
    WEIR_FAULT_ALL = (1 << 14) - 1
};

enum weir_fault_effect {
    WEIR_FAULT_ERROR, /* the op is not begun and fails with error */
    WEIR_FAULT_SHORT, /* a receive brings one byte; a send takes half, then fails with error.
                       * Other kinds: as ERROR */
    WEIR_FAULT_LATE,  /* its result is handed out late_ns after it was there */
    WEIR_FAULT_NEVER  /* it is not begun and stays pending until it is cancelled or closed; what
                       * never waits fails with error instead */
};

struct weir_fault { /* zero: nothing is struck, all ops are counted */
    size_t size;                   /* sizeof (struct weir_fault) */
    unsigned kinds;                /* 0: WEIR_FAULT_ALL */
    enum weir_fault_effect effect;
    int error;                     /* 0: -ECONNRESET */
    weir_ns late_ns;               /* 0 or less: 10 ms */
    uint64_t nth;                  /* the n-th op of these kinds from now; 0: none */
    bool every;                    /* each n-th */
};

/* Arm a fault for the loops opened on this thread from now on, on every backend; a loop opened
 * while one was armed obeys later calls too. NULL disarms. The count starts again. */
WEIR_API void weir_fault_arm(const struct weir_fault *fault);

/* Ops of the chosen kinds seen since arming; how many of them were struck. */
WEIR_API uint64_t weir_fault_seen(void);
WEIR_API uint64_t weir_fault_struck(void);

/* Make the n-th of the library's allocations from now fail (1: the next; 0: none).
 * Returns how many were asked for since the last call. Process-wide; any thread. */
WEIR_API size_t weir_fault_allocation(size_t nth);

/* ---- exploration ----------------------------------------------------------------------------- */

struct weir_story { /* a program that is run again and again, each time disturbed elsewhere */
    size_t size;             /* sizeof (struct weir_story) */
    const char *name;        /* for texts */
    int (*fn)(void *arg);    /* returns >= 0 when undisturbed; disturbed, any error will do */
    void *arg;
    const struct weir_sim_options *options; /* NULL: the defaults */
    uint64_t first, last;    /* N from .. to; 0: from 1; until the story runs undisturbed */
};

struct weir_explored {
    uint64_t runs;   /* of the story */
    uint64_t points; /* at which it was disturbed */
    uint64_t failed; /* runs that left something behind, lost an error or did not end */
};

/* Run the story with its N-th marked call (each suspending call and each join counts) cancelling
 * the task that makes it, N = 1, 2, ... After each run nothing may be left: allocations, sockets,
 * lent buffers, ops, timers, tasks; each error with which a task ended must have been read (by an
 * await, by who closes its group or runs it) or logged, once; and the story must have ended by
 * itself. The first run disturbs nothing and must return >= 0.
 * Returns 0; -EPROTO if a run failed (logged with N, why, and the last log lines; 10 at most).
 * An abort is told with N before the process dies. ret may be NULL. */
WEIR_API int weir_explore_cancels(const struct weir_story *story, struct weir_explored *ret);

/* The same with fault striking the N-th op of its kinds; its nth is not looked at. */
WEIR_API int weir_explore_faults(const struct weir_story *story, const struct weir_fault *fault,
                                 struct weir_explored *ret);

/* The same with the library's N-th allocation failing. */
WEIR_API int weir_explore_allocations(const struct weir_story *story, struct weir_explored *ret);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/* testing.h - running a program of tasks in a simulated world, and making things fail in it.
 * This is the header of libweir-test: `pkg-config --libs weir-test`, or libweir-test.a before
 * libweir.a. The world has one virtual clock, which jumps while all tasks wait; hosts with names,
 * addresses and loopbacks of their own; TCP and UDP between them with the error numbers of Linux.
 * One seed decides everything: the same program with the same options runs the same way, on every
 * machine. Another seed chooses otherwise where the kernel or the scheduler promises nothing:
 *   the order of ready tasks, within a batch. A batch is the tasks that were ready when the one
 *   before had been run: weir_yield lets all others run that were ready, under every seed;
 *   the order of events of one instant, and of completed operations, except of one connection;
 *   how many of the bytes on their way arrive together;
 *   how long name look-ups, offloaded functions and calls on files take: from half to twice of
 *   1 ms, and of 50 us for files, whose reads and writes may also be done at once;
 *   ports, jitter, losses, weir_random.
 * Grants, posts, and timers with equal deadlines keep their order.
 * A listener on the address or name of a host runs on that host. A dial starts from the host that
 * the program runs on, unless the socket is bound to another's address. Files lie in a file system
 * of the world, with times by its wall clock. At first it has only /tmp, and its root is the
 * working directory. Real descriptors, and programs that no function plays, are refused by
 * WEIR_ESIMREFUSED. Loop thread only, except where a contract says otherwise. */
#ifndef WEIR_TESTING_H
#define WEIR_TESTING_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>
#include <weir/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The options of a simulated world. A negative time means the default too. */
struct weir_sim_options { /* zero: the default */
    size_t size;           /* sizeof (struct weir_sim_options) */
    uint64_t seed;         /* 0: the number in the variable WEIR_SEED; without it, or if that is 0
                            * too, all is first in, first out, as with 1 and fixed_order */
    const char *host;      /* the host that the program runs on; NULL: "main" */
    weir_ns latency_ns;    /* between hosts, one way; 0: 200 us. Within a host: 20 us */
    size_t send_buffer;    /* bytes per connection; 0: 64 KiB */
    size_t receive_buffer; /* likewise */
    size_t segment_max;    /* bytes that arrive at once; 0: 1460 */
    size_t piece_size;     /* receive buffers that the backend lends; 0: 16 KiB */
    size_t piece_count;    /* how many; 0: 64 */
    size_t descriptors_max; /* sockets open at once; 0: 65536. More: -EMFILE */
    weir_ns limit_ns;      /* the run is cancelled after so much virtual time; 0: a day */
    bool deferred;         /* no operation completes at once, as on io_uring; default as on epoll */
    const struct weir_run_options *run; /* for weir_run; its backend is ignored */
    weir_ns jitter_ns; /* each segment and datagram takes longer by 0 up to so much; 0: none. The
                        * bytes of a connection keep their order; datagrams may overtake others */
    unsigned loss;     /* this many of 1000 segments and datagrams between hosts are lost; 0: none.
                        * TCP sends its segments again, after a pause */
    bool fixed_order;  /* all is first in, first out; the seed decides ports, jitter, losses and
                        * weir_random only */
    unsigned duplicates; /* this many of 1000 datagrams between hosts arrive twice; 0: none */
    size_t disk_size;  /* bytes that all files together may take, in pages of 4096; 0: 64 MiB. A
                        * write of more returns -ENOSPC */
};

/* Run fn(arg) as weir_run does, in a new simulated world. options may be NULL; arg and options are
 * borrowed until return. The library cancels all tasks of the run, as weir_stop does, when limit_ns
 * have passed in the world, and when no event can wake any of the tasks that wait. It logs both,
 * the second with the names of the tasks.
 * Returns fn's result, which is -ECANCELED if fn hands on the code of such a cancel; an error as
 * weir_run; -EBUSY (this thread is in a world). */
WEIR_API int weir_sim_run(int (*fn)(void *arg), void *arg, const struct weir_sim_options *options);
WEIR_API int weir_sim_run_at(const struct weir_site *site, int (*fn)(void *arg), void *arg,
                             const struct weir_sim_options *options);
#define weir_sim_run(...) weir_sim_run_at(WEIR_SITE(main), __VA_ARGS__)

/* Add a host to the running world. Its name resolves to an IPv6 and an IPv4 address. A host that
 * exists already is left alone.
 * Returns 0; -EINVAL (name is longer than 255 bytes, or empty); WEIR_ENOLOOP (this thread is in no
 * world). */
WEIR_API int weir_sim_host(const char *name);

/* Set the latency between two hosts, in both directions, for what is sent from now on. latency_ns
 * is the time one way.
 * Returns 0; WEIR_ENONAME (no such host); -EINVAL (negative); WEIR_ENOLOOP (no world). */
WEIR_API int weir_sim_link(const char *a, const char *b, weir_ns latency_ns);

/* Cut a host off from all others, or restore it. While it is cut, what is sent to it or from it is
 * lost, also what was on its way; no call fails because of that alone. Its loopback goes on. After
 * weir_sim_restore, TCP sends again what was lost when its timer next runs: the pauses double from
 * 200 ms to 120 s, so that may be about as long after as the cut lasted.
 * Returns 0; WEIR_ENONAME (no such host); WEIR_ENOLOOP (no world). */
WEIR_API int weir_sim_cut(const char *host);
WEIR_API int weir_sim_restore(const char *host);

/* Deliver a signal to the simulated process.
 * Returns how many scopes wait for it (weir_scope_on_signal), 0 or more; WEIR_ENOLOOP (no world).
 * A signal for which no scope waits has no effect. */
WEIR_API int weir_sim_raise(int signal);

struct weir_stream;

/* A program that a function plays, as that function sees it. */
struct weir_sim_process {
    const char *const *argv, *const *env; /* NULL behind the last */
    const char *cwd;
    struct weir_stream *in, *out, *err; /* never NULL; the library closes them when the function
                                         * returns. Those that are no pipe of the starter are at
                                         * end of stream, and take every write */
    int signal;       /* the last signal that came; 0: none */
    uint64_t ignored; /* set by the function: 1 << SIGTERM has SIGTERM do nothing; not SIGKILL */
};

/* Let fn play the program `name` in the running world: weir_process_start and weir_process_run call
 * it if argv[0] is exactly name. It runs as a task, which no scope around the start reaches, and
 * may do all that tasks do. It returns the exit status, 0 to 255; less than 0 counts as 1.
 * A signal that would end a program cancels the scope in which fn runs, unless fn ignores it. If fn
 * then returns less than 0, the signal has ended the program; after SIGKILL that holds in any case.
 * A shield inside fn holds the cancel back, that of SIGKILL too, until its bound is over. Limits,
 * users and the like have no effect, and real descriptors are refused. A later call for the same
 * name replaces fn; name is copied.
 * Returns 0; WEIR_ENOLOOP (this thread is in no world). */
WEIR_API int weir_sim_program(const char *name, int (*fn)(struct weir_sim_process *p));

/* Step the world's wall clock by by_ns, back if it is < 0. Returns 0; WEIR_ENOLOOP (no world). */
WEIR_API int weir_sim_wall_step(weir_ns by_ns);

/* What a simulated world has counted. */
struct weir_sim_counts {
    weir_ns now_ns;           /* the virtual clock, which began at 3600 s */
    size_t sockets, pieces, ops; /* sockets open, buffers lent, operations pending: 0 after a run */
    size_t connections;       /* connected sockets; closed ones until all they sent has arrived */
    uint64_t events, segments, lost; /* since the world began; lost are segments */
    uint64_t quiet;           /* how often no event could wake any of the tasks that waited */
    bool overran;             /* the limit of virtual time was reached */
    uint64_t choices;         /* how often the seed had to choose among two or more */
    uint64_t digest;          /* of choices, events, resumes, bytes received: equal in equal runs */
};

/* The counts of the world that runs, or else of the last one on this thread. Never NULL; valid
 * until the next call of weir_sim_counts or weir_sim_run on this thread. */
WEIR_API const struct weir_sim_counts *weir_sim_counts(void);

/* ---- faults ---------------------------------------------------------------------------------- */

/* The kinds of operations that a fault may strike, to be or-ed. An operation (op) is what the
 * library asks of the kernel. */
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
    WEIR_FAULT_DETACH = 1 << 14, /* a descriptor leaves its loop */
    WEIR_FAULT_SPAWN = 1 << 15,  /* starting a program */
    WEIR_FAULT_FILE = 1 << 16,   /* a call on files; a close of one: WEIR_FAULT_LATE only */
    WEIR_FAULT_CLOCK = 1 << 17,  /* beginning to wait by the wall clock */
    WEIR_FAULT_ALL = (1 << 18) - 1
};

/* What a fault does to the operation that it strikes. */
enum weir_fault_effect {
    WEIR_FAULT_ERROR, /* the op is not begun and fails with error */
    WEIR_FAULT_SHORT, /* a receive brings one byte; a send takes half, then fails with error; a
                       * read, write or copy of a file moves half. Other kinds: as ERROR */
    WEIR_FAULT_LATE,  /* the op completes late_ns later than it would have */
    WEIR_FAULT_NEVER  /* the op is not begun and stays pending until it is cancelled or its file is
                       * closed; an op that never waits fails with error instead */
};

/* A fault: which operations it strikes, and what it does to them. */
struct weir_fault { /* zero: nothing is struck, all ops are counted */
    size_t size;                   /* sizeof (struct weir_fault) */
    unsigned kinds;                /* of weir_fault_kinds; 0: WEIR_FAULT_ALL */
    enum weir_fault_effect effect;
    int error;                     /* 0: -ECONNRESET */
    weir_ns late_ns;               /* 0 or less: 10 ms */
    uint64_t nth;                  /* strike the n-th op of these kinds from now; 0: none */
    bool every;                    /* strike each n-th */
};

/* Arm a fault for the loops that open on this thread from now on, on every backend. A loop that
 * opened while a fault was armed obeys later calls too. NULL disarms. *fault is copied. The counts
 * of weir_fault_seen and weir_fault_struck begin at 0 again. */
WEIR_API void weir_fault_arm(const struct weir_fault *fault);

/* How many operations of the chosen kinds there were since weir_fault_arm, on this thread; how many
 * of them were struck. */
WEIR_API uint64_t weir_fault_seen(void);
WEIR_API uint64_t weir_fault_struck(void);

/* Make the n-th of the library's allocations from now fail (1: the next; 0: none).
 * Returns how many allocations there were since the last call. Process-wide; any thread. */
WEIR_API size_t weir_fault_allocation(size_t nth);

/* ---- exploration ----------------------------------------------------------------------------- */

/* A program that is run again and again, each time disturbed at another point. */
struct weir_story {
    size_t size;             /* sizeof (struct weir_story) */
    const char *name;        /* for texts */
    int (*fn)(void *arg);    /* returns >= 0 when undisturbed; disturbed, any error will do */
    void *arg;
    const struct weir_sim_options *options; /* NULL: the defaults */
    uint64_t first, last;    /* the first and the last N; 0: from 1, and until a run has no N-th */
};

/* What an exploration has found. */
struct weir_explored {
    uint64_t runs;   /* how often the story was run */
    uint64_t points; /* in how many runs it was disturbed */
    uint64_t failed; /* how many runs failed */
};

/* Run a story again and again, each time with a cancel at another call: for N = 1, 2, ... its N-th
 * suspending call cancels the task that makes it. The first run disturbs nothing and must return
 * 0 or more. A run fails if
 *   it leaves anything behind: allocations, sockets, lent buffers, operations;
 *   an error with which a task ended was neither returned nor logged, or more than once;
 *   it does not return before limit_ns of the world, or waits for what can never happen.
 * After 10 failed runs the call stops. During the call it keeps the library's log lines, and has
 * handlers for SIGABRT and SIGSEGV, on a signal stack. For a failed run, an abort or a crash it
 * writes N, the reason and the last log lines to standard error. Afterwards the log has its default
 * sink again, whatever weir_log_to had set. story is borrowed; *ret is filled in every case; ret
 * may be NULL. Call it outside a loop.
 * Returns 0; -EPROTO if a run failed. */
WEIR_API int weir_explore_cancels(const struct weir_story *story, struct weir_explored *ret);

/* Run a story again and again, each time with a fault at another operation: the N-th of the fault's
 * kinds. The member nth of fault is ignored. Else as weir_explore_cancels.
 * Returns 0; -EPROTO if a run failed. */
WEIR_API int weir_explore_faults(const struct weir_story *story, const struct weir_fault *fault,
                                 struct weir_explored *ret);

/* Run a story again and again, each time with another of the library's allocations failing: the
 * N-th. Else as weir_explore_cancels.
 * Returns 0; -EPROTO if a run failed. */
WEIR_API int weir_explore_allocations(const struct weir_story *story, struct weir_explored *ret);

/* Run a story with one seed after the other, each twice: story->first to story->last; 0: 1 to 100.
 * The seed of its options is replaced. Before them it is run with the seed 0. With each seed it
 * must return 0 or more, and go the same way both times (the same digest). A failure is printed
 * with its seed. If the variable WEIR_SEED is set to a number, only that seed is run: so a failure
 * is repeated. Else as weir_explore_cancels; these run under a seed too, that of the story's
 * options, or WEIR_SEED.
 * Returns 0; -EPROTO if a run failed. */
WEIR_API int weir_explore_seeds(const struct weir_story *story, struct weir_explored *ret);

/* ---- a worker -------------------------------------------------------------------------------- */

/* These are defined in weir/worker.h and weir/mesh.h. */
struct weir_worker;
struct weir_item;
struct weir_node_ack;

/* A worker that runs beside the one that is tried. */
struct weir_trial_node {
    size_t size; /* sizeof (struct weir_trial_node) */
    const struct weir_worker *worker;
    const char *const *with; /* its parameters: "name=value", NULL behind the last; NULL: none */
};

/* What weir_worker_try does to a worker: its parameters, the messages, the other workers. */
struct weir_worker_trial { /* zero: no parameter, no message, no other worker */
    size_t size;                          /* sizeof (struct weir_worker_trial) */
    const char *const *with;              /* the worker's parameters, as in weir_trial_node */
    const char *channel;                  /* to which the client connects; NULL: "/" */
    const struct weir_item *messages;     /* which the client sends, each after the last answer */
    size_t count;                         /* of messages */
    const struct weir_trial_node *others; /* the other workers */
    size_t others_count;
    const struct weir_sim_options *options; /* of the world; NULL: the defaults */
};

/* Try a worker: run it in a new simulated world, and send it messages over one connection. Other
 * workers may run beside it. Each runs setup, listens, and is found by the others under the name of
 * its node. What they print goes where weir_out_to says. The environment has no effect. trial may
 * be NULL; it is borrowed until return. Call it outside any loop.
 * ret_acks may be NULL. Else it has room for trial->count acks. It gets the answer to each message,
 * with `nack` set for a refusal; answers that did not come are zeroed. The caller must free each by
 * weir_node_ack_free, also after an error.
 * Returns 0 if each message was answered, be it by a nack. Else an error, of which weir_error has
 * the text:
 *   the error of a setup; WEIR_EPARAM also for a parameter that setup did not ask for, and for a
 *   name that no node can have;
 *   WEIR_EWSCLOSED, if loop failed; the text has the message's index and the reason;
 *   WEIR_EWORKER, if a worker has no setup or no loop; -EADDRINUSE, if two workers have one node;
 *   -ECANCELED, if limit_ns of the options have passed; the text has the message's index;
 *   WEIR_ETOOBIG, if there are more than 1000 others; as weir_ws_send, weir_sim_run; -ENOMEM.
 * Aborts if w is NULL, the worker of one of the others, or an array whose count is more than 0. */
WEIR_API int weir_worker_try(const struct weir_worker *w, const struct weir_worker_trial *trial,
                             struct weir_node_ack *ret_acks);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/* program.h - what a worker and a source have in common while they run: a name, the mesh, counters,
 * the control line, and how they are stopped.
 *
 * A program stops in this order: the body, a server's clients, the links, the last counters, the
 * last line. A signal cancels the body; a second one ends the process at once. */
#ifndef WEIR_WORKER_PROGRAM_H
#define WEIR_WORKER_PROGRAM_H

#include "mesh/grid.h"
#include "mesh/link.h"
#include "mesh/mesh.h"
#include "stream/stream.h"
#include "worker/control.h"
#include "worker/params.h"

/* Where a program in a test's loop reports what a process would print on stderr or send to
 * `weir up`. */
struct weir__report {
    int port;   /* 0: it does not serve yet */
    int failed; /* the error that ended the program; `error` is its record */
    struct weir_error error;
    char client[WEIR__NAME_TEXT]; /* the address of the test's connection; "": it has none */
    bool client_left;             /* the program has closed it */
    void (*reported)(struct weir__report *r);
};

enum { WEIR__ORIGINS_MAX = 16 }; /* of a fleet file's node, and as many of the command line */

struct weir__program {
    /* set by the caller */
    const char *title; /* in brackets: "IOPin"; NULL: it prints no lines */
    const char *who;   /* in errors: "weir iopin" */
    const char *host;  /* to bind, or to dial, without brackets; NULL: by default */
    int port;          /* -1: by default */
    const char *node;  /* the name of its node, by --name; NULL: by default */
    const char *backend;
    bool insecure;
    int connections_max; /* 0: the server's default */
    /* Of browser pages that may connect: borrowed, NULL behind the last */
    const char *origins[2 * WEIR__ORIGINS_MAX + 1];
    bool no_retry; /* a node that cannot be reached at the first dial is an error */
    char host_given[WEIR__NODE_HOST_MAX + 1]; /* the memory of host, if a flag gave it */
    struct weir_params params;
    struct weir__grid grid;
    int (*body)(struct weir__program *p); /* in the scope that signals fire; may suspend. Returns
                                           * the exit code, or an error, which is printed */
    void *work;                           /* for the body */
    struct weir__report *report; /* NULL: the program is a process of its own */
    bool counts_items; /* a source: the counters count what it sends, not what it receives */

    /* made by the run */
    struct weir__program *before; /* of this thread's programs; NULL: the first */
    struct weir_task *task;       /* that runs it; all its other tasks are below its groups */
    struct weir_mesh mesh;
    struct weir__counters counters;
    struct weir__control control;
    struct weir_group aside;    /* for the heartbeats */
    struct weir_group *clients; /* of a server: cancelled after the body */
    int signal;                 /* the signal that ended it, or 0 */
    bool watches_stops;         /* a second signal ends the process */
    char *failure;              /* a source's last failed call: the whole URL, and why it failed */
    char failure_record[sizeof((struct weir_error *)0)->text]; /* the record's text for it */
};

/* The program that the running task belongs to, for weir_out and for calls without a mesh. If only
 * one program runs on this thread, that one. NULL: none does. */
struct weir__program *weir__program_here(void);

/* who is borrowed. Returns NULL without memory. */
struct weir__program *weir__program_new(const char *who);
void weir__program_free(struct weir__program *p);

/* Print why to stderr, unless rc is 0 or the program has said it. Returns the exit code of rc. */
int weir__program_tell(const struct weir__program *p, int rc);

/* The same for a failure of l, with its whole URL and what failed last: a record may have had to
 * cut both. Call it before l is left. Returns rc itself if a signal or a deadline ended the call,
 * else 1. */
int weir__program_tell_link(const struct weir__program *p, const struct weir__link *l, int rc);

/* Report to `weir up` that the program serves on that port (0: it does not listen), and begin the
 * heartbeats.
 * Returns 0; -ENOMEM, -EAGAIN. */
int weir__program_ready(struct weir__program *p, int port);

/* The task that runs the program: for weir_run, or for a test's loop. arg is the program. Returns
 * what body returned; 0 if a signal ended it. */
int weir__program_task(void *arg);

/* Run it in a loop of its own. Returns the exit code. */
int weir__program_run(struct weir__program *p);

#endif

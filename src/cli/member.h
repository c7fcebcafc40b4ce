/* SPDX-License-Identifier: MIT */
/* member.h - one node while its fleet runs: how it starts, becomes ready and ends, and everything
 * that it prints and sends meanwhile.
 *
 * A member does not know the fleet's rules. It reports each event, and up.c decides what follows.
 * Everything here runs in tasks of one loop. */
#ifndef WEIR_CLI_MEMBER_H
#define WEIR_CLI_MEMBER_H

#include <stdbool.h>
#include <weir/task.h>

#include "cli/control.h"
#include "cli/fleet.h"
#include "cli/guard.h"
#include "cli/output.h"

enum member_event {
    MEMBER_READY,
    MEMBER_EXITED, /* the node's own process has exited: see `code` and `signal` */
    MEMBER_GONE,   /* none of its processes lives, except `left`; its last line is printed */
    MEMBER_RESUMED, /* its keeper was stopped by a signal and continued; reported once */
    MEMBER_SILENT, /* no heartbeat for LIMIT_SILENCE, after earlier ones */
    MEMBER_MUTE    /* its lines cannot be printed any more */
};

struct member {
    const struct fleet_node *node;
    size_t index; /* of its launch */
    struct guard *guard;
    struct output *output;
    struct weir_group *tended, *spoken; /* groups of the task tending, and of tasks that print */
    void (*on_event)(struct member *m, enum member_event event, void *arg); /* must not suspend */
    void *arg;

    struct weir_stream *channel;  /* to its keeper, while it lives */
    struct weir_task *tending;    /* returns when no process of the node lives; NULL: not started */
    struct weir_task *speakers[3]; /* return when everything from the node was printed */
    struct weir_task *ending;     /* returns after them, and after MEMBER_GONE */
    struct weir_scope *reading[3]; /* the scope in which a speaker waits now; NULL: it does not */
    weir_ns late[3];               /* how long a speaker has waited since the node is gone */
    struct weir_scope *awaiting;  /* of member_start: cancelled when it is ready or has exited */
    bool ready, exited, gone;     /* gone: none of its processes lives, except those left */
    bool started;                 /* its keeper has started it */
    bool stopping;                /* it was asked to stop */
    bool by_itself;               /* it exited before that */
    bool killed;                  /* KILL was needed */
    bool overruled;               /* its keeper did not answer and was killed with it */
    bool resumed;                 /* MEMBER_RESUMED was reported */
    int failed;                   /* < 0: the error with which its keeper could not start it */
    int lost;                     /* < 0: its exit was not seen, because of this error of ours;
                                   * WEIR_ECLOSED: its keeper was killed */
    int left;                     /* processes that live although KILL was sent */
    int code;                     /* as a shell shows it: 128 + signal */
    int signal;                   /* the signal that killed it; 0: none */
    bool counted;                 /* it has sent a stat line */
    struct control_stats stats;
};

/* Start the node and wait until it is ready or has exited, at most within_ns.
 * Returns 0 (ready, or exited: see m), -ETIME (neither; it runs on, if it has `started`), -EMFILE
 * and other errors with which it cannot be started, -ECANCELED. */
int member_start(struct member *m, weir_ns within_ns);

/* Send "stop" or "kill" to the keeper. Returns 0, also if the node is gone; -ECANCELED, -ETIME. */
int member_tell(struct member *m, const char *word);

/* Stop the node, and wait until none of its processes lives, as long as its grace and KILL may
 * take. After that time its keeper does not answer: overrule it. Returns 0; -ECANCELED; -ETIME: a
 * process lives. */
int member_stop(struct member *m);

/* Let the guard kill its keeper and all processes of the node, and wait for that, at most
 * LIMIT_KILL. Returns 0; -ECANCELED; -ETIME: the guard does not answer either. */
int member_overrule(struct member *m);

/* Wait until no process of the node lives. Returns 0; -ECANCELED, -ETIME. */
int member_join(struct member *m);

/* If the node is gone, wait until all its lines are printed. Returns 0; -ECANCELED, -ETIME. */
int member_hear_out(struct member *m);

/* Release its tasks. Both groups are closed before. */
void member_fini(struct member *m);

#endif

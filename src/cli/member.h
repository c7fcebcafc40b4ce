/* SPDX-License-Identifier: MIT */
/* member.h - one node while its fleet runs: started, ready, ended, and all it says meanwhile.
 *
 * A member knows nothing of the fleet's rules. It tells each step, and up.c decides what follows.
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
    MEMBER_EXITED, /* the node itself; `code` and `signal` tell how */
    MEMBER_GONE,   /* and all that came from it, but for `left`; its last line is printed */
    MEMBER_RESUMED, /* its keeper was stopped by a signal, and continued: told once */
    MEMBER_SILENT, /* no heartbeat for LIMIT_SILENCE, after earlier ones */
    MEMBER_MUTE    /* its lines cannot be printed any more */
};

struct member {
    const struct fleet_node *node;
    size_t index; /* of its launch */
    struct guard *guard;
    struct output *output;
    struct weir_group *tended, *spoken; /* hold `tending`, and all that prints */
    void (*told)(struct member *m, enum member_event event, void *arg); /* must not suspend */
    void *arg;

    struct weir_stream *channel;  /* to its keeper, while it lives */
    struct weir_task *tending;    /* ends when nothing of the node lives; NULL: never started */
    struct weir_task *speakers[3]; /* end when all it said was printed */
    struct weir_task *ending;     /* ends after them, and after MEMBER_GONE */
    struct weir_scope *reading[3]; /* in which speakers wait for more, while they do */
    weir_ns late[3];               /* how long they have waited for it since it is gone */
    struct weir_scope *awaiting;  /* cancelled when the member became ready or ended */
    bool ready, exited, gone;     /* gone: nothing of it lives, but what was left */
    bool started;                 /* its keeper has begun it */
    bool stopping;                /* was told to */
    bool by_itself;               /* exited before that */
    bool killed;                  /* KILL was needed */
    bool overruled;               /* its keeper did not answer and was killed with it */
    bool resumed;                 /* MEMBER_RESUMED was told */
    int failed;                   /* < 0: its keeper could not start it, and why */
    int lost;                     /* < 0: nobody saw how it ended, because of an error of ours;
                                   * WEIR_ECLOSED: its keeper was killed */
    int left;                     /* processes that KILL did not end */
    int code;                     /* as a shell tells it: 128 + signal */
    int signal;                   /* that ended it; 0: none did */
    bool counted;                 /* it told stats */
    struct control_stats stats;
};

/* Start the node and wait until it is ready, ended, or within_ns are over.
 * Returns 0 (ready, or ended: see m), -ETIME (neither; it runs on, if it has `started`), -EMFILE
 * and what else makes it impossible to start, -ECANCELED. */
int member_start(struct member *m, weir_ns within_ns);

/* Tell the keeper "stop" or "kill". Returns 0, also if the member has ended; -ECANCELED, -ETIME. */
int member_tell(struct member *m, const char *word);

/* Stop it, and wait until nothing of it lives: as long as its grace and KILL may take. Then its
 * keeper does not answer: it is overruled. Returns 0; -ECANCELED; -ETIME, something of it lives. */
int member_stop(struct member *m);

/* Have its keeper killed by the guard, with all of it, and wait for that: at most LIMIT_KILL.
 * Returns 0; -ECANCELED; -ETIME, the guard does not answer either. */
int member_overrule(struct member *m);

/* Wait until nothing of it lives. Returns 0; -ECANCELED, -ETIME. */
int member_join(struct member *m);

/* Wait until all it said was printed, if nothing of it lives. Returns 0; -ECANCELED, -ETIME. */
int member_hear_out(struct member *m);

/* Give back what is held. Both groups are closed. */
void member_fini(struct member *m);

#endif

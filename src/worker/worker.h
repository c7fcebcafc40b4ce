/* SPDX-License-Identifier: MIT */
/* worker.h - serving a worker: setup, listen, and each message through loop to its one answer.
 * The body of a program (program.h) whose work is a struct weir_worker. */
#ifndef WEIR_WORKER_WORKER_H
#define WEIR_WORKER_WORKER_H

#include <weir/worker.h>

#include "worker/program.h"
#include "worker/user.h"

struct weir__worker {
    struct weir__program *program;
    struct weir__user user;
    int (*loop)(void *state, const struct weir_message *m, struct weir_ack *ack);
    const char *node; /* the name of its own node */
    struct weir_listener *listener;
    const char *hosts[3]; /* Host names let in: the one given, and the default ones */
};

/* Make p run fn: sets p's work, title and body.
 * Returns 0; WEIR_EWORKER (recorded: what is missing), -ENOMEM. Needs no loop. */
int weir__worker_init(struct weir__worker *w, struct weir__program *p,
                      const struct weir_worker *fn);

/* Call it when the run has ended. */
void weir__worker_fini(struct weir__worker *w);

#endif

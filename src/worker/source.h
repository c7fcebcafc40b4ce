/* SPDX-License-Identifier: MIT */
/* source.h - the body of a program (program.h) whose work is a struct weir_source: setup, the node
 * that the flags have moved, run. */
#ifndef WEIR_WORKER_SOURCE_H
#define WEIR_WORKER_SOURCE_H

#include "worker/program.h"
#include "worker/user.h"

struct weir__source {
    struct weir__program *program;
    struct weir__user user;
    const char *node; /* the one that it sends to, or NULL */
};

/* Make p run fn: sets p's work, title and body.
 * Returns 0; WEIR_EWORKER (recorded: what is missing), -ENOMEM. Needs no loop. */
int weir__source_init(struct weir__source *s, struct weir__program *p,
                      const struct weir_source *fn);

/* Call it when the run has ended. */
void weir__source_fini(struct weir__source *s);

#endif

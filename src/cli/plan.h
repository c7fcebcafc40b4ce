/* SPDX-License-Identifier: MIT */
/* plan.h - what to execute for a fleet: one launch for each node, and the grid that all nodes
 * get. */
#ifndef WEIR_CLI_PLAN_H
#define WEIR_CLI_PLAN_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/arena.h"
#include "cli/fleet.h"
#include "cli/launch.h"

struct plan_options { /* zero: the default */
    const char *self;      /* the program that has the sketches; NULL: "weir", looked up in PATH */
    const char *directory; /* where nodes run; NULL: here */
    const char *backend;   /* WEIR_BACKEND of the nodes; NULL: inherited */
    const char *const *origins; /* for all workers, beside their own; NULL behind the last; may be
                                 * NULL */
    bool insecure;         /* workers may listen beyond loopback, without TLS */
};

struct plan {
    struct arena memory;
    struct launch *launches; /* as many as nodes, in their order */
    size_t count;
    const char *grid; /* WEIR_GRID=NAME=HOST:PORT,... */
};

/* Make the plan of f, which must outlive it. Returns 0 or -ENOMEM. */
int plan_make(const struct fleet *f, const struct plan_options *options, struct plan *ret_plan);

/* Print the plan: each node with its command line, the nodes on which it depends, and when it is
 * ready. */
void plan_print(const struct plan *p, const struct fleet *f, FILE *to);

void plan_fini(struct plan *p);

#endif

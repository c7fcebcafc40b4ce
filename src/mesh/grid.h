/* SPDX-License-Identifier: MIT */
/* grid.h - the static grid: the circuit's three nodes, and what --node and WEIR_GRID add to them
 * or replace. A provider whose nodes never change, and whose `next` never suspends. */
#ifndef WEIR_MESH_GRID_H
#define WEIR_MESH_GRID_H

#include <stdbool.h>

#include "mesh/provider.h"

struct weir__grid {
    struct weir__provider provider; /* first */
    struct weir__node *nodes;
    size_t count, told;
};

/* The circuit's nodes: clock, blink (iopin), buzzer. Returns 0; -ENOMEM. */
int weir__grid_init(struct weir__grid *g);
/* Without any node. */
void weir__grid_init_empty(struct weir__grid *g);
void weir__grid_fini(struct weir__grid *g);

/* Add the nodes of "NAME=HOST:PORT,NAME=HOST:PORT" (an empty text is fine). An entry for a known
 * name or alias moves that node to the new endpoint; any other is added behind the others. A text
 * that has one endpoint for the name and another for the alias makes two nodes of that one.
 * Returns 0; WEIR_EPARAM (recorded: which part, and why), -ENOMEM. On error the parts before the
 * bad one were taken. */
int weir__grid_add(struct weir__grid *g, const char *text);

bool weir__node_is(const struct weir__node *n, const char *name);

#endif

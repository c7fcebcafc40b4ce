/* SPDX-License-Identifier: MIT */
/* nodes.h - the nodes that a mesh knows: a provider adds them, calls look them up by name. A node
 * that was lent is neither changed nor freed before the mesh is closed: a move makes a new one. */
#ifndef WEIR_MESH_NODES_H
#define WEIR_MESH_NODES_H

#include "mesh/mesh.h"

/* Add nodes, or move those that are known by name or alias to a new endpoint: all or none.
 * Returns 0; -ENOMEM, WEIR_ETOOBIG. */
int weir__nodes_put(struct weir_mesh *m, const struct weir__node *nodes, size_t count);

/* Take one change of a provider. Returns 0; -ENOMEM, WEIR_ETOOBIG. */
int weir__mesh_take(struct weir_mesh *m, const struct weir__node_change *change);

/* Take every change that a provider has now, without waiting for more (of a static one: all nodes).
 * Returns 0, or the provider's error. */
int weir__mesh_fill(struct weir_mesh *m, struct weir__provider *p);

/* The node of that name or alias.
 * Returns 0; WEIR_ENONODE (recorded: the nearest name and the known ones). */
int weir__mesh_find(const struct weir_mesh *m, const char *name, const struct weir__node **ret);

/* Returns WEIR_ENOLISTEN, recorded on that node. */
int weir__node_is_deaf(const char *name);

/* The URL of a node's channel ("datafeed", "/datafeed" or "") into buf.
 * Returns 0; WEIR_ENONODE, WEIR_ENOLISTEN, WEIR_ETOOBIG. */
int weir__mesh_url(const struct weir_mesh *m, const char *name, const char *channel, char *buf,
                   size_t size);

/* Called by weir__mesh_close. */
void weir__nodes_free(struct weir_mesh *m);

#endif

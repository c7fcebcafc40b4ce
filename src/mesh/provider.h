/* SPDX-License-Identifier: MIT */
/* provider.h - the contract of what knows nodes: the static grid, later a registry, DNS, mDNS.
 * A provider knows where nodes are; it opens no connection to them. */
#ifndef WEIR_MESH_PROVIDER_H
#define WEIR_MESH_PROVIDER_H

#include "mesh/limits.h"

struct weir__node {
    char name[WEIR__NODE_NAME_MAX + 1];
    char alias[WEIR__NODE_NAME_MAX + 1]; /* another name for it, or "" */
    char host[WEIR__NODE_HOST_MAX + 1];  /* a name or an address, without brackets */
    uint16_t port;                       /* 0: it does not listen */
};

enum weir__node_event {
    WEIR__NODE_JOINED,
    WEIR__NODE_CHANGED, /* same name, other endpoint */
    WEIR__NODE_LEFT,    /* the node said that it leaves */
    WEIR__NODE_LOST,    /* the node has fallen silent, and may come back */
};

struct weir__node_change {
    enum weir__node_event event;
    struct weir__node node; /* with LEFT and LOST only the name is used */
};

struct weir__provider {
    const char *name; /* for people: "grid" */
    /* Wait for the next change; what is known at the start comes as JOINED. Changes of one node
     * come in order. May suspend; a cancel loses none.
     * Returns 1: *ret_change; 0: nothing will change any more; an error. */
    int (*next)(struct weir__provider *p, struct weir__node_change *ret_change);
};

#endif

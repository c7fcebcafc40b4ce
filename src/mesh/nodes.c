/* SPDX-License-Identifier: MIT */
/* nodes.c - the table of nodes, and its look-up, which helps when it fails. */
#include "mesh/nodes.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mesh/grid.h"
#include "mesh/nearest.h"
#include "task/task.h"
#include "wire/uri.h"

static struct weir__node *find(const struct weir__mesh *m, const char *name) {
    for (size_t i = 0; i < m->count; i++)
        if (weir__node_is(&m->nodes[i], name))
            return &m->nodes[i];
    return NULL;
}

static int join(struct weir__mesh *m, const struct weir__node *n) {
    if (m->count == WEIR__NODES_MAX)
        return weir__fail(WEIR_ETOOBIG, "mesh", n->name);
    struct weir__node *more = weir__realloc(m->nodes, (m->count + 1) * sizeof *more);
    if (more == NULL)
        return weir__fail(-ENOMEM, "mesh", n->name);
    m->nodes = more;
    more[m->count++] = *n;
    return 0;
}

int weir__mesh_take(struct weir__mesh *m, const struct weir__node_change *change) {
    struct weir__node *known = find(m, change->node.name);
    switch (change->event) {
    case WEIR__NODE_JOINED:
    case WEIR__NODE_CHANGED:
        if (known == NULL)
            return join(m, &change->node);
        *known = change->node;
        return 0;
    case WEIR__NODE_LEFT:
        if (known != NULL)
            memmove(known, known + 1,
                    (size_t)(m->nodes + m->count-- - known - 1) * sizeof *known);
        return 0;
    case WEIR__NODE_LOST: /* it may come back where it was: links dial it on */
        return 0;
    }
    return 0;
}

int weir__mesh_fill(struct weir__mesh *m, struct weir__provider *p) {
    struct weir__node_change change;
    int rc;
    while ((rc = p->next(p, &change)) > 0)
        if ((rc = weir__mesh_take(m, &change)) < 0)
            break;
    return rc;
}

static int unknown(const struct weir__mesh *m, const char *name) {
    struct weir__nearest near = weir__nearest_to(name);
    char known[120] = "none";
    size_t used = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct weir__node *n = &m->nodes[i];
        weir__nearest_feed(&near, n->name);
        weir__nearest_feed(&near, n->alias);
        if (used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s%s%s%s",
                                     i > 0 ? ", " : "", n->name, n->alias[0] ? " (" : "",
                                     n->alias, n->alias[0] ? ")" : "");
    }
    return weir__failf(WEIR_ENONODE, "node", name, "not in the grid%s%s%s known: %s",
                       near.nearest ? "; did you mean '" : "", near.nearest ? near.nearest : "",
                       near.nearest ? "'?" : ";", known);
}

int weir__mesh_find(const struct weir__mesh *m, const char *name, const struct weir__node **ret) {
    const struct weir__node *n = find(m, name);
    if (n == NULL)
        return unknown(m, name);
    *ret = n;
    return 0;
}

int weir__mesh_url(const struct weir__mesh *m, const char *name, const char *channel, char *buf,
                   size_t size) {
    const struct weir__node *n = NULL;
    int rc = weir__mesh_find(m, name, &n);
    if (rc < 0)
        return rc;
    if (n->port == 0)
        return weir__failf(WEIR_ENOLISTEN, "dial", NULL, "node '%s' does not listen", name);
    char authority[WEIR__URI_AUTHORITY];
    int len = snprintf(buf, size, "ws://%s/%s", weir__uri_authority(n->host, n->port, authority),
                       channel + (channel[0] == '/'));
    return len > 0 && (size_t)len < size
               ? 0
               : weir__failf(WEIR_ETOOBIG, "dial", name, "the channel is longer than %d bytes",
                             WEIR__CHANNEL_MAX);
}

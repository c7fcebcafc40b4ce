/* SPDX-License-Identifier: MIT */
/* nodes.c - the table of nodes. A look-up that fails names the nearest known node. */
#include "mesh/nodes.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mesh/grid.h"
#include "mesh/nearest.h"
#include "task/task.h"
#include "wire/uri.h"

/* Returns its index in nodes, or count if it is not known. */
static size_t index_of(const struct weir_mesh *m, const char *name) {
    size_t i = 0;
    while (i < m->count && !weir__node_is(m->nodes[i], name))
        i++;
    return i;
}

/* ---- changes --------------------------------------------------------------------------------- */

static int no_memory(const struct weir__node *n) {
    return weir__fail(-ENOMEM, "mesh", n->name);
}

static bool has_room(struct weir__node ***list, size_t count) {
    struct weir__node **more = weir__realloc(*list, count * sizeof **list);
    if (more != NULL)
        *list = more;
    return more != NULL;
}

/* Room for that many more in both lists, which stay as they are. */
static int reserve(struct weir_mesh *m, const struct weir__node *nodes, size_t count) {
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        known += index_of(m, nodes[i].name) < m->count;
    if (m->count + count - known > WEIR__NODES_MAX)
        return weir__failf(WEIR_ETOOBIG, "mesh", nodes[0].name, "a mesh has at most %d nodes",
                           WEIR__NODES_MAX);
    if (m->moved_count + known > WEIR__NODE_MOVES_MAX)
        return weir__failf(WEIR_ETOOBIG, "mesh", nodes[0].name,
                           "nodes of a mesh move at most %d times", WEIR__NODE_MOVES_MAX);
    bool fits = has_room(&m->nodes, m->count + count)
                && has_room(&m->moved, m->moved_count + count);
    return fits ? 0 : no_memory(&nodes[0]);
}

/* The copies stand behind the nodes until all are made. Returns 0; -ENOMEM: there is none. */
static int copy_behind(struct weir_mesh *m, const struct weir__node *nodes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct weir__node *copy = m->nodes[m->count + i] = weir__alloc(sizeof *copy);
        if (copy != NULL) {
            *copy = nodes[i];
            continue;
        }
        while (i-- > 0)
            weir__free(m->nodes[m->count + i]);
        return no_memory(nodes);
    }
    return 0;
}

/* A node that is known keeps its names: an entry for either of them moves it. */
static void put_copy(struct weir_mesh *m, struct weir__node *take_copy) {
    size_t i = index_of(m, take_copy->name);
    if (i == m->count) {
        m->nodes[m->count++] = take_copy;
        return;
    }
    memcpy(take_copy->name, m->nodes[i]->name, sizeof take_copy->name);
    memcpy(take_copy->alias, m->nodes[i]->alias, sizeof take_copy->alias);
    m->moved[m->moved_count++] = m->nodes[i];
    m->nodes[i] = take_copy;
}

int weir__nodes_put(struct weir_mesh *m, const struct weir__node *nodes, size_t count) {
    if (count == 0)
        return 0;
    int rc = reserve(m, nodes, count);
    if (rc == 0)
        rc = copy_behind(m, nodes, count);
    if (rc < 0)
        return rc;
    /* Each copy is read before put_copy can write to its place, or to one before it. */
    struct weir__node **copies = m->nodes + m->count;
    for (size_t i = 0; i < count; i++)
        put_copy(m, copies[i]);
    return 0;
}

static int leave(struct weir_mesh *m, const struct weir__node *n) {
    size_t i = index_of(m, n->name);
    if (i == m->count)
        return 0;
    if (!has_room(&m->moved, m->moved_count + 1))
        return no_memory(n);
    m->moved[m->moved_count++] = m->nodes[i];
    memmove(&m->nodes[i], &m->nodes[i + 1], (--m->count - i) * sizeof m->nodes[0]);
    return 0;
}

int weir__mesh_take(struct weir_mesh *m, const struct weir__node_change *change) {
    switch (change->event) {
    case WEIR__NODE_JOINED:
    case WEIR__NODE_CHANGED:
        return weir__nodes_put(m, &change->node, 1);
    case WEIR__NODE_LEFT:
        return leave(m, &change->node);
    case WEIR__NODE_LOST: /* it may come back where it was, so links still dial it there */
        return 0;
    }
    return 0;
}

static void free_all(struct weir__node **list, size_t count) {
    for (size_t i = 0; i < count; i++)
        weir__free(list[i]);
    weir__free(list);
}

void weir__nodes_free(struct weir_mesh *m) {
    free_all(m->nodes, m->count);
    free_all(m->moved, m->moved_count);
    m->nodes = m->moved = NULL;
    m->count = m->moved_count = 0;
}

int weir__mesh_fill(struct weir_mesh *m, struct weir__provider *p) {
    struct weir__node_change change;
    int rc;
    while ((rc = p->next(p, &change)) > 0)
        if ((rc = weir__mesh_take(m, &change)) < 0)
            break;
    return rc;
}

/* ---- look-ups -------------------------------------------------------------------------------- */

static int unknown(const struct weir_mesh *m, const char *name) {
    struct weir__nearest near = weir__nearest_to(name);
    char known[120] = "none";
    size_t used = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct weir__node *n = m->nodes[i];
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

int weir__mesh_find(const struct weir_mesh *m, const char *name, const struct weir__node **ret) {
    size_t i = index_of(m, name);
    if (i == m->count)
        return unknown(m, name);
    *ret = m->nodes[i];
    return 0;
}

int weir__node_is_deaf(const char *name) {
    weir__fail(WEIR_ENOLISTEN, "node", name);
    return weir_fail(WEIR_ENOLISTEN, "node '%s' does not listen", name);
}

int weir__mesh_url(const struct weir_mesh *m, const char *name, const char *channel, char *buf,
                   size_t size) {
    const struct weir__node *n = NULL;
    int rc = weir__mesh_find(m, name, &n);
    if (rc < 0)
        return rc;
    if (n->port == 0)
        return weir__node_is_deaf(name);
    char authority[WEIR__URI_AUTHORITY];
    int len = snprintf(buf, size, "ws://%s/%s", weir__uri_authority(n->host, n->port, authority),
                       channel + (channel[0] == '/'));
    return len > 0 && (size_t)len < size
               ? 0
               : weir__failf(WEIR_ETOOBIG, "dial", name, "the channel is longer than %d bytes",
                             WEIR__CHANNEL_MAX);
}

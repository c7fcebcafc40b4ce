/* SPDX-License-Identifier: MIT */
/* mesh.h - a mesh: the nodes that a program knows by name, and the connections to them that it
 * keeps. Any task of the loop may look up and add nodes, send to one and wait for its answer.
 *
 * A node is a program that listens with a WebSocket and answers each message with exactly one
 * message, the ack. In a worker or a source m may be NULL: its own mesh, which --node and WEIR_GRID
 * have filled. Elsewhere NULL returns WEIR_ENOLOOP. Nothing here prints. Loop thread only. */
#ifndef WEIR_MESH_H
#define WEIR_MESH_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_mesh; /* opaque, pinned to its loop */

struct weir_mesh_options { /* zero: the default */
    size_t size;       /* sizeof (struct weir_mesh_options) */
    const char *nodes; /* "NAME=HOST:PORT,NAME=HOST:PORT", as weir_node_add; NULL: none */
    bool no_defaults;  /* leave out the circuit's nodes (clock, blink, buzzer) and the variable
                        * WEIR_GRID, which `nodes` otherwise adds to or replaces */
    weir_ns retry_ns;  /* how long a node that cannot be reached is dialled again; 0: 5 s;
                        * less than 0: one attempt of at most 5 s */
};

/* Open a mesh. Nothing is dialled yet. options may be NULL and need not outlive the call.
 * A mesh holds a group, so it is a scope of the calling task as a group is: the same task closes
 * it, innermost first, and the scopes around the open hold for its connections.
 * Returns 0; WEIR_EPARAM (`nodes` or WEIR_GRID is not of the form above: the text says which part),
 * WEIR_ETOOBIG (more than 1024 nodes), -ENOMEM, WEIR_ENOLOOP. Aborts where ret_mesh is NULL. */
WEIR_API int weir_mesh_open(const struct weir_mesh_options *options, struct weir_mesh **ret_mesh);

/* Close the mesh. Each connection ends by a closing handshake with code 1000, of at most 1 s; if a
 * scope has fired, without it. A task that is parked in a call on this mesh returns WEIR_ECLOSED,
 * and the close waits until it has left the call; so none of its hooks may wait for the close.
 * *take_mesh is NULL afterwards in every case; NULL, and a pointer to NULL, are fine.
 * Returns 0; -ECANCELED or -ETIME if a scope around the mesh has fired. */
WEIR_SUSPENDS int weir_mesh_close(struct weir_mesh **take_mesh);

/* ---- nodes ----------------------------------------------------------------------------------- */

struct weir_node {
    size_t size; /* in: sizeof (struct weir_node), or 0 */
    const char *name;
    const char *alias; /* another name for it; "" if it has none */
    const char *host;  /* a name or an address, without brackets */
    int port;          /* 0: it does not listen */
};

/* Add nodes, as "NAME=HOST:PORT,NAME=HOST:PORT". A name or alias that is known is moved to the new
 * place: its connections stay, and the next dial goes there.
 * Returns 0; WEIR_EPARAM (the text says which part, and why), WEIR_ETOOBIG (more than 1024 nodes,
 * or more than 65536 moves), -ENOMEM, WEIR_ENOLOOP. On error no node was added or moved. */
WEIR_API int weir_node_add(struct weir_mesh *m, const char *nodes);

/* Find a node by its name or alias. The strings of *ret_node are lent until the mesh is closed,
 * also if the node is moved meanwhile.
 * Returns 0; WEIR_ENONODE (the text has the nearest name and the known ones), WEIR_ENOLOOP. */
WEIR_API int weir_node_find(struct weir_mesh *m, const char *name, struct weir_node *ret_node);

/* The i-th node, from 0 on, for listings; do not suspend within one, since nodes may be added then.
 * Strings are lent as by weir_node_find.
 * Returns 1; 0 past the last, with *ret_node untouched; WEIR_ENOLOOP. */
WEIR_API int weir_node_at(struct weir_mesh *m, size_t i, struct weir_node *ret_node);

/* ---- sending --------------------------------------------------------------------------------- */

/* The calls below send to the channel of a node: the path of its URL, with or without the slash
 * ("datafeed", "/datafeed?x=1"; "" or NULL is "/"). One connection is kept for each node and
 * channel. It carries one item at a time: the next item leaves after the ack of the one before.
 * Calls for the same node and channel take turns in order; the items of one call stay together.
 *
 * A broken connection is dialled again after 100 ms doubling to 1 s, jitter 20 %, until retry_ns
 * have been spent without a connection. An item that was sent but not acked is sent again then, so
 * the receiver may see it twice. Waiting for an ack has no bound: use a scope.
 *
 * Each of them returns
 *   WEIR_ENACK      an item was refused; the text has the reason
 *   WEIR_ENONODE    no such node: the text has the nearest name and the known ones
 *   WEIR_ENOLISTEN  the node has no port
 *   WEIR_EUNREACH   retry_ns are over, for all calls that wait for their turn too: the text has the
 *                   URL and what failed last, `reason` of weir_error is the code of that
 *   WEIR_EWSCLOSED  the receiver failed on the item and closed (1003, 1007 to 1011)
 *   WEIR_EPROTO     the receiver broke the protocol
 *   WEIR_EHTTP      the receiver refused the connection for good: 3xx, or 4xx except 408, 425, 429
 *   WEIR_EUTF8      the item, or the answer, is a text that is not UTF-8
 *   WEIR_ETOOBIG    the item, the answer (1 MiB) or the channel; or 256 channels are in use
 *   WEIR_ECLOSED    another task closed the mesh, or a scope around the mesh has fired
 * or -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. A call that is cancelled with an item out closes
 * the connection, so that the late ack cannot be taken for another's. */

struct weir_item {
    const void *data;
    size_t len;
    bool binary; /* else it is UTF-8 */
    uint64_t reserved_[2];
};

struct weir_node_ack {
    char *data; /* a NUL follows data[len - 1]; NULL: there is no ack */
    size_t len;
    bool binary;
    bool nack; /* a refusal: the text begins with "nack: " */
    uint64_t reserved_[2];
};

/* Connect, unless a connection is kept: for a program that wants to know early whether the node is
 * there. Returns 0, or an error of the list above. */
WEIR_SUSPENDS int weir_node_connect(struct weir_mesh *m, const char *node, const char *channel);

/* Send one item and wait for its ack.
 * ret_ack may be NULL. It is overwritten, and not freed first: free it with weir_node_ack_free,
 * which does no harm on an empty one. After WEIR_ENACK it is the message as received, with "nack: "
 * in front and `nack` set; on any other error it is zeroed. item is borrowed until return.
 * Returns 0, or an error of the list above. */
WEIR_SUSPENDS int weir_node_ask(struct weir_mesh *m, const char *node, const char *channel,
                                const struct weir_item *item, struct weir_node_ack *ret_ack);

/* Give the memory of an ack back and zero it. NULL and a zeroed ack are fine. */
WEIR_API void weir_node_ack_free(struct weir_node_ack *ack);

/* Send one text and wait for its ack, which is dropped. Returns as weir_node_ask. */
WEIR_SUSPENDS int weir_node_send(struct weir_mesh *m, const char *node, const char *channel,
                                 const char *text);

struct weir_node_stream_options { /* zero: the default. Both hooks may suspend; neither may call for
                                   * the same node and channel, nor close the mesh */
    size_t size;                  /* sizeof (struct weir_node_stream_options) */
    /* Called once for each item, before it is sent for the first time. Less than 0 ends the call
     * with that code; the item is not sent. NULL: none. */
    int (*sending)(void *arg, size_t index, const struct weir_item *item);
    /* Called with each ack, also with a nack, before the call returns WEIR_ENACK for it. ack is
     * lent while the hook runs. Less than 0 ends the call with that code. NULL: none. */
    int (*acked)(void *arg, size_t index, const struct weir_node_ack *ack);
    void *arg;
};

/* Send items in order, each after the ack of the one before; the first nack ends it. options may be
 * NULL; items are borrowed until return. With count 0 nothing is dialled.
 * Returns 0; an error of the list above; what a hook returned. `done` of weir_error counts the
 * items acked before the error. */
WEIR_SUSPENDS int weir_node_stream(struct weir_mesh *m, const char *node, const char *channel,
                                   const struct weir_item *items, size_t count,
                                   const struct weir_node_stream_options *options);

#ifdef __cplusplus
}
#endif
#endif

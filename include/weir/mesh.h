/* SPDX-License-Identifier: MIT */
/* mesh.h - sending to nodes by name: a mesh knows the nodes, and keeps the connections to them.
 *
 * A node is a program that listens with a WebSocket and answers each message with exactly one
 * message, the ack. Any task of the loop may look up and add nodes, send to one and wait for its
 * ack. In a worker or a source m may be NULL: that is its own mesh, which --node and WEIR_GRID have
 * filled. Elsewhere a call with NULL returns WEIR_ENOLOOP. Nothing here prints to standard output.
 * A warning is logged when a node that cannot be reached is dialled again. Loop thread only. */
#ifndef WEIR_MESH_H
#define WEIR_MESH_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_mesh; /* the nodes that a program knows, and the connections to them */

/* The options of weir_mesh_open. */
struct weir_mesh_options { /* zero: the default */
    size_t size;       /* sizeof (struct weir_mesh_options) */
    const char *nodes; /* "NAME=HOST:PORT,NAME=HOST:PORT", as weir_node_add, but a node that gets
                        * one place by its name and another by its alias becomes two; NULL: none */
    bool no_defaults;  /* leave out the circuit's nodes (clock, blink, buzzer) and the variable
                        * WEIR_GRID, which `nodes` otherwise adds to or replaces */
    weir_ns retry_ns;  /* how long a node that cannot be reached is dialled again; 0: 5 s;
                        * less than 0: one attempt of at most 5 s. Set it below your deadline if
                        * you want WEIR_EUNREACH of such a node, and not -ETIME */
};

/* Open a mesh. Nothing is dialled yet. options may be NULL and need not outlive the call. A mesh
 * holds a group, so the rules of weir_group_open apply: the task that opened it must close it by
 * weir_mesh_close, innermost first; its connections are under the scopes that are open now.
 * Returns 0; WEIR_EPARAM (`nodes` or WEIR_GRID is not of the form above: the text says which part),
 * WEIR_ETOOBIG (more than 1024 nodes), -ENOMEM, WEIR_ENOLOOP. On error *ret_mesh is untouched.
 * Aborts if ret_mesh is NULL. */
WEIR_API int weir_mesh_open(const struct weir_mesh_options *options, struct weir_mesh **ret_mesh);
WEIR_API int weir_mesh_open_at(const struct weir_site *site,
                               const struct weir_mesh_options *options,
                               struct weir_mesh **ret_mesh);
#define weir_mesh_open(...) weir_mesh_open_at(WEIR_SITE(weir_mesh_open), __VA_ARGS__)

/* Close a mesh. Each connection is closed by a closing handshake with code 1000, for at most 1 s;
 * if a scope has fired, without one. Tasks that are parked in a call on this mesh get WEIR_ECLOSED,
 * and weir_mesh_close waits until they have left the call; so none of their hooks may wait for it.
 * *take_mesh becomes NULL in every case. NULL and *NULL are fine.
 * Returns 0; -ECANCELED or -ETIME if a scope around the mesh has fired. */
WEIR_SUSPENDS int weir_mesh_close(struct weir_mesh **take_mesh);

/* ---- nodes ----------------------------------------------------------------------------------- */

/* A node: a name, and where it listens. */
struct weir_node {
    size_t size; /* in: sizeof (struct weir_node), or 0 */
    const char *name;
    const char *alias; /* its second name; "" if it has none */
    const char *host;  /* a name or an address, without brackets */
    int port;          /* 0: it does not listen */
};

/* Add nodes, given as "NAME=HOST:PORT,NAME=HOST:PORT". A node that is known by such a name or alias
 * is moved: its open connections stay, and the next dial goes to the new place.
 * Returns 0; WEIR_EPARAM (the text says which part, and why), WEIR_ETOOBIG (more than 1024 nodes,
 * or more than 65536 moves), -ENOMEM, WEIR_ENOLOOP. On error no node was added or moved. */
WEIR_API int weir_node_add(struct weir_mesh *m, const char *nodes);

/* Find a node by its name or alias. The strings of *ret_node are lent until the mesh is closed,
 * also if the node is moved meanwhile.
 * Returns 0; WEIR_ENONODE (the text has the nearest name and the known ones), WEIR_ENOLOOP. On
 * error *ret_node is untouched. */
WEIR_API int weir_node_find(struct weir_mesh *m, const char *name, struct weir_node *ret_node);

/* The i-th node of a mesh, from 0 on, for listings. Do not suspend during a listing, since other
 * tasks may add nodes. The strings are lent as by weir_node_find.
 * Returns 1; 0 past the last, with *ret_node untouched; WEIR_ENOLOOP. */
WEIR_API int weir_node_at(struct weir_mesh *m, size_t i, struct weir_node *ret_node);

/* ---- sending --------------------------------------------------------------------------------- */

/* What is sent to a node: a text or bytes. */
struct weir_item {
    const void *data;
    size_t len;
    bool binary; /* else data is a text in UTF-8 */
    uint64_t reserved_[2];
};

/* What a node has answered. */
struct weir_node_ack {
    char *data; /* a NUL follows data[len - 1]; NULL: there is no ack */
    size_t len;
    bool binary;
    bool nack; /* a refusal: the text begins with "nack: " */
    uint64_t reserved_[2];
};

/* Connect to a channel of a node, unless the mesh has a connection to it: for a program that wants
 * to know early whether the node is there. node, channel: as weir_node_ask.
 * Returns 0; an error as weir_node_ask. */
WEIR_SUSPENDS int weir_node_connect(struct weir_mesh *m, const char *node, const char *channel);

/* Send one item to a node and wait for its ack. node is a name or an alias. channel is the path of
 * the node's URL, with or without the slash ("datafeed", "/datafeed?x=1"; "" or NULL is "/"). item
 * is borrowed until return.
 *
 * The mesh keeps one connection for each node and channel. The next item leaves after the ack of
 * the one before. Calls for the same node and channel take turns in order. A broken connection is
 * dialled again after 100 ms, doubling to 1 s, with 20 % of jitter, until retry_ns have passed
 * without a connection. An item that was sent but not acked is then sent again, so the receiver may
 * see it twice. The wait for an ack has no bound: use a scope.
 *
 * ret_ack may be NULL. *ret_ack is overwritten, and not freed before. The caller must free it by
 * weir_node_ack_free. After 0 it is the ack; after WEIR_ENACK it is the message as received, with
 * "nack: " in front, and `nack` is set; after any other error it is zeroed.
 * Returns 0, or
 *   WEIR_ENACK      the receiver refused the item; the text has the reason
 *   WEIR_ENONODE    no such node; the text has the nearest name and the known ones
 *   WEIR_ENOLISTEN  the node has no port
 *   WEIR_EUNREACH   retry_ns have passed; calls that wait for their turn get it too. The text has
 *                   the URL and what failed last, `reason` of weir_error is the code of that
 *   WEIR_EWSCLOSED  the receiver failed on the item and closed (1003, 1007 to 1011)
 *   WEIR_EPROTO     the receiver broke the protocol
 *   WEIR_EHTTP      the receiver refused the connection for good: 3xx, or 4xx except 408, 425, 429
 *   WEIR_EUTF8      the item, or the ack, is a text that is not UTF-8
 *   WEIR_ETOOBIG    the item, the ack (1 MiB) or the channel is too long; 256 channels are in use
 *   WEIR_ECLOSED    another task closed the mesh, or a scope around the mesh has fired
 *   WEIR_EURL       the channel has a blank, or another byte that no URL may have
 * or -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. After -ECANCELED and -ETIME the text has the URL
 * and what the call lacked: an ack, a connection or its turn; or, if an attempt has failed, what
 * failed last, whose code is `reason`. A call that is cancelled after its item was sent closes the
 * connection, so that the late ack is not taken for that of another item. */
WEIR_SUSPENDS int weir_node_ask(struct weir_mesh *m, const char *node, const char *channel,
                                const struct weir_item *item, struct weir_node_ack *ret_ack);

/* Free the memory of an ack and zero it. NULL and a zeroed ack are fine. */
WEIR_API void weir_node_ack_free(struct weir_node_ack *ack);

/* Send one text to a node and wait for its ack, which is dropped. text is UTF-8 and ends with a
 * NUL; it is borrowed until return. node, channel: as weir_node_ask.
 * Returns 0; an error as weir_node_ask. */
WEIR_SUSPENDS int weir_node_send(struct weir_mesh *m, const char *node, const char *channel,
                                 const char *text);

/* The options of weir_node_stream: functions that see the items and the acks. Both may suspend.
 * Neither may send to the same node and channel, nor close the mesh. */
struct weir_node_stream_options { /* zero: the default */
    size_t size;                  /* sizeof (struct weir_node_stream_options) */
    /* Called once for each item, before it is sent for the first time. If it returns < 0, the item
     * is not sent, and weir_node_stream returns that code. NULL: none. */
    int (*sending)(void *arg, size_t index, const struct weir_item *item);
    /* Called with each ack, also with a nack, before weir_node_stream returns WEIR_ENACK for it.
     * ack is lent while the function runs. If it returns < 0, weir_node_stream returns that code.
     * NULL: none. */
    int (*acked)(void *arg, size_t index, const struct weir_node_ack *ack);
    void *arg;
};

/* Send several items to a node in order, each after the ack of the one before, until one is
 * refused. No item of another call comes in between. options may be NULL; items are borrowed until
 * return. With count 0 nothing is dialled. node, channel: as weir_node_ask.
 * Returns 0, when all are acked; an error as weir_node_ask; the code of a function of options.
 * weir_error(rc)->done counts the items that were acked before the error. */
WEIR_SUSPENDS int weir_node_stream(struct weir_mesh *m, const char *node, const char *channel,
                                   const struct weir_item *items, size_t count,
                                   const struct weir_node_stream_options *options);

#ifdef __cplusplus
}
#endif
#endif

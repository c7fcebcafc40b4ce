/* SPDX-License-Identifier: MIT */
/* mesh.h - the inside of a mesh: the nodes that one program knows (nodes.h), the kept connections
 * to them (link.h), and the calls that are inside (node.c). Only tasks of its loop use it. */
#ifndef WEIR_MESH_MESH_H
#define WEIR_MESH_MESH_H

#include <weir/mesh.h>
#include <weir/task.h>
#include <weir/ws.h>

#include "base/list.h"
#include "base/random.h"
#include "mesh/provider.h"
#include "task/waitq.h"

struct weir__link;

enum weir__mesh_event {
    WEIR__ITEM_SENT,
    WEIR__ITEM_ACKED,
    WEIR__ITEM_REFUSED, /* by a nack */
    WEIR__ITEM_FAILED,  /* no answer came */
    WEIR__NOT_CONNECTED,
    WEIR__UNASKED,      /* a message came that answers no item */
};

struct weir__mesh_news {
    enum weir__mesh_event event;
    const struct weir__link *link; /* ITEM_FAILED, NOT_CONNECTED */
    int rc;                        /* the same */
    weir_ns took_ns;               /* ITEM_ACKED, ITEM_REFUSED: from the item to its ack */
};

struct weir_mesh {
    struct weir__loop *loop;
    struct weir__node **nodes; /* each on the heap: its strings are lent until the close */
    struct weir__node **moved; /* earlier versions of nodes, and nodes that have left */
    size_t count, moved_count;
    struct weir__list links; /* the one unused for longest first */
    size_t link_count;
    struct weir_group readers; /* a task per connected link */
    struct weir__random random;
    struct weir_ws_options ws;
    struct weir__list inside;     /* of struct weir__call: calls of tasks that have not returned */
    struct weir__waitq closer;    /* the task that waits until none is inside */
    int close_code; /* with which links are closed; 0: without a closing handshake */
    weir_ns retry_ns; /* that an outage may last; less than 0: one attempt */
    void (*watch)(void *arg, const struct weir__mesh_news *news); /* set by the owner, or NULL */
    void *watch_arg;
    bool open, closing;
};

/* A public call on the mesh, in the frame of its function. */
struct weir__call {
    struct weir__list in_mesh;
    struct weir_scope scope; /* cancelled by the close */
    const struct weir_task *task;
};

/* The mesh that NULL means for the running task, if it is part of a program that has one: set by
 * the room above. NULL itself: no such program runs on this thread. */
extern __thread struct weir_mesh *(*weir__mesh_own)(void);

/* Begin an empty mesh in the caller's memory. This opens a group, so the same task must call
 * weir__mesh_close, in the reverse order of opening. */
void weir__mesh_open(struct weir_mesh *m);

/* Cancel all calls that are inside, close all links with a closing handshake of that code (0:
 * without one), of at most WEIR__LINK_CLOSE, and free everything. Joins.
 * Returns 0; -ECANCELED or -ETIME, if a scope around has fired. */
int weir__mesh_close(struct weir_mesh *m, int code);

/* Begin a call of the running task on m. Returns 0; WEIR_ECLOSED (the mesh is being closed, or was
 * cancelled), WEIR_EFORKED. After an error do not call weir__call_leave. */
int weir__call_enter(struct weir_mesh *m, struct weir__call *c);

/* Returns rc; WEIR_ECLOSED where the close of m has cut the call short. */
int weir__call_leave(struct weir_mesh *m, struct weir__call *c, int rc);

static inline void weir__mesh_tell(const struct weir_mesh *m, struct weir__mesh_news news) {
    if (m->watch != NULL)
        m->watch(m->watch_arg, &news);
}

#endif

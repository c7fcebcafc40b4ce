/* SPDX-License-Identifier: MIT */
/* mesh.h - what one program knows of the others: nodes by name, and the kept connections to them
 * (link.h). Filled by a provider; one per running program, used by its loop only. */
#ifndef WEIR_MESH_MESH_H
#define WEIR_MESH_MESH_H

#include <weir/task.h>
#include <weir/ws.h>

#include "base/list.h"
#include "base/random.h"
#include "mesh/provider.h"

struct weir__mesh {
    struct weir__node *nodes;
    size_t count;
    struct weir__list links; /* the one unused for longest first */
    size_t link_count;
    struct weir_group readers; /* a task per connected link */
    struct weir__random random;
    struct weir_ws_options ws;
    int close_code; /* what links say when they end */
    uint64_t *unasked; /* the owner's count of messages that answered nothing; NULL: not wanted */
    bool no_retry;  /* what fails is not tried again */
    bool open;
};

/* Begin, empty. Opens a group: mesh_close belongs to the same task, innermost first. */
void weir__mesh_open(struct weir__mesh *m);

/* Close all links with a closing handshake of that code, at most WEIR__LINK_CLOSE, and let go of
 * everything. Joins; no link may be taken any more. */
void weir__mesh_close(struct weir__mesh *m, int code);

#endif

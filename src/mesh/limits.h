/* SPDX-License-Identifier: MIT */
/* limits.h - every bound of the mesh, with its reason. */
#ifndef WEIR_MESH_LIMITS_H
#define WEIR_MESH_LIMITS_H

#include <weir/base.h>

#include "wire/uri.h"

enum {
    WEIR__NODE_NAME_MAX = 63,  /* a DNS label, for the discovery to come */
    WEIR__NODE_HOST_MAX = 255, /* a DNS name */
    WEIR__NODES_MAX = 1024,    /* a grid is written by hand or by `weir up`: 200 nodes, 2 names */
    WEIR__NODE_MOVES_MAX = 65536, /* what a node was is kept until the mesh is closed: 25 MiB */
    WEIR__CHANNEL_MAX = WEIR__URI_LENGTH_MAX - WEIR__NODE_HOST_MAX - 32, /* what a URL has room for
                                * beside the longest "ws://[HOST]:PORT/" */
    WEIR__LINKS_MAX = 256,     /* kept connections; then the one unused for longest is closed */
    WEIR__UNASKED_TURNS = 1000, /* of the loop. A receiver that in each of them sends messages that
                                 * answer no item is given up */
    WEIR__RETRY_JITTER = 20,   /* per cent, so that many programs do not dial in step */
};

/* The pauses between the dials of an outage, and its length. The 5 s count the time without a
 * connection, from the last ack on: a receiver that takes long to answer is no outage. */
#define WEIR__RETRY_FIRST WEIR_MILLISECONDS(100)
#define WEIR__RETRY_LAST WEIR_SECONDS(1)
#define WEIR__RETRY_ALL WEIR_SECONDS(5)
/* How long a link that is closed in order waits for the peer's close frame. */
#define WEIR__LINK_CLOSE WEIR_SECONDS(1)

#endif

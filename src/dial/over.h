/* SPDX-License-Identifier: MIT */
/* over.h - one stream made of two: it reads from one and writes to another, and its close also
 * closes their owner. */
#ifndef WEIR_DIAL_OVER_H
#define WEIR_DIAL_OVER_H

#include <weir/stream.h>

#include "sys/backend.h"

struct weir__over_parts {
    struct weir_stream *in;  /* reads */
    struct weir_stream *out; /* writes; may be the same */
    /* Send end of stream behind what was written. Never suspends. Returns 0 or an error. */
    int (*end)(void *owner);
    /* Give up the owner, and the streams with it; in a fork child only the child's copies of
     * descriptors. Never suspends. */
    void (*close)(void *owner);
    void *owner;
    char name[64]; /* as the peer's address */
};

/* Returns 0, and from then on the new stream closes the parts; -ENOMEM. */
int weir__over_new(const struct weir__over_parts *parts, struct weir_stream **ret_stream);

#endif

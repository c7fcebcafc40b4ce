/* SPDX-License-Identifier: MIT */
/* put.c - holding a stream for writes that begin and end outside a task. What a kind does in its
 * put is its own; here is what all of them share with writes by tasks: the one writer, what a read
 * must know of a write's error, and the memory of a stream that is closed meanwhile. */
#include "stream/stream.h"

#include <errno.h>

int weir__stream_put_begin(struct weir_stream *s) {
    if (__builtin_expect(s->writing || s->torn || s->shut, 0))
        return s->writing ? -EBUSY : s->torn ? WEIR_ETORN : -EPIPE;
    s->writing = true;
    return 0;
}

int weir__stream_put_end(struct weir_stream *s, int rc) {
    s->writing = false;
    if (__builtin_expect(s->closed, 0)) {
        weir__stream_left(s);
        return WEIR_ECLOSED;
    }
    if (__builtin_expect(rc < 0, 0))
        weir__stream_note_write(s, rc);
    return rc;
}

int weir__stream_shut(struct weir_stream *s) {
    if (s->shut)
        return 0;
    int rc = weir__stream_put_begin(s);
    if (rc < 0)
        return rc;
    rc = s->kind->shutdown(s);
    s->shut = rc >= 0;
    return weir__stream_put_end(s, rc);
}

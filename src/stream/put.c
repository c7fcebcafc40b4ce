/* SPDX-License-Identifier: MIT */
/* put.c - shuts a stream's writing side down outside a task, after the last put. */
#include "stream/stream.h"

int weir__stream_cut(struct weir_stream *s) {
    s->torn = true;
    if (s->shut || s->writing)
        return s->shut ? 0 : -EBUSY;
    int rc = s->kind->shutdown(s);
    s->shut = rc >= 0;
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

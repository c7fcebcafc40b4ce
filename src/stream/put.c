/* SPDX-License-Identifier: MIT */
/* put.c - the end of a side, outside a task: what follows the last put. */
#include "stream/stream.h"

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

/* SPDX-License-Identifier: MIT */
/* fd_inside.c - what reads and writes of a descriptor share, in tasks and outside. */
#include "stream/fd_inside.h"

enum { FILE_PIECE = 256 << 10 };

int64_t weir__descriptor_meant(struct descriptor *d, bool writes, int64_t n) {
    bool is_its = n == 0 || (n < 0 && n != -EAGAIN && n != -EOPNOTSUPP);
    return is_its && d->of->result != NULL ? d->of->result(d->state, writes, n) : n;
}

static void closed(struct weir__op *op) {
    struct weir_stream *s = &WEIR_CONTAINER(op, struct descriptor, op)->stream;
    weir__close_done(s->loop);
    weir__stream_gone(s);
}

void weir__descriptor_close_file(struct descriptor *d) {
    d->file.foreign = false; /* now the backend may close it */
    weir__close_submit(d->stream.loop, &d->op, &d->file, closed);
}

struct weir__call weir__descriptor_call(struct descriptor *d, bool writes, void *buf, size_t len) {
    return (struct weir__call){
        .verb = writes ? WEIR__WRITE_AT : WEIR__READ_AT,
        .never_waits = !d->direct,
        .syncs = d->syncs,
        .fd = d->file.fd,
        .base = buf,
        .len = len < FILE_PIECE ? len : FILE_PIECE,
        .at = WEIR__AT_POSITION,
    };
}

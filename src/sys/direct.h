/* SPDX-License-Identifier: MIT */
/* direct.h - receiving by system calls on files known to be ready: all of epoll's receiving, and
 * io_uring's on files with bulk traffic and on listeners. A ready file with a reader waits in a
 * list; a turn serves as many as there are buffers, the others keep their place.
 *
 * What is known of a file (edge-triggered, so an edge is never told twice):
 *   in     there may be bytes: an event said so, and no call has drained the socket since
 *   steady a short read of TCP proves that it is drained: the next byte is a new edge. Not so once
 *          the end, an error or urgent data was seen (they may stand behind the bytes, their edge
 *          gone), nor for other kinds of sockets (a message boundary makes reads short). */
#ifndef WEIR_SYS_DIRECT_H
#define WEIR_SYS_DIRECT_H

#include "base/list.h"
#include "sys/bufs.h"
#include "sys/fifo.h"

struct weir__direct {
    struct weir__list ready;
    struct weir__bufs bufs;
    uint32_t turn_bytes, spill_size;
    uint32_t accepts_left; /* in this turn, by weir__direct_accept */
};

struct weir__direct_file { /* at the head of a backend's own part of a file */
    struct weir__list link; /* in ready, or alone */
    struct weir__file *file;
    bool in, steady;
    uint8_t short_reads; /* in a row, of less than spill_size */
};

int weir__direct_init(struct weir__direct *d);
void weir__direct_fini(struct weir__direct *d);

/* steady: the socket is TCP. */
void weir__direct_attach(struct weir__direct_file *f, struct weir__file *file, bool steady);

/* The file has a reader and may have bytes: serve it next turn. Twice is once. */
static inline void weir__direct_want(struct weir__direct *d, struct weir__direct_file *f) {
    if (weir__list_empty(&f->link))
        weir__list_add_tail(&d->ready, &f->link);
}

/* A turn begins. */
void weir__direct_begin(struct weir__direct *d);

/* Take a connection at once, if one may be there and the turn has not taken its share: a burst
 * drains fast, a flood does not fill the turn. -EAGAIN: make the op the file's reader. */
int64_t weir__direct_accept(struct weir__direct *d, struct weir__direct_file *f,
                            struct weir__op *op);

/* Readers of ready files: receive (or accept) and complete, within the turn's bounds. */
void weir__direct_turn(struct weir__direct *d, struct weir__fifo *done);

/* Whether a short read can be trusted on this descriptor. */
bool weir__direct_is_tcp(int fd);

#endif

/* SPDX-License-Identifier: MIT */
/* direct.h - receiving by system calls on files known to be ready: all of epoll's receiving, and
 * io_uring's on files with bulk traffic and on listeners. A ready file with a reader waits in a
 * list; a turn serves as many as there are buffers, the others keep their place.
 *
 * What is known of a file (events are edge-triggered, so each is reported once):
 *   in     there may be bytes: an event said so, and no call has read the socket empty since
 *   steady a short read proves that a TCP or unix socket is empty (see weir__message_read); the
 *          next byte will be a new event. Not any more when the end of the stream, an error or
 *          urgent data was reported (they may come after the bytes, without a new event), and not
 *          for other sockets. For messages it is the count that is short, and a call that finds
 *          the socket empty makes it steady again. */
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
    uint8_t short_reads; /* how many reads in a row brought less than spill_size */
};

int weir__direct_init(struct weir__direct *d);
void weir__direct_fini(struct weir__direct *d);

/* steady: the socket is TCP, or exact. */
void weir__direct_attach(struct weir__direct_file *f, struct weir__file *file, bool steady);

/* The file has a reader and may have bytes: put it into the list of ready files, unless it is
 * there. */
static inline void weir__direct_want(struct weir__direct *d, struct weir__direct_file *f) {
    if (weir__list_empty(&f->link))
        weir__list_add_tail(&d->ready, &f->link);
}

/* Begin a turn. */
void weir__direct_begin(struct weir__direct *d);

/* Accept a connection now, if one may be there and this turn has not accepted its share. So a burst
 * is accepted fast, and a flood does not take the whole turn. -EAGAIN: make op the file's
 * reader. */
int64_t weir__direct_accept(struct weir__direct *d, struct weir__direct_file *f,
                            struct weir__op *op);

/* Receive messages now, if some may be there. -EAGAIN: make op the file's reader. */
int64_t weir__direct_message(struct weir__direct_file *f, struct weir__op *op);

/* Receive (or accept) for the readers of ready files and complete their ops, within the turn's
 * bounds. */
void weir__direct_turn(struct weir__direct *d, struct weir__fifo *done);

/* Is it a TCP socket, where a short read means that the socket is empty? */
bool weir__direct_is_tcp(int fd);

#endif

/* SPDX-License-Identifier: MIT */
/* writers.h - bounds how many bytes a turn sends, and keeps the *ready writers*: sends that stopped
 * because the turn's share was used up, though their socket may have room. Without the bound, a
 * socket that takes bytes as fast as it gets them would hold the loop until all are sent. epoll
 * gives no edge for a send that stopped before the socket was full, so a later turn must go on with
 * it, and no turn may wait while there is a ready writer. The kernel holds no op for a ready
 * writer, so a cancel of it completes at once.
 *
 *   a send      from 16 KiB on  while the turn has bytes left, and at most these
 *               smaller         also when they are used up, by as much again: an echo of few bytes
 *                               does not wait behind its neighbours' bulk */
#ifndef WEIR_SYS_WRITERS_H
#define WEIR_SYS_WRITERS_H

#include "sys/fifo.h"

struct weir__writers {
    struct weir__op *first, *last; /* linked by next and by u.bytes.prev */
    int64_t left;                  /* bytes that this turn still sends; negative: overdrawn */
};

/* op->priv of a SEND or SENDV that is held. */
enum { WEIR__WRITER_READY = 1, WEIR__WRITER_ENDING = 2 };

static inline bool weir__writers_waiting(const struct weir__writers *w) {
    return w->first != NULL;
}

/* A turn begins. */
void weir__writers_begin(struct weir__writers *w);

/* Send what the turn allows. Returns the total once all is sent; -EAGAIN: the socket is full;
 * -EINPROGRESS: the turn has no bytes left, the op belongs into the list; or the error. */
int64_t weir__writers_send(struct weir__writers *w, struct weir__op *op);

/* Whether as many bytes may leave by another way in this turn; counts them if so. */
bool weir__writers_charge(struct weir__writers *w, size_t len);

/* Make a held op a ready writer, or end that. */
void weir__writers_add(struct weir__writers *w, struct weir__op *op);
void weir__writers_remove(struct weir__writers *w, struct weir__op *op);

/* Let the ready writers send, a piece each in their order, as the turn allows. One that is done is
 * completed. Returns those whose sockets are full, linked by next: held, and in no list. */
struct weir__op *weir__writers_turn(struct weir__writers *w, struct weir__fifo *done);

#endif

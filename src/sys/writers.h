/* SPDX-License-Identifier: MIT */
/* writers.h - bounds how many bytes a turn sends, and keeps the *ready writers*: sends that stopped
 * because the turn's share was used up, though their socket may have room. Without the bound, a
 * socket that takes bytes as fast as it gets them would hold the loop until all are sent. epoll
 * gives no edge for a send that stopped before the socket was full, so a later turn must go on with
 * it, and no turn may wait while there is a ready writer. The kernel holds no op for a ready
 * writer, so a cancel of it completes at once.
 *
 *   a send of 16 KiB or more   is sent while the turn has bytes left, and at most so many
 *   a smaller send             also when they are used up, until as many bytes again were sent: a
 *                              short echo does not wait behind the bulk of other connections */
#ifndef WEIR_SYS_WRITERS_H
#define WEIR_SYS_WRITERS_H

#include "sys/fifo.h"

struct weir__writers {
    struct weir__op *first, *last; /* linked by next and by u.bytes.prev */
    int64_t left;                  /* bytes that this turn may still send; small sends may make it
                                    * negative */
};

/* op->priv of a SEND or SENDV that is held. */
enum { WEIR__WRITER_READY = 1, WEIR__WRITER_ENDING = 2 };

static inline bool weir__writers_waiting(const struct weir__writers *w) {
    return w->first != NULL;
}

/* Begin a turn: it may send turn_sent bytes. */
void weir__writers_begin(struct weir__writers *w);

/* Send as many bytes as the turn allows. Returns the total when all are sent; -EAGAIN: the socket
 * is full; -EINPROGRESS: the turn has no bytes left, so the caller must add op to the list; or the
 * error. */
int64_t weir__writers_send(struct weir__writers *w, struct weir__op *op);

/* May len bytes be sent by the ring in this turn? If so, count them. */
bool weir__writers_charge(struct weir__writers *w, size_t len);

/* Put a held op into the list of ready writers, or take it out. */
void weir__writers_add(struct weir__writers *w, struct weir__op *op);
void weir__writers_remove(struct weir__writers *w, struct weir__op *op);

/* Let the ready writers send, one piece each in their order, as far as the turn allows. An op whose
 * bytes are all sent is completed. Returns the ops whose sockets are full, linked by next: still
 * held, but in no list. */
struct weir__op *weir__writers_turn(struct weir__writers *w, struct weir__fifo *done);

#endif

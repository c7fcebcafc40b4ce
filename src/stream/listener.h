/* SPDX-License-Identifier: MIT */
/* listener.h - the inside of a listener, for listen.c, which opens and closes it, and accept.c,
 * which accepts. */
#ifndef WEIR_STREAM_LISTENER_H
#define WEIR_STREAM_LISTENER_H

#include "stream/hatch.h"
#include "stream/listen.h"
#include "task/waitq.h"

enum slot_state { SLOT_ABSENT, SLOT_EMPTY, SLOT_ARMED, SLOT_FULL };

struct slot {
    struct weir_listener *listener;
    struct weir__file file;
    struct weir__op accept, close;
    struct weir__addr peer;
    struct weir__file stray; /* a connection that was accepted when the listener was closed */
    struct weir__op stray_close;
    uint8_t state;
};

struct weir_listener {
    struct weir__loop *loop;
    struct weir__waitq waiting;
    struct weir__timer retry;
    weir_ns said_ns; /* when the log last said that accept fails */
    int interrupt;   /* the code that the accepting task shall return, or 0 */
    int port;
    unsigned count, closing, turn;
    bool entered, closed;
    struct weir__hatch *hatch; /* in memory, and there is no slot; NULL: on sockets */
    const struct weir__listens_over *over; /* NULL: its connections are its sockets' */
    void *over_arg;
    struct slot slots[];
};

/* Free l if it is closed and nothing is left of it. */
void weir__listener_free(struct weir_listener *l);

/* Close a file of l; l is freed when the last is closed. */
void weir__listener_let_go(struct weir_listener *l, struct weir__file *file, struct weir__op *op);

/* l is closed: reset the connection that waits in the slot. */
void weir__listener_close_late(struct weir_listener *l, struct slot *slot);

#endif

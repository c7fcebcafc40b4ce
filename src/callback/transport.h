/* SPDX-License-Identifier: MIT */
/* transport.h - what the transports of streams and of datagrams have in common: when a protocol's
 * functions are called, and which tasks move the bytes.
 *
 * A transport has a task, the pump, which reads and calls the protocol, each time outside of the
 * tasks. What is to be sent later is sent by a second task, the sender, which lives only as long as
 * something is left. connection_made and connection_lost come through the loop's queue of
 * callbacks, where asyncio has them too. The pump ends when connection_lost has been called, so a
 * run or a group that waits for it has waited for that. */
#ifndef WEIR_CALLBACK_TRANSPORT_H
#define WEIR_CALLBACK_TRANSPORT_H

#include <sys/types.h>

#include "task/failure.h"
#include "task/soon.h"
#include "task/waitq.h"

struct transport;

struct transport_kind {
    const char *name; /* of the pump */
    int (*pump)(void *args);   /* the tasks; args: struct transport ** */
    int (*sender)(void *args);
    void (*made)(struct transport *t); /* these call the protocol */
    void (*lost)(struct transport *t, int rc);
    void (*pause)(struct transport *t);
    void (*resume)(struct transport *t);
    void (*drop)(struct transport *t);  /* what waits to be sent */
    void (*close)(struct transport *t); /* what the bytes are moved over */
};

struct transport {
    const struct transport_kind *kind;
    struct weir__loop *loop;
    struct weir_group *group;
    struct weir__soon made, lost, turn; /* connection_made, connection_lost, the pump's turn */
    struct weir__waitq pump, opener;    /* what waits: the pump; who wants connection_made */
    struct weir__failure why;           /* of connection_lost */
    int broke;                          /* the error that a read has met; 0: none */
    size_t unsent, high, low;
    unsigned refs;                      /* the pump, the sender, who waits for connection_made,
                                         * and who the kind adds */
    bool is_made, is_gone;              /* connection_made, connection_lost was called */
    bool closing;                       /* nothing is read any more */
    bool lost_asked;                    /* nothing is sent either: connection_lost is queued */
    bool at_end;                        /* the peer sends no more */
    bool read_paused, write_paused;
    bool sends;                         /* there is a sender */
};

/* Begin, in zeroed memory: start the pump, which waits. Returns 0 or an error: then nothing was
 * started. From then on the pump frees t. When there is a protocol, queue connection_made; or if
 * there is none, end the pump without any call. */
int weir__transport_begin(struct transport *t, const struct transport_kind *kind,
                          struct weir_group *g);
void weir__transport_connected(struct transport *t);
void weir__transport_refused(struct transport *t);

/* Wait until connection_made was called; what is the call. On a cancel connection_lost may have
 * been called as well: so t stays in memory until the caller's weir__transport_unref.
 * Returns 0 or the code of a cancel. Suspends. */
int weir__transport_opened(struct transport *t, const char *what);

/* End a callback, a factory, that has returned rc. Returns rc or 0, with the record of rc. */
int weir__transport_answer(struct weir__callback *c, int rc);

/* One who keeps t in memory leaves: refs. */
void weir__transport_unref(struct transport *t);

/* ---- for the pump, in this order: wait for connection_made; while reads: read one thing, call the
 * protocol, turn; end, which waits for connection_lost and frees t ---- */
void weir__transport_await_made(struct transport *t);
bool weir__transport_reads(struct transport *t); /* waits while reading is paused */
void weir__transport_turn(struct transport *t);  /* let callbacks that are queued run first */
void weir__transport_end(struct transport *t);

/* ---- sending ---- */

/* len bytes more, or fewer, wait to be sent: tell the protocol if a mark is passed. */
void weir__transport_queued(struct transport *t, size_t len);
void weir__transport_sent(struct transport *t, size_t len);

/* Start the sender, unless there is one. Without memory t is lost. Returns 0 or the error. */
int weir__transport_send_later(struct transport *t);

/* The sender ends: rc < 0 is an error that breaks the connection. */
void weir__transport_sender_ends(struct transport *t, int rc);

/* ---- the calls of the user ---- */
void weir__transport_close(struct transport *t);
void weir__transport_lose(struct transport *t, int rc); /* at once, for this reason */
void weir__transport_pause_reading(struct transport *t, bool paused);
int weir__transport_set_limits(struct transport *t, ssize_t high, ssize_t low, const char *call);

#endif

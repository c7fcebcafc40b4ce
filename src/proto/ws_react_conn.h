/* SPDX-License-Identifier: MIT */
/* ws_react_conn.h - one connection of a reactive server, and its phases. ws_react_open.c shakes
 * hands, ws_react.c brings messages to the user's functions, ws_react_end.c closes it.
 *
 *   SHAKING -> TALKING -> ENDING -> LINGERING -> OVER       any phase may go to OVER at once
 *      |                    ^
 *      +--- refused --------+       SHAKING -> LATE: the handshake took too long
 *
 *   SHAKING   gathers the request's head; bounded in time and size
 *   TALKING   decodes and delivers; the keepalive runs
 *   ENDING    our close frame, or the refusal, is queued. The peer's close frame, or the end of its
 *             stream, is waited for, within a bound; messages are thrown away
 *   LINGERING both close frames are read and written, and our side of the stream is closed. Until
 *             the peer closes its own, what still comes is thrown away, within a bound
 *   OVER      nothing more is read
 *   LATE      nothing more is read, and the client gets the answer 408
 * The connection's one timer is the keepalive of TALKING, and the bound of SHAKING, ENDING and
 * LINGERING. */
#ifndef WEIR_PROTO_WS_REACT_CONN_H
#define WEIR_PROTO_WS_REACT_CONN_H

#include <assert.h>

#include "proto/weir_ws.h"
#include "proto/ws_room.h"
#include "stream/ahead.h"

enum ws_phase { WS_SHAKING, WS_TALKING, WS_ENDING, WS_LINGERING, WS_OVER, WS_LATE };

enum ws_known { /* Does the server count the connection, and does its user know it? */
    WS_UNCOUNTED, /* neither: it is refused, for there are too many */
    WS_COUNTED,   /* in sv->live */
    WS_OPENED,    /* and the user knows it: closed must follow */
    WS_UNKNOWN    /* neither, any more */
};

/* The arg of the reactive server below: freed with it. */
struct ws_server {
    struct ws_config *config;
    struct weir_ws_reactive fn;
    struct weir__ws_host host; /* of an HTTP server; else all NULL */
    size_t live;
};

struct ws_react_conn { /* the state of a weir_conn */
    struct weir_ws ws;
    struct weir_conn *conn;
    int rc; /* the argument of closed */
    uint8_t phase, known; /* the enums above */
    bool untold; /* host.answered is to be called, with ws.becomes */
    _Alignas(16) uint8_t user[];
};

static_assert(sizeof(struct ws_react_conn) <= 272,
              "an idle one: its weir_conn, this and the user's");

static inline struct ws_server *ws_server_of(const struct ws_react_conn *c) {
    return weir_conn_arg(c->conn);
}

/* Was the server's group cancelled, or is its time over? Returns 0, -ECANCELED or -ETIME, which is
 * also what the calls of the connection's tasks return. */
static inline int ws_react_stops(const struct ws_react_conn *c) {
    return weir__group_cancelled(weir_conn_group(c->conn));
}

/* ws_react_conn.c: bounds. */

/* Let the bound be over after so long. */
void weir__ws_react_arm(struct ws_react_conn *c, weir_ns after);
void weir__ws_react_bound_over(struct ws_react_conn *c); /* as if it were over now */
bool weir__ws_react_is_bounded(const struct ws_react_conn *c); /* or does the keepalive run? */
void weir__ws_react_cut(struct weir_ws *ws);                   /* the driver's hook */
void weir__ws_react_over(struct ws_react_conn *c, int rc);     /* read nothing more */
/* Our last frame is queued. Wait, within the bound, until the peer has closed too: a close with
 * bytes unread would be a reset, which overtakes what we sent. */
void weir__ws_react_closing(struct ws_react_conn *c, int rc, weir_ns bound);
/* Read and throw away until the peer closes its side of the stream. Suspends. */
void weir__ws_react_discard(struct ws_react_conn *c);

/* ws_react_open.c */
int weir__ws_react_opened(struct weir_conn *conn, void *state); /* weir_reactive's opened */
/* Returns how many bytes of the piece belong to the head; -1: ended. */
ssize_t weir__ws_react_shake(struct ws_react_conn *c, const uint8_t *base, size_t len);
void weir__ws_react_late(struct ws_react_conn *c); /* answer 408 */
/* Say to the HTTP server, once, how the client was answered: see struct weir__ws_host. */
void weir__ws_react_tell(struct ws_react_conn *c, int status, size_t sent, int rc);

/* ws_react_end.c */
/* Both close frames are read and written. Close our side of the stream, and wait for the peer to
 * close its own. closed is called before that, unless tasks of the connection still run. */
void weir__ws_react_shut(struct ws_react_conn *c);
void weir__ws_react_ends(struct weir_conn *conn, void *state, int rc); /* the hook of that name */
void weir__ws_react_closed(struct weir_conn *conn, void *state, int rc); /* weir_reactive's */

#endif

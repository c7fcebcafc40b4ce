/* SPDX-License-Identifier: MIT */
/* react_conn.h - one connection of a reactive server, for react.c, which makes them. */
#ifndef WEIR_STREAM_REACT_CONN_H
#define WEIR_STREAM_REACT_CONN_H

#include <assert.h>

#include "stream/ahead.h"
#include "stream/socket.h"

struct react_server {
    struct weir_reactive fn;
    struct weir__react_hooks hooks;
    struct weir_spawn_options task; /* of a connection */
    struct weir__loop *loop;
    struct weir_listener *listener;
    struct weir_group gate; /* a child of the user's group while weir_react runs: its hook is called
                             * when that group is cancelled */
    struct weir__timer retry;
    struct weir_conn *stalled, **stalled_end; /* a queue, by next */
    size_t refs; /* connections, and weir_react itself */
};

/* What comes before it in its block depends on the stream. Behind it lies the user's state. */
struct weir_conn {
    _Alignas(16) struct weir_group group;
    struct react_server *server;
    struct weir_stream *stream;
    struct weir_conn *next; /* in server->stalled */
    int rc;                 /* the argument of the user's function closed */
    uint8_t state;
    uint8_t ahead;
    bool stop; /* nothing more is delivered */
    bool is_over : 1; /* the block is a struct conn_over */
    bool stalled : 1; /* it is in server->stalled */
    bool opened : 1;
    bool begun : 1;  /* the stream's own handshake is over, or it has none */
    bool refused : 1; /* that handshake failed: the user's functions do not know the connection */
};

/* A connection over a socket, which lies in its block: it is freed as a stream. */
struct conn_socket {
    struct weir__socket socket; /* its op is the RECV, and later the CLOSE */
    struct weir_conn conn;
};

/* A connection over a stream of another kind. The op, its ask, lies where that of a socket lies. */
struct conn_over {
    uint8_t aligned[8];
    struct weir__op op;
    uint8_t unused[sizeof(struct weir__peer)];
    struct weir_conn conn;
};

enum { CONN_OP_AT = offsetof(struct conn_socket, conn) - offsetof(struct conn_socket, socket.op) };

static_assert(offsetof(struct conn_socket, socket.stream) == 0, "freed as a stream");
static_assert(sizeof(struct conn_socket) <= 448, "an idle one: 512 bytes with 56 of state");
static_assert(offsetof(struct conn_over, conn) - offsetof(struct conn_over, op) == CONN_OP_AT,
              "found without a look at the kind");

static inline struct weir__op *conn_op(struct weir_conn *c) {
    return (struct weir__op *)(void *)((char *)c - CONN_OP_AT);
}

/* A connection without a socket yet; NULL: no memory. weir__conn_free gives it up again. */
struct weir_conn *weir__conn_new(struct react_server *sv);
struct weir__socket *weir__conn_socket(struct weir_conn *c);

/* The same for a stream of another kind. */
struct weir_conn *weir__conn_over_new(struct react_server *sv);
void weir__conn_free(struct weir_conn *c);

/* It has taken its stream over, and closes it from now on. */
void weir__conn_take(struct weir_conn *c, struct weir_stream **take_stream);

/* Its stream is there: c lives until it is closed, as a child of g. */
void weir__conn_begin(struct weir_conn *c, struct weir_group *g);

#endif

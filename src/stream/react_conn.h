/* SPDX-License-Identifier: MIT */
/* react_conn.h - one connection of a reactive server, for react.c, which makes them. */
#ifndef WEIR_STREAM_REACT_CONN_H
#define WEIR_STREAM_REACT_CONN_H

#include <assert.h>

#include "base/list.h"
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
    struct weir__list stalled;
    size_t refs; /* connections, and weir_react itself */
};

struct weir_conn {
    struct weir__socket socket; /* its op is the RECV, and later the CLOSE */
    struct weir_group group;
    struct react_server *server;
    struct weir__list link; /* in server->stalled */
    int rc;                 /* the argument of the user's function closed */
    uint8_t state;
    bool opened;
    bool stop; /* nothing more is delivered */
    uint8_t ahead;
    _Alignas(16) uint8_t user[];
};

static_assert(offsetof(struct weir_conn, socket.stream) == 0, "freed as a stream");
static_assert(sizeof(struct weir_conn) <= 448, "an idle one: 512 bytes with 56 of state");

/* l: NULL for the server of one stream. NULL: no memory. */
struct react_server *weir__react_server_new(struct weir__loop *loop, struct weir_listener *l,
                                            const struct weir_reactive *r,
                                            const struct weir__react_hooks *hooks);
void weir__react_server_unref(struct react_server *sv);

/* A connection without a socket yet; NULL: no memory. weir__free gives it up again. */
struct weir_conn *weir__conn_new(struct react_server *sv);

/* Its socket is there: c lives until it is closed, as a child of g. */
void weir__conn_begin(struct weir_conn *c, struct weir_group *g);

#endif

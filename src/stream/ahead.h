/* SPDX-License-Identifier: MIT */
/* ahead.h - what protocols need of a reactive server beyond weir/stream.h: to read on while one of
 * its functions is suspended (WebSocket must answer pings meanwhile, HTTP must see that the client
 * has gone), to wait for a piece inside a function, and to give a live connection other functions
 * (HTTP becomes WebSocket). */
#ifndef WEIR_STREAM_AHEAD_H
#define WEIR_STREAM_AHEAD_H

#include <weir/stream.h>

#include "loop/loop.h"

enum weir__ahead {
    WEIR__AHEAD_KEEP, /* the piece was not used: the next call of message gets it */
    WEIR__AHEAD_STOP, /* the piece was used; do not ask for another */
    WEIR__AHEAD_MORE, /* the piece was used; ask for the next */
};

/* Called with each piece that weir__conn_ahead asked for. It may write into v until it returns. It
 * does not run in a task and must not suspend. v.len 0: the end of the stream (rc 0) or an error;
 * the connection's task will meet it again in its place, and the answer must be KEEP. The function
 * of the user that was suspended may have returned meanwhile. */
typedef enum weir__ahead weir__ahead_fn(struct weir_conn *c, void *state, struct weir_view v,
                                        int rc);

struct weir__react_hooks {
    weir__ahead_fn *ahead;
    /* Called when nothing more will be delivered: the end of the stream (rc 0) or an error was
     * read, a function failed, g was cancelled, or weir_conn_close was called. The connection's
     * group is not yet cancelled, so what must still be sent can be sent here. Runs in a task: may
     * suspend. May be NULL. */
    void (*ends)(struct weir_conn *c, void *state, int rc);
    /* Of a weir__react_server_new: the last reference has gone, and arg, that of the functions, is
     * not used any more. Must not suspend. May be NULL. */
    void (*freed)(void *arg);
};

/* Functions that connections are served by, with what belongs to them. */
struct react_server;

/* l: NULL for functions that connections become, or of one stream. Returns NULL: no memory. The
 * caller holds a reference, and so does each connection. */
struct react_server *weir__react_server_new(struct weir__loop *loop,
                                                     struct weir_listener *l,
                                                     const struct weir_reactive *r,
                                                     const struct weir__react_hooks *hooks);
WEIR_API void weir__react_server_unref(struct react_server *sv);

/* How large the state of its connections is: another server's must be as large for them to become
 * one of sv's. */
WEIR_API size_t weir__react_state_size(const struct react_server *sv);

/* As weir_react, by sv, which was made for l; takes the reference. */
int weir__react_by(struct weir_listener *l, struct weir_group *g, struct react_server *sv);

/* As weir_react. */
WEIR_API int weir__react(struct weir_listener *l, struct weir_group *g,
                         const struct weir_reactive *r, const struct weir__react_hooks *hooks);

/* While the function opened or message of c is suspended: ask for the next piece, unless that was
 * done. hooks.ahead may be called before this returns. Returns true if a RECV is pending. */
WEIR_API bool weir__conn_ahead(struct weir_conn *c);

/* For message, hooks.ends and closed: wait for the next piece, which message would have got. As
 * weir_peek, but the piece is lent until the next call; so is the one that message was called with.
 * Suspends. */
WEIR_API ssize_t weir__conn_next(struct weir_conn *c, struct weir_view *ret_view);

/* In message: from now on c is served by sv, whose state is not larger than that of the functions
 * before. Its state begins zeroed; sv's opened is called when message returns, and then sv's
 * message with a copy of rest. The functions before must have released what their state held, must
 * not touch it or their arg again, and return 0 or more at once. Nothing else of theirs is called.
 * A piece that they have asked for by weir__conn_ahead may still be pending: then hooks.ahead of sv
 * gets it, perhaps before sv's message was called, or else sv's message.
 * Returns 0; -ENOMEM, and nothing has changed. */
WEIR_API int weir__conn_become(struct weir_conn *c, struct react_server *sv, struct weir_view rest);

/* Cancel those connections below g, a group of nothing but connections, that have become another
 * server's: whose functions have another arg. */
WEIR_API void weir__conns_cancel_others(struct weir_group *g, const void *arg, const char *cause);

/* A pointer's worth of memory that the room above may use while one of the server's functions
 * runs. */
void **weir__conn_aside(struct weir_conn *c);

#endif

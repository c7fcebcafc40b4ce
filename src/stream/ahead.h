/* SPDX-License-Identifier: MIT */
/* ahead.h - a reactive server that reads on while one of its functions is suspended. The protocols
 * above (proto) need it: they must answer pings meanwhile. */
#ifndef WEIR_STREAM_AHEAD_H
#define WEIR_STREAM_AHEAD_H

#include <weir/stream.h>

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
};

/* As weir_react. */
WEIR_API int weir__react(struct weir_listener *l, struct weir_group *g,
                         const struct weir_reactive *r, const struct weir__react_hooks *hooks);

/* While the function opened or message of c is suspended: ask for the next piece, unless that was
 * done. hooks.ahead may be called before this returns. Returns true if a RECV is pending. */
bool weir__conn_ahead(struct weir_conn *c);

/* For hooks.ends and for closed: wait for the next piece, which message would have got. As
 * weir_peek, but the piece is lent until the next call. Suspends. */
WEIR_API ssize_t weir__conn_next(struct weir_conn *c, struct weir_view *ret_view);

/* A pointer's worth of memory that the room above may use while one of the server's functions
 * runs. */
void **weir__conn_aside(struct weir_conn *c);

#endif

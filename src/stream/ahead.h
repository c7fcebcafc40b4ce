/* SPDX-License-Identifier: MIT */
/* ahead.h - a reactive server that reads on while one of its functions is suspended: for the
 * protocols above (proto), which must answer a peer that only wants to know that we live. */
#ifndef WEIR_STREAM_AHEAD_H
#define WEIR_STREAM_AHEAD_H

#include <weir/stream.h>

enum weir__ahead {
    WEIR__AHEAD_KEEP, /* the piece is not looked at: message gets it, once it has returned */
    WEIR__AHEAD_STOP, /* it is taken, and nothing more is asked for */
    WEIR__AHEAD_MORE, /* it is taken: ask for the next */
};

/* Called with each piece that weir__conn_ahead asked for; v is the caller's to write until
 * it returns. Not in a task: must not suspend. v.len 0: the peer's end (rc 0) or an error, which
 * message's caller meets again in its place; the answer is then KEEP. The function may have
 * returned meanwhile. */
typedef enum weir__ahead weir__ahead_fn(struct weir_conn *c, void *state, struct weir_view v,
                                        int rc);

struct weir__react_hooks {
    weir__ahead_fn *ahead;
    /* Nothing more is delivered: the peer's end (rc 0) or an error was read, a function failed, g
     * was cancelled, or weir_conn_close called. Before the connection's group is cancelled: what
     * must still leave, leaves now. In a task: may suspend. May be NULL. */
    void (*ends)(struct weir_conn *c, void *state, int rc);
};

/* As weir_react. */
int weir__react(struct weir_listener *l, struct weir_group *g, const struct weir_reactive *r,
                const struct weir__react_hooks *hooks);

/* While opened or message of c is suspended: ask for the next piece, unless it was asked for. Its
 * function may be called before this returns. True: a piece is awaited. */
bool weir__conn_ahead(struct weir_conn *c);

/* In hooks.ends, and in closed before the users of a protocol hear of the end: wait for the next
 * piece, which a function's caller would have got. As weir_peek, but lent until the next call.
 * Suspends; not a cancel point if a piece is there. */
ssize_t weir__conn_next(struct weir_conn *c, struct weir_view *ret_view);

/* Room for a pointer, for the server's use while one of its functions runs. */
void **weir__conn_aside(struct weir_conn *c);

#endif

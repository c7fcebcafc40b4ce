/* SPDX-License-Identifier: MIT */
/* listen.h - what react.c needs of a listener: to accept into a socket that lies in its own memory,
 * or a stream of another kind. And what a kind of stream over others, such as TLS, needs: to get
 * each connection. */
#ifndef WEIR_STREAM_LISTEN_H
#define WEIR_STREAM_LISTEN_H

#include "stream/socket.h"

/* Begin to accept. Only one call (weir_accept or weir_react) may accept on a listener at a time.
 * Returns 0, -EBUSY, or what weir__suspend_enter returns. After 0 call weir__listener_leave. */
int weir__listener_enter(struct weir_listener *l, const char *what);
/* Returns rc, or WEIR_ECLOSED if l was closed meanwhile: l must not be used after that. */
int weir__listener_leave(struct weir_listener *l, int rc);

/* Between enter and leave: accepting failed with why, an error that may pass. Log it, at most once
 * a second, and wait a moment. Returns 0: try again; WEIR_ECLOSED, -ECANCELED, -ETIME, or the code
 * of weir__listener_interrupt. */
int weir__listener_pause(struct weir_listener *l, int why);

/* Between enter and leave: wait for the next connection and put it into k, which the caller has
 * initialized. Returns 0, -ECANCELED, -ETIME, WEIR_ECLOSED; on error no connection was taken. */
int weir__listener_next(struct weir_listener *l, struct weir__socket *k);

/* The same, but the connection is a stream, which is the caller's; on a listener of any kind. */
int weir__listener_stream(struct weir_listener *l, struct weir_stream **ret_stream);

/* May weir__listener_next be called? Else the connections lie in memory, or are streams over
 * sockets. */
bool weir__listener_has_sockets(const struct weir_listener *l);

/* Let weir__listener_next, _stream and _pause return rc. */
void weir__listener_interrupt(struct weir_listener *l, int rc);

/* What becomes of the connections of a listener on sockets: a stream over each. */
struct weir__listens_over {
    /* May a connection that has come be accepted? NULL: yes. Else the queue in which to wait; then
     * it is asked again. */
    struct weir__waitq *(*full)(void *arg);
    /* Make a stream over *take_stream, which it owns from then on. Must not suspend: what the new
     * stream must do first is its kind's function begin. Returns 0; an error: the connection is
     * closed, the error logged, and the next one awaited. */
    int (*wrap)(void *arg, struct weir_stream **take_stream, struct weir_stream **ret_stream);
    void (*unlistened)(void *arg); /* the listener is gone: arg is not used again */
};
void weir__listener_over(struct weir_listener *l, const struct weir__listens_over *over,
                         void *arg);

struct weir__loop *weir__listener_loop(const struct weir_listener *l);

#endif

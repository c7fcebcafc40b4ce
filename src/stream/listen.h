/* SPDX-License-Identifier: MIT */
/* listen.h - what react needs of a listener: the next arrival, without a stream around it. */
#ifndef WEIR_STREAM_LISTEN_H
#define WEIR_STREAM_LISTEN_H

#include "stream/socket.h"

/* Take the only place before the door: weir_accept and weir_react exclude each other. Returns 0,
 * -EBUSY, or what weir__suspend_enter says. Followed by weir__listener_leave. */
int weir__listener_enter(struct weir_listener *l, const char *what);
/* Returns rc, or WEIR_ECLOSED if l was closed meanwhile: then l is gone. */
int weir__listener_leave(struct weir_listener *l, int rc);

/* Inside enter and leave: wait a moment, as an error that will pass (why) is logged, once a second.
 * Returns 0: try again; WEIR_ECLOSED, -ECANCELED, -ETIME, or the interrupt's code. */
int weir__listener_pause(struct weir_listener *l, int why);

/* Wait for the next connection and make it k's (initialized by the caller). Inside enter and
 * leave. Returns 0, -ECANCELED, -ETIME, WEIR_ECLOSED; then nothing was taken. */
int weir__listener_next(struct weir_listener *l, struct weir__socket *k);

/* Whoever waits inside weir__listener_next gets rc. */
void weir__listener_interrupt(struct weir_listener *l, int rc);

struct weir_loop *weir__listener_loop(const struct weir_listener *l);

#endif

/* SPDX-License-Identifier: MIT */
/* ws_wait.h - the tasks that wait on a connection: senders in line, and all others. */
#ifndef WEIR_PROTO_WS_WAIT_H
#define WEIR_PROTO_WS_WAIT_H

#include "proto/weir_ws.h"

/* Take a place. Every begin has its end. */
void weir__ws_wait_begin(struct weir_ws *ws, struct ws_waiter *w, enum ws_why why);
/* Wait for news. Returns 0, -ECANCELED or -ETIME; unless cancelled the place is kept. */
int weir__ws_wait(struct weir_ws *ws, struct ws_waiter *w, const char *what);
int64_t weir__ws_wait_park(struct ws_waiter *w, const char *what); /* the same, come what may */
void weir__ws_wait_end(struct weir_ws *ws, struct ws_waiter *w);
void weir__ws_wake(struct weir_ws *ws); /* something has changed */
int weir__ws_flushed(struct weir_ws *ws, const char *what); /* wait until all has left or cannot */

#endif

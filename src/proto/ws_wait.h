/* SPDX-License-Identifier: MIT */
/* ws_wait.h - the tasks that wait on a connection: senders in line, and all others. */
#ifndef WEIR_PROTO_WS_WAIT_H
#define WEIR_PROTO_WS_WAIT_H

#include "proto/weir_ws.h"

/* What a task waits for in these calls. */
extern const struct weir__what weir__ws_sends, weir__ws_receives, weir__ws_closes,
    weir__ws_flushes, weir__ws_ends;

/* Begin to wait: take a place in a queue. Each begin needs its weir__ws_wait_end. */
void weir__ws_wait_begin(struct weir_ws *ws, struct ws_waiter *w, enum ws_why why);
/* Suspend until weir__ws_wake. Returns 0, -ECANCELED or -ETIME; a cancel gives up the place, and w
 * cannot wait again. */
int weir__ws_wait(struct weir_ws *ws, struct ws_waiter *w, const struct weir__what *what);
/* Not a cancel point. */
int64_t weir__ws_wait_park(struct weir_ws *ws, struct ws_waiter *w,
                           const struct weir__what *what);
void weir__ws_wait_end(struct weir_ws *ws, struct ws_waiter *w);
/* Something has changed: wake the first sender, or all if none can send any more, and the others
 * that wait for it. */
void weir__ws_wake_waiting(struct weir_ws *ws);
static inline void weir__ws_wake(struct weir_ws *ws) {
    if (!weir__waitq_empty(&ws->out.room) || !weir__waitq_empty(&ws->others))
        weir__ws_wake_waiting(ws);
}
/* Wait until ws_is_flushed. Returns 0, -ECANCELED or -ETIME. */
int weir__ws_flushed(struct weir_ws *ws, const struct weir__what *what);

#endif

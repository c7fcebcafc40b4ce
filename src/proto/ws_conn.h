/* SPDX-License-Identifier: MIT */
/* ws_conn.h - the life of a connection, whoever drives it: options, creation, release, the first
 * error that it met, its one timer. */
#ifndef WEIR_PROTO_WS_CONN_H
#define WEIR_PROTO_WS_CONN_H

#include "base/check.h"
#include "proto/weir_ws.h"

struct ws_config *weir__ws_config_new(const struct weir_ws_options *options,
                                      const struct ws_driver *driver);
void weir__ws_config_unref(struct ws_config *c);
/* What the queue of a connection with these options holds, and so its largest message. */
size_t weir__ws_queue_max(const struct weir_ws_options *o);
void weir__ws_init(struct weir_ws *ws, struct weir_stream *s, struct ws_config *c,
                   enum weir__ws_role role);
void weir__ws_fini(struct weir_ws *ws);
/* The connection has failed with rc: every further call returns the first such code. */
void weir__ws_broke(struct weir_ws *ws, int rc);
/* The same, and close it now: the driver lets waits for the peer return. */
void weir__ws_cut(struct weir_ws *ws, int rc);
void weir__ws_timer(struct weir_ws *ws, void (*fire)(struct weir__timer *), weir_ns from,
                    weir_ns after);

/* Undo ws->inside++. */
static inline void weir__ws_leave(struct weir_ws *ws) {
    WEIR_CHECK(ws->inside > 0);
    if (--ws->inside == 0 && __builtin_expect(ws->state == WS_DROPPED, 0))
        ws->config->driver->left(ws);
}

/* The cancel point of a public call on ws, and its checks of ws. */
static inline int ws_check(struct weir_ws *ws, const char *what) {
    int rc = weir__suspend_enter_on(ws ? ws->config->loop : NULL, what);
    if (__builtin_expect(rc == 0, 1))
        weir__not_null(ws, what);
    return rc;
}

/* The head and the end of a public call. */
static inline int ws_enter(struct weir_ws *ws, const char *what) {
    int rc = ws_check(ws, what);
    if (rc == 0)
        ws->inside++;
    return rc;
}

/* Other tasks run at the end of a call, not within it: so messages keep the order of the calls. */
static inline int ws_exit(struct weir_ws *ws, int rc) {
    if (weir__breathe() && rc == 0 && ws->state == WS_DROPPED)
        rc = weir__fail(WEIR_ECLOSED, "ws send", NULL);
    weir__ws_leave(ws);
    return rc;
}

/* Allocated if there is none. NULL: no memory. */
struct ws_extra *weir__ws_extra(struct weir_ws *ws);

#endif

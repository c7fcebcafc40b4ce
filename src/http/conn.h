/* SPDX-License-Identifier: MIT */
/* conn.h - one connection of a server without a task per connection, and its server. serve.c takes
 * the requests out of the pieces and runs a task's handler; react.c calls the functions of a
 * reactive server; server.c accepts, bounds and drains.
 *
 *   phase   what is awaited                                      its bound
 *   WAITS   the next request, or the rest of its head            idle_ns, head_ns
 *   RUNS    nothing: a task of the connection runs               none here
 *   BODY    reactive: a piece of the body; there is no task      what is left of body_ns
 *   SENDS   what is left of the answers                          send_ns
 *   LINGERS the client's end of stream, after the last answer    HTTP_LINGER_NS
 *   LATE    nothing: the bound is over, a task answers 408
 *   OVER    nothing */
#ifndef WEIR_HTTP_CONN_H
#define WEIR_HTTP_CONN_H

#include <assert.h>

#include "http/http.h"
#include "stream/ahead.h"

enum http_phase {
    HTTP_PHASE_WAITS,
    HTTP_PHASE_RUNS,
    HTTP_PHASE_BODY,
    HTTP_PHASE_SENDS,
    HTTP_PHASE_LINGERS,
    HTTP_PHASE_LATE,
    HTTP_PHASE_OVER,
};

struct http_server {
    struct weir_group group;   /* all connections hang below it */
    struct http_config *config;
    struct weir_http_reactive fn; /* request NULL: not a reactive one */
    struct weir__list conns;
    size_t live;
    struct weir__waitq drained; /* weir_http_serve, while it waits for the last connection */
    bool draining;
};

struct http_conn { /* the state of a weir_conn */
    struct weir_http http;
    struct weir_conn *conn;
    struct weir__list link;   /* in the server's conns */
    struct weir__timer timer; /* armed for due or for an earlier time, when it looks again */
    weir_ns due;              /* the bound of the phase */
    weir_ns since;            /* BODY: when the wait began */
    uint32_t discarded;       /* bytes: LINGERS; BODY: since the answer */
    uint8_t phase;
    bool has_left;            /* the client: its end of stream was read ahead */
    bool rested;              /* OVER: no request had begun */
};

static_assert(sizeof(struct http_conn) <= 256, "an idle one: its weir_conn and this");

static inline struct http_server *http_server_of(const struct http_conn *c) {
    return weir_conn_arg(c->conn);
}

enum { HTTP_BECAME = 2 };

/* server.c: c's request is a handshake of another protocol: from now on its connection is served by
 * h->becomes. Returns 0: c is gone, and nothing of it may be touched; 1: the server stops, and the
 * request was answered; < 0: it was not. */
int weir__http_conn_become(struct http_conn *c);

/* server.c: the bound of c's phase; WEIR_NEVER: none. */
void weir__http_bound(struct http_conn *c, weir_ns due);
/* No request follows: send what is unsent, then wait, without a task, until the client closes. */
void weir__http_conn_last(struct http_conn *c);

/* serve.c: weir_reactive's message. */
int weir__http_piece(struct weir_conn *conn, void *state, struct weir_view v);
/* The head in h->request is bad (rc < 0), or came too late: refuse it. */
void weir__http_conn_refuse(struct http_conn *c);

/* react.c: functions of a reactive server. */
int weir__http_react_request(struct http_conn *c); /* the head is whole: RUNS */
int weir__http_react_body(struct http_conn *c);    /* BODY, and the window is not empty */
void weir__http_react_done(struct http_conn *c, int rc); /* the request is over */

#endif

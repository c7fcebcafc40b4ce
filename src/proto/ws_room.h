/* SPDX-License-Identifier: MIT */
/* ws_room.h - what rooms above may ask of a WebSocket beside <weir/ws.h>. */
#ifndef WEIR_PROTO_WS_ROOM_H
#define WEIR_PROTO_WS_ROOM_H

#include <weir/ws.h>

struct react_server;
struct weir_conn;

/* An HTTP server, routes of which lead to WebSockets. */
struct weir__ws_host {
    const void *server; /* `server` of the requests; outlives the connections */
    /* For its log; both NULL: there is none. conn has become a WebSocket's (weir__conn_become), and
     * nothing has suspended since. What is returned goes to answered. */
    void *(*becomes)(const void *server, struct weir_conn *conn);
    /* Once for each: the client was answered, with 101, or with a refusal of `sent` bytes. rc: what
     * sending that met. Status 0: it got no answer. */
    void (*answered)(void *becomes, int status, size_t sent, int rc);
};

/* What weir_ws_react serves connections by, for an HTTP server (weir__conn_become): a connection
 * that becomes one gets the head of its request, and what follows, as its first bytes, and the
 * handshake begins with them. options and host may be NULL. Give *ret_server back by
 * weir__react_server_unref. Returns 0; -ENOMEM, -EINVAL, WEIR_ENOZLIB. */
WEIR_API int weir__ws_react_server(const struct weir_ws_reactive *r,
                                   const struct weir_ws_options *options, struct weir_listener *l,
                                   const struct weir__ws_host *host,
                                   struct react_server **ret_server);

/* As weir_ws_accept for a request whose head was read from the stream, and is gone from it. */
WEIR_API int weir__ws_accept_request(struct weir_stream **take_stream,
                                     const struct weir_ws_options *options,
                                     const struct weir_http_request *r, struct weir_ws **ret_ws);

/* If we have closed the connection because the peer broke the rules, or because we could not go on:
 * the code of our close frame (1002, 1007, 1008, 1009, 1011), and *ret_why, its reason, a static
 * text. Else 0, and *ret_why is untouched. */
int weir__ws_refusal(const struct weir_ws *ws, const char **ret_why);

/* Has part of a message been received? Its rest may be on its way, and does not answer what we send
 * now. */
bool weir__ws_is_inside(const struct weir_ws *ws);

/* Wait as weir_ws_send does, until a message of len bytes can be queued; but queue nothing, so that
 * the caller may look around first. Other tasks may run before it returns: weir_ws_try_send may
 * still find no room. Returns as weir_ws_send. Suspends; a cancel point. */
int weir__ws_await_room(struct weir_ws *ws, size_t len);

/* weir_ws_receive in two halves. The second may take close_ns; a room that must react at once to
 * the end of a connection does so between the two.
 *
 * Wait for the next message. As weir_ws_receive, but if the connection has ended, it returns before
 * our close frame has left: then *ret_ends is true, and the caller must call weir__ws_receive_end.
 * Suspends; a cancel point. */
int weir__ws_receive(struct weir_ws *ws, struct weir_ws_message *ret_message, bool *ret_ends);

/* Write our close frame, and after a failure wait until the peer has closed, for at most close_ns.
 * If the peer closed its side without a close frame, write what was queued, bounded by pong_ns.
 * why: what weir__ws_receive returned; its error record is kept. A cancel cuts it short.
 * Suspends. */
void weir__ws_receive_end(struct weir_ws *ws, int why);

#endif

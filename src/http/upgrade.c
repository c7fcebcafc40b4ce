/* SPDX-License-Identifier: MIT */
/* upgrade.c - a request becomes a WebSocket connection: in its handler's hands, or served by the
 * functions of a reactive WebSocket server. */
#include <errno.h>

#include "http/lease.h"
#include "proto/ws_room.h"

int weir_http_ws_accept(struct weir_http_request *pub, const struct weir_ws_options *options,
                        struct weir_ws **ret_ws) {
    struct weir_stream *s;
    int rc = weir__suspend_enter("http ws accept");
    if (rc < 0)
        return rc;
    struct http_request *r = http_request_of(pub, "weir_http_ws_accept");
    struct weir_http *h = r->http;
    if (pub->reply != HTTP_UNANSWERED)
        return weir__failf(-EALREADY, "http ws accept", weir_stream_peer(h->stream),
                           "the request is answered already");
    if ((rc = weir__http_send(h, NULL, 0)) < 0 || (rc = weir__http_lease_new(h, &s)) < 0)
        return rc;
    pub->reply = HTTP_ANSWERED;
    r->ended = true;
    h->close = h->broken = true; /* for HTTP nothing follows */
    rc = weir__ws_accept_request(&s, options, pub, ret_ws);
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    r->status = (uint16_t)(rc == 0 ? 101 : e != NULL && e->status > 0 ? e->status : 400);
    return rc;
}

int weir__http_ws_route(struct weir_http_request *pub, const struct weir_http_route *route) {
    return weir_http_reply(pub, 501, NULL);
}

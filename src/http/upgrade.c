/* SPDX-License-Identifier: MIT */
/* upgrade.c - a request becomes a WebSocket connection: in its handler's hands, or served by the
 * functions of a reactive WebSocket server. */
#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"
#include "http/lease.h"
#include "proto/ws_room.h"
#include "stream/ahead.h"

int weir_http_ws_accept(struct weir_http_request *pub, const struct weir_ws_options *options,
                        struct weir_ws **ret_ws) {
    struct weir_stream *s;
    int rc = weir__suspend_enter("http ws accept");
    if (rc < 0)
        return rc;
    struct http_request *r = weir__http_request_of(pub, "weir_http_ws_accept");
    struct weir_http *h = r->http;
    if (pub->reply != HTTP_UNANSWERED || r->answering)
        return weir__failf(-EALREADY, "http ws accept", weir_stream_peer(h->stream),
                           "the request is answered already");
    r->answering = true;
    rc = weir__http_send(h, NULL, 0);
    r->answering = false;
    if (rc < 0 || (rc = weir__http_lease_new(h, &s)) < 0) {
        h->close = true;
        return rc;
    }
    pub->reply = HTTP_ANSWERED;
    r->ended = true;
    h->close = h->broken = true; /* for HTTP nothing follows */
    rc = weir__ws_accept_request(&s, options, pub, ret_ws);
    h->upgraded = rc == 0;
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    r->status = (uint16_t)(rc == 0 ? 101 : e != NULL && e->status > 0 ? e->status : 400);
    return rc;
}

/* ---- routes of reactive WebSockets ---- */

/* A request is over when its client was answered, which is the WebSocket's to do: for the log, what
 * it has to say is kept until then. */
struct http_upgraded {
    struct weir__list link; /* config's */
    struct weir_conn *conn;
    struct weir_http http;  /* only config, stream, client, nameless, request */
};

struct http_upgraded *weir__http_upgraded_new(void) {
    return weir__alloc_zero(sizeof(struct http_upgraded));
}

void weir__http_upgraded_keep(struct http_upgraded *u, struct weir_http *h,
                              struct weir_conn *conn) {
    struct http_config *config = h->config;
    u->conn = conn;
    u->http = (struct weir_http){.stream = h->stream, .config = config, .client = h->client,
                                 .nameless = h->nameless, .request = h->request};
    u->http.request->http = &u->http;
    h->request = NULL;
    h->client = NULL;
    config->refs++;
    weir__list_add_tail(&config->upgraded, &u->link);
}

static void *becomes(const void *server, struct weir_conn *conn) {
    const struct http_config *c = server;
    struct http_upgraded *u = WEIR_CONTAINER(c->upgraded.prev, struct http_upgraded, link);
    WEIR_CHECK(c->upgraded.prev != &c->upgraded && u->conn == conn);
    return u;
}

static void answered(void *arg, int status, size_t sent, int rc) {
    struct http_upgraded *u = arg;
    struct http_config *c = u->http.config;
    struct http_request *r = u->http.request;
    weir__list_remove(&u->link);
    r->status = (uint16_t)status;
    r->sent = sent;
    r->pub.failed = rc;
    weir__http_over(r);
    weir__free(u->http.client);
    weir__free(u);
    weir__http_config_unref(c);
}

int weir__http_upgrades_open(struct http_config *c, size_t *state_size) {
    const struct weir__ws_host host = {c, c->logged != NULL ? becomes : NULL,
                                       c->logged != NULL ? answered : NULL};
    size_t count = 0;
    int rc = 0;
    while (c->o.routes != NULL && (c->o.routes[count].fn != NULL || c->o.routes[count].ws != NULL))
        count++;
    c->upgrades = weir__alloc_zero((count + 1) * sizeof c->upgrades[0]);
    if (c->upgrades == NULL)
        return weir__fail(-ENOMEM, "http serve", NULL);
    c->upgrades_count = count;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct weir_http_route *route = &c->o.routes[i];
        if (route->ws == NULL)
            continue;
        rc = weir__ws_react_server(route->ws, route->ws_options, NULL, &host, &c->upgrades[i]);
        size_t size = rc == 0 ? weir__react_state_size(c->upgrades[i]) : 0;
        *state_size = size > *state_size ? size : *state_size;
    }
    return rc;
}

/* The connection changes its functions when this has returned: see weir__http_conn_become. */
int weir__http_ws_route(struct weir_http_request *pub, const struct weir_http_route *route) {
    struct http_request *r = WEIR_CONTAINER(pub, struct http_request, pub);
    struct weir_http *h = r->http;
    if (h->config->upgrades == NULL)
        return weir_http_reply(pub, 501, NULL); /* a connection that a task serves */
    h->becomes = h->config->upgrades[r->match.number];
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* echo_server.c - our WebSocket server as the suite wants it: each message comes back, compressed
 * where the client offers it. In both shapes; the command line is that of examples/echo_main.h. */
#include <weir/weir.h>

#include "../../examples/echo_main.h"

/* Contexts are kept, which is the harder case; a client may ask for none. */
static const struct weir_ws_deflate deflate = {
    .size = sizeof deflate, .server_takeover = true, .client_takeover = true, .threshold = 1};
static const struct weir_ws_options options = {
    .size = sizeof options, .deflate = WEIR_HAVE_ZLIB ? &deflate : NULL};

struct client_args {
    struct weir_stream *peer;
};

static int client(void *args) {
    struct client_args *a = args;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    int rc = weir_ws_accept(&a->peer, &options, &ws);
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = weir_ws_send(ws, m.type, m.data.base, m.data.len);
    return 0;
}

static int serve(struct weir_listener *l, struct weir_group *clients) {
    struct weir_stream *peer;
    int rc;
    while ((rc = weir_accept(l, &peer)) == 0)
        if (weir_go(clients, client, .peer = peer) < 0)
            weir_close(&peer);
    return rc;
}

static int message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    (void)state;
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static const struct weir_ws_reactive reactive = {.size = sizeof reactive, .message = message};

static int react(struct weir_listener *l, struct weir_group *clients) {
    return weir_ws_react(l, clients, &reactive, &options);
}

int main(int argc, char **argv) {
    return echo_main("echo-server", argc, argv, &(struct echo_shapes){serve, react});
}

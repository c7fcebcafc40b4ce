/* SPDX-License-Identifier: MIT */
/* ws-echo - a WebSocket server that sends each message back, in both shapes (see tcp-echo.c). */
#include <stdio.h>
#include <weir/weir.h>

#include "echo_main.h"

/* ---- serve: a task per connection ---- */

struct client_args {
    struct weir_stream *peer;
};

static int client(void *args) {
    struct client_args *a = args;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    int rc = weir_ws_accept(&a->peer, NULL, &ws); /* the stream is the WebSocket's now */
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = weir_ws_send(ws, m.type, m.data.base, m.data.len);
    return rc == WEIR_EWSCLOSED || rc == WEIR_EEOF || rc == -ECONNRESET ? 0 : rc;
}

static int serve(struct weir_listener *l, struct weir_group *clients) {
    struct weir_stream *peer;
    int rc;
    while ((rc = weir_accept(l, &peer)) == 0)
        if (weir_go(clients, client, .peer = peer) < 0)
            weir_close(&peer);
    return rc;
}

/* ---- react: functions per connection ---- */

static int message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    (void)state;
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static const struct weir_ws_reactive reactive = {.size = sizeof reactive, .message = message};

static int react(struct weir_listener *l, struct weir_group *clients) {
    const struct weir_ws_options o = {.size = sizeof o,
                                      .connections_max = (size_t)echo_connections_max()};
    return weir_ws_react(l, clients, &reactive, &o);
}

int main(int argc, char **argv) {
    return echo_main("ws-echo", argc, argv, &(struct echo_shapes){serve, react});
}

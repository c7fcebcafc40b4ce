/* SPDX-License-Identifier: MIT */
/* Shows: weir_ws_dial weir_ws_accept weir_ws_receive weir_ws_send weir_ws_close weir_ws_drop
 * weir_ws weir_ws_message weir_ws_type weir_ws_options weir_ws_path weir_ws_peer weir-ws */
#include <stdio.h>
#include <weir/weir.h>

struct client_args { int port; };

static int client(void *args) {
    const struct weir_ws_options options = {.size = sizeof options, .message_max = 4096};
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    char url[60];
    snprintf(url, sizeof url, "ws://localhost:%d/datafeed", ((struct client_args *)args)->port);
    int rc = weir_ws_dial(url, &options, &ws);
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "21", 2);
    if (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        printf("%.*s\n", (int)m.data.len, (const char *)m.data.base);
    return rc == 0 ? weir_ws_close(ws, 1000, "done") : rc;
}

static int serve_one(struct weir_listener *l) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_stream *peer = NULL;
    struct weir_ws_message m;
    int rc = weir_accept(l, &peer);
    if (rc == 0)
        rc = weir_ws_accept(&peer, NULL, &ws); /* takes the stream, also when it fails */
    if (rc == 0)
        printf("%s wants %s\n", weir_ws_peer(ws), weir_ws_path(ws));
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = weir_ws_send(ws, m.type, m.data.base, m.data.len);
    return rc == WEIR_EWSCLOSED ? 0 : rc; /* the client has closed */
}

static int program(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc == 0)
        rc = weir_go(NULL, client, .port = weir_listener_port(l));
    return rc == 0 ? serve_one(l) : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

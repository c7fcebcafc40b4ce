/* SPDX-License-Identifier: MIT */
/* Shows: weir_ws_send_part weir_ws_try_send weir_ws_flush weir_ws_queued */
#include <stdio.h>
#include <weir/weir.h>

struct client_args { int port; };

static int client(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    char url[60];
    snprintf(url, sizeof url, "ws://localhost:%d/", ((struct client_args *)args)->port);
    int rc = weir_ws_dial(url, NULL, &ws);
    for (int i = 0; i < 3 && rc == 0; i++) /* one message, made while it is sent */
        rc = weir_ws_send_part(ws, WEIR_WS_TEXT, "row\n", 4, i == 2);
    if (rc == 0 && weir_ws_try_send(ws, WEIR_WS_BINARY, "\1\2", 2) == -EAGAIN)
        printf("a sample is dropped: the queue is full\n");
    printf("%d bytes wait\n", (int)weir_ws_queued(ws));
    if (rc == 0)
        rc = weir_ws_flush(ws);
    return rc == 0 ? weir_ws_close(ws, 1000, NULL) : rc;
}

static int program(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_stream *peer = NULL;
    struct weir_ws_message m;
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc == 0)
        rc = weir_go(NULL, client, .port = weir_listener_port(l));
    if (rc == 0 && (rc = weir_accept(l, &peer)) == 0)
        rc = weir_ws_accept(&peer, NULL, &ws);
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        printf("%s of %zu bytes\n", m.type == WEIR_WS_TEXT ? "text" : "binary", m.data.len);
    return rc == WEIR_EWSCLOSED ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* Shows: weir_ws_receive_part weir_ws_part */
#include <stdio.h>
#include <weir/weir.h>

struct client_args { int port; };

/* A message of 10 MiB, of which neither side ever has more than a piece. */
static int client(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    static char piece[64 << 10];
    char url[60];
    snprintf(url, sizeof url, "ws://localhost:%d/", ((struct client_args *)args)->port);
    int rc = weir_ws_dial(url, NULL, &ws);
    for (int i = 0; i < 160 && rc == 0; i++)
        rc = weir_ws_send_part(ws, WEIR_WS_BINARY, piece, sizeof piece, i == 159);
    return rc == 0 ? weir_ws_close(ws, 1000, NULL) : rc;
}

static int program(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_options o = {.size = sizeof o, .message_max = 100 << 20};
    struct weir_stream *peer = NULL;
    struct weir_ws_part part = {0};
    size_t sum = 0;
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc == 0)
        rc = weir_go(NULL, client, .port = weir_listener_port(l));
    if (rc == 0 && (rc = weir_accept(l, &peer)) == 0)
        rc = weir_ws_accept(&peer, &o, &ws);
    while (rc == 0 && (rc = weir_ws_receive_part(ws, &part)) == 0) {
        sum += part.data.len; /* write it to a file, hash it */
        if (part.last)
            printf("a message of %zu bytes\n", sum);
    }
    return rc == WEIR_EWSCLOSED ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

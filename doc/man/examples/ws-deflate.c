/* SPDX-License-Identifier: MIT */
/* Shows: weir-ws_deflate weir_ws_deflate weir_ws_deflated weir_ws_is_deflated */
#include <stdio.h>
#include <weir/weir.h>

/* Similar messages: the server may refer to those before; so one is a few bytes. */
static const struct weir_ws_deflate deflate = {
    .size = sizeof deflate, .level = 3, .server_window_bits = 12, .server_takeover = true};
static const struct weir_ws_options options = {.size = sizeof options, .deflate = &deflate};

struct client_args { int port; };

static int client(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    struct weir_ws_deflated d;
    char url[60];
    snprintf(url, sizeof url, "ws://localhost:%d/", ((struct client_args *)args)->port);
    int rc = weir_ws_dial(url, &options, &ws);
    if (rc == 0 && weir_ws_is_deflated(ws, &d))
        printf("compressed, with a window of %d bits\n", d.server_window_bits);
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        printf("%.*s\n", (int)m.data.len, (const char *)m.data.base);
    return rc == WEIR_EWSCLOSED ? 0 : rc;
}

static int program(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_stream *peer = NULL;
    char text[100];
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc == 0)
        rc = weir_go(NULL, client, .port = weir_listener_port(l));
    if (rc == 0 && (rc = weir_accept(l, &peer)) == 0)
        rc = weir_ws_accept(&peer, &options, &ws);
    for (int i = 0; i < 3 && rc == 0; i++) {
        int n = snprintf(text, sizeof text, "{\"buzzer\": \"kitchen\", \"rings\": %d, "
                                            "\"state\": \"waiting for the ring to end\"}", i);
        rc = weir_ws_send(ws, WEIR_WS_TEXT, text, (size_t)n);
    }
    return rc == 0 ? weir_ws_close(ws, 1000, NULL) : rc;
}

int main(void) {
    int rc = weir_run(program, NULL, NULL);
    return rc < 0 && rc != WEIR_ENOZLIB; /* linked without weir-zlib */
}

/* SPDX-License-Identifier: MIT */
/* Shows: weir_ws_ping weir_ws_latency */
#include <errno.h>
#include <stdio.h>
#include <weir/weir.h>

static int message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    weir_ns one;
    int rc = weir_ws_ping(ws, &one); /* the server reads on meanwhile */
    if (rc < 0)
        return rc;
    weir_ns smoothed = weir_ws_latency(ws, NULL); /* of the keepalive's pings, too */
    printf("%s is near: %s\n", weir_ws_peer(ws), one < WEIR_SECONDS(1) ? "yes" : "no");
    return smoothed < 0 ? (int)smoothed : weir_ws_begin_close(ws, 1000, "measured");
}

static void closed(struct weir_ws *ws, void *state, int rc) {
    weir_stop("all is shown");
}

struct client_args { int port; };

static int client(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    char url[60];
    snprintf(url, sizeof url, "ws://localhost:%d/", ((struct client_args *)args)->port);
    int rc = weir_ws_dial(url, NULL, &ws);
    if (rc == 0 && (rc = weir_ws_send(ws, WEIR_WS_TEXT, "how far?", 8)) == 0)
        rc = weir_ws_receive(ws, &m); /* this answers the ping */
    return rc == WEIR_EWSCLOSED || rc == -ECANCELED ? 0 : rc;
}

static int program(void *arg) {
    static const struct weir_ws_reactive server = {
        .size = sizeof server, .message = message, .closed = closed};
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group g;
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_INDEPENDENT);
    rc = weir_go(&g, client, .port = weir_listener_port(l));
    if (rc == 0)
        rc = weir_ws_react(l, &g, &server, NULL);
    return weir_group_close(&g, rc);
}

int main(void) {
    int rc = weir_run(program, NULL, NULL);
    return rc < 0 && rc != WEIR_ESTOPPED && rc != -ECANCELED;
}

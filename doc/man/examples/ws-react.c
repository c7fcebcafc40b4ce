/* SPDX-License-Identifier: MIT */
/* Shows: weir_ws_react weir_ws_reactive weir_ws_begin_close weir_ws_arg weir_ws_group
 * weir_ws_subprotocol weir_ws_close_code weir_ws_close_reason weir_ws_code_text */
#include <stdio.h>
#include <weir/weir.h>

static int opened(struct weir_ws *ws, void *state) {
    printf("%s, speaks %s\n", (const char *)weir_ws_arg(ws), weir_ws_subprotocol(ws));
    return 0;
}

static int watch(void *arg) {
    return weir_sleep(WEIR_SECONDS(60)); /* cancelled with the connection that began it */
}

static int message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    int rc = weir_go0(weir_ws_group(ws), watch);
    ++*(int *)state;
    return rc < 0 ? rc : weir_ws_begin_close(ws, 1000, "one is enough"); /* closed follows */
}

static void closed(struct weir_ws *ws, void *state, int rc) {
    printf("%d message, the client said %d (%s) %s\n", *(int *)state, weir_ws_close_code(ws),
           weir_ws_code_text(weir_ws_close_code(ws)), weir_ws_close_reason(ws));
    weir_stop("all is shown");
}

static const char *const protocols[] = {"sensor.v1", NULL};
static const struct weir_ws_options options = {.size = sizeof options, .subprotocols = protocols};

struct client_args { int port; };

static int client(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    char url[60];
    snprintf(url, sizeof url, "ws://localhost:%d/", ((struct client_args *)args)->port);
    int rc = weir_ws_dial(url, &options, &ws);
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "20.5", 4);
    if (rc == 0)
        rc = weir_ws_receive(ws, &m);
    return rc == WEIR_EWSCLOSED || rc == -ECANCELED ? 0 : rc;
}

static int program(void *arg) {
    static const struct weir_ws_reactive sensor = {
        .size = sizeof sensor, .state_size = sizeof(int), .opened = opened, .message = message,
        .closed = closed, .arg = "a server"};
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc == 0)
        rc = weir_go(NULL, client, .port = weir_listener_port(l));
    if (rc == 0)
        rc = weir_ws_react(l, &g, &sensor, &options);
    rc = weir_group_close(&g, rc);
    return rc == -ECANCELED ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* Shows: weir-ws_client weir_ws_client weir_ws_client_options weir_ws_client_state
 *   weir_ws_client_facts weir_ws_client_new weir_ws_client_receive weir_ws_client_send
 *   weir_ws_client_look weir_ws_client_ws weir_ws_client_close weir_ws_client_drop */
#include <stdio.h>
#include <weir/weir.h>

/* A server that says goodbye for a restart after each message. */
static int message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    int rc = weir_ws_send(ws, m->type, m->data.base, m->data.len);
    return rc == 0 ? weir_ws_begin_close(ws, 1012, "restarting") : rc;
}

struct server_args { struct weir_listener *l; struct weir_group *clients; };

static int server(void *args) {
    static const struct weir_ws_reactive fn = {.size = sizeof fn, .message = message};
    struct server_args *a = args;
    return weir_ws_react(a->l, a->clients, &fn, NULL);
}

static int subscribe(struct weir_ws *ws, void *topic) {
    return weir_ws_send(ws, WEIR_WS_TEXT, topic, 5);
}

static int talk(struct weir_ws_client *c) {
    struct weir_ws_message m;
    struct weir_ws_client_facts f;
    int rc = weir_ws_client_send(c, WEIR_WS_TEXT, "too early", 9);
    if (rc == -ENOTCONN)
        printf("%s\n", weir_error_message(rc));
    for (int i = 0; i < 3 && (rc = weir_ws_client_receive(c, &m)) == 0; i++) {
        weir_ws_client_look(c, &f);
        printf("%.*s, by connection %u to %s\n", (int)m.data.len, (const char *)m.data.base,
               f.connections, weir_ws_path(weir_ws_client_ws(c)));
    }
    return rc == 0 ? weir_ws_client_close(c, 1000, "enough") : rc;
}

static int program(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_ws_client_drop) struct weir_ws_client *c = NULL;
    struct weir_ws_client_options o = {.size = sizeof o, .first_ns = WEIR_MILLISECONDS(1),
                                       .opened = subscribe, .arg = "rings"};
    struct weir_group g;
    char url[60];
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc == 0)
        rc = weir_go(&g, server, .l = l, .clients = &g);
    snprintf(url, sizeof url, "ws://localhost:%d/feed", rc == 0 ? weir_listener_port(l) : 0);
    if (rc == 0 && (rc = weir_ws_client_new(url, &o, &c)) == 0)
        rc = talk(c);
    weir_group_cancel(&g, "done");
    weir_group_close(&g, 0);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

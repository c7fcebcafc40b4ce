/* SPDX-License-Identifier: MIT */
/* wss://: WebSockets over TLS, served by a task and reactively. */
#include <errno.h>
#include <weir/ws.h>

#include "tls/tls_rig.h"

static struct rig rig;

struct serves_args {
    struct weir_listener *l;
    struct weir_group *g;
    bool reactive;
};

static int ws_echo(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static int serves_one(struct weir_listener *l) {
    struct weir_stream *s;
    struct weir_ws_message m;
    struct weir_ws *ws;
    int rc = weir_accept(l, &s);
    if (rc < 0 || (rc = weir_ws_accept(&s, NULL, &ws)) < 0)
        return rc;
    while ((rc = weir_ws_receive(ws, &m)) >= 0)
        if ((rc = ws_echo(ws, NULL, &m)) < 0)
            break;
    weir_ws_drop(&ws);
    return rc == WEIR_EWSCLOSED ? 0 : rc;
}

static int serves(void *args) {
    struct serves_args *a = args;
    struct weir_ws_reactive r = {.size = sizeof r, .message = ws_echo};
    return a->reactive ? weir_ws_react(a->l, a->g, &r, NULL) : serves_one(a->l);
}

static int listens(struct weir_listener **ret, char *url, size_t size) {
    struct weir_tls *server = rig_server(&rig);
    struct weir_listen_options o = {.size = sizeof o, .tls = server};
    int rc = weir_listen("tls://localhost:0", &o, ret);
    weir_tls_unref(&server);
    if (rc == 0)
        snprintf(url, size, "wss://localhost:%d/", weir_listener_port(*ret));
    return rc;
}

static int asks_ws(const char *url, struct weir_tls *tls) {
    struct weir_ws_options o = {.size = sizeof o, .tls = tls};
    struct weir_ws_message m;
    struct weir_ws *ws;
    int rc = weir_ws_dial(url, &o, &ws);
    for (int i = 0; i < 20 && rc >= 0; i++) {
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "hello", 5);
        if (rc >= 0)
            rc = weir_ws_receive(ws, &m);
        if (rc >= 0)
            assert_memory_equal(m.data.base, "hello", 5);
    }
    if (rc >= 0)
        rc = weir_ws_close(ws, 1000, "");
    weir_ws_drop(&ws);
    return rc;
}

static int conversation(void *arg) {
    struct weir_tls *client = rig_client(&rig);
    struct weir_listener *l = NULL;
    struct weir_group g;
    char url[64];
    int rc = listens(&l, url, sizeof url);
    if (rc == 0) {
        weir_group_open(&g, WEIR_INDEPENDENT);
        rc = weir_go(&g, serves, .l = l, .g = &g, .reactive = arg != NULL);
        if (rc == 0)
            rc = asks_ws(url, client);
        weir_unlisten(&l);
        rc = weir_group_close(&g, rc);
    }
    weir_unlisten(&l);
    weir_tls_unref(&client);
    return rc;
}

WEIR_TEST_BACKENDS(a_task_serves_a_websocket_over_tls) {
    rig_open(&rig);
    assert_int_equal(weir_run(conversation, NULL, NULL), 0);
    rig_close(&rig);
}

WEIR_TEST_BACKENDS(a_websocket_over_tls_is_served_reactively) {
    rig_open(&rig);
    assert_int_equal(weir_run(conversation, &rig, NULL), 0);
    rig_close(&rig);
}

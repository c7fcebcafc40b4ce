/* SPDX-License-Identifier: MIT */
/* Shows: weir_http weir_http_accept weir_http_next weir_http_drop weir_http_ws_accept */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

/* The first message of a WebSocket goes back. */
static int echo(struct weir_http_request *r) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    int rc = weir_http_ws_accept(r, NULL, &ws);
    if (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = weir_ws_send(ws, m.type, m.data.base, m.data.len);
    return rc == 0 ? weir_ws_close(ws, 1000, "") : rc;
}

/* The requests of one connection, in this task. */
static int serve(void *args) {
    struct weir_stream *s = *(struct weir_stream **)args;
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_request *r;
    int rc = weir_http_accept(&s, NULL, &http);
    while (rc == 0 && (rc = weir_http_next(http, &r)) == 1) {
        printf("%s %s\n", weir_http_method(r), weir_http_target(r));
        rc = weir_http_wants_websocket(r) ? echo(r) : weir_http_reply(r, 200, "hello\n");
    }
    weir_close(&s); /* NULL, unless it was not taken */
    return 0;
}

static int accept_loop(void *args) {
    struct weir_listener *l = *(struct weir_listener **)args;
    struct weir_stream *s;
    int rc;
    while ((rc = weir_accept(l, &s)) == 0)
        if (weir_spawn(NULL, WEIR_SITE(serve), serve, &s, sizeof s, NULL, NULL) < 0)
            weir_close(&s);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static int client(int port) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    char url[64];
    snprintf(url, sizeof url, "ws://localhost:%d/feed", port);
    int rc = weir_ws_dial(url, NULL, &ws);
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "hello", 5);
    if (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        printf("%.*s\n", (int)m.data.len, (const char *)m.data.base);
    if (rc == 0)
        (void)weir_ws_receive(ws, &m); /* its end */
    return rc;
}

static int program(void *arg) {
    struct weir_listener *l;
    struct weir_group servers;
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&servers, WEIR_TOGETHER);
    rc = weir_spawn(&servers, WEIR_SITE(accept_loop), accept_loop, &l, sizeof l, NULL, NULL);
    if (rc == 0)
        rc = client(weir_listener_port(l));
    weir_unlisten(&l);
    return weir_group_close(&servers, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: MIT */
/* ws-gate - a WebSocket server that lets clients in by a token, "Authorization: Bearer TOKEN",
 * "Cookie: token=TOKEN" or ws://host/?token=TOKEN, and answers health checks on the same port, in
 * both shapes (see tcp-echo.c):
 *
 *   curl http://127.0.0.1:7000/health
 *   curl http://127.0.0.1:7000/            401, a token, please */
#include <stdio.h>
#include <string.h>
#include <weir/http_values.h>

#include "echo_main.h"

struct visitor {
    const char *name; /* NULL: no valid token */
};

/* A server of yours asks its store of tokens here; it may suspend meanwhile. */
static const char *name_of(const char *token, size_t len) {
    static const char *const known[][2] = {{"for-ada", "Ada"}, {"for-grace", "Grace"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i][0]) == len && memcmp(known[i][0], token, len) == 0)
            return known[i][1];
    return NULL;
}

/* A browser sends no Authorization of your choice with a WebSocket, but its cookies. */
static int request(struct weir_http_request *r, void *state) {
    static const char *const headers[] = {"WWW-Authenticate: Bearer", "Content-Type: text/plain",
                                          NULL};
    static const char text[] = "a token, please\n";
    static const struct weir_http_answer refusal = {.size = sizeof refusal, .status = 401,
                                                    .headers = headers, .body = text,
                                                    .len = sizeof text - 1};
    struct visitor *v = state;
    struct weir_view cookie;
    if (strcmp(weir_http_target(r), "/health") == 0)
        return weir_http_reply(r, 200, "ok\n");
    const char *token = weir_http_bearer(r);
    if (token == NULL)
        token = weir_http_query(r, "token");
    if (token != NULL)
        v->name = name_of(token, strlen(token));
    else if (weir_http_cookie(r, "token", &cookie) == 1)
        v->name = name_of(cookie.base, cookie.len);
    return v->name != NULL ? 0 : weir_http_reply_with(r, &refusal);
}

static int greet(struct weir_ws *ws, void *state) {
    const struct visitor *v = state;
    char text[64];
    int n = snprintf(text, sizeof text, "hello %s", v->name);
    return weir_ws_send(ws, WEIR_WS_TEXT, text, (size_t)n);
}

/* ---- serve: a task per connection ---- */

struct client_args {
    struct weir_stream *peer;
};

static int request_of_task(struct weir_http_request *r) {
    return request(r, weir_http_arg(r));
}

static int client(void *args) {
    struct client_args *a = args;
    struct visitor v = {NULL};
    const struct weir_ws_options o = {.size = sizeof o, .request = request_of_task,
                                      .request_arg = &v};
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    int rc = weir_ws_accept(&a->peer, &o, &ws);
    if (rc == 1) /* answered: the connection is closed */
        return 0;
    if (rc == 0)
        rc = greet(ws, &v);
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

static const struct weir_ws_reactive reactive = {
    .size = sizeof reactive, .state_size = sizeof(struct visitor), .request = request,
    .opened = greet, .message = message};

static int react(struct weir_listener *l, struct weir_group *clients) {
    return weir_ws_react(l, clients, &reactive, NULL);
}

int main(int argc, char **argv) {
    return echo_main("ws-gate", argc, argv, &(struct echo_shapes){serve, react});
}

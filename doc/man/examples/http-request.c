/* SPDX-License-Identifier: MIT */
/* Shows: weir_http_request weir_http_method weir_http_target weir_http_peer weir_http_header
 * weir_http_header_at weir_http_arg weir_http_wants_websocket weir_http_reply weir_http_reply_with
 * weir_http_answer weir_http_reply_json weir_http_redirect weir-http */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static int request(struct weir_http_request *r) {
    static const char *const who[] = {"WWW-Authenticate: Bearer", NULL};
    const struct weir_http_answer refusal = {
        .size = sizeof refusal, .status = 401, .headers = who, .body = "sign in\n", .len = 8};
    const char *name, *value, *given = weir_http_header(r, "authorization");
    printf("%s %s from %s\n", weir_http_method(r), weir_http_target(r), weir_http_peer(r));
    for (size_t i = 0; weir_http_header_at(r, i, &name, &value) == 1; i++)
        if (strcmp(name, "Forwarded") == 0)
            printf("by way of %s\n", value);
    if (strcmp(weir_http_target(r), "/health") == 0)
        return weir_http_reply(r, 200, "healthy\n");
    if (strcmp(weir_http_target(r), "/state") == 0)
        return weir_http_reply_json(r, 200, "{\"healthy\":true}");
    if (!weir_http_wants_websocket(r)) /* a browser */
        return weir_http_redirect(r, 303, "/state");
    if (given == NULL || strcmp(given, weir_http_arg(r)) != 0)
        return weir_http_reply_with(r, &refusal);
    return 0; /* let it in */
}

struct client_args { int port; const char *header; };

static int client(void *args) {
    struct client_args *a = args;
    const char *const headers[] = {a->header, NULL};
    const struct weir_ws_options options = {.size = sizeof options, .headers = headers};
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    char url[60];
    snprintf(url, sizeof url, "ws://localhost:%d/", a->port);
    int rc = weir_ws_dial(url, &options, &ws);
    if (rc == WEIR_EHTTP && weir_error(rc) != NULL)
        printf("refused with %d\n", weir_error(rc)->status);
    return rc == WEIR_EHTTP ? 0 : rc;
}

static int program(void *arg) {
    const struct weir_ws_options options = {
        .size = sizeof options, .request = request, .request_arg = "Bearer 4711"};
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_stream *peer = NULL;
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc == 0)
        rc = weir_go(NULL, client, .port = weir_listener_port(l), .header = "Authorization: none");
    if (rc == 0 && (rc = weir_accept(l, &peer)) == 0)
        rc = weir_ws_accept(&peer, &options, &ws); /* 1: request has answered */
    if (rc == 1)
        rc = weir_go(NULL, client, .port = weir_listener_port(l),
                     .header = "Authorization: Bearer 4711");
    if (rc == 0 && (rc = weir_accept(l, &peer)) == 0)
        rc = weir_ws_accept(&peer, &options, &ws); /* 0: a WebSocket */
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) != 0;
}

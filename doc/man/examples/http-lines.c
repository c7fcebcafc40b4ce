/* SPDX-License-Identifier: MIT */
/* Shows: weir_http_basic_line weir_http_bearer_line weir_http_cookie_line */
#include <stdio.h>
#include <weir/weir.h>

static int let_in(struct weir_http_request *r) {
    const char *who = weir_http_header(r, "Authorization");
    printf("%s, %s\n", who ? who : "nobody", weir_http_header(r, "Cookie"));
    return who != NULL ? 0 : weir_http_reply(r, 401, NULL);
}

struct server_args { struct weir_listener *l; };

static int server(void *args) {
    const struct weir_ws_options o = {.size = sizeof o, .request = let_in};
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_stream *peer = NULL;
    struct weir_ws_message m;
    int rc = weir_accept(((struct server_args *)args)->l, &peer);
    if (rc == 0)
        rc = weir_ws_accept(&peer, &o, &ws);
    return rc == 0 && weir_ws_receive(ws, &m) == WEIR_EWSCLOSED ? 0 : rc;
}

static int program(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    char basic[100], bearer[100], cookie[100], url[60];
    const char *headers[] = {basic, cookie, NULL};
    struct weir_ws_options o = {.size = sizeof o, .headers = headers};
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc < 0 || (rc = weir_go(NULL, server, .l = l)) < 0)
        return rc;
    snprintf(url, sizeof url, "ws://localhost:%d/", weir_listener_port(l));
    rc = weir_http_basic_line(basic, sizeof basic, "ada", "secret");
    if (rc >= 0)
        rc = weir_http_cookie_line(cookie, sizeof cookie, "session", "31d4d96e");
    if (rc >= 0 && (rc = weir_ws_dial(url, &o, &ws)) == 0)
        rc = weir_ws_close(ws, 1000, NULL);
    if (rc >= 0 && weir_http_bearer_line(bearer, sizeof bearer, "not a token") == -EINVAL)
        printf("a token has no blanks\n");
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* hello_server.c - our HTTP server as the suite wants it: reads each request's body, and answers
 * "hello". In both shapes; the command line is that of examples/echo_main.h. */
#include <weir/http_server.h>
#include <weir/weir.h>

#include "../../examples/echo_main.h"

static int answer(struct weir_http_request *r) {
    struct weir_view body;
    int rc = weir_http_body(r, 1 << 20, &body);
    return rc < 0 ? rc : weir_http_reply(r, 200, "hello");
}

static int serve(struct weir_listener *l, struct weir_group *clients) {
    const struct weir_http_server_options o = {.size = sizeof o, .handler = answer};
    return weir_http_serve(l, clients, &o);
}

static int request(struct weir_http_request *r, void *state) {
    (void)r;
    (void)state;
    return 0;
}

static int body(struct weir_http_request *r, void *state, struct weir_view v) {
    (void)r;
    *(size_t *)state += v.len;
    return 0;
}

static int end(struct weir_http_request *r, void *state) {
    (void)state;
    return weir_http_reply(r, 200, "hello");
}

static int react(struct weir_listener *l, struct weir_group *clients) {
    static const struct weir_http_reactive reactive = {.size = sizeof reactive,
                                                       .state_size = sizeof(size_t),
                                                       .request = request,
                                                       .body = body,
                                                       .end = end};
    return weir_http_react(l, clients, &reactive, NULL);
}

int main(int argc, char **argv) {
    return echo_main("hello-server", argc, argv, &(struct echo_shapes){serve, react});
}

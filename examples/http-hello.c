/* SPDX-License-Identifier: MIT */
/* http-hello - answer each request with "hello", in both shapes of an HTTP server:
 *
 *   serve   a task for each request;
 *   react   functions, called as a request comes.
 *
 *   http-hello --port 8080 --backend uring --threads 2 --shape react
 *   curl http://127.0.0.1:8080/
 *
 * Threads, listener, signals and the command line are in echo_main.c. */
#include <weir/http_server.h>
#include <weir/weir.h>

#include "echo_main.h"

static int hello(struct weir_http_request *r) {
    return weir_http_reply(r, 200, "hello\n");
}

static int serve(struct weir_listener *l, struct weir_group *clients) {
    return weir_http_serve(l, clients, &(struct weir_http_server_options){.handler = hello});
}

static int request(struct weir_http_request *r, void *state) {
    (void)state;
    return hello(r);
}

static const struct weir_http_reactive reactive = {.size = sizeof reactive, .request = request};

static int react(struct weir_listener *l, struct weir_group *clients) {
    return weir_http_react(l, clients, &reactive, NULL);
}

int main(int argc, char **argv) {
    return echo_main("http-hello", argc, argv, &(struct echo_shapes){serve, react});
}

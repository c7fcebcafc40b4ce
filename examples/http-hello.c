/* SPDX-License-Identifier: MIT */
/* http-hello - answer GET with "hello", and POST with the body that was sent, in both shapes of an
 * HTTP server:
 *
 *   serve   a task for each request;
 *   react   functions, called as a request comes.
 *
 *   http-hello --port 8080 --backend uring --threads 2 --shape react
 *   curl --data-binary @file http://127.0.0.1:8080/
 *
 * Threads, listener, signals and the command line are in echo_main.c. */
#include <string.h>
#include <weir/http_server.h>
#include <weir/weir.h>

#include "echo_main.h"

static const struct weir_http_server_options options = {.size = sizeof options,
                                                        .body_max = 1 << 30};
static const struct weir_http_answer echo = {
    .size = sizeof echo,
    .status = 200,
    .headers = (const char *const[]){"Content-Type: application/octet-stream", NULL}};

static bool is_post(const struct weir_http_request *r) {
    return strcmp(weir_http_method(r), "POST") == 0;
}

/* ---- serve: a task for each request ---- */

/* The first read tells a client that waits for "100 Continue" to send; an answer that had begun
 * before would not. A client that takes nothing of the answer is not read from. */
static int handler(struct weir_http_request *r) {
    char piece[16 << 10];
    if (!is_post(r))
        return weir_http_reply(r, 200, "hello\n");
    ssize_t n = weir_http_read(r, piece, sizeof piece);
    int rc = n < 0 ? (int)n : weir_http_begin(r, &echo);
    while (rc == 0 && n > 0) {
        if ((rc = weir_http_write(r, piece, (size_t)n)) == 0)
            n = weir_http_read(r, piece, sizeof piece);
    }
    return rc < 0 ? rc : (int)n;
}

static int serve(struct weir_listener *l, struct weir_group *clients) {
    struct weir_http_server_options o = options;
    o.handler = handler;
    return weir_http_serve(l, clients, &o);
}

/* ---- react: functions ---- */

struct progress { /* of a request; zero at first */
    bool begun;
};

static int request(struct weir_http_request *r, void *state) {
    (void)state;
    return is_post(r) ? 0 : weir_http_reply(r, 200, "hello\n");
}

static int body(struct weir_http_request *r, void *state, struct weir_view v) {
    struct progress *p = state;
    int rc = p->begun ? 0 : weir_http_begin(r, &echo);
    p->begun = true;
    return rc < 0 ? rc : weir_http_write(r, v.base, v.len);
}

static int end(struct weir_http_request *r, void *state) {
    struct progress *p = state;
    return p->begun ? weir_http_end(r, NULL) : weir_http_reply_with(r, &echo);
}

static const struct weir_http_reactive reactive = {.size = sizeof reactive,
                                                   .state_size = sizeof(struct progress),
                                                   .request = request,
                                                   .body = body,
                                                   .end = end};

static int react(struct weir_listener *l, struct weir_group *clients) {
    return weir_http_react(l, clients, &reactive, &options);
}

int main(int argc, char **argv) {
    return echo_main("http-hello", argc, argv, &(struct echo_shapes){serve, react});
}

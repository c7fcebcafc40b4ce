/* SPDX-License-Identifier: MIT */
/* tcp-echo - give back what comes, in both shapes of a server:
 *
 *   serve   a task per connection, straight line;
 *   react   functions per connection, no stack while it is quiet.
 *
 *   tcp-echo --port 7000 --backend uring --threads 2 --shape react
 *
 * Threads, listener, signals and the command line are in echo_main.c. */
#include <stdio.h>
#include <weir/weir.h>

#include "echo_main.h"

/* ---- serve: a task per connection ---- */

struct client_args {
    struct weir_stream *peer;
};

/* Bytes go out from where they came in: peek lends them, write sends them, consume gives back. */
static int client(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *peer = ((struct client_args *)args)->peer;
    struct weir_view v;
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = weir_peek(peer, 1, &v)) != 0) {
        if (n < 0)
            return (int)n == -ECONNRESET ? 0 : (int)n;
        if ((rc = weir_write(peer, v.base, v.len)) == 0)
            weir_consume(peer, v.len);
    }
    return rc == -EPIPE || rc == -ECONNRESET ? 0 : rc;
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

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    (void)state;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

/* A client that hangs up is no failure of the server. */
static void closed(struct weir_conn *c, void *state, int rc) {
    (void)c, (void)state;
    if (rc < 0 && rc != -ECONNRESET && rc != -EPIPE && rc != -ECANCELED)
        fprintf(stderr, "tcp-echo: %s\n", weir_error_message(rc));
}

static const struct weir_reactive reactive = {
    .size = sizeof reactive, .message = message, .closed = closed};

static int react(struct weir_listener *l, struct weir_group *clients) {
    return weir_react(l, clients, &reactive);
}

int main(int argc, char **argv) {
    return echo_main("tcp-echo", argc, argv, &(struct echo_shapes){serve, react});
}

/* SPDX-License-Identifier: MIT */
/* tcp-proxy - pass connections on to another server:
 *
 *   tcp-proxy tcp://127.0.0.1:7001 tcp://127.0.0.1:7000
 *
 * It gives the other server 3 seconds to answer a dial, passes on the end of each direction by
 * itself, stops accepting on SIGTERM or SIGINT, then lets its clients finish for 10 seconds. */
#include <signal.h>
#include <stdio.h>
#include <weir/weir.h>

struct pump_args {
    struct weir_stream *from, *to;
};

/* No copy: what peek lends is what write sends. */
static int pump(void *args) {
    struct pump_args *a = args;
    struct weir_view v;
    ssize_t n = 0;
    int rc = 0;
    while (rc == 0 && (n = weir_peek(a->from, 1, &v)) > 0)
        if ((rc = weir_write(a->to, v.base, v.len)) == 0)
            weir_consume(a->from, v.len);
    return rc < 0 ? rc : n < 0 ? (int)n : weir_shutdown(a->to);
}

struct client_args {
    struct weir_stream *peer;
    const char *upstream;
};

static int client(void *args) {
    struct client_args *a = args;
    struct weir_scope dialing;
    struct weir_group pair;
    WEIR_AUTO(weir_close) struct weir_stream *peer = a->peer;
    WEIR_AUTO(weir_close) struct weir_stream *up = NULL;
    weir_scope_enter(&dialing, WEIR_SECONDS(3));
    int rc = weir_scope_leave(&dialing, weir_dial(a->upstream, NULL, &up));
    if (rc < 0)
        return rc; /* logged by the group, with name and address */
    weir_group_open(&pair, WEIR_TOGETHER);
    rc = weir_go(&pair, pump, .from = peer, .to = up);
    if (rc == 0)
        rc = weir_go(&pair, pump, .from = up, .to = peer);
    return weir_group_close(&pair, rc);
}

static int accept_all(struct weir_listener *l, struct weir_group *clients, const char *upstream) {
    struct weir_stream *peer;
    int rc;
    while ((rc = weir_accept(l, &peer)) == 0)
        if (weir_go(clients, client, .peer = peer, .upstream = upstream) < 0)
            weir_close(&peer);
    return rc;
}

static int proxy(void *arg) {
    char **argv = arg;
    struct weir_group clients;
    struct weir_scope serving;
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    int rc = weir_listen(argv[1], NULL, &l);
    if (rc < 0)
        return rc;
    printf("listening on port %d\n", weir_listener_port(l));
    fflush(stdout);
    weir_group_open(&clients, WEIR_INDEPENDENT); /* outside `serving`: signals spare clients */
    weir_scope_enter(&serving, WEIR_NEVER);
    rc = weir_scope_on_signal(&serving, SIGTERM, SIGINT);
    rc = weir_scope_leave(&serving, rc < 0 ? rc : accept_all(l, &clients, argv[2]));
    weir_unlisten(&l);
    weir_group_drain(&clients, WEIR_SECONDS(10));
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: tcp-proxy tcp://HOST:PORT tcp://HOST:PORT\n");
        return 2;
    }
    int rc = weir_run(proxy, argv, NULL);
    if (rc < 0)
        fprintf(stderr, "tcp-proxy: %s\n", weir_error_message(rc));
    return rc < 0;
}

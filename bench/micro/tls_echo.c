/* SPDX-License-Identifier: MIT */
/* tls_echo - TLS echo by weir, in both shapes of a server, for bench/tls.py: one thread; it prints
 * its port. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    (void)state;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static int react(struct weir_listener *l, struct weir_group *clients) {
    return weir_react(l, clients, &(struct weir_reactive){
        .size = sizeof (struct weir_reactive), .message = message});
}

struct client_args { struct weir_stream *peer; };
static int client(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *peer = ((struct client_args *)args)->peer;
    struct weir_view v;
    int rc = 0;
    while (rc == 0 && weir_peek(peer, 1, &v) > 0)
        if ((rc = weir_write(peer, v.base, v.len)) == 0)
            weir_consume(peer, v.len);
    return 0;
}

static int serve(struct weir_listener *l, struct weir_group *clients) {
    struct weir_stream *peer;
    int rc;
    while ((rc = weir_accept(l, &peer)) == 0)
        if (weir_go(clients, client, .peer = peer) < 0)
            weir_close(&peer);
    return rc;
}

static int run(void *arg) {
    char **argv = arg;
    struct weir_tls *tls = NULL;
    struct weir_listener *l = NULL;
    struct weir_group clients;
    struct weir_tls_options o = {.size = sizeof o, .cert_file = argv[2], .key_file = argv[3]};
    int rc = weir_tls_new(&o, &tls);
    if (rc == 0)
        rc = weir_listen("tls://127.0.0.1:0", &(struct weir_listen_options){
            .size = sizeof (struct weir_listen_options), .tls = tls}, &l);
    weir_tls_unref(&tls);
    if (rc < 0)
        return rc;
    printf("%d\n", weir_listener_port(l));
    fflush(stdout);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    rc = strcmp(argv[1], "react") == 0 ? react(l, &clients) : serve(l, &clients);
    weir_unlisten(&l);
    return weir_group_close(&clients, rc);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: bench-tls-echo react|serve CERT KEY\n");
        return 2;
    }
    return weir_run(run, argv, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* idle - an echo server of each kind, for bench/idle.py and bench/many.py, which look at the memory
 * of its idle connections. One thread; it prints its port.
 *
 *   bench-idle ws|deflate|takeover|wss|http|tls react|serve [CERT KEY]
 *
 * takeover: WebSocket with context takeover both ways, released after a second. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <weir/http_server.h>
#include <weir/weir.h>

enum { CONNECTIONS_MAX = 1 << 20 };

static struct weir_ws_deflate deflate = {
    .size = sizeof deflate, .threshold = 1, .idle_ns = WEIR_SECONDS(1)};
static struct weir_ws_options ws_options = {
    .size = sizeof ws_options, .ping_ns = WEIR_NEVER, .connections_max = CONNECTIONS_MAX};
static const char *kind;

struct client_args {
    struct weir_stream *peer;
};

/* ---- WebSocket ---- */

static int ws_client(void *args) {
    struct client_args *a = args;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    int rc = weir_ws_accept(&a->peer, &ws_options, &ws);
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = weir_ws_send(ws, m.type, m.data.base, m.data.len);
    return 0; /* how each ends is the peer's business */
}

static int ws_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    (void)state;
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static const struct weir_ws_reactive ws_reactive = {.size = sizeof ws_reactive,
                                                    .message = ws_message};

/* ---- TLS ---- */

static int tls_client(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *peer = ((struct client_args *)args)->peer;
    struct weir_view v;
    int rc = 0;
    while (rc == 0 && weir_peek(peer, 1, &v) > 0)
        if ((rc = weir_write(peer, v.base, v.len)) == 0)
            weir_consume(peer, v.len);
    return 0;
}

static int tls_message(struct weir_conn *c, void *state, struct weir_view v) {
    (void)state;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static const struct weir_reactive tls_reactive = {.size = sizeof tls_reactive,
                                                  .message = tls_message};

/* ---- HTTP ---- */

static int handler(struct weir_http_request *r) {
    return weir_http_reply(r, 200, "hello\n");
}

static int request(struct weir_http_request *r, void *state) {
    (void)state;
    return weir_http_reply(r, 200, "hello\n");
}

static const struct weir_http_reactive http_reactive = {.size = sizeof http_reactive,
                                                        .request = request};

/* ---- the server ---- */

static int serve_each(struct weir_listener *l, struct weir_group *g, int (*client)(void *)) {
    struct weir_stream *peer;
    int rc;
    while ((rc = weir_accept(l, &peer)) == 0)
        if (weir_go(g, client, .peer = peer) < 0)
            weir_close(&peer);
    return rc;
}

static int serve(struct weir_listener *l, struct weir_group *g, bool react) {
    struct weir_http_server_options o = {.size = sizeof o, .idle_ns = WEIR_NEVER,
                                         .connections_max = CONNECTIONS_MAX};
    if (strcmp(kind, "tls") == 0)
        return react ? weir_react(l, g, &tls_reactive) : serve_each(l, g, tls_client);
    if (strcmp(kind, "http") == 0) {
        o.handler = react ? NULL : handler;
        return react ? weir_http_react(l, g, &http_reactive, &o) : weir_http_serve(l, g, &o);
    }
    return react ? weir_ws_react(l, g, &ws_reactive, &ws_options) : serve_each(l, g, ws_client);
}

static int run(void *arg) {
    char **argv = arg;
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_tls *tls = NULL;
    struct weir_listen_options lo = {.size = sizeof lo, .backlog = 4096};
    struct weir_group clients;
    int rc = 0;
    if (argv[3] != NULL) {
        struct weir_tls_options o = {.size = sizeof o, .cert_file = argv[3], .key_file = argv[4]};
        rc = weir_tls_new(&o, &tls);
        lo.tls = tls;
    }
    if (rc == 0)
        rc = weir_listen(tls != NULL ? "tls://127.0.0.1:0" : "tcp://127.0.0.1:0", &lo, &l);
    weir_tls_unref(&tls);
    if (rc < 0)
        return rc;
    printf("%d\n", weir_listener_port(l));
    fflush(stdout);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    rc = serve(l, &clients, strcmp(argv[2], "react") == 0);
    return weir_group_close(&clients, rc);
}

static int usage(void) {
    fprintf(stderr, "usage: bench-idle ws|deflate|takeover|wss|http|tls react|serve [CERT KEY]\n");
    return 2;
}

int main(int argc, char **argv) {
    struct rlimit limit;
    if (argc != 3 && argc != 5)
        return usage();
    kind = argv[1];
    deflate.server_takeover = deflate.client_takeover = strcmp(kind, "takeover") == 0;
    if (deflate.server_takeover || strcmp(kind, "deflate") == 0)
        ws_options.deflate = &deflate;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int rc = weir_run(run, argv, NULL);
    if (rc < 0)
        fprintf(stderr, "bench-idle: %s\n", weir_error_message(rc));
    return rc < 0;
}

/* SPDX-License-Identifier: MIT */
/* echo-reactive - an echo server made of functions that are called for its connections: opened,
 * message, closed. Between messages a connection has no task and no stack. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct counts { /* one for each connection, zeroed */
    size_t messages, bytes;
};

static int opened(struct weir_conn *c, void *state) {
    (void)c, (void)state;
    printf("server: connected\n");
    return 0;
}

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    struct counts *n = state;
    n->messages++;
    n->bytes += v.len;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static void closed(struct weir_conn *c, void *state, int rc) {
    struct counts *n = state;
    (void)c;
    printf("server: %zu messages, %zu bytes, %s\n", n->messages, n->bytes,
           rc == 0 ? "end of stream" : weir_error_text(rc));
}

static int client(int port) {
    static const char *const messages[] = {"hello", "goodbye"};
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char url[64], data[101];
    snprintf(url, sizeof url, "tcp://localhost:%d", port);
    int rc = weir_dial(url, NULL, &s);
    for (int i = 0; i < 2 && rc == 0; i++) {
        size_t len = strlen(messages[i]);
        if ((rc = weir_write(s, messages[i], len)) == 0)
            rc = weir_read_exactly(s, data, len);
        if (rc == 0)
            printf("received: %.*s\n", (int)len, data);
    }
    return rc;
}

struct server_args { struct weir_listener *l; };
static int server(void *args) {
    const struct weir_reactive r = {.size = sizeof r,
                                    .state_size = sizeof(struct counts),
                                    .opened = opened,
                                    .message = message,
                                    .closed = closed};
    struct weir_group peers;
    weir_group_open(&peers, WEIR_INDEPENDENT);
    return weir_group_close(&peers, weir_react(((struct server_args *)args)->l, &peers, &r));
}

static int program(void *arg) {
    struct weir_listener *l;
    struct weir_group g;
    (void)arg;
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    if ((rc = weir_go(&g, server, .l = l)) == 0)
        rc = client(weir_listener_port(l));
    weir_unlisten(&l); /* weir_react returns; the connection ends with its client */
    return weir_group_close(&g, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

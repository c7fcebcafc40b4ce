/* SPDX-License-Identifier: MIT */
/* echo-tasks - an echo server and its client as tasks: each call looks as if it blocked, and only
 * the task that calls it waits. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct echo_args { struct weir_stream *peer; };
static int echo(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *peer = ((struct echo_args *)args)->peer;
    char buf[4096];
    ssize_t n;
    while ((n = weir_read(peer, buf, sizeof buf)) > 0) {
        int rc = weir_write(peer, buf, (size_t)n);
        if (rc < 0)
            return rc;
    }
    return (int)n;
}

struct server_args { struct weir_listener *l; };
static int server(void *args) {
    struct weir_group peers;
    struct weir_stream *peer;
    int rc;
    weir_group_open(&peers, WEIR_INDEPENDENT); /* the error of one peer is not the others' */
    while ((rc = weir_accept(((struct server_args *)args)->l, &peer)) == 0)
        if ((rc = weir_go(&peers, echo, .peer = peer)) < 0) {
            weir_close(&peer);
            break;
        }
    return weir_group_close(&peers, rc == WEIR_ECLOSED ? 0 : rc);
}

static int client(int port, const char *message) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char url[64], data[101];
    snprintf(url, sizeof url, "tcp://localhost:%d", port);
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, message, strlen(message));
    if (rc < 0)
        return rc;
    printf("sent: %s\n", message);
    ssize_t n = weir_read(s, data, sizeof data - 1);
    if (n > 0)
        printf("received: %.*s\n", (int)n, data);
    return n < 0 ? (int)n : 0;
}

static int program(void *arg) {
    struct weir_group g;
    struct weir_listener *l = NULL;
    (void)arg;
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    if ((rc = weir_go(&g, server, .l = l)) == 0)
        rc = client(weir_listener_port(l), "hello");
    weir_unlisten(&l);
    return weir_group_close(&g, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

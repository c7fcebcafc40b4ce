/* SPDX-License-Identifier: MIT */
/* guest.c - timers of the host and of weir in turn, each started by the other; then a client and an
 * echo server over TCP, and the end. */
#include "guest.h"

#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

enum { TURNS = 3 };

static int echo(void *arg);

struct sleeps_args {
    int turn;
};

static void host_fires(int turn);

static int sleeps(void *args) { /* a task; its timer is weir's */
    int turn = ((struct sleeps_args *)args)->turn;
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    printf("weir %d\n", turn);
    if (turn < TURNS)
        host_later(host_fires, turn + 1);
    else
        rc = weir_go0(NULL, echo);
    return rc;
}

static void host_fires(int turn) { /* plain code in the host's loop; its timer is the host's */
    printf("%s %d\n", host_name, turn);
    weir_go(NULL, sleeps, .turn = turn);
}

struct client_args {
    int port;
};

static int client(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char url[40], line[32];
    ssize_t n = 0;
    snprintf(url, sizeof url, "tcp://localhost:%d", ((struct client_args *)args)->port);
    int rc = weir_dial(url, NULL, &s);
    for (int i = 1; i <= 2 && rc == 0; i++) {
        snprintf(line, sizeof line, "message %d\n", i);
        rc = weir_write(s, line, strlen(line));
        if (rc == 0 && (n = weir_read_until(s, '\n', line, sizeof line)) > 0)
            printf("echo of %s", line);
    }
    return n < 0 ? (int)n : rc;
}

static int echo(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *peer = NULL;
    char bytes[32];
    ssize_t n = 1;
    (void)arg;
    int rc = weir_listen("tcp://localhost:0", NULL, &l);
    if (rc == 0)
        rc = weir_go(NULL, client, .port = weir_listener_port(l));
    if (rc == 0)
        rc = weir_accept(l, &peer);
    while (rc == 0 && (n = weir_read(peer, bytes, sizeof bytes)) > 0)
        rc = weir_write(peer, bytes, (size_t)n);
    printf("end of stream\n");
    host_stop();
    return n < 0 ? (int)n : rc;
}

void guest_begin(void) {
    host_later(host_fires, 1);
}

/* SPDX-License-Identifier: MIT */
/* echo-protocol - an echo server and its client as transports and protocols: a factory makes a
 * protocol for each connection, whose functions the transport calls in asyncio's order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

/* ---- the server ---- */

struct echo {
    struct weir_protocol protocol; /* first */
    struct weir_transport *transport;
    int number;
    size_t bytes;
};

static void echo_made(struct weir_protocol *p, struct weir_transport *t) {
    ((struct echo *)p)->transport = t;
}

static int echo_received(struct weir_protocol *p, struct weir_view data) {
    struct echo *e = (struct echo *)p;
    e->bytes += data.len;
    weir_transport_write(e->transport, data.base, data.len);
    return 0;
}

/* The client does not read: read nothing either, or what waits for it would grow. */
static void echo_pause(struct weir_protocol *p) {
    weir_transport_pause_reading(((struct echo *)p)->transport);
}

static void echo_resume(struct weir_protocol *p) {
    weir_transport_resume_reading(((struct echo *)p)->transport);
}

static void echo_lost(struct weir_protocol *p, int rc) {
    struct echo *e = (struct echo *)p;
    printf("server: connection %d lost after %zu bytes, %s\n", e->number, e->bytes,
           weir_error_text(rc));
    free(e);
}

static int new_echo(void *count, struct weir_protocol **ret_protocol) {
    static const struct weir_protocol_calls calls = {.size = sizeof calls,
                                                     .connection_made = echo_made,
                                                     .data_received = echo_received,
                                                     .connection_lost = echo_lost,
                                                     .pause_writing = echo_pause,
                                                     .resume_writing = echo_resume};
    struct echo *e = calloc(1, sizeof *e);
    if (e == NULL)
        return -ENOMEM;
    e->protocol.calls = &calls;
    e->number = ++*(int *)count;
    *ret_protocol = &e->protocol;
    return 0;
}

/* ---- the client ---- */

struct client {
    struct weir_protocol protocol; /* first */
    struct weir_transport *transport;
    const char *message;
    struct weir_event ended; /* all zero: not set */
};

static void client_made(struct weir_protocol *p, struct weir_transport *t) {
    struct client *c = (struct client *)p;
    c->transport = t;
    printf("sent: %s\n", c->message);
    weir_transport_write(t, c->message, strlen(c->message));
}

static int client_received(struct weir_protocol *p, struct weir_view data) {
    printf("received: %.*s\n", (int)data.len, (const char *)data.base);
    weir_transport_close(((struct client *)p)->transport);
    return 0;
}

static void client_lost(struct weir_protocol *p, int rc) {
    if (rc < 0)
        printf("lost: %s\n", weir_error_message(rc));
    weir_event_set(&((struct client *)p)->ended);
}

static int the_client(void *client, struct weir_protocol **ret_protocol) {
    *ret_protocol = client; /* this connection has its protocol in the program's own memory */
    return 0;
}

static int ask(int port, struct weir_group *g) {
    static const struct weir_protocol_calls calls = {.size = sizeof calls,
                                                     .connection_made = client_made,
                                                     .data_received = client_received,
                                                     .connection_lost = client_lost};
    static struct client hello = {.protocol = {&calls}, .message = "hello"};
    struct weir_transport *t;
    char url[64];
    snprintf(url, sizeof url, "tcp://localhost:%d", port);
    int rc = weir_create_connection(url, NULL, the_client, &hello, g, &t);
    if (rc == 0)
        rc = weir_event_wait(&hello.ended);
    weir_event_fini(&hello.ended);
    return rc;
}

static int program(void *arg) {
    struct weir_server *server;
    struct weir_group connections;
    int count = 0;
    (void)arg;
    weir_group_open(&connections, WEIR_INDEPENDENT);
    int rc = weir_create_server("tcp://localhost:0", NULL, new_echo, &count, &connections, &server);
    if (rc == 0) {
        rc = ask(weir_server_port(server), &connections);
        weir_server_close(&server);
    }
    return weir_group_close(&connections, rc); /* waits for connection_lost of both */
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

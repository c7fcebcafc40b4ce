/* SPDX-License-Identifier: MIT */
/* Shows: weir_transport weir_protocol weir_protocol_calls weir_protocol_factory weir_server
 * weir_transport_open weir_create_server weir_create_connection weir_server_port weir_server_close
 * weir_transport_write weir_transport_writelines weir_transport_eof weir_transport_close
 * weir_transport_abort weir_transport_is_closing weir_transport_set_limits weir_transport_unsent
 * weir_transport_pause_reading weir_transport_resume_reading weir_transport_stream
 * weir_transport_protocol weir_transport_set_protocol weir-transport */
/* An echo server and its client, as one writes them for asyncio. */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

/* The protocol of the server: one for each connection, freed by its last call. */
struct echo {
    struct weir_protocol protocol; /* first */
    struct weir_transport *transport;
};

static void echo_made(struct weir_protocol *p, struct weir_transport *t) {
    ((struct echo *)p)->transport = t;
    weir_transport_set_limits(t, 16 << 10, -1);
}

static int echo_data(struct weir_protocol *p, struct weir_view data) {
    struct weir_transport *t = ((struct echo *)p)->transport;
    const struct weir_view pieces[] = {{"echo: ", 6}, data};
    if (data.len > 1000)
        weir_transport_abort(t);
    else
        weir_transport_writelines(t, pieces, 2);
    return 0;
}

/* The client does not read: read nothing either, so that what waits does not grow. */
static void echo_pause(struct weir_protocol *p) {
    weir_transport_pause_reading(((struct echo *)p)->transport);
}

static void echo_resume(struct weir_protocol *p) {
    weir_transport_resume_reading(((struct echo *)p)->transport);
}

static void echo_lost(struct weir_protocol *p, int rc) {
    if (rc < 0)
        fprintf(stderr, "%s\n", weir_error_message(rc));
    free(p);
}

static const struct weir_protocol_calls echo_calls = {
    .size = sizeof echo_calls,
    .connection_made = echo_made,
    .data_received = echo_data,
    .connection_lost = echo_lost,
    .pause_writing = echo_pause,
    .resume_writing = echo_resume,
};

static int new_echo(void *arg, struct weir_protocol **ret_protocol) {
    struct echo *e = calloc(1, sizeof *e);
    if (e == NULL)
        return weir_fail(-ENOMEM, "no memory for a connection");
    e->protocol.calls = &echo_calls;
    *ret_protocol = &e->protocol;
    return 0;
}

/* The client's: in memory of the program. */
static int client_data(struct weir_protocol *p, struct weir_view data) {
    printf("%.*s\n", (int)data.len, (const char *)data.base);
    return 0;
}

static const struct weir_protocol_calls client_calls = {.size = sizeof client_calls,
                                                        .data_received = client_data};

static int the_client(void *arg, struct weir_protocol **ret_protocol) {
    *ret_protocol = arg;
    return 0;
}

static int talk(struct weir_transport *t, struct weir_protocol *p) {
    printf("%s to a server\n", weir_transport_protocol(t) == p ? "connected" : "not connected");
    weir_transport_set_protocol(t, p); /* as it was */
    int rc = weir_transport_write(t, "hello", 5);
    weir_transport_eof(t); /* the server's transport closes then, and so does this one */
    if (rc == 0 && weir_transport_unsent(t) > 0)
        fprintf(stderr, "%s is slow\n", weir_stream_peer(weir_transport_stream(t)));
    if (weir_transport_is_closing(t))
        weir_transport_close(t); /* which is harmless */
    return rc;
}

/* A transport over a stream that is there already. */
static int over_a_pair(void) {
    struct weir_stream *a, *b;
    struct weir_transport *t;
    char answer[9] = "";
    int rc = weir_memory_pair(0, &a, &b);
    if (rc < 0)
        return rc;
    rc = weir_transport_open(&a, new_echo, NULL, NULL, &t);
    if (rc == 0)
        rc = weir_write(b, "hi", 2);
    if (rc == 0)
        rc = weir_read_exactly(b, answer, 8);
    if (rc == 0)
        printf("%s\n", answer);
    weir_close(&a); /* NULL, unless the open has failed */
    weir_close(&b);
    return rc;
}

static int program(void *arg) {
    struct weir_protocol client = {&client_calls};
    struct weir_server *server;
    struct weir_transport *t;
    struct weir_group g;
    char url[64];
    int rc = weir_create_server("tcp://127.0.0.1:0", NULL, new_echo, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_server_port(server));
    rc = weir_create_connection(url, NULL, the_client, &client, &g, &t);
    if (rc == 0)
        rc = talk(t, &client);
    rc = weir_group_close(&g, rc); /* waits until the connection is lost */
    weir_server_close(&server);
    return rc == 0 ? over_a_pair() : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

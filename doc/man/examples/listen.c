/* SPDX-License-Identifier: MIT */
/* Shows: weir_listen weir_accept weir_unlisten weir_listener weir_listener_port weir_listen_options
 * weir_dial weir_dial_options weir_stream_peer weir_stream_local weir-stream */
#include <stdio.h>
#include <weir/weir.h>

struct client_args { int port; };

static int client(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *server = NULL;
    const struct weir_dial_options options = {.size = sizeof options, .keepalive_s = 60};
    char url[40];
    snprintf(url, sizeof url, "tcp://localhost:%d", ((struct client_args *)args)->port);
    int rc = weir_dial(url, &options, &server); /* every address of the name, RFC 8305 */
    return rc < 0 ? rc : weir_write(server, "hello\n", 6);
}

static int program(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *peer = NULL;
    const struct weir_listen_options options = {.size = sizeof options, .backlog = 16};
    char line[16];
    ssize_t n = 0;
    int rc = weir_listen("tcp://localhost:0", &options, &l); /* port 0: a free one */
    if (rc == 0)
        rc = weir_go(NULL, client, .port = weir_listener_port(l));
    if (rc == 0)
        rc = weir_accept(l, &peer);
    if (rc == 0 && (n = weir_read_until(peer, '\n', line, sizeof line)) > 0)
        printf("%s to %s: %s", weir_stream_peer(peer), weir_stream_local(peer), line);
    return rc < 0 ? rc : n < 0 ? (int)n : 0;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

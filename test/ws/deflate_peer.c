/* SPDX-License-Identifier: MIT */
/* deflate-peer - a WebSocket echo server, or a client that has all its messages echoed, which
 * compress:
 *
 *   deflate-peer serve|react|ws://... [level|memory|server|client|takeover|threshold=NUMBER ...]
 *
 * server and client are window bits; takeover is 1 (the server's), 2 (the client's), 3 (both). A
 * server prints its port and ends on SIGTERM; a client prints what was agreed on. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static struct weir_ws_deflate deflate = {.size = sizeof deflate};
static const struct weir_ws_options options = {
    .size = sizeof options, .deflate = &deflate, .message_max = 8 << 20, .queue_max = 8 << 20};

/* ---- servers ---- */

struct client_args {
    struct weir_stream *peer;
};

static int client(void *args) {
    struct client_args *a = args;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    int rc = weir_ws_accept(&a->peer, &options, &ws);
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = weir_ws_send(ws, m.type, m.data.base, m.data.len);
    return 0; /* how each ends is the peer's business */
}

static int serve(struct weir_listener *l, struct weir_group *clients) {
    struct weir_stream *peer;
    int rc;
    while ((rc = weir_accept(l, &peer)) == 0)
        if (weir_go(clients, client, .peer = peer) < 0)
            weir_close(&peer);
    return rc;
}

static int message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    (void)state;
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static int server(void *role) {
    static const struct weir_ws_reactive reactive = {.size = sizeof reactive, .message = message};
    struct weir_group clients;
    struct weir_scope serving;
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    printf("%d\n", weir_listener_port(l));
    fflush(stdout);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    weir_scope_enter(&serving, WEIR_NEVER);
    if ((rc = weir_scope_on_signal(&serving, SIGTERM)) == 0)
        rc = strcmp(role, "react") == 0 ? weir_ws_react(l, &clients, &reactive, &options)
                                        : serve(l, &clients);
    rc = weir_scope_leave(&serving, rc);
    weir_group_cancel(&clients, "the server ends");
    weir_group_close(&clients, 0);
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

/* ---- client ---- */

static int echoed(struct weir_ws *ws, const char *bytes, size_t len, bool in_parts) {
    struct weir_ws_message m;
    int rc = 0;
    if (!in_parts)
        rc = weir_ws_send(ws, WEIR_WS_BINARY, bytes, len);
    for (size_t at = 0; in_parts && rc == 0 && at <= len; at += 1000) {
        size_t part = len - at < 1000 ? len - at : 1000;
        rc = weir_ws_send_part(ws, WEIR_WS_BINARY, bytes + at, part, part < 1000);
    }
    if (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = m.data.len == len && (len == 0 || memcmp(m.data.base, bytes, len) == 0) ? 0 : -EBADMSG;
    return rc;
}

static int talk(void *url) {
    static char text[1 << 20];
    struct weir_ws_deflated d = {0};
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    int rc = weir_ws_dial(url, &options, &ws);
    if (rc < 0)
        return rc;
    bool is_on = weir_ws_is_deflated(ws, &d);
    printf("%s %d %d %d %d\n", is_on ? "on" : "off", d.server_window_bits, d.client_window_bits,
           d.server_takeover, d.client_takeover);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)("the quick brown fox "[i % 20] + (i % 977 == 0));
    for (size_t len = 0; len <= sizeof text && rc == 0; len = len * 3 + 1)
        if ((rc = echoed(ws, text, len, false)) == 0 && len < 100000)
            rc = echoed(ws, text, len, true);
    return rc == 0 ? weir_ws_close(ws, 1000, "done") : rc;
}

/* ---- the command line ---- */

static int take_option(const char *word) {
    int number = atoi(strchr(word, '=') ? strchr(word, '=') + 1 : "0");
    if (strncmp(word, "level=", 6) == 0)
        deflate.level = number;
    else if (strncmp(word, "memory=", 7) == 0)
        deflate.memory_level = number;
    else if (strncmp(word, "server=", 7) == 0)
        deflate.server_window_bits = number;
    else if (strncmp(word, "client=", 7) == 0)
        deflate.client_window_bits = number;
    else if (strncmp(word, "threshold=", 10) == 0)
        deflate.threshold = (size_t)number;
    else if (strncmp(word, "takeover=", 9) == 0)
        deflate.server_takeover = number & 1, deflate.client_takeover = number & 2;
    else
        return -1;
    return 0;
}

int main(int argc, char **argv) {
    for (int i = 2; i < argc; i++)
        if (take_option(argv[i]) < 0)
            argc = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: deflate-peer serve|react|URL [NAME=NUMBER ...]\n");
        return 2;
    }
    int rc = weir_run(strchr(argv[1], ':') ? talk : server, argv[1], NULL);
    if (rc < 0)
        fprintf(stderr, "deflate-peer: %s\n", weir_error_name(rc));
    return rc < 0;
}

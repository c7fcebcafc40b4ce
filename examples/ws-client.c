/* SPDX-License-Identifier: MIT */
/* ws-client - send each line of standard input as a message, print each message that comes back;
 * at the end of the input close, and say how the connection ended:
 *
 *   ws-client ws://127.0.0.1:7000/ [SUBPROTOCOL] ["NAME: VALUE" ...]          with these headers */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

enum { LINE_MAX_LEN = 1 << 20, HEADERS_MAX = 16 };

struct sender_args {
    struct weir_ws *ws;
};

/* Reads lines while the other task prints what comes. */
static int sender(void *args) {
    static const struct weir_framing lines = {.size = sizeof lines, .max = LINE_MAX_LEN};
    struct weir_ws *ws = ((struct sender_args *)args)->ws;
    WEIR_AUTO(weir_close) struct weir_stream *in = NULL;
    struct weir_frames frames = {{0}};
    struct weir_view line;
    int rc = weir_stream_from_fd(0, &in);
    if (rc == 0)
        rc = weir_frames_open(&frames, in, &lines);
    while (rc >= 0 && (rc = weir_frames_next(&frames, &line)) > 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, line.base, line.len);
    weir_frames_close(&frames);
    return rc < 0 ? rc : weir_ws_close(ws, 1000, "end of input");
}

/* What a server sends is not for the terminal to obey: its control characters become dots. The byte
 * 0xc2 begins those of Latin-1. */
static void print_line(FILE *to, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned char next = i + 1 < len ? (unsigned char)text[i + 1] : 0;
        bool is_latin = c == 0xc2 && next < 0xa0;
        putc(c < 0x20 || c == 0x7f || is_latin ? '.' : c, to);
        i += is_latin;
    }
    putc('\n', to);
    fflush(to);
}

static int printer(struct weir_ws *ws) {
    struct weir_ws_message m;
    int rc;
    while ((rc = weir_ws_receive(ws, &m)) == 0) {
        print_line(stdout, m.data.base, m.data.len);
    }
    return rc == WEIR_EWSCLOSED ? 0 : rc;
}

static int client(void *arg) {
    char **argv = arg;
    const char *names[2] = {NULL}, *headers[HEADERS_MAX + 1] = {NULL};
    struct weir_ws_options o = {.size = sizeof o, .subprotocols = names, .headers = headers};
    size_t count = 0;
    for (char **word = argv + 2; *word != NULL; word++)
        *(strchr(*word, ':') != NULL ? &headers[count++] : &names[0]) = *word;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_group g;
    int rc = weir_ws_dial(argv[1], &o, &ws);
    if (rc == 0) {
        weir_group_open(&g, WEIR_TOGETHER);
        if ((rc = weir_go(&g, sender, .ws = ws)) == 0 && (rc = printer(ws)) == 0)
            weir_group_cancel(&g, "the server closed");
        rc = weir_group_close(&g, rc);
        const char *reason = weir_ws_close_reason(ws);
        fprintf(stderr, "closed: %d (%s) ", weir_ws_close_code(ws),
                weir_ws_code_text(weir_ws_close_code(ws)));
        print_line(stderr, reason, strlen(reason));
    }
    if (rc < 0 && rc != WEIR_ESTOPPED)
        fprintf(stderr, "ws-client: %s\n", weir_error_message(rc));
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 2 + HEADERS_MAX) {
        fprintf(stderr, "usage: ws-client URL [SUBPROTOCOL] [\"NAME: VALUE\" ...]\n");
        return 2;
    }
    return weir_run(client, argv, NULL) < 0;
}

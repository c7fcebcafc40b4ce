/* SPDX-License-Identifier: MIT */
/* cmd_ws.c - `weir ws`: a WebSocket on the terminal, or in a pipe. One task sends what standard
 * input has, the other prints what comes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/frame.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/tty.h>
#include <weir/ws.h>
#include <weir/ws_deflate.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "cli/command.h"
#include "cli/duration.h"
#include "cli/reword.h"
#include "cli/trust.h"
#include "cli/ws_line.h"
#include "cli/ws_print.h"
#include "wire/utf8.h"
#include "worker/line.h"
#include "worker/options.h"
#include "worker/program.h"
#include "worker/standard.h"

enum { CACERT = 256, INSECURE, COMPRESS, REDIRECTS, PROXY };
enum { WORDS_MAX = 32, LINE_MAX_BYTES = 1 << 20, PIECE = 64 << 10 };

struct chat {
    const char *url;
    const char *headers[WORDS_MAX + 1], *subprotocols[WORDS_MAX + 1], *origin;
    const char *proxy;
    struct trust trust;
    size_t headers_count, subprotocols_count;
    weir_ns wait_ns;
    bool is_binary, is_json, is_quiet, is_terminal, is_compressed, follows;
    enum output_color color;
    struct weir_ws *ws;
    struct ws_print print;
    weir_ns heard; /* when a message was last sent or printed */
    bool prints;   /* a message is being printed, which a slow reader may hold up */
    bool is_lost;  /* no message can be sent any more: the other task finds out why */
    bool closes;   /* the input has ended, and so has the wait for answers */
};

static const char help[] =
    "usage: weir ws [options] ws[s]://HOST:PORT/PATH\n"
    "Talk to a WebSocket server: each line of standard input is sent as a text message, each\n"
    "message that comes is printed as a line. On a terminal the arrow keys edit the line.\n"
    "\n"
    "  -b, --binary              send standard input as binary messages, in pieces as they come\n"
    "      --json                print each message as a line of JSON: {\"type\":\"text\",\n"
    "                            \"data\":\"...\"}, {\"type\":\"binary\",\"base64\":\"...\"}\n"
    "  -H, --header 'NAME: VALUE'   send this header too (repeatable)\n"
    "      --subprotocol NAME    offer this subprotocol (repeatable)\n"
    "      --origin ORIGIN       send this origin, as a browser's page does\n"
    "      --cacert FILE         trust only the certificates in this file\n"
    "      --insecure            do not check the server's certificate\n"
    "      --compress            offer permessage-deflate\n"
    "      --redirect            follow redirects, at most 20\n"
    "      --proxy URL           go through this proxy: http://HOST:PORT\n"
    "      --wait TIME           after the end of the input, close when no message has come or\n"
    "                            gone for so long (500ms); never: wait for the server to close\n"
    "      --backend NAME        epoll or uring; default: the variable WEIR_BACKEND, else\n"
    "                            what the kernel offers\n"
    "      --color WHEN          auto, always or never (auto; NO_COLOR is honoured)\n"
    "  -q, --quiet               do not say how the connection ended\n"
    "  -h, --help                this text\n"
    "\n"
    "Exit: 0 closed (1000, 1001 or without a code), 1 failed, or closed with another code,\n"
    "2 usage.\n";

static weir_ns touched(struct chat *c) {
    return c->heard = weir_now();
}

/* ---- standard input to the server ---- */

/* What the server has sent before it went, perhaps a close frame, is still to be printed. */
static int send_message(struct chat *c, enum weir_ws_type type, const void *data, size_t len) {
    int rc = weir_ws_send(c->ws, type, data, len);
    touched(c);
    c->is_lost = rc == WEIR_EWSCLOSED || rc == WEIR_EEOF || rc == -ECONNRESET || rc == -EPIPE ||
                 rc == WEIR_EKEEPALIVE;
    return rc;
}

static int send_text(struct chat *c, const void *text, size_t len) {
    int rc = send_message(c, WEIR_WS_TEXT, text, len);
    if (rc == WEIR_EUTF8)
        rc = weir_fail(rc, "a line is not UTF-8, so it is no text message: --binary sends bytes");
    return rc;
}

static int send_terminal(struct chat *c) {
    char *line;
    int rc;
    while ((rc = ws_line_next(&line)) > 0) {
        rc = send_text(c, line, strlen(line));
        free(line);
        if (rc == WEIR_EUTF8)
            weir__line_error("weir ws: %s", weir_error_message(rc));
        else if (rc < 0)
            return rc;
    }
    return rc;
}

static int send_lines(struct chat *c, struct weir_stream *in) {
    const struct weir_framing lines = {.size = sizeof lines, .max = LINE_MAX_BYTES};
    struct weir_frames frames;
    struct weir_view line;
    int rc = weir_frames_open(&frames, in, &lines);
    while (rc >= 0 && (rc = weir_frames_next(&frames, &line)) > 0)
        rc = send_text(c, line.base, line.len);
    if (rc == WEIR_ETOOBIG)
        rc = weir_fail(rc, "a line has more than 1 MiB: --binary sends pieces");
    weir_frames_close(&frames);
    return rc;
}

static int send_pieces(struct chat *c, struct weir_stream *in) {
    char *piece = weir__alloc(PIECE);
    ssize_t n = -ENOMEM;
    while (piece != NULL && (n = weir_read(in, piece, PIECE)) > 0) {
        int rc = send_message(c, WEIR_WS_BINARY, piece, (size_t)n);
        if (rc < 0) {
            n = rc;
            break;
        }
    }
    weir__free(piece);
    return (int)n;
}

static int send_input(struct chat *c) {
    struct weir_stream *in;
    if (c->is_terminal)
        return send_terminal(c);
    int rc = weir_stdin(&in);
    if (rc < 0)
        return rc;
    rc = c->is_binary ? send_pieces(c, in) : send_lines(c, in);
    weir_close(&in);
    return rc;
}

/* The input has ended: answers may still be on their way, or wait behind one that is printed. */
static int wait_for_answers(struct chat *c) {
    weir_ns look_ns = WEIR_MILLISECONDS(10), now = touched(c);
    int rc = 0;
    while (rc == 0 && (c->prints || now - c->heard < c->wait_ns)) {
        rc = weir_sleep(c->wait_ns == WEIR_NEVER ? WEIR_NEVER
                        : c->prints              ? look_ns
                                                 : c->heard + c->wait_ns - now);
        now = weir_now();
    }
    return rc;
}

struct sender_args {
    struct chat *chat;
};

static int sender(void *args) {
    struct chat *c = ((struct sender_args *)args)->chat;
    int rc = send_input(c);
    if (rc == 0 && !c->is_terminal)
        rc = wait_for_answers(c);
    c->closes = rc == 0;
    if (rc == 0)
        rc = weir_ws_close(c->ws, 1000, NULL);
    return c->is_lost ? 0 : rc;
}

/* ---- the server to standard output ---- */

static int print_all(struct chat *c) {
    struct weir_ws_message m;
    int rc;
    while ((rc = weir_ws_receive(c->ws, &m)) == 0) {
        c->prints = true;
        rc = ws_print_message(&c->print, &m);
        c->prints = false;
        touched(c);
        if (rc < 0)
            return rc;
    }
    return rc;
}

/* Returns the exit code. */
static int tell_end(struct chat *c) {
    int code = weir_ws_close_code(c->ws);
    char reason[3 * 125 + 8];
    const char *said = weir_ws_close_reason(c->ws);
    weir__escape(reason, sizeof reason, said, strlen(said));
    bool is_good = code == 1000 || code == 1001 || code == 1005;
    if (c->is_json)
        (void)ws_print_close(&c->print, code, said);
    else if (!c->is_quiet && (c->is_terminal || !is_good))
        weir__line_error("weir ws: closed: %d %s%s%s", code, weir_ws_code_text(code),
                         reason[0] ? ": " : "", reason);
    return is_good ? EXIT_DONE : EXIT_FAILED;
}

/* Ctrl-C: say goodbye, within a second. */
static void part(struct chat *c) {
    struct weir_scope shield;
    weir_shield_enter(&shield, WEIR_SECONDS(1));
    (void)weir_scope_leave(&shield, weir_ws_close(c->ws, 1001, NULL));
}

static int talk(struct chat *c) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    struct sender_args args = {c};
    static const struct weir_site site = {"sender", __FILE__, "weir_ws", __LINE__};
    int rc = weir_spawn(&g, &site, sender, &args, sizeof args, NULL, NULL);
    if (rc >= 0)
        rc = print_all(c);
    bool is_over = rc == WEIR_EWSCLOSED;
    /* It reads on, to the close frame of the server, and knows best why there is none. */
    bool other_closes = c->closes && (rc == -EBUSY || rc == WEIR_EEOF);
    if (is_over)
        weir_group_cancel(&g, "the connection is closed");
    int ended = weir_group_close(&g, is_over || other_closes ? 0 : rc);
    if (is_over || (other_closes && ended >= 0))
        return tell_end(c);
    return ended < 0 ? ended : rc;
}

static int ws_body(struct weir__program *p) {
    struct chat *c = p->work;
    const struct weir_ws_deflate deflate = {.size = sizeof deflate};
    struct weir_ws_options o = {.size = sizeof o,
                                .headers = c->headers_count > 0 ? c->headers : NULL,
                                .subprotocols = c->subprotocols_count > 0 ? c->subprotocols : NULL,
                                .origin = c->origin,
                                .proxy = c->proxy,
                                .redirects_max = c->follows ? 20 : 0,
                                .deflate = c->is_compressed ? &deflate : NULL};
    int rc = ws_print_open(&c->print, c->is_json, c->color);
    if (rc == 0)
        rc = trust_make(&c->trust, "ws dial", c->url, &o.tls);
    if (rc == 0)
        rc = weir_ws_dial(c->url, &o, &c->ws);
    if (rc == 0) {
        if (c->is_terminal)
            ws_line_open("> ");
        rc = talk(c);
        ws_line_close();
        if (weir_cancelled() != 0)
            part(c);
        weir_ws_drop(&c->ws);
    }
    ws_print_close_stream(&c->print);
    trust_free(&o.tls);
    return reword(rc);
}

/* ---- the command line ---- */

static int keep_word(const char *what, const char **words, size_t *count, const char *word) {
    if (*count == WORDS_MAX) {
        weir__line_error("weir ws: more than %d of %s", WORDS_MAX, what);
        return EXIT_USAGE;
    }
    words[(*count)++] = word;
    return -1;
}

static int take_wait(struct chat *c, const char *word) {
    if (strcmp(word, "never") == 0)
        c->wait_ns = WEIR_NEVER;
    else if (!duration_parse(word, &c->wait_ns)) {
        weir__line_error("weir ws: --wait wants a time as 500ms or 2s, or never, not '%s'", word);
        return EXIT_USAGE;
    }
    return -1;
}

static int take_option(struct weir__program *p, struct chat *c, int option) {
    switch (option) {
    case 'H':
        return keep_word("--header", c->headers, &c->headers_count, optarg);
    case 's':
        return keep_word("--subprotocol", c->subprotocols, &c->subprotocols_count, optarg);
    case 'o':
        c->origin = optarg;
        return -1;
    case 'w':
        return take_wait(c, optarg);
    case 'j':
        c->is_json = true;
        return -1;
    case 'b':
        c->is_binary = true;
        return -1;
    case CACERT:
        c->trust.ca_file = optarg;
        return -1;
    case PROXY:
        c->proxy = optarg;
        return -1;
    case INSECURE:
    case COMPRESS:
    case REDIRECTS:
        c->trust.insecure |= option == INSECURE;
        c->is_compressed |= option == COMPRESS;
        c->follows |= option == REDIRECTS;
        return -1;
    default:
        p->backend = optarg;
        return weir__backend_named("weir ws", optarg) ? -1 : EXIT_USAGE;
    }
}

static int read_options(struct weir__program *p, struct chat *c, int argc, char **argv,
                        struct settings *s) {
    static const struct option longs[] = {{"binary", no_argument, NULL, 'b'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"header", required_argument, NULL, 'H'},
                                          {"subprotocol", required_argument, NULL, 's'},
                                          {"origin", required_argument, NULL, 'o'},
                                          {"wait", required_argument, NULL, 'w'},
                                          {"cacert", required_argument, NULL, CACERT},
                                          {"insecure", no_argument, NULL, INSECURE},
                                          {"compress", no_argument, NULL, COMPRESS},
                                          {"redirect", no_argument, NULL, REDIRECTS},
                                          {"proxy", required_argument, NULL, PROXY},
                                          {"backend", required_argument, NULL, 'B'},
                                          COMMAND_OPTIONS};
    int code = -1, option;
    while (code < 0 && (option = command_option(argc, argv, "weir ws", help, ":bH:" COMMAND_SHORT,
                                                longs, s, &code)) != -1)
        code = take_option(p, c, option);
    if (code < 0 && argc - optind != 1) {
        weir__line_error("weir ws: it wants one word, the URL: weir ws ws://HOST:PORT/PATH");
        return EXIT_USAGE;
    }
    if (code < 0)
        c->url = argv[optind];
    return code;
}

static int run(const struct command *command, int argc, char **argv, struct settings *settings) {
    struct weir__program *p = weir__program_new("weir ws");
    struct chat c = {.wait_ns = WEIR_MILLISECONDS(500)};
    (void)command;
    if (p == NULL)
        return EXIT_FAILED;
    int code = weir__grid_init(&p->grid) < 0 ? EXIT_FAILED : -1;
    if (code < 0)
        code = read_options(p, &c, argc, argv, settings);
    c.is_quiet = settings->quiet;
    c.color = settings->color;
    c.is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !c.is_binary && !c.is_json;
    p->work = &c;
    p->body = ws_body;
    if (code < 0)
        code = weir__program_run(p);
    if (p->signal != 0)
        code = 128 + p->signal;
    weir__program_free(p);
    return code;
}

const struct command command_ws = {
    .name = "ws", .summary = "talk to a WebSocket server", .help = help, .run = run};

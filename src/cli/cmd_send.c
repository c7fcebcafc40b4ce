/* SPDX-License-Identifier: MIT */
/* cmd_send.c - `weir send`: send one message to a node or a URL, and print its ack. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "cli/command.h"
#include "cli/duration.h"
#include "mesh/link.h"
#include "wire/uri.h"
#include "wire/utf8.h"
#include "worker/limits.h"
#include "worker/line.h"
#include "worker/options.h"
#include "worker/standard.h"

enum { EXIT_NACKED = 4 };

struct sending {
    char *target; /* NULL: channel is a URL */
    const char *channel;
    enum weir_ws_type type;
    char *data;
    size_t len;
    bool is_raw;
    weir_ns timeout_ns;
};

static const char help[] =
    "usage: weir send [options] NODE[/CHANNEL]|ws://HOST:PORT/PATH [--] DATA|-\n"
    "Send one message to a worker and print its ack.\n"
    "\n"
    "      --node NAME=HOST:PORT add a node to the grid, or move it (repeatable; also: the\n"
    "                            variable WEIR_GRID)\n"
    "      --raw                 print the ack's bytes as they came\n"
    "      --timeout DURATION    give up after this long in all: 500ms, 2s, 1m; default: never\n"
    "                            while there is a connection, and after 5s without one\n"
    "      --no-retry            dial once and send once\n"
    "      --backend NAME        epoll or uring; default: the variable WEIR_BACKEND, else\n"
    "                            what the kernel offers\n"
    "  -h, --help                this text\n"
    "\n"
    "With - as DATA the message is read from standard input, and loses one newline at its end if\n"
    "it is a text. To send a - itself, write -- before it. DATA that is not UTF-8 is sent as a\n"
    "binary message. A text ack is printed as one line, with escapes for control characters; a\n"
    "binary ack is so printed on a terminal only.\n"
    "Exit: 0 acked and printed, 1 failed, 2 usage, 3 no such node, 4 the message was refused.\n";

static void print_escaped(const char *text, size_t len) {
    char one[WEIR__ESCAPE_MAX];
    for (size_t at = 0, n; at < len; fwrite(one, 1, n, stdout))
        at += weir__escape_one(text + at, len - at, one, &n);
    putchar('\n');
}

/* Print the ack: a text as one line, a binary one unchanged, to a file or a pipe. If it cannot be
 * printed, the command fails. */
static int print_ack(const struct weir_ws_message *ack, bool is_raw) {
    if (!is_raw && (ack->type == WEIR_WS_TEXT || isatty(STDOUT_FILENO)))
        print_escaped(ack->data.base, ack->data.len);
    else
        fwrite(ack->data.base, 1, ack->data.len, stdout);
    if (weir__flush_stdout("weir send") != 0)
        return EXIT_FAILED;
    return weir__is_nack(ack->type, ack->data) ? EXIT_NACKED : EXIT_DONE;
}

/* Print the error of the mesh, and behind it how to add a node, which only this command knows. A
 * target such as localhost:7451 is no name of a node, but an address without "ws://". */
static int tell_unknown(const struct weir__program *p, const struct sending *s, int rc) {
    struct weir__uri uri;
    if (weir__uri_parse_authority(&uri, s->target, strlen(s->target)) == 0 && uri.port != 0)
        weir__line_error("%s: '%s' is no name of a node; did you mean ws://%s/%s?", p->who,
                         s->target, s->target, s->channel + (s->channel[0] == '/'));
    else
        weir__line_error("%s: %s; add it: --node NAME=HOST:PORT or WEIR_GRID", p->who,
                         weir_error_message(rc));
    return EXIT_NOT_FOUND;
}

static int ask_within(const struct sending *s, struct weir__link *l, struct weir_ws_message *ret) {
    struct weir_scope scope;
    weir_scope_enter(&scope, s->timeout_ns);
    return weir_scope_leave(&scope, weir__link_ask(l, s->type, s->data, s->len, ret));
}

static int tell_late(const struct weir__program *p, const struct sending *s,
                     const struct weir__link *l) {
    char within[32];
    const char *why = weir__link_why(l);
    duration_format(s->timeout_ns, within, sizeof within);
    weir__line_error("%s: %s: no ack within %s%s%s", p->who, weir__link_url(l), within,
                     why[0] ? "; " : "", why);
    return EXIT_FAILED;
}

static int send_body(struct weir__program *p) {
    const struct sending *s = p->work;
    struct weir__link *l = NULL;
    struct weir_ws_message ack;
    int rc = weir__link_take(&p->mesh, s->target, s->channel, &l);
    if (rc == WEIR_ENONODE)
        return tell_unknown(p, s, rc);
    if (rc < 0)
        return rc;
    rc = ask_within(s, l, &ack);
    if (rc == -ETIME && weir_cancelled() == 0)
        rc = tell_late(p, s, l);
    else
        rc = rc == 0 ? print_ack(&ack, s->is_raw) : weir__program_tell_link(p, l, rc);
    weir__link_leave(l);
    return rc;
}

/* Parse the target: a URL has "://"; otherwise the channel begins at the first slash. */
static int take_place(struct sending *s, const char *word) {
    if (strstr(word, "://") != NULL) {
        s->channel = word;
        return -1;
    }
    size_t len = strcspn(word, "/");
    s->target = weir__strdup(word);
    if (s->target == NULL)
        return EXIT_FAILED;
    s->target[len] = '\0';
    s->channel = word + len;
    return -1;
}

static int take_data(struct sending *s, const char *word, bool literally) {
    bool from_input = !literally && strcmp(word, "-") == 0;
    size_t max = from_input ? WEIR__ACK_MAX : strlen(word);
    s->data = weir__alloc(max + 1);
    if (s->data == NULL)
        return EXIT_FAILED;
    if (from_input)
        s->len = fread(s->data, 1, max + 1, stdin);
    else
        memcpy(s->data, word, s->len = max);
    if (s->len > max || (from_input && ferror(stdin))) {
        weir__line_error("weir send: the input %s",
                         s->len > max ? "is larger than 1 MiB" : "cannot be read");
        return EXIT_FAILED;
    }
    s->type = weir__utf8_valid(s->data, s->len) ? WEIR_WS_TEXT : WEIR_WS_BINARY;
    if (from_input && s->type == WEIR_WS_TEXT && s->len > 0 && s->data[s->len - 1] == '\n')
        s->len--;
    return -1;
}

static bool take_timeout(struct sending *s, const char *word) {
    bool good = duration_parse(word, &s->timeout_ns) && s->timeout_ns > 0;
    if (!good)
        weir__line_error("weir send: --timeout wants a time as 500ms, 2s or 1m, not '%s'", word);
    return good;
}

/* A word behind the target that looks like an option but is part of the message; NULL: none. */
static const char *late_option(int count, char **words) {
    for (int i = 1; i < count; i++)
        if (strncmp(words[i], "--", 2) == 0 && words[i][2] != '\0')
            return words[i];
    return NULL;
}

static int read_options(struct weir__program *p, int argc, char **argv, struct settings *s,
                        struct sending *sending) {
    static const struct option longs[] = {{"node", required_argument, NULL, 'n'},
                                          {"backend", required_argument, NULL, 'b'},
                                          {"raw", no_argument, NULL, 'r'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {"no-retry", no_argument, NULL, 'o'},
                                          COMMAND_OPTIONS};
    const char *grid = getenv("WEIR_GRID");
    int code = -1, c, rc = weir__grid_init(&p->grid);
    if (rc == 0 && grid != NULL)
        rc = weir__grid_add(&p->grid, grid);
    while (rc == 0 && (c = command_option(argc, argv, "weir send", help, "+:" COMMAND_SHORT,
                                          longs, s, &code)) != -1) {
        if (c == 'b' && !weir__backend_named("weir send", optarg))
            return EXIT_USAGE;
        if (c == 'b')
            p->backend = optarg;
        else if (c == 'r')
            sending->is_raw = true;
        else if (c == 'o')
            p->no_retry = true;
        else if (c == 'n')
            rc = weir__grid_add(&p->grid, optarg);
        else if (!take_timeout(sending, optarg))
            return EXIT_USAGE;
    }
    if (rc < 0)
        return weir__program_tell(p, rc) * EXIT_USAGE;
    bool is_marked = argc - optind > 1 && strcmp(argv[optind + 1], "--") == 0;
    if (code < 0 && argc - optind != (is_marked ? 3 : 2)) {
        const char *late = late_option(argc - optind, argv + optind);
        weir__line_error("weir send: it wants two words, where to and what%s%s%s "
                         "(see weir send -h)",
                         late ? "; options stand before them: '" : "", late ? late : "",
                         late ? "'" : "");
        return EXIT_USAGE;
    }
    return code;
}

static int run(const struct command *c, int argc, char **argv, struct settings *settings) {
    struct weir__program *p = weir__program_new("weir send");
    struct sending s = {.channel = "", .timeout_ns = WEIR_NEVER};
    (void)c;
    if (p == NULL)
        return EXIT_FAILED;
    int code = read_options(p, argc, argv, settings, &s);
    if (code < 0)
        code = take_place(&s, argv[optind]);
    if (code < 0)
        code = take_data(&s, argv[argc - 1], argc - optind == 3);
    p->work = &s;
    p->body = send_body;
    if (code < 0)
        code = weir__program_run(p);
    if (p->signal != 0)
        code = 128 + p->signal;
    weir__free(s.target);
    weir__free(s.data);
    weir__program_free(p);
    return code;
}

const struct command command_send = {
    .name = "send", .summary = "send one message, print its ack", .help = help, .run = run};

/* SPDX-License-Identifier: MIT */
/* cmd_get.c - `weir get`: fetch a URL to standard output or into a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/error.h>
#include <weir/http_client.h>
#include <weir/task.h>
#include <weir/tty.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "cli/command.h"
#include "cli/duration.h"
#include "cli/get_sink.h"
#include "cli/reword.h"
#include "cli/trust.h"
#include "wire/chars.h"
#include "wire/uri.h"
#include "worker/line.h"
#include "worker/options.h"
#include "worker/program.h"
#include "worker/standard.h"

enum { HEADERS_MAX = 100, GET_PIECE = 64 << 10 };

struct getting {
    const char *url, *method, *path, *data, *proxy, *connect;
    struct trust trust;
    const char *headers[HEADERS_MAX + 2];
    size_t headers_count;
    char *user, *password, range[48];
    weir_ns time_ns;
    int retries;
    bool head_too, fails, resumes, stays, compressed, is_quiet;
    struct weir_stream *in;  /* a body from standard input */
    struct weir_file *file;  /* or from a file */
    int64_t have;            /* bytes of the output that are there */
    struct get_sink sink;
};

static const char help[] =
    "usage: weir get [options] http[s]://HOST[:PORT]/PATH\n"
    "Fetch a URL, to standard output or into a file. Redirects are followed.\n"
    "\n"
    "  -o, --output FILE         write into this file, with a progress line on a terminal\n"
    "  -c, --continue            get only what FILE does not have yet\n"
    "  -i, --include             print the head of the answer too\n"
    "  -f, --fail                a status of 400 or more is a failure, and its body not printed\n"
    "  -X, --request METHOD      the method; default: GET, or POST with --data\n"
    "  -d, --data TEXT           send this body; @FILE: what is in FILE, @-: standard input\n"
    "  -H, --header 'NAME: VALUE'   send this header too (repeatable)\n"
    "  -u, --user USER:PASSWORD  log in at the host of the URL (Basic)\n"
    "      --compressed          ask for gzip, and decompress it\n"
    "      --no-redirect         print a redirect, do not follow it\n"
    "      --retry N             try again up to N times where that is safe\n"
    "      --time TIME           fail after so long in all (5s, 2m); default: never\n"
    "      --proxy URL           go through this proxy; default: what the variables http_proxy,\n"
    "                            https_proxy, all_proxy and no_proxy say\n"
    "      --connect URL         connect to this unix:/PATH or tcp://HOST:PORT instead\n"
    "      --cacert FILE         trust only the certificates in this file\n"
    "      --insecure            do not check the server's certificate\n"
    "      --backend NAME        epoll or uring; default: the variable WEIR_BACKEND, else\n"
    "                            what the kernel offers\n"
    "  -q, --quiet               no progress line\n"
    "  -h, --help                this text\n"
    "\n"
    "Exit: 0 fetched, 1 failed, 2 usage.\n";

/* ---- the body of the request ----------------------------------------------------------------- */

static ssize_t more_of_file(void *arg, void *buf, size_t size) {
    return weir_file_read(((struct getting *)arg)->file, buf, size);
}

static ssize_t more_of_input(void *arg, void *buf, size_t size) {
    return weir_read(((struct getting *)arg)->in, buf, size);
}

static int set_body(struct getting *g, struct weir_http_call *call) {
    struct stat st;
    call->arg = g;
    if (g->data == NULL)
        return 0;
    if (strcmp(g->data, "@-") == 0) {
        call->more = more_of_input;
        return weir_stdin(&g->in);
    }
    if (g->data[0] != '@') {
        call->body = g->data;
        call->len = strlen(g->data);
        return 0;
    }
    int rc = weir_file_open(g->data + 1, O_RDONLY, 0, &g->file);
    if (rc == 0)
        rc = weir_file_stat(g->file, &st);
    if (rc == 0 && S_ISREG(st.st_mode))
        call->len = (size_t)st.st_size;
    if (call->len > 0 || !S_ISREG(st.st_mode))
        call->more = more_of_file;
    return rc;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int print_head(struct getting *g, struct weir_http_response *r) {
    const char *name, *value;
    char line[1024];
    int n = snprintf(line, sizeof line, "HTTP/1.1 %d %s\n", weir_http_response_status(r),
                     weir_http_response_reason(r));
    int rc = get_sink_put(&g->sink, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
    for (size_t i = 0; rc == 0 && weir_http_response_header_at(r, i, &name, &value) == 1; i++) {
        rc = get_sink_put(&g->sink, name, strlen(name));
        if (rc == 0)
            rc = get_sink_put(&g->sink, ": ", 2);
        if (rc == 0)
            rc = get_sink_put(&g->sink, value, strlen(value));
        if (rc == 0)
            rc = get_sink_put(&g->sink, "\n", 1);
    }
    return rc == 0 ? get_sink_put(&g->sink, "\n", 1) : rc;
}

static int failed_status(struct weir_http_response *r) {
    const char *url = weir_http_response_url(r);
    return weir_fail(WEIR_EHTTP, "%.*s answered %d %s", (int)weir__uri_shown_len(url), url,
                     weir_http_response_status(r), weir_http_response_reason(r));
}

static int copy_body(struct getting *g, struct weir_http_response *r) {
    char *piece = weir__alloc(GET_PIECE);
    ssize_t n = -ENOMEM;
    while (piece != NULL && (n = weir_http_response_read(r, piece, GET_PIECE)) > 0) {
        int rc = get_sink_put(&g->sink, piece, (size_t)n);
        if (rc < 0) {
            n = rc;
            break;
        }
    }
    weir__free(piece);
    return n == 0 ? get_sink_finish(&g->sink) : (int)n;
}

/* A number of "bytes 5-9/10", "bytes * /10"; -1: it is not there. */
static int64_t number_behind(const char *text, char sign) {
    const char *at = text != NULL ? strchr(text, sign) : NULL;
    size_t len = at != NULL ? strspn(at + 1, "0123456789") : 0;
    return len > 0 ? weir__chars_decimal((const uint8_t *)at + 1, len, INT64_MAX) : -1;
}

/* True if the range of a 206 begins where our file ends, and is what it says. */
static bool is_wanted_range(const char *range, int64_t have, int64_t length) {
    int64_t first = number_behind(range, ' '), last = number_behind(range, '-');
    int64_t whole = number_behind(range, '/');
    return first == have && last >= first && (whole < 0 || last < whole) &&
           (length < 0 || length == last - first + 1);
}

/* What the server makes of our wish to go on. Sets *ret_from and *ret_total; returns 1: there is
 * nothing left to fetch. */
static int resume(struct getting *g, struct weir_http_response *r, int64_t *ret_from,
                  int64_t *ret_total) {
    const char *range = weir_http_response_header(r, "Content-Range");
    const char *url = weir_http_response_url(r);
    int64_t whole = number_behind(range, '/'), length = weir_http_response_length(r);
    *ret_from = 0;
    *ret_total = length;
    switch (weir_http_response_status(r)) {
    case 206:
        if (!is_wanted_range(range, g->have, length))
            return weir_fail(WEIR_EPROTO, "%.*s sends another range than was asked for: %s",
                             (int)weir__uri_shown_len(url), url, range != NULL ? range : "none");
        *ret_from = g->have;
        *ret_total = whole >= 0 ? whole : number_behind(range, '-') + 1;
        return 0;
    case 200:
        return 0; /* it knows no ranges: all of it comes again */
    case 416:
        return whole == g->have ? 1 : failed_status(r);
    default:
        return failed_status(r); /* what is there is worth more than the page of an error */
    }
}

static int take(struct getting *g, struct weir_http_response *r) {
    int64_t from = 0, total = g->compressed ? -1 : weir_http_response_length(r);
    const char *url = weir_http_response_url(r);
    int rc = g->have > 0 ? resume(g, r, &from, &total) : 0;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (g->fails && weir_http_response_status(r) >= 400)
        return failed_status(r);
    rc = get_sink_begin(&g->sink, g->path, from, total);
    if (rc == 0 && g->head_too)
        rc = print_head(g, r);
    if (rc == 0)
        g->sink.done = from;
    if (rc == 0)
        rc = copy_body(g, r);
    if (rc == 0 && from > 0 && g->sink.done != total) /* a server may send less than was asked */
        return weir_fail(WEIR_EPROTO, "%.*s has sent no more than %lld of %lld bytes: try again",
                         (int)weir__uri_shown_len(url), url, (long long)g->sink.done,
                         (long long)total);
    return rc;
}

/* ---- the request ----------------------------------------------------------------------------- */

static int look_at_output(struct getting *g) {
    struct stat st;
    if (!g->resumes)
        return 0;
    if (stat(g->path, &st) < 0)
        return errno == ENOENT ? 0 : weir_fail(-errno, "%s cannot be looked at", g->path);
    g->have = st.st_size;
    if (g->have == 0)
        return 0;
    snprintf(g->range, sizeof g->range, "Range: bytes=%lld-", (long long)g->have);
    g->headers[g->headers_count++] = g->range;
    return 0;
}

static int fetch(struct getting *g, struct weir_http_client *client) {
    struct weir_http_call call = {.size = sizeof call, .url = g->url, .method = g->method,
                                  .user = g->user, .password = g->password};
    struct weir_http_response *r = NULL;
    int rc = look_at_output(g);
    call.headers = g->headers_count > 0 ? g->headers : NULL;
    if (g->data != NULL && g->method == NULL)
        call.method = "POST"; /* also with a body that is empty */
    if (rc == 0)
        rc = set_body(g, &call);
    if (rc == 0)
        rc = weir_http_fetch(client, &call, &r);
    if (rc == 0)
        rc = take(g, r);
    weir_http_response_close(&r);
    weir_file_close(&g->file);
    weir_close(&g->in);
    return rc;
}

static int get(struct getting *g) {
    struct weir_http_client_options o = {
        .size = sizeof o, .proxy = g->proxy, .proxy_from_environment = true,
        .redirects_max = g->stays ? -1 : 0, .no_decompress = !g->compressed,
        .retries = g->retries, .connect = g->connect, .idle_ns = -1};
    struct weir_http_client *client = NULL;
    int rc = trust_make(&g->trust, "get", g->url, &o.tls);
    if (rc == 0)
        rc = weir_http_client_new(&o, &client);
    trust_free(&o.tls);
    if (rc == 0)
        rc = get_sink_open(&g->sink, g->path, !g->is_quiet);
    if (rc == 0)
        rc = fetch(g, client);
    get_sink_close(&g->sink);
    weir_http_client_close(&client);
    return rc;
}

static int get_body(struct weir__program *p) {
    struct getting *g = p->work;
    struct weir_scope s;
    weir_scope_enter(&s, g->time_ns);
    return reword(weir_scope_leave(&s, get(g)));
}

/* ---- the command line ------------------------------------------------------------------------ */

static int usage(const char *what, const char *word) {
    weir__line_error("weir get: %s '%s'", what, word);
    return EXIT_USAGE;
}

static int take_header(struct getting *g, const char *word) {
    if (g->headers_count == HEADERS_MAX)
        return usage("too many headers, the last is", word);
    g->headers[g->headers_count++] = word;
    return -1;
}

static int take_user(struct getting *g, char *word) {
    char *colon = strchr(word, ':');
    if (colon == NULL)
        return usage("--user wants USER:PASSWORD, not", word);
    *colon = '\0';
    g->user = word;
    g->password = colon + 1;
    return -1;
}

static int take_number(struct getting *g, const char *word) {
    int64_t n = weir__chars_decimal((const uint8_t *)word, strlen(word), 1000);
    if (n < 0)
        return usage("--retry wants a number up to 1000, not", word);
    g->retries = (int)n;
    return -1;
}

static int take_time(struct getting *g, const char *word) {
    return duration_parse(word, &g->time_ns) ? -1 : usage("--time wants a time as 5s, not", word);
}

enum { NO_REDIRECT = 1000, COMPRESSED, RETRY, TIME, PROXY, CONNECT, CACERT, INSECURE, BACKEND };

static int take_flag(struct getting *g, int option) {
    g->head_too |= option == 'i';
    g->fails |= option == 'f';
    g->resumes |= option == 'c';
    g->stays |= option == NO_REDIRECT;
    g->compressed |= option == COMPRESSED;
    g->trust.insecure |= option == INSECURE;
    return -1;
}

static int take_option(struct weir__program *p, struct getting *g, int option) {
    const char **const words[] = {&g->proxy, &g->connect, &g->trust.ca_file};
    switch (option) {
    case 'o':
        g->path = optarg;
        return -1;
    case 'X':
        g->method = optarg;
        return -1;
    case 'd':
        g->data = optarg;
        return -1;
    case 'H':
        return take_header(g, optarg);
    case 'u':
        return take_user(g, optarg);
    case RETRY:
        return take_number(g, optarg);
    case TIME:
        return take_time(g, optarg);
    case PROXY:
    case CONNECT:
    case CACERT:
        *words[option - PROXY] = optarg;
        return -1;
    case BACKEND:
        p->backend = optarg;
        return weir__backend_named("weir get", optarg) ? -1 : EXIT_USAGE;
    default:
        return take_flag(g, option);
    }
}

static int read_options(struct weir__program *p, struct getting *g, int argc, char **argv,
                        struct settings *s) {
    static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
                                          {"continue", no_argument, NULL, 'c'},
                                          {"include", no_argument, NULL, 'i'},
                                          {"fail", no_argument, NULL, 'f'},
                                          {"request", required_argument, NULL, 'X'},
                                          {"data", required_argument, NULL, 'd'},
                                          {"header", required_argument, NULL, 'H'},
                                          {"user", required_argument, NULL, 'u'},
                                          {"compressed", no_argument, NULL, COMPRESSED},
                                          {"no-redirect", no_argument, NULL, NO_REDIRECT},
                                          {"retry", required_argument, NULL, RETRY},
                                          {"time", required_argument, NULL, TIME},
                                          {"proxy", required_argument, NULL, PROXY},
                                          {"connect", required_argument, NULL, CONNECT},
                                          {"cacert", required_argument, NULL, CACERT},
                                          {"insecure", no_argument, NULL, INSECURE},
                                          {"backend", required_argument, NULL, BACKEND},
                                          COMMAND_OPTIONS};
    int code = -1, option;
    while (code < 0 && (option = command_option(argc, argv, "weir get", help,
                                                ":o:cifX:d:H:u:" COMMAND_SHORT, longs, s, &code))
                           != -1)
        code = take_option(p, g, option);
    if (code >= 0)
        return code;
    if (argc - optind != 1) {
        weir__line_error("weir get: it wants one word, the URL: weir get http://HOST/PATH");
        return EXIT_USAGE;
    }
    g->url = argv[optind];
    if (g->resumes && (g->path == NULL || g->compressed || g->head_too)) {
        weir__line_error("weir get: --continue wants --output, and no --compressed or --include");
        return EXIT_USAGE;
    }
    if (g->path == NULL && !s->has_stdout) {
        weir__line_error("weir get: standard output is closed; --output FILE writes into a file");
        return EXIT_FAILED;
    }
    return -1;
}

static int run(const struct command *command, int argc, char **argv, struct settings *settings) {
    struct weir__program *p = weir__program_new("weir get");
    struct getting g = {.time_ns = WEIR_NEVER};
    (void)command;
    if (p == NULL)
        return EXIT_FAILED;
    int code = weir__grid_init(&p->grid) < 0 ? EXIT_FAILED : -1;
    if (code < 0)
        code = read_options(p, &g, argc, argv, settings);
    g.is_quiet = settings->quiet;
    p->work = &g;
    p->body = get_body;
    if (code < 0)
        code = weir__program_run(p);
    if (p->signal != 0)
        code = 128 + p->signal;
    weir__program_free(p);
    return code;
}

const struct command command_get = {
    .name = "get", .summary = "fetch a URL", .help = help, .run = run};

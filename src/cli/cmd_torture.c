/* SPDX-License-Identifier: MIT */
/* cmd_torture.c - `weir torture`: the conformance suites, against a server or a client of any make.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/error.h>
#include <weir/loop.h>

#include "cli/command.h"
#include "cli/duration.h"
#include "cli/reword.h"
#include "cli/trust.h"
#include "torture/report.h"
#include "wire/uri.h"
#include "worker/line.h"
#include "worker/options.h"
#include "worker/standard.h"

enum { URL_SIZE = 512, TARGET_MAX = 400, JOBS_MAX = 256, JOBS = 8, SCHEME_SIZE = 8 };

struct torment {
    struct torture_options options;
    struct torture_tally tally;
    const char *only, *backend, *peer;
    struct trust trust;
    char scheme[SCHEME_SIZE], dial[URL_SIZE], host[URL_SIZE], target[URL_SIZE];
    bool http, just_list, tls;
    int port; /* to listen on; less than 0: none */
    struct torture_list list;
    bool failed; /* what is to be said was said */
};

static const char help[] =
    "usage: weir torture [options] ws[s]://HOST:PORT/PATH|http[s]://HOST:PORT/PATH\n"
    "       weir torture [options] --listen PORT ws\n"
    "       weir torture [options] ws|http -- COMMAND [WORD ...]\n"
    "Try a server or a client of any make by the cases of the suite for its protocol: WebSocket\n"
    "(RFC 6455, RFC 7692) or HTTP/1.1 (RFC 9110, RFC 9112). A WebSocket peer must send each\n"
    "message back. A client is started anew for each case, with its URL in place of {}; or, with\n"
    "--listen, it connects by itself: it echoes until the connection ends, then connects again.\n"
    "\n"
    "      --only PATTERN        only the cases whose id contains this; * stands for any\n"
    "                            characters, ? for one, | separates several patterns\n"
    "      --list                print the cases, and run none\n"
    "      --json                print the results as JSON\n"
    "      --jobs N              run so many cases at a time; default: 8. Use 1 for a server\n"
    "                            that sends messages of one client to the others, as a chat does\n"
    "      --timeout DURATION    how long the peer may take for an answer; default: 5s\n"
    "      --listen PORT         wait for clients on this port of 127.0.0.1; 0: any free one,\n"
    "                            which is printed\n"
    "      --cacert FILE         trust only the certificates in this file\n"
    "      --insecure            do not check the server's certificate\n"
    "      --backend NAME        epoll or uring; default: the variable WEIR_BACKEND, else\n"
    "                            what the kernel offers\n"
    "  -q, --quiet               print only the failed cases and the sum\n"
    "  -v, --verbose             print every case, and the bytes of each that is not OK\n"
    "  -h, --help                this text\n"
    "\n"
    "Verdicts: OK; non-strict: the peer does not do what it should; informational: the RFC\n"
    "leaves it free, or it has no such feature; FAILED: it does not do what it must.\n"
    "Exit: 0 no case failed, 1 one did, or none had a connection, 2 usage.\n";

static void print(struct torment *m) {
    fwrite(m->tally.out.base, 1, m->tally.out.len, stdout);
    fflush(stdout);
    m->tally.out.len = 0;
}

static void told(const struct torture_result *r, void *arg) {
    struct torment *m = arg;
    torture_report(&m->tally, r);
    print(m);
}

/* ---- the run ---- */

static int make_list(struct torment *m) {
    return m->http ? torture_http_list(&m->list, m->options.side, m->only)
                   : torture_ws_list(&m->list, m->options.side, m->only);
}

static int run_list(struct torment *m) {
    weir_ns begun = weir_now();
    torture_report_begin(&m->tally, m->peer);
    int rc = torture_run(&m->list, &m->options);
    if (rc == 0)
        torture_report_end(&m->tally, weir_now() - begun);
    print(m);
    return rc;
}

static int listen_and_run(struct torment *m) {
    char url[64];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", m->port);
    int rc = weir_listen(url, NULL, &m->options.listener);
    if (rc < 0)
        return rc;
    weir__line_error("listening on %s://127.0.0.1:%d/ for %zu connections", m->scheme,
                     weir_listener_port(m->options.listener), m->list.count);
    rc = run_list(m);
    weir_unlisten(&m->options.listener);
    return rc;
}

static int body(void *arg) {
    struct torment *m = arg;
    struct weir_tls *tls = NULL;
    int rc = m->tls ? trust_make(&m->trust, "torture", m->peer, &tls) : 0;
    m->options.tls = tls;
    if (rc == 0)
        rc = m->port >= 0 ? listen_and_run(m) : run_list(m);
    if (rc < 0)
        weir__line_error("weir torture: %s", weir_error_message(reword(rc)));
    trust_free(&tls);
    return rc;
}

static int verdict(const struct torment *m, int rc) {
    if (rc < 0)
        return EXIT_FAILED;
    if (m->tally.ran == 0) {
        weir__line_error("weir torture: nothing ran: %s%s",
                         m->list.count == 0 ? "no case has such an id" : "no connection came about",
                         m->list.count == 0 || !m->tls || m->trust.insecure ? "" :
                         " (--cacert FILE trusts a certificate, --insecure checks none)");
        return EXIT_FAILED;
    }
    return m->tally.counts[TORTURE_FAILED] == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int run(struct torment *m) {
    struct weir_run_options o = {.size = sizeof o, .backend = m->backend};
    int rc = make_list(m);
    if (rc == 0 && m->just_list) {
        torture_report_list(&m->tally, &m->list);
        print(m);
    } else if (rc == 0) {
        rc = weir_run(body, m, &o);
    }
    int code = m->just_list && rc == 0 ? EXIT_DONE : verdict(m, rc);
    int printed = weir__flush_stdout("weir torture");
    torture_list_free(&m->list);
    bytes_free(&m->tally.out);
    return printed != 0 ? printed : code;
}

/* ---- the command line ---- */

static int refuse(const char *what, const char *word) {
    weir__line_error("weir torture: %s '%s'; see weir torture --help", what, word);
    return EXIT_USAGE;
}

static int take_number(const char *text, long min, long max) {
    char *end;
    long n = strtol(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && n >= min && n <= max ? (int)n : -1;
}

/* A server: ws://host:port/path, http://... */
static int take_url(struct torment *m, const char *text) {
    struct weir__uri uri;
    int rc = weir__uri_parse(&uri, text, strlen(text), "write ws:// or http:// before it");
    if (rc < 0) {
        weir__line_error("weir torture: '%s' is no URL: %s", text, uri.why);
        return EXIT_USAGE;
    }
    const char *name = weir__uri_scheme_name(uri.scheme);
    bool ws = uri.scheme == WEIR__URI_WS || uri.scheme == WEIR__URI_WSS;
    m->tls = uri.scheme == WEIR__URI_WSS || uri.scheme == WEIR__URI_HTTPS;
    if (!ws && uri.scheme != WEIR__URI_HTTP && uri.scheme != WEIR__URI_HTTPS)
        return refuse("not a URL with ws, wss, http or https:", text);
    if (uri.path.len > TARGET_MAX)
        return refuse("a path of more than 400 bytes, in", text);
    bool has_slash = uri.path.len > 0 && text[uri.path.offset] == '/';
    char name_only[URL_SIZE], authority[WEIR__URI_AUTHORITY];
    snprintf(name_only, sizeof name_only, "%.*s", (int)uri.host.len, text + uri.host.offset);
    m->http = !ws;
    snprintf(m->scheme, sizeof m->scheme, "%s", name);
    snprintf(m->host, sizeof m->host, "%.*s", (int)uri.authority.len, text + uri.authority.offset);
    snprintf(m->target, sizeof m->target, "%s%.*s", has_slash ? "" : "/", (int)uri.path.len,
             text + uri.path.offset);
    snprintf(m->dial, sizeof m->dial, "%s://%s", m->tls ? "tls" : "tcp",
             weir__uri_authority(name_only, uri.port, authority));
    m->options.side = OF_SERVERS;
    m->options.url = m->dial;
    m->options.host = m->host;
    m->options.target = m->target;
    return -1;
}

static int take_client(struct torment *m, const char *word, char **rest) {
    m->http = strcmp(word, "http") == 0;
    if (!m->http && strcmp(word, "ws") != 0)
        return refuse("not a URL, nor ws or http:", word);
    snprintf(m->scheme, sizeof m->scheme, "%s", word);
    m->options.side = OF_CLIENTS;
    m->options.scheme = m->scheme;
    m->options.command = (const char *const *)rest;
    size_t words = 0;
    while (rest[words] != NULL)
        words++;
    if (words > TORTURE_WORDS_MAX)
        return refuse("a command has at most 64 words; one too many is", rest[TORTURE_WORDS_MAX]);
    if (*rest == NULL && m->port < 0 && !m->just_list)
        return refuse("a client needs --listen PORT, or -- COMMAND, behind", word);
    if (*rest != NULL && m->port >= 0)
        return refuse("--listen goes without a command, not with", *rest);
    if (m->http && m->port >= 0)
        return refuse("an HTTP client is judged by its command: -- COMMAND {}, not --listen with",
                      word);
    return -1;
}

static int take_words(struct torment *m, int count, char **words) {
    if (count == 0)
        return refuse("which peer? a URL, ws or http is missing behind", "torture");
    m->peer = words[0];
    if (strcmp(words[0], "ws") == 0 || strcmp(words[0], "http") == 0)
        return take_client(m, words[0], words + 1);
    if (m->port >= 0)
        return refuse("--listen goes with ws, not with", words[0]);
    if (count > 1)
        return refuse("one peer at a time; what is", words[1]);
    return take_url(m, words[0]);
}

static int take_option(struct torment *m, int c) {
    int n;
    switch (c) {
    case 'o':
        m->only = optarg;
        return -1;
    case 'L':
        m->just_list = true;
        return -1;
    case 'J':
        m->tally.json = true;
        return -1;
    case 'j':
        m->options.jobs = (size_t)(n = take_number(optarg, 1, JOBS_MAX));
        return n > 0 ? -1 : refuse("--jobs wants 1 to 256, not", optarg);
    case 't':
        return duration_parse(optarg, &m->options.patience_ns) && m->options.patience_ns > 0
                   ? -1
                   : refuse("--timeout wants a duration such as 500ms or 5s, not", optarg);
    case 'l':
        m->port = take_number(optarg, 0, 65535);
        return m->port >= 0 ? -1 : refuse("--listen wants a port, not", optarg);
    case 'c':
        m->trust.ca_file = optarg;
        return -1;
    case 'i':
        m->trust.insecure = true;
        return -1;
    default:
        m->backend = optarg;
        return weir__backend_named("weir torture", optarg) ? -1 : EXIT_USAGE;
    }
}

static int run_torture(const struct command *c, int argc, char **argv, struct settings *s) {
    static const struct option longs[] = {
        {"only", required_argument, NULL, 'o'},    {"list", no_argument, NULL, 'L'},
        {"json", no_argument, NULL, 'J'},          {"jobs", required_argument, NULL, 'j'},
        {"timeout", required_argument, NULL, 't'}, {"listen", required_argument, NULL, 'l'},
        {"cacert", required_argument, NULL, 'c'},  {"insecure", no_argument, NULL, 'i'},
        {"backend", required_argument, NULL, 'b'}, COMMAND_OPTIONS};
    struct torment m = {.port = -1,
                        .options = {.jobs = JOBS,
                                    .patience_ns = WEIR_SECONDS(5),
                                    .wait_ns = WEIR_SECONDS(20),
                                    .explain = reword,
                                    .told = told}};
    int code = -1, option;
    m.options.arg = &m;
    while ((option = command_option(argc, argv, "weir torture", c->help, ":" COMMAND_SHORT, longs,
                                    s, &code)) != -1) {
        code = take_option(&m, option);
        if (code >= 0)
            return code;
    }
    if (code >= 0)
        return code;
    m.tally.quiet = s->quiet;
    m.tally.verbose = s->verbose;
    code = take_words(&m, argc - optind, argv + optind);
    return code >= 0 ? code : run(&m);
}

const struct command command_torture = {
    .name = "torture",
    .summary = "try a WebSocket or HTTP server or client by conformance suites",
    .help = help,
    .run = run_torture,
};

/* SPDX-License-Identifier: MIT */
/* options.c - see options.h. Unknown options name the nearest known one. */
#include "worker/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "mesh/nearest.h"
#include "sys/backend.h"
#include "task/task.h"
#include "wire/origin.h"
#include "wire/uri.h"
#include "worker/line.h"
#include "worker/standard.h"

enum { EXIT_FAILED_ = 1, EXIT_USAGE_ = 2 };
enum {
    OPT_NODE = 256, OPT_NAME, OPT_WITH, OPT_BACKEND, OPT_INSECURE, OPT_MOST, OPT_ORIGIN, OPT_FLAG
};

static const struct option longs[] = {
    {"socket", required_argument, NULL, 's'},
    {"host", required_argument, NULL, 's'},
    {"port", required_argument, NULL, 'p'},
    {"node", required_argument, NULL, OPT_NODE},
    {"name", required_argument, NULL, OPT_NAME},
    {"with", required_argument, NULL, OPT_WITH},
    {"backend", required_argument, NULL, OPT_BACKEND},
    {"insecure", no_argument, NULL, OPT_INSECURE},
    {"connections-max", required_argument, NULL, OPT_MOST},
    {"origin", required_argument, NULL, OPT_ORIGIN},
    {"help", no_argument, NULL, 'h'},
};
enum { LONGS = sizeof longs / sizeof longs[0] };

/* getopt's table: the options above, and the flags of parameters, which are OPT_FLAG and on. */
struct known {
    struct option longs[LONGS + WEIR__FLAGS_MAX + 1];
    char shorts[16];
    const struct weir__flag *flags;
};

static void know(struct known *k, const struct weir__flag *flags) {
    struct option *at = k->longs + LONGS;
    *k = (struct known){.flags = flags};
    memcpy(k->longs, longs, sizeof longs);
    char *letter = stpcpy(k->shorts, ":s:p:h");
    for (int i = 0; flags != NULL && flags[i].name != NULL; i++) {
        WEIR_CHECK(i < WEIR__FLAGS_MAX);
        *at++ = (struct option){flags[i].name, required_argument, NULL, OPT_FLAG + i};
        if (flags[i].letter != 0) {
            WEIR_CHECK(letter + 2 < k->shorts + sizeof k->shorts);
            *letter++ = flags[i].letter;
            *letter++ = ':';
        }
    }
}

static int help(const struct weir__program *p, const struct weir__flag *flags) {
    printf("usage: %s [options]\n"
           "  -s, --socket HOST         where to listen, or to dial (localhost); also --host\n"
           "  -p, --port PORT           0: any free one; default: that of its node in the grid\n"
           "      --node NAME=HOST:PORT add a node to the grid, or move it (repeatable; also: the\n"
           "                            variable WEIR_GRID)\n"
           "      --name NAME           the name of its node\n"
           "      --with KEY=VALUE      a parameter for setup (repeatable)\n"
           "      --backend NAME        epoll or uring; default: the variable WEIR_BACKEND, else\n"
           "                            what the kernel offers\n"
           "      --insecure            let other hosts connect, without TLS\n"
           "      --connections-max N   clients at a time (10000); further ones get status 503\n"
           "      --origin ORIGIN       let in pages of this origin, as http://localhost:8000\n"
           "                            (repeatable); other pages of browsers get status 403\n",
           p->who);
    for (; flags != NULL && flags->name != NULL; flags++)
        printf("%s", flags->help);
    printf("  -h, --help                this text\n");
    return weir__flush_stdout(p->who);
}

static int mistake(const struct weir__program *p, const char *text, const char *word) {
    weir__line_error("%s: %s '%s' (see %s --help)", p->who, text, word, p->who);
    return EXIT_USAGE_;
}

static int unknown(const struct weir__program *p, char **argv, const struct option *known) {
    const char *word = argv[optind - 1];
    char name[64];
    if (optopt != 0 && optopt < OPT_NODE && strncmp(word, "--", 2) != 0) {
        snprintf(name, sizeof name, "-%c", optopt);
        return mistake(p, "unknown option", name);
    }
    if (optopt != 0)
        return mistake(p, "this option takes no value:", word);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    struct weir__nearest near = weir__nearest_to(name);
    for (; known->name != NULL; known++)
        weir__nearest_feed(&near, known->name);
    if (near.nearest == NULL)
        return mistake(p, "unknown option", word);
    weir__line_error("%s: unknown option '--%s'; did you mean '--%s'?", p->who, name, near.nearest);
    return EXIT_USAGE_;
}

/* As it stands in a URL or by itself: '[::1]' and '::1' are one host. */
static int host(struct weir__program *p, const char *text) {
    size_t len = strlen(text);
    const char *bare = weir__uri_host_bare(text, &len);
    if (len == 0 || len > WEIR__NODE_HOST_MAX)
        return mistake(p, "a host is 1 to 255 bytes, not", text);
    if (strcmp(bare, "*") != 0 && weir__uri_host_refused(bare, len) != NULL)
        return mistake(p, "a host is a name or an address, not", text);
    WEIR_CHECK(len < sizeof p->host_given);
    memcpy(p->host_given, bare, len);
    p->host_given[len] = '\0';
    p->host = p->host_given;
    return -1;
}

static int port(struct weir__program *p, const char *text) {
    size_t digits = strspn(text, "0123456789"); /* no sign, no blanks */
    long n = digits > 0 && digits <= 9 && text[digits] == '\0' ? atol(text) : -1;
    if (n < 0 || n > UINT16_MAX)
        return mistake(p, "a port is 0 to 65535, not", text);
    p->port = (int)n;
    return -1;
}

bool weir__connections_parse(const char *text, int *ret_count) {
    size_t digits = strspn(text, "0123456789");
    long n = digits > 0 && digits <= 7 && text[digits] == '\0' ? atol(text) : 0;
    if (n < 1 || n > WEIR__CONNECTIONS_MAX)
        return false;
    *ret_count = (int)n;
    return true;
}

static int connections_max(struct weir__program *p, const char *text) {
    char wanted[64];
    if (weir__connections_parse(text, &p->connections_max))
        return -1;
    snprintf(wanted, sizeof wanted, "--connections-max is 1 to %d, not", WEIR__CONNECTIONS_MAX);
    return mistake(p, wanted, text);
}

static int origin(struct weir__program *p, const char *text) {
    char wanted[200];
    const char *why = weir__origin_refused(text);
    size_t n = 0;
    while (p->origins[n] != NULL)
        n++;
    if (why == NULL && n < 2 * WEIR__ORIGINS_MAX) {
        p->origins[n] = text;
        return -1;
    }
    if (why == NULL)
        snprintf(wanted, sizeof wanted, "more than %d origins:", 2 * WEIR__ORIGINS_MAX);
    else
        snprintf(wanted, sizeof wanted, "no origin (%s):", why);
    return mistake(p, wanted, text);
}

bool weir__backend_named(const char *who, const char *name) {
    if (weir__backend_known(name))
        return true;
    weir__line_error("%s: a backend is epoll or uring, not '%.32s'", who, name);
    return false;
}

static int backend(struct weir__program *p, const char *name) {
    p->backend = name;
    return weir__backend_named(p->who, name) ? -1 : EXIT_USAGE_;
}

static int refuse(const struct weir__program *p, int rc) {
    weir__program_tell(p, rc);
    return rc == -ENOMEM ? EXIT_FAILED_ : EXIT_USAGE_;
}

static int give(struct weir__program *p, const char *text) {
    int rc = weir__params_give(&p->params, text);
    return rc < 0 ? refuse(p, rc) : -1;
}

static int give_as(struct weir__program *p, const char *name, const char *value) {
    char text[128];
    if (snprintf(text, sizeof text, "%s=%s", name, value) >= (int)sizeof text)
        return mistake(p, "too long for a number:", value);
    int code = give(p, text);
    struct weir__param *given = code < 0 ? weir__params_find(&p->params, name) : NULL;
    WEIR_CHECK(code >= 0 || given != NULL);
    if (given != NULL)
        given->optional = true;
    return code;
}

/* By its letter, or by its number from OPT_FLAG on. */
static const struct weir__flag *flag_of(const struct weir__flag *flags, int option) {
    for (int i = 0;; i++) {
        WEIR_CHECK(flags != NULL && flags[i].name != NULL);
        if (option == OPT_FLAG + i || option == flags[i].letter)
            return &flags[i];
    }
}

static int take(struct weir__program *p, const struct known *k, int option) {
    int rc;
    switch (option) {
    case 's':
        return host(p, optarg);
    case 'p':
        return port(p, optarg);
    case OPT_NODE:
        rc = weir__grid_add(&p->grid, optarg);
        return rc < 0 ? refuse(p, rc) : -1;
    case OPT_NAME:
        p->node = optarg;
        return -1;
    case OPT_WITH:
        return give(p, optarg);
    case OPT_BACKEND:
        return backend(p, optarg);
    case OPT_MOST:
        return connections_max(p, optarg);
    case OPT_ORIGIN:
        return origin(p, optarg);
    case OPT_INSECURE:
        p->insecure = true;
        return -1;
    default:
        return give_as(p, flag_of(k->flags, option)->name, optarg);
    }
}

static int read_words(struct weir__program *p, const struct weir__flag *flags, int argc,
                      char **argv) {
    struct known k;
    int c, code = -1;
    know(&k, flags);
    optind = 0;
    opterr = 0;
    while (code < 0 && (c = getopt_long(argc, argv, k.shorts, k.longs, NULL)) != -1) {
        if (c == 'h') {
            code = help(p, flags);
        } else if (c == '?') {
            code = unknown(p, argv, k.longs);
        } else if (c == ':') {
            code = mistake(p, "a value is missing after", argv[optind - 1]);
        } else {
            code = take(p, &k, c);
        }
    }
    if (code < 0 && optind < argc)
        code = mistake(p, "unexpected", argv[optind]);
    return code;
}

int weir__options_read(struct weir__program *p, const struct weir__flag *flags, int argc,
                       char **argv, const char *const *presets) {
    const char *grid = getenv("WEIR_GRID");
    WEIR_CHECK(p->who != NULL && p->task == NULL);
    int rc = weir__grid_init(&p->grid);
    p->port = -1;
    if (rc == 0 && grid != NULL)
        rc = weir__grid_add(&p->grid, grid);
    for (; rc == 0 && presets != NULL && *presets != NULL; presets++)
        rc = weir__params_give(&p->params, *presets);
    if (rc < 0)
        return weir__program_tell(p, rc);
    return read_words(p, flags, argc, argv);
}

void weir__options_default(struct weir__program *p, const char *name) {
    name = p->node ? p->node : name;
    if (p->host == NULL)
        p->host = "localhost";
    for (size_t i = 0; p->port < 0 && i < p->grid.count; i++) {
        const struct weir__node *n = &p->grid.nodes[i];
        if (strcasecmp(n->name, name) == 0 || strcasecmp(n->alias, name) == 0)
            p->port = n->port;
    }
    if (p->port < 0)
        p->port = 0;
    WEIR_CHECK(p->port <= UINT16_MAX);
}

static bool is_loopback(const char *host) {
    size_t len = strlen(host);
    return strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0
           || strcmp(host, "::1") == 0
           || (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len);
}

bool weir__options_safe(const struct weir__program *p) {
    WEIR_CHECK(p->host != NULL);
    if (is_loopback(p->host))
        return true;
    weir__line_error("%s: %s: '%s' is not this machine alone: without TLS whoever reaches it can "
                     "read and send messages%s",
                     p->who, p->insecure ? "warning" : "refused", p->host,
                     p->insecure ? "" : " (--insecure allows it)");
    return p->insecure;
}

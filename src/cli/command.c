/* SPDX-License-Identifier: MIT */
/* command.c - reads options by getopt_long, with texts of our own: for an unknown option they name
 * the nearest known one. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "cli/suggest.h"
#include "worker/line.h"
#include "worker/standard.h"

enum { NAMES_MAX = 32 };

static int refuse_option(const char *who, char **argv, const struct option *longs) {
    const char *word = argv[optind - 1], *known[NAMES_MAX];
    size_t count = 0;
    char name[64];
    if (optopt != 0 && strncmp(word, "--", 2) != 0) {
        weir__line_error("%s: unknown option '-%c'", who, optopt);
        return EXIT_USAGE;
    }
    if (optopt != 0) {
        weir__line_error("%s: option '%s' takes no value", who, word);
        return EXIT_USAGE;
    }
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (; longs[count].name != NULL && count < NAMES_MAX; count++)
        known[count] = longs[count].name;
    const char *near = suggest_nearest(name, known, count);
    weir__line_error("%s: unknown option '--%s'%s%s%s", who, name,
                     near ? "; did you mean '--" : "", near ? near : "", near ? "'?" : "");
    return EXIT_USAGE;
}

static int set_color(const char *who, const char *value, struct settings *s) {
    static const char *const names[] = {
        [OUTPUT_AUTO] = "auto", [OUTPUT_ALWAYS] = "always", [OUTPUT_NEVER] = "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) != 0)
            continue;
        s->color = (enum output_color)i;
        return -1;
    }
    weir__line_error("%s: --color wants auto, always or never, not '%s'", who, value);
    return EXIT_USAGE;
}

int command_option(int argc, char **argv, const char *who, const char *help, const char *shorts,
                   const struct option *longs, struct settings *s, int *ret_exit) {
    opterr = 0;
    for (;;) {
        int c = getopt_long(argc, argv, shorts, longs, NULL);
        *ret_exit = -1;
        if (c == 'q') {
            s->quiet = true;
            s->verbose = false;
        } else if (c == 'v') {
            s->verbose = true;
            s->quiet = false;
        } else if (c == 'C') {
            *ret_exit = set_color(who, optarg, s);
        } else if (c == 'h') {
            fputs(help, stdout);
            *ret_exit = weir__flush_stdout(who);
        } else if (c == ':') {
            weir__line_error("%s: option '%s' wants a value", who, argv[optind - 1]);
            *ret_exit = EXIT_USAGE;
        } else if (c == '?') {
            *ret_exit = refuse_option(who, argv, longs);
        } else {
            return c;
        }
        if (*ret_exit >= 0)
            return -1;
    }
}

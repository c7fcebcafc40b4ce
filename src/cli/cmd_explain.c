/* SPDX-License-Identifier: MIT */
/* cmd_explain.c - `weir explain CODE`: an error in words. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <weir/base.h>

#include "cli/advice.h"
#include "cli/command.h"
#include "cli/suggest.h"
#include "worker/line.h"
#include "worker/standard.h"

enum { ERRNO_MAX = 4095, COLUMNS = 78, NAMES_MAX = 512 };

static const int own_codes[] = {
#define OWN_CODE(name, number, text) name,
    WEIR_ERRORS(OWN_CODE)
#undef OWN_CODE
};

enum { OWN = sizeof own_codes / sizeof *own_codes };

/* All codes that have a name: the library's own, then errnos. */
static int code_at(size_t i) {
    return i < OWN ? own_codes[i] : -(int)(i - OWN + 1);
}

static bool has_name(int code) {
    return strcmp(weir_error_name(code), "?") != 0;
}

/* "ECONNRESET", "WEIR_ETORN", "etorn"; "-104", "104", "5003". Returns 0 if it is none. */
static int code_of(const char *word) {
    char *end;
    errno = 0;
    long n = strtol(word, &end, 10);
    if (errno == 0 && end != word && *end == '\0' && n != 0 && n >= -INT_MAX && n <= INT_MAX) {
        int code = n > 0 ? (int)-n : (int)n;
        return has_name(code) ? code : 0;
    }
    for (size_t i = 0; i < OWN + ERRNO_MAX; i++) {
        const char *name = weir_error_name(code_at(i));
        if (strcasecmp(word, name) == 0 && has_name(code_at(i)))
            return code_at(i);
    }
    for (size_t i = 0; i < OWN; i++) /* without the prefix, where no errno has that name */
        if (strcasecmp(word, weir_error_name(own_codes[i]) + strlen("WEIR_")) == 0)
            return own_codes[i];
    return 0;
}

static int refuse(const char *word) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < OWN + ERRNO_MAX && count < NAMES_MAX; i++)
        if (has_name(code_at(i)))
            names[count++] = weir_error_name(code_at(i));
    const char *near = suggest_nearest(word, names, count);
    weir__line_error("weir explain: no error '%s'%s%s%s", word, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
    return EXIT_NOT_FOUND;
}

/* The words of text in lines of at most COLUMNS, each behind two spaces. */
static void print_wrapped(const char *text) {
    size_t at = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (at > 0 && at + 1 + len > COLUMNS) {
            putchar('\n');
            at = 0;
        }
        at += (size_t)printf("%s%.*s", at > 0 ? " " : "  ", (int)len, text);
        text += len + strspn(text + len, " ");
    }
    putchar('\n');
}

static void explain(int code) {
    const char *advice = advice_of(code);
    printf("%s (%d): %s\n", weir_error_name(code), code, weir_error_text(code));
    if (advice != NULL)
        print_wrapped(advice);
}

static void list(void) {
    for (size_t i = 0; i < OWN; i++)
        printf("%-16s %d  %s\n", weir_error_name(own_codes[i]), own_codes[i],
               weir_error_text(own_codes[i]));
}

/* getopt would take -104 for options. */
static void hide_minus(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-' && argv[i][1] >= '0' && argv[i][1] <= '9')
            argv[i]++;
}

static int run_explain(const struct command *c, int argc, char **argv, struct settings *s) {
    static const struct option longs[] = {COMMAND_OPTIONS};
    int code = -1;
    hide_minus(argc, argv);
    (void)command_option(argc, argv, "weir explain", c->help, ":" COMMAND_SHORT, longs, s, &code);
    if (code >= 0)
        return code;
    if (optind == argc)
        list();
    code = EXIT_DONE;
    for (int i = optind; i < argc; i++) {
        int error = code_of(argv[i]);
        if (error == 0)
            code = refuse(argv[i]);
        else
            explain(error);
    }
    int printed = weir__flush_stdout("weir explain");
    return printed != 0 ? printed : code;
}

const struct command command_explain = {
    .name = "explain",
    .summary = "say what an error means, and what to do",
    .help = "usage: weir explain [CODE ...]\n"
            "Say in words what an error means and what one usually does about it.\n"
            "CODE is a name (ECONNRESET, WEIR_ETORN) or a number (-104, 5003).\n"
            "Without one: list the codes that are weir's own.\n\n"
            "  -h, --help       this text\n",
    .run = run_explain,
};

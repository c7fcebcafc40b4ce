/* SPDX-License-Identifier: MIT */
/* main.c - the command `weir`: the first word that is no option names a command, which reads the
 * rest. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/suggest.h"
#include "weir-features.h"
#include "worker/line.h"
#include "worker/standard.h"

static const struct command *const commands[] = {
    &command_up,    &command_run,   &command_send,   &command_ws,     &command_get,
    &command_doctor, &command_explain, &command_torture,
    &command_clock, &command_iopin, &command_buzzer,
};

enum { COMMANDS = sizeof commands / sizeof commands[0], HELP_BYTES = 4096 };

static const char *help_text(void) {
    static char text[HELP_BYTES];
    size_t used = (size_t)snprintf(text, sizeof text,
                                   "usage: weir COMMAND [options]\n"
                                   "Fleets of reactive workers; tools for HTTP and WebSocket.\n\n");
    for (size_t i = 0; i < COMMANDS && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "  %-8s %s\n",
                                 commands[i]->name, commands[i]->summary);
    if (used < sizeof text)
        snprintf(text + used, sizeof text - used,
                 "\n"
                 "  -h, --help       this text; of one command: weir COMMAND --help\n"
                 "  -V, --version    which weir this is\n"
                 "  -q, --quiet      less     -v, --verbose    more\n"
                 "      --color WHEN auto, always or never (auto; NO_COLOR is honoured)\n");
    return text;
}

static int refuse_word(const char *word) {
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i]->name;
    const char *near = suggest_nearest(word, names, COMMANDS);
    weir__line_error("weir: no command or sketch '%s'%s%s%s", word, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
    puts("unknown sketch, please choose clock, iopin or buzzer");
    return EXIT_FAILED;
}

/* Unblock signals: our parent may have blocked those that we wait for, and the nodes of a fleet
 * inherit our mask. */
static void unblock_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int main(int argc, char **argv) {
    bool has_stdout = weir__fill_standard_fds();
    weir__outlive_readers();
    unblock_signals();
    static const struct option longs[] = {{"version", no_argument, NULL, 'V'}, COMMAND_OPTIONS};
    struct settings settings = {.color = OUTPUT_AUTO, .has_stdout = has_stdout};
    int code = -1, c;
    while ((c = command_option(argc, argv, "weir", help_text(), "+:V" COMMAND_SHORT, longs,
                               &settings, &code)) != -1) {
        if (c == 'V') {
            puts("weir " WEIR_VERSION);
            return weir__flush_stdout("weir");
        }
    }
    if (code >= 0)
        return code;
    if (optind == argc) {
        fputs(help_text(), stderr);
        return EXIT_USAGE;
    }
    argc -= optind;
    argv += optind;
    optind = 0; /* reset getopt, its internal state too */
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[0], commands[i]->name) == 0)
            return commands[i]->run(commands[i], argc, argv, &settings);
    return refuse_word(argv[0]);
}

/* SPDX-License-Identifier: MIT */
/* command.h - what main.c knows of a command, and what all commands share: settings, options. */
#ifndef WEIR_CLI_COMMAND_H
#define WEIR_CLI_COMMAND_H

#include <getopt.h>
#include <stdbool.h>

#include "cli/output.h"

/* The command's exit codes; the circuit's three have their own (circuit: 0, 1, 130, 143). */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3, /* no such node, process or file */
};

struct settings { /* may stand before or behind the command's word */
    bool quiet, verbose;
    enum output_color color;
    bool has_stdout; /* no option: whether it was open when the program began */
};

struct command {
    const char *name;
    const char *summary; /* one line of `weir --help` */
    const char *help;    /* all of `weir NAME --help` */
    int (*run)(const struct command *c, int argc, char **argv, struct settings *s);
};

extern const struct command command_up, command_run, command_send, command_get;
extern const struct command command_doctor, command_explain, command_torture, command_ws;
extern const struct command command_clock, command_iopin, command_buzzer; /* cmd_sketch.c */

/* Every command's options end with these, and every short list with COMMAND_SHORT. */
#define COMMAND_SHORT "qvh"
#define COMMAND_OPTIONS                                                                            \
    {"quiet", no_argument, NULL, 'q'}, {"verbose", no_argument, NULL, 'v'},                        \
        {"color", required_argument, NULL, 'C'}, {"help", no_argument, NULL, 'h'}, {               \
        NULL, 0, NULL, 0                                                                           \
    }

/* Return the next option, as getopt_long does. The shared options are handled here: they change s,
 * or (for help and for mistakes) a text is printed and *ret_exit is set to the exit code. Returns
 * -1 when there is no more option, or when *ret_exit was set; otherwise *ret_exit is negative. who:
 * the command's name, "weir up". help: the text of -h. */
int command_option(int argc, char **argv, const char *who, const char *help, const char *shorts,
                   const struct option *longs, struct settings *s, int *ret_exit);

#endif

/* SPDX-License-Identifier: MIT */
/* cmd_sketch.c - `weir clock`, `weir iopin`, `weir buzzer`: the examples of examples/circuit, with
 * flags and defaults of the command's own. */
#include "cli/command.h"
#include "worker/embed.h"
#include "worker/main.h"

/* Taken by all three, whether they use them or not. */
static const struct weir__flag flags[] = {
    {"tacks", 't', "  -t, --tacks N             ticks of the clock (5)\n"},
    {"delay", 'd', "  -d, --delay SECONDS       between the ticks (1)\n"},
    {"seed", 0, "      --seed N              make the pin repeatable\n"},
    {NULL, 0, NULL},
};

static int run_clock(const struct command *c, int argc, char **argv, struct settings *s) {
    static const char *const presets[] = {"tacks=5", "delay=1", NULL};
    const struct weir__start start = {"weir clock", flags, presets};
    (void)c, (void)s;
    return weir__source_start(embedded_clock, &start, argc, argv);
}

static int run_iopin(const struct command *c, int argc, char **argv, struct settings *s) {
    static const char *const presets[] = {"chance=0.6", NULL};
    const struct weir__start start = {"weir iopin", flags, presets};
    (void)c, (void)s;
    return weir__worker_start(embedded_iopin, &start, argc, argv);
}

static int run_buzzer(const struct command *c, int argc, char **argv, struct settings *s) {
    static const char *const presets[] = {"sound=buzz buzz buzz", NULL};
    const struct weir__start start = {"weir buzzer", flags, presets};
    (void)c, (void)s;
    return weir__worker_start(embedded_buzzer, &start, argc, argv);
}

const struct command command_clock = {
    .name = "clock", .summary = "sketch: send ticks to the pin", .run = run_clock};
const struct command command_iopin = {
    .name = "iopin", .summary = "sketch: draw states, stream them", .run = run_iopin};
const struct command command_buzzer = {
    .name = "buzzer", .summary = "sketch: buzz on a 1", .run = run_buzzer};

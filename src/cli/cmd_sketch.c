/* SPDX-License-Identifier: MIT */
/* cmd_sketch.c - `weir clock`, `weir iopin` and `weir buzzer`: each runs as if it were a program of
 * its own, with the flags of a worker (src/worker/options.h). */
#include "cli/command.h"
#include "worker/sketches.h"

static int run_clock(const struct command *c, int argc, char **argv, struct settings *s) {
    (void)c, (void)s;
    return weir__sketch_clock(argc, argv);
}

static int run_iopin(const struct command *c, int argc, char **argv, struct settings *s) {
    (void)c, (void)s;
    return weir__sketch_iopin(argc, argv);
}

static int run_buzzer(const struct command *c, int argc, char **argv, struct settings *s) {
    (void)c, (void)s;
    return weir__sketch_buzzer(argc, argv);
}

const struct command command_clock = {
    .name = "clock", .summary = "sketch: send ticks to the pin", .run = run_clock};
const struct command command_iopin = {
    .name = "iopin", .summary = "sketch: draw states, stream them", .run = run_iopin};
const struct command command_buzzer = {
    .name = "buzzer", .summary = "sketch: buzz on a 1", .run = run_buzzer};

/* SPDX-License-Identifier: MIT */
/* up.h - a fleet's life: all nodes started in order, watched, and stopped in reverse order. */
#ifndef WEIR_CLI_UP_H
#define WEIR_CLI_UP_H

#include "cli/command.h"
#include "cli/fleet.h"
#include "cli/guard.h"

struct up_options {
    const struct settings *settings;
    const char *backend;   /* NULL: by WEIR_BACKEND or probe */
    weir_ns ready_within;  /* how long a node may take to become ready */
};

/* Run f, whose launches the guard has, to its end. Closes and reaps the guard.
 * Returns the exit code. */
int up_run(const struct fleet *f, struct guard *g, const struct up_options *options);

#endif

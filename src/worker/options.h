/* SPDX-License-Identifier: MIT */
/* options.h - the command line of a program of the fleet, and its environment (WEIR_GRID). */
#ifndef WEIR_WORKER_OPTIONS_H
#define WEIR_WORKER_OPTIONS_H

#include "worker/program.h"

/* Another way to write --with NAME=VALUE: --NAME VALUE, or -LETTER VALUE. Unlike with --with, the
 * program need not ask for the parameter. */
struct weir__flag {
    const char *name;
    char letter;      /* 0: none */
    const char *help; /* its line in the usage */
};

enum { WEIR__FLAGS_MAX = 4 };

/* Fill a new p from argv. flags: name NULL behind the last; may be NULL. presets: "KEY=VALUE"
 * parameters under those of the command line, NULL behind the last; may be NULL.
 * Returns -1; or the exit code, if it has printed the help or a mistake. argv is borrowed as long
 * as p lives. */
int weir__options_read(struct weir__program *p, const struct weir__flag *flags, int argc,
                       char **argv, const char *const *presets);

/* Default host and port: localhost, and the grid's port of the node called name (0: any free one
 * if there is none). */
void weir__options_default(struct weir__program *p, const char *name);

/* May the program listen there? Only loopback is safe without TLS. If not, prints why and returns
 * false; with --insecure it prints a warning and returns true. */
bool weir__options_safe(const struct weir__program *p);

/* The value of --connections-max: 1 to WEIR__CONNECTIONS_MAX. Returns false if text is none. */
bool weir__connections_parse(const char *text, int *ret_count);

/* Is there a backend of that name, in some build? If not, prints the mistake, with who, and returns
 * false. */
bool weir__backend_named(const char *who, const char *name);

#endif

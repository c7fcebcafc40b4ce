/* SPDX-License-Identifier: MIT */
/* fleet.h - a fleet file, read and checked: the nodes of one fleet, in the order of their
 * dependencies.
 *
 * Every fault of a file is found here, with line and column, before anything starts. plan.h decides
 * what to run for a fleet, and up.c runs it. */
#ifndef WEIR_CLI_FLEET_H
#define WEIR_CLI_FLEET_H

#include <weir/base.h>

#include "cli/arena.h"
#include "cli/yaml.h"

enum fleet_kind { FLEET_UNKNOWN, FLEET_WORKER, FLEET_SOURCE, FLEET_COMMAND };

enum fleet_ready {
    FLEET_READY_DEFAULT,
    FLEET_READY_NOTIFY, /* when it sends ready on WEIR_CONTROL_FD: every worker and source */
    FLEET_READY_TCP,    /* when its port accepts a connection: a command with a port */
    FLEET_READY_START   /* when it runs: a command without a port */
};

struct fleet_pair {
    const char *name, *value;
};

struct fleet_pairs {
    struct fleet_pair *list;
    size_t count;
};

struct fleet_node {
    const char *name;
    struct yaml_place place; /* of the name */
    enum fleet_kind kind;
    const char *what; /* worker and source: a sketch's name, or a path (it has a slash) */
    struct yaml_place what_place;
    char **command;   /* command: its words, NULL behind the last */
    int port;         /* 0: does not listen */
    struct yaml_place port_place;
    const char *host;
    int connections_max; /* of a worker; 0: the default */
    const char **origins; /* of a worker: of pages that browsers may connect from */
    size_t origins_count;
    struct fleet_pairs with, environment;
    size_t *depends_on; /* indices into nodes, all smaller than its own */
    size_t depends_on_count;
    weir_ns grace_ns;
    enum fleet_ready ready;
    const struct yaml_item *source; /* its map, while parsing */
};

struct fleet {
    struct arena memory; /* all below lives here */
    const char *name;
    struct fleet_node *nodes; /* each after what it depends on; else in the file's order */
    size_t count;
};

/* Make a fleet of a file's bytes.
 * Returns 0; WEIR_ECONFIG (ret_problem says what and where), -ENOMEM. On error ret_fleet is
 * empty. fleet_fini frees it. */
int fleet_parse(const char *bytes, size_t len, struct fleet *ret_fleet,
                struct yaml_problem *ret_problem);

/* The same for the file at path; "-" is standard input. Also -ETIMEDOUT (a FIFO or a device has
 * sent nothing for LIMIT_FILE_SILENCE; standard input has no time limit), -ENOENT and other errors
 * of open and read. */
int fleet_load(const char *path, struct fleet *ret_fleet, struct yaml_problem *ret_problem);

void fleet_fini(struct fleet *f);

#endif

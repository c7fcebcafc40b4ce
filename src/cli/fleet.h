/* SPDX-License-Identifier: MIT */
/* fleet.h - a fleet file under its schema: the nodes of one fleet, in the order of dependency.
 *
 * Everything that can be wrong with a file is found here, before anything starts, with line and
 * column. What is done with a fleet is plan.h's (what to run) and up.c's (running it). */
#ifndef WEIR_CLI_FLEET_H
#define WEIR_CLI_FLEET_H

#include <weir/base.h>

#include "cli/arena.h"
#include "cli/yaml.h"

enum fleet_kind { FLEET_UNKNOWN, FLEET_WORKER, FLEET_SOURCE, FLEET_COMMAND };

enum fleet_ready {
    FLEET_READY_DEFAULT,
    FLEET_READY_NOTIFY, /* says so on WEIR_CONTROL_FD: every worker and source */
    FLEET_READY_TCP,    /* its port accepts a connection: a command with a port */
    FLEET_READY_START   /* runs: a command without */
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

/* The same of the file at path; "-" is standard input. Also -ETIMEDOUT (nobody has written to it
 * for LIMIT_FILE_SILENCE: a FIFO or a device; standard input may take its time), -ENOENT and
 * whatever open and read give. */
int fleet_load(const char *path, struct fleet *ret_fleet, struct yaml_problem *ret_problem);

void fleet_fini(struct fleet *f);

#endif

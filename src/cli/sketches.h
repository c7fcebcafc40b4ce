/* SPDX-License-Identifier: MIT */
/* sketches.h - the workers that come with the command, by name: clock, iopin, buzzer. */
#ifndef WEIR_CLI_SKETCHES_H
#define WEIR_CLI_SKETCHES_H

#include <stdbool.h>
#include <stddef.h>

enum { SKETCHES_MAX = 3, SKETCH_PARAMETERS_MAX = 4 };

struct sketch {
    const char *name;
    const char *alias; /* another name of its node in the grid, or NULL */
    bool is_source;    /* setup and run; does not listen */
    int port;          /* the grid's; of a source: the one it dials */
    const char *parameters[SKETCH_PARAMETERS_MAX];
    size_t parameter_count;
};

/* By name; NULL: there is none. */
const struct sketch *sketches_find(const char *name);

/* The names of all sources, or of all workers. Returns their count. */
size_t sketches_names(bool sources, const char *ret_names[SKETCHES_MAX]);

bool sketches_takes(const struct sketch *s, const char *parameter);

#endif

/* SPDX-License-Identifier: MIT */
/* main.h - how a worker becomes a program: what weir_worker_main, `weir run` and the sketches
 * share. */
#ifndef WEIR_WORKER_MAIN_H
#define WEIR_WORKER_MAIN_H

#include <weir/worker.h>

#include "worker/options.h"

struct weir__start {
    const char *who;   /* in errors and usage: "weir iopin" */
    const char *title; /* in brackets; NULL: the worker's name */
    const char *node;  /* its node in the grid, for the default port; NULL: the title */
    enum weir__usage usage;
    const char *const *presets; /* parameters by default, NULL behind the last; may be NULL */
};

/* As weir_worker_main. argv[0] is not looked at. */
int weir__worker_start(const struct weir_worker *w, const struct weir__start *start, int argc,
                       char **argv);

#endif

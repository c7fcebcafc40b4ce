/* SPDX-License-Identifier: MIT */
/* main.h - how a worker or a source becomes a program: what weir_worker_main, weir_source_main,
 * `weir run` and the commands clock, iopin and buzzer share. */
#ifndef WEIR_WORKER_MAIN_H
#define WEIR_WORKER_MAIN_H

#include <weir/worker.h>

#include "worker/options.h"

struct weir__start {
    const char *who;                /* in errors and usage: "weir iopin" */
    const struct weir__flag *flags; /* for its parameters; the last has name NULL. NULL: none */
    const char *const *presets; /* parameters by default, NULL behind the last; may be NULL */
};

/* Do what weir_worker_main and weir_source_main do, with these names. argv[0] is not used. */
int weir__worker_start(const struct weir_worker *w, const struct weir__start *start, int argc,
                       char **argv);
int weir__source_start(const struct weir_source *s, const struct weir__start *start, int argc,
                       char **argv);

#endif

/* SPDX-License-Identifier: MIT */
/* main.h - how a worker or a source becomes a program: what weir_worker_main, weir_source_main,
 * `weir run` and the commands clock, iopin and buzzer share. */
#ifndef WEIR_WORKER_MAIN_H
#define WEIR_WORKER_MAIN_H

#include <weir/worker.h>

#include "worker/options.h"

struct weir__start {
    const char *who;                /* in errors and usage: "weir iopin" */
    const struct weir__flag *flags; /* of its parameters, name NULL behind the last; or NULL */
    const char *const *presets; /* parameters by default, NULL behind the last; may be NULL */
};

/* As weir_worker_main, and as weir_source_main. argv[0] is not looked at. */
int weir__worker_start(const struct weir_worker *w, const struct weir__start *start, int argc,
                       char **argv);
int weir__source_start(const struct weir_source *s, const struct weir__start *start, int argc,
                       char **argv);

#endif

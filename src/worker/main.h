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

/* What was started without stdin, stdout or stderr would find its first files in their places: put
 * /dev/null there. The first that main does. */
void weir__fill_standard_fds(void);

/* A pipe that nobody reads is an error of the write, also of one by libc, and no longer a signal
 * that ends the program. What it executes has SIGPIPE as it was. */
void weir__outlive_readers(void);

/* Hand on what libc holds for stdout. Returns 0; 1 if some of what was printed is lost: told. */
int weir__flush_stdout(const char *who);

/* As weir_worker_main. argv[0] is not looked at. */
int weir__worker_start(const struct weir_worker *w, const struct weir__start *start, int argc,
                       char **argv);

#endif

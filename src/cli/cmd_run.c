/* SPDX-License-Identifier: MIT */
/* cmd_run.c - `weir run FILE.so`: a worker from a shared object, with the flags of a worker. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "task/task.h"
#include "worker/line.h"
#include "worker/load.h"
#include "worker/main.h"
#include "worker/standard.h"

static const char help[] =
    "usage: weir run FILE.so [options]\n"
    "Run the worker of a shared object: a source with WEIR_WORKER_MAIN, compiled with -shared.\n"
    "Its options: weir run FILE.so --help\n";

static int run(const struct command *c, int argc, char **argv, struct settings *s) {
    const struct weir_worker *w = NULL;
    (void)s;
    if (argc < 2 || argv[1][0] == '-') {
        bool asked = argc >= 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
        fputs(c->help, asked ? stdout : stderr);
        return asked ? weir__flush_stdout("weir run") : EXIT_USAGE;
    }
    int rc = weir__worker_load(argv[1], &w);
    if (rc < 0) {
        weir__line_error("weir run: %s", weir_error_message(rc));
        return rc == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
    }
    const struct weir__start start = {.who = "weir run", .usage = WEIR__USAGE_WORKER};
    return weir__worker_start(w, &start, argc - 1, argv + 1);
}

const struct command command_run = {
    .name = "run", .summary = "run a worker from a shared object", .help = help, .run = run};

/* SPDX-License-Identifier: MIT */
/* cmd_run.c - `weir run FILE.so`: a worker or a source from a shared object, with their flags. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/command.h"
#include "task/task.h"
#include "worker/line.h"
#include "worker/load.h"
#include "worker/main.h"
#include "worker/standard.h"

static const char help[] =
    "usage: weir run FILE.so [options]\n"
    "Run the worker or the source of a shared object: a program with WEIR_WORKER_MAIN or\n"
    "WEIR_SOURCE_MAIN, compiled with -shared -fPIC.\n"
    "Its options: weir run FILE.so --help\n";

static int run(const struct command *c, int argc, char **argv, struct settings *s) {
    const struct weir_worker *worker = NULL;
    const struct weir_source *source = NULL;
    (void)s;
    if (argc < 2 || argv[1][0] == '-') {
        bool asked = argc >= 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
        fputs(c->help, asked ? stdout : stderr);
        return asked ? weir__flush_stdout("weir run") : EXIT_USAGE;
    }
    int rc = weir__load(argv[1], &worker, &source);
    if (rc < 0) {
        weir__line_error("weir run: %s", weir_error_message(rc));
        return rc == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
    }
    WEIR_CHECK((worker == NULL) != (source == NULL));
    const struct weir__start start = {.who = "weir run"};
    return worker ? weir__worker_start(worker, &start, argc - 1, argv + 1)
                  : weir__source_start(source, &start, argc - 1, argv + 1);
}

const struct command command_run = {
    .name = "run", .summary = "run the worker of a shared object", .help = help, .run = run};

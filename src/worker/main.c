/* SPDX-License-Identifier: MIT */
/* main.c - a worker or a source as a whole program. */
#include <string.h>

#include "base/escape.h"
#include "task/task.h"
#include "worker/main.h"
#include "worker/options.h"
#include "worker/source.h"
#include "worker/standard.h"
#include "worker/worker.h"

enum { WHO_SIZE = 256 };

int weir__worker_start(const struct weir_worker *w, const struct weir__start *start, int argc,
                       char **argv) {
    struct weir__worker worker;
    struct weir__program *p = weir__program_new(start->who);
    if (p == NULL)
        return 1;
    int rc = weir__worker_init(&worker, p, w);
    int code = rc < 0 ? weir__program_tell(p, rc)
                      : weir__options_read(p, start->flags, argc, argv, start->presets);
    if (code < 0) {
        weir__options_default(p, worker.node);
        code = weir__options_safe(p) ? weir__program_run(p) : 1;
    }
    weir__worker_fini(&worker);
    weir__program_free(p);
    return code;
}

int weir__source_start(const struct weir_source *s, const struct weir__start *start, int argc,
                       char **argv) {
    struct weir__source source;
    struct weir__program *p = weir__program_new(start->who);
    if (p == NULL)
        return 1;
    int rc = weir__source_init(&source, p, s);
    int code = rc < 0 ? weir__program_tell(p, rc)
                      : weir__options_read(p, start->flags, argc, argv, start->presets);
    if (code < 0)
        code = weir__program_run(p);
    weir__source_fini(&source);
    weir__program_free(p);
    return code;
}

/* What main does first. The program's name, for texts, in buf, which is returned. */
static const char *begin(int argc, char **argv, char buf[static WHO_SIZE]) {
    const char *path = argc > 0 ? argv[0] : "worker", *slash = strrchr(path, '/');
    (void)weir__fill_standard_fds(); /* a worker needs none */
    weir__outlive_readers();
    path = slash ? slash + 1 : path;
    weir__escape(buf, WHO_SIZE, path, strlen(path));
    return buf;
}

int weir_worker_main(const struct weir_worker *w, int argc, char **argv) {
    char who[WHO_SIZE];
    weir__not_null(w, "weir_worker_main");
    const struct weir__start start = {.who = begin(argc, argv, who)};
    return weir__worker_start(w, &start, argc, argv);
}

int weir_source_main(const struct weir_source *s, int argc, char **argv) {
    char who[WHO_SIZE];
    weir__not_null(s, "weir_source_main");
    const struct weir__start start = {.who = begin(argc, argv, who)};
    return weir__source_start(s, &start, argc, argv);
}

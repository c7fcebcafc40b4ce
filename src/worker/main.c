/* SPDX-License-Identifier: MIT */
/* main.c - weir_worker_main: a worker as a whole program. */
#include <string.h>

#include "base/escape.h"
#include "task/task.h"
#include "worker/main.h"
#include "worker/options.h"
#include "worker/standard.h"
#include "worker/worker.h"

static int start_on(struct weir__program *p, struct weir__worker *worker,
                    const struct weir__start *start, int argc, char **argv) {
    int code = weir__options_read(p, start->usage, argc, argv, start->presets);
    if (code >= 0)
        return code;
    weir__options_default(p, start->node ? start->node : worker->fn.name);
    return weir__options_safe(p) ? weir__program_run(p) : 1;
}

int weir__worker_start(const struct weir_worker *w, const struct weir__start *start, int argc,
                       char **argv) {
    struct weir__worker worker;
    struct weir__program *p = weir__program_new(start->who);
    if (p == NULL)
        return 1;
    p->title = start->title;
    int rc = weir__worker_init(&worker, p, w);
    int code = rc < 0 ? weir__program_tell(p, rc) : start_on(p, &worker, start, argc, argv);
    weir__worker_fini(&worker);
    weir__program_free(p);
    return code;
}

int weir_worker_main(const struct weir_worker *w, int argc, char **argv) {
    weir__not_null(w, "weir_worker_main");
    weir__fill_standard_fds();
    weir__outlive_readers();
    const char *path = argc > 0 ? argv[0] : "worker", *slash = strrchr(path, '/');
    char who[256];
    path = slash ? slash + 1 : path;
    weir__escape(who, sizeof who, path, strlen(path));
    const struct weir__start start = {.who = who, .usage = WEIR__USAGE_WORKER};
    return weir__worker_start(w, &start, argc, argv);
}

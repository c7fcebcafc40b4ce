/* SPDX-License-Identifier: MIT */
/* main.c - weir_worker_main: a worker as a whole program. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "task/task.h"
#include "worker/main.h"
#include "worker/line.h"
#include "worker/options.h"
#include "worker/worker.h"

void weir__fill_standard_fds(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return;
}

static void on_sigpipe(int signo) {
    (void)signo;
}

/* Not ignored: what the program executes would inherit that. */
void weir__outlive_readers(void) {
    const struct sigaction ours = {.sa_handler = on_sigpipe, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct sigaction before;
    if (sigaction(SIGPIPE, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
        sigaction(SIGPIPE, &ours, NULL);
}

int weir__flush_stdout(const char *who) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    int rc = errno != 0 ? -errno : -EIO; /* lost earlier, and nothing is left to try again */
    weir__line_error("%s: cannot print: %s (%s)", who, weir_error_text(rc), weir_error_name(rc));
    return 1;
}

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

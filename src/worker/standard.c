/* SPDX-License-Identifier: MIT */
/* standard.c - see standard.h. */
#include "worker/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/base.h>

#include "base/check.h"
#include "sys/backend.h"
#include "worker/line.h"

bool weir__fill_standard_fds(void) {
    bool has_stdout = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            break;
    return has_stdout;
}

static void on_sigpipe(int signo) {
    (void)signo;
}

/* The signal is not ignored, since programs that this one executes would inherit that. */
void weir__outlive_readers(void) {
    const struct sigaction ours = {.sa_handler = on_sigpipe, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct sigaction before;
    if (sigaction(SIGPIPE, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
        sigaction(SIGPIPE, &ours, NULL);
}

int weir__flush_stdout(const char *who) {
    WEIR_CHECK(who != NULL);
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    int rc = errno != 0 ? -errno : -EIO; /* an earlier write failed, and its cause is unknown */
    weir__line_error("%s: cannot print: %s (%s)", who, weir_error_text(rc), weir_error_name(rc));
    return 1;
}

int weir__run_status(const char *backend, int rc) {
    WEIR_CHECK(rc < 0);
    const char *name = backend != NULL ? backend : getenv("WEIR_BACKEND");
    bool unknown = name != NULL && *name != '\0' && !weir__backend_known(name);
    return rc == WEIR_EBACKEND && unknown ? 2 : 1;
}

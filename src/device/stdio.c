/* SPDX-License-Identifier: MIT */
/* stdio.c - the descriptors 0, 1 and 2 as streams. Other processes have them too, so they are never
 * changed: sys/foreign.h says how each kind is read and written. A stream has a duplicate, so its
 * close leaves the number to the program. */
#include <weir/tty.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "stream/fd.h"
#include "sys/fds.h"

static _Atomic pid_t reader; /* the process that reads its stdin; a fork child is another */

static void stdin_closes(void *state, int fd) {
    atomic_store(&reader, 0);
}

static const struct weir__fd_kind stdin_kind = {.name = "stdin", .closing = stdin_closes};
static const struct weir__fd_kind stdout_kind = {.name = "stdout"};
static const struct weir__fd_kind stderr_kind = {.name = "stderr"};

static int open_standard(int number, const struct weir__fd_kind *kind, const void *pc,
                         struct weir_stream **ret_stream) {
    struct weir__loop *l = weir__loop();
    if (l == NULL)
        return weir__no_loop(kind->name);
    if (l->backend->simulated)
        return weir__failf(WEIR_ESIMREFUSED, kind->name, NULL,
                           "a simulation has no real descriptors: use weir_memory_pair "
                           "(WEIR_ESIMREFUSED)");
    int fd = weir__fd_lift(fcntl(number, F_DUPFD_CLOEXEC, 3));
    if (fd == -EBADF)
        return weir__failf(fd, kind->name, NULL, "descriptor %d is closed (EBADF)", number);
    int rc = fd < 0 ? weir__fail(fd, kind->name, NULL)
                    : weir__stream_of_fd(fd, kind, kind->name, pc, ret_stream);
    if (rc < 0 && fd >= 0)
        close(fd);
    return rc;
}

int weir_stdin(struct weir_stream **ret_stream) {
    pid_t self = getpid(), before = atomic_load(&reader);
    if (before == self || !atomic_compare_exchange_strong(&reader, &before, self))
        return weir__failf(-EBUSY, "stdin", NULL, "a stream of it is open already (EBUSY)");
    int rc = open_standard(STDIN_FILENO, &stdin_kind, __builtin_return_address(0), ret_stream);
    if (rc < 0)
        atomic_store(&reader, 0);
    return rc;
}

int weir_stdout(struct weir_stream **ret_stream) {
    return open_standard(STDOUT_FILENO, &stdout_kind, __builtin_return_address(0), ret_stream);
}

int weir_stderr(struct weir_stream **ret_stream) {
    return open_standard(STDERR_FILENO, &stderr_kind, __builtin_return_address(0), ret_stream);
}

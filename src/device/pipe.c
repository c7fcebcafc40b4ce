/* SPDX-License-Identifier: MIT */
/* pipe.c - a pipe of our own: both ends are non-blocking, because no other program shares their
 * flags. */
#include <weir/tty.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "stream/fd.h"
#include "stream/memory.h"
#include "sys/fds.h"

static const struct weir__fd_kind pipe_kind = {.name = "pipe", .is_own = true};

static void close_both(const int fds[2]) {
    close(fds[0]);
    close(fds[1]);
}

int weir_pipe(struct weir_stream **ret_read, struct weir_stream **ret_write) {
    const void *pc = __builtin_return_address(0);
    struct weir__loop *l = weir__loop();
    struct weir_stream *reads = NULL, *writes = NULL;
    int fds[2];
    if (l == NULL)
        return weir__no_loop("pipe");
    if (l->backend->simulated)
        return weir__memory_pipe(pc, ret_read, ret_write);
    int rc = weir__fd_lift_pair(pipe2(fds, O_CLOEXEC | O_NONBLOCK), fds);
    if (rc < 0)
        return weir__fail(rc, "pipe", NULL);
    rc = weir__stream_of_fd(fds[0], &pipe_kind, "pipe", pc, &reads);
    if (rc < 0) {
        close_both(fds);
        return rc;
    }
    rc = weir__stream_of_fd(fds[1], &pipe_kind, "pipe", pc, &writes);
    if (rc < 0) {
        weir_close(&reads);
        close(fds[1]);
        return rc;
    }
    *ret_read = reads;
    *ret_write = writes;
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* pty.c - pseudo-terminals. The master is a stream of our own; the slave is a plain descriptor, for
 * a child process or for weir_stream_from_fd. */
#include <weir/tty.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/options.h"
#include "stream/fd.h"
#include "sys/fds.h"

/* The kernel says EIO when no process has the slave open any more. */
static int64_t result(void *state, bool writes, int64_t n) {
    return n != -EIO ? n : writes ? -EPIPE : 0;
}

static const struct weir__fd_kind master_kind = {
    .name = "pty", .is_own = true, .result = result};

static int set_size(int fd, int columns, int rows) {
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

static bool fits(int columns, int rows) {
    return columns >= 0 && rows >= 0 && columns <= USHRT_MAX && rows <= USHRT_MAX;
}

static int set_raw(int fd) {
    struct termios mode;
    if (tcgetattr(fd, &mode) < 0)
        return -errno;
    cfmakeraw(&mode);
    return tcsetattr(fd, TCSANOW, &mode) < 0 ? -errno : 0;
}

/* TIOCGPTPEER opens the slave without its path, which may lie in another mount of devpts. */
static int open_slave(int master, const struct weir_pty_options *o) {
    int unlocked = 0;
    if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
        return -errno;
    int slave = weir__fd_lift(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    int rc = slave < 0 ? slave : set_size(slave, o->columns, o->rows);
    if (rc == 0 && o->raw)
        rc = set_raw(slave);
    if (rc < 0 && slave >= 0)
        close(slave);
    return rc < 0 ? rc : slave;
}

int weir_pty_open(const struct weir_pty_options *options, struct weir_stream **ret_master,
                  int *ret_slave) {
    struct weir__loop *l = weir__loop();
    struct weir_pty_options o;
    if (l == NULL)
        return weir__no_loop("pty open");
    if (l->backend->simulated)
        return weir__failf(WEIR_ESIMREFUSED, "pty open", NULL,
                           "terminals belong to the kernel: use weir_memory_pair "
                           "(WEIR_ESIMREFUSED)");
    WEIR_OPTIONS_COPY(struct weir_pty_options, raw, &o, options);
    if (!fits(o.columns, o.rows))
        return weir__failf(-EINVAL, "pty open", NULL, "a size must be 0 to 65535 (EINVAL)");
    int master = weir__fd_lift(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    if (master < 0)
        return weir__fail(master, "pty open", NULL);
    int slave = open_slave(master, &o);
    int rc = slave < 0 ? weir__fail(slave, "pty open", NULL)
                       : weir__stream_of_fd(master, &master_kind, "pty open",
                                            __builtin_return_address(0), ret_master);
    if (rc < 0) {
        close(master);
        if (slave >= 0)
            close(slave);
        return rc;
    }
    *ret_slave = slave;
    return 0;
}

int weir_tty_resize(struct weir_stream *s, int columns, int rows) {
    if (!fits(columns, rows))
        return weir__failf(-EINVAL, "tty resize", NULL, "a size must be 0 to 65535 (EINVAL)");
    int fd = weir_stream_fd(s);
    int rc = fd < 0 ? fd : set_size(fd, columns, rows);
    return rc < 0 ? weir__fail(rc == -EOPNOTSUPP ? -ENOTTY : rc, "tty resize", NULL) : 0;
}

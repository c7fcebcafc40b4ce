/* SPDX-License-Identifier: MIT */
/* tty.c - the mode and the size of a terminal behind a stream. sys/modes.c restores modes. */
#include <weir/tty.h>

#include <errno.h>
#include <sys/ioctl.h>

#include "stream/fd.h"
#include "sys/modes.h"

static int refused(const struct weir_stream *s, const char *what, int rc) {
    const char *on = weir_stream_peer((struct weir_stream *)(uintptr_t)s);
    if (rc == -EAGAIN)
        return weir__failf(rc, what, on,
                           "the program is in the background of this terminal (EAGAIN)");
    if (rc == -ENOTTY || rc == -EOPNOTSUPP)
        return weir__failf(-ENOTTY, what, on, "it is no terminal (ENOTTY)");
    return weir__fail(rc, what, on);
}

int weir_tty_raw(struct weir_stream *s) {
    weir__not_null(s, "weir_tty_raw");
    int rc = weir__loop_enter(s->loop, s, "weir_tty_raw");
    if (rc < 0)
        return rc;
    int *slot = weir__stream_fd_tty(s);
    if (slot == NULL)
        return refused(s, "tty raw", -ENOTTY);
    if (*slot != 0)
        return 0;
    rc = weir__tty_raw(weir_stream_fd(s));
    if (rc < 0)
        return refused(s, "tty raw", rc);
    *slot = rc;
    return 0;
}

void weir_tty_restore(struct weir_stream *s) {
    weir__not_null(s, "weir_tty_restore");
    if (weir__loop_is_parents(s->loop))
        return;
    weir__loop_assert(s->loop, s, "weir_tty_restore");
    int *slot = weir__stream_fd_tty(s);
    if (slot == NULL || *slot == 0)
        return;
    weir__tty_restore(*slot);
    *slot = 0;
}

int weir_tty_size(const struct weir_stream *s, int *ret_columns, int *ret_rows) {
    struct winsize size;
    int fd = weir_stream_fd(s);
    if (fd == WEIR_EFORKED)
        return fd; /* in a fork child the stream has no name either */
    if (fd < 0)
        return refused(s, "tty size", fd);
    if (ioctl(fd, TIOCGWINSZ, &size) < 0)
        return refused(s, "tty size", -errno);
    *ret_columns = size.ws_col;
    *ret_rows = size.ws_row;
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* tty.c - the mode and the size of a terminal behind a stream. sys/modes.c restores modes. */
#include <weir/tty.h>

#include <errno.h>
#include <sys/ioctl.h>

#include "stream/fd.h"
#include "sys/modes.h"

static int refused(int rc) {
    if (rc == -EAGAIN)
        return weir__failf(rc, "tty raw", NULL,
                           "the program is in the background of this terminal (EAGAIN)");
    return weir__fail(rc, "tty raw", NULL);
}

int weir_tty_raw(struct weir_stream *s) {
    weir__not_null(s, "weir_tty_raw");
    int rc = weir__loop_enter(s->loop, "weir_tty_raw");
    if (rc < 0)
        return rc;
    int *slot = weir__stream_fd_tty(s);
    if (slot == NULL)
        return weir__fail(-ENOTTY, "tty raw", NULL);
    if (*slot != 0)
        return 0;
    rc = weir__tty_raw(weir_stream_fd(s));
    if (rc < 0)
        return refused(rc);
    *slot = rc;
    return 0;
}

void weir_tty_restore(struct weir_stream *s) {
    weir__not_null(s, "weir_tty_restore");
    if (weir__loop_is_parents(s->loop))
        return;
    weir__loop_assert(s->loop, "weir_tty_restore");
    int *slot = weir__stream_fd_tty(s);
    if (slot == NULL || *slot == 0)
        return;
    weir__tty_restore(*slot);
    *slot = 0;
}

int weir_tty_size(const struct weir_stream *s, int *ret_columns, int *ret_rows) {
    struct winsize size;
    int fd = weir_stream_fd(s);
    if (fd < 0)
        return weir__fail(fd == -EOPNOTSUPP ? -ENOTTY : fd, "tty size", NULL);
    if (ioctl(fd, TIOCGWINSZ, &size) < 0)
        return weir__fail(-errno, "tty size", NULL);
    *ret_columns = size.ws_col;
    *ret_rows = size.ws_row;
    return 0;
}

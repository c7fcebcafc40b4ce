/* SPDX-License-Identifier: MIT */
/* Shows: weir_pty_open weir_tty_raw weir_tty_restore weir_tty_resize weir_tty_size
 * weir_pty_options weir-tty */
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static int keys(struct weir_stream *master, struct weir_stream *tty) {
    char key;
    int rc = weir_tty_raw(tty); /* from now on each key is read at once */
    if (rc == 0)
        rc = weir_write(master, "q", 1); /* a user types */
    if (rc == 0)
        rc = (int)weir_read(tty, &key, 1);
    if (rc == 1)
        printf("key %c\n", key);
    weir_tty_restore(tty);
    return rc < 0 ? rc : 0;
}

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *master = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *tty = NULL;
    struct weir_pty_options o = {.size = sizeof o, .columns = 80, .rows = 24};
    int slave, columns, rows, rc = weir_pty_open(&o, &master, &slave);
    if (rc < 0)
        return rc;
    if ((rc = weir_stream_from_fd(slave, &tty)) < 0) {
        close(slave);
        return rc;
    }
    weir_tty_resize(master, 132, 43);
    if (weir_tty_size(tty, &columns, &rows) == 0)
        printf("%d columns, %d rows\n", columns, rows);
    return keys(master, tty);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

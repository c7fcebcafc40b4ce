/* SPDX-License-Identifier: MIT */
/* Shows: weir_watch weir_watch_open weir_watch_next weir_watch_try_next weir_watch_close
 * weir_signals weir_signals_open weir_signals_next weir_signals_try_next weir_signals_close */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static int ends[2]; /* a pipe */

static int reads(void *args) {
    struct weir_watch w;
    char c;
    int events = 0, rc = weir_watch_open(&w, ends[0], POLLIN);
    (void)args;
    if (rc < 0)
        return rc;
    while (rc == 0 && (events = weir_watch_next(&w)) > 0 && (events & POLLIN) != 0)
        if (read(ends[0], &c, 1) == 1) /* what is left is told by the next call */
            printf("%c\n", c);
    if (weir_watch_try_next(&w) > 0 && (events & POLLHUP) != 0)
        printf("the writer has gone\n");
    weir_watch_close(&w);
    return events < 0 ? events : rc;
}

static int counts(void *args) {
    struct weir_signals s;
    int n = 1, rc = weir_signals_open(&s, SIGUSR1, SIGUSR2);
    (void)args;
    if (rc < 0)
        return rc;
    for (int i = 0; i < 3; i++)
        raise(SIGUSR1);
    rc = weir_signals_next(&s); /* none is lost before the call */
    while (rc == SIGUSR1 && weir_signals_try_next(&s) == SIGUSR1)
        n++;
    weir_signals_close(&s);
    printf("%d signals\n", n);
    return rc < 0 ? rc : 0;
}

static int program(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, reads);
    if (rc == 0)
        rc = weir_go0(&g, counts);
    if (write(ends[1], "ab", 2) != 2)
        rc = -EIO;
    close(ends[1]);
    return weir_group_close(&g, rc);
}

int main(void) {
    return pipe(ends) != 0 || weir_run(program, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* Shows: weir-select weir_select weir_try_select weir_case WEIR_ON_RECV WEIR_ON_SEND WEIR_ON_EVENT
 * WEIR_ON_TASK WEIR_ON_SLEEP WEIR_ON_TIME WEIR_ON_NEVER WEIR_ON_WATCH WEIR_ON_SIGNALS */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static struct weir_chan readings; /* of int */
static int ends[2];               /* a pipe */

static int measures(void *args) {
    int rc = 0;
    (void)args;
    for (int i = 20; i < 23 && rc == 0; i++)
        rc = weir_chan_send(&readings, &i);
    if (rc == 0 && write(ends[1], "x", 1) == 1)
        raise(SIGUSR1);
    return rc;
}

/* A chan, a descriptor, a signal, a task, and at most 10 s without any of them. */
static int follow(struct weir_signals *asked, struct weir_watch *pipe_end, struct weir_task *t) {
    int reading;
    char c;
    struct weir_case cases[] = {WEIR_ON_RECV(&readings, &reading), WEIR_ON_WATCH(pipe_end),
                                WEIR_ON_SIGNALS(asked), WEIR_ON_TASK(t),
                                WEIR_ON_SLEEP(WEIR_SECONDS(10))};
    for (int seen = 0; seen < 3;) {
        int which = weir_select(cases, 5);
        if (which < 0)
            return which;
        if (which == 0 && cases[0].rc == 1) {
            printf("%d degrees\n", reading);
            continue;
        }
        if (which == 1 && (cases[1].rc & POLLIN) != 0 && read(ends[0], &c, 1) == 1)
            printf("the pipe has %c\n", c);
        else if (which == 2)
            printf("signal %s\n", cases[2].rc == SIGUSR1 ? "USR1" : "?");
        else if (which == 3)
            printf("it has ended\n");
        else
            return -ETIMEDOUT;
        cases[which] = WEIR_ON_NEVER; /* once is enough */
        seen++;
    }
    return 0;
}

/* What is there already is taken without a wait. */
static int look(struct weir_signals *asked, struct weir_watch *pipe_end) {
    int item = 7, got;
    struct weir_event e = {0};
    struct weir_case cases[] = {WEIR_ON_EVENT(&e), WEIR_ON_TIME(weir_now() + WEIR_SECONDS(60)),
                                WEIR_ON_SEND(&readings, &item), WEIR_ON_RECV(&readings, &got)};
    if (weir_signals_try_next(asked) == -EAGAIN && weir_watch_try_next(pipe_end) == -EAGAIN)
        printf("quiet\n");
    return weir_try_select(cases, 4) == -EAGAIN ? 0 : -EPROTO; /* it never hands to itself */
}

static int program(void *arg) {
    struct weir_signals asked = {0};
    struct weir_watch pipe_end = {0};
    struct weir_task *t = NULL;
    int rc = weir_chan_init(&readings, int, 0);
    (void)arg;
    if (rc == 0)
        rc = weir_signals_open(&asked, SIGUSR1, SIGUSR2);
    if (rc == 0)
        rc = weir_watch_open(&pipe_end, ends[0], POLLIN);
    if (rc == 0)
        rc = look(&asked, &pipe_end);
    if (rc == 0)
        rc = weir_spawn(NULL, WEIR_SITE(measures), measures, NULL, 0, NULL, &t);
    if (rc == 0)
        rc = follow(&asked, &pipe_end, t);
    weir_task_release(&t);
    weir_watch_close(&pipe_end);
    weir_signals_close(&asked);
    weir_chan_fini(&readings);
    return rc;
}

int main(void) {
    return pipe(ends) != 0 || weir_run(program, NULL, NULL) < 0;
}

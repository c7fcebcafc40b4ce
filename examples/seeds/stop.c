/* SPDX-License-Identifier: MIT */
/* stop - a callback stops the loop while a task still sleeps: the close names that task. */
#include <stdio.h>
#include <weir/weir.h>

static int unfinished(void *args) {
    (void)args;
    return weir_sleep(WEIR_SECONDS(3600));
}

static void stops(void *loop) {
    printf("stop\n");
    weir_loop_stop(loop);
}

int main(void) {
    struct weir_loop *loop;
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    int rc = weir_go0(NULL, unfinished);
    if (rc == 0)
        rc = weir_call_later(WEIR_MILLISECONDS(5), stops, loop, NULL);
    if (rc == 0)
        rc = weir_run_forever(loop);
    weir_loop_close(&loop); /* the warning goes to the log: stderr */
    return rc < 0;
}

/* SPDX-License-Identifier: MIT */
/* hello-soon - call_soon, call_later and call_at: callbacks in the order in which they are due, and
 * the last one stops the loop. */
#include <stdio.h>
#include <weir/weir.h>

static void prints(void *arg) {
    printf("%s\n", (const char *)arg);
}

static void hello_world(void *loop) {
    printf("Hello World\n");
    weir_loop_stop(loop);
}

int main(void) {
    struct weir_loop *loop;
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    int rc = weir_call_later(WEIR_MILLISECONDS(20), hello_world, loop, NULL);
    if (rc == 0)
        rc = weir_call_at(weir_now() + WEIR_MILLISECONDS(10), prints, "at 10 ms", NULL);
    if (rc == 0)
        rc = weir_call_soon(prints, "soon", NULL);
    if (rc == 0)
        rc = weir_call_soon(prints, "soon after", NULL);
    if (rc == 0)
        rc = weir_run_forever(loop);
    weir_loop_close(&loop);
    return rc < 0;
}

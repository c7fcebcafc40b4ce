/* SPDX-License-Identifier: MIT */
/* Shows: weir_rate_init weir_rate_acquire weir_rate_try_acquire weir_rate_fini weir_rate */
#include <errno.h>
#include <stdio.h>
#include <weir/testing.h>
#include <weir/weir.h>

static int program(void *arg) {
    struct weir_rate calls;
    weir_ns begin = weir_now();
    weir_rate_init(&calls, 10, WEIR_SECONDS(1), 2); /* 10 a second; 2 at once after a pause */
    int rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++) {
        rc = weir_rate_acquire(&calls, 1); /* cancelled: it has taken none */
        printf("call %d after %d ms\n", i, (int)((weir_now() - begin) / WEIR_MILLISECONDS(1)));
    }
    if (weir_rate_try_acquire(&calls, 1) == -EAGAIN)
        printf("not now\n");
    weir_rate_fini(&calls);
    return rc;
}

int main(void) { /* takes no time: the clock is virtual */
    return weir_sim_run(program, NULL, NULL) < 0;
}

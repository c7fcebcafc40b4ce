/* SPDX-License-Identifier: MIT */
/* Shows: weir_sleep weir_sleep_until weir_yield */
#include <stdio.h>
#include <weir/weir.h>

/* Once each 20 ms, whatever the work takes: a sleep of 20 ms behind the work would drift. */
static int ticks(void *arg) {
    weir_ns next = weir_now();
    int rc = 0;
    for (int n = 0; n < 3 && rc == 0; n++) {
        printf("tick %d\n", n);
        rc = weir_yield(); /* a long computation lets the others run now and then */
        next += WEIR_MILLISECONDS(20);
        if (rc == 0)
            rc = weir_sleep_until(next);
    }
    return rc < 0 ? rc : weir_sleep(WEIR_MILLISECONDS(1));
}

int main(void) {
    return weir_run(ticks, NULL, NULL) < 0;
}

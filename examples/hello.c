/* SPDX-License-Identifier: MIT */
/* hello - the smallest program: one loop, one task, a line every second. */
#include <stdio.h>
#include <weir/loop.h>

static int hello(void *arg) {
    int rc = 0;
    for (int i = 0; i < *(int *)arg && rc == 0; i++) {
        printf("hello %d\n", i + 1);
        fflush(stdout);
        rc = weir_sleep(WEIR_SECONDS(1));
    }
    return rc;
}

int main(void) {
    int times = 3;
    return weir_run(hello, &times, NULL) < 0;
}

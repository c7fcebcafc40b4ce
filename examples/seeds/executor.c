/* SPDX-License-Identifier: MIT */
/* executor - a function that blocks runs on a helper thread, and meanwhile a task goes on. */
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static int my_blocking_func(void *arg) {
    usleep(50000);
    return *(int *)arg + 1;
}

static int ticks(void *args) {
    (void)args;
    for (int i = 1; i <= 2; i++) {
        int rc = weir_sleep(WEIR_MILLISECONDS(5));
        if (rc < 0)
            return rc;
        printf("tick %d\n", i);
    }
    return 0;
}

static int program(void *arg) {
    int number = 41;
    (void)arg;
    int rc = weir_go0(NULL, ticks);
    if (rc == 0 && (rc = weir_offload(my_blocking_func, &number)) > 0)
        printf("the function returned %d\n", rc);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* square-task - the same as a function that sleeps: a coroutine is a task here. Prints 9. */
#include <stdio.h>
#include <weir/weir.h>

static int slow_square(int x, int *ret_squared) {
    int rc = weir_sleep(WEIR_MILLISECONDS(20));
    if (rc == 0)
        *ret_squared = x * x;
    return rc;
}

static int test(void *arg) {
    int squared = 0;
    (void)arg;
    int rc = slow_square(3, &squared);
    if (rc == 0)
        printf("%d\n", squared);
    return rc;
}

int main(void) {
    return weir_run(test, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* square-inline - the same Deferred, awaited by a task: inline callbacks. Prints 9. */
#include <stdio.h>
#include <weir/weir.h>

static void wake(void *d) {
    weir_deferred_fire(d, NULL);
}

/* Sleep by a Deferred that a timer fires. */
static int sleep_inline(weir_ns delay_ns) {
    struct weir_deferred *d;
    int rc = weir_deferred_new(NULL, NULL, &d);
    if (rc < 0)
        return rc;
    struct weir_call *call = NULL;
    if ((rc = weir_call_later(delay_ns, wake, d, &call)) == 0)
        rc = weir_deferred_await(d, NULL);
    weir_call_cancel(&call); /* a cancel of the task came first */
    weir_deferred_unref(&d);
    return rc;
}

static int slow_square(int x, int *ret_squared) {
    int rc = sleep_inline(WEIR_MILLISECONDS(20));
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

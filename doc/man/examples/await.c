/* SPDX-License-Identifier: MIT */
/* Shows: weir_await weir_task_ref weir_task_release weir_task_cancel weir_go_task weir_task */
#include <stdio.h>
#include <weir/weir.h>

struct square_args { int n, squared; };

static int square(void *args) {
    struct square_args *a = args;
    a->squared = a->n * a->n; /* the awaiter gets the arguments as they are at the return */
    return weir_sleep(WEIR_MILLISECONDS(a->n));
}

static int program(void *arg) {
    struct weir_task *quick = NULL, *slow = NULL, *again;
    struct square_args result;
    int rc = weir_go_task(NULL, square, &quick, .n = 7);
    if (rc == 0)
        rc = weir_go_task(NULL, square, &slow, .n = 60000);
    if (rc == 0)
        rc = weir_await(&quick, &result, sizeof result);
    if (rc == 0)
        printf("%d\n", result.squared);
    if (slow != NULL) {
        again = weir_task_ref(slow);        /* each waiter needs a handle of its own */
        weir_task_cancel(slow, "too slow"); /* its sleep returns -ECANCELED */
        if (weir_await(&again, NULL, 0) == -ECANCELED)
            printf("cancelled\n");
    }
    weir_task_release(&slow); /* NULL and *NULL are fine */
    weir_task_release(&quick);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

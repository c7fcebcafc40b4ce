/* SPDX-License-Identifier: MIT */
/* cancel-one - two tasks, one of which is cancelled: the other is not disturbed. */
#include <stdio.h>
#include <weir/weir.h>

struct count_args { const char *name; };
static int count(void *args) {
    struct count_args *a = args;
    for (int i = 1; i <= 3; i++) {
        int rc = weir_sleep(WEIR_MILLISECONDS(10));
        if (rc < 0) {
            printf("%s: cancelled\n", a->name);
            return rc;
        }
        printf("%s: %d\n", a->name, i);
    }
    return 0;
}

static int program(void *arg) {
    struct weir_task *some = NULL, *other = NULL;
    (void)arg;
    int rc = weir_go_task(NULL, count, &some, .name = "some");
    if (rc == 0)
        rc = weir_go_task(NULL, count, &other, .name = "other");
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(15));
    if (rc == 0) {
        weir_task_cancel(some, "one is enough");
        if (weir_await(&some, NULL, 0) == -ECANCELED)
            rc = weir_await(&other, NULL, 0);
    }
    weir_task_release(&some);
    weir_task_release(&other);
    return rc;
}

int main(void) {
    const struct weir_run_options options = {.size = sizeof options, .backend = "sim"};
    return weir_run(program, NULL, &options) < 0;
}

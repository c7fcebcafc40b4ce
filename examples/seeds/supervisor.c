/* SPDX-License-Identifier: MIT */
/* supervisor - a worker that fails is started again, three times in all. */
#include <stdio.h>
#include <weir/weir.h>

struct work_args { int attempt; };
static int work(void *args) {
    struct work_args *a = args;
    int rc = weir_sleep(WEIR_MILLISECONDS(10));
    if (rc < 0)
        return rc;
    printf("attempt %d\n", a->attempt);
    return a->attempt < 3 ? weir_fail(WEIR_EUSER, "attempt %d failed", a->attempt) : 0;
}

static int supervise(void *arg) {
    int rc = 0;
    (void)arg;
    for (int attempt = 1; attempt <= 5; attempt++) {
        struct weir_task *t;
        if ((rc = weir_go_task(NULL, work, &t, .attempt = attempt)) < 0)
            return rc;
        rc = weir_await(&t, NULL, 0);
        weir_task_release(&t);
        if (rc == 0)
            break;
        if (rc == -ECANCELED)
            return rc;
        printf("restart: %s\n", weir_error_message(rc));
    }
    printf("done\n");
    return rc;
}

int main(void) {
    const struct weir_run_options options = {.size = sizeof options, .backend = "sim"};
    return weir_run(supervise, NULL, &options) < 0;
}

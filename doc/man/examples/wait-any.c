/* SPDX-License-Identifier: MIT */
/* Shows: weir_wait_all weir_wait_any weir_wait_first weir-flow */
#include <stdio.h>
#include <weir/weir.h>

struct fetch_args { int seconds; };

static int fetch(void *args) {
    struct fetch_args *a = args;
    int rc = weir_sleep(WEIR_MILLISECONDS(a->seconds));
    return rc < 0 ? rc : a->seconds;
}

static int program(void *arg) {
    struct weir_task *mirrors[3] = {NULL};
    int rc = 0, i;
    for (i = 0; i < 3 && rc == 0; i++)
        rc = weir_go_task(NULL, fetch, &mirrors[i], .seconds = 30 - 10 * i);
    if (rc == 0)
        rc = weir_wait_first(mirrors, 3); /* one has succeeded; the others run on */
    printf("mirror %d was first\n", rc);
    while (rc >= 0 && (i = weir_wait_any(mirrors, 3)) >= 0) { /* each, as it ends */
        rc = weir_await(&mirrors[i], NULL, 0);
        printf("mirror %d took %d\n", i, rc);
    }
    rc = weir_wait_all(mirrors, 3); /* all have ended, and each handle is NULL */
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

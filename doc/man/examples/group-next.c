/* SPDX-License-Identifier: MIT */
/* Shows: weir_group_next weir-group */
#include <stdio.h>
#include <weir/weir.h>

struct fetch_args { int ms; };

static int fetch(void *args) {
    struct fetch_args *a = args;
    int rc = weir_sleep(WEIR_MILLISECONDS(a->ms));
    return rc < 0 ? rc : a->ms;
}

static int program(void *arg) {
    struct weir_group g;
    struct weir_task *t;
    int rc = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int ms = 30; ms > 0 && rc == 0; ms -= 10)
        rc = weir_go_task(&g, fetch, &t, .ms = ms); /* the group keeps the handle in mind */
    while (rc >= 0 && (rc = weir_group_next(&g, &t)) == 1) {
        rc = weir_await(&t, NULL, 0); /* 10, 20, 30 */
        printf("%d\n", rc);
    }
    return weir_group_close(&g, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

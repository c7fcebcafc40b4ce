/* SPDX-License-Identifier: MIT */
/* Shows: weir_group_open weir_group_close weir_group weir_policy WEIR_TOGETHER weir_go weir_go0 */
#include <stdio.h>
#include <weir/weir.h>

struct fetch_args { const char *name; int fails; };

static int fetch(void *args) {
    struct fetch_args *a = args;
    int rc = weir_sleep(WEIR_MILLISECONDS(a->fails ? 1 : 1000));
    printf("%s: %s\n", a->name, weir_error_name(rc));
    return rc < 0 ? rc : a->fails ? weir_fail(-EIO, "%s is broken", a->name) : 0;
}

static int program(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER); /* one fails: the others are cancelled */
    int rc = weir_go(&g, fetch, .name = "left");
    if (rc == 0)
        rc = weir_go(&g, fetch, .name = "right", .fails = 1);
    rc = weir_group_close(&g, rc); /* waits for both, whatever happens; -EIO here */
    if (rc < 0)
        printf("%s\n", weir_error_message(rc));
    return rc == -EIO ? 0 : 1;
}

int main(void) {
    return weir_run(program, NULL, NULL);
}

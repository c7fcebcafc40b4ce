/* SPDX-License-Identifier: MIT */
/* Shows: weir_once weir_once_init weir_once_fini */
#include <errno.h>
#include <stdio.h>
#include <weir/weir.h>

static struct weir_once once;
static int attempts, table;

static int load(void *arg) { /* may suspend: the other tasks wait for its result */
    int *ret_table = arg;
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    if (rc < 0)
        return rc;
    if (++attempts == 1)
        return weir_fail(-EIO, "the disk is not there yet");
    *ret_table = 42;
    return 0;
}

static int asks(void *args) {
    (void)args;
    int rc = weir_once(&once, load, &table);
    if (rc == -EIO) { /* this task ran it and it failed: the next in line tries again */
        printf("%s\n", weir_error_message(rc));
        return 0;
    }
    if (rc == 0)
        printf("%d\n", table);
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    weir_once_init(&once);
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_go0(&g, asks);
    rc = weir_group_close(&g, rc);
    weir_once_fini(&once);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* Shows: weir_group_keep_errors weir_errors_free weir_errors weir_child_error */
#include <errno.h>
#include <stdio.h>
#include <weir/weir.h>

struct check_args { const char *disk; int full; };

static int check(void *args) {
    struct check_args *a = args;
    return a->full ? weir_fail(-ENOSPC, "%s is full", a->disk) : 0;
}

static int program(void *arg) {
    struct weir_group g;
    struct weir_errors errs;
    weir_group_open(&g, WEIR_INDEPENDENT); /* one fails, the others go on */
    weir_group_keep_errors(&g, &errs, 100);
    int rc = weir_go(&g, check, .disk = "a", .full = 1);
    rc = rc < 0 ? rc : weir_go(&g, check, .disk = "b");
    rc = rc < 0 ? rc : weir_go(&g, check, .disk = "c", .full = 1);
    rc = weir_group_close(&g, rc);
    printf("%zu have failed\n", errs.count);
    for (const struct weir_child_error *e = errs.first; e != NULL; e = e->next)
        printf("%s\n", e->error.text);
    weir_errors_free(&errs);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

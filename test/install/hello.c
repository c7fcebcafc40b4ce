/* SPDX-License-Identifier: MIT */
/* A program outside of the tree, C11: built against an installed weir by test_install.py. */
#include <stdio.h>
#include <weir/weir.h>

struct greet_args {
    const char *whom;
};

static int greet(void *args) {
    const struct greet_args *a = args;
    int rc = weir_sleep(1);
    if (rc < 0)
        return rc;
    printf("hello %s\n", a->whom);
    return 0;
}

static int body(void *arg) {
    struct weir_group group;
    weir_group_open(&group, WEIR_TOGETHER);
    int rc = weir_go(&group, greet, .whom = arg);
    return weir_group_close(&group, rc);
}

int main(void) {
    char whom[] = "world";
    return weir_run(body, whom, NULL) < 0;
}

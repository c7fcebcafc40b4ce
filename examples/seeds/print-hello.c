/* SPDX-License-Identifier: MIT */
/* print-hello - a task that greets again and again, until a deadline ends it: three lines. */
#include <stdio.h>
#include <weir/weir.h>

static int print_hello(void *args) {
    int rc = 0;
    (void)args;
    for (int second = 0; rc == 0; second += 3) {
        printf("%d - Hello world!\n", second);
        rc = weir_sleep(WEIR_SECONDS(3));
    }
    return rc;
}

static int program(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(8));
    return weir_scope_leave(&s, print_hello(arg)) == -ETIME ? 0 : -1;
}

/* In virtual time: the eight seconds pass at once. */
int main(void) {
    const struct weir_run_options options = {.size = sizeof options, .backend = "sim"};
    return weir_run(program, NULL, &options) < 0;
}

/* SPDX-License-Identifier: MIT */
/* Shows: weir_scope_cancel weir_scope_cause weir_task_current weir_task_name */
#include <stdio.h>
#include <weir/weir.h>

struct stopper_args { struct weir_scope *scope; };

static int stopper(void *args) {
    printf("%s cancels\n", weir_task_name(weir_task_current()));
    struct stopper_args *a = args;
    weir_scope_cancel(a->scope, "the door was opened"); /* static text */
    return 0;
}

static int program(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    int rc = weir_go(NULL, stopper, .scope = &s);
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(60)); /* -ECANCELED, at once */
    if (rc == -ECANCELED)
        printf("stopped: %s\n", weir_scope_cause(&s));
    rc = weir_scope_leave(&s, rc);
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* Shows: weir_scope_enter weir_scope_leave weir_scope_fired weir_deadline weir_scope weir-task */
#include <stdio.h>
#include <weir/weir.h>

static int ask(struct weir_scope *ret_own) {
    weir_scope_enter(ret_own, WEIR_SECONDS(5)); /* for all that is done inside */
    printf("%d s are left\n", (int)((weir_deadline() - weir_now()) / WEIR_MILLISECONDS(999)));
    int rc = weir_sleep(WEIR_NEVER);
    return weir_scope_leave(ret_own, rc); /* innermost first, in the same function */
}

static int program(void *arg) {
    struct weir_scope outer, inner;
    weir_scope_enter(&outer, WEIR_MILLISECONDS(10));
    int rc = ask(&inner);
    if (rc == -ETIME && weir_scope_fired(&inner) == 0)
        printf("not the five seconds of ask: something around it\n");
    rc = weir_scope_leave(&outer, rc);
    return rc == -ETIME && weir_scope_fired(&outer) == -ETIME ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL);
}

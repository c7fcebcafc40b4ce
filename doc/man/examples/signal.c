/* SPDX-License-Identifier: MIT */
/* Shows: weir_scope_on_signal weir_scope_signal */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static int program(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    int rc = weir_scope_on_signal(&s, SIGINT, SIGTERM);
    if (rc == 0 && raise(SIGTERM) == 0) /* as kill(1) would send it */
        rc = weir_sleep(WEIR_NEVER);    /* the work */
    if (weir_scope_signal(&s) != 0)
        printf("stopped by: %s\n", strsignal(weir_scope_signal(&s)));
    rc = weir_scope_leave(&s, rc);
    return rc == WEIR_ESTOPPED ? 0 : rc; /* a wanted stop is no failure */
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* Shows: weir_sim_raise */
#include <signal.h>
#include <stdio.h>
#include <weir/testing.h>
#include <weir/weir.h>

static int interrupt(void *arg) {
    int rc = weir_sleep(WEIR_SECONDS(5));
    return rc < 0 ? rc : weir_sim_raise(SIGINT) == 1 ? 0 : -EINVAL; /* one scope waits for it */
}

static int program(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    int rc = weir_scope_on_signal(&s, SIGINT);
    if (rc == 0)
        rc = weir_go0(NULL, interrupt);
    if (rc == 0)
        rc = weir_sleep(WEIR_NEVER);
    return weir_scope_leave(&s, rc) == WEIR_ESTOPPED ? 0 : 1;
}

int main(void) {
    return weir_sim_run(program, NULL, NULL);
}

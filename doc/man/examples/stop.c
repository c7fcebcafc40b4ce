/* SPDX-License-Identifier: MIT */
/* Shows: weir_stop */
#include <stdio.h>
#include <weir/weir.h>

static int watch(void *arg) {
    int rc = weir_sleep(WEIR_MILLISECONDS(10));
    if (rc == 0)
        weir_stop("enough"); /* cancels every task of the run; this one goes on to its return */
    return rc;
}

static int program(void *arg) {
    int rc = weir_go0(NULL, watch);
    if (rc == 0)
        rc = weir_sleep(WEIR_NEVER);
    if (rc == -ECANCELED)
        printf("%s\n", weir_error_message(rc));
    return rc == -ECANCELED ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}

/* SPDX-License-Identifier: MIT */
/* A test outside of the tree: it runs in a simulated world, with a fault. */
#include <errno.h>
#include <stdio.h>
#include <weir/testing.h>
#include <weir/weir.h>

static int body(void *arg) {
    (void)arg;
    struct weir_listener *l = NULL;
    int rc = weir_sleep(WEIR_SECONDS(3600));
    if (rc < 0)
        return rc;
    rc = weir_listen("tcp://localhost:1", NULL, &l);
    if (rc != -EIO)
        return -EPROTO;
    printf("an hour has passed, and a fault struck\n");
    return 0;
}

int main(void) {
    const struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_LISTEN,
                                     .error = -EIO, .nth = 1};
    weir_fault_arm(&fault);
    return weir_sim_run(body, NULL, NULL) < 0;
}

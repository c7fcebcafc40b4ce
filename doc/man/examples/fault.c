/* SPDX-License-Identifier: MIT */
/* Shows: weir_fault_arm weir_fault weir_fault_seen weir_fault_struck weir_fault_kinds
 * weir_fault_effect weir_fault_allocation */
#include <stdio.h>
#include <weir/testing.h>
#include <weir/weir.h>

static int program(void *arg) {
    const struct weir_fault broken = {.size = sizeof broken, .kinds = WEIR_FAULT_CONNECT,
                                      .effect = WEIR_FAULT_ERROR, .error = -ENETUNREACH, .nth = 1};
    struct weir_stream *s = NULL;
    weir_fault_arm(&broken);
    int rc = weir_dial("tcp://127.0.0.1:7000", NULL, &s);
    printf("%d ops seen, %d struck: %s\n", (int)weir_fault_seen(), (int)weir_fault_struck(),
           weir_error_message(rc));
    weir_fault_arm(NULL);
    weir_fault_allocation(1); /* the next one fails */
    bool no_memory = weir_memory_pair(0, &s, &s) == -ENOMEM;
    weir_fault_allocation(0);
    return rc == -ENETUNREACH && no_memory ? 0 : 1;
}

int main(void) {
    const struct weir_fault none = {.size = sizeof none}; /* strikes nothing, counts */
    weir_fault_arm(&none); /* before the loop is opened: it obeys later calls too */
    int rc = weir_sim_run(program, NULL, NULL);
    weir_fault_arm(NULL);
    return rc;
}

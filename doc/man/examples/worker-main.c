/* SPDX-License-Identifier: MIT */
/* Shows: WEIR_WORKER_MAIN weir_worker_main */
#include <weir/worker.h>

static int setup(void *state, const struct weir_params *p) {
    return 0;
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    return weir_ack_text(ack, "message %d", ++*(int *)state);
}

static const struct weir_worker counter = {
    .size = sizeof counter, .name = "Counter", .state_size = sizeof(int), .setup = setup,
    .loop = loop};

WEIR_WORKER_MAIN(counter) /* ./counter --port 7001, or in a fleet file */

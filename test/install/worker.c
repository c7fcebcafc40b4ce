/* SPDX-License-Identifier: MIT */
/* A worker outside of the tree, C11: as a program and as a shared object, by test_install.py. */
#include <weir/weir.h>

static int setup(void *state, const struct weir_params *p) {
    (void)state;
    (void)p;
    return 0;
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    (void)state;
    return weir_ack_text(ack, "got %zu bytes", m->data.len);
}

static const struct weir_worker parrot = {
    .size = sizeof parrot, .name = "Parrot", .setup = setup, .loop = loop};

WEIR_WORKER_MAIN(parrot)

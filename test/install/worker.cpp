/* SPDX-License-Identifier: MIT */
/* A worker outside of the tree, C++: as a program and as a shared object, by test_install.py. */
#include <weir/weir.h>

static int setup(void *, const weir_params *) {
    return 0;
}

static int loop(void *, const weir_message *m, weir_ack *ack) {
    return weir_ack_text(ack, "got %zu bytes", m->data.len);
}

static const weir_worker parrot = {sizeof(weir_worker), "Parrot", 0, setup, loop};

WEIR_WORKER_MAIN(parrot)

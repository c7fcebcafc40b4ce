/* SPDX-License-Identifier: MIT */
/* A worker outside of the tree, C++: as a program and as a shared object, by test_install.py. */
#include <weir/weir.h>

static int setup(void *, const weir_params *) {
    return 0;
}

static int loop(void *, const weir_message *m, weir_ack *ack) {
    return weir_ack_text(ack, "got %zu bytes", m->data.len);
}

/* Field by field: C++17 has no designators, and a list would have to grow with the struct. */
static weir_worker make() {
    weir_worker w = {};
    w.size = sizeof w;
    w.name = "Parrot";
    w.setup = setup;
    w.loop = loop;
    return w;
}

static const weir_worker parrot = make();

WEIR_WORKER_MAIN(parrot)

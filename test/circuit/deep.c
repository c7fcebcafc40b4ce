/* SPDX-License-Identifier: MIT */
/* deep.c - a worker whose loop (and with --with setup=deep its setup) needs 300 KiB of stack. It is
 * built twice: once it asks for such a stack (STACK_SIZE), once it does not. */
#include <string.h>
#include <weir/worker.h>

static volatile char sink;

static __attribute__((noinline)) void go_deep(void) {
    volatile char frame[300 * 1024];
    for (size_t i = 0; i < sizeof frame; i += 1024)
        frame[i] = 1;
    sink = frame[0];
}

static int setup(void *state, const struct weir_params *p) {
    const char *how = "";
    int rc = weir_param_text(p, "setup", "", &how);
    if (rc == 0 && strcmp(how, "deep") == 0)
        go_deep();
    return rc;
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    go_deep();
    return weir_ack_text(ack, "was deep");
}

static const struct weir_worker deep = {
    .size = sizeof deep, .name = "Deep", .setup = setup, .loop = loop, .stack_size = STACK_SIZE};

WEIR_WORKER_MAIN(deep)

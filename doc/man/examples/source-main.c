/* SPDX-License-Identifier: MIT */
/* Shows: WEIR_SOURCE_MAIN weir_source_main weir_source */
#include <weir/weir.h>
#include <weir/worker.h>

struct ticker { int64_t times; };

static int setup(void *state, const struct weir_params *p) {
    return weir_param_int(p, "times", 3, &((struct ticker *)state)->times);
}

static int run(void *state) {
    struct ticker *t = state;
    int rc = 0;
    for (int64_t i = 0; i < t->times && rc == 0; i++) {
        rc = weir_node_send(NULL, "counter", "/", "tick"); /* NULL: the program's own mesh */
        if (rc == 0)
            rc = weir_sleep(WEIR_SECONDS(1));
    }
    return rc;
}

static const struct weir_source ticker = {
    .size = sizeof ticker, .name = "Ticker", .state_size = sizeof(struct ticker), .setup = setup,
    .run = run, .node = "counter"};

WEIR_SOURCE_MAIN(ticker) /* ./ticker --node counter=localhost:7001 */

/* SPDX-License-Identifier: MIT */
/* worker-blink - a worker of one's own: counts, streams to the buzzer, and answers.
 *
 *   worker-blink --port 8765 --with chance=0.3          as a program
 *   weir run libworker-blink.so --port 8765             as a shared object: the same source */
#include <weir/worker.h>

struct blink {
    double chance;
    unsigned long seen, high;
    unsigned state;
};

static int setup(void *state, const struct weir_params *p) {
    struct blink *b = state;
    b->state = 1;
    return weir_param_double(p, "chance", 0.5, &b->chance); /* a bad value says so and ends it */
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    struct blink *b = state;
    b->state = b->state * 1103515245 + 12345;
    int high = (b->state >> 16) % 1000 >= b->chance * 1000;
    b->seen++;
    b->high += (unsigned long)high;
    weir_out("message %lu on %s", b->seen, m->channel);
    if (weir_node_send(NULL, "buzzer", "", high ? "1" : "0") < 0)
        return weir_nack("the buzzer is gone");
    return weir_ack_text(ack, "seen %lu, high %lu", b->seen, b->high);
}

static const struct weir_worker blink = {
    .size = sizeof blink, .name = "Blink", .state_size = sizeof(struct blink),
    .setup = setup, .loop = loop};

WEIR_WORKER_MAIN(blink)

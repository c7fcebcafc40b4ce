/* SPDX-License-Identifier: MIT */
/* sketch_buzzer.c - the buzzer: when a signal is 1 it prints its sound and acks it. */
#include <string.h>

#include "worker/main.h"
#include "worker/sketches.h"

struct buzzer {
    const char *sound;
};

static int setup(void *state, const struct weir_params *p) {
    struct buzzer *b = state;
    return weir_param_text(p, "sound", NULL, &b->sound);
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    const struct buzzer *b = state;
    bool high = !m->binary && m->data.len == 1 && memcmp(m->data.base, "1", 1) == 0;
    const char *behaviour = high ? b->sound : "...";
    if (m->binary)
        weir_out("signal %zu bytes received -> %s", m->data.len, behaviour);
    else
        weir_out("signal %.*s received -> %s", (int)m->data.len, (const char *)m->data.base,
                 behaviour);
    return weir_ack_text(ack, "%s", behaviour);
}

const struct weir_worker weir__buzzer = {.size = sizeof weir__buzzer,
                                         .name = "Buzzer",
                                         .state_size = sizeof(struct buzzer),
                                         .setup = setup,
                                         .loop = loop};

int weir__sketch_buzzer(int argc, char **argv) {
    static const char *const presets[] = {"sound=buzz buzz buzz", NULL};
    const struct weir__start start = {.who = "weir buzzer",
                                      .node = "buzzer",
                                      .usage = WEIR__USAGE_SKETCH,
                                      .presets = presets};
    return weir__worker_start(&weir__buzzer, &start, argc, argv);
}

/* SPDX-License-Identifier: MIT */
/* buzzer - a worker: makes its sound when a signal is 1, prints it, and answers with it.
 *
 *   buzzer --with sound=moo                         as a program
 *   weir run buzzer-object.so --with sound=moo      as a shared object: the same source */
#include <string.h>
#include <weir/weir.h>

struct buzzer {
    const char *sound;
};

static int setup(void *state, const struct weir_params *p) {
    struct buzzer *b = state;
    return weir_param_text(p, "sound", NULL, &b->sound); /* NULL: it must be given */
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    const struct buzzer *b = state;
    bool is_high = !m->binary && m->data.len == 1 && memcmp(m->data.base, "1", 1) == 0;
    const char *behaviour = is_high ? b->sound : "...";
    if (m->binary)
        weir_out("signal %zu bytes received -> %s", m->data.len, behaviour);
    else
        weir_out("signal %.*s received -> %s", (int)m->data.len, (const char *)m->data.base,
                 behaviour);
    return weir_ack_text(ack, "%s", behaviour);
}

static const struct weir_worker buzzer = {
    .size = sizeof buzzer, .name = "Buzzer", .state_size = sizeof(struct buzzer),
    .setup = setup, .loop = loop, .node = "buzzer"};

WEIR_WORKER_MAIN(buzzer)

/* SPDX-License-Identifier: MIT */
/* sketch_iopin.c - on each tick draws some states, prints them, and streams them to the buzzer.
 * If the buzzer cannot be had, the tick is refused with the reason; nothing hangs. */
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "task/task.h"
#include "worker/limits.h"
#include "worker/main.h"
#include "worker/sketches.h"
#include "worker/text.h"

struct iopin {
    struct weir__random random;
    double chance; /* of a 0 */
    int64_t sequence;
};

static int refuse(const char *name, const char *why) {
    return weir__failf(WEIR_EPARAM, "parameter", name, "%s", why);
}

/* Without a seed each start draws other states. */
static int seed(struct iopin *pin, const struct weir_params *p) {
    struct weir__backend *b = weir__loop()->backend;
    uint64_t drawn;
    int64_t given = 0;
    const char *text = NULL;
    b->ops->random(b, &drawn, sizeof drawn);
    int rc = weir_param_text(p, "seed", "", &text);
    if (rc == 0 && text[0] != '\0')
        rc = weir_param_int(p, "seed", 0, &given);
    pin->random.state = text && text[0] != '\0' ? (uint64_t)given : drawn;
    return rc;
}

static int setup(void *state, const struct weir_params *p) {
    struct iopin *pin = state;
    int rc = weir_param_double(p, "chance", 0.5, &pin->chance);
    if (rc == 0)
        rc = weir_param_int(p, "sequence", 3, &pin->sequence);
    if (rc == 0)
        rc = seed(pin, p);
    if (rc == 0 && !(pin->chance >= 0 && pin->chance <= 1))
        return refuse("chance", "it is 0 to 1");
    if (rc == 0 && (pin->sequence < 0 || pin->sequence > WEIR__SEQUENCE_MAX))
        return refuse("sequence", "it is 0 to 1000");
    return rc;
}

static char draw(struct iopin *pin) {
    double at = (double)(weir__random_next(&pin->random) >> 11) * 0x1p-53; /* 0 <= at < 1 */
    return at < pin->chance ? '0' : '1';
}

/* What one tick draws: heap, since a sequence may be long. */
struct draft {
    char *states; /* '0' or '1', sequence of them */
    char *list;   /* "1, 0, 1" */
    struct weir_item *items;
};

static int draft_new(struct iopin *pin, struct draft *ret) {
    size_t count = (size_t)pin->sequence;
    char *base = weir__alloc(count * (sizeof *ret->items + 4) + 1);
    if (base == NULL)
        return weir__fail(-ENOMEM, "iopin", NULL);
    *ret = (struct draft){.items = (void *)base};
    ret->states = base + count * sizeof *ret->items;
    ret->list = ret->states + count;
    for (size_t i = 0; i < count; i++) {
        ret->states[i] = draw(pin);
        memcpy(ret->list + 3 * i, (char[]){ret->states[i], ',', ' '}, 3);
        ret->items[i] = (struct weir_item){.data = &ret->states[i], .len = 1};
    }
    ret->list[count > 0 ? 3 * count - 2 : 0] = '\0';
    return 0;
}

static int refuse_tick(struct weir_ack *ack, int rc) {
    const char *text = weir_error_message(rc);
    return weir_ack_text(ack, "nack: %.*s", (int)weir__text_whole(text, strlen(text)), text);
}

static int sending(void *arg, size_t index, const struct weir_item *item) {
    (void)arg, (void)index;
    weir_out("> sending payload: %.*s", (int)item->len, (const char *)item->data);
    return 0;
}

static int acked(void *arg, size_t index, const struct weir_node_ack *ack) {
    (void)arg, (void)index;
    if (ack->binary)
        weir_out("< %zu bytes", ack->len);
    else
        weir_out("< %s", ack->data);
    return 0;
}

static const struct weir_node_stream_options told = {
    .size = sizeof told, .sending = sending, .acked = acked};

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    struct iopin *pin = state;
    struct draft d = {.states = NULL};
    if (m->binary)
        weir_out("new tick triggered on %s: %zu bytes", m->channel, m->data.len);
    else
        weir_out("new tick triggered on %s: %.*s", m->channel, (int)m->data.len,
                 (const char *)m->data.base);
    int rc = draft_new(pin, &d);
    if (rc < 0)
        return rc;
    weir_out("toggling pin state: [%s]", d.list);
    weir_out("starting to stream message to buzzer");
    rc = weir_node_stream(NULL, "buzzer", "", d.items, (size_t)pin->sequence, &told);
    weir__free(d.items);
    if (rc < 0)
        return weir_cancelled() != 0 ? rc : refuse_tick(ack, rc);
    return weir_ack_text(ack, "acknowledged");
}

const struct weir_worker weir__iopin = {.size = sizeof weir__iopin,
                                        .name = "IOPin",
                                        .state_size = sizeof(struct iopin),
                                        .setup = setup,
                                        .loop = loop};

int weir__sketch_iopin(int argc, char **argv) {
    static const char *const presets[] = {"chance=0.6", NULL};
    const struct weir__start start = {
        .who = "weir iopin", .node = "blink", .usage = WEIR__USAGE_SKETCH, .presets = presets};
    return weir__worker_start(&weir__iopin, &start, argc, argv);
}

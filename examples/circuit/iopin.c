/* SPDX-License-Identifier: MIT */
/* iopin - a worker: on each tick it draws some states of a pin and streams them to the buzzer.
 *
 *   iopin --with chance=0.6 --with sequence=3       as a program
 *   weir run iopin-object.so --with seed=42         as a shared object; a seed repeats the draws
 *
 * If the buzzer refuses a state or cannot be reached, the tick is refused with that reason. */
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

enum { SEQUENCE_MAX = 1000 };

struct iopin {
    double chance; /* of a 0 */
    int64_t sequence;
    uint64_t random;
};

static int setup(void *state, const struct weir_params *p) {
    struct iopin *pin = state;
    int64_t seed = (int64_t)weir_random(); /* without a seed each start draws other states */
    int rc = weir_param_double(p, "chance", 0.5, &pin->chance);
    if (rc == 0)
        rc = weir_param_int(p, "sequence", 3, &pin->sequence);
    if (rc == 0)
        rc = weir_param_int(p, "seed", seed, &seed);
    if (rc < 0)
        return rc;
    if (pin->chance < 0 || pin->chance > 1)
        return weir_fail(WEIR_EPARAM, "parameter chance: it is 0 to 1");
    if (pin->sequence < 0 || pin->sequence > SEQUENCE_MAX)
        return weir_fail(WEIR_EPARAM, "parameter sequence: it is 0 to %d", SEQUENCE_MAX);
    pin->random = (uint64_t)seed;
    return 0;
}

/* A number from 0 up to, not including, 1, by splitmix64: the same seed gives the same numbers. */
static double draw(struct iopin *pin) {
    uint64_t z = (pin->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

static int sending(void *arg, size_t index, const struct weir_item *item) {
    (void)arg, (void)index;
    weir_out("> sending payload: %s", (const char *)item->data);
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

/* Draw count states; print them as one list, "1, 0, 1", for which text has room; stream them. */
static int toggle(struct iopin *pin, struct weir_item *items, size_t count, char *text) {
    static const struct weir_node_stream_options print = {
        .size = sizeof print, .sending = sending, .acked = acked};
    char *end = text;
    for (size_t i = 0; i < count; i++) {
        const char *drawn = draw(pin) < pin->chance ? "0" : "1";
        items[i] = (struct weir_item){.data = drawn, .len = 1};
        end = stpcpy(stpcpy(end, i > 0 ? ", " : ""), drawn);
    }
    weir_out("toggling pin state: [%s]", text);
    weir_out("starting to stream message to buzzer");
    return weir_node_stream(NULL, "buzzer", "", items, count, &print);
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    struct iopin *pin = state;
    size_t count = (size_t)pin->sequence;
    if (m->binary)
        weir_out("new tick triggered on %s: %zu bytes", m->channel, m->data.len);
    else
        weir_out("new tick triggered on %s: %.*s", m->channel, (int)m->data.len,
                 (const char *)m->data.base);
    struct weir_item *items = calloc(count + 1, sizeof *items);
    char *text = calloc(count + 1, sizeof ", 1");
    int rc = items && text ? toggle(pin, items, count, text) : -ENOMEM;
    free(text);
    free(items);
    return rc < 0 ? weir_nack(weir_error_message(rc)) : weir_ack_text(ack, "acknowledged");
}

static const struct weir_worker iopin = {
    .size = sizeof iopin, .name = "IOPin", .state_size = sizeof(struct iopin),
    .setup = setup, .loop = loop, .node = "blink"};

WEIR_WORKER_MAIN(iopin)

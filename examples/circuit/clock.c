/* SPDX-License-Identifier: MIT */
/* clock - a source: sends 0, 1, 2, ... to the pin, and waits for each ack and then for a while.
 *
 *   clock --with tacks=5 --with delay=0.5           as a program
 *   weir run clock-object.so --with tacks=5         as a shared object: the same source
 *
 * A tick that the pin refuses is printed and counted, and the clock goes on; it exits 1 then. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static const char pin[] = "blink", channel[] = "/datafeed";

enum { TACKS_MAX = 1000000000, DELAY_MAX = 24 * 3600 };

struct clock {
    int64_t tacks;
    double delay; /* seconds */
};

static int setup(void *state, const struct weir_params *p) {
    struct clock *c = state;
    int rc = weir_param_int(p, "tacks", 3, &c->tacks);
    if (rc == 0)
        rc = weir_param_double(p, "delay", 1, &c->delay);
    if (rc < 0)
        return rc;
    if (c->tacks < 0 || c->tacks > TACKS_MAX)
        return weir_fail(WEIR_EPARAM, "parameter tacks: it is 0 to %d", TACKS_MAX);
    if (c->delay < 0 || c->delay > DELAY_MAX)
        return weir_fail(WEIR_EPARAM, "parameter delay: it is 0 to %d s", DELAY_MAX);
    return 0;
}

/* Returns 0; WEIR_ENACK if the pin refused; another error if there is no answer. */
static int tick(int64_t n) {
    char text[24];
    struct weir_node_ack ack;
    struct weir_item item = {.data = text};
    item.len = (size_t)snprintf(text, sizeof text, "%lld", (long long)n);
    weir_out("> %s", text);
    int rc = weir_node_ask(NULL, pin, channel, &item, &ack);
    if (ack.binary)
        weir_out("< %zu bytes", ack.len);
    else if (ack.data != NULL)
        weir_out("< %s", ack.data);
    weir_node_ack_free(&ack);
    return rc;
}

static int run(void *state) {
    const struct clock *c = state;
    bool was_refused = false;
    int rc = weir_node_connect(NULL, pin, channel); /* nothing is printed before the pin is there */
    for (int64_t n = 0; n < c->tacks && rc == 0; n++) {
        rc = tick(n);
        if (rc == WEIR_ENACK) {
            was_refused = true;
            rc = 0;
        }
        if (rc == 0)
            rc = weir_sleep(WEIR_SECONDS(c->delay));
    }
    return rc < 0 ? rc : was_refused;
}

static const struct weir_source source = {
    .size = sizeof source, .name = "clock", .state_size = sizeof(struct clock),
    .setup = setup, .run = run, .node = pin};

WEIR_SOURCE_MAIN(source)

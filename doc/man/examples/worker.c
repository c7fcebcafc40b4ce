/* SPDX-License-Identifier: MIT */
/* Shows: weir_worker weir_param_text weir_param_double weir_param_int weir_params weir_message
 * weir_ack weir_ack_text weir_ack_bytes weir_nack weir_out weir_worker_try weir_worker_trial
 * weir_trial_node weir_out_to weir_out_sink weir-worker */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>
#include <weir/testing.h>

struct scale { const char *unit; double factor; int64_t digits; };

static int setup(void *state, const struct weir_params *p) {
    struct scale *s = state;
    int rc = weir_param_text(p, "unit", NULL, &s->unit); /* required */
    if (rc == 0)
        rc = weir_param_double(p, "factor", 1, &s->factor);
    if (rc == 0)
        rc = weir_param_int(p, "digits", 2, &s->digits);
    return rc;
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    struct scale *s = state;
    char text[32] = "";
    if (m->binary)
        return weir_ack_bytes(ack, m->data.base, m->data.len);
    if (m->data.len >= sizeof text)
        return weir_nack("that is no number");
    memcpy(text, m->data.base, m->data.len);
    weir_out("%s on %s", text, m->channel);
    return weir_ack_text(ack, "%.*f %s", (int)s->digits, atof(text) * s->factor, s->unit);
}

static const struct weir_worker scale = {.size = sizeof scale, .name = "Scale",
    .state_size = sizeof(struct scale), .setup = setup, .loop = loop};

static void quiet(const char *line, void *arg) {
    ++*(int *)arg;
}

int main(void) { /* its test, in a simulated world; as a program it would be WEIR_WORKER_MAIN */
    static const char *const with[] = {"unit=kg", "factor=0.001", NULL};
    const struct weir_item grams[] = {{.data = "1500", .len = 4}};
    const struct weir_worker_trial trial = {
        .size = sizeof trial, .with = with, .messages = grams, .count = 1};
    struct weir_node_ack ack;
    int lines = 0;
    weir_out_to(quiet, &lines);
    int rc = weir_worker_try(&scale, &trial, &ack);
    bool right = rc == 0 && strcmp(ack.data, "1.50 kg") == 0;
    weir_node_ack_free(&ack);
    weir_out_to(NULL, NULL);
    return !right || lines == 0;
}

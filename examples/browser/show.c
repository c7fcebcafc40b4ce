/* SPDX-License-Identifier: MIT */
/* show - a worker in the buzzer's place, which pages in a browser watch: page.html.
 *
 *   show --origin http://localhost:8000
 *   weir up                                  in this folder: all of the circuit
 *
 * A page is a node like any other. On the channel /page it sends how many signals it has seen, and
 * the ack comes as soon as there is one more: "COUNT SIGNALS", of which SIGNALS are the last ones,
 * 32 at most, as 0 and 1. On any other channel a message is a signal, as the buzzer gets. */
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

enum { KEPT = 32 };

struct show {
    const char *sound;
    unsigned long long count; /* of all signals */
    char last[KEPT];          /* the signal number n is last[n % KEPT] */
    struct weir_event more;
};

static int setup(void *state, const struct weir_params *p) {
    struct show *s = state;
    return weir_param_text(p, "sound", "buzz buzz buzz", &s->sound);
}

static int signal_came(struct show *s, bool is_high, struct weir_ack *ack) {
    const char *behaviour = is_high ? s->sound : "...";
    s->last[s->count++ % KEPT] = is_high ? '1' : '0';
    weir_event_set(&s->more); /* wakes all pages that wait */
    weir_event_clear(&s->more);
    weir_out("signal %d received -> %s", is_high, behaviour);
    return weir_ack_text(ack, "%s", behaviour);
}

/* The page has seen so many. -1: data is no number. */
static long long seen_by_page(struct weir_view data) {
    char text[20] = "";
    if (data.len == 0 || data.len >= sizeof text)
        return -1;
    memcpy(text, data.base, data.len);
    return strspn(text, "0123456789") == data.len ? strtoll(text, NULL, 10) : -1;
}

static int page_asks(struct show *s, struct weir_view data, struct weir_ack *ack) {
    char signals[KEPT + 1] = "";
    long long seen = seen_by_page(data);
    if (seen < 0)
        return weir_nack("a page sends how many signals it has seen");
    while (s->count <= (unsigned long long)seen) {
        int rc = weir_event_wait(&s->more);
        if (rc < 0)
            return rc;
    }
    unsigned long long first = s->count > KEPT ? s->count - KEPT : 0;
    for (unsigned long long n = first; n < s->count; n++)
        signals[n - first] = s->last[n % KEPT];
    return weir_ack_text(ack, "%llu %s", s->count, signals);
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    struct show *s = state;
    if (strcmp(m->channel, "/page") == 0)
        return page_asks(s, m->data, ack);
    return signal_came(s, m->data.len == 1 && memcmp(m->data.base, "1", 1) == 0, ack);
}

static const struct weir_worker show = {
    .size = sizeof show, .name = "Show", .state_size = sizeof(struct show),
    .setup = setup, .loop = loop, .node = "buzzer"};

WEIR_WORKER_MAIN(show)

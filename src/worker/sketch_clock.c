/* SPDX-License-Identifier: MIT */
/* sketch_clock.c - a source: it does not listen. Sends 0, 1, 2, ... to the pin, waits for each ack,
 * then for a while. Exits 1 if a tick was refused or the pin cannot be had. */
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>

#include "mesh/link.h"
#include "mesh/nodes.h"
#include "task/task.h"
#include "wire/uri.h"
#include "worker/limits.h"
#include "worker/line.h"
#include "worker/options.h"
#include "worker/sketches.h"

static const char title[] = "clock", channel[] = "/datafeed", pin[] = "blink";

struct clock {
    int64_t tacks;
    double delay; /* s */
    char url[WEIR__NODE_HOST_MAX + 64];
};

static int setup(struct clock *c, const struct weir_params *p) {
    int rc = weir_param_int(p, "tacks", 3, &c->tacks);
    if (rc == 0)
        rc = weir_param_double(p, "delay", 1, &c->delay);
    if (rc == 0 && (c->tacks < 0 || c->tacks > WEIR__TACKS_MAX))
        rc = weir__failf(WEIR_EPARAM, "parameter", "tacks", "it is 0 to %d", WEIR__TACKS_MAX);
    if (rc == 0 && !(c->delay >= 0 && c->delay <= WEIR__DELAY_MAX_S))
        rc = weir__failf(WEIR_EPARAM, "parameter", "delay", "it is 0 to %d s", WEIR__DELAY_MAX_S);
    return rc == 0 ? weir__params_check(p) : rc;
}

/* The grid's pin, unless the flags say where. */
static int make_url(const struct weir__program *p, struct clock *c) {
    const struct weir__node *n = NULL;
    int rc = weir__mesh_find(&p->mesh, pin, &n);
    if (rc < 0)
        return rc;
    const char *host = p->host ? p->host : p->port >= 0 ? "localhost" : n->host;
    int port = p->port >= 0 ? p->port : n->port;
    char authority[WEIR__URI_AUTHORITY];
    snprintf(c->url, sizeof c->url, "ws://%s%s", weir__uri_authority(host, port, authority),
             channel);
    return 0;
}

/* Returns 0, also for a nack, which is counted. */
static int tick(struct weir__program *p, struct weir__link *l, int64_t n) {
    struct weir_ws_message ack;
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    weir__line(title, "> %s", text);
    weir_ns begun = weir_now();
    p->counters.messages++;
    int rc = weir__link_ask(l, WEIR_WS_TEXT, text, (size_t)len, &ack);
    if (rc < 0) {
        p->counters.errors++;
        return rc;
    }
    bool refused = weir__is_nack(ack.type, ack.data);
    weir__latency_add(&p->counters.latency, weir_now() - begun);
    p->counters.acks += !refused;
    p->counters.errors += refused;
    weir__line_view(title, "< ", ack.data, ack.type == WEIR_WS_BINARY);
    weir__link_done(l);
    return 0;
}

static int run(struct weir__program *p, const struct clock *c, struct weir__link *l) {
    int rc = weir__link_connect(l);
    for (int64_t n = 0; n < c->tacks && rc == 0; n++) {
        rc = tick(p, l, n);
        if (rc == 0)
            rc = weir_sleep((weir_ns)(c->delay * 1e9));
    }
    return rc;
}

static int body(struct weir__program *p) {
    struct clock c = {.tacks = 0};
    struct weir__link *l = NULL;
    int rc = setup(&c, &p->params);
    if (rc == 0)
        rc = make_url(p, &c);
    if (rc == 0)
        rc = weir__control_ready(&p->control, &p->aside, 0);
    if (rc == 0)
        rc = weir__link_take(&p->mesh, NULL, c.url, &l);
    if (rc < 0)
        return rc;
    rc = run(p, &c, l);
    rc = rc < 0 ? weir__program_tell_link(p, l, rc) : p->counters.errors > 0;
    weir__link_leave(l);
    return rc;
}

int weir__sketch_clock(int argc, char **argv) {
    static const char *const presets[] = {"tacks=5", "delay=1", NULL};
    struct weir__program *p = weir__program_new("weir clock");
    if (p == NULL)
        return 1;
    p->title = title;
    p->body = body;
    int code = weir__options_read(p, WEIR__USAGE_SKETCH, argc, argv, presets);
    if (code < 0)
        code = weir__program_run(p);
    weir__program_free(p);
    return code;
}

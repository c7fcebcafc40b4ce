/* SPDX-License-Identifier: MIT */
/* sim_run.c - weir_sim_run, and the calls by which a test changes the world that runs on its
 * thread. */
#include <string.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "base/log.h"
#include "base/options.h"
#include "base/time.h"
#include "sim/sim.h"
#include "task/task.h"
#include "testing/register.h"
#include "testing/sim_run.h"

static const weir_ns limit_default_ns = WEIR_SECONDS(24 * 3600);

static _Thread_local struct weir_sim_counts last;

static void set_size(size_t *to, size_t value) {
    if (value != 0)
        *to = value;
}

static struct weir_sim_options options_of(const struct weir_sim_options *given) {
    struct weir_sim_options o;
    WEIR_OPTIONS_COPY(struct weir_sim_options, disk_size, &o, given);
    return o;
}

static struct sim_config config_of(const struct weir_sim_options *o) {
    struct sim_config c;
    weir__sim_config_defaults(&c);
    if (o->seed != 0)
        c.seed = o->seed;
    c.permutes = (c.permutes || o->seed != 0) && !o->fixed_order;
    c.jitter_ns = o->jitter_ns > 0 ? o->jitter_ns : 0;
    c.loss = o->loss < 1000 ? o->loss : 1000;
    c.duplicates = o->duplicates < 1000 ? o->duplicates : 1000;
    if (o->latency_ns > 0)
        c.latency_ns = o->latency_ns;
    set_size(&c.send_buffer, o->send_buffer);
    set_size(&c.receive_buffer, o->receive_buffer);
    set_size(&c.segment_max, o->segment_max);
    set_size(&c.piece_size, o->piece_size);
    set_size(&c.piece_count, o->piece_count);
    set_size(&c.descriptors_max, o->descriptors_max);
    set_size(&c.disk_size, o->disk_size);
    c.limit_ns = o->limit_ns > 0 ? o->limit_ns : limit_default_ns;
    c.deferred = o->deferred;
    return c;
}

static void cancel_overrun(void *unused) {
    (void)unused;
    weir__log(WEIR_LOG_ERROR, "the limit of virtual time is reached: the run is cancelled");
    weir_stop("limit of virtual time");
}

static void count(const struct sim_world *w) {
    size_t connections = 0;
    for (size_t i = 0; i < w->sock_cap; i++)
        connections += w->socks[i] != NULL && w->socks[i]->state == SIM_CONNECTED;
    last = (struct weir_sim_counts){
        .now_ns = w->now_ns,
        .sockets = w->open,
        .pieces = weir__sim_lent(w),
        .ops = weir__sim_pending(w),
        .connections = connections,
        .events = w->made,
        .segments = w->segments,
        .lost = w->lost,
        .quiet = w->quiet,
        .overran = w->overran,
        .choices = w->chance.count,
        .digest = w->chance.digest,
    };
}

#undef weir_sim_run
int weir_sim_run(int (*fn)(void *arg), void *arg, const struct weir_sim_options *options) {
    static const struct weir_site unknown = {"main", "a place unknown", "", 0};
    return weir_sim_run_at(&unknown, fn, arg, options);
}

int weir_sim_run_at(const struct weir_site *site, int (*fn)(void *arg), void *arg,
                    const struct weir_sim_options *options) {
    return weir__sim_run_choices(site, fn, arg, options, NULL, NULL);
}

int weir__sim_run_choices(const struct weir_site *site, int (*fn)(void *arg), void *arg,
                          const struct weir_sim_options *options,
                          const struct sim_choices *replay, struct sim_choices *ret_made) {
    if (weir__sim_world_here() != NULL)
        return weir__failf(-EBUSY, "weir_sim_run", NULL,
                           "this thread is in a simulated world already");
    struct weir_sim_options o = options_of(options);
    struct weir_run_options run;
    WEIR_OPTIONS_COPY(struct weir_run_options, unhandled_arg, &run, o.run);
    run.size = sizeof run; /* a newer header's is longer than this copy */
    run.backend = "sim";
    struct sim_config config = config_of(&o);
    config.limit_ns = weir__deadline(config.limit_ns, SIM_START_NS);
    weir__testing_register();
    struct sim_world *w = weir__sim_world_replay(&config, o.host ? o.host : "main", replay);
    w->overrun = cancel_overrun;
    weir__sim_world_enter(w);
    int rc = weir_run_at(site, fn, arg, &run);
    count(w);
    if (ret_made != NULL) {
        *ret_made = w->chance.made;
        w->chance.made = (struct sim_choices){0};
    }
    weir__sim_world_free(w);
    return rc;
}

/* ---- what a test does to its world ----------------------------------------------------------- */

int weir_sim_host(const char *name) {
    struct sim_world *w = weir__sim_world_here();
    size_t len = strlen(name);
    if (w == NULL)
        return WEIR_ENOLOOP;
    if (len == 0 || len > WEIR__NAME_MAX)
        return -EINVAL;
    weir__sim_host_add(w, name);
    return 0;
}

int weir_sim_link(const char *a, const char *b, weir_ns latency_ns) {
    struct sim_world *w = weir__sim_world_here();
    if (w == NULL)
        return WEIR_ENOLOOP;
    int source = weir__sim_host_find(w, a), target = weir__sim_host_find(w, b);
    if (source < 0 || target < 0)
        return WEIR_ENONAME;
    if (latency_ns < 0)
        return -EINVAL;
    weir__sim_link_set(w, source, target, latency_ns);
    return 0;
}

static int cut(const char *name, bool off) {
    struct sim_world *w = weir__sim_world_here();
    int host = w != NULL ? weir__sim_host_find(w, name) : -1;
    if (host < 0)
        return w != NULL ? WEIR_ENONAME : WEIR_ENOLOOP;
    weir__sim_host_cut(w, host, off);
    return 0;
}

int weir_sim_cut(const char *host) {
    return cut(host, true);
}

int weir_sim_restore(const char *host) {
    return cut(host, false);
}

int weir_sim_raise(int signal) {
    struct sim_world *w = weir__sim_world_here();
    return w != NULL ? weir__sim_raise(w, signal) : WEIR_ENOLOOP;
}

int weir_sim_wall_step(weir_ns by_ns) {
    struct sim_world *w = weir__sim_world_here();
    if (w == NULL)
        return WEIR_ENOLOOP;
    weir__sim_wall_step(w, by_ns);
    return 0;
}

const struct weir_sim_counts *weir_sim_counts(void) {
    if (weir__sim_world_here() != NULL)
        count(weir__sim_world_here());
    return &last;
}

/* SPDX-License-Identifier: MIT */
/* bench-load: load a TCP or WebSocket echo server and print one line of JSON. Started by
 * bench/run.py, useful by hand. Exit 0 only if every byte came back right. */
#include "engine.h"
#include "options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_result(const struct options *o, const struct result *r) {
    const struct histogram *h = &r->latency;
    double wall_s = (double)r->wall_ns / 1e9;

    printf("{\"connections\": %u, \"size\": %zu, \"ws\": %s, \"depth\": %u, \"rate\": %.0f, ",
           o->connections, o->size, o->websocket ? "true" : "false", o->depth, o->rate);
    printf("\"messages\": %llu, \"wall_ns\": %lld, \"per_second\": %.1f, ",
           (unsigned long long)r->messages, (long long)r->wall_ns, (double)r->messages / wall_s);
    printf("\"busy\": %.4f, \"server_cpu_ns\": %lld, ",
           (double)r->own_cpu_ns / (double)r->wall_ns, (long long)r->server_cpu_ns);
    printf("\"sends\": %llu, \"segments\": %llu, \"owed\": %llu, ", (unsigned long long)r->sends,
           (unsigned long long)r->segments, (unsigned long long)r->owed);
    printf("\"late_p50_ns\": %lld, \"late_p99_ns\": %lld, ",
           (long long)histogram_quantile_ns(&r->late, 0.50),
           (long long)histogram_quantile_ns(&r->late, 0.99));
    printf("\"mean_ns\": %.0f, \"p50_ns\": %lld, \"p99_ns\": %lld, ", histogram_mean_ns(h),
           (long long)histogram_quantile_ns(h, 0.50), (long long)histogram_quantile_ns(h, 0.99));
    printf("\"p999_ns\": %lld, \"max_ns\": %lld}\n", (long long)histogram_quantile_ns(h, 0.999),
           (long long)h->max_ns);
}

/* Hold the connections, for somebody to look at the server, until stdin ends. */
static int hold(struct engine *e) {
    char c;
    int rc = engine_touch(e);

    if (rc < 0)
        return rc;
    printf("{\"connections\": %u, \"idle\": true}\n", e->count);
    fflush(stdout);
    while (read(STDIN_FILENO, &c, 1) > 0)
        ;
    return 0;
}

int main(int argc, char **argv) {
    static struct engine engine;
    static struct result result;
    struct options options;
    int rc = options_parse(&options, argc, argv);

    if (rc < 0)
        return 2;
    rc = engine_init(&engine, &options);
    if (rc < 0)
        fprintf(stderr, "bench-load: cannot start: %s\n", strerror(-rc));
    else if (options.idle)
        rc = hold(&engine);
    else
        rc = engine_run(&engine, &result);
    if (rc == 0 && !options.idle)
        print_result(&options, &result);
    engine_fini(&engine);
    return rc < 0 ? 1 : 0;
}

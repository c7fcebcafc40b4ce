/* SPDX-License-Identifier: MIT */
/* helpers.c - what a program may set and see of its whole process: helper threads and processors
 * (weir/offload.h; the threads are in sys/pool.c), and the rules of the log, where a bad one makes
 * a record. */
#include <errno.h>
#include <string.h>
#include <weir/offload.h>

#include "base/levels.h"
#include "base/options.h"
#include "sys/cpus.h"
#include "sys/plain.h"
#include "sys/pool.h"
#include "task/task.h"

int weir_cpus(void) {
    return weir__cpus();
}

int weir_offload_limits(const struct weir_offload_limits *limits) {
    struct weir_offload_limits l;
    WEIR_OPTIONS_COPY(struct weir_offload_limits, file_threads, &l, limits);
    if (l.work_threads > WEIR__POOL_THREADS_MAX || l.file_threads > WEIR__POOL_THREADS_MAX
        || l.resolve_threads > WEIR__POOL_THREADS_MAX)
        return weir__failf(-EINVAL, "offload_limits", NULL, "more than %d threads (EINVAL)",
                           WEIR__POOL_THREADS_MAX);
    weir__pool_bound(WEIR__POOL_WORK, l.work_threads);
    weir__pool_bound(WEIR__POOL_FILE, l.file_threads);
    weir__pool_bound(WEIR__POOL_RESOLVE, l.resolve_threads);
    return 0;
}

static enum weir__pool_class inner(enum weir_offload_kind kind) {
    return kind == WEIR_OFFLOAD_RESOLVE ? WEIR__POOL_RESOLVE
           : kind == WEIR_OFFLOAD_FILE  ? WEIR__POOL_FILE
                                        : WEIR__POOL_WORK;
}

static enum weir_offload_kind outer(enum weir__pool_class class) {
    return class == WEIR__POOL_RESOLVE ? WEIR_OFFLOAD_RESOLVE
           : class == WEIR__POOL_FILE  ? WEIR_OFFLOAD_FILE
                                       : WEIR_OFFLOAD_WORK;
}

void weir_offload_stats(enum weir_offload_kind kind, struct weir_offload_stats *ret_stats) {
    struct weir__pool_stats s;
    weir__not_null(ret_stats, "weir_offload_stats");
    weir__pool_stats(inner(kind), &s);
    struct weir_offload_stats all = {
        .size = ret_stats->size,
        .threads_max = s.threads_max,
        .threads = s.threads,
        .idle = s.idle,
        .running = s.running,
        .queued = s.queued,
        .abandoned = s.abandoned,
        .running_peak = s.running_peak,
        .ended = s.ended,
        .wait_longest_ns = s.wait_longest,
    };
    memcpy(ret_stats, &all, weir__options_known(all.size, sizeof all));
}

int weir_offload_abandoned(void (*each)(const struct weir_offload_job *job, void *arg),
                           void *arg) {
    struct weir__pool_job j = {.number = 0};
    int count = 0;
    weir__not_null((const void *)(uintptr_t)each, "weir_offload_abandoned");
    for (; weir__pool_abandoned(j.number, &j); count++) {
        bool is_host = j.class == WEIR__POOL_RESOLVE;
        const struct weir_offload_job shown = {
            .kind = outer(j.class),
            .task = is_host ? "" : j.name,
            .host = is_host ? j.name : "",
            .site = j.site,
            .began_ns = j.began,
            .ran_ns = weir__plain_now() - j.began,
        };
        each(&shown, arg);
    }
    return count;
}

int weir_log_rules(const char *rules) {
    char why[160];
    int rc = weir__levels_set(rules, why, sizeof why);
    return rc < 0 ? weir__failf(rc, "log_rules", NULL, "%s (EINVAL)", why) : 0;
}

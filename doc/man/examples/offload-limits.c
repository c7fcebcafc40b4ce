/* SPDX-License-Identifier: MIT */
/* Shows: weir_offload_limits weir_offload_stats weir_offload_abandoned weir_offload_job
 * weir_offload_kind */
#include <stdio.h>
#include <weir/weir.h>

static int query(void *args) { /* blocks, as a call of a database client would */
    return *(int *)args;
}

static void name(const struct weir_offload_job *job, void *arg) {
    (void)arg;
    printf("abandoned: %s, for %lld ms\n", job->site ? job->site->name : job->host,
           (long long)(job->ran_ns / 1000000));
}

static int program(void *arg) {
    (void)arg;
    struct weir_offload_stats s = {.size = sizeof s};
    int n = 7, rc = weir_offload_detached(query, &n, sizeof n);
    weir_offload_stats(WEIR_OFFLOAD_WORK, &s);
    printf("%u of %u threads work, %u jobs wait, the longest waited %lld us\n", s.running,
           s.threads_max, s.queued, (long long)(s.wait_longest_ns / 1000));
    printf("%d abandoned jobs\n", weir_offload_abandoned(name, NULL));
    return rc == 7 ? 0 : rc;
}

int main(void) {
    struct weir_offload_limits limits = {.size = sizeof limits, .work_threads = 32};
    int rc = weir_offload_limits(&limits); /* for the whole process */
    return rc < 0 || weir_run(program, NULL, NULL) < 0;
}

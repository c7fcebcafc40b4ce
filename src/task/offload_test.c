/* SPDX-License-Identifier: MIT */
/* offload_test.c - the count of processors, by the affinity of the calling thread. */
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/offload.h>
#include <weir/task.h>

#include "test/runner.h"

WEIR_TEST(a_process_bound_to_one_processor_has_one) {
    cpu_set_t before, one;
    CPU_ZERO(&one);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_in_range(weir_cpus(), 1, CPU_COUNT(&before));
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(weir_cpus(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

/* ---- limits, numbers and the abandoned ------------------------------------------------------ */

static sem_t gate, begun_sem;

static int waits_at_gate(void *args) {
    sem_post(&begun_sem);
    while (sem_wait(&gate) != 0)
        continue;
    return *(int *)args;
}

static struct weir_offload_stats work_stats(void) {
    struct weir_offload_stats s = {.size = sizeof s};
    weir_offload_stats(WEIR_OFFLOAD_WORK, &s);
    return s;
}

static int line_called; /* where the call of weir_offload_detached stands */

static int calls_and_gives_up(void *args) {
    (void)args;
    struct weir_scope s;
    int seven = 7;
    weir_scope_enter(&s, WEIR_MILLISECONDS(50));
    line_called = __LINE__ + 1;
    int rc = weir_offload_detached(waits_at_gate, &seven, sizeof seven);
    assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    return 0;
}

static int shown;

static void show(const struct weir_offload_job *job, void *arg) {
    assert_ptr_equal(arg, &shown);
    assert_int_equal(job->kind, WEIR_OFFLOAD_WORK);
    assert_string_equal(job->task, "calls_and_gives_up");
    assert_string_equal(job->host, "");
    assert_string_equal(job->site->name, "waits_at_gate");
    assert_string_equal(job->site->func, "calls_and_gives_up");
    assert_non_null(strstr(job->site->file, "offload_test.c"));
    assert_int_equal(job->site->line, line_called);
    assert_true(job->began_ns > 0 && job->ran_ns > 0);
    shown++;
}

static int abandons(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, calls_and_gives_up), 0);
    while (sem_trywait(&begun_sem) != 0)
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(work_stats().running, 1);
    assert_int_equal(weir_offload_abandoned(show, &shown), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    struct weir_offload_stats s = work_stats();
    assert_int_equal(s.running, 0);
    assert_int_equal(s.abandoned, 1);
    assert_int_equal(s.running_peak, 1);
    assert_int_equal(s.threads_max, 3);
    assert_int_equal(weir_offload_abandoned(show, &shown), 1);
    assert_int_equal(shown, 1);
    sem_post(&gate);
    while (work_stats().abandoned > 0)
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_offload_abandoned(show, &shown), 0);
    assert_int_equal(work_stats().ended, 1);
    return 0;
}

WEIR_TEST_BACKENDS(an_abandoned_function_is_shown_with_its_task_and_its_place) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    struct weir_offload_limits limits = {.size = sizeof limits, .work_threads = 3};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulated world has no helper threads");
    sem_init(&gate, 0, 0);
    sem_init(&begun_sem, 0, 0);
    assert_int_equal(weir_offload_limits(&limits), 0);
    assert_int_equal(weir_run(abandons, NULL, &o), 0);
}

WEIR_TEST(limits_that_are_too_large_change_nothing) {
    struct weir_offload_limits limits = {.size = sizeof limits, .work_threads = 2};
    struct weir_offload_stats s = {.size = offsetof(struct weir_offload_stats, running),
                                   .running = 99};
    assert_int_equal(weir_offload_limits(&limits), 0);
    limits.work_threads = 1025;
    assert_int_equal(weir_offload_limits(&limits), -EINVAL);
    limits.work_threads = 5;
    limits.resolve_threads = 1025;
    assert_int_equal(weir_offload_limits(&limits), -EINVAL);
    weir_offload_stats(WEIR_OFFLOAD_WORK, &s);
    assert_int_equal(s.threads_max, 2);
    assert_int_equal(s.running, 99); /* beyond the size that was given */
    weir_offload_stats(WEIR_OFFLOAD_RESOLVE, &s);
    assert_int_equal(s.threads_max, 8);
    assert_int_equal(weir_offload_limits(NULL), 0);
    assert_in_range(work_stats().threads_max, 5, 16);
    assert_true(work_stats().threads_max == 16 || (int)work_stats().threads_max == weir_cpus() + 4);
}

WEIR_TEST_ABORTS(statistics_without_a_place_are_a_bug, "weir_offload_stats: the object is NULL") {
    weir_offload_stats(WEIR_OFFLOAD_WORK, NULL);
}

WEIR_TEST_ABORTS(nobody_to_show_the_abandoned_to_is_a_bug, "weir_offload_abandoned") {
    weir_offload_abandoned(NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* pool_test.c - the one pool of helper threads, when several loops use it. Jobs that were abandoned
 * have abandon_test.c. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/addr.h"
#include "sys/gate_test_util.h"
#include "sys/limits.h"
#include "sys/op_rig.h"
#include "sys/pool.h"

static atomic_int order;

static int place(void *arg) { /* how many of these ran before */
    (void)arg;
    return atomic_fetch_add(&order, 1);
}

static struct rig_op job(int (*fn)(void *)) {
    struct rig_op s = rig_op(WEIR__WORK, NULL);
    s.op.u.work.fn = fn;
    s.op.u.work.arg = (void *)(intptr_t)7;
    return s;
}

static struct weir__backend *loops[2];

static void on(int loop) {
    backend = loops[loop];
}

static void begin(unsigned threads) {
    sem_init(&gate, 0, 0);
    sem_init(&begun_sem, 0, 0);
    atomic_store(&order, 0);
    weir__pool_bound(WEIR__POOL_WORK, threads);
    for (int i = 0; i < 2; i++) {
        rig_open();
        loops[i] = backend;
    }
}

static void end(void) {
    for (int i = 0; i < 2; i++) {
        on(i);
        rig_close();
    }
}

static struct weir__pool_stats stats(void) {
    struct weir__pool_stats s;
    weir__pool_stats(WEIR__POOL_WORK, &s);
    return s;
}

WEIR_TEST_BACKENDS(two_loops_share_the_threads_of_the_process) {
    KERNEL_ONLY();
    struct rig_op held[2] = {job(wait_at_gate), job(wait_at_gate)}, other = job(place);
    begin(2);
    on(0);
    for (int i = 0; i < 2; i++) {
        rig_submit(&held[i]);
        sem_take(&begun_sem);
    }
    on(1);
    assert_int_equal(rig_submit(&other), WEIR__PENDING);
    assert_int_equal(stats().threads, 2);
    assert_int_equal(stats().running, 2);
    assert_int_equal(stats().queued, 1);
    sem_post(&gate);
    assert_int_equal(rig_wait(&other), 0);
    sem_post(&gate);
    on(0);
    assert_int_equal(rig_wait(&held[0]), 7);
    assert_int_equal(rig_wait(&held[1]), 7);
    assert_int_equal(stats().ended, 3);
    assert_int_equal(stats().running_peak, 2);
    assert_true(stats().wait_longest > 0);
    end();
}

enum { MANY = 200 };

WEIR_TEST_BACKENDS(a_loop_with_many_jobs_does_not_starve_one_with_few) {
    KERNEL_ONLY();
    static struct rig_op many[MANY], few[2];
    struct rig_op first = job(wait_at_gate);
    begin(1);
    on(0);
    rig_submit(&first);
    sem_take(&begun_sem);
    for (int i = 0; i < MANY; i++) {
        many[i] = job(place);
        rig_submit(&many[i]);
    }
    on(1);
    for (int i = 0; i < 2; i++) {
        few[i] = job(place);
        rig_submit(&few[i]);
    }
    sem_post(&gate);
    assert_int_equal(rig_wait(&few[0]), 1);
    assert_int_equal(rig_wait(&few[1]), 3);
    on(0);
    assert_int_equal(rig_wait(&first), 7);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(rig_wait(&many[i]), i == 0 ? 0 : i == 1 ? 2 : i + 2);
    end();
}

WEIR_TEST_BACKENDS(a_job_that_is_cancelled_in_the_queue_gives_its_turn_away) {
    KERNEL_ONLY();
    struct rig_op first = job(wait_at_gate), gone = job(place), other = job(place);
    begin(1);
    on(0);
    rig_submit(&first);
    sem_take(&begun_sem);
    rig_submit(&gone);
    on(1);
    rig_submit(&other);
    on(0);
    assert_int_equal(rig_stop(&gone), -ECANCELED);
    sem_post(&gate);
    on(1);
    assert_int_equal(rig_wait(&other), 0);
    on(0);
    assert_int_equal(rig_wait(&first), 7);
    assert_int_equal(stats().queued, 0);
    end();
}

/* The thread of the job that was left behind counts as lost for the other loop too. */
WEIR_TEST_BACKENDS(a_loop_closes_while_its_job_runs_and_the_others_go_on) {
    KERNEL_ONLY();
    struct rig_op left = job(wait_at_gate), other = job(place);
    static const struct weir__work_by somebody = {"somebody", NULL};
    struct weir__pool_job shown;
    begin(1);
    on(1);
    assert_int_equal(rig_run(&other), 0);
    on(0);
    left.op.u.work.abandon = true;
    left.op.u.work.by = &somebody;
    rig_submit(&left);
    sem_take(&begun_sem);
    assert_int_equal(weir__cancel(backend, &left.op), WEIR__DONE);
    assert_int_equal(left.op.result, -EINPROGRESS);
    weir_log_level_set(WEIR_LOG_ERROR);
    rig_close();
    on(1);
    assert_int_equal(rig_run(&other), 1);
    assert_int_equal(stats().abandoned, 1);
    assert_int_equal(stats().threads, 2);
    assert_true(weir__pool_abandoned(0, &shown));
    assert_string_equal(shown.name, "somebody");
    assert_false(weir__pool_abandoned(shown.number, &shown));
    sem_post(&gate);
    while (stats().abandoned > 0 || stats().threads > 1)
        sched_yield();
    assert_int_equal(rig_run(&other), 2);
    rig_close();
}

/* The last loop leaves and a new one comes, again and again, before the threads have ended. */
WEIR_TEST_BACKENDS(a_pool_that_everybody_left_begins_anew) {
    KERNEL_ONLY();
    begin(2);
    for (int i = 0; i < 50; i++) {
        struct rig_op a = job(place), b = job(place);
        on(i % 2);
        rig_submit(&a);
        rig_submit(&b);
        rig_wait(&a);
        rig_wait(&b);
        rig_close();
        assert_int_equal(stats().threads, 0);
        rig_open();
        loops[i % 2] = backend;
    }
    end();
}

WEIR_TEST_BACKENDS(a_raised_bound_begins_waiting_jobs_and_a_lowered_one_ends_threads) {
    KERNEL_ONLY();
    struct rig_op s[3] = {job(wait_at_gate), job(wait_at_gate), job(wait_at_gate)};
    begin(1);
    on(0);
    for (int i = 0; i < 3; i++)
        rig_submit(&s[i]);
    sem_take(&begun_sem);
    assert_int_equal(stats().queued, 2);
    weir__pool_bound(WEIR__POOL_WORK, 3);
    sem_take(&begun_sem);
    sem_take(&begun_sem);
    assert_int_equal(stats().running, 3);
    weir__pool_bound(WEIR__POOL_WORK, 1);
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_wait(&s[i]), 7);
    while (stats().threads > 1)
        sched_yield();
    struct rig_op last = job(place);
    assert_int_equal(rig_run(&last), 0);
    assert_int_equal(stats().threads_max, 1);
    weir__pool_bound(WEIR__POOL_WORK, 0);
    assert_in_range(stats().threads_max, 5, 16);
    end();
}

WEIR_TEST_BACKENDS(threads_that_are_idle_for_long_end) {
    KERNEL_ONLY();
    struct rig_op held[3] = {job(wait_at_gate), job(wait_at_gate), job(wait_at_gate)};
    weir__sys_limits.helper_idle = WEIR_MILLISECONDS(5);
    begin(3);
    on(0);
    for (int i = 0; i < 3; i++) {
        rig_submit(&held[i]);
        sem_take(&begun_sem);
    }
    assert_int_equal(stats().threads, 3);
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_wait(&held[i]), 7);
    while (stats().threads > 0)
        sched_yield();
    for (int i = 0; i < 20; i++) { /* and some of these jobs meet a thread that is about to end */
        struct rig_op again = job(place);
        assert_int_equal(rig_run(&again), i);
        usleep((unsigned)i % 4 * 2000);
    }
    end();
}

static _Atomic pthread_t ran_on;

static int says_its_thread(void *arg) {
    (void)arg;
    ran_on = pthread_self();
    return 0;
}

/* So the other threads can end of idleness, however often single jobs come. */
WEIR_TEST_BACKENDS(single_jobs_all_run_on_one_thread) {
    KERNEL_ONLY();
    struct rig_op held[3] = {job(wait_at_gate), job(wait_at_gate), job(wait_at_gate)};
    pthread_t one = 0;
    begin(3);
    on(0);
    for (int i = 0; i < 3; i++) {
        rig_submit(&held[i]);
        sem_take(&begun_sem);
    }
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_wait(&held[i]), 7);
    while (stats().idle < 3)
        sched_yield();
    for (int i = 0; i < 10; i++) {
        struct rig_op single = job(says_its_thread);
        assert_int_equal(rig_run(&single), 0);
        assert_true(i == 0 || pthread_equal(one, ran_on));
        one = ran_on;
        while (stats().idle < 3)
            sched_yield();
    }
    end();
}

WEIR_TEST_BACKENDS(each_class_has_threads_of_its_own) {
    KERNEL_ONLY();
    struct rig_op work = job(wait_at_gate), file = job(place),
                  name = rig_op(WEIR__RESOLVE, NULL);
    struct weir__addr addrs[WEIR__ADDRS_MAX];
    name.op.u.resolve.host = "localhost";
    name.op.u.resolve.ret = addrs;
    file.op.u.work.is_file = true;
    begin(1);
    on(0);
    rig_submit(&work);
    sem_take(&begun_sem);
    assert_int_equal(rig_run(&file), 0);
    assert_true(rig_run(&name) > 0);
    sem_post(&gate);
    assert_int_equal(rig_wait(&work), 7);
    end();
}

/* ---- threads -------------------------------------------------------------------------------- */

enum { ROUNDS = 60, BATCH = 8 };

static _Thread_local struct weir__op *home; /* what came back to this thread's loop */

static int64_t await(struct weir__backend *b, int count) {
    int64_t sum = 0;
    while (count > 0)
        for (struct weir__op *op = b->ops->turn(b, WEIR_NEVER); op != NULL; op = home) {
            home = op->next;
            sum += op->result;
            count--;
        }
    return sum;
}

static int one(void *arg) {
    return *(const int *)arg;
}

static void *work_hard(void *choice) {
    struct weir__op ops[BATCH];
    int value = 1;
    for (int round = 0; round < ROUNDS; round++) {
        struct weir__backend *b;
        const char *why = "";
        assert_int_equal(weir__backend_open(choice, &b, &why), 0);
        int pending = BATCH;
        for (int i = 0; i < BATCH; i++) {
            ops[i] = (struct weir__op){.kind = WEIR__WORK, .u.work = {.fn = one, .arg = &value}};
            assert_int_equal(weir__submit(b, &ops[i]), WEIR__PENDING);
        }
        for (int i = 0; i < BATCH; i += 3)
            pending -= weir__cancel(b, &ops[i]) == WEIR__DONE;
        assert_int_equal(await(b, pending), pending);
        b->ops->close(b);
    }
    return NULL;
}

WEIR_TEST_BACKENDS(loops_on_threads_use_the_pool_at_once) {
    KERNEL_ONLY();
    pthread_t threads[3];
    weir__pool_bound(WEIR__POOL_WORK, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, work_hard, (void *)(uintptr_t)test_backend), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(stats().threads, 0);
}

WEIR_TEST_BACKENDS(a_fork_child_has_a_pool_of_its_own) {
    KERNEL_ONLY();
    struct rig_op held[2] = {job(wait_at_gate), job(wait_at_gate)}, other = job(place);
    begin(2);
    on(0);
    for (int i = 0; i < 2; i++) {
        rig_submit(&held[i]);
        sem_take(&begun_sem);
    }
    rig_submit(&other);
    pid_t child = fork();
    if (child == 0) {
        struct weir__pool_stats s = stats();
        if (s.threads != 0 || s.running != 0 || s.queued != 0 || s.threads_max != 2)
            _exit(1);
#if !defined(__SANITIZE_THREAD__) /* which allows no threads in the child */
        struct rig_op mine = job(place);
        rig_open();
        if (rig_run(&mine) != 0)
            _exit(2);
        rig_close();
#endif
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    sem_post(&gate);
    sem_post(&gate);
    assert_int_equal(rig_wait(&held[0]), 7);
    assert_int_equal(rig_wait(&held[1]), 7);
    assert_int_equal(rig_wait(&other), 0);
    end();
}

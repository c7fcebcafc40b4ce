/* SPDX-License-Identifier: MIT */
/* abandon_test.c - jobs that were abandoned and still run: they take no thread from other jobs,
 * until there are very many of them. For functions and for look-ups. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sys/gate_test_util.h"
#include "sys/op_rig.h"
#include "sys/pool.h"

enum { THREADS = 2, ALL = THREADS * WEIR__POOL_GROWTH };

static int answer(void *arg) {
    return (int)(intptr_t)arg;
}

/* Every name is looked up until the gate opens, but for "quick". Stands before libc's. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret) {
    (void)service, (void)hints, (void)ret;
    if (strcmp(node, "quick") != 0)
        wait_at_gate(NULL);
    return EAI_NONAME;
}

static struct weir__addr addrs[WEIR__ADDRS_MAX];

static struct rig_op job(int kind, bool stuck) {
    struct rig_op s = rig_op(kind, NULL);
    if (kind == WEIR__RESOLVE) {
        s.op.u.resolve.host = stuck ? "stuck" : "quick";
        s.op.u.resolve.ret = addrs;
        return s;
    }
    s.op.u.work.fn = stuck ? wait_at_gate : answer;
    s.op.u.work.arg = (void *)(intptr_t)7;
    s.op.u.work.abandon = true;
    static const struct weir__work_by somebody = {"somebody", NULL};
    s.op.u.work.by = &somebody;
    return s;
}

static int64_t answer_of(int kind) {
    return kind == WEIR__RESOLVE ? WEIR_ENONAME : 7;
}

static int lines;

static void count_lines(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    lines += strstr(line, "abandoned") != NULL;
}

static void begin(void) {
    sem_init(&gate, 0, 0);
    sem_init(&begun_sem, 0, 0);
    lines = 0;
    weir_log_to(count_lines, NULL);
    weir__sys_limits.work_threads = weir__sys_limits.resolve_threads = THREADS;
    rig_open();
}

static void end(int stuck) {
    rig_close();
    for (int i = 0; i < stuck; i++)
        sem_post(&gate);
    weir_log_to(NULL, NULL);
}

/* Begin a job that sticks, and abandon it once it runs. */
static void stick(int kind) {
    struct rig_op s = job(kind, true);
    assert_int_equal(rig_submit(&s), WEIR__PENDING);
    sem_take(&begun_sem);
    assert_int_equal(weir__cancel(backend, &s.op), WEIR__DONE);
}

static void others_go_on(int kind) {
    begin();
    for (int i = 0; i < THREADS; i++)
        stick(kind);
    for (int i = 0; i < 3; i++) {
        struct rig_op s = job(kind, false);
        assert_int_equal(rig_run(&s), answer_of(kind));
    }
    assert_int_equal(lines, 1);
    end(THREADS);
}

WEIR_TEST_BACKENDS(abandoned_work_keeps_no_other_job_waiting) {
    KERNEL_ONLY();
    others_go_on(WEIR__WORK);
}

WEIR_TEST_BACKENDS(abandoned_look_ups_keep_no_other_job_waiting) {
    KERNEL_ONLY();
    others_go_on(WEIR__RESOLVE);
}

/* Those that wait already get a thread at the moment of the cancel. */
static void waiting_ones_go_on(int kind) {
    struct rig_op stuck[THREADS], waiting[3];
    begin();
    for (int i = 0; i < THREADS; i++) {
        stuck[i] = job(kind, true);
        rig_submit(&stuck[i]);
        sem_take(&begun_sem);
    }
    for (int i = 0; i < 3; i++) {
        waiting[i] = job(kind, false);
        assert_int_equal(rig_submit(&waiting[i]), WEIR__PENDING);
    }
    assert_int_equal(weir__cancel(backend, &stuck[0].op), WEIR__DONE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_wait(&waiting[i]), answer_of(kind));
    assert_int_equal(lines, 0); /* one of two is no lack yet */
    assert_int_equal(weir__cancel(backend, &stuck[1].op), WEIR__DONE);
    assert_int_equal(lines, 1);
    end(THREADS);
}

WEIR_TEST_BACKENDS(work_that_waits_behind_abandoned_work_is_begun) {
    KERNEL_ONLY();
    waiting_ones_go_on(WEIR__WORK);
}

WEIR_TEST_BACKENDS(a_look_up_that_waits_behind_abandoned_ones_is_begun) {
    KERNEL_ONLY();
    waiting_ones_go_on(WEIR__RESOLVE);
}

/* Four times the bound, and not a thread more; one that ends makes room again. */
static void too_many_are_refused(int kind) {
    struct rig_op last[THREADS], waiting = job(kind, false), late = job(kind, false);
    begin();
    for (int i = 0; i < ALL - THREADS; i++)
        stick(kind);
    for (int i = 0; i < THREADS; i++) {
        last[i] = job(kind, true);
        rig_submit(&last[i]);
        sem_take(&begun_sem);
    }
    assert_int_equal(rig_submit(&waiting), WEIR__PENDING);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(weir__cancel(backend, &last[i].op), WEIR__DONE);
    assert_int_equal(rig_wait(&waiting), -EAGAIN);
    assert_int_equal(rig_submit(&late), WEIR__DONE);
    assert_int_equal(late.op.result, -EAGAIN);
    assert_in_range(lines, 1, 2); /* once a second */
    sem_post(&gate);
    int64_t n = -EAGAIN;
    for (weir_ns limit = rig_in_ms(5000); n == -EAGAIN && rig_now() < limit;) {
        struct rig_op again = job(kind, false);
        n = rig_run(&again);
    }
    assert_int_equal(n, answer_of(kind));
    end(ALL - 1);
}

WEIR_TEST_BACKENDS(work_behind_too_many_abandoned_is_refused) {
    KERNEL_ONLY();
    too_many_are_refused(WEIR__WORK);
}

WEIR_TEST_BACKENDS(look_ups_behind_too_many_abandoned_are_refused) {
    KERNEL_ONLY();
    too_many_are_refused(WEIR__RESOLVE);
}

/* They come back one by one; the threads over the bound end, and the loop goes on. */
WEIR_TEST_BACKENDS(threads_that_are_too_many_end) {
    KERNEL_ONLY();
    begin();
    for (int i = 0; i < ALL; i++)
        stick(WEIR__WORK);
    for (int i = 0; i < ALL; i++)
        sem_post(&gate);
    while (weir__threads_alone() > 0) /* some begin to end only now */
        sched_yield();
    for (int i = 0; i < 20; i++) {
        struct rig_op s = job(WEIR__WORK, false);
        int64_t n = rig_run(&s);
        assert_true(n == 7 || n == -EAGAIN); /* those in their last steps still count */
    }
    end(0);
}

static int hold_a_descriptor(void *arg) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    wait_at_gate(arg);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* the story has ended by now */
    close(fd);
    return 0;
}

/* The runner looks at descriptors and threads when it has ended, not before. */
WEIR_TEST_BACKENDS(what_was_abandoned_is_no_leak) {
    KERNEL_ONLY();
    struct rig_op s = job(WEIR__WORK, true);
    begin();
    s.op.u.work.fn = hold_a_descriptor;
    rig_submit(&s);
    sem_take(&begun_sem);
    assert_int_equal(weir__cancel(backend, &s.op), WEIR__DONE);
    end(1);
}

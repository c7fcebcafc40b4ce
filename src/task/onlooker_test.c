/* SPDX-License-Identifier: MIT */
/* A reader outside of the loop's thread can tell whether a task has run between two of its reads:
 * the task's (generation, since) has changed (doc/design/task.md, Onlookers). */
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "task/internal.h"
#include "test/runner.h"

enum { LOOKS = 500 };

static const struct weir__what tests_wait = {.text = "test", .kind = WEIR__ON_SYNC};
static struct weir__waitq queue;
static atomic_bool enough;

/* The task counts one up when it runs, and the other before it parks. */
static struct {
    uint64_t begun, done;
} counts;

WEIR_NOINLINE static int64_t wait_here(void) {
    int64_t rc = weir__suspend_enter("test");
    return rc < 0 ? rc : weir__waitq_wait(&queue, NULL, &tests_wait, &counts);
}

static int parks_again(void *args) {
    int64_t rc = 0;
    (void)args;
    while (rc == 0) {
        counts.begun++;
        counts.done++;
        rc = wait_here();
    }
    return (int)rc;
}

static void let_run(void) {
    assert_int_equal(weir_yield(), 0);
}

static struct weir_task *begin(struct weir_group *g) {
    struct weir_task *t = NULL;
    counts.begun = counts.done = 0;
    weir_group_open(g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(g, WEIR_SITE(parks_again), parks_again, NULL, 0, NULL, &t), 0);
    return t;
}

static int finish(struct weir_group *g, struct weir_task *t) {
    weir_group_cancel(g, "seen");
    int rc = weir_group_close(g, 0);
    weir_task_release(&t);
    return rc;
}

static int at_each_resume(void *arg) {
    struct weir_group g;
    struct weir_task *t = begin(&g);
    uint16_t was = t->generation;
    (void)arg;
    let_run();
    assert_int_not_equal(t->generation, was); /* it has run for the first time */
    for (int i = 0; i < 3; i++) {
        was = t->generation;
        weir_ns since = t->since;
        let_run();
        let_run();
        assert_int_equal(t->generation, was); /* others ran */
        assert_non_null(weir__waitq_grant(&queue));
        assert_int_equal(t->generation, was); /* it is ready only */
        let_run();
        assert_int_equal(t->state, TASK_PARKED);
        assert_int_equal(t->since, since); /* all of it was in one turn of the loop */
        assert_int_not_equal(t->generation, was);
    }
    return finish(&g, t);
}

WEIR_TEST_BACKENDS(the_generation_moves_at_each_resume_and_at_nothing_else) {
    assert_int_equal(weir_run(at_each_resume, NULL, NULL), 0);
}

static int alone(void *arg) {
    const struct weir_task *t = weir_task_current();
    uint16_t was = t->generation;
    (void)arg;
    let_run();
    assert_int_not_equal(t->generation, was);
    return 0;
}

WEIR_TEST_BACKENDS(the_generation_moves_when_a_task_yields_to_nobody) {
    assert_int_equal(weir_run(alone, NULL, NULL), 0);
}

static int used_again(void *arg) {
    struct weir_group g;
    struct weir_task *t = begin(&g), *before = t;
    (void)arg;
    let_run();
    uint16_t was = t->generation;
    assert_int_equal(finish(&g, t), 0);
    t = begin(&g);
    assert_ptr_equal(t, before); /* the same block */
    let_run();
    assert_int_equal(t->state, TASK_PARKED);
    assert_int_not_equal(t->generation, was);
    return finish(&g, t);
}

WEIR_TEST_BACKENDS(the_generation_moves_when_another_task_gets_the_block) {
    assert_int_equal(weir_run(used_again, NULL, NULL), 0);
}

/* ---- an onlooker on another thread ----------------------------------------------------------- */

static bool copy(void *to, const void *from, size_t size) {
    struct iovec ours = {to, size}, theirs = {(void *)(uintptr_t)from, size};
    return process_vm_readv(getpid(), &ours, 1, &theirs, 1, 0) == (ssize_t)size;
}

/* What the loop's thread has written before is seen after. */
static void barrier(int command) {
    (void)syscall(SYS_membarrier, command, 0, 0); /* needed where stores are reordered */
}

/* Reads as another process would, which cannot stop the task. The two counts are read apart. */
static void *looks_on(void *arg) {
    const struct weir_task *t = arg;
    barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    for (int looks = 0; looks < LOOKS;) {
        struct weir_task before, after;
        struct weir__park park;
        uint64_t begun = 0, done = 0;
        if (!copy(&before, t, sizeof before))
            break; /* the kernel forbids it here */
        barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        if (before.state != TASK_PARKED || !copy(&park, before.park, sizeof park))
            continue;
        copy(&begun, &counts.begun, sizeof begun);
        copy(&done, &counts.done, sizeof done);
        barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        copy(&after, t, sizeof after);
        if (after.state != TASK_PARKED || after.generation != before.generation ||
            after.since != before.since)
            continue;
        assert_ptr_equal(park.on, &counts);
        assert_int_equal(begun, done);
        looks++;
    }
    atomic_store(&enough, true);
    return NULL;
}

static int under_eyes(void *arg) {
    struct weir_group g;
    struct weir_task *t = begin(&g);
    pthread_t thread;
    (void)arg;
    let_run();
    atomic_store(&enough, false);
    assert_int_equal(pthread_create(&thread, NULL, looks_on, t), 0);
    for (int i = 1; !atomic_load(&enough); i++) {
        weir__waitq_grant(&queue);
        let_run();
        if (i % 1024 == 0)
            (void)weir_sleep(1);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    return finish(&g, t);
}

WEIR_TEST_BACKENDS(a_look_during_which_the_task_ran_is_known_by_the_generation) {
    assert_int_equal(weir_run(under_eyes, NULL, NULL), 0);
}

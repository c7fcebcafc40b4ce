/* SPDX-License-Identifier: MIT */
/* Task-locals: inherited at the spawn, released once. */
#include <errno.h>
#include <weir/local.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>

#include <string.h>

#include "test/runner.h"

static int released[8], written;

static void release(void *value) {
    released[*(int *)value]++;
}

static const struct weir_local request = {release}, plain;
static int values[] = {0, 1, 2, 3, 4, 5, 6, 7};

static int has(const struct weir_local *key, int want) {
    const int *got = weir_local_get(key);
    return got != NULL ? *got == want : want < 0;
}

static int child(void *args) {
    assert_true(has(&request, 1));
    int rc = weir_yield(); /* the parent sets another meanwhile */
    assert_true(has(&request, 1));
    if (rc == 0)
        rc = weir_local_set(&request, &values[3]);
    assert_true(has(&request, rc == 0 ? 3 : 1));
    written += rc == 0;
    return rc;
}

static int parent(void *arg) {
    struct weir_group g;
    memset(released, 0, sizeof released);
    written = 0;
    assert_true(has(&request, -1));
    int rc = weir_local_set(&request, &values[1]);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go0(&g, child);
    rc = rc < 0 ? rc : weir_go0(&g, child);
    rc = rc < 0 ? rc : weir_yield();
    rc = rc < 0 ? rc : weir_local_set(&request, &values[2]);
    rc = rc < 0 ? rc : weir_local_set(&plain, &values[4]);
    if (rc == 0) {
        assert_int_equal(released[1], 0); /* the children have it */
        assert_true(has(&request, 2));
        assert_true(has(&plain, 4));
    }
    rc = weir_group_close(&g, rc);
    if (rc == 0) {
        assert_int_equal(released[1], 1);
        assert_int_equal(released[3], written);
        rc = weir_local_set(&request, &values[5]);
    }
    if (rc == 0) {
        assert_int_equal(released[2], 1); /* at once: nobody else has it */
        rc = weir_local_set(&request, NULL);
    }
    if (rc == 0)
        assert_true(has(&request, -1) && released[5] == 1);
    return rc;
}

WEIR_TEST_BACKENDS(a_child_inherits_what_its_parent_had_at_the_spawn) {
    assert_int_equal(weir_run(parent, NULL, NULL), 0);
}

WEIR_TEST(locals_are_released_wherever_a_story_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "locals", .fn = parent};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

static int grandchild(void *args) {
    return has(&request, 6) ? 0 : -1;
}

static int heir(void *args) {
    return weir_go0(NULL, grandchild);
}

/* The end of one task and the begin of the next share a stack: nothing is left behind on it. */
static int stranger(void *args) {
    return has(&request, -1) ? 0 : -1;
}

static void posted(void *arg) {
    assert_int_equal(weir_local_set(&request, &values[7]), WEIR_ENOLOOP);
    assert_null(weir_local_get(&request));
    assert_int_equal(weir_go0(NULL, stranger), 0);
}

static int family(void *arg) {
    memset(released, 0, sizeof released);
    struct weir_task *t = NULL;
    assert_int_equal(weir_local_set(&request, &values[6]), 0);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(heir), heir, NULL, 0, NULL, &t), 0);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    return weir_post(weir_loop_current(), posted, NULL);
}

WEIR_TEST_BACKENDS(grandchildren_inherit_and_posted_tasks_have_none) {
    assert_int_equal(weir_run(family, NULL, NULL), 0);
    assert_int_equal(released[6], 1);
    assert_int_equal(weir_local_set(&plain, NULL), WEIR_ENOLOOP);
}

static void suspends(void *value) {
    assert_int_equal(weir_yield(), WEIR_ENOLOOP);
}

static const struct weir_local naughty = {suspends};

static int sets_it(void *arg) {
    return weir_local_set(&naughty, &values[0]);
}

WEIR_TEST_BACKENDS(the_release_of_a_local_cannot_suspend) {
    assert_int_equal(weir_run(sets_it, NULL, NULL), 0);
}

/* ---- a value that holds the handle of the task that has it ---- */

static struct weir_task *worker;

static void release_worker(void *value) {
    weir_task_release(&worker);
}

static const struct weir_local holder = {release_worker};

struct fails_args {
    int rc;
};
static int fails(void *args) {
    return ((struct fails_args *)args)->rc;
}

static int held_by_its_local(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_local_set(&holder, &values[1]), 0);
    assert_int_equal(weir_go_task(&g, fails, &worker, .rc = -EIO), 0);
    assert_int_equal(weir_local_set(&holder, NULL), 0); /* now the task alone has it */
    return weir_group_close(&g, 0);
}

WEIR_TEST(an_error_reaches_the_group_though_a_local_gives_back_the_last_handle) {
    assert_int_equal(weir_sim_run(held_by_its_local, NULL, NULL), -EIO);
}

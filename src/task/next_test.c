/* SPDX-License-Identifier: MIT */
/* The children of a group as they end: weir_group_next. */
#include <errno.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/testing.h>

#include "test/runner.h"

#define MOMENT WEIR_MILLISECONDS(5)

struct child_args {
    int moments, rc;
};

static int child(void *args) {
    const struct child_args *a = args;
    int rc = weir_sleep(a->moments * MOMENT);
    return rc < 0 ? rc : a->rc;
}

static int spawn(struct weir_group *g, int moments, int result, struct weir_task **ret) {
    struct child_args a = {moments, result};
    return weir_spawn(g, WEIR_SITE(child), child, &a, sizeof a, NULL, ret);
}

enum { CHILDREN = 5 };

static int in_order(void *arg) {
    struct weir_group g;
    struct weir_task *t = NULL;
    int rc = 0, n = 0, sum = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < CHILDREN && rc == 0; i++)
        rc = spawn(&g, CHILDREN - i, CHILDREN - i, &t);
    while (rc >= 0 && (rc = weir_group_next(&g, &t)) == 1) {
        if (n == 1) /* two more end before it asks again */
            rc = weir_sleep(2 * MOMENT);
        if (rc >= 0)
            rc = weir_await(&t, NULL, 0);
        if (rc >= 0)
            assert_int_equal(rc, ++n);
        if (t != NULL)
            weir_task_release(&t);
        sum += rc;
    }
    if (rc == 0) {
        assert_int_equal(sum, 15);
        assert_int_equal(weir_group_next(&g, &t), 0);
    }
    return weir_group_close(&g, rc);
}

WEIR_TEST_BACKENDS(children_are_handed_out_as_they_end) {
    assert_int_equal(weir_run(in_order, NULL, NULL), 0);
}

static int errors_too(void *arg) {
    struct weir_group g;
    struct weir_task *t = NULL, *gone = NULL, *kept = NULL;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(spawn(&g, 1, -EPIPE, &t), 0);
    assert_int_equal(spawn(&g, 2, 2, &gone), 0);
    assert_int_equal(spawn(&g, 3, 3, &kept), 0);
    assert_int_equal(spawn(&g, 4, 0, NULL), 0); /* nobody holds it */
    assert_int_equal(weir_group_next(&g, &t), 1);
    assert_int_equal(weir_await(&t, NULL, 0), -EPIPE); /* read: not the group's */
    assert_int_equal(weir_sleep(5 * MOMENT), 0);
    weir_task_release(&gone); /* passed over */
    assert_int_equal(weir_group_next(&g, &t), 1);
    assert_ptr_equal(t, kept);
    assert_int_equal(weir_group_next(&g, &gone), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(weir_await(&kept, NULL, 0), 3);
    return 0;
}

WEIR_TEST_BACKENDS(a_failed_child_is_handed_out_and_a_released_one_is_not) {
    assert_int_equal(weir_run(errors_too, NULL, NULL), 0);
}

static int cut(void *arg) {
    struct weir_group g;
    struct weir_task *t = NULL;
    struct weir_scope s;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(spawn(&g, 3, 7, &t), 0);
    weir_scope_enter(&s, MOMENT);
    assert_int_equal(weir_group_next(&g, &t), -ETIME);
    weir_scope_leave(&s, 0);
    assert_int_equal(weir_group_next(&g, &t), 1);
    assert_int_equal(weir_await(&t, NULL, 0), 7);
    assert_int_equal(spawn(&g, 1000, 7, &t), 0);
    weir_task_cancel(t, "enough");
    assert_int_equal(weir_group_next(&g, &t), 1);
    weir_task_release(&t);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_wait_for_the_next_child_can_be_cut_short) {
    assert_int_equal(weir_run(cut, NULL, NULL), 0);
}

static int explored(void *arg) {
    struct weir_group g;
    struct weir_task *t[3] = {NULL}, *next;
    int rc = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = spawn(&g, 3 - i, i, &t[i]);
    while (rc >= 0 && (rc = weir_group_next(&g, &next)) == 1)
        ;
    for (int i = 0; i < 3; i++)
        weir_task_release(&t[i]);
    return weir_group_close(&g, rc);
}

WEIR_TEST(children_leave_nothing_behind_wherever_a_story_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "next", .fn = explored};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

static struct weir_group opened;

static int asks(void *args) {
    struct weir_task *t;
    return weir_group_next(&opened, &t);
}

static int elsewhere(void *arg) {
    weir_group_open(&opened, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&opened, asks), 0);
    return weir_group_close(&opened, 0);
}

WEIR_TEST_ABORTS(only_the_opener_asks_for_the_next_child, "no group that the calling task has") {
    weir_run(elsewhere, NULL, NULL);
}

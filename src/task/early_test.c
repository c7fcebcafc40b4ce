/* SPDX-License-Identifier: MIT */
/* A group that is cancelled before a child of it has begun, or has suspended for the first time,
 * ends. The child still runs: its suspending calls return -ECANCELED. */
#include <errno.h>
#include <weir/loop.h>
#include <weir/testing.h>

#include "task/task.h"
#include "test/runner.h"

#define LONG WEIR_SECONDS(60)

static int begun, ended;

static int plain(void *args) {
    begun++;
    int rc = weir_sleep(LONG);
    assert_int_equal(rc, -ECANCELED);
    ended++;
    return rc;
}

static int with_scopes(void *args) {
    struct weir_scope outer, shield, inner;
    begun++;
    weir_scope_enter(&outer, LONG);
    weir_shield_enter(&shield, LONG);
    int rc = weir_yield(); /* held back */
    weir_scope_leave(&shield, rc);
    weir_scope_enter(&inner, WEIR_NEVER);
    int felt = weir_sleep(LONG);
    weir_scope_leave(&inner, felt);
    assert_int_equal(felt, -ECANCELED);
    ended++;
    rc = weir_scope_leave(&outer, rc < 0 ? rc : felt);
    return rc;
}

static int with_children(void *args) {
    struct weir_group own;
    begun++;
    weir_group_open(&own, WEIR_TOGETHER);
    int rc = weir_go0(&own, plain);
    rc = rc < 0 ? rc : weir_go0(&own, with_scopes);
    rc = weir_group_close(&own, rc);
    ended++;
    return rc;
}

/* Spawns into the group itself, which is being joined already. */
struct again_args { struct weir_group *group; int left; };

static int again(void *args) {
    struct again_args a = *(struct again_args *)args;
    begun++;
    int rc = a.left > 0 ? weir_go(a.group, again, .group = a.group, .left = a.left - 1) : 0;
    rc = rc < 0 ? rc : weir_sleep(LONG);
    ended++;
    return rc;
}

static int filled_and_cancelled(enum weir_policy policy) {
    struct weir_group g;
    weir_group_open(&g, policy);
    int rc = weir_go0(&g, plain);
    rc = rc < 0 ? rc : weir_go0(&g, with_scopes);
    rc = rc < 0 ? rc : weir_go0(&g, with_children);
    rc = rc < 0 ? rc : weir_go(&g, again, .group = &g, .left = 3);
    weir_group_cancel(&g, "at once");
    return weir_group_close(&g, rc);
}

static int at_once(void *arg) {
    for (int policy = WEIR_TOGETHER; policy <= WEIR_INDEPENDENT; policy++) {
        begun = ended = 0;
        assert_int_equal(filled_and_cancelled((enum weir_policy)policy), 0);
        assert_int_equal(begun, 9);
        assert_int_equal(ended, 9);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_group_cancelled_before_its_children_begin_ends) {
    assert_int_equal(weir_run(at_once, NULL, NULL), 0);
}

static int by_a_child(void *args) {
    weir_group_cancel(((struct again_args *)args)->group, "from inside");
    begun++;
    return weir_yield();
}

/* The child cancels its own group in its first run; the other child has not begun. */
static int from_inside(void *arg) {
    for (int policy = WEIR_TOGETHER; policy <= WEIR_INDEPENDENT; policy++) {
        struct weir_group g;
        begun = ended = 0;
        weir_group_open(&g, (enum weir_policy)policy);
        assert_int_equal(weir_go(&g, again, .group = &g, .left = 0), 0);
        assert_int_equal(
            weir_spawn(&g, WEIR_SITE(by_a_child), by_a_child,
                       &(struct again_args){.group = &g}, sizeof(struct again_args), NULL, NULL),
            0);
        assert_int_equal(weir_go0(&g, plain), 0);
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_int_equal(begun, 3);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_group_that_a_child_cancels_in_its_first_run_ends) {
    assert_int_equal(weir_run(from_inside, NULL, NULL), 0);
}

static int empty(void *arg) {
    for (int policy = WEIR_TOGETHER; policy <= WEIR_INDEPENDENT; policy++) {
        struct weir_group g;
        weir_group_open(&g, (enum weir_policy)policy);
        weir_group_cancel(&g, "nobody is here");
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_int_equal(weir_group_fired(&g), WEIR_ESTOPPED);
        weir_group_open(&g, (enum weir_policy)policy);
        weir_group_cancel(&g, "nobody is here");
        assert_int_equal(weir_group_drain(&g, LONG), 0);
        weir_group_open(&g, (enum weir_policy)policy);
        weir_group_cancel(&g, "nobody is here");
        assert_int_equal(weir_group_close(&g, weir_yield()), WEIR_ESTOPPED);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_cancelled_group_without_children_closes_at_once) {
    assert_int_equal(weir_run(empty, NULL, NULL), 0);
}

static int around(void *arg) { /* a scope around the group is cancelled before a child begins */
    struct weir_scope s;
    begun = ended = 0;
    weir_scope_enter(&s, LONG);
    weir_scope_cancel(&s, "before");
    int rc = filled_and_cancelled(WEIR_TOGETHER);
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(ended, begun);
    return weir_scope_leave(&s, rc) == WEIR_ESTOPPED ? 0 : -1;
}

WEIR_TEST_BACKENDS(a_group_opened_in_a_cancelled_scope_ends) {
    assert_int_equal(weir_run(around, NULL, NULL), 0);
}

static int disturbed(void *arg) {
    int rc = filled_and_cancelled(WEIR_TOGETHER);
    return rc < 0 ? rc : filled_and_cancelled(WEIR_INDEPENDENT);
}

WEIR_TEST(a_group_cancelled_early_ends_under_every_cancel_and_allocation) {
    struct weir_story story = {.size = sizeof story, .name = "early cancel", .fn = disturbed};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

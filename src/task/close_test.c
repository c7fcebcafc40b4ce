/* SPDX-License-Identifier: MIT */
/* What weir_group_close returns when several things stop a group: every combination of what the
 * body returned, what a child returned, who cancelled the group and what fired around it. Each
 * error that is not returned is logged once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>

#include "task/task.h"
#include "test/runner.h"

#define STEP WEIR_MILLISECONDS(1) /* of virtual time */
#define LONG WEIR_SECONDS(60)

enum body { BODY_0, BODY_7, BODY_OWN, BODY_FELT, BODIES };
enum child { CHILD_NONE, CHILD_FIRST, CHILD_LATER, CHILD_RELEASED, CHILDREN };
enum own { OWN_NONE, OWN_EARLY, OWN_LATE, OWNS };
enum outer { OUTER_NONE, OUTER_DEADLINE, OUTER_CANCEL, OUTER_BOTH, OUTERS };

static struct cell {
    enum weir_policy policy;
    enum body body;
    enum child child;
    enum own own;
    enum outer outer;
} cell;

static struct weir_scope around;
static struct weir_group group;
static struct weir_task *handle;
static int lines;
static char logged[512];

static void count_lines(enum weir_log_level level, const char *line, void *arg) {
    lines++;
    strncpy(logged, line, sizeof logged - 1);
}

/* The page's table: the first row that is true. */
static int expected(void) {
    bool child_failed = cell.child != CHILD_NONE && cell.policy == WEIR_TOGETHER;
    if (cell.body == BODY_OWN)
        return -EBADMSG;
    if (child_failed)
        return -EIO;
    if (cell.outer != OUTER_NONE)
        return cell.outer == OUTER_DEADLINE ? -ETIME : -ECANCELED;
    if (cell.body == BODY_FELT && cell.own != OWN_NONE)
        return WEIR_ESTOPPED;
    return cell.body == BODY_7 ? 7 : 0;
}

/* ---- one after the other: 1 a child fails, 2 the group is cancelled, 3 the deadline, 4 the cancel
 * around, 5 the group is cancelled, 6 all end, 7 a handle is released ---- */

static void after(int step) {
    struct weir_scope shield;
    weir_shield_enter(&shield, LONG);
    assert_int_equal(weir_sleep(step * STEP), 0);
    weir_scope_leave(&shield, 0);
}

static int child(void *args) {
    after(cell.child == CHILD_FIRST ? 1 : 6);
    return weir__fail(-EIO, "work", "the child's");
}

static int lazy(void *args) {
    after(6);
    return weir_cancelled();
}

static int releases(void *args) {
    after(7); /* the child has ended */
    weir_task_release(&handle);
    return 0;
}

static int others(void *args) {
    after(2);
    if (cell.own == OWN_EARLY)
        weir_group_cancel(&group, "own");
    after(2);
    if (cell.outer == OUTER_CANCEL || cell.outer == OUTER_BOTH)
        weir_scope_cancel(&around, "around");
    after(1);
    if (cell.own == OWN_LATE)
        weir_group_cancel(&group, "own");
    return 0;
}

static int body(void) {
    static const int results[] = {[BODY_7] = 7, [BODY_OWN] = -EBADMSG};
    int rc = cell.body == BODY_FELT ? weir_sleep(5 * STEP + STEP / 2) : results[cell.body];
    return rc == -EBADMSG ? weir__fail(rc, "work", "the body's") : rc;
}

static const char *name(void) {
    static char text[96];
    snprintf(text, sizeof text, "policy %d, body %d, child %d, own %d, outer %d", cell.policy,
             cell.body, cell.child, cell.own, cell.outer);
    return text;
}

static void record_is_right(int rc) {
    const struct weir_error *e = weir_error(rc);
    const char *on = rc == -EIO ? "the child's" : rc == -EBADMSG ? "the body's" : "";
    const char *cause = rc == -ECANCELED ? "around" : rc == WEIR_ESTOPPED ? "own" : "";
    if (rc < 0 && e == NULL)
        fail_msg("%s: %s without a record", name(), weir_error_name(rc));
    if (rc < 0 && (strcmp(e->on, on) != 0 || strstr(e->text, cause) == NULL))
        fail_msg("%s: %s with the record of '%s'", name(), weir_error_name(rc), e->text);
    if (rc == -ETIME)
        assert_int_equal(e->budget, 3 * STEP);
}

static int story(void *arg) {
    bool late = cell.outer == OUTER_DEADLINE || cell.outer == OUTER_BOTH;
    assert_int_equal(weir_go0(NULL, others), 0);
    weir_scope_enter(&around, late ? 3 * STEP : WEIR_NEVER);
    weir_group_open(&group, cell.policy);
    assert_int_equal(weir_go0(&group, lazy), 0);
    bool kept = cell.child == CHILD_RELEASED;
    if (cell.child != CHILD_NONE)
        assert_int_equal(weir_spawn(&group, WEIR_SITE(child), child, NULL, 0, NULL,
                                    kept ? &handle : NULL), 0);
    if (kept) /* a child of the group too: the join waits for it */
        assert_int_equal(weir_go0(&group, releases), 0);
    int rc = weir_group_close(&group, body());
    record_is_right(rc);
    weir_scope_leave(&around, 0);
    return rc;
}

static void try(void) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    struct weir__ledger before = weir__ledger;
    lines = 0;
    logged[0] = '\0';
    struct weir__ledger *l = &weir__ledger;
    int rc = weir_run(story, NULL, &o);
    /* the first task's own error is weir_run's: it is in the ledger too */
    bool even = l->raised - before.raised == l->settled - before.settled &&
                l->raised_sum - before.raised_sum == l->settled_sum - before.settled_sum;
    int untold = cell.child != CHILD_NONE && rc != -EIO;
    if (rc != expected() || lines != untold || !even)
        fail_msg("%s: %s (not %s), %d lines (not %d) %s, errors %s", name(), weir_error_name(rc),
                 weir_error_name(expected()), lines, untold, logged,
                 even ? "even" : "lost or reported twice");
}

WEIR_TEST(each_cell_of_what_a_close_returns) {
    weir_log_to(count_lines, NULL);
    for (int i = 0; i < 2 * BODIES * CHILDREN * OWNS * OUTERS; i++) {
        int n = i;
        cell.policy = n % 2 ? WEIR_TOGETHER : WEIR_INDEPENDENT;
        cell.body = (enum body)((n /= 2) % BODIES);
        cell.child = (enum child)((n /= BODIES) % CHILDREN);
        cell.own = (enum own)((n /= CHILDREN) % OWNS);
        cell.outer = (enum outer)(n / OWNS);
        try();
    }
    weir_log_to(NULL, NULL);
}

/* ---- on every backend ---- */

static int fails_when_told(void *args) {
    assert_int_equal(weir_sleep(LONG), -ETIME);
    return -EIO;
}

static int deadline_and_child(void *arg) {
    struct weir_scope s;
    struct weir_group g;
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, fails_when_told), 0);
    int rc = weir_group_close(&g, weir_sleep(LONG));
    assert_int_equal(rc, -EIO);
    assert_int_equal(weir_scope_leave(&s, rc), -EIO);
    return 0;
}

WEIR_TEST_BACKENDS(a_deadline_that_the_body_met_hides_no_childs_error) {
    assert_int_equal(weir_run(deadline_and_child, NULL, NULL), 0);
}

static int sleeps(void *args) {
    return weir_sleep(LONG);
}

static int late_and_cancelled(void *arg) {
    struct weir_scope s;
    struct weir_group g;
    struct weir_task *t = NULL;
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(sleeps), sleeps, NULL, 0, NULL, &t), 0);
    int rc = weir_sleep(LONG);
    assert_int_equal(rc, -ETIME);
    weir_scope_cancel(&s, "too late");
    weir_yield(); /* the child ends with the -ETIME that it met; now it is -ECANCELED */
    rc = weir_group_close(&g, rc);
    weir_task_release(&t); /* it has not failed: its group is gone, and nothing is logged */
    assert_int_equal(rc, -ECANCELED);
    assert_string_equal(weir_error(rc)->scope, "too late");
    return weir_scope_leave(&s, rc) == WEIR_ESTOPPED ? 0 : -1;
}

WEIR_TEST_BACKENDS(a_task_that_met_the_deadline_before_the_cancel_has_not_failed) {
    weir_log_to(count_lines, NULL);
    assert_int_equal(weir_run(late_and_cancelled, NULL, NULL), 0);
    assert_int_equal(lines, 0);
}

/* ---- the record of a close that a scope has cut short ---- */

static int close_in_time(int (*inside)(void)) {
    struct weir_scope s;
    struct weir_group g;
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, sleeps), 0);
    int rc = weir_group_close(&g, inside ? inside() : 0);
    return weir_scope_leave(&s, rc);
}

static int says_why(void) {
    int rc = weir_sleep(LONG);
    return weir_fail(rc, "the body: %s", weir_error_message(rc));
}

static int one_after_the_other(void *arg) {
    static const char text[] = "join: the deadline has passed (ETIME), budget 5 ms, entered at ";
    for (int round = 1; round <= 3; round++) {
        assert_int_equal(close_in_time(NULL), -ETIME);
        assert_memory_equal(weir_error_message(-ETIME), text, sizeof text - 1);
        assert_int_equal(weir_error(-ETIME)->done, 0);
        assert_int_equal(weir_fail(-ETIME, "round %d took too long", round), -ETIME);
        weir__fail_done(-ETIME, 10);
    }
    assert_int_equal(close_in_time(says_why), -ETIME);
    assert_non_null(strstr(weir_error_message(-ETIME), "the body: sleep"));
    return 0;
}

WEIR_TEST_BACKENDS(each_close_that_is_late_has_a_record_of_its_own) {
    assert_int_equal(weir_run(one_after_the_other, NULL, NULL), 0);
}

/* SPDX-License-Identifier: MIT */
/* Handles that were never released: when the run is over, the errors that they kept are logged and
 * their tasks are freed. */
#include <errno.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/testing.h>

#include "task/task.h"
#include "test/runner.h"

static char logged[4096];
static struct weir_task *lost[3]; /* still out when the run is over */

static void keep_lines(enum weir_log_level level, const char *line, void *arg) {
    strncat(logged, line, sizeof logged - strlen(logged) - 2);
    strcat(logged, "\n");
}

/* How often the needle was logged. */
static int times(const char *needle) {
    int n = 0;
    for (const char *at = logged; (at = strstr(at, needle)) != NULL; at++)
        n++;
    return n;
}

static void run(int (*fn)(void *), int rc) {
    struct weir__ledger before = weir__ledger, *l = &weir__ledger;
    logged[0] = '\0';
    weir_log_to(keep_lines, NULL);
    assert_int_equal(weir_run(fn, NULL, NULL), rc);
    weir_log_to(NULL, NULL);
    assert_int_equal(l->raised - before.raised, l->settled - before.settled);
    assert_int_equal(l->raised_sum - before.raised_sum, l->settled_sum - before.settled_sum);
}

struct printer_args {
    int rc;
    char paper[100]; /* more than a task has room for: on the heap */
};

static int printer(void *args) {
    int rc = ((struct printer_args *)args)->rc;
    int slept = weir_sleep(WEIR_MILLISECONDS(1));
    return slept < 0 ? slept : rc < 0 ? weir__fail(rc, "print", "paper") : 0;
}

static int fails(void *arg) {
    return weir_go_task(NULL, printer, &lost[0], .rc = -EIO);
}

WEIR_TEST_BACKENDS(an_error_in_a_handle_never_released_is_logged_at_the_end) {
    run(fails, 0);
    assert_int_equal(times("task 'printer' ("), 1);
    assert_int_equal(times("handle_test.c:"), 1);
    assert_int_equal(times("failed, and its handle was never released: print paper: input/output "
                           "error (EIO)\n"), 1);
    assert_int_equal(times("\n"), 1);
}

static int fails_in_a_group(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go_task(&g, printer, &lost[0], .rc = -EIO);
    rc = rc < 0 ? rc : weir_go_task(&g, printer, &lost[1], .rc = -ENOSPC);
    rc = weir_group_close(&g, rc);
    return rc < 0 ? rc : weir_go_task(NULL, printer, &lost[2], .rc = -EPIPE);
}

WEIR_TEST_BACKENDS(each_lost_error_is_logged_whatever_became_of_its_group) {
    run(fails_in_a_group, 0);
    assert_int_equal(times("never released"), 3);
    assert_int_equal(times("EIO"), 1);
    assert_int_equal(times("ENOSPC"), 1);
    assert_int_equal(times("EPIPE"), 1);
}

static int read_once(void *arg) {
    int rc = weir_go_task(NULL, printer, &lost[0], .rc = -EIO);
    if (rc < 0)
        return rc;
    lost[1] = weir_task_ref(lost[0]);
    assert_int_equal(weir_await(&lost[0], NULL, 0), -EIO);
    return 0;
}

WEIR_TEST_BACKENDS(an_error_that_was_read_is_not_reported_again) {
    run(read_once, 0);
    assert_int_equal(times("EIO"), 0);
    assert_int_equal(times("the handle of task 'printer' ("), 1);
}

static int succeed(void *arg) {
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_go_task(NULL, printer, &lost[i], .rc = 0);
    return rc;
}

WEIR_TEST_BACKENDS(handles_that_kept_no_error_are_counted_in_one_warning) {
    run(succeed, 0);
    assert_int_equal(times("was never released, nor those of 2 others\n"), 1);
    assert_int_equal(times("\n"), 1);
}

static int cancelled(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_go_task(&g, printer, &lost[0], .rc = -EIO);
    weir_yield();
    weir_group_cancel(&g, "enough");
    return weir_group_close(&g, rc);
}

WEIR_TEST_BACKENDS(a_cancelled_task_has_lost_no_error) {
    run(cancelled, 0);
    assert_int_equal(times("failed"), 0);
}

static int own_handle(void *arg) {
    lost[0] = weir_task_ref(weir_task_current());
    return -EIO;
}

WEIR_TEST_BACKENDS(the_first_tasks_error_is_returned_and_not_logged) {
    run(own_handle, -EIO);
    assert_int_equal(times("EIO"), 0);
}

static int given_back(void *arg) {
    int rc = fails(NULL);
    rc = rc < 0 ? rc : weir_sleep(WEIR_MILLISECONDS(2));
    weir_task_release(&lost[0]);
    return rc;
}

WEIR_TEST_BACKENDS(a_released_handle_leaves_nothing_for_the_end) {
    run(given_back, 0);
    assert_int_equal(times("never released"), 0);
    assert_int_equal(times("EIO"), 1);
}

WEIR_TEST(lost_handles_lose_nothing_at_any_cancel_or_allocation) {
    struct weir_story s = {.size = sizeof s, .name = "lost handles", .fn = fails_in_a_group};
    assert_int_equal(weir_explore_cancels(&s, NULL), 0);
    assert_int_equal(weir_explore_allocations(&s, NULL), 0);
}

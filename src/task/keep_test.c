/* SPDX-License-Identifier: MIT */
/* Many errors of one group, read together. */
#include <errno.h>
#include <string.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/testing.h>

#include "test/runner.h"

static int lines;

static void count_lines(enum weir_log_level level, const char *line, void *arg) {
    lines++;
}

static int fails(void *args) {
    return weir_fail(*(int *)args, "failed with %d", *(int *)args);
}

static int fails_barely(void *args) {
    return *(int *)args;
}

static int fill(enum weir_policy policy, struct weir_errors *errs, size_t max) {
    static const int codes[] = {-EPIPE, -ENOENT, -EIO};
    struct weir_group g;
    int rc = 0;
    weir_group_open(&g, policy);
    weir_group_keep_errors(&g, errs, max);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_spawn(&g, WEIR_SITE(child), i == 1 ? fails_barely : fails, &codes[i],
                        sizeof codes[i], NULL, NULL);
    return weir_group_close(&g, rc);
}

static void has_all(const struct weir_errors *errs) {
    const struct weir_child_error *e = errs->first;
    assert_int_equal(errs->count, 3);
    assert_int_equal(errs->more, 0);
    assert_int_equal(e->error.code, -EPIPE);
    assert_string_equal(e->error.text, "failed with -32");
    assert_string_equal(e->task, "child");
    assert_non_null(e->site);
    e = e->next;
    assert_int_equal(e->error.code, -ENOENT);
    assert_non_null(strstr(e->error.text, "no such file"));
    e = e->next;
    assert_int_equal(e->error.code, -EIO);
    assert_null(e->next);
}

static int all(void *arg) {
    struct weir_errors errs;
    assert_int_equal(fill(WEIR_INDEPENDENT, &errs, 9), 0);
    has_all(&errs);
    weir_errors_free(&errs);
    assert_int_equal(errs.count, 0);
    assert_int_equal(fill(WEIR_TOGETHER, &errs, 9), -EPIPE); /* the first is returned too */
    has_all(&errs);
    weir_errors_free(&errs);
    weir_errors_free(&errs);
    weir_errors_free(NULL);
    return 0;
}

WEIR_TEST_BACKENDS(all_errors_of_a_group_are_kept_and_none_is_logged) {
    runner_plain_order(); /* the order of the errors is that of the spawns */
    lines = 0;
    weir_log_to(count_lines, NULL);
    assert_int_equal(weir_run(all, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
    assert_int_equal(lines, 0);
}

static int too_many(void *arg) {
    struct weir_errors errs;
    assert_int_equal(fill(WEIR_INDEPENDENT, &errs, 1), 0);
    assert_int_equal(errs.count, 1);
    assert_int_equal(errs.more, 2);
    weir_errors_free(&errs);
    return 0;
}

WEIR_TEST_BACKENDS(what_there_is_no_room_for_is_counted_and_logged) {
    lines = 0;
    weir_log_to(count_lines, NULL);
    assert_int_equal(weir_run(too_many, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
    assert_int_equal(lines, 2);
}

static int explored(void *arg) {
    struct weir_errors errs;
    int rc = fill(WEIR_INDEPENDENT, &errs, 9);
    weir_errors_free(&errs);
    if (rc < 0)
        return rc;
    rc = fill(WEIR_TOGETHER, &errs, 9);
    weir_errors_free(&errs);
    return rc == -EPIPE ? 0 : rc;
}

WEIR_TEST(kept_errors_are_told_once_wherever_a_story_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "keep", .fn = explored};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

static int too_early(void *arg) {
    struct weir_group g;
    struct weir_errors errs;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_group_keep_errors(&g, &errs, 1);
    weir_errors_free(&errs);
    return 0;
}

WEIR_TEST_ABORTS(errors_freed_before_the_close_abort, "the group is not closed yet") {
    weir_run(too_early, NULL, NULL);
}

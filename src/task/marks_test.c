/* SPDX-License-Identifier: MIT */
/* A missing mark and a wrong mark abort while the program runs. Each test uses a copy of the real
 * table with one mark changed, so that the compiler's hooks, the trails and the switch take
 * part. */
#include <stdlib.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "base/check.h"
#include "task/marks.h"
#include "test/runner.h"

extern const struct mark_entry weir__mark_table[];

enum { TABLE_MAX = 2048 };

static struct mark_entry table[TABLE_MAX];

static void turn_over(const char *name) {
    size_t n = 0, found = 0;
    for (; weir__mark_table[n].name != NULL; n++) {
        assert_true(n + 1 < TABLE_MAX);
        table[n] = weir__mark_table[n];
        if (strcmp(table[n].name, name) == 0) {
            table[n].suspends = !table[n].suspends;
            found++;
        }
    }
    table[n].name = NULL;
    assert_int_equal(found, 1);
    weir__marks_use(table);
}

static int yields(void *arg) {
    (void)arg;
    return weir_yield();
}

static int asks_the_time(void *arg) {
    (void)arg;
    return weir_now() > 0 ? 0 : -EIO;
}

static int joins(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, yields);
    if (rc == 0)
        rc = weir_spawn(&g, WEIR_SITE(yields), yields, arg, 0, NULL, NULL);
    return weir_group_close(&g, rc);
}

WEIR_TEST(true_marks_say_nothing) {
    assert_int_equal(weir_run(joins, NULL, NULL), 0);
    assert_int_equal(weir_run(asks_the_time, NULL, NULL), 0);
}

WEIR_TEST(a_trail_belongs_to_its_stack) {
    assert_int_equal(weir_run(joins, NULL, NULL), 0);
    assert_int_equal(weir__mark_trail.depth, 0);
}

WEIR_TEST_ABORTS(an_unmarked_call_that_parks_is_reported,
                 "weir_yield is not marked WEIR_SUSPENDS, but parks") {
    turn_over("weir_yield");
    weir_run(yields, NULL, NULL);
}

WEIR_TEST_ABORTS(an_unmarked_join_that_parks_is_reported,
                 "weir_group_close is not marked WEIR_SUSPENDS, but parks") {
    turn_over("weir_group_close");
    weir_run(joins, NULL, NULL);
}

WEIR_TEST_ABORTS(a_marked_call_that_was_no_cancel_point_is_reported,
                 "weir_now is marked WEIR_SUSPENDS, but returned without") {
    turn_over("weir_now");
    weir_run(asks_the_time, NULL, NULL);
}

/* What no reading of the library's source can show: its caller's own function suspends. */
static void sink(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)line, (void)arg;
    weir_yield();
}

static int fails(void *arg) {
    (void)arg;
    return -EIO;
}

static int releases_unread(void *arg) {
    (void)arg;
    struct weir_task *t = NULL;
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_spawn(&g, WEIR_SITE(fails), fails, NULL, 0, NULL, &t);
    weir_yield();
    weir_log_to(sink, NULL);
    weir_task_release(&t);
    return weir_group_close(&g, rc);
}

WEIR_TEST_ABORTS(a_function_that_suspends_in_an_unmarked_call_is_reported,
                 "weir_task_release is not marked WEIR_SUSPENDS, but parks (in weir_yield)") {
    weir_run(releases_unread, NULL, NULL);
}

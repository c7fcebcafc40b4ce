/* SPDX-License-Identifier: MIT */
/* Hooks that run when a task ends: each runs once, in the order in which they were added, before
 * the task's block is used again. And no task is mistaken for an ended one that had the same
 * address. */
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "base/list.h"
#include "task/task.h"
#include "test/runner.h"

struct hook {
    struct weir__at_end end;
    char letter;
};

static char order[16];
static struct hook hooks[3] = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}};

static void note(struct weir__at_end *e) {
    size_t len = strlen(order);
    assert_null(e->task);
    assert_true(len + 1 < sizeof order);
    order[len] = WEIR_CONTAINER(e, struct hook, end)->letter;
    weir__fail(-EIO, "a hook", NULL); /* not the task's error */
}

static int hangs_three(void *args) {
    for (int i = 0; i < 3; i++) {
        weir__at_end_add(&hooks[i].end, note);
        assert_ptr_equal(hooks[i].end.task, weir_task_current());
    }
    int rc = weir_yield();
    return rc < 0 ? rc : weir__fail(-EPERM, "the task", NULL);
}

struct awaits_args { struct weir_task *task; char letter; };
static int awaits(void *args) {
    struct awaits_args *a = args;
    assert_int_equal(weir_await(&a->task, NULL, 0), -EPERM);
    assert_string_equal(weir_error(-EPERM)->what, "the task");
    order[strlen(order)] = a->letter;
    return 0;
}

static int hooks_and_awaiters(void *arg) {
    struct weir_task *t = NULL;
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(hangs_three), hangs_three, NULL, 0, NULL, &t), 0);
    for (char c = '1'; c <= '3'; c++)
        assert_int_equal(weir_go(&g, awaits, .task = weir_task_ref(t), .letter = c), 0);
    weir_yield();
    weir__at_end_remove(&hooks[1].end);
    weir__at_end_remove(&hooks[1].end);
    assert_null(hooks[1].end.task);
    weir_task_release(&t);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_string_equal(order, "ac123");
    return 0;
}

WEIR_TEST(hooks_run_once_in_order_and_leave_the_tasks_error_alone) {
    assert_int_equal(weir_run(hooks_and_awaiters, NULL, NULL), 0);
}

/* ---- places are not tasks ---- */

static int warnings;

static void hear(enum weir_log_level level, const char *line, void *arg) {
    warnings += strstr(line, "after its scope fired") != NULL;
}

static int asks_once(void *args) {
    assert_int_equal(weir_yield(), -ECANCELED);
    return 0;
}

static int one_after_the_other(void *arg) {
    for (int i = 0; i < 1500; i++) {
        struct weir_group g;
        weir_group_open(&g, WEIR_INDEPENDENT);
        weir_group_cancel(&g, "at once");
        assert_int_equal(weir_go0(&g, asks_once), 0);
        (void)weir_group_close(&g, 0);
    }
    return 0;
}

WEIR_TEST(many_tasks_that_each_ask_once_are_not_one_that_asks_for_ever) {
    weir_log_to(hear, NULL);
    assert_int_equal(weir_run(one_after_the_other, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
    assert_int_equal(warnings, 0);
}

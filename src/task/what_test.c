/* SPDX-License-Identifier: MIT */
/* The text of what a task waits for, of the waits of this room. The rooms above test their own. */
#include "test/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "task/waitq.h"

static struct weir_task *seen; /* that the first task looks at */
static struct weir__waitq queue;

static struct lock {
    struct weir_task *holder;
    const struct weir_site *site;
} lock;

static struct weir_task *holder_of(const void *on) {
    return ((const struct lock *)on)->holder;
}

static const struct weir__what locks = {.text = "lock", .kind = WEIR__ON_SYNC, .object = "mutex",
                                        .site_at = offsetof(struct lock, site),
                                        .owner = holder_of};
static const struct weir__what mutex_locks = {
    .text = "mutex lock", .kind = WEIR__ON_SYNC, .object = "mutex",
    .site_at = offsetof(struct lock, site), .owner = holder_of};
static const struct weir__what gets = {.text = "get", .link = "from", .kind = WEIR__ON_SYNC,
                                       .object = "queue"};
static const struct weir__what prints = {.text = "print", .kind = WEIR__ON_SYNC};

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_NEVER);
}

static int awaits(void *args) {
    struct weir_task *t = weir_task_ref(*(struct weir_task **)args);
    int rc = weir_await(&t, NULL, 0);
    weir_task_release(&t);
    return rc;
}

static int joins(void *args) {
    struct weir_group g;
    (void)args;
    weir_group_open(&g, WEIR_TOGETHER);
    (void)weir_go0(&g, sleeps);
    return weir_group_close(&g, 0);
}

WEIR_NOINLINE static int wait_as(const struct weir__what *what, const void *on) {
    int rc = weir__suspend_enter(what->text);
    return rc < 0 ? rc : (int)weir__waitq_wait(&queue, NULL, what, on);
}

static int takes_mutex(void *args) {
    (void)args;
    return wait_as(&mutex_locks, &lock);
}

static int takes_lock(void *args) {
    (void)args;
    return wait_as(&locks, &lock);
}

static int takes_item(void *args) {
    (void)args;
    return wait_as(&gets, &queue);
}

static int prints_line(void *args) {
    (void)args;
    return wait_as(&prints, &queue);
}

/* The text may have one number (%d) in the middle: a line of this file. */
static void check(const char *wanted) {
    char buf[WEIR__WHAT_TEXT];
    const char *text = weir__task_waits_text(seen, buf), *number = strstr(wanted, "%d");
    size_t head = number ? (size_t)(number - wanted) : strlen(wanted);
    if (strncmp(text, wanted, head) != 0 || (number == NULL && text[head] != '\0'))
        assert_string_equal(text, wanted);
    if (number == NULL)
        return;
    const char *rest = text + head + strspn(text + head, "0123456789");
    assert_true(rest > text + head);
    assert_string_equal(rest, number + 2);
}

static void waits(int (*fn)(void *), void *arg, const char *text) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(waiter), fn, &arg, sizeof arg, NULL, &seen), 0);
    check("ready");
    assert_int_equal(weir_yield(), 0);
    check(text);
    weir_group_cancel(&g, "seen");
    assert_int_equal(weir_group_close(&g, 0), 0);
    check("it has ended");
    weir_task_release(&seen);
}

static int all_waits(void *arg) {
    (void)arg;
    struct weir_task *self = weir_task_current();
    lock.holder = NULL;
    lock.site = &(const struct weir_site){"m", "store.c", "f", 3};
    waits(sleeps, NULL, "sleep");
    waits(joins, NULL, "join of the group opened at ../src/task/what_test.c:%d");
    waits(takes_lock, NULL, "lock of the mutex initialised at store.c:3");
    lock.holder = self;
    waits(takes_lock, NULL, "lock of the mutex initialised at store.c:3, held by task 'main'");
    waits(takes_mutex, NULL, "mutex lock of the one initialised at store.c:3, held by task 'main'");
    lock.site = NULL;
    waits(takes_mutex, NULL, "mutex lock of the one held by task 'main'");
    lock.holder = NULL;
    waits(takes_mutex, NULL, "mutex lock");
    waits(takes_item, NULL, "get from the queue");
    waits(prints_line, NULL, "print");
    seen = self;
    check("it runs");
    return 0;
}

WEIR_TEST_BACKENDS(the_text_of_a_wait_names_what_is_waited_for) {
    assert_int_equal(weir_run(all_waits, NULL, NULL), 0);
}

static int awaits_another(void *arg) {
    struct weir_group g;
    struct weir_task *other = NULL;
    (void)arg;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(other), sleeps, NULL, 0, NULL, &other), 0);
    waits(awaits, other, "await of task 'other' (../src/task/what_test.c:%d)");
    weir_task_release(&other);
    weir_group_cancel(&g, "seen");
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(the_text_of_an_await_names_the_task_and_where_it_was_spawned) {
    assert_int_equal(weir_run(awaits_another, NULL, NULL), 0);
}

static char logged[2048];

static void keep_lines(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    size_t used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%s\n", line);
}

WEIR_TEST(a_quiet_loop_names_what_its_tasks_wait_for) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    weir_log_to(keep_lines, NULL);
    assert_int_equal(weir_run(joins, NULL, &o), -ECANCELED);
    weir_log_to(NULL, NULL);
    assert_non_null(strstr(logged, " waits: join of the group opened at "));
    assert_non_null(strstr(logged, "task 'sleeps'"));
    assert_non_null(strstr(logged, " waits: sleep\n"));
}

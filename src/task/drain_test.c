/* SPDX-License-Identifier: MIT */
/* What weir_group_drain counts: every way in which children can be cancelled, before it and while
 * it waits. */
#include <errno.h>
#include <string.h>
#include <weir/loop.h>

#include "task/task.h"
#include "test/runner.h"

enum { CHILDREN = 5 };

#define MOMENT WEIR_MILLISECONDS(5)
#define LONG WEIR_SECONDS(60)

struct way {
    const char *name;
    void (*before)(void);    /* called by the opener, when the children have begun */
    void (*meanwhile)(void); /* called by another task, when the drain waits */
    enum weir_policy policy;
    weir_ns grace;
    weir_ns budget; /* of the scope around; 0: none */
    weir_ns shield; /* the group stands in a shield of so long; 0: in none */
    weir_ns sleep;  /* how long the children would live; 0: LONG */
    int expected;
};

static const struct way *way;
static struct weir_scope around;
static struct weir_group drained, under;
static struct weir_task *opener, *lone;

/* ---- what happens to the children ---- */

/* Once cancelled it takes its time: more may happen before it has ended. */
static int sleeps(void *args) {
    struct weir_scope shield;
    int rc = weir_sleep(way->sleep ? way->sleep : LONG);
    if (rc == 0)
        return 0;
    weir_shield_enter(&shield, LONG);
    weir_scope_leave(&shield, weir_sleep(2 * MOMENT));
    return rc;
}

static int fails(void *args) {
    return -EIO;
}

static void add(int (*fn)(void *args), struct weir_task **ret_task) {
    assert_int_equal(weir_spawn(&drained, WEIR_SITE(fn), fn, NULL, 0, NULL, ret_task), 0);
}

static void cancel_group(void) {
    weir_group_cancel(&drained, "enough");
}

static void cancel_around(void) {
    weir_scope_cancel(&around, "enough");
}

static void cancel_opener(void) {
    weir_task_cancel(opener, "enough");
}

static void cancel_group_and_around(void) {
    cancel_group();
    cancel_around();
}

static void add_and_cancel(void) {
    add(sleeps, NULL);
    cancel_group();
}

static void cancel_and_add(void) {
    cancel_group();
    add(sleeps, NULL);
}

static void let_end(void) {
    while (weir_group_live(&drained) > 0)
        weir_yield();
}

static void cancel_and_let_end(void) {
    cancel_group();
    let_end();
}

static void cancel_one(void) {
    weir_task_cancel(lone, "alone");
    weir_task_release(&lone);
}

static void add_lone(void) {
    add(sleeps, &lone);
}

static void add_failing(void) {
    add(fails, NULL);
}

static void fail_first(void) {
    add(fails, NULL);
    weir_yield();
}

static void release_failed(void) {
    weir_task_release(&lone);
}

static void keep_failed(void) {
    add(fails, &lone);
    weir_yield();
}

static void under_ended(struct weir_group *g) {
    weir__group_close_under(g);
}

static void open_under(void) {
    weir__group_open_under(&under, &drained, WEIR_INDEPENDENT, under_ended);
}

static const struct way ways[] = {
    {"they end in time", NULL, NULL, WEIR_TOGETHER, LONG, 0, 0, MOMENT, 0},
    {"the grace is over", NULL, NULL, WEIR_INDEPENDENT, MOMENT, 0, 0, 0, 5},
    {"there is no grace", NULL, NULL, WEIR_INDEPENDENT, 0, 0, 0, 0, 5},
    {"negative grace", NULL, NULL, WEIR_INDEPENDENT, -1, 0, 0, 0, 5},
    {"a deadline before", NULL, NULL, WEIR_INDEPENDENT, LONG, -1, 0, 0, 5},
    {"a deadline before, all ended", let_end, NULL, WEIR_INDEPENDENT, LONG, -1, 0, 0, 5},
    {"the group cancelled, all ended", cancel_and_let_end, NULL, WEIR_TOGETHER, LONG, 0, 0, 0, 5},
    {"a deadline meanwhile", NULL, NULL, WEIR_INDEPENDENT, LONG, MOMENT, 0, 0, 5},
    {"a deadline meanwhile, endless grace", NULL, NULL, WEIR_TOGETHER, WEIR_NEVER, MOMENT, 0, 0, 5},
    {"a cancel around before", cancel_around, NULL, WEIR_INDEPENDENT, LONG, 0, 0, 0, 5},
    {"a cancel around meanwhile", NULL, cancel_around, WEIR_TOGETHER, LONG, 0, 0, 0, 5},
    {"a deadline, then a cancel", NULL, cancel_around, WEIR_TOGETHER, LONG, 1, 0, 0, 5},
    {"the group cancelled before", cancel_group, NULL, WEIR_TOGETHER, LONG, 0, 0, 0, 5},
    {"the group cancelled meanwhile", NULL, cancel_group, WEIR_INDEPENDENT, LONG, 0, 0, 0, 5},
    {"two cancels at once", NULL, cancel_group_and_around, WEIR_TOGETHER, LONG, 0, 0, 0, 5},
    {"the opener cancelled before", cancel_opener, NULL, WEIR_INDEPENDENT, LONG, 0, 0, 0, 5},
    {"the opener cancelled meanwhile", NULL, cancel_opener, WEIR_TOGETHER, LONG, 0, 0, 0, 5},
    {"a sibling's error before", fail_first, NULL, WEIR_TOGETHER, LONG, 0, 0, 0, 5},
    {"a sibling's error meanwhile", NULL, add_failing, WEIR_TOGETHER, LONG, 0, 0, 0, 5},
    {"an error that was released", keep_failed, release_failed, WEIR_TOGETHER, LONG, 0, 0, 0, 5},
    {"an error among independents", add_failing, NULL, WEIR_INDEPENDENT, MOMENT, 0, 0, 0, 5},
    {"a shield's bound", NULL, NULL, WEIR_INDEPENDENT, LONG, -1, MOMENT, 0, 5},
    {"one cancelled alone", add_lone, cancel_one, WEIR_TOGETHER, LONG, 0, 0, 2 * MOMENT, 0},
    {"one more came", NULL, add_and_cancel, WEIR_INDEPENDENT, LONG, 0, 0, 0, 6},
    {"one more came too late", NULL, cancel_and_add, WEIR_INDEPENDENT, LONG, 0, 0, 0, 6},
    {"a connection's group counts", open_under, NULL, WEIR_INDEPENDENT, MOMENT, 0, 0, 0, 6},
};

/* ---- the story ---- */

static int meanwhile(void *args) {
    int rc = weir_sleep(MOMENT);
    way->meanwhile();
    return rc;
}

static int drain(void) {
    weir_group_open(&drained, way->policy);
    for (int i = 0; i < CHILDREN; i++)
        add(sleeps, NULL);
    weir_yield();
    if (way->before != NULL)
        way->before();
    return weir_group_drain(&drained, way->grace);
}

static int opens(void *args) {
    struct weir_scope shield;
    weir_scope_enter(&around, way->budget ? way->budget : WEIR_NEVER);
    if (way->shield > 0)
        weir_shield_enter(&shield, way->shield);
    int n = drain();
    if (way->shield > 0)
        weir_scope_leave(&shield, 0);
    weir_scope_leave(&around, 0);
    return n;
}

static int story(void *arg) {
    struct weir_task *handle = NULL;
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(opens), opens, NULL, 0, NULL, &handle), 0);
    opener = weir_task_ref(handle);
    if (way->meanwhile != NULL)
        assert_int_equal(weir_go0(NULL, meanwhile), 0);
    int n = weir_await(&handle, NULL, 0);
    weir_task_release(&opener);
    return n;
}

WEIR_TEST_BACKENDS(a_drain_counts_each_cancelled_child_however_it_was_cancelled) {
    weir_log_level_set(WEIR_LOG_ERROR);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        way = &ways[i];
        struct weir__ledger before = weir__ledger;
        int n = weir_run(story, NULL, NULL);
        if (n != way->expected)
            fail_msg("%s: %d, not %d", way->name, n, way->expected);
        if (weir__ledger.raised - before.raised != weir__ledger.settled - before.settled)
            fail_msg("%s: an error was lost or reported twice", way->name);
    }
}

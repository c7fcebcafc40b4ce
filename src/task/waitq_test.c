/* SPDX-License-Identifier: MIT */
/* The wait queue: who is granted, in which order; what a cancel and a grant do to each other in
 * either order; waits in several queues. (If a cost grew with the number of waiters, the last test
 * would run into its time limit.) */
#include "task/waitq.h"

#include <errno.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "base/list.h"
#include "test/runner.h"

enum { FEW = 5, QUEUES = 4, MANY = 10000 };

static const struct weir__what tests_wait = {.text = "test", .kind = WEIR__ON_SYNC};

static struct weir__waitq queue;
static int order[2 * FEW], ended;

static void run(int (*fn)(void *arg)) {
    queue = (struct weir__waitq){NULL};
    ended = 0;
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
    assert_true(weir__waitq_empty(&queue));
}

/* ---- one queue ------------------------------------------------------------------------------- */

struct waits_args {
    int number;
};

/* Returns what it was given, or the code that it felt. */
WEIR_NOINLINE static int64_t get(struct weir__waitq *q) {
    int value = 0;
    int64_t rc = weir__suspend_enter("get");
    if (rc == 0)
        rc = weir__waitq_wait(q, &value, &tests_wait, q);
    return rc < 0 ? rc : value;
}

static int waits(void *args) {
    int number = ((struct waits_args *)args)->number;
    int64_t n = get(&queue);
    if (n >= 0)
        order[ended++] = number * 100 + (int)n;
    return n < 0 ? (int)n : 0;
}

/* Hand value to the first in line. */
static struct weir__waiter *put(struct weir__waitq *q, int value) {
    struct weir__waiter *w = weir__waitq_first(q);
    if (w != NULL) {
        *(int *)w->slot = value;
        weir__waiter_grant(w, 0);
    }
    return w;
}

static void begin(struct weir_group *g, struct weir_task *t[FEW]) {
    weir_group_open(g, WEIR_INDEPENDENT);
    for (int i = 0; i < FEW; i++) {
        struct waits_args a = {i};
        assert_int_equal(weir_spawn(g, WEIR_SITE(waits), waits, &a, sizeof a, NULL, &t[i]), 0);
    }
    assert_int_equal(weir_yield(), 0);
}

static int finish(struct weir_group *g, struct weir_task *t[FEW]) {
    int rc = weir_group_close(g, 0);
    for (int i = 0; i < FEW; i++)
        weir_task_release(&t[i]);
    return rc;
}

static int in_order(void *arg) {
    struct weir_group g;
    struct weir_task *t[FEW];
    begin(&g, t);
    for (int i = 0; i < FEW; i++)
        assert_non_null(put(&queue, i + 10));
    assert_null(put(&queue, 99));
    assert_null(weir__waitq_grant(&queue));
    int rc = finish(&g, t);
    for (int i = 0; i < FEW; i++)
        assert_int_equal(order[i], i * 100 + i + 10);
    return rc;
}

WEIR_TEST_BACKENDS(waiters_are_granted_in_the_order_in_which_they_came) {
    runner_plain_order();
    run(in_order);
    assert_int_equal(ended, FEW);
}

/* Each of the five leaves in turn; the queue stays whole, and the others come in order. */
static int one_leaves(void *arg) {
    int gone = *(int *)arg;
    struct weir_group g;
    struct weir_task *t[FEW];
    begin(&g, t);
    weir_task_cancel(t[gone], NULL);
    int left = 0;
    for (struct weir__waiter *w = weir__waitq_first(&queue); w; w = weir__waitq_next(w))
        left++; /* it has left at once, although its task has not run yet */
    assert_int_equal(left, FEW - 1);
    for (int i = 0; i < FEW - 1; i++)
        assert_non_null(put(&queue, 0));
    assert_true(weir__waitq_empty(&queue));
    int rc = finish(&g, t);
    for (int i = 0, expect = 0; i < FEW - 1; i++, expect++) {
        expect += expect == gone;
        assert_int_equal(order[i], expect * 100);
    }
    return rc;
}

WEIR_TEST_BACKENDS(a_cancelled_waiter_leaves_at_once_wherever_it_stands) {
    runner_plain_order();
    for (int gone = 0; gone < FEW; gone++) {
        ended = 0;
        assert_int_equal(weir_run(one_leaves, &gone, NULL), 0);
        assert_int_equal(ended, FEW - 1);
    }
}

static int gets_then_feels(void *args) {
    (void)args;
    int64_t n = get(&queue);
    assert_int_equal(n, 42);
    assert_int_equal(weir_yield(), -ECANCELED);
    ended++;
    return 0;
}

static int grant_then_cancel(void *arg) {
    struct weir_group g;
    struct weir_task *t;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(
        weir_spawn(&g, WEIR_SITE(gets_then_feels), gets_then_feels, NULL, 0, NULL, &t), 0);
    assert_int_equal(weir_yield(), 0);
    put(&queue, 42);
    weir_task_cancel(t, NULL);
    weir_task_release(&t);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_cancel_after_the_grant_is_felt_by_the_next_call) {
    run(grant_then_cancel);
    assert_int_equal(ended, 1);
}

static int cancel_then_grant(void *arg) {
    struct weir_group g;
    struct weir_task *t[FEW];
    begin(&g, t);
    for (int i = 0; i < FEW - 1; i++)
        weir_task_cancel(t[i], NULL); /* these are ready, and have not run */
    assert_non_null(put(&queue, 7));
    assert_null(put(&queue, 8));
    return finish(&g, t);
}

WEIR_TEST_BACKENDS(a_cancelled_waiter_swallows_no_grant) {
    run(cancel_then_grant);
    assert_int_equal(ended, 1);
    assert_int_equal(order[0], (FEW - 1) * 100 + 7);
}

static int with_error(void *arg) {
    struct weir_group g;
    struct weir_task *t[FEW];
    begin(&g, t);
    assert_int_equal(weir__waitq_wake_all(&queue, -ESHUTDOWN), FEW);
    for (int i = 0; i < FEW; i++)
        assert_int_equal(weir_await(&t[i], NULL, 0), -ESHUTDOWN);
    return finish(&g, t);
}

WEIR_TEST_BACKENDS(a_wake_of_all_may_end_the_waits_with_an_error) {
    run(with_error);
    assert_int_equal(ended, 0);
}

/* A waiter that is put before all, one that moves to another queue, and grants out of turn. */
static int out_of_turn(void *arg) {
    struct weir__waitq other = {NULL};
    struct weir__waiter w[3] = {{.slot = NULL}};
    for (int i = 0; i < 3; i++)
        weir__waitq_add_first(&queue, &w[i]);
    assert_ptr_equal(weir__waitq_first(&queue), &w[2]);
    assert_ptr_equal(weir__waitq_next(&w[2]), &w[1]);
    assert_null(weir__waitq_next(&w[0]));
    weir__waiter_remove(&w[1]);
    weir__waiter_remove(&w[1]);
    weir__waitq_add(&other, &w[1]);
    assert_ptr_equal(weir__waitq_next(&w[2]), &w[0]);
    weir__waiter_remove(&w[0]);
    weir__waiter_remove(&w[2]);
    weir__waiter_remove(&w[1]);
    assert_true(weir__waitq_empty(&other));
    return 0;
}

WEIR_TEST(a_waiter_may_be_put_first_and_moved) {
    run(out_of_turn);
}

/* ---- between begin and park ------------------------------------------------------------------ */

static int granted_before_it_parks(void *arg) {
    struct weir__wait wait;
    struct weir__waiter w;
    int value = 0;
    weir__wait_begin(&wait, &tests_wait, NULL);
    weir__wait_add(&wait, &w, &queue, &value);
    assert_ptr_equal(put(&queue, 5), &w);
    weir_task_cancel(weir_task_current(), NULL); /* the grant came first */
    assert_int_equal(weir__wait_park(&wait), 0);
    assert_ptr_equal(wait.won, &w);
    assert_int_equal(value, 5);
    return weir_yield() == -ECANCELED ? 0 : -EBADMSG;
}

WEIR_TEST_BACKENDS(a_grant_before_the_park_is_not_lost) {
    run(granted_before_it_parks);
}

static int cancelled_before_it_parks(void *arg) {
    struct weir__wait wait;
    struct weir__waiter w;
    weir__wait_begin(&wait, &tests_wait, NULL);
    weir__wait_add(&wait, &w, &queue, NULL);
    weir_task_cancel(weir_task_current(), NULL);
    assert_int_equal(weir__wait_park(&wait), -ECANCELED);
    assert_null(wait.won);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancel_before_the_park_takes_the_waiter_out) {
    run(cancelled_before_it_parks);
}

static int holds_out(void *args) {
    struct weir__wait wait;
    struct weir__waiter w;
    int value = 0;
    weir__wait_begin(&wait, &tests_wait, NULL);
    wait.park.abort = NULL;
    weir__wait_add(&wait, &w, &queue, &value);
    assert_int_equal(weir__wait_park(&wait), 0);
    assert_int_equal(value, 3);
    ended++;
    return 0;
}

static int cancel_in_vain(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(holds_out), holds_out, NULL, 0, NULL, NULL), 0);
    assert_int_equal(weir_yield(), 0);
    weir_group_cancel(&g, NULL);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(holds_out), holds_out, NULL, 0, NULL, NULL), 0);
    assert_int_equal(weir_yield(), -ECANCELED); /* the second begins cancelled, and waits too */
    assert_int_equal(ended, 0);
    while (put(&queue, 3) != NULL)
        ;
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_wait_without_a_hook_is_not_cut_short) {
    run(cancel_in_vain);
    assert_int_equal(ended, 2);
}

/* ---- several queues -------------------------------------------------------------------------- */

static struct weir__waitq queues[QUEUES];

WEIR_NOINLINE static int64_t get_any(int *ret_value) {
    struct weir__wait wait;
    struct weir__waiter w[QUEUES];
    int values[QUEUES] = {0}; /* a grant need not bring a value */
    int64_t rc = weir__suspend_enter("get_any");
    if (rc < 0)
        return rc;
    weir__wait_begin(&wait, &tests_wait, NULL);
    for (int i = 0; i < QUEUES; i++)
        weir__wait_add(&wait, &w[i], &queues[i], &values[i]);
    rc = weir__wait_park(&wait);
    for (int i = 0; i < QUEUES; i++)
        assert_null(w[i].in);
    if (rc < 0)
        return rc;
    *ret_value = values[wait.won - w];
    return wait.won - w;
}

static int waits_for_any(void *args) {
    int value = 0;
    int64_t won = get_any(&value);
    if (won >= 0)
        order[ended++] = (int)won * 100 + value;
    return won < 0 ? (int)won : 0;
}

static int each_wins(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < QUEUES; i++) {
        assert_int_equal(
            weir_spawn(&g, WEIR_SITE(waits_for_any), waits_for_any, NULL, 0, NULL, NULL), 0);
        assert_int_equal(weir_yield(), 0);
        assert_non_null(put(&queues[i], i));
        for (int k = 0; k < QUEUES; k++) /* it is in no queue, and has not run */
            assert_null(put(&queues[k], 99));
        assert_int_equal(weir_yield(), 0);
        assert_int_equal(order[i], i * 101);
    }
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_task_waits_in_several_queues_and_each_may_win) {
    run(each_wins);
    assert_int_equal(ended, QUEUES);
}

static int leaves_several(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            weir_spawn(&g, WEIR_SITE(waits_for_any), waits_for_any, NULL, 0, NULL, NULL), 0);
    assert_int_equal(weir_yield(), 0);
    weir_group_cancel(&g, NULL);
    for (int i = 0; i < QUEUES; i++)
        assert_true(weir__waitq_empty(&queues[i]));
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_cancel_leaves_all_queues_at_once) {
    run(leaves_several);
    assert_int_equal(ended, 0);
}

/* ---- waiters without a task ------------------------------------------------------------------ */

struct callback {
    struct weir__waiter waiter;
    struct weir__waitq *again; /* where granted adds it once more, or NULL */
    struct weir__waitq *next;  /* whose first waiter granted grants, or NULL */
    int calls;
};

static void called(struct weir__waiter *w) {
    struct callback *c = WEIR_CONTAINER(w, struct callback, waiter);
    assert_null(w->in);
    c->calls++;
    if (c->again != NULL)
        weir__waitq_add(c->again, w);
    if (c->next != NULL)
        weir__waitq_grant(c->next);
}

static int mixed(void *arg) {
    struct callback c = {.waiter = {.granted = called}}, d = c;
    struct weir_group g;
    struct weir_task *t[FEW];
    weir__waitq_add(&queue, &c.waiter);
    begin(&g, t);
    weir__waitq_add(&queue, &d.waiter);
    assert_ptr_equal(weir__waitq_grant(&queue), &c.waiter);
    assert_int_equal(c.calls, 1);
    for (int i = 0; i < FEW; i++)
        put(&queue, 0);
    assert_int_equal(d.calls, 0);
    assert_ptr_equal(weir__waitq_grant(&queue), &d.waiter);
    assert_int_equal(d.calls, 1);
    return finish(&g, t);
}

WEIR_TEST_BACKENDS(functions_and_tasks_wait_in_one_line) {
    run(mixed);
    assert_int_equal(ended, FEW);
}

/* A wake of all grants those who wait now, also if they wait again, grant or free meanwhile. */
static int wake_all_nested(void *arg) {
    struct weir__waitq second = {NULL};
    struct callback again = {.waiter = {.granted = called}, .again = &queue};
    struct callback grants = {.waiter = {.granted = called}, .next = &second};
    struct callback other = {.waiter = {.granted = called}}, last = other;
    weir__waitq_add(&queue, &again.waiter);
    weir__waitq_add(&queue, &grants.waiter);
    weir__waitq_add(&queue, &last.waiter);
    weir__waitq_add(&second, &other.waiter);
    assert_int_equal(weir__waitq_wake_all(&queue, 0), 3);
    assert_int_equal(again.calls + grants.calls + other.calls + last.calls, 4);
    assert_ptr_equal(weir__waitq_first(&queue), &again.waiter);
    weir__waiter_remove(&again.waiter);
    return 0;
}

WEIR_TEST(a_wake_of_all_ends_although_a_function_waits_again) {
    run(wake_all_nested);
}

/* The first function grants a sibling's queue; the wait that it grants leaves the queue that is
 * being woken. */
static int granted_while_waking(void *arg) {
    struct weir_group g;
    struct callback grants = {.waiter = {.granted = called}, .next = &queues[1]};
    weir__waitq_add(&queues[0], &grants.waiter);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(
        weir_spawn(&g, WEIR_SITE(waits_for_any), waits_for_any, NULL, 0, NULL, NULL), 0);
    assert_int_equal(weir_yield(), 0);
    assert_int_equal(weir__waitq_wake_all(&queues[0], 0), 1);
    assert_true(weir__waitq_empty(&queues[0]));
    int rc = weir_group_close(&g, 0);
    assert_int_equal(order[0] / 100, 1);
    return rc;
}

WEIR_TEST_BACKENDS(a_grant_inside_a_grant_finds_no_waiter_twice) {
    run(granted_while_waking);
    assert_int_equal(ended, 1);
}

static int grant_twice(void *arg) {
    struct weir__waiter w = {.granted = called};
    weir__waiter_grant(&w, 0);
    return 0;
}

WEIR_TEST_ABORTS(a_waiter_in_no_queue_cannot_be_granted, "w->in != NULL") {
    run(grant_twice);
}

/* ---- a semaphore of a few lines, with a cancel at every call --------------------------------- */

static int permits, taken;

WEIR_NOINLINE static int64_t take(void) {
    int64_t rc = weir__suspend_enter("take");
    if (rc < 0)
        return rc;
    if (permits == 0 || !weir__waitq_empty(&queue))
        rc = weir__waitq_wait(&queue, NULL, &tests_wait, NULL);
    else
        permits--;
    if (rc == 0)
        taken++;
    return rc;
}

static void give(void) {
    taken--;
    if (weir__waitq_grant(&queue) == NULL)
        permits++;
}

static int uses(void *args) {
    int64_t rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        if ((rc = take()) < 0)
            break;
        rc = weir_yield();
        give();
    }
    return (int)rc;
}

static int share(void *arg) {
    struct weir_group g;
    permits = 2;
    taken = 0;
    weir_group_open(&g, WEIR_INDEPENDENT);
    for (int i = 0; i < FEW; i++)
        assert_int_equal(weir_spawn(&g, WEIR_SITE(uses), uses, NULL, 0, NULL, NULL), 0);
    int rc = weir_group_close(&g, 0);
    assert_int_equal(permits, 2);
    assert_int_equal(taken, 0);
    assert_true(weir__waitq_empty(&queue));
    return rc;
}

WEIR_TEST(no_permit_is_lost_whichever_call_is_cancelled) {
    struct weir_story story = {.size = sizeof story, .name = "share", .fn = share};
    struct weir_explored found;
    assert_int_equal(weir_explore_cancels(&story, &found), 0);
    assert_true(found.points > 2 * FEW);
}

/* ---- many ------------------------------------------------------------------------------------ */

static int many(void *arg) {
    static const struct weir_spawn_options o = {.size = sizeof o, .stack_size = 16384};
    bool cancel = *(bool *)arg;
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(
            weir_spawn(&g, WEIR_SITE(waits_for_any), waits_for_any, NULL, 0, &o, NULL), 0);
    assert_int_equal(weir_yield(), 0);
    for (int i = 0; i < 10; i++) {
        ended = 0; /* order[] has room for few */
        put(&queues[i % QUEUES], i);
        assert_int_equal(weir_yield(), 0);
        assert_int_equal(ended, 1);
    }
    if (cancel)
        weir_group_cancel(&g, NULL);
    else
        assert_int_equal(weir__waitq_wake_all(&queues[0], -ESHUTDOWN), MANY - 10);
    for (int i = 0; i < QUEUES; i++)
        assert_true(weir__waitq_empty(&queues[i]));
    return weir_group_close(&g, 0);
}

static void quietly(enum weir_log_level level, const char *line, void *user) {
}

WEIR_TEST_BACKENDS(ten_thousand_waiters_in_four_queues_leave_in_linear_time) {
    weir_log_to(quietly, NULL); /* each error of an INDEPENDENT group is logged */
    for (int i = 0; i < 4; i++) {
        bool cancel = i % 2 != 0;
        assert_int_equal(weir_run(many, &cancel, NULL), 0);
    }
    weir_log_to(NULL, NULL);
}

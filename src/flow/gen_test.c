/* SPDX-License-Identifier: MIT */
/* Generators. */
#include "flow/flow_test_util.h"

#include <string.h>

static int begun, yielded, ended;

/* arg: how many; negative: so many, and then an error */
static int counts(struct weir_gen *gen, void *arg) {
    int n = *(int *)arg, rc = 0;
    begun++;
    for (int i = 0; i < (n < 0 ? -n : n) && rc == 0; i++) {
        rc = weir_sleep(MOMENT);
        if (rc == 0) {
            yielded++;
            rc = weir_gen_yield(gen, &i);
        }
    }
    ended++;
    return rc < 0 ? rc : n < 0 ? weir_fail(-EPIPE, "the source is dry") : 0;
}

static int opened(struct weir_gen *gen, struct weir_group *g, int *n) {
    begun = yielded = ended = 0;
    return weir_gen_open(gen, g, sizeof(int), counts, n);
}

static int consumes(void *arg) {
    struct weir_gen gen;
    int n = 4, item, sum = 0, rc = opened(&gen, NULL, &n);
    if (rc < 0)
        return rc;
    while ((rc = weir_gen_next(&gen, &item)) == 1)
        sum += item;
    if (rc == 0) {
        assert_int_equal(sum, 6);
        assert_int_equal(ended, 1);
        assert_true(weir_gen_next(&gen, &item) <= 0);
    }
    weir_gen_close(&gen);
    weir_gen_close(&gen);
    return rc;
}

WEIR_TEST_BACKENDS(a_generator_gives_its_items_and_then_the_end) {
    run(consumes);
}

WEIR_TEST(a_generator_leaves_nothing_behind_wherever_it_is_disturbed) {
    explore(consumes);
}

static int beats(struct weir_gen *gen, void *arg) {
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        if ((rc = weir_sleep(2 * MOMENT)) == 0)
            rc = weir_gen_yield(gen, NULL);
    return rc;
}

static int without_bytes(void *arg) {
    struct weir_gen gen;
    struct weir_scope s;
    int n = 0;
    assert_int_equal(weir_gen_open(&gen, NULL, 0, beats, NULL), 0);
    weir_scope_enter(&s, MOMENT);
    assert_int_equal(weir_gen_next(&gen, NULL), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    assert_int_equal(weir_sleep(4 * MOMENT), 0); /* the item comes while nobody waits */
    while (weir_gen_next(&gen, NULL) == 1)
        n++;
    assert_int_equal(n, 3);
    weir_gen_close(&gen);
    return 0;
}

WEIR_TEST_BACKENDS(items_without_bytes_are_counted_as_others_are) {
    run(without_bytes);
}

static int on_demand(void *arg) {
    struct weir_gen gen;
    int n = 4, item;
    assert_int_equal(opened(&gen, NULL, &n), 0);
    assert_int_equal(weir_sleep(10 * MOMENT), 0);
    assert_int_equal(begun, 0);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(weir_gen_next(&gen, &item), 1);
        assert_int_equal(item, i - 1);
        assert_int_equal(weir_sleep(10 * MOMENT), 0);
        assert_int_equal(yielded, i);
    }
    weir_gen_close(&gen);
    assert_int_equal(ended, 1);
    assert_int_equal(yielded, 3);
    return 0;
}

WEIR_TEST_BACKENDS(a_generator_runs_only_while_somebody_asks) {
    run(on_demand);
}

static int unasked(void *arg) {
    struct weir_gen gen = {{NULL}};
    int n = 1;
    weir_gen_close(&gen);
    weir_gen_close(NULL);
    assert_int_equal(opened(&gen, NULL, &n), 0);
    weir_gen_close(&gen);
    assert_int_equal(begun, 0);
    return 0;
}

WEIR_TEST_BACKENDS(a_generator_that_nobody_asked_does_not_begin) {
    run(unasked);
}

static int fails(void *arg) {
    struct weir_gen gen;
    int n = -1, item;
    assert_int_equal(opened(&gen, NULL, &n), 0);
    assert_int_equal(weir_gen_next(&gen, &item), 1);
    assert_int_equal(weir_gen_next(&gen, &item), -EPIPE);
    assert_string_equal(weir_error_message(-EPIPE), "the source is dry");
    assert_int_equal(weir_gen_next(&gen, &item), 0);
    weir_gen_close(&gen);
    return 0;
}

WEIR_TEST_BACKENDS(the_error_of_a_generator_is_reported_once) {
    run(fails);
}

/* The consumer is cancelled while it waits: no item is lost. */
static int cancelled_asker(void *arg) {
    struct weir_gen gen;
    int n = 3, item = -1;
    assert_int_equal(opened(&gen, NULL, &n), 0);
    struct weir_scope s;
    weir_scope_enter(&s, MOMENT / 2);
    assert_int_equal(weir_gen_next(&gen, &item), -ETIME);
    weir_scope_leave(&s, 0);
    assert_int_equal(weir_sleep(10 * MOMENT), 0);
    assert_int_equal(yielded, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_gen_next(&gen, &item), 1);
        assert_int_equal(item, i);
    }
    assert_int_equal(weir_gen_next(&gen, &item), 0);
    weir_gen_close(&gen);
    return 0;
}

WEIR_TEST_BACKENDS(an_item_that_a_cancelled_consumer_asked_for_stays) {
    run(cancelled_asker);
}

static struct weir_task *consumer;

static int yields_and_cancels(struct weir_gen *gen, void *arg) {
    int one = 1;
    weir_task_cancel(consumer, "after the grant, or before it");
    return weir_gen_yield(gen, &one);
}

static int yields_then_is_cancelled(struct weir_gen *gen, void *arg) {
    int rc = 0;
    for (int i = 1; i < 3 && rc == 0; i++)
        rc = weir_gen_yield(gen, &i);
    return rc;
}

/* An item was handed over, and the cancel came before the consumer ran: the item is returned. */
static int cancels_soon(void *args) {
    assert_int_equal(weir_yield(), 0); /* the body yields the item meanwhile */
    weir_task_cancel(consumer, "after the item");
    return 0;
}

static int asks_and_is_cancelled(void *args) {
    struct weir_gen gen;
    int item = 0;
    assert_int_equal(weir_gen_open(&gen, NULL, sizeof item, yields_then_is_cancelled, NULL), 0);
    assert_int_equal(weir_yield(), 0); /* the body waits for the first demand */
    assert_int_equal(weir_go0(NULL, cancels_soon), 0);
    assert_int_equal(weir_gen_next(&gen, &item), 1);
    assert_int_equal(item, 1);
    weir_gen_close(&gen);
    assert_int_equal(weir_gen_open(&gen, NULL, sizeof item, yields_and_cancels, NULL), 0);
    assert_int_equal(weir_gen_next(&gen, &item), -ECANCELED);
    weir_gen_close(&gen);
    return 0;
}

static int cancel_after_item(void *arg) {
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(consumer), asks_and_is_cancelled, NULL, 0, NULL,
                                &consumer),
                     0);
    return weir_await(&consumer, NULL, 0);
}

WEIR_TEST(an_item_that_came_before_the_cancel_is_returned) {
    assert_int_equal(weir_sim_run(cancel_after_item, NULL, NULL), 0);
}

static int in_a_group(void *arg) {
    struct weir_group g;
    struct weir_gen gen;
    int n = 100, item;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(opened(&gen, &g, &n), 0);
    assert_int_equal(weir_gen_next(&gen, &item), 1);
    weir_group_cancel(&g, "enough");
    int rc = weir_gen_next(&gen, &item);
    assert_int_equal(rc, -ECANCELED);
    weir_gen_close(&gen);
    assert_int_equal(weir_group_close(&g, rc), WEIR_ESTOPPED);
    return 0;
}

WEIR_TEST_BACKENDS(a_generator_is_cancelled_with_its_group) {
    run(in_a_group);
}

static struct weir_gen shared;

static int asks(void *args) {
    int item;
    return weir_gen_next(&shared, &item) == 1 ? 0 : -1;
}

static int asks_itself(struct weir_gen *gen, void *arg) {
    int item = 0;
    int rc = weir_gen_next(gen, &item);
    return rc == -EDEADLK ? weir_gen_yield(gen, &item) : -EPROTO;
}

static int two_ask(void *arg) {
    int item;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_gen_open(&shared, NULL, sizeof item, asks_itself, NULL), 0);
    assert_int_equal(weir_go0(&g, asks), 0);
    assert_int_equal(weir_yield(), 0);
    int rc = weir_gen_next(&shared, &item);
    assert_true(rc == -EBUSY || rc == 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_gen_close(&shared);
    return 0;
}

WEIR_TEST_BACKENDS(a_second_task_that_asks_is_refused) {
    run(two_ask);
}

static int asks_a_closed_one(void *arg) {
    struct weir_gen gen = {{NULL}};
    int item;
    return weir_gen_next(&gen, &item);
}

WEIR_TEST_ABORTS(asking_a_closed_generator_aborts, "weir_gen_next: the generator is closed") {
    weir_run(asks_a_closed_one, NULL, NULL);
}

static bool cleaning;

static int cleans_up(struct weir_gen *gen, void *arg) {
    struct weir_scope shield;
    int rc = weir_sleep(LONG);
    (void)gen, (void)arg;
    cleaning = true;
    weir_shield_enter(&shield, LONG);
    weir_sleep(10 * MOMENT);
    return weir_scope_leave(&shield, rc);
}

static int closes_shared(void *args) {
    (void)args;
    weir_gen_close(&shared);
    return 0;
}

/* Another task is closing the generator, whose function cleans up. */
static void is_being_closed(void) {
    struct weir_scope s;
    assert_int_equal(weir_gen_open(&shared, NULL, sizeof(int), cleans_up, NULL), 0);
    weir_scope_enter(&s, MOMENT);
    assert_int_equal(asks(NULL), -1); /* so that the function has begun */
    weir_scope_leave(&s, 0);
    assert_int_equal(weir_go0(NULL, closes_shared), 0);
    while (!cleaning)
        assert_int_equal(weir_yield(), 0);
}

static int asks_while_it_is_closed(void *arg) {
    is_being_closed();
    return asks(NULL);
}

WEIR_TEST_ABORTS(asking_a_generator_while_it_is_being_closed_aborts,
                 "weir_gen_next: the generator is being closed") {
    weir_sim_run(asks_while_it_is_closed, NULL, NULL);
}

static int closes_while_it_is_closed(void *arg) {
    is_being_closed();
    return closes_shared(NULL);
}

WEIR_TEST_ABORTS(closing_a_generator_while_it_is_being_closed_aborts,
                 "weir_gen_close: another task is closing this generator") {
    weir_sim_run(closes_while_it_is_closed, NULL, NULL);
}

static int ends_at_once(struct weir_gen *gen, void *arg) {
    return 0;
}

/* Its end has woken the task that asks, which has not run since. */
static int closes_what_has_just_ended(void *arg) {
    assert_int_equal(weir_gen_open(&shared, NULL, sizeof(int), ends_at_once, NULL), 0);
    assert_int_equal(weir_yield(), 0); /* its function waits to be asked */
    assert_int_equal(weir_go0(NULL, asks), 0);
    assert_int_equal(weir_yield(), 0); /* the task asks, and */
    assert_int_equal(weir_yield(), 0); /* the function ends */
    weir_gen_close(&shared);
    return 0;
}

WEIR_TEST_ABORTS(closing_a_generator_whose_end_was_not_reported_yet_to_who_asked_aborts,
                 "weir_gen_close: a task waits in weir_gen_next for this generator") {
    runner_plain_order();
    weir_sim_run(closes_what_has_just_ended, NULL, NULL);
}

static int yields_elsewhere(void *arg) {
    int n = 1;
    assert_int_equal(opened(&shared, NULL, &n), 0);
    return weir_gen_yield(&shared, &n);
}

WEIR_TEST_ABORTS(a_yield_from_another_task_aborts, "only the generator's own function may yield") {
    weir_run(yields_elsewhere, NULL, NULL);
}

static struct weir_gen pair[2];
static bool may_close;
static int in_body;

static int closes_the_other(struct weir_gen *gen, void *arg) {
    (void)arg;
    in_body++;
    while (!may_close)
        weir_yield();
    weir_gen_close(&pair[gen == &pair[0]]);
    return 0;
}

struct asks_one_args { struct weir_gen *gen; };
static int asks_one(void *args) {
    int item;
    return weir_gen_next(((struct asks_one_args *)args)->gen, &item);
}

/* That a function begins takes a task that asks. These go again before the functions go on. */
static int pair_closes_itself(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 2; i++) {
        weir_gen_open(&pair[i], NULL, sizeof(int), closes_the_other, NULL);
        weir_go(&g, asks_one, .gen = &pair[i]);
    }
    while (in_body < 2)
        weir_yield();
    weir_group_cancel(&g, "asks no more");
    weir_group_close(&g, 0);
    may_close = true;
    return 0;
}

WEIR_TEST_ABORTS(two_generators_that_close_each_other_abort,
                 "close generator: deadlock, which no cancel can end: task '") {
    weir_run(pair_closes_itself, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Random operations on timers, compared with a simple model: an array that is searched whole. */
#include "loop/timers.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/random.h"
#include "test/runner.h"

/* ---- the model ------------------------------------------------------------------------------ */

enum { MODEL_MAX = 5000 };

struct item {
    struct weir__timer timer;
    weir_ns deadline_ns; /* WEIR_NEVER: not armed */
    uint64_t armed;
};

static struct model {
    struct weir__timers *ts;
    struct weir__random rng;
    struct item items[MODEL_MAX];
    size_t count; /* of the items */
    size_t spans; /* how many of the spans below are drawn from */
    weir_ns crowd_ns; /* 0: no crowd. Else all items are armed within so long, and time is slow */
    uint64_t armings;
    uint64_t limit; /* while firing: what was armed before */
    weir_ns now_ns;
    size_t fired;
} m;

static uint64_t below(uint64_t bound) {
    return weir__random_below(&m.rng, bound);
}

static struct item *model_earliest(uint64_t limit) {
    struct item *earliest = NULL;
    for (struct item *i = m.items; i < m.items + m.count; i++) {
        if (i->deadline_ns == WEIR_NEVER || i->armed >= limit)
            continue;
        if (!earliest || i->deadline_ns < earliest->deadline_ns ||
            (i->deadline_ns == earliest->deadline_ns && i->armed < earliest->armed))
            earliest = i;
    }
    return earliest;
}

static void model_arm(struct item *i, weir_ns deadline_ns) {
    i->deadline_ns = deadline_ns;
    i->armed = m.armings++;
    weir__timer_arm(m.ts, &i->timer, deadline_ns);
    assert_int_equal(weir__timer_armed(&i->timer), deadline_ns != WEIR_NEVER);
}

static void model_disarm(struct item *i) {
    i->deadline_ns = WEIR_NEVER;
    weir__timer_disarm(m.ts, &i->timer);
    assert_false(weir__timer_armed(&i->timer));
}

/* From the past to the end of time, near ones more often, equal ones often. */
static weir_ns some_deadline(void) {
    static const weir_ns spans[] = {1,
                                    1000,
                                    WEIR_MILLISECONDS(1),
                                    WEIR_MILLISECONDS(20),
                                    WEIR_SECONDS(1),
                                    WEIR_SECONDS(100),
                                    WEIR_SECONDS(36000),
                                    WEIR_SECONDS(86400) * 100,
                                    WEIR_SECONDS(86400) * 365 * 50};
    assert_true(m.spans <= sizeof spans / sizeof spans[0]);
    uint64_t kind = below(40);
    if (kind == 0)
        return WEIR_NEVER;
    if (kind == 1)
        return WEIR_NEVER - 1 - (weir_ns)below(3);
    if (kind == 2)
        return m.now_ns - (weir_ns)below(1000000);
    if (kind == 3)
        return (weir_ns)below(5) - 2;
    weir_ns span = spans[below(m.spans)];
    weir_ns at = m.now_ns + (weir_ns)(weir__random_next(&m.rng) % (uint64_t)span);
    return kind < 20 ? at : at | (span > 16 ? span / 16 : 0);
}

static void some_operation(void) {
    struct item *i = &m.items[below(m.count)];
    if (below(3) == 0)
        model_disarm(i);
    else
        model_arm(i, some_deadline());
}

static void model_fire(struct weir__timer *t) {
    struct item *i = WEIR_CONTAINER(t, struct item, timer);
    assert_ptr_equal(model_earliest(m.limit), i);
    assert_true(i->deadline_ns <= m.now_ns);
    assert_false(weir__timer_armed(t));
    i->deadline_ns = WEIR_NEVER;
    m.fired++;
    if (below(4) == 0)
        model_arm(i, some_deadline());
    for (uint64_t n = below(4); n > 1; n--)
        some_operation();
}

static void model_check_next(void) {
    struct item *i = model_earliest(UINT64_MAX);
    weir_ns earliest_ns = i ? i->deadline_ns : WEIR_NEVER;
    weir_ns guess_ns = weir__timers_next(m.ts, false);
    assert_true(guess_ns <= earliest_ns && (guess_ns == WEIR_NEVER) == (i == NULL));
    assert_int_equal(weir__timers_next(m.ts, true), earliest_ns);
}

static void model_fire_due(void) {
    size_t before = m.fired;
    m.limit = m.armings;
    size_t fired = weir__timers_fire(m.ts, m.now_ns);
    struct item *left = model_earliest(m.limit);
    assert_int_equal(fired, m.fired - before);
    assert_true(left == NULL || left->deadline_ns > m.now_ns);
    m.limit = UINT64_MAX;
}

/* Let time go on: a little, to what is next, to a guess, or far. */
static void some_time(void) {
    static const weir_ns spans[] = {1, 100000, WEIR_MILLISECONDS(3), WEIR_SECONDS(1),
                                    WEIR_SECONDS(1000)};
    weir_ns next_ns = weir__timers_next(m.ts, below(2));
    uint64_t kind = below(8);
    if (kind < 4 && next_ns < m.now_ns + WEIR_SECONDS(86400) * 365)
        m.now_ns = next_ns > m.now_ns ? next_ns : m.now_ns;
    else if (kind < 7)
        m.now_ns += (weir_ns)(weir__random_next(&m.rng) %
                              (uint64_t)spans[below(m.crowd_ns == 0 ? 5 : m.spans - 2)]);
    model_fire_due();
}

static void model_open(uint64_t seed, weir_ns now_ns) {
    m.rng.state = seed;
    m.now_ns = now_ns;
    m.limit = UINT64_MAX;
    assert_int_equal(weir__timers_new(now_ns, &m.ts), 0);
    for (size_t i = 0; i < m.count; i++) {
        weir__timer_init(&m.items[i].timer, model_fire);
        m.items[i].deadline_ns = WEIR_NEVER;
    }
}

static void model_close(void) {
    for (size_t i = 0; i < m.count; i++)
        model_disarm(&m.items[i]);
    model_check_next();
    weir__timers_free(m.ts);
}

static void model_run(uint64_t seed, size_t operations, bool without_memory) {
    m.spans = m.crowd_ns == 0 ? 9 : m.crowd_ns < WEIR_MILLISECONDS(100) ? 4 : 5;
    model_open(seed, seed % 2 ? 0 : WEIR_SECONDS(1000000) + (weir_ns)seed);
    for (size_t i = 0; m.crowd_ns > 0 && i < m.count; i++)
        model_arm(&m.items[i], m.now_ns + (weir_ns)below((uint64_t)m.crowd_ns));
    for (size_t n = 0; n < operations; n++) {
        if (without_memory && n % 3 == 0)
            weir__alloc_fail_at(1 + below(3));
        some_operation();
        if (below(4) == 0)
            model_check_next();
        if (below(6) == 0)
            some_time();
    }
    weir__alloc_fail_at(0);
    model_close();
}

static void model_runs(uint64_t first_seed, uint64_t seeds, weir_ns crowd_ns,
                       bool without_memory) {
    m.crowd_ns = crowd_ns;
    m.count = crowd_ns > 0 ? MODEL_MAX : 400;
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++)
        model_run(seed, 30000, without_memory);
}

WEIR_TEST(random_operations_fire_in_the_order_of_the_model) {
    model_runs(1, 10, 0, false);
    assert_true(m.fired > 30000);
}

WEIR_TEST(random_operations_keep_their_order_when_memory_fails) {
    model_runs(101, 10, 0, true);
    assert_true(m.fired > 30000);
}

/* Enough timers in a millisecond that it is not sorted at once. */
WEIR_TEST(random_operations_fire_in_order_in_a_crowd) {
    model_runs(201, 2, WEIR_MILLISECONDS(3), false);
    assert_true(m.fired > 5000);
}

WEIR_TEST(random_operations_keep_their_order_in_a_crowd_when_memory_fails) {
    model_runs(301, 2, WEIR_MILLISECONDS(3), true);
    assert_true(m.fired > 5000);
}

/* So many in a slot of 268 ms that it is taken apart a part at a time. */
WEIR_TEST(random_operations_fire_in_order_in_a_crowded_slot) {
    model_runs(401, 2, WEIR_MILLISECONDS(300), false);
    model_runs(501, 2, WEIR_MILLISECONDS(300), true);
    assert_true(m.fired > 2000);
}

/* ---- many of a kind ------------------------------------------------------------------------- */

static struct weir__timer *fired_last;
static size_t fired_count;
static weir_ns fired_latest_ns;

static void fire_in_order(struct weir__timer *t) {
    assert_true(t->deadline_ns >= fired_latest_ns);
    if (fired_last && t->deadline_ns == fired_latest_ns)
        assert_true(t > fired_last); /* armed in the order of their addresses */
    fired_last = t;
    fired_latest_ns = t->deadline_ns;
    fired_count++;
}

static struct weir__timer *make_timers(size_t count) {
    struct weir__timer *t = calloc(count, sizeof *t);
    assert_non_null(t);
    for (size_t i = 0; i < count; i++)
        weir__timer_init(&t[i], fire_in_order);
    return t;
}

WEIR_TEST(equal_deadlines_fire_in_arming_order) {
    enum { COUNT = 20000 };
    struct weir__timers *ts;
    struct weir__timer *t = make_timers(COUNT);
    assert_int_equal(weir__timers_new(5, &ts), 0);
    for (size_t i = 0; i < COUNT; i++)
        weir__timer_arm(ts, &t[i], WEIR_SECONDS(100));
    for (size_t i = 0; i < COUNT; i += 3)
        weir__timer_disarm(ts, &t[i]);
    assert_int_equal(weir__timers_fire(ts, WEIR_SECONDS(100) - 1), 0);
    assert_int_equal(weir__timers_fire(ts, WEIR_SECONDS(100)), COUNT - (COUNT + 2) / 3);
    weir__timers_free(ts);
    free(t);
}

WEIR_TEST(a_crowded_millisecond_fires_in_order) {
    enum { COUNT = 50000 };
    struct weir__random rng = {7};
    struct weir__timers *ts;
    struct weir__timer *t = make_timers(COUNT);
    assert_int_equal(weir__timers_new(0, &ts), 0);
    for (size_t i = 0; i < COUNT; i++)
        weir__timer_arm(ts, &t[i], WEIR_SECONDS(1) + (weir_ns)weir__random_below(&rng, 20000));
    assert_int_equal(weir__timers_fire(ts, WEIR_SECONDS(2)), COUNT);
    weir__timers_free(ts);
    free(t);
}

static weir_ns fired_before_ns; /* the time of the firing before: nothing due then was left */
static weir_ns announced_ns;    /* weir__timers_next: nothing is earlier */

static void fire_on_time(struct weir__timer *t) {
    assert_true(t->deadline_ns > fired_before_ns && t->deadline_ns >= announced_ns);
    fire_in_order(t);
}

/* A slot of 69 s, and slots of 268 ms in it, are taken apart at the same time. */
WEIR_TEST(a_crowd_of_minutes_fires_in_order_and_on_time) {
    enum { COUNT = 200000 };
    struct weir__random rng = {9};
    struct weir__timers *ts;
    struct weir__timer *t = make_timers(COUNT);
    size_t fired = 0, disarmed = 0;
    assert_int_equal(weir__timers_new(0, &ts), 0);
    for (size_t i = 0; i < COUNT; i++) {
        t[i].fire = fire_on_time;
        weir__timer_arm(ts, &t[i],
                        WEIR_SECONDS(80) + (weir_ns)weir__random_below(&rng, WEIR_SECONDS(4)));
    }
    for (weir_ns now_ns = 0; weir__timers_armed(ts); now_ns = weir__timers_next(ts, false)) {
        announced_ns = now_ns;
        if (now_ns % 2 == 0) /* so late that no firing in between has moved the timers */
            now_ns += (weir_ns)weir__random_below(&rng, WEIR_MILLISECONDS(40));
        fired += weir__timers_fire(ts, now_ns);
        fired_before_ns = now_ns;
        for (size_t i = 0; i < 20; i++) {
            struct weir__timer *one = &t[weir__random_below(&rng, COUNT)];
            disarmed += weir__timer_armed(one);
            weir__timer_disarm(ts, one);
        }
    }
    assert_int_equal(fired + disarmed, COUNT);
    weir__timers_free(ts);
    free(t);
}

WEIR_TEST(timers_renewed_before_they_are_due_hold_little_memory) {
    enum { COUNT = 100, ROUNDS = 2000 };
    struct weir__timers *ts;
    struct weir__timer *t = make_timers(COUNT);
    assert_int_equal(weir__timers_new(0, &ts), 0);
    weir__alloc_peak_reset();
    size_t before = weir__alloc_live();
    for (weir_ns now_ns = 0, round = 0; round < ROUNDS; round++, now_ns += 100000) {
        for (size_t i = 0; i < COUNT; i++)
            weir__timer_arm(ts, &t[i], now_ns + WEIR_SECONDS(60));
        assert_int_equal(weir__timers_fire(ts, now_ns), 0);
    }
    assert_true(weir__alloc_peak() - before < 100); /* chunks of 16 */
    for (size_t i = 0; i < COUNT; i++)
        weir__timer_disarm(ts, &t[i]);
    weir__timers_free(ts);
    free(t);
}

WEIR_TEST(a_burst_of_timers_is_given_back_over_time) {
    enum { COUNT = 50000 };
    struct weir__timers *ts;
    struct weir__timer *t = make_timers(COUNT);
    assert_int_equal(weir__timers_new(0, &ts), 0);
    for (size_t i = 0; i < COUNT; i++)
        weir__timer_arm(ts, &t[i], WEIR_SECONDS(1) + (weir_ns)i * 1000);
    assert_true(weir__alloc_live() > COUNT / 16);
    assert_int_equal(weir__timers_fire(ts, WEIR_SECONDS(3)), COUNT);
    for (weir_ns turn = 0; turn < 1000; turn++)
        weir__timers_fire(ts, WEIR_SECONDS(4) + turn);
    assert_true(weir__alloc_live() < 100);
    weir__timers_free(ts);
    free(t);
}

WEIR_TEST(waiting_for_what_is_next_converges_in_few_steps) {
    struct weir__timers *ts;
    struct weir__timer *t = make_timers(1000);
    weir_ns now_ns = 12345, deadline_ns = now_ns + WEIR_SECONDS(86400) * 3;
    size_t steps = 0;
    assert_int_equal(weir__timers_new(now_ns, &ts), 0);
    for (size_t i = 0; i < 1000; i++)
        weir__timer_arm(ts, &t[i], deadline_ns + (weir_ns)i);
    weir__timer_disarm(ts, &t[0]); /* the least of a big slot is now a guess */
    for (; fired_count == 0; steps++) {
        now_ns = weir__timers_next(ts, false);
        weir__timers_fire(ts, now_ns);
    }
    assert_int_equal(now_ns, deadline_ns + 1);
    assert_in_range(steps, 1, 6);
    for (size_t i = 0; i < 1000; i++)
        weir__timer_disarm(ts, &t[i]);
    weir__timers_free(ts);
    free(t);
}

/* ---- what fire may do ----------------------------------------------------------------------- */

static struct weir__timers *timers;
static struct weir__timer first, second, third;

static void count_fire(struct weir__timer *t) {
    (void)t;
    fired_count++;
}

static void fire_rearms_for_the_past(struct weir__timer *t) {
    fired_count++;
    weir__timer_arm(timers, t, 1);
}

static void fire_disarms_others(struct weir__timer *t) {
    (void)t;
    fired_count++;
    weir__timer_disarm(timers, &second);
    weir__timer_disarm(timers, &third);
}

WEIR_TEST(a_timer_that_rearms_itself_for_the_past_fires_once_a_call) {
    assert_int_equal(weir__timers_new(0, &timers), 0);
    weir__timer_init(&first, fire_rearms_for_the_past);
    weir__timer_arm(timers, &first, 10);
    for (size_t call = 1; call <= 5; call++) {
        assert_int_equal(weir__timers_fire(timers, 20), 1);
        assert_int_equal(weir__timers_next(timers, true), 1);
        assert_int_equal(fired_count, call);
    }
    weir__timer_disarm(timers, &first);
    weir__timers_free(timers);
}

WEIR_TEST(a_due_timer_disarmed_by_an_earlier_one_does_not_fire) {
    assert_int_equal(weir__timers_new(0, &timers), 0);
    weir__timer_init(&first, fire_disarms_others);
    weir__timer_init(&second, count_fire);
    weir__timer_init(&third, count_fire);
    weir__timer_arm(timers, &third, WEIR_SECONDS(2));
    weir__timer_arm(timers, &second, 11);
    weir__timer_arm(timers, &first, 10);
    assert_int_equal(weir__timers_fire(timers, WEIR_SECONDS(3)), 1);
    assert_int_equal(fired_count, 1);
    assert_int_equal(weir__timers_next(timers, true), WEIR_NEVER);
    weir__timers_free(timers);
}

/* The wheel moves to a slot's beginning because of a timer that is gone by then. What else lies in
 * that first tick must not be overtaken by what is armed for the same tick later. */
WEIR_TEST(a_tick_entered_early_keeps_its_order) {
    weir_ns tick_ns = (weir_ns)256 << 20;
    struct weir__timer *t = make_timers(3);
    assert_int_equal(weir__timers_new(0, &timers), 0);
    weir__timer_arm(timers, &t[0], tick_ns + 10);
    weir__timer_arm(timers, &t[1], tick_ns + 2000);
    weir__timer_disarm(timers, &t[0]);
    assert_int_equal(weir__timers_fire(timers, tick_ns + 20), 0);
    weir__timer_arm(timers, &t[2], tick_ns + 3000);
    assert_int_equal(weir__timers_next(timers, true), tick_ns + 2000);
    assert_int_equal(weir__timers_fire(timers, tick_ns + 4000), 2);
    weir__timers_free(timers);
    free(t);
}

WEIR_TEST(never_disarms_and_disarming_twice_is_harmless) {
    assert_int_equal(weir__timers_new(0, &timers), 0);
    weir__timer_init(&first, count_fire);
    weir__timer_arm(timers, &first, 10);
    weir__timer_arm(timers, &first, WEIR_NEVER);
    assert_false(weir__timer_armed(&first));
    weir__timer_disarm(timers, &first);
    assert_int_equal(weir__timers_fire(timers, WEIR_NEVER - 1), 0);
    weir__timers_free(timers);
}

WEIR_TEST_ABORTS(timers_cannot_be_freed_with_one_armed, "while a timer was armed") {
    assert_int_equal(weir__timers_new(0, &timers), 0);
    weir__timer_init(&first, count_fire);
    weir__timer_arm(timers, &first, WEIR_SECONDS(10));
    weir__timers_free(timers);
}

WEIR_TEST(without_memory_there_are_no_timers) {
    weir__alloc_fail_at(1);
    assert_int_equal(weir__timers_new(0, &timers), -ENOMEM);
    weir__timers_free(NULL);
    weir__alloc_fail_at(0);
}

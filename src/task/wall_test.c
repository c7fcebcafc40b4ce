/* SPDX-License-Identifier: MIT */
/* The wall clock. The machine's own cannot be stepped by a test: steps happen in the simulation
 * only, and sys/wall_timer.c is asked on the kernel backends without one. */
#include "test/runner.h"

#include <time.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/wall.h>

#define BEGIN_NS WEIR_SECONDS(1767225600)

#define WALL_STORY(sentence)                                                                       \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

#define STEP_STORY(sentence)                                                                       \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST(sentence) {                                                                          \
        struct weir_sim_options o = {.size = sizeof o, .fixed_order = true};                       \
        assert_int_equal(weir_sim_run(sentence##_run, NULL, &o), 0);                               \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

WALL_STORY(a_sleep_by_the_wall_clock_ends_when_it_has_reached_the_time) {
    weir_ns when_ns = weir_wall_now() + WEIR_MILLISECONDS(5);
    assert_int_equal(weir_wall_sleep_until(when_ns), 0);
    assert_true(weir_wall_now() >= when_ns);
    return 0;
}

WALL_STORY(a_time_that_is_over_needs_no_sleep) {
    assert_int_equal(weir_wall_sleep_until(weir_wall_now() - 1), 0);
    assert_int_equal(weir_wall_sleep_until(0), 0);
    assert_int_equal(weir_wall_sleep_until(-1), 0);
    return 0;
}

WALL_STORY(the_offset_is_the_wall_clock_less_the_monotonic_one) {
    weir_ns before_ns = weir_now(), wall_ns = weir_wall_now(), after_ns = weir_now();
    weir_ns offset_ns = weir_wall_offset();
    assert_true(wall_ns - offset_ns >= before_ns - WEIR_MILLISECONDS(1));
    assert_true(wall_ns - offset_ns <= after_ns + WEIR_MILLISECONDS(1));
    return 0;
}

WALL_STORY(a_deadline_ends_a_sleep_by_the_wall_clock) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    int rc = weir_wall_sleep_until(WEIR_NEVER);
    assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    weir_ns offset_ns = weir_wall_offset(), seen_ns = offset_ns;
    rc = weir_wall_wait_step(&offset_ns);
    assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    assert_true(offset_ns == seen_ns);
    return 0;
}

/* Only by the offset: the caller's belongs to a time before a step. No clock is stepped here. */
WALL_STORY(a_step_before_the_call_is_not_missed) {
    weir_ns now_ns = weir_wall_offset(), offset_ns = now_ns - WEIR_SECONDS(60);
    assert_int_equal(weir_wall_wait_step(&offset_ns), 0);
    assert_true(offset_ns - now_ns < WEIR_MILLISECONDS(1));
    assert_true(now_ns - offset_ns < WEIR_MILLISECONDS(1));
    return 0;
}

WEIR_TEST(outside_a_loop_the_wall_clock_is_the_systems) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    weir_ns before_ns = (weir_ns)t.tv_sec * 1000000000 + t.tv_nsec;
    assert_true(weir_wall_now() >= before_ns);
    assert_true(weir_wall_now() - before_ns < WEIR_SECONDS(600));
    assert_int_equal(weir_wall_sleep_until(0), WEIR_ENOLOOP);
}

/* ---- steps, in the simulation ---------------------------------------------------------------- */

STEP_STORY(a_simulated_wall_clock_begins_with_2026_and_goes_on_with_the_virtual_clock) {
    assert_true(weir_wall_now() == BEGIN_NS);
    assert_int_equal(weir_sleep(WEIR_SECONDS(90)), 0);
    assert_true(weir_wall_now() == BEGIN_NS + WEIR_SECONDS(90));
    assert_int_equal(weir_wall_sleep_until(BEGIN_NS + WEIR_SECONDS(100)), 0);
    assert_true(weir_wall_now() == BEGIN_NS + WEIR_SECONDS(100));
    return 0;
}

struct stepping_args {
    weir_ns after_ns, by_ns;
};

static int stepping(void *args) {
    struct stepping_args *a = args;
    int rc = weir_sleep(a->after_ns);
    return rc < 0 ? rc : weir_sim_wall_step(a->by_ns);
}

static void step_later(weir_ns after_ns, weir_ns by_ns) {
    assert_int_equal(weir_go(NULL, stepping, .after_ns = after_ns, .by_ns = by_ns), 0);
}

STEP_STORY(a_step_beyond_the_time_ends_the_simulated_sleep_at_once) {
    weir_ns begin_ns = weir_now();
    step_later(WEIR_SECONDS(10), WEIR_SECONDS(3600));
    assert_int_equal(weir_wall_sleep_until(BEGIN_NS + WEIR_SECONDS(3600)), 0);
    assert_true(weir_now() - begin_ns == WEIR_SECONDS(10));
    return 0;
}

STEP_STORY(a_step_that_does_not_reach_the_time_is_reported_by_the_simulated_sleep) {
    weir_ns begin_ns = weir_now(), when_ns = BEGIN_NS + WEIR_SECONDS(3600);
    step_later(WEIR_SECONDS(10), -WEIR_SECONDS(600));
    assert_int_equal(weir_wall_sleep_until(when_ns), 1);
    assert_true(weir_now() - begin_ns == WEIR_SECONDS(10));
    assert_int_equal(weir_wall_sleep_until(when_ns), 0); /* the same time, later by the step */
    assert_true(weir_now() - begin_ns == WEIR_SECONDS(4200));
    return 0;
}

STEP_STORY(each_step_of_the_simulated_clock_is_waited_for_and_none_is_missed) {
    weir_ns begin_ns = weir_wall_offset(), offset_ns = begin_ns;
    step_later(WEIR_SECONDS(1), WEIR_SECONDS(5));
    assert_int_equal(weir_wall_wait_step(&offset_ns), 0);
    assert_true(offset_ns - begin_ns == WEIR_SECONDS(5));
    assert_int_equal(weir_sim_wall_step(-WEIR_SECONDS(7)), 0); /* while nobody waits */
    assert_int_equal(weir_wall_wait_step(&offset_ns), 0);
    assert_true(offset_ns - begin_ns == -WEIR_SECONDS(2));
    step_later(WEIR_SECONDS(1), WEIR_MILLISECONDS(0.5)); /* too small */
    step_later(WEIR_SECONDS(2), WEIR_MILLISECONDS(0.5)); /* with the one before: 1 ms */
    assert_int_equal(weir_wall_wait_step(&offset_ns), 0);
    assert_true(offset_ns - begin_ns == -WEIR_SECONDS(2) + WEIR_MILLISECONDS(1));
    offset_ns = INT64_MIN; /* no offset at all, and further away than a number says */
    assert_int_equal(weir_wall_wait_step(&offset_ns), 0);
    assert_true(offset_ns - begin_ns == -WEIR_SECONDS(2) + WEIR_MILLISECONDS(1));
    return 0;
}

STEP_STORY(the_simulated_clock_is_stepped_as_far_as_numbers_go) {
    assert_int_equal(weir_sim_wall_step(INT64_MAX), 0);
    assert_true(weir_wall_now() == WEIR_NEVER);
    assert_int_equal(weir_wall_sleep_until(WEIR_NEVER - 1), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_sim_wall_step(INT64_MIN), 0);
    weir_ns begin_ns = weir_wall_now();
    assert_true(begin_ns < -WEIR_SECONDS(9000000000));
    assert_int_equal(weir_wall_sleep_until(begin_ns + WEIR_SECONDS(5)), 0);
    assert_true(weir_wall_now() == begin_ns + WEIR_SECONDS(5));
    struct weir_scope scope;
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    assert_int_equal(weir_wall_sleep_until(INT64_MAX - 1), -ETIME);
    return weir_scope_leave(&scope, 0);
}

WEIR_TEST(the_wall_clock_of_no_world_cannot_be_stepped) {
    assert_int_equal(weir_sim_wall_step(1), WEIR_ENOLOOP);
}

/* ---- explored -------------------------------------------------------------------------------- */

static int wall_story(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, stepping, .after_ns = WEIR_SECONDS(1), .by_ns = -WEIR_SECONDS(60));
    if (rc == 0)
        rc = weir_wall_sleep_until(weir_wall_now() + WEIR_SECONDS(30));
    if (rc >= 0)
        rc = weir_go(&g, stepping, .after_ns = WEIR_SECONDS(1), .by_ns = WEIR_SECONDS(60));
    if (rc == 0)
        rc = weir_wall_sleep_until(weir_wall_now() + WEIR_SECONDS(30));
    return weir_group_close(&g, rc);
}

static const struct weir_story story = {
    .size = sizeof story, .name = "wall clock", .fn = wall_story};

WEIR_TEST(a_sleep_by_the_wall_clock_survives_a_cancel_at_every_call) {
    struct weir_explored found;
    assert_int_equal(weir_explore_cancels(&story, &found), 0);
    assert_true(found.points > 3);
}

WEIR_TEST(a_sleep_by_the_wall_clock_survives_each_fault) {
    static const struct weir_fault fault = {
        .size = sizeof fault, .kinds = WEIR_FAULT_CLOCK | WEIR_FAULT_POLL, .error = -EMFILE};
    struct weir_explored found;
    assert_int_equal(weir_explore_faults(&story, &fault, &found), 0);
    assert_true(found.points > 1);
}

WEIR_TEST(a_sleep_by_the_wall_clock_survives_each_failed_allocation) {
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

WEIR_TEST(a_sleep_by_the_wall_clock_goes_the_same_way_twice_under_each_seed) {
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}

struct steps_and_cancels_args {
    struct weir_scope *s;
    weir_ns by_ns;
};
static void cancels(void *arg) {
    weir_scope_cancel(arg, "test");
}
static int steps_and_cancels(void *args) {
    struct steps_and_cancels_args *a = args;
    int rc = weir_sim_wall_step(a->by_ns);
    return rc < 0 ? rc : weir_post(weir_loop_current(), cancels, a->s);
}

/* The step wakes the task, and the cancel comes before it runs. */
STEP_STORY(a_cancel_that_meets_a_step_too_small_to_report_is_felt) {
    weir_ns offset_ns = weir_wall_offset();
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_go(NULL, steps_and_cancels, .s = &s, .by_ns = WEIR_MILLISECONDS(0.5)), 0);
    assert_int_equal(weir_scope_leave(&s, weir_wall_wait_step(&offset_ns)), WEIR_ESTOPPED);
    return 0;
}

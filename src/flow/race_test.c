/* SPDX-License-Identifier: MIT */
/* Several at once: weir_race, weir_map. */
#include "flow/flow_test_util.h"

#include <string.h>

struct one {
    int moments, rc;
    bool held, shielded; /* what it opened, until undone; it goes on although it is cancelled */
};

enum { A_DAY = 24 * 3600 * 200 }; /* in moments */

static int opens(void *arg) {
    struct one *o = arg;
    struct weir_scope shield;
    if (o->shielded)
        weir_shield_enter(&shield, LONG);
    int rc = weir_sleep(o->moments * MOMENT);
    if (o->shielded)
        rc = weir_scope_leave(&shield, rc);
    o->held = rc == 0 && o->rc >= 0;
    return rc < 0 ? rc : o->rc;
}

static void closes(void *arg) {
    struct one *o = arg;
    assert_true(o->held);
    o->held = false;
}

static int race(struct one *ones, size_t n, size_t *ret_winner) {
    struct weir_racer r[4];
    for (size_t i = 0; i < n; i++)
        r[i] = (struct weir_racer){opens, &ones[i], closes, NULL};
    return weir_race(r, n, ret_winner);
}

static int the_first_wins(void *arg) {
    struct one ones[] = {{A_DAY, 1}, {3, 2}, {1, -ENOENT}, {4, 4, .shielded = true}};
    size_t winner = 9;
    int rc = race(ones, 4, &winner); /* in a day, were the first not cancelled */
    for (size_t i = 0; i < 4; i++) /* the fourth succeeds too, and is undone */
        assert_int_equal(ones[i].held, rc >= 0 && i == winner);
    assert_true(rc < 0 || ones[winner].rc == rc);
    return rc < 0 ? rc : (int)winner;
}

static int the_second_wins(void *arg) {
    return the_first_wins(arg) - 1;
}

WEIR_TEST_BACKENDS(the_first_to_succeed_wins_and_the_others_are_joined) {
    run(the_second_wins);
}

WEIR_TEST(a_race_leaves_nothing_behind_wherever_it_is_disturbed) {
    explore(the_first_wins);
}

static int all_lose(void *arg) {
    struct one ones[] = {{2, -ENOENT}, {1, -EPIPE}};
    size_t winner = 9;
    assert_int_equal(race(ones, 2, &winner), -ENOENT);
    assert_int_equal(winner, 9);
    assert_int_equal(weir_race(NULL, 0, NULL), -ECHILD);
    return 0;
}

WEIR_TEST_BACKENDS(a_race_that_all_lose_returns_the_last_error) {
    run(all_lose);
}

static int loses(void *arg) {
    return weir_fail(-EIO, "%s", (const char *)arg);
}

static int all_lose_with_texts(void *arg) {
    struct weir_racer r[] = {{loses, "the first text"}, {loses, "the last text"}};
    assert_int_equal(weir_race(r, 2, NULL), -EIO);
    assert_string_equal(weir_error_message(-EIO), "the last text");
    return 0;
}

WEIR_TEST_BACKENDS(a_race_that_all_lose_keeps_the_record_of_the_last_error) {
    runner_plain_order(); /* which one is the last */
    run(all_lose_with_texts);
}

/* All sleep until the same moment. One that is late begins its sleep after the others. */
struct at_once {
    int rc;
    bool late, shielded, held;
};

static int sleeps_with_the_others(void *arg) {
    struct at_once *a = arg;
    struct weir_scope shield;
    if (a->late && weir_yield() < 0)
        return weir_cancelled();
    if (a->shielded)
        weir_shield_enter(&shield, LONG);
    int rc = weir_sleep(MOMENT);
    if (a->shielded)
        rc = weir_scope_leave(&shield, rc);
    a->held = rc == 0 && a->rc >= 0;
    return rc < 0 ? rc : a->rc;
}

static void gives_back(void *arg) {
    ((struct at_once *)arg)->held = false;
}

/* Returns what weir_race does. expected: who has won; 3: nobody. */
static int race_at_once(struct at_once a[3], size_t expected) {
    struct weir_racer r[3];
    size_t winner = 3;
    for (size_t i = 0; i < 3; i++)
        r[i] = (struct weir_racer){sleeps_with_the_others, &a[i], gives_back, NULL};
    int rc = weir_race(r, 3, &winner);
    assert_int_equal(winner, expected);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(a[i].held, i == winner);
    return rc;
}

static int end_at_once(void *arg) {
    struct at_once win[] = {{-ENOENT}, {1, .late = true}, {2}};
    struct at_once lose[] = {{-ENOENT}, {-EPIPE, .late = true}, {-EIO}};
    assert_int_equal(race_at_once(win, 2), 2);
    assert_int_equal(race_at_once(lose, 3), -EPIPE);
    return 0;
}

WEIR_TEST(racers_that_end_in_one_round_are_taken_in_the_order_of_their_ends) {
    runner_plain_order();
    run_in_order(end_at_once);
}

struct firer {
    struct weir_scope *scope;
    bool first; /* before a racer has won, or after that */
};

/* Sleeps until the same moment as the racers do. */
static int fires(void *args) {
    struct firer *f = args;
    for (int i = 0; i < 3 && !f->first; i++)
        assert_int_equal(weir_yield(), 0);
    assert_int_equal(weir_sleep(MOMENT), 0);
    weir_scope_cancel(f->scope, "in the same round");
    return 0;
}

static int raced_against(bool first, struct at_once a[3], size_t expected) {
    struct weir_scope s;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&s, WEIR_NEVER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(fires), fires, &(struct firer){&s, first},
                                sizeof(struct firer), NULL, NULL),
                     0);
    int rc = race_at_once(a, expected);
    assert_int_equal(weir_cancelled(), -ECANCELED);
    if (rc < 0)
        assert_string_equal(weir_error(rc)->scope, "in the same round");
    weir_scope_leave(&s, 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    return rc;
}

static int fire_at_once(void *arg) {
    struct at_once before[] = {{-ENOENT}, {7}, {8, .late = true}}; /* the caller has not run yet */
    struct at_once after[] = {{7, .shielded = true}, {-ENOENT}, {8}};
    assert_int_equal(raced_against(false, before, 1), 7);
    assert_int_equal(raced_against(true, after, 3), -ECANCELED);
    return 0;
}

WEIR_TEST(a_scope_that_fires_after_a_racer_has_won_takes_nothing_away) {
    runner_plain_order();
    run_in_order(fire_at_once);
}

static int cut(void *arg) {
    struct one ones[] = {{5000, 1}, {3, 2, .shielded = true}};
    struct weir_scope s;
    weir_scope_enter(&s, MOMENT);
    assert_int_equal(race(ones, 2, NULL), -ETIME);
    assert_false(ones[1].held); /* it succeeded after the race had been given up */
    assert_int_equal(weir_error(-ETIME)->budget, MOMENT);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(a_race_that_is_cut_short_undoes_what_still_succeeds) {
    run(cut);
}

/* ---- map ---- */

struct square {
    int n, squared;
};

static int at_work, most;

static int square(void *item, void *arg) {
    struct square *s = item;
    at_work++;
    most = at_work > most ? at_work : most;
    int rc = weir_sleep((s->n > 1000 ? A_DAY : s->n * 3 % 5) * MOMENT);
    at_work--;
    if (rc == 0)
        s->squared = s->n * s->n;
    return rc < 0 ? rc : s->n == 77 ? -EPROTO : 0;
}

static int maps(void *arg) {
    struct square items[20];
    most = at_work = 0;
    for (int i = 0; i < 20; i++)
        items[i] = (struct square){i, 0};
    int rc = weir_map(square, items, sizeof *items, 20, 3, NULL);
    assert_int_equal(at_work, 0);
    for (int i = 0; i < 20 && rc == 0; i++)
        assert_int_equal(items[i].squared, i * i);
    if (rc == 0)
        assert_int_equal(most, 3);
    return rc;
}

WEIR_TEST_BACKENDS(a_map_works_at_so_many_items_at_once) {
    run(maps);
}

WEIR_TEST(a_map_leaves_nothing_behind_wherever_it_is_disturbed) {
    explore(maps);
}

static int one_fails(void *arg) {
    struct square items[] = {{5}, {10}, {77}, {1001}, {1001}};
    at_work = 0;
    assert_int_equal(weir_map(square, items, sizeof *items, 5, 2, NULL), -EPROTO);
    assert_int_equal(weir_error(-EPROTO)->done, 2);
    assert_int_equal(at_work, 0);
    assert_int_equal(items[4].squared, 0); /* it did not begin */
    assert_int_equal(weir_map(square, NULL, 1, 0, 1, NULL), 0);
    assert_int_equal((weir_map)(square, items, sizeof *items, 1, 9, NULL), 0);
    return 0;
}

WEIR_TEST_BACKENDS(an_error_ends_a_map) {
    run(one_fails);
}

/* Item 1: its task is cancelled, and nobody else. */
static int is_cancelled_alone(void *item, void *arg) {
    int n = *(int *)item;
    *(int *)item = -1;
    if (n == 1)
        weir_task_cancel(weir_task_current(), "this one alone");
    return *(bool *)arg ? 0 : weir_sleep(n == 2 ? A_DAY * MOMENT : MOMENT);
}

static void stops_at_1(int *items, size_t limit, bool succeeds, size_t done) {
    assert_int_equal(weir_map(is_cancelled_alone, items, sizeof *items, 4, limit, &succeeds),
                     -ECANCELED);
    assert_string_equal(weir_error(-ECANCELED)->scope, "this one alone");
    assert_int_equal(weir_error(-ECANCELED)->done, done);
    assert_int_equal(items[3], 3); /* it did not begin */
}

static int one_is_cancelled(void *arg) {
    weir_ns begin = weir_now();
    stops_at_1((int[]){0, 1, 2, 3}, 1, false, 1);
    stops_at_1((int[]){2, 1, 2, 3}, 2, false, 0); /* the other sleeps for a day */
    stops_at_1((int[]){1, 2, 3, 3}, 1, true, 1);
    assert_true(weir_now() - begin < A_DAY * MOMENT);
    int last[] = {0, 0, 0, 1};
    bool succeeds = true;
    assert_int_equal(weir_map(is_cancelled_alone, last, sizeof *last, 4, 2, &succeeds), 0);
    assert_int_equal(weir_cancelled(), 0);
    return 0;
}

WEIR_TEST(the_cancel_of_one_task_of_a_map_ends_the_map) {
    run_in_order(one_is_cancelled);
}

static int sleeps_for_ever(void *args) {
    return weir_sleep(WEIR_NEVER);
}

/* It leaves the record of an error that it has handled. */
static int handles_a_cancel(void *item, void *arg) {
    struct weir_task *child = NULL;
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(child), sleeps_for_ever, NULL, 0, NULL, &child), 0);
    weir_task_cancel(child, "a child");
    assert_int_equal(weir_await(&child, NULL, 0), -ECANCELED);
    weir_task_cancel(weir_task_current(), "this one alone");
    return 0;
}

static int handles_an_error(void *item, void *arg) {
    if (*(int *)item > 0)
        return -ENOENT;
    assert_int_equal(weir_fail(-ENOENT, "no first"), -ENOENT);
    return 0;
}

static int earlier_errors_are_handled(void *arg) {
    int items[] = {0, 1};
    assert_int_equal(weir_map(handles_a_cancel, items, sizeof *items, 2, 1, NULL), -ECANCELED);
    assert_string_equal(weir_error(-ECANCELED)->scope, "this one alone");
    assert_int_equal(weir_map(handles_an_error, items, sizeof *items, 2, 1, NULL), -ENOENT);
    assert_null(strstr(weir_error_message(-ENOENT), "no first"));
    return 0;
}

WEIR_TEST(what_a_call_of_a_map_has_handled_is_not_told_of_another) {
    run_in_order(earlier_errors_are_handled);
}

static int fails_on_the_way(void *item, void *arg) {
    int n = *(int *)item;
    (void)arg;
    if (n == 1)
        weir_task_cancel(weir_task_current(), "this one alone");
    int rc = weir_sleep(LONG);
    return n == 1 ? rc : weir_fail(-EIO, "while it was cancelled");
}

static int another_fails_then(void *arg) {
    int items[] = {0, 1};
    assert_int_equal(weir_map(fails_on_the_way, items, sizeof *items, 2, 2, NULL), -EIO);
    assert_string_equal(weir_error_message(-EIO), "while it was cancelled");
    return 0;
}

WEIR_TEST(an_error_of_a_map_counts_more_than_the_cancel_of_one_of_its_tasks) {
    run_in_order(another_fails_then);
}

static int late_work(void *item, void *arg) {
    struct weir_scope shield;
    (void)item;
    weir_shield_enter(&shield, LONG);
    return weir_scope_leave(&shield, weir_sleep(2 * MOMENT));
}

static int fires_late(void *arg) {
    char items[3];
    struct weir_scope s;
    weir_scope_enter(&s, MOMENT);
    assert_int_equal(weir_map(late_work, items, 1, 2, 2, NULL), 0);
    assert_int_equal(weir_sleep(1), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    weir_scope_enter(&s, MOMENT);
    assert_int_equal(weir_map(late_work, items, 1, 3, 2, NULL), -ETIME);
    assert_int_equal(weir_error(-ETIME)->done, 2);
    return weir_scope_leave(&s, 0);
}

WEIR_TEST_BACKENDS(a_map_whose_calls_all_succeed_returns_0_although_a_scope_has_fired) {
    run(fires_late);
}

static int without_limit(void *arg) {
    return weir_map(square, NULL, 1, 0, 0, NULL);
}

WEIR_TEST_ABORTS(a_map_without_a_limit_aborts, "weir_map: the limit is 0") {
    weir_run(without_limit, NULL, NULL);
}

static int races_without_a_function(void *arg) {
    struct weir_racer racers[] = {{.fn = fires_late}, {.name = "empty"}};
    return weir_race(racers, 2, NULL);
}

WEIR_TEST_ABORTS(a_racer_without_a_function_aborts,
                 "weir_race: the function of racers[1] is NULL") {
    weir_run(races_without_a_function, NULL, NULL);
}

static int races_without_racers(void *arg) {
    (void)arg;
    return weir_race(NULL, 2, NULL);
}

WEIR_TEST_ABORTS(racers_that_are_null_abort, "weir_race: the array of racers is NULL") {
    weir_run(races_without_racers, NULL, NULL);
}

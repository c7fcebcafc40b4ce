/* SPDX-License-Identifier: MIT */
/* explore_seeds_test.c - weir_explore_seeds, and the other explorations under a seed. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "testing/seed_rig.h"

static char told[8192];

/* Explore the seeds; what is said of them is kept in `told`. */
static int explore(const char *name, int (*fn)(void *), uint64_t last, struct weir_explored *e) {
    struct weir_story s = {.size = sizeof s, .name = name, .fn = fn, .last = last};
    int kept = dup(STDERR_FILENO), fd = memfd_create("told", MFD_CLOEXEC);
    dup2(fd, STDERR_FILENO);
    int rc = weir_explore_seeds(&s, e);
    dup2(kept, STDERR_FILENO);
    ssize_t n = pread(fd, told, sizeof told - 1, 0);
    told[n > 0 ? n : 0] = '\0';
    close(kept);
    close(fd);
    return rc;
}

WEIR_TEST(a_hundred_seeds_are_run_twice_each_and_the_plain_order_before_them) {
    struct weir_explored e;
    assert_int_equal(explore("all", all_of_it, 0, &e), 0);
    assert_int_equal(e.points, 100);
    assert_int_equal(e.runs, 202);
    assert_int_equal(e.failed, 0);
}

static struct weir_scope waits;
static bool flag, waiting;

/* An event by hand. Between the look at the flag and the wait another task may set it. */
static int waits_for_flag(void *args) {
    (void)args;
    int rc = flag ? 0 : weir_sleep(WEIR_MILLISECONDS(1));
    weir_scope_enter(&waits, WEIR_NEVER);
    waiting = rc == 0;
    rc = weir_scope_leave(&waits, rc < 0 ? rc : weir_sleep(WEIR_NEVER));
    return rc == WEIR_ESTOPPED && flag ? 0 : rc;
}

static int sets_flag(void *args) {
    (void)args;
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    flag = true;
    if (rc == 0 && waiting)
        weir_scope_cancel(&waits, "the flag is set");
    return rc;
}

static int loses_a_wake(void *arg) {
    struct weir_group g;
    (void)arg;
    flag = waiting = false;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, waits_for_flag);
    rc = rc < 0 ? rc : weir_go0(&g, sets_flag);
    return weir_group_close(&g, rc);
}

WEIR_TEST(exploring_seeds_finds_a_lost_wake_that_the_plain_order_hides) {
    struct weir_sim_options plain = {.fixed_order = true};
    struct weir_explored e;
    assert_int_equal(run(loses_a_wake, plain, 1), 0);
    assert_int_equal(weir_sim_counts()->quiet, 0);
    assert_int_equal(explore("wake", loses_a_wake, 0, &e), -EPROTO);
    assert_int_equal(e.failed, 10); /* the call stops there */
    assert_non_null(strstr(told, "story wake, seed "));
    assert_non_null(strstr(told, "it waited for what could never happen"));
    assert_non_null(strstr(told, "to run it alone: WEIR_SEED="));
}

WEIR_TEST(the_seed_that_failed_is_run_alone) {
    struct weir_explored e;
    explore("wake", loses_a_wake, 0, &e);
    const char *alone = strstr(told, "WEIR_SEED=");
    assert_non_null(alone);
    char seed[32] = "";
    assert_int_equal(sscanf(alone, "WEIR_SEED=%31[0-9]", seed), 1);
    setenv("WEIR_SEED", seed, 1);
    assert_int_equal(explore("wake", loses_a_wake, 0, &e), -EPROTO);
    assert_int_equal(e.runs, 1);
    assert_int_equal(explore("six", six_tasks, 0, &e), 0);
    assert_int_equal(e.runs, 2);
    unsetenv("WEIR_SEED");
}

WEIR_TEST_ABORTS(a_seed_that_is_no_number_aborts, "WEIR_SEED is \"x7\", and that is no number") {
    struct weir_story s = {.size = sizeof s, .name = "six", .fn = six_tasks};
    setenv("WEIR_SEED", "x7", 1);
    weir_explore_seeds(&s, NULL);
}

static int remembers(void *arg) {
    static int before;
    (void)arg;
    return weir_sleep(++before);
}

WEIR_TEST(exploring_seeds_finds_a_story_that_goes_another_way_the_second_time) {
    struct weir_explored e;
    assert_int_equal(explore("memory", remembers, 2, &e), -EPROTO);
    assert_int_equal(e.failed, 3);
    assert_non_null(strstr(told, "with the same seed it went another way the second time"));
}

static int fails_under_a_seed(void *arg) {
    (void)arg;
    return six_tasks(arg) < 0 || trace[traced - 1] == 'a' ? -EPROTO : 0;
}

WEIR_TEST(a_story_must_not_fail_under_any_seed) {
    struct weir_explored e;
    traced = 0;
    assert_int_equal(explore("error", fails_under_a_seed, 0, &e), -EPROTO);
    assert_non_null(strstr(told, "undisturbed it must not fail"));
}

/* The other explorations, under a seed. */
static int small_fan(void *arg) {
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_SECONDS(300));
    return weir_scope_leave(&s, converse(2, 10));
}

WEIR_TEST(a_small_fan_survives_every_cancel_under_every_seed) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct weir_sim_options o = {.size = sizeof o, .seed = seed, .loss = 100};
        struct weir_story s = {
            .size = sizeof s, .name = "small fan", .fn = small_fan, .options = &o};
        struct weir_explored e;
        disturbed = true;
        assert_int_equal(weir_explore_cancels(&s, &e), 0);
        assert_true(e.points >= 10);
    }
}

static int aborts_when_cancelled(void *arg) {
    (void)arg;
    assert_int_equal(weir_sleep(1), 0);
    return 0;
}

WEIR_TEST_ABORTS(an_abort_under_a_seed_says_the_seed, "story abort, seed 4, cancel at call 1") {
    struct weir_sim_options o = {.size = sizeof o, .seed = 4};
    struct weir_story s = {
        .size = sizeof s, .name = "abort", .fn = aborts_when_cancelled, .options = &o};
    weir_explore_cancels(&s, NULL);
}

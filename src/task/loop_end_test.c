/* SPDX-License-Identifier: MIT */
/* The run's own group; and a loop that outlives its run because threads hold references and post to
 * it. */
#include "test/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "task/task.h"

/* ---- the run's own group -------------------------------------------------------------------- */

static int counts_cancel(void *args) {
    int rc = weir_sleep(WEIR_SECONDS(3600));
    **(int **)args += rc == -ECANCELED;
    return rc;
}

static int cancels_run(void *arg) {
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_spawn(NULL, WEIR_SITE(counts_cancel), counts_cancel, &arg,
                                    sizeof arg, NULL, NULL), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_group_cancel(NULL, "enough");
    return weir_sleep(WEIR_SECONDS(3600));
}

WEIR_TEST_BACKENDS(cancelling_group_null_cancels_the_run_and_all_that_it_spawned) {
    int cancelled = 0;
    assert_int_equal(weir_run(cancels_run, &cancelled, NULL), -ECANCELED);
    assert_int_equal(cancelled, 3);
}

/* ---- all but the first task ---------------------------------------------------------------- */

static int first_goes_on(void *arg) {
    int *cancelled = arg;
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_spawn(NULL, WEIR_SITE(counts_cancel), counts_cancel, &arg,
                                    sizeof arg, NULL, NULL), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir__stop_others("enough");
    assert_int_equal(weir_cancelled(), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(*cancelled, 3);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(counts_cancel), counts_cancel, &arg, sizeof arg,
                                NULL, NULL), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(*cancelled, 4); /* it began cancelled */
    return 7;
}

WEIR_TEST_BACKENDS(the_first_task_goes_on_where_all_others_are_cancelled) {
    int cancelled = 0;
    assert_int_equal(weir_run(first_goes_on, &cancelled, NULL), 7);
    assert_int_equal(cancelled, 4);
}

static int spared_then_stopped(void *arg) {
    (void)arg;
    struct weir_group g;
    weir__stop_others("enough");
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_sleep(1), 0);
    weir_stop("all of it");
    assert_int_equal(weir_group_fired(&g), 0);
    assert_int_equal(weir_cancelled(), -ECANCELED);
    return weir_group_close(&g, weir_sleep(WEIR_SECONDS(3600)));
}

WEIR_TEST_BACKENDS(a_first_task_that_was_spared_is_still_stopped_by_weir_stop) {
    assert_int_equal(weir_run(spared_then_stopped, NULL, NULL), -ECANCELED);
}

static int waits_spared(void *arg) {
    (void)arg;
    weir__stop_others("enough");
    return weir_sleep(WEIR_NEVER);
}

WEIR_TEST(a_first_task_that_was_spared_and_that_nothing_can_wake_is_cancelled) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    assert_int_equal(weir_run(waits_spared, NULL, &o), -ECANCELED);
}

WEIR_TEST_ABORTS(cancelling_group_null_outside_a_loop_aborts, "thread without a loop") {
    weir_group_cancel(NULL, "x");
}

/* ---- loops ---------------------------------------------------------------------------------- */

WEIR_TEST_ABORTS(explaining_no_loop_aborts, "weir_loop_explain: the loop is NULL") {
    weir_loop_explain(weir_loop_current());
}

static void never(void *arg) {
    (void)arg;
}

WEIR_TEST_ABORTS(posting_to_no_loop_aborts, "weir_post: the loop is NULL") {
    weir_post(NULL, never, NULL);
}

WEIR_TEST_ABORTS(a_reference_to_no_loop_aborts, "weir_loop_ref: the loop is NULL") {
    weir_loop_ref(NULL);
}

static int gives_back_twice(void *arg) {
    (void)arg;
    struct weir_loop *l = weir_loop_ref(weir_loop_current()), *again = l;
    weir_loop_unref(&l);
    weir_loop_unref(&again);
    return 0;
}

WEIR_TEST_ABORTS(a_loop_given_back_more_often_than_taken_aborts, "more often than taken") {
    weir_run(gives_back_twice, NULL, NULL);
}

static int gives_loop(void *arg) {
    *(struct weir_loop **)arg = weir_loop_ref(weir_loop_current());
    return 0;
}

WEIR_TEST_BACKENDS(a_post_to_a_referenced_loop_that_has_ended_is_refused) {
    struct weir_loop *l = NULL;
    assert_int_equal(weir_run(gives_loop, &l, NULL), 0);
    assert_int_equal(weir_post(l, never, NULL), WEIR_ECLOSED);
    assert_true(strlen(weir_loop_explain(l)) > 0);
    weir_loop_unref(&l);
    assert_null(l);
    weir_loop_unref(&l);
    weir_loop_unref(NULL);
}

/* ---- posts while the loop ends -------------------------------------------------------------- */

enum { POSTERS = 4 };

static _Atomic size_t accepted;
static size_t ran, dropped;

static void counts(void *arg) {
    (void)arg;
    ran++;
}

static void *posts_until_refused(void *arg) {
    struct weir_loop *l = arg;
    int rc;
    while ((rc = weir_post(l, counts, NULL)) == 0)
        accepted++;
    assert_int_equal(rc, WEIR_ECLOSED);
    weir_loop_unref(&l);
    return NULL;
}

static pthread_t posters[POSTERS];

static int ends_among_posts(void *arg) {
    (void)arg;
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&posters[i], NULL, posts_until_refused,
                                        weir_loop_ref(weir_loop_current())), 0);
    while (ran < 100)
        assert_int_equal(weir_yield(), 0);
    return 0;
}

static void count_dropped(enum weir_log_level level, const char *line, void *arg) {
    (void)level;
    (void)arg;
    dropped += strtoul(strstr(line, "ended: ") + 7, NULL, 10);
}

WEIR_TEST_BACKENDS(each_post_while_a_loop_ends_runs_is_counted_as_dropped_or_is_refused) {
    weir_log_to(count_dropped, NULL);
    for (int round = 0; round < 20; round++) {
        accepted = ran = dropped = 0;
        assert_int_equal(weir_run(ends_among_posts, NULL, NULL), 0);
        for (int i = 0; i < POSTERS; i++)
            pthread_join(posters[i], NULL);
        assert_int_equal(accepted, ran + dropped);
    }
}

/* SPDX-License-Identifier: MIT */
/* Callbacks: the order of the queue, the record of their own, and that they cannot suspend. */
#include "test/runner.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <weir/drive.h>

#include "task/failure.h"
#include "task/internal.h"
#include "task/soon.h"

static char story[64];
static struct weir__soon nodes[4];

static void says(char letter) {
    size_t len = strlen(story);
    if (len + 1 < sizeof story)
        story[len] = letter;
}

static void run_letter(struct weir__soon *n, bool dropped) {
    says(dropped ? 'x' : (char)('a' + (n - nodes)));
}

static void run_again(struct weir__soon *n, bool dropped) {
    run_letter(n, dropped);
    if (!dropped)
        weir__soon_add(n);
}

static void prepare(void) {
    memset(story, 0, sizeof story);
    for (int i = 0; i < 4; i++)
        weir__soon_prepare(&nodes[i], run_letter);
}

static int adds_four(void *arg) {
    (void)arg;
    prepare();
    for (int i = 0; i < 4; i++)
        weir__soon_add(&nodes[i]);
    weir__soon_remove(&nodes[1]);
    weir__soon_remove(&nodes[1]);
    says('-');
    return weir_yield() < 0 ? -EPROTO : weir_sleep(1);
}

WEIR_TEST_BACKENDS(callbacks_run_in_the_order_of_adding_when_no_task_is_ready) {
    assert_int_equal(weir_run(adds_four, NULL, NULL), 0);
    assert_string_equal(story, "-acd");
}

static int adds_and_ends(void *arg) {
    (void)arg;
    prepare();
    weir__soon_add(&nodes[2]);
    return 0;
}

WEIR_TEST_BACKENDS(what_the_last_task_queued_still_runs) {
    assert_int_equal(weir_run(adds_and_ends, NULL, NULL), 0);
    assert_string_equal(story, "c");
}

static int adds_for_ever(void *arg) {
    (void)arg;
    prepare();
    nodes[0].called = run_again;
    weir__soon_add(&nodes[0]);
    return 0;
}

WEIR_TEST_BACKENDS(a_callback_that_always_queues_itself_is_dropped_when_the_run_ends) {
    assert_int_equal(weir_run(adds_for_ever, NULL, NULL), 0);
    assert_string_equal(story, "aax");
}

static int waits_beside_it(void *arg) {
    adds_for_ever(arg);
    return weir_sleep(WEIR_MILLISECONDS(1));
}

WEIR_TEST(a_callback_that_always_queues_itself_does_not_hold_back_timers) {
    assert_int_equal(weir_run(waits_beside_it, NULL, &(struct weir_run_options){
        sizeof(struct weir_run_options), .backend = "epoll"}), 0);
    assert_true(strchr(story, 'x') != NULL || strlen(story) + 1 == sizeof story);
}

static void suspends(struct weir__soon *n, bool dropped) {
    (void)n, (void)dropped;
    assert_null(weir_task_current());
    assert_int_equal(weir_sleep(1), WEIR_ENOLOOP);
    assert_non_null(strstr(weir_error_message(WEIR_ENOLOOP), "callbacks must not suspend"));
    says('s');
}

static int adds_suspending(void *arg) {
    (void)arg;
    prepare();
    nodes[0].called = suspends;
    weir__soon_add(&nodes[0]);
    weir__soon_add(&nodes[1]);
    return weir_sleep(1);
}

WEIR_TEST_BACKENDS(a_suspending_call_in_a_callback_returns_enoloop) {
    assert_int_equal(weir_run(adds_suspending, NULL, NULL), 0);
    assert_string_equal(story, "sb");
}

static int calls_back_inside(void *arg) {
    struct weir__callback outer, inner;
    (void)arg;
    int mine = weir__failf(-EIO, "read", "disk", "%s", "mine");
    weir__callback_begin(&outer);
    assert_null(weir_error(-EIO));
    assert_int_equal(weir_yield(), WEIR_ENOLOOP);
    assert_int_equal(weir_fail(WEIR_EUSER, "outer's"), WEIR_EUSER);
    weir__callback_begin(&inner);
    assert_null(weir_error(WEIR_EUSER));
    assert_int_equal(weir_fail(WEIR_EUSER, "inner's"), WEIR_EUSER);
    weir__callback_end(&inner);
    assert_string_equal(weir_error_message(WEIR_EUSER), "outer's");
    weir__callback_end(&outer);
    assert_string_equal(weir_error_message(mine), "read disk: mine");
    return weir_yield();
}

WEIR_TEST(a_callback_inside_a_task_has_a_record_of_its_own_and_leaves_the_tasks_alone) {
    assert_int_equal(weir_run(calls_back_inside, NULL, NULL), 0);
}

WEIR_TEST(a_callback_on_a_thread_without_a_loop_has_a_record_of_its_own) {
    struct weir__callback c;
    assert_int_equal(weir_sleep(1), WEIR_ENOLOOP);
    weir__callback_begin(&c);
    assert_null(weir_error(WEIR_ENOLOOP));
    weir__callback_end(&c);
    assert_non_null(weir_error(WEIR_ENOLOOP));
}

WEIR_TEST_BACKENDS(a_callback_of_plain_code_may_open_and_close_loops) {
    struct weir__callback c;
    struct weir_loop *a, *b;
    weir__callback_begin(&c);
    assert_int_equal(weir_loop_open(NULL, &a), 0);
    weir__callback_end(&c);
    weir__callback_begin(&c);
    assert_int_equal(weir_loop_open(NULL, &b), 0);
    weir_loop_close(&a);
    weir__callback_end(&c);
    assert_ptr_equal(weir_loop_current(), b);
    assert_int_equal(weir_sleep(1), WEIR_ENOLOOP);
    weir_loop_close(&b);
}

static void ends_callback(void *c) {
    weir__callback_end(c);
}

static int forks_in_a_callback(void *arg) {
    struct weir__callback c;
    char said[256] = "";
    (void)arg;
    weir__callback_begin(&c);
    int status = runner_child(ends_callback, &c, said, sizeof said);
    weir__callback_end(&c);
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(said, "a callback forked, and returned in the child"));
    return 0;
}

WEIR_TEST_BACKENDS(a_callback_that_returns_in_a_fork_child_aborts) {
    assert_int_equal(weir_run(forks_in_a_callback, NULL, NULL), 0);
}

static int opens_a_scope(void *arg) {
    struct weir__callback c;
    struct weir_scope s;
    (void)arg;
    weir__callback_begin(&c);
    weir_scope_enter(&s, 1);
    return 0;
}

WEIR_TEST_ABORTS(a_scope_in_a_callback_aborts, "weir_scope_enter") {
    weir_run(opens_a_scope, NULL, NULL);
}

static int keeps_an_error(void *arg) {
    struct weir__failure f = {0};
    (void)arg;
    weir__failure_keep(&f, weir__failf(-EIO, "read", "disk", "%s", "torn"));
    weir__error_begin();
    assert_int_equal(weir__failure_give(&f), -EIO);
    assert_string_equal(weir_error_message(-EIO), "read disk: torn");
    weir__failure_log(&f, "future", WEIR_SITE(test));
    weir__failure_log(&f, "future", WEIR_SITE(test));
    weir__failure_drop(&f);
    return 0;
}

WEIR_TEST(a_kept_error_is_given_with_its_record_and_settled_once) {
    assert_int_equal(weir_run(keeps_an_error, NULL, NULL), 0);
    assert_true(weir__ledger.raised == 1 && weir__ledger.settled == 1);
    assert_true(weir__ledger.raised_sum == weir__ledger.settled_sum);
}

/* SPDX-License-Identifier: MIT */
/* Callbacks of the loop: their order, handles, time, descriptors, other threads, the end of a
 * run. */
#include "test/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/callback.h>
#include <weir/task.h>
#include <weir/testing.h>

static char story[256];
static int count;

static void says(void *word) {
    size_t len = strlen(story);
    snprintf(story + len, sizeof story - len, "%s%s", len > 0 ? " " : "", (const char *)word);
}

static struct weir_future *over;

static void last(void *word) {
    says(word);
    assert_int_equal(weir_future_resolve(over, NULL), 0);
}

static int wait_for_last(void) {
    int rc = weir_future_await(over, NULL);
    weir_future_unref(&over);
    return rc;
}

static void run(int (*fn)(void *arg)) {
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
}

static void soon(char *word) {
    assert_int_equal(weir_call_soon(says, word, NULL), 0);
}

static int calls_soon(void *arg) {
    struct weir_call *two, *none = NULL, *three;
    (void)arg;
    soon("one");
    assert_int_equal(weir_call_soon(says, "two", &two), 0);
    assert_int_equal(weir_call_soon(says, "three", &three), 0);
    soon("four");
    assert_true(weir_call_cancel(&two));
    assert_null(two);
    assert_false(weir_call_cancel(&two) || weir_call_cancel(&none) || weir_call_cancel(NULL));
    says("returned");
    weir_sleep(1);
    assert_false(weir_call_cancel(&three));
    return 0;
}

WEIR_TEST_BACKENDS(calls_run_in_the_order_of_asking_and_a_handle_cancels_one) {
    run(calls_soon);
    assert_string_equal(story, "returned one three four");
}

static void asks_again(void *arg) {
    says(arg);
    if (++count < 3)
        assert_int_equal(weir_call_soon(asks_again, arg, NULL), 0);
}

static int mixes(void *arg) {
    (void)arg;
    assert_int_equal(weir_call_soon(asks_again, "again", NULL), 0);
    soon("other");
    return weir_sleep(WEIR_MILLISECONDS(1));
}

WEIR_TEST_BACKENDS(a_callback_that_asks_for_another_gets_it_behind_those_of_this_round) {
    run(mixes);
    assert_string_equal(story, "again other again again");
}

static int calls_later(void *arg) {
    struct weir_call *handle, *released;
    weir_ns at = weir_now() + WEIR_MILLISECONDS(2);
    (void)arg;
    assert_int_equal(weir_future_new(0, &over), 0);
    assert_int_equal(weir_call_later(WEIR_MILLISECONDS(3), last, "last", NULL), 0);
    assert_int_equal(weir_call_at(at, says, "a", NULL), 0);
    assert_int_equal(weir_call_at(at, says, "cancelled", &handle), 0);
    assert_int_equal(weir_call_at(at, says, "b", &released), 0);
    assert_int_equal(weir_call_at(at, says, "c", NULL), 0);
    assert_int_equal(weir_call_later(WEIR_NEVER, says, "never", NULL), 0);
    assert_int_equal(weir_call_at(-1, says, "past", NULL), 0);
    soon("soon");
    weir_call_release(&released);
    assert_null(released);
    assert_true(weir_call_cancel(&handle));
    return wait_for_last();
}

WEIR_TEST_BACKENDS(calls_of_equal_time_run_in_the_order_of_asking) {
    run(calls_later);
    assert_string_equal(story, "soon past a b c last");
}

static void cancels_the_next(void *arg) {
    says("first");
    assert_true(weir_call_cancel(arg));
}

static int cancels_in_its_round(void *arg) {
    static struct weir_call *next;
    (void)arg;
    assert_int_equal(weir_call_soon(cancels_the_next, &next, NULL), 0);
    assert_int_equal(weir_call_soon(says, "next", &next), 0);
    soon("third");
    return weir_sleep(1);
}

WEIR_TEST(a_callback_cancels_one_that_is_queued_behind_it_in_the_same_round) {
    run(cancels_in_its_round);
    assert_string_equal(story, "first third");
}

static int leaves_calls(void *arg) {
    static struct weir_call *handle;
    (void)arg;
    assert_int_equal(weir_call_later(WEIR_SECONDS(3600), says, "never", NULL), 0);
    assert_int_equal(weir_call_later(WEIR_SECONDS(3600), says, "never", &handle), 0);
    assert_int_equal(weir_add_reader(STDIN_FILENO, says, "never"), 0);
    soon("last");
    return 0;
}

static void with_a_quiet_stdin(void (*fn)(void)) {
    int ends[2], stdin_before = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    fn();
    dup2(stdin_before, STDIN_FILENO);
    close(stdin_before);
    close(ends[0]);
    close(ends[1]);
}

static void leaves_some(void) {
    run(leaves_calls);
}

WEIR_TEST_BACKENDS(what_is_still_to_come_does_not_keep_a_run_from_ending) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("the simulation has no descriptors of the kernel");
    with_a_quiet_stdin(leaves_some);
    assert_string_equal(story, "last");
}

static void fails(void *arg) {
    (void)arg;
    assert_int_equal(weir_sleep(1), WEIR_ENOLOOP);
    assert_int_equal(weir_fail(WEIR_EUSER, "mine"), WEIR_EUSER);
    assert_string_equal(weir_error_message(WEIR_EUSER), "mine");
    says("failed");
}

static int asks_for_failing(void *arg) {
    (void)arg;
    assert_int_equal(weir_call_soon(fails, NULL, NULL), 0);
    assert_int_equal(weir_call_later(1, fails, NULL, NULL), 0);
    return weir_sleep(WEIR_MILLISECONDS(1));
}

WEIR_TEST_BACKENDS(a_callback_must_not_suspend_and_has_a_record_of_its_own) {
    run(asks_for_failing);
    assert_string_equal(story, "failed failed");
}

static int child(void *arg) {
    (void)arg;
    says("task");
    return 0;
}

static void spawns(void *arg) {
    (void)arg;
    assert_int_equal(weir_go0(NULL, child), 0);
}

static int asks_for_a_task(void *arg) {
    (void)arg;
    return weir_call_soon(spawns, NULL, NULL);
}

WEIR_TEST_BACKENDS(a_callback_of_the_last_round_may_spawn_a_task) {
    run(asks_for_a_task);
    assert_string_equal(story, "task");
}

static void stops(void *arg) {
    (void)arg;
    weir_stop("called");
}

static int waits(void *arg) {
    (void)arg;
    assert_int_equal(weir_call_later(WEIR_MILLISECONDS(1), stops, NULL, NULL), 0);
    return weir_sleep(WEIR_NEVER) == -ECANCELED ? 0 : -EPROTO;
}

WEIR_TEST_BACKENDS(a_callback_stops_the_run) {
    run(waits);
}

WEIR_TEST(a_call_outside_of_a_loop_returns_enoloop) {
    struct weir_call *c = NULL;
    assert_int_equal(weir_call_soon(says, "no", &c), WEIR_ENOLOOP);
    assert_int_equal(weir_call_later(1, says, "no", &c), WEIR_ENOLOOP);
    assert_int_equal(weir_add_reader(0, says, "no"), WEIR_ENOLOOP);
    assert_false(weir_remove_reader(0));
    assert_null(c);
}

static int gives_back_twice(void *arg) {
    struct weir_call *c, *copy;
    (void)arg;
    assert_int_equal(weir_call_soon(says, "once", &c), 0);
    copy = c;
    weir_call_release(&c);
    weir_call_release(&copy);
    return 0;
}

WEIR_TEST_ABORTS(a_handle_that_is_given_back_twice_aborts, "given back already?") {
    run(gives_back_twice);
}

/* ---- from other threads ---- */

static void counts(void *arg) {
    assert_int_equal((int)(intptr_t)arg, count);
    if (++count == 100)
        weir_stop("all came");
}

static void *calls_from_outside(void *arg) {
    struct weir_loop *l = arg;
    for (intptr_t i = 0; i < 100; i++)
        assert_int_equal(weir_call_soon_threadsafe(l, counts, (void *)i), 0);
    return NULL;
}

static int waits_for_a_thread(void *arg) {
    pthread_t *thread = arg;
    assert_int_equal(pthread_create(thread, NULL, calls_from_outside, weir_loop_current()), 0);
    assert_int_equal(weir_sleep(WEIR_NEVER), -ECANCELED);
    pthread_join(*thread, NULL);
    return 0;
}

WEIR_TEST_BACKENDS(calls_from_another_thread_keep_their_order) {
    pthread_t thread;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("the simulation has one thread");
    assert_int_equal(weir_run(waits_for_a_thread, &thread, NULL), 0);
    assert_int_equal(count, 100);
}

static int calls_itself_threadsafe(void *arg) {
    (void)arg;
    assert_int_equal(weir_call_soon_threadsafe(weir_loop_current(), says, "one"), 0);
    soon("two");
    return weir_sleep(1);
}

WEIR_TEST(a_threadsafe_call_on_the_loops_own_thread_keeps_its_place_in_the_queue) {
    run(calls_itself_threadsafe);
    assert_string_equal(story, "one two");
}

/* ---- descriptors ---- */

static int ends[2];

static void reads_one(void *arg) {
    char letter[2] = "";
    assert_int_equal(read(ends[0], letter, 1), 1);
    if (letter[0] == 'c') {
        assert_true(weir_remove_reader(ends[0]));
        last(letter);
        return;
    }
    says(letter);
    if (arg != NULL)
        weir_stop("read");
}

static void writes_abc(void *arg) {
    (void)arg;
    assert_int_equal(write(ends[1], "abcd", 4), 4);
    assert_true(weir_remove_writer(ends[1]));
    assert_false(weir_remove_writer(ends[1]));
}

static int reads_by_callback(void *arg) {
    (void)arg;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(weir_future_new(0, &over), 0);
    assert_int_equal(weir_add_reader(ends[0], says, "replaced"), 0);
    assert_int_equal(weir_add_reader(ends[0], reads_one, NULL), 0);
    assert_int_equal(weir_add_writer(ends[1], writes_abc, NULL), 0);
    int rc = wait_for_last();
    assert_string_equal(story, "a b c");
    assert_int_equal(weir_add_reader(ends[0], reads_one, "stop"), 0);
    assert_int_equal(weir_sleep(WEIR_NEVER), -ECANCELED);
    assert_true(weir_remove_reader(ends[0]));
    close(ends[0]);
    close(ends[1]);
    return rc;
}

static void only_kernel(void) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("the simulation has no descriptors of the kernel");
}

WEIR_TEST_BACKENDS(a_reader_is_called_in_each_round_until_it_is_removed) {
    only_kernel();
    run(reads_by_callback);
    assert_string_equal(story, "a b c d");
}

static int adds_bad(void *arg) {
    (void)arg;
    assert_int_equal(weir_add_reader(-1, says, "no"), -EBADF);
    assert_int_equal(weir_add_reader(1 << 26, says, "no"), -EBADF);
    assert_int_equal(weir_add_writer(1 << 26, says, "no"), -EBADF);
    assert_false(weir_remove_reader(-1));
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(weir_add_reader(ends[0], says, "no"), 0);
    assert_true(weir_remove_reader(ends[0]));
    assert_false(weir_remove_reader(ends[0]));
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(weir_add_reader(ends[0], says, "no"), -EBADF);
    assert_int_equal(weir_add_writer(ends[1], says, "no"), -EBADF);
    assert_false(weir_remove_reader(ends[0]) || weir_remove_writer(ends[1]));
    return weir_sleep(1);
}

WEIR_TEST_BACKENDS(a_reader_that_waits_is_removed_at_once) {
    only_kernel();
    run(adds_bad);
    assert_string_equal(story, "");
}

/* ---- explored ---- */

static void settles(void *arg) {
    ++*(int *)arg;
}

static int asks_for_many(void *arg) {
    int called = 0, asked = 0, rc = 0;
    struct weir_call *held = NULL;
    (void)arg;
    for (int i = 0; i < 100 && rc == 0; i++)
        asked += (rc = weir_call_later(i % 7, settles, &called, NULL)) == 0;
    if (rc == 0)
        rc = weir_call_soon(settles, &called, &held);
    if (rc == 0)
        rc = weir_sleep(100);
    bool late = weir_call_cancel(&held);
    return rc == 0 && (called != asked + 1 || late) ? -EPROTO : rc;
}

static const struct weir_story explored = {
    .size = sizeof explored, .name = "asks_for_many", .fn = asks_for_many};

WEIR_TEST(a_cancel_at_any_call_of_a_story_with_callbacks_leaves_nothing) {
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&explored, &e), 0);
    assert_true(e.points >= 1);
}

WEIR_TEST(a_hundred_seeds_run_a_story_with_callbacks) {
    struct weir_explored e;
    assert_int_equal(weir_explore_seeds(&explored, &e), 0);
}

WEIR_TEST(no_memory_at_any_allocation_of_a_story_with_callbacks_leaves_nothing) {
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&explored, &e), 0);
    assert_true(e.points >= 4);
}

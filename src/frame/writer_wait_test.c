/* SPDX-License-Identifier: MIT */
/* The writer whose stream is not to be had for a moment: another write has not left it yet, or the
 * machine lacks descriptors. */
#include <errno.h>
#include <string.h>
#include <weir/frame.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "stream/pair_test_util.h"
#include "test/runner.h"

enum { MUCH = 4000 };

static char much[MUCH];

static struct weir_sim_options small_buffers(bool deferred) {
    return (struct weir_sim_options){.size = sizeof(struct weir_sim_options), .deferred = deferred,
                                     .send_buffer = 512, .receive_buffer = 512};
}

/* *ret_full: nobody reads the other end, so that the writer's task waits for room. */
static struct weir_writer *open_full(struct weir_stream **ret_full, struct weir_stream **ret_far) {
    struct weir_writer *w;
    pair_of(false, ret_full, ret_far);
    assert_int_equal(weir_writer_open(*ret_full, 0, &w), 0);
    assert_int_equal(weir_writer_write(w, much, MUCH), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(10)), 0);
    return w;
}

static int reads_all(void *args) {
    struct weir_stream *s = *(struct weir_stream **)args;
    char got[64];
    ssize_t n;
    while ((n = weir_read(s, got, sizeof got)) > 0)
        continue;
    return (int)n;
}

static int flush_within_a_second(struct weir_writer *w) {
    struct weir_scope scope;
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    return weir_scope_leave(&scope, weir_writer_flush(w));
}

/* Once the other end is read, a flush ends; and all are closed. */
static int flushes_to_a_reader(struct weir_writer *w, struct weir_stream *s,
                               struct weir_stream *far) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(reads_all), reads_all, &far, sizeof far, NULL, NULL),
                     0);
    assert_int_equal(flush_within_a_second(w), 0);
    weir_writer_close(&w);
    weir_close(&s);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&far);
    return 0;
}

/* On a backend whose waits for room end in the next turn of the loop. */
static int opens_another(void *arg) {
    struct weir_stream *s, *far;
    struct weir_writer *w = open_full(&s, &far);
    weir_writer_close(&w);
    assert_int_equal(weir_writer_open(s, 0, &w), 0);
    assert_int_equal(weir_writer_write(w, "x", 1), 0);
    return flushes_to_a_reader(w, s, far);
}

static int writes_itself(void *arg) {
    struct weir_stream *s, *far;
    struct weir_writer *w = open_full(&s, &far);
    weir_writer_close(&w);
    assert_int_equal(weir_sleep(1), 0);
    assert_int_equal(weir_try_write(s, "x", 1), -EAGAIN);
    assert_int_equal(weir_shutdown(s), 0);
    weir_close(&s);
    weir_close(&far);
    return 0;
}

WEIR_TEST(the_stream_of_a_closed_writer_is_free_after_a_turn) {
    for (int deferred = 0; deferred < 2; deferred++) {
        struct weir_sim_options o = small_buffers(deferred);
        assert_int_equal(weir_sim_run(opens_another, NULL, &o), 0);
        assert_int_equal(weir_sim_run(writes_itself, NULL, &o), 0);
    }
}

static int writes_too(void *args) {
    int rc = weir_write(*(struct weir_stream **)args, much, MUCH);
    return rc == -EPIPE ? 0 : -EPROTO;
}

/* The stream has a second writer, which is a mistake. */
static int two_writers(void *arg) {
    struct weir_stream *s, *far;
    struct weir_writer *w;
    struct weir_group g;
    assert_int_equal(weir_memory_pair(4, &s, &far), 0);
    assert_int_equal(weir_writer_open(s, 0, &w), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(writes_too), writes_too, &s, sizeof s, NULL, NULL),
                     0);
    assert_int_equal(weir_yield(), 0);
    assert_int_equal(weir_writer_write(w, "x", 1), 0);
    assert_int_equal(weir_writer_flush(w), -EBUSY);
    assert_int_equal(weir_writer_write(w, "x", 1), -EBUSY);
    weir_writer_close(&w);
    weir_close(&far);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&s);
    return 0;
}

WEIR_TEST(a_second_writer_of_the_stream_is_an_error_after_a_second) {
    assert_int_equal(weir_sim_run(two_writers, NULL, NULL), 0);
    assert_in_range(weir_sim_counts()->now_ns - WEIR_SECONDS(3600), WEIR_SECONDS(1),
                    WEIR_SECONDS(2));
    assert_in_range(weir_sim_counts()->events, 0, 30);
}

static int without_descriptors(void *arg) {
    struct weir_stream *s, *far;
    struct weir_writer *w = open_full(&s, &far);
    return flushes_to_a_reader(w, s, far);
}

/* The close comes while the stream takes bytes, a few at a time. */
static int closes_without_descriptors(void *arg) {
    struct weir_stream *s, *far;
    struct weir_writer *w = open_full(&s, &far);
    char some[600];
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_read_exactly(far, some, sizeof some), 0);
    assert_int_equal(weir_sleep(1), 0);
    weir_writer_close(&w);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_shutdown(s), 0);
    weir_close(&far);
    weir_close(&s);
    return 0;
}

WEIR_TEST(a_close_while_there_is_no_descriptor_tears_nothing) {
    struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_POLL,
                               .error = -EMFILE, .nth = 1, .every = true};
    struct weir_sim_options o = small_buffers(true);
    weir_fault_arm(&fault);
    assert_int_equal(weir_sim_run(closes_without_descriptors, NULL, &o), 0);
    assert_true(weir_fault_struck() > 0);
    weir_fault_arm(NULL);
}

WEIR_TEST(a_writer_needs_no_descriptor_to_wait) {
    static const int lacks[] = {-EMFILE, -ENFILE, -ENOMEM};
    for (size_t i = 0; i < 6; i++) {
        struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_POLL,
                                   .error = lacks[i % 3], .nth = 1, .every = true};
        struct weir_sim_options o = small_buffers(i < 3);
        weir_fault_arm(&fault);
        assert_int_equal(weir_sim_run(without_descriptors, NULL, &o), 0);
        assert_true(weir_fault_struck() > 0);
        weir_fault_arm(NULL);
    }
}

enum { SLEEPERS = 70 }; /* more than a slab of tasks has room for */

static int sleeps(void *args) {
    return weir_sleep(WEIR_SECONDS(2));
}

/* The writer's task cannot be spawned, since one of the sleepers has taken the last place. */
static int without_a_task(void *arg) {
    struct weir_stream *s, *far;
    struct weir_writer *w;
    struct weir_group g;
    struct weir_scope scope;
    char got[10];
    assert_int_equal(weir_memory_pair(4, &s, &far), 0);
    assert_int_equal(weir_writer_open(s, 0, &w), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = *(int *)arg; i > 0; i--)
        assert_int_equal(weir_go0(&g, sleeps), 0);
    assert_int_equal(weir_sleep(1), 0);
    assert_int_equal(weir_writer_write(w, "0123456789", sizeof got), 0);
    weir_fault_allocation(1);
    assert_int_equal(weir_sleep(1), 0);
    weir_fault_allocation(0);
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    assert_int_equal(weir_scope_leave(&scope, weir_read_exactly(far, got, sizeof got)), 0);
    weir_writer_close(&w);
    weir_close(&s);
    weir_close(&far);
    return weir_group_close(&g, 0);
}

WEIR_TEST(what_was_gathered_goes_on_when_the_task_for_it_could_not_be_had) {
    for (int sleepers = 1; sleepers < SLEEPERS; sleepers++)
        assert_int_equal(weir_sim_run(without_a_task, &sleepers, NULL), 0);
}

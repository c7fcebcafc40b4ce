/* SPDX-License-Identifier: MIT */
/* A stream belongs to its loop: a call from another thread or loop aborts and names both loops. */
#include "test/runner.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

static void *uses_it_elsewhere(void *arg) {
    weir_consume(((struct weir_stream **)arg)[0], 0);
    return NULL;
}

static int uses_it(void *arg) {
    uses_it_elsewhere(arg);
    return 0;
}

static void *runs_another_loop(void *arg) {
    weir_run(uses_it, arg, &(struct weir_run_options){.name = "second"});
    return NULL;
}

static int lends_to(void *(*fn)(void *)) {
    struct weir_stream *pair[2];
    pthread_t thread;
    assert_int_equal(weir_memory_pair(0, &pair[0], &pair[1]), 0);
    pthread_create(&thread, NULL, fn, pair);
    return pthread_join(thread, NULL);
}

static int lends_to_a_thread(void *arg) {
    return lends_to(uses_it_elsewhere);
}

static int lends_to_a_loop(void *arg) {
    return lends_to(runs_another_loop);
}

WEIR_TEST_ABORTS(a_wrong_thread_aborts_naming_the_loop, "belongs to loop 'first'") {
    weir_run(lends_to_a_thread, NULL, &(struct weir_run_options){.name = "first"});
}

WEIR_TEST_ABORTS(a_wrong_loop_aborts_naming_both, "but this thread runs loop 'second'") {
    weir_run(lends_to_a_loop, NULL, &(struct weir_run_options){.name = "first"});
}

static int shuts_again(void *arg) {
    return weir_shutdown(((struct weir_stream **)arg)[0]);
}

static void *shuts_in_another_loop(void *arg) {
    weir_run(shuts_again, arg, &(struct weir_run_options){.name = "second"});
    return NULL;
}

/* The second one has nothing to do, and is another loop's all the same. */
static int shuts_and_lends(void *arg) {
    struct weir_stream *pair[2];
    pthread_t thread;
    assert_int_equal(weir_memory_pair(0, &pair[0], &pair[1]), 0);
    assert_int_equal(weir_shutdown(pair[0]), 0);
    assert_int_equal(weir_shutdown(pair[0]), 0);
    pthread_create(&thread, NULL, shuts_in_another_loop, pair);
    return pthread_join(thread, NULL);
}

WEIR_TEST_ABORTS(a_second_shutdown_in_a_wrong_loop_aborts_too, "shutdown: the object belongs to") {
    weir_run(shuts_and_lends, NULL, &(struct weir_run_options){.name = "first"});
}

static int wrong_way(void *arg) {
    int ends[2];
    char byte;
    struct weir_stream *in, *out;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(weir_stream_from_fd(ends[0], &in), 0);
    assert_int_equal(weir_stream_from_fd(ends[1], &out), 0);
    assert_int_equal(weir_write(in, "x", 1), -EBADF);
    assert_int_equal(weir_read(out, &byte, 1), -EBADF);
    assert_int_equal(weir_wait_fd(ends[0], 0), -EINVAL);
    weir_close(&in);
    weir_close(&out);
    return 0;
}

WEIR_TEST_BACKENDS(the_wrong_end_of_a_pipe_is_an_error_not_a_wait) {
    if (test_backend[0] == 's')
        runner_skip("descriptors are not simulated");
    assert_int_equal(weir_run(wrong_way, NULL, NULL), 0);
}

static int reacts_to_nothing(void *arg) {
    struct weir_group g;
    struct weir_listener *l = NULL;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    return weir_react(l, &g, &(struct weir_reactive){0});
}

WEIR_TEST_ABORTS(a_reactive_server_without_message_is_a_bug, "weir_react: message is required") {
    weir_run(reacts_to_nothing, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Pipes: on every backend, in a simulation too. */
#include "device/device_test_util.h"

#include <weir/testing.h>

LOOP_STORY(a_pipe_carries_bytes_and_ends_with_its_writer) {
    struct weir_stream *r = NULL, *w = NULL;
    char rest;
    assert_int_equal(weir_pipe(&r, &w), 0);
    send_text(w, "water");
    expect_bytes(r, "wat");
    weir_close(&w);
    expect_bytes(r, "er");
    assert_int_equal(weir_read(r, &rest, 1), 0);
    weir_close(&r);
    return 0;
}

LOOP_STORY(the_other_direction_of_each_end_is_refused) {
    struct weir_stream *r = NULL, *w = NULL;
    char byte;
    assert_int_equal(weir_pipe(&r, &w), 0);
    assert_int_equal(weir_write(r, "x", 1), -EBADF);
    assert_int_equal(weir_try_write(r, "x", 1), -EBADF);
    assert_int_equal(weir_wait_writable(r), -EBADF);
    assert_int_equal(weir_read(w, &byte, 1), -EBADF);
    assert_int_equal(weir_shutdown(w), -EOPNOTSUPP);
    weir_close(&r);
    weir_close(&w);
    return 0;
}

LOOP_STORY(a_pipe_without_reader_is_broken) {
    struct weir_stream *r = NULL, *w = NULL;
    assert_int_equal(weir_pipe(&r, &w), 0);
    weir_close(&r);
    assert_int_equal(weir_write(w, "x", 1), -EPIPE);
    weir_close(&w);
    return 0;
}

/* Far more than a pipe holds: the writer waits for the reader, again and again. */
LOOP_STORY(a_megabyte_goes_through_a_pipe) {
    struct weir_stream *r = NULL, *w = NULL;
    struct weir_group g;
    struct doing d = {.len = 1 << 20, .buf = malloc(1 << 20)};
    uint8_t *buf = malloc(1 << 20);
    assert_int_equal(weir_pipe(&r, &w), 0);
    pattern_fill(d.buf, 0, d.len);
    d.s = w;
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, writing, &d);
    assert_int_equal(weir_read_exactly(r, buf, d.len), 0);
    pattern_check(buf, 0, d.len);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(d.rc, 0);
    weir_close(&r);
    weir_close(&w);
    free(buf);
    free(d.buf);
    return 0;
}

LOOP_STORY(closing_an_end_wakes_the_task_that_is_inside) {
    struct weir_stream *r = NULL, *w = NULL;
    struct weir_group g;
    char byte;
    assert_int_equal(weir_pipe(&r, &w), 0);
    struct doing d = {.s = r, .buf = &byte, .len = 1};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading, &d);
    settle();
    weir_close(&r);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(d.rc, WEIR_ECLOSED);
    weir_close(&w);
    return 0;
}

LOOP_STORY(the_peer_of_a_pipe_has_a_name) {
    struct weir_stream *r = NULL, *w = NULL;
    bool simulated = strcmp(test_backend, "sim") == 0;
    assert_int_equal(weir_pipe(&r, &w), 0);
    assert_string_equal(weir_stream_peer(r), simulated ? "memory" : "pipe");
    weir_close(&r);
    weir_close(&w);
    return 0;
}

WEIR_TEST(a_pipe_outside_a_loop_is_refused) {
    struct weir_stream *r = NULL, *w = NULL;
    assert_int_equal(weir_pipe(&r, &w), WEIR_ENOLOOP);
    assert_null(r);
    assert_null(w);
}

static int no_more_descriptors(void *arg) {
    struct weir_stream *r = NULL, *w = NULL;
    int last = -1, fd;
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        last = fd;
    assert_int_equal(weir_pipe(&r, &w), -EMFILE);
    close(last); /* one is free, and a pipe needs two */
    assert_int_equal(weir_pipe(&r, &w), -EMFILE);
    assert_null(r);
    assert_null(w);
    for (fd = last - 1; fd > 2 && last - fd < 20; fd--)
        close(fd);
    _exit(0);
}

WEIR_TEST_BACKENDS(a_pipe_without_descriptors_leaves_nothing_open) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation's pipe has no descriptors");
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        weir_run(no_more_descriptors, NULL, &o);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- explored ------------------------------------------------------------------------------- */

struct passing_args {
    struct weir_stream **take;
};

static int passing(void *args) {
    struct weir_stream **take = ((struct passing_args *)args)->take;
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    if (rc == 0)
        rc = weir_write(*take, "water", 5);
    weir_close(take); /* also on error: the reader must not wait for ever */
    return rc;
}

static int pipe_story(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *r = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *w = NULL;
    struct weir_group g;
    char word[5];
    int rc = weir_pipe(&r, &w);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, passing, .take = &w);
    if (rc == 0)
        rc = weir_read_exactly(r, word, sizeof word);
    return weir_group_close(&g, rc);
}

static const struct weir_story story = {
    .size = sizeof story, .name = "pipe", .fn = pipe_story};

WEIR_TEST(a_pipe_survives_a_cancel_at_every_call) {
    struct weir_explored found;
    assert_int_equal(weir_explore_cancels(&story, &found), 0);
    assert_true(found.points > 3);
}

WEIR_TEST(a_pipe_survives_each_failed_allocation) {
    struct weir_explored found;
    assert_int_equal(weir_explore_allocations(&story, &found), 0);
    assert_true(found.points > 3);
}

WEIR_TEST(a_pipe_goes_the_same_way_twice_under_each_seed) {
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}

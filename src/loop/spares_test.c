/* SPDX-License-Identifier: MIT */
/* The nodes of posts go back to those who post: how many, and when they are freed. (loop_test.c
 * posts from several threads, and tests the order.) */
#include <errno.h>
#include <pthread.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "test/runner.h"

enum { MANY = 5000, KEPT_MAX = 3 * 256, POSTERS = 4 };

static struct weir__loop loop;
static size_t ran;

static void open_loop(void) {
    const char *why = "";
    assert_int_equal(weir__loop_init(&loop, "epoll", NULL, &why), 0);
}

static void close_loop(void) {
    weir__loop_stop(&loop);
    weir__loop_fini(&loop);
}

static void runs(void *arg) {
    (void)arg;
    ran++;
}

static int post(void) {
    return weir__loop_post(loop.handle, runs, NULL);
}

WEIR_TEST(the_node_of_a_post_that_has_run_serves_a_later_one) {
    open_loop();
    assert_int_equal(post(), 0);
    assert_int_equal(post(), 0);
    weir__loop_turn(&loop, 0);
    weir__alloc_fail_at(1);
    assert_int_equal(post(), 0);
    assert_int_equal(post(), 0);
    assert_int_equal(post(), -ENOMEM); /* the third needs memory */
    weir__alloc_fail_at(0);
    weir__loop_turn(&loop, 0);
    assert_int_equal(ran, 4);
    close_loop();
}

WEIR_TEST(of_very_many_nodes_few_are_kept_and_none_when_the_loop_has_closed) {
    open_loop();
    struct weir_loop *held = weir__loop_ref(loop.handle);
    size_t before = weir__alloc_live();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++)
            assert_int_equal(post(), 0);
        weir__loop_turn(&loop, 0);
    }
    assert_int_equal(ran, 2 * MANY);
    assert_in_range(weir__alloc_live() - before, 1, KEPT_MAX);
    close_loop();
    assert_true(weir__alloc_live() < before);
    weir__loop_unref(held);
}

static void *post_until_closed(void *arg) {
    struct weir_loop *held = arg;
    while (weir__loop_post(held, runs, NULL) == 0)
        continue;
    weir__loop_unref(held);
    return NULL;
}

static void drop_line(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)line, (void)arg;
}

/* What is left behind would be found by the runner. */
WEIR_TEST(threads_that_post_while_the_loop_closes_leave_no_node_behind) {
    pthread_t threads[POSTERS];
    open_loop();
    weir_log_to(drop_line, NULL);
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_until_closed,
                                        weir__loop_ref(loop.handle)), 0);
    while (ran < MANY)
        weir__loop_turn(&loop, 0);
    close_loop();
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
}

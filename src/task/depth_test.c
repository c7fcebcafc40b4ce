/* SPDX-License-Identifier: MIT */
/* High-water marks of stacks, for each place of spawn. */
#include <string.h>
#include <sys/mman.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "task/internal.h"
#include "task/sanitize.h"
#include "test/runner.h"

enum { KIB = 1024 };

static const struct weir_site here = {"here", "depth_test.c", "none", 1};
static const struct weir_site there = {"there", "depth_test.c", "none", 2};

struct use_args {
    size_t bytes;
    bool waits;
};

static __attribute__((noinline)) int use(size_t bytes) {
    volatile char *frame = __builtin_alloca(bytes);
    for (size_t i = 0; i < bytes; i += 64)
        frame[i] = 1;
    return frame[0] == 1 ? 0 : -EIO;
}

static int uses_stack(void *args) {
    struct use_args *a = args;
    int rc = use(a->bytes);
    return a->waits && rc == 0 ? weir_sleep(WEIR_SECONDS(1)) : rc;
}

static int spawn_using(const struct weir_site *site, size_t bytes, bool waits) {
    struct use_args args = {bytes, waits};
    struct weir_spawn_options o = {.stack_size = 64 * KIB};
    return weir_spawn(NULL, site, uses_stack, &args, sizeof args, &o, NULL);
}

static bool find_use(const struct weir_site *site, struct weir_stack_use *ret) {
    ret->size = sizeof *ret;
    for (size_t i = 0; weir_stack_use(i, ret) > 0; i++)
        if (ret->site == site)
            return true;
    return false;
}

static void run(int (*fn)(void *)) {
    if (SANITIZED)
        runner_skip("nothing is measured under sanitizers");
    assert_int_equal(weir_run(fn, NULL, &(struct weir_run_options){.backend = "epoll"}), 0);
}

static int one_deep_and_one_flat(void *arg) {
    (void)arg;
    struct weir_stack_use u;
    assert_int_equal(spawn_using(&here, 20 * KIB, false), 0);
    assert_int_equal(weir_yield(), 0);
    assert_int_equal(spawn_using(&there, 64, false), 0); /* on the stack that the deep one left */
    assert_int_equal(weir_yield(), 0);
    assert_true(find_use(&here, &u));
    assert_in_range(u.deepest, 20 * KIB, 22 * KIB);
    assert_in_range(u.stack_size, 62 * KIB, 64 * KIB);
    assert_int_equal(u.begun, 1);
    assert_int_equal(u.measured, 1);
    assert_true(find_use(&there, &u));
    assert_in_range(u.deepest, 64, 4 * KIB);
    return 0;
}

WEIR_TEST(the_depth_of_a_place_is_its_own_on_a_shared_stack) {
    run(one_deep_and_one_flat);
}

static int ten_thousand(void *arg) {
    (void)arg;
    struct weir_stack_use u;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(spawn_using(i % 3 ? &here : &there, 128, false), 0);
        if (i % 16 == 0)
            assert_int_equal(weir_yield(), 0);
    }
    assert_int_equal(weir_yield(), 0);
    assert_true(find_use(&here, &u));
    assert_int_equal(u.begun, 6666);
    assert_int_equal(u.measured, 13); /* 1, 2, 4 .. 4096 */
    assert_true(find_use(&there, &u));
    assert_int_equal(u.begun, 3334);
    assert_int_equal(u.measured, 12);
    return 0;
}

WEIR_TEST(a_few_of_many_are_measured) {
    run(ten_thousand);
}

static int one_that_goes_on(void *arg) {
    (void)arg;
    struct weir_stack_use u;
    assert_int_equal(spawn_using(&here, 10 * KIB, true), 0);
    assert_int_equal(weir_yield(), 0);
    assert_true(find_use(&here, &u));
    assert_in_range(u.deepest, 10 * KIB, 12 * KIB);
    return 0;
}

WEIR_TEST(a_task_that_goes_on_is_looked_at) {
    run(one_that_goes_on);
}

static int many_places(void *arg) {
    (void)arg;
    static struct weir_site sites[1000];
    struct weir_stack_use u = {.size = sizeof u};
    for (size_t i = 0; i < 1000; i++) {
        sites[i] = here;
        assert_int_equal(spawn_using(&sites[i], 128, false), 0);
        assert_int_equal(weir_yield(), 0);
    }
    size_t found = 0;
    for (size_t i = 0; weir_stack_use(i, &u) > 0; i++)
        if (u.site >= sites && u.site < sites + 1000) {
            assert_ptr_equal(u.site, &sites[found++]); /* in the order in which they were met */
            assert_int_equal(u.measured, 1);
        }
    assert_int_equal(found, 1000);
    return 0;
}

WEIR_TEST(a_thousand_places_are_reported_in_order) {
    run(many_places);
}

static char said[512];
static int lines;

static void hear(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    lines++;
    strncpy(said, line, sizeof said - 1);
}

static int near_the_end(void *arg) {
    (void)arg;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(spawn_using(&here, 60 * KIB, false), 0);
        assert_int_equal(weir_yield(), 0);
    }
    return 0;
}

WEIR_TEST(a_stack_nearly_full_is_reported_once) {
    weir_log_to(hear, NULL);
    run(near_the_end);
    weir_log_to(NULL, NULL);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(said, "'here' (depth_test.c:1) used 6"));
}

static int count_pages(void) {
    unsigned char there_[16];
    struct stack *s = weir__sched->current->stack;
    int n = 0;
    assert_int_equal(mincore(s->low, sizeof there_ * 4096, there_), 0);
    for (size_t i = 0; i < sizeof there_; i++)
        n += there_[i] & 1;
    return n;
}

static int counts_pages(void *args) {
    (void)args;
    int n = count_pages();
    assert_in_range(n, 1, 2);
    return 0;
}

static int fresh_and_measured(void *arg) {
    (void)arg;
    struct weir_spawn_options o = {.stack_size = 64 * KIB};
    int rc = weir_spawn(NULL, &there, counts_pages, NULL, 0, &o, NULL);
    return rc < 0 ? rc : weir_yield();
}

WEIR_TEST(being_measured_touches_no_page) {
    run(fresh_and_measured);
}

WEIR_TEST(outside_a_loop_there_is_nothing_to_tell) {
    struct weir_stack_use u = {.size = sizeof u};
    assert_int_equal(weir_stack_use(0, &u), WEIR_ENOLOOP);
}

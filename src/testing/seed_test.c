/* SPDX-License-Identifier: MIT */
/* seed_test.c - what a seed decides and what it does not; the digest. */
#include <stdlib.h>

#include "testing/seed_rig.h"

enum { SEEDS = 200 };

/* How many of the traces of the seeds 1 to SEEDS differ from all others. */
static size_t distinct(int (*fn)(void *), struct weir_sim_options o) {
    static char seen[SEEDS][TRACE];
    size_t count = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        size_t i = 0;
        assert_int_equal(run(fn, o, seed), 0);
        while (i < count && strcmp(seen[i], trace) != 0)
            i++;
        if (i == count)
            memcpy(seen[count++], trace, TRACE);
    }
    return count;
}

/* ---- the order of tasks ---------------------------------------------------------------------- */

WEIR_TEST(two_hundred_seeds_run_six_tasks_in_two_hundred_orders) {
    assert_int_equal(distinct(six_tasks, (struct weir_sim_options){0}), SEEDS);
}

WEIR_TEST(the_seed_0_and_a_fixed_order_run_tasks_first_in_first_out) {
    struct weir_sim_options fixed = {.fixed_order = true};
    assert_int_equal(run(six_tasks, fixed, 0), 0);
    assert_string_equal(trace, "abcdefabcdefabcdefabcdefabcdef");
    assert_int_equal(distinct(six_tasks, fixed), 1);
    assert_string_equal(trace, "abcdefabcdefabcdefabcdefabcdef");
}

struct link_args { int left; };
static int link_of_chain(void *args) {
    int left = ((struct link_args *)args)->left;
    struct weir_task *t = NULL;
    struct link_args next = {left - 1};
    write_down((char)('a' + left));
    int rc = weir_yield();
    if (rc < 0 || left == 0)
        return rc;
    rc = weir_spawn(NULL, &here, link_of_chain, &next, sizeof next, NULL, &t);
    rc = rc < 0 ? rc : weir_await(&t, NULL, 0);
    write_down((char)('A' + left));
    return rc;
}

static int chain(void *arg) {
    struct link_args first = {5};
    (void)arg;
    return link_of_chain(&first);
}

WEIR_TEST(two_hundred_seeds_run_a_chain_of_awaits_in_one_order) {
    assert_int_equal(distinct(chain, (struct weir_sim_options){0}), 1);
    assert_string_equal(trace, "fedcbaBCDEF");
}

static unsigned runs[TASKS];

/* Between a yield and its return every other task has run, for they were all ready. They slept for
 * one time, so that they are permuted at first. */
struct counts_args { int self; };
static int counts(void *args) {
    int self = ((struct counts_args *)args)->self, rc = weir_sleep(1);
    for (int i = 0; rc == 0 && i < 2 * ROUNDS; i++) {
        unsigned before[TASKS];
        memcpy(before, runs, sizeof runs);
        runs[self]++;
        rc = weir_yield();
        for (int k = 0; k < TASKS; k++)
            assert_true(k == self || runs[k] == 2 * ROUNDS || runs[k] > before[k]);
    }
    return rc;
}

static int six_counts(void *arg) {
    struct weir_group g;
    int rc = 0;
    (void)arg;
    memset(runs, 0, sizeof runs);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; rc == 0 && i < TASKS; i++)
        rc = weir_go(&g, counts, .self = i);
    return weir_group_close(&g, rc);
}

WEIR_TEST(a_yield_lets_the_other_ready_tasks_run_under_every_seed) {
    for (uint64_t seed = 0; seed <= SEEDS; seed++)
        assert_int_equal(run(six_counts, (struct weir_sim_options){0}, seed), 0);
}

static void post_letter(void *arg) {
    write_down((char)(uintptr_t)arg);
}

static int posts(void *arg) {
    int rc = 0;
    (void)arg;
    for (uintptr_t c = 'a'; rc == 0 && c <= 'z'; c++)
        rc = weir_post(weir_loop_current(), post_letter, (void *)c);
    return rc < 0 ? rc : weir_sleep(1);
}

WEIR_TEST(posts_stay_first_in_first_out_under_every_seed) {
    assert_int_equal(distinct(posts, (struct weir_sim_options){0}), 1);
    assert_string_equal(trace, "abcdefghijklmnopqrstuvwxyz");
}

static int crowd_member(void *args) {
    (void)args;
    return weir_yield();
}

/* More ready tasks than the choice reaches. */
static int crowd(void *arg) {
    struct weir_group g;
    int rc = 0;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; rc == 0 && i < 3000; i++)
        rc = weir_go0(&g, crowd_member);
    return weir_group_close(&g, rc);
}

WEIR_TEST(a_crowd_of_ready_tasks_is_permuted_too) {
    assert_int_equal(run(crowd, (struct weir_sim_options){0}, 1), 0);
    assert_true(weir_sim_counts()->choices > 2500);
}

/* ---- the network ----------------------------------------------------------------------------- */

WEIR_TEST(a_fan_of_connections_arrives_in_two_hundred_orders) {
    struct weir_sim_options o = {.jitter_ns = WEIR_MILLISECONDS(1), .loss = 50};
    assert_true(distinct(fan, o) >= SEEDS - 1); /* out of 8! * 8! */
}

WEIR_TEST(a_fan_without_chance_in_the_network_arrives_in_many_orders) {
    assert_true(distinct(fan, (struct weir_sim_options){0}) >= SEEDS - 1);
}

static int long_conversation(void *arg) {
    (void)arg;
    return converse(1, BLOCK);
}

WEIR_TEST(jitter_does_not_reorder_the_bytes_of_a_connection) {
    struct weir_sim_options o = {.jitter_ns = WEIR_MILLISECONDS(50)};
    for (uint64_t seed = 1; seed <= 50; seed++)
        assert_int_equal(run(long_conversation, o, seed), 0);
}

WEIR_TEST(a_link_that_loses_a_fifth_delivers_all_bytes_in_order) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct weir_sim_options o = {.loss = 200, .fixed_order = seed % 2};
        assert_int_equal(run(long_conversation, o, seed), 0);
        assert_true(weir_sim_counts()->lost > 3);
        assert_int_equal(weir_sim_counts()->quiet, 0);
    }
}

/* The reader's news that it has room again may be lost: then the writer's probe must ask for it. */
WEIR_TEST(a_lossy_link_with_small_windows_is_not_quiet_before_its_end) {
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct weir_sim_options o = {.loss = 300, .receive_buffer = 2000, .send_buffer = 2000};
        assert_int_equal(run(long_conversation, o, seed), 0);
        assert_int_equal(weir_sim_counts()->quiet, 0);
    }
}

static int local_conversation(void *arg) {
    struct weir_stream *s = NULL;
    (void)arg;
    return weir_dial("tcp://localhost:9", NULL, &s) == -ECONNREFUSED ? 0 : -EPROTO;
}

WEIR_TEST(nothing_is_lost_within_a_host) {
    struct weir_sim_options o = {.loss = 1000};
    assert_int_equal(run(local_conversation, o, 3), 0);
    assert_int_equal(weir_sim_counts()->lost, 0);
}

WEIR_TEST(jobs_end_in_every_order) {
    assert_int_equal(distinct(three_jobs, (struct weir_sim_options){0}), 6);
}

/* ---- the digest ------------------------------------------------------------------------------ */

enum { SIZES = 24 }; /* 1,000 to 24,000 bytes */

WEIR_TEST(one_seed_has_one_digest_wherever_its_memory_lies) {
    struct weir_sim_options o = {.jitter_ns = WEIR_MILLISECONDS(1), .loss = 50};
    char once[TRACE];
    void *held[30][SIZES];
    int moved = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        assert_int_equal(run(all_of_it, o, seed), 0);
        uint64_t digest = weir_sim_counts()->digest;
        const struct weir_task *task = first_task;
        memcpy(once, trace, sizeof once);
        for (int i = 0; i < SIZES; i++) { /* an allocator may keep each size apart */
            size_t size = 1000 * ((size_t)i + 1);
            held[seed][i] = malloc(size);
            memset(held[seed][i], 1, size);
        }
        assert_int_equal(run(all_of_it, o, seed), 0);
        assert_true(weir_sim_counts()->digest == digest);
        assert_string_equal(trace, once);
        moved += first_task != task;
    }
    assert_true(moved > 0);
    for (int i = 0; i < 30 * SIZES; i++)
        free(held[i / SIZES][i % SIZES]);
}

WEIR_TEST(another_byte_received_is_another_digest) {
    assert_int_equal(run(fan, (struct weir_sim_options){0}, 1), 0);
    struct weir_sim_counts once = *weir_sim_counts();
    first_letter = 'A';
    assert_int_equal(run(fan, (struct weir_sim_options){0}, 1), 0);
    assert_true(weir_sim_counts()->choices == once.choices);
    assert_true(weir_sim_counts()->segments == once.segments);
    assert_true(weir_sim_counts()->digest != once.digest);
}

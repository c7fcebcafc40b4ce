/* SPDX-License-Identifier: MIT */
/* One conversation, run again and again: the N-th allocation fails, or the N-th marked call is
 * cancelled, for N = 1, 2, ... until a run has no N-th. After each run no task, descriptor or byte
 * may be left: the runner and the counters check that. */
#include "stream/stream.h"

#include <weir/testing.h>

#include "base/alloc.h"
#include "stream/stream_test_util.h"

static int echo(struct weir_conn *c, void *state, struct weir_view v) {
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static const struct weir_reactive echoes = {.size = sizeof echoes, .message = echo};

struct host_args {
    struct weir_listener *l;
    struct weir_group *clients, *all;
};

static int host(void *args) {
    struct host_args *a = args;
    int rc = weir_react(a->l, a->clients, &echoes);
    if (rc < 0) /* cancelled alone it would leave the client waiting for ever */
        weir_group_cancel(a->all, "no host");
    return rc;
}

struct pour_args {
    struct weir_stream *s;
    size_t len;
    struct weir_group *all;
};

static int pour(void *args) {
    static const uint8_t much[80 << 10];
    struct pour_args *a = args;
    int rc = weir_write(a->s, much, a->len);
    if (rc < 0)
        weir_group_cancel(a->all, "nothing more comes");
    return rc;
}

/* More than all buffers on the way hold: written by one task while the other reads. */
static int both_ways(struct weir_stream *s) {
    static uint8_t much[80 << 10];
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, pour, .s = s, .len = sizeof much, .all = &g);
    if (rc == 0)
        rc = weir_read_exactly(s, much, sizeof much);
    return weir_group_close(&g, rc);
}

/* Every kind of call once: dial, write, peek across pieces, lines, much, shutdown. */
static int converse(const char *url) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char line[64];
    struct weir_view v;
    ssize_t n;
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, "hel", 3);
    if (rc < 0 || (n = weir_peek(s, 3, &v)) < 0)
        return rc < 0 ? rc : (int)n;
    if ((rc = weir_write(s, "lo\n", 3)) < 0)
        return rc;
    if ((n = weir_peek(s, 6, &v)) < 0 || (n = weir_read_until(s, '\n', line, sizeof line)) < 0)
        return (int)n;
    rc = both_ways(s);
    if (rc == 0)
        rc = weir_shutdown(s);
    return rc < 0 ? rc : (int)weir_read(s, line, 1);
}

/* Whatever was cut off or struck: nobody waits for ever. */
static int converse_in_time(const char *url) {
    struct weir_scope patience;
    weir_scope_enter(&patience, WEIR_SECONDS(5));
    return weir_scope_leave(&patience, converse(url));
}

static int story(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group clients, hosts;
    char url[64];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&clients, WEIR_INDEPENDENT);
    weir_group_open(&hosts, WEIR_TOGETHER);
    rc = weir_go(&hosts, host, .l = l, .clients = &clients, .all = &hosts);
    if (rc == 0)
        rc = converse_in_time(url);
    weir_unlisten(&l);
    rc = weir_group_close(&hosts, rc);
    weir_group_cancel(&clients, "the story ends");
    weir_group_close(&clients, 0);
    return rc;
}

static int run(void) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    return weir_run(story, NULL, &o);
}

enum { N_MAX = 500 };

static void quiet(enum weir_log_level level, const char *line, void *arg) {}

WEIR_TEST_BACKENDS(without_the_nth_allocation_nothing_is_left_behind) {
    size_t n = 0, live = weir__alloc_live(), asked;
    int rc;
    weir_log_to(quiet, NULL);
    do {
        weir__alloc_fail_at(++n);
        rc = run();
        asked = weir__alloc_fail_at(0);
        assert_true(rc <= 0);
        if (weir__alloc_live() != live)
            fail_msg("allocation %zu failed: %zu blocks left", n, weir__alloc_live() - live);
    } while (asked >= n && n < N_MAX);
    assert_int_equal(rc, 0);
    assert_true(n > 10);
}

WEIR_TEST_BACKENDS(cancelled_at_the_nth_call_nothing_is_left_behind) {
    uint64_t n = 0, marks;
    size_t live = weir__alloc_live();
    int rc;
    weir_log_to(quiet, NULL);
    do {
        weir__marks = 0;
        weir__cancel_at_mark = ++n;
        rc = run();
        marks = weir__marks;
        weir__cancel_at_mark = 0;
        if (weir__alloc_live() != live)
            fail_msg("call %d cancelled: %zu blocks left", (int)n, weir__alloc_live() - live);
    } while (marks >= n && n < N_MAX);
    assert_int_equal(rc, 0);
    assert_true(n > 10);
}

/* In a simulation the sweep over ops, too: one fails, comes short, late, or never. And all again
 * in a world where nothing is done at once and everything is small. */
static const struct weir_sim_options strange = {.size = sizeof strange,
                                                .deferred = true,
                                                .piece_size = 1000,
                                                .piece_count = 3,
                                                .send_buffer = 700,
                                                .receive_buffer = 900,
                                                .segment_max = 300};

static void strike(enum weir_fault_effect effect) {
    const struct weir_sim_options *worlds[] = {NULL, &strange};
    for (int i = 0; i < 2; i++) {
        struct weir_story s = {
            .size = sizeof s, .name = "converse", .fn = story, .options = worlds[i]};
        struct weir_fault f = {.size = sizeof f, .effect = effect};
        struct weir_explored told;
        assert_int_equal(weir_explore_faults(&s, &f, &told), 0);
        assert_int_equal(told.failed, 0);
        assert_true(told.points > 20);
    }
}

WEIR_TEST(the_nth_op_fails) {
    strike(WEIR_FAULT_ERROR);
}

WEIR_TEST(the_nth_op_comes_short) {
    strike(WEIR_FAULT_SHORT);
}

WEIR_TEST(the_nth_op_comes_late) {
    strike(WEIR_FAULT_LATE);
}

WEIR_TEST(the_nth_op_never_comes) {
    strike(WEIR_FAULT_NEVER);
}

WEIR_TEST(in_a_strange_world_nothing_is_left_behind_either) {
    struct weir_story s = {
        .size = sizeof s, .name = "converse", .fn = story, .options = &strange};
    assert_int_equal(weir_explore_cancels(&s, NULL), 0);
    assert_int_equal(weir_explore_allocations(&s, NULL), 0);
}

/* SPDX-License-Identifier: MIT */
/* The writer that gathers: order, one write a turn, a stream that is full, cancels, its close. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/frame.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

struct rig {
    struct weir_stream *a, *b;
    struct weir_writer *w;
};

static int rig_open(struct rig *r, size_t capacity, size_t size) {
    *r = (struct rig){0};
    int rc = weir_memory_pair(capacity, &r->a, &r->b);
    return rc < 0 ? rc : weir_writer_open(r->a, size, &r->w);
}

static void rig_close(struct rig *r) {
    weir_writer_close(&r->w);
    weir_close(&r->a);
    weir_close(&r->b);
}

static void expect_bytes(struct weir_stream *s, const char *text) {
    char got[64];
    assert_int_equal(weir_read_exactly(s, got, strlen(text)), 0);
    assert_memory_equal(got, text, strlen(text));
}

static __attribute__((format(printf, 2, 3))) int tell(struct weir_writer *w, const char *format,
                                                      ...) {
    va_list args;
    va_start(args, format);
    int rc = weir_writer_vprintf(w, format, args);
    va_end(args);
    return rc;
}

static int gathers(void *arg) {
    struct rig r;
    struct weir_view v;
    assert_int_equal(rig_open(&r, 0, 0), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tell(r.w, "%d,", i), 0);
    assert_int_equal(weir_peek(r.b, 1, &v), 6); /* in one piece, without a flush */
    assert_memory_equal(v.base, "0,1,2,", 6);
    weir_consume(r.b, 6);
    assert_int_equal(weir_writer_write(r.w, "now", 3), 0);
    assert_int_equal(weir_writer_flush(r.w), 0);
    expect_bytes(r.b, "now");
    rig_close(&r);
    return 0;
}

WEIR_TEST_BACKENDS(what_one_turn_writes_arrives_in_one_piece) {
    assert_int_equal(weir_run(gathers, NULL, NULL), 0);
}

enum { WRITERS = 5, EACH = 7, MESSAGE = 11 };

struct writes_args {
    struct weir_writer *w;
    int number;
};

static int writes(void *args) {
    struct writes_args *a = args;
    int rc = 0;
    for (int i = 0; i < EACH && rc == 0; i++)
        rc = weir_writer_printf(a->w, "%d-%d-message", a->number, i);
    return rc == 0 ? weir_writer_flush(a->w) : rc;
}

static int reads(void *args) {
    struct rig *r = *(struct rig **)args;
    int next[WRITERS] = {0}, rc = 0;
    char got[MESSAGE + 1] = "";
    for (int i = 0; i < WRITERS * EACH && rc == 0; i++) {
        rc = weir_read_exactly(r->b, got, MESSAGE);
        if (rc == 0) {
            int who = got[0] - '0';
            assert_string_equal(got + 3, "-message");
            assert_int_equal(got[2] - '0', next[who]++);
        }
    }
    return rc;
}

/* The stream holds 5 bytes, the writer 30: everybody waits for room again and again. */
static int many_writers(void *arg) {
    struct rig r, *p = &r;
    struct weir_group g;
    struct weir_scope scope; /* a cancelled task leaves the others alone */
    int rc = rig_open(&r, 5, 30);
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_spawn(&g, WEIR_SITE(reads), reads, &p, sizeof p, NULL, NULL);
    for (int i = 0; i < WRITERS && rc == 0; i++) {
        struct writes_args a = {r.w, i};
        rc = weir_spawn(&g, WEIR_SITE(writes), writes, &a, sizeof a, NULL, NULL);
    }
    rc = weir_scope_leave(&scope, weir_group_close(&g, rc));
    rig_close(&r);
    return rc;
}

WEIR_TEST_BACKENDS(messages_of_many_writers_neither_mix_nor_overtake) {
    assert_int_equal(weir_run(many_writers, NULL, NULL), 0);
}

WEIR_TEST(many_writers_leave_nothing_behind_wherever_they_are_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "writers", .fn = many_writers};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}

static int writes_much(void *args) {
    static char much[1000];
    struct rig *r = *(struct rig **)args;
    memset(much, 'x', sizeof much);
    return weir_writer_write(r->w, much, sizeof much);
}

static int larger_than_itself(void *arg) {
    struct rig r, *p = &r;
    struct weir_group g;
    char got[1003];
    assert_int_equal(rig_open(&r, 64, 100), 0);
    assert_int_equal(weir_writer_write(r.w, "ab", 2), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(writes_much), writes_much, &p, sizeof p, NULL, NULL),
                     0);
    weir_yield();
    assert_int_equal(weir_read_exactly(r.b, got, 1002), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_memory_equal(got, "abx", 3);
    assert_int_equal(got[1001], 'x');
    rig_close(&r);
    return 0;
}

WEIR_TEST_BACKENDS(more_bytes_than_a_writer_gathers_pass_through_it) {
    assert_int_equal(weir_run(larger_than_itself, NULL, NULL), 0);
}

/* A cancelled task whose bytes wait for room has written none; one whose bytes have begun to pass
 * has torn the writer. */
static int cut_short(void *arg) {
    struct rig r, *p = &r;
    struct weir_scope scope;
    assert_int_equal(rig_open(&r, 4, 10), 0);
    assert_int_equal(weir_writer_write(r.w, "0123456789", 10), 0);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_scope_leave(&scope, weir_writer_write(r.w, "lost-lost", 9)), -ETIME);
    expect_bytes(r.b, "0123456789");
    assert_int_equal(weir_writer_write(r.w, "ok", 2), 0);
    expect_bytes(r.b, "ok");
    weir_scope_enter(&scope, WEIR_MILLISECONDS(1));
    int rc = writes_much(&p);
    assert_int_equal(weir_error(rc)->done, 14); /* 4 in the stream, 10 gathered */
    assert_int_equal(weir_scope_leave(&scope, rc), -ETIME);
    assert_int_equal(weir_writer_write(r.w, "x", 1), WEIR_ETORN);
    assert_int_equal(weir_writer_flush(r.w), WEIR_ETORN);
    rig_close(&r);
    return 0;
}

WEIR_TEST(a_cancelled_write_has_written_nothing_or_tears_the_writer) {
    assert_int_equal(weir_sim_run(cut_short, NULL, NULL), 0);
}

static int writes_little(void *args) {
    struct rig *r = *(struct rig **)args;
    return weir_writer_write(r->w, "...", 3);
}

/* The stream takes bytes after the cancel, and before the cancelled task has run. */
static int cut_short_in_time(void *arg) {
    struct rig r, *p = &r;
    struct weir_group g;
    struct weir_task *t;
    char got[64];
    assert_int_equal(rig_open(&r, sizeof got, 10), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(writes_much), writes_much, &p, sizeof p, NULL, &t),
                     0);
    weir_sleep(WEIR_MILLISECONDS(1));
    assert_int_equal(weir_spawn(&g, WEIR_SITE(writes_little), writes_little, &p, sizeof p, NULL,
                                NULL), 0);
    weir_sleep(WEIR_MILLISECONDS(1));
    assert_int_equal(weir_read_exactly(r.b, got, sizeof got), 0); /* wakes who writes there */
    weir_task_cancel(t, "a test");
    weir_task_release(&t);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(weir_writer_write(r.w, "...", 3), WEIR_ETORN);
    weir_writer_close(&r.w);
    weir_shutdown(r.a);
    for (ssize_t n; (n = weir_read(r.b, got, sizeof got)) > 0;)
        assert_null(memchr(got, '.', (size_t)n));
    rig_close(&r);
    return 0;
}

WEIR_TEST(nothing_follows_the_part_of_a_message_whose_writer_was_cancelled) {
    assert_int_equal(weir_sim_run(cut_short_in_time, NULL, NULL), 0);
    for (unsigned seed = 2; seed < 30; seed++) {
        struct weir_sim_options o = {.size = sizeof o, .seed = seed};
        assert_int_equal(weir_sim_run(cut_short_in_time, NULL, &o), 0);
    }
}

static int opens_another(void *args) {
    struct rig *r = *(struct rig **)args;
    return weir_writer_open(r->b, 10, &r->w);
}

/* The writer is freed before the cancelled task runs, and another writer gets its memory. */
static int cut_short_and_closed(void *arg) {
    struct rig r, *p = &r;
    struct weir_group g;
    struct weir_task *t;
    char got[64];
    assert_int_equal(rig_open(&r, sizeof got, 10), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(writes_much), writes_much, &p, sizeof p, NULL, &t),
                     0);
    weir_sleep(WEIR_MILLISECONDS(1));
    assert_int_equal(weir_read_exactly(r.b, got, sizeof got), 0); /* wakes the pourer */
    assert_int_equal(weir_spawn(&g, WEIR_SITE(opens_another), opens_another, &p, sizeof p, NULL,
                                NULL), 0);
    weir_task_cancel(t, "a test");
    weir_writer_close(&r.w);
    assert_int_equal(weir_await(&t, NULL, 0), -ECANCELED);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(weir_writer_write(r.w, "another", 7), 0);
    rig_close(&r);
    return 0;
}

WEIR_TEST(a_cancelled_write_leaves_a_closed_writer_alone) {
    assert_int_equal(weir_sim_run(cut_short_and_closed, NULL, NULL), 0);
    for (unsigned seed = 2; seed < 30; seed++) {
        struct weir_sim_options o = {.size = sizeof o, .seed = seed};
        assert_int_equal(weir_sim_run(cut_short_and_closed, NULL, &o), 0);
    }
}

static int writes_eight(void *args) {
    struct rig *r = *(struct rig **)args;
    struct weir_scope scope;
    weir_scope_enter(&scope, WEIR_MILLISECONDS(1));
    int rc = weir_scope_leave(&scope, weir_writer_write(r->w, "too-long", 8));
    return rc == -ETIME ? 0 : -EPROTO;
}

static int one_leaves_the_line(void *arg) {
    struct rig r, *p = &r;
    struct weir_scope scope;
    struct weir_group g;
    assert_int_equal(rig_open(&r, 4, 16), 0);
    assert_int_equal(weir_writer_write(r.w, "0123456789abcdef", 16), 0);
    weir_sleep(1); /* the stream is full, and the writer has room for 4 */
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(writes_eight), writes_eight, &p, sizeof p, NULL,
                                NULL), 0);
    weir_yield();
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    assert_int_equal(weir_scope_leave(&scope, weir_writer_write(r.w, "XY", 2)), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    expect_bytes(r.b, "0123456789abcdefXY");
    rig_close(&r);
    return 0;
}

WEIR_TEST(a_write_that_fits_goes_on_when_the_one_before_it_is_cancelled) {
    assert_int_equal(weir_sim_run(one_leaves_the_line, NULL, NULL), 0);
}

static char expected[128];

struct expects_args {
    struct weir_stream *s;
    size_t len;
};

static int expects(void *args) {
    struct expects_args *a = args;
    memset(expected, 0, sizeof expected);
    return weir_read_exactly(a->s, expected, a->len);
}

/* What a program has to say about an error, while the writer meets a stream that is full. */
static int tells_the_error(void *arg) {
    struct rig r;
    struct weir_group g;
    char why[64];
    snprintf(why, sizeof why, "%s", "no buzzer on the wire");
    assert_int_equal(rig_open(&r, 4, 64), 0);
    assert_int_equal(weir_fail(-ENODEV, "%s", why), -ENODEV);
    assert_int_equal(tell(r.w, "%060d", 0), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    struct expects_args a = {r.b, 60 + strlen(why)};
    assert_int_equal(weir_spawn(&g, WEIR_SITE(expects), expects, &a, sizeof a, NULL, NULL), 0);
    const char *text = weir_error(-ENODEV)->text;
    assert_int_equal(weir_writer_write(r.w, text, strlen(text)), 0);
    assert_int_equal(weir_writer_flush(r.w), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_string_equal(expected + 60, why);
    assert_int_equal(tell(r.w, "%010d", 0), 0);
    weir_writer_close(&r.w);
    assert_string_equal(weir_error_message(-ENODEV), why);
    assert_null(weir_error(-EAGAIN));
    rig_close(&r);
    return 0;
}

WEIR_TEST(a_writer_that_fails_at_nothing_leaves_the_record_as_it_is) {
    assert_int_equal(weir_sim_run(tells_the_error, NULL, NULL), 0);
}

static int broken(void *arg) {
    struct rig r;
    assert_int_equal(rig_open(&r, 4, 100), 0);
    assert_int_equal(weir_writer_write(r.w, "0123456789", 10), 0);
    weir_close(&r.b);
    int rc = weir_writer_flush(r.w);
    assert_true(rc == -EPIPE || rc == -ECONNRESET);
    assert_int_equal(weir_writer_write(r.w, "x", 1), rc);
    rig_close(&r);
    return 0;
}

WEIR_TEST_BACKENDS(the_error_of_the_stream_comes_back_from_the_next_call) {
    assert_int_equal(weir_run(broken, NULL, NULL), 0);
}

static int feels(void *arg) {
    struct rig r;
    struct weir_scope scope;
    assert_int_equal(rig_open(&r, 0, 0), 0);
    weir_scope_enter(&scope, 0);
    weir_fault_allocation(1);
    assert_int_equal(weir_writer_printf(r.w, "%01999d", 7), -ETIME);
    weir_fault_allocation(0);
    assert_int_equal(weir_scope_leave(&scope, 0), 0);
    rig_close(&r);
    return 0;
}

WEIR_TEST(a_printf_without_memory_feels_a_cancel_first) {
    assert_int_equal(weir_sim_run(feels, NULL, NULL), 0);
}

static int flushes(void *args) {
    struct rig *r = *(struct rig **)args;
    return weir_writer_flush(r->w) == WEIR_ECLOSED ? 0 : -EPROTO;
}

static char logged[256];

static void hear(enum weir_log_level level, const char *text, void *arg) {
    snprintf(logged, sizeof logged, "%s", text);
}

static int closes(void *arg) {
    struct rig r, *p = &r;
    struct weir_group g;
    assert_int_equal(rig_open(&r, 4, 100), 0);
    assert_int_equal(weir_writer_write(r.w, "0123456789", 10), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(flushes), flushes, &p, sizeof p, NULL, NULL), 0);
    weir_yield();
    weir_log_to(hear, NULL);
    weir_writer_close(&r.w);
    weir_log_to(NULL, NULL);
    assert_string_equal(logged, "weir_writer_close: 6 bytes to memory are dropped: call"
                                " weir_writer_flush first");
    assert_null(r.w);
    weir_writer_close(&r.w);
    assert_int_equal(weir_group_close(&g, 0), 0);
    rig_close(&r);
    return 0;
}

WEIR_TEST_BACKENDS(a_close_says_what_it_drops_and_ends_the_waits) {
    assert_int_equal(weir_run(closes, NULL, NULL), 0);
}

/* ---- a stream that is never full ---- */

static int turns;
static bool over;

static int counts_turns(void *args) {
    int rc = 0;
    while (!over && (rc = weir_yield()) == 0)
        turns++;
    return rc;
}

static int never_waits(bool flushing) {
    struct rig r;
    struct weir_group g;
    assert_int_equal(rig_open(&r, 1 << 20, 0), 0);
    turns = 0;
    over = false;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, counts_turns), 0);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(weir_writer_write(r.w, "0123456789abcdef", flushing ? 0 : 16), 0);
        assert_int_equal(flushing ? weir_writer_flush(r.w) : 0, 0);
    }
    assert_in_range(turns, 10000 / 64 - 1, 20000 / 64 + 1);
    over = true;
    rig_close(&r);
    return weir_group_close(&g, 0);
}

static int only_writes(void *arg) {
    return never_waits(false);
}

static int only_flushes(void *arg) {
    return never_waits(true);
}

WEIR_TEST(a_task_whose_writes_never_wait_lets_the_others_run) {
    assert_int_equal(weir_sim_run(only_writes, NULL, NULL), 0);
    assert_int_equal(weir_sim_run(only_flushes, NULL, NULL), 0);
}

static int closes_the_writer(void *args) {
    struct rig *r = *(struct rig **)args;
    weir_writer_close(&r->w);
    return 0;
}

/* The other task runs inside one of the writes. */
static int closed_beside(void *arg) {
    struct rig r, *p = &r;
    struct weir_writer *w;
    struct weir_group g;
    int n = 0;
    assert_int_equal(rig_open(&r, 1 << 20, 0), 0);
    w = r.w;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(closes_the_writer), closes_the_writer, &p, sizeof p,
                                NULL, NULL), 0);
    for (; r.w != NULL && n < 1000; n++)
        assert_int_equal(weir_writer_write(w, "x", 1), 0);
    assert_int_equal(n, 64);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&r.a);
    char got[64];
    assert_int_equal(weir_read_exactly(r.b, got, sizeof got), 0);
    weir_close(&r.b);
    return 0;
}

WEIR_TEST(a_close_while_a_write_lets_the_others_run_is_harmless) {
    assert_int_equal(weir_sim_run(closed_beside, NULL, NULL), 0);
}

/* ---- after a stop of the run ---- */

static int reads_in_a_shield(void *args) {
    struct expects_args *a = args;
    struct weir_scope shield;
    weir_shield_enter(&shield, WEIR_SECONDS(1));
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    return weir_scope_leave(&shield, rc < 0 ? rc : expects(a));
}

static int flush_within(struct weir_writer *w, weir_ns budget_ns) {
    struct weir_scope shield;
    weir_shield_enter(&shield, budget_ns);
    return weir_scope_leave(&shield, weir_writer_flush(w));
}

static void expect_no_more(struct weir_stream *s) {
    struct weir_scope scope;
    struct weir_view v;
    weir_scope_enter(&scope, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_scope_leave(&scope, (int)weir_peek(s, 1, &v)), -ETIME);
}

/* A flush whose bound is over leaves nothing behind that runs on; a later one goes on. */
static int stopped(void *arg) {
    struct rig r;
    struct expects_args a;
    struct weir_scope shield;
    assert_int_equal(rig_open(&r, 4, 100), 0);
    assert_int_equal(weir_writer_write(r.w, "0123456789", 10), 0);
    assert_int_equal(weir_sleep(1), 0); /* the pourer waits */
    a = (struct expects_args){r.b, 16};
    weir_stop("a test");
    assert_int_equal(weir_writer_flush(r.w), -ECANCELED);
    assert_int_equal(flush_within(r.w, WEIR_MILLISECONDS(1)), -ECANCELED);
    weir_shield_enter(&shield, WEIR_SECONDS(1));
    expect_bytes(r.b, "0123");
    expect_no_more(r.b);
    assert_int_equal(weir_writer_write(r.w, "abcdefghij", 10), 0);
    weir_scope_leave(&shield, 0);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(reads_in_a_shield), reads_in_a_shield, &a,
                                sizeof a, NULL, NULL), 0);
    assert_int_equal(flush_within(r.w, WEIR_SECONDS(1)), 0);
    weir_yield();
    assert_string_equal(expected, "456789abcdefghij");
    assert_int_equal(tell(r.w, "%s", "x"), -ECANCELED);
    rig_close(&r);
    return 0;
}

static weir_ns sim_ns(int (*fn)(void *arg)) { /* how long it ran */
    assert_int_equal(weir_sim_run(fn, NULL, NULL), 0);
    return weir_sim_counts()->now_ns - WEIR_SECONDS(3600);
}

WEIR_TEST(a_flush_in_a_shield_goes_on_when_the_run_was_stopped) {
    assert_in_range(sim_ns(stopped), 0, WEIR_MILLISECONDS(10));
}

static int flushes_in_a_shield(void *args) {
    struct rig *r = *(struct rig **)args;
    return flush_within(r->w, WEIR_SECONDS(10)) == WEIR_ECLOSED ? 0 : -EPROTO;
}

static int closed_when_stopped(void *arg) {
    struct rig r, *p = &r;
    struct weir_scope shield;
    struct weir_task *t;
    assert_int_equal(rig_open(&r, 4, 100), 0);
    assert_int_equal(weir_writer_write(r.w, "0123456789", 10), 0);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(flushes_in_a_shield), flushes_in_a_shield, &p,
                                sizeof p, NULL, &t), 0);
    assert_int_equal(weir_sleep(1), 0);
    weir_stop("a test");
    weir_shield_enter(&shield, WEIR_SECONDS(1));
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_writer_close(&r.w);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(weir_sleep(1), 0);
    assert_int_equal(weir_try_write(r.a, "x", 1), -EAGAIN); /* nobody is inside a write */
    weir_scope_leave(&shield, 0);
    rig_close(&r);
    return 0;
}

WEIR_TEST(a_close_ends_the_writing_after_a_stop) {
    assert_in_range(sim_ns(closed_when_stopped), 0, WEIR_MILLISECONDS(10));
}

/* SPDX-License-Identifier: MIT */
/* Streams used by several tasks: a second reader, cancels, deadlines, a close while another task is
 * inside, torn writes. */
#include "stream/stream.h"

#include "base/alloc.h"
#include "stream/stream_test_util.h"

STREAM_STORY(KINDS_ALL, a_second_reader_is_refused) {
    struct weir_group g;
    char buf[4], mine[4];
    struct weir_view v;
    struct doing d = {.s = e->b, .buf = buf, .len = 4};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading, &d);
    settle();
    static const char why[] = ": another task is reading it";
    expect_refusal(weir_read(e->b, mine, 4), -EBUSY, why);
    expect_refusal(weir_peek(e->b, 1, &v), -EBUSY, why);
    expect_refusal(weir_read_exactly(e->b, mine, 4), -EBUSY, why);
    expect_refusal(weir_read_until(e->b, '\n', mine, 4), -EBUSY, why);
    send_text(e->a, "abc");
    int rc = weir_group_close(&g, 0);
    assert_int_equal(d.rc, 3);
    return rc;
}

enum { A_LOT = 16 << 20 };

STREAM_STORY(KINDS_ALL, a_second_writer_is_refused) {
    struct weir_group g;
    struct doing d = {.s = e->a, .buf = calloc(1, A_LOT), .len = A_LOT};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, writing, &d);
    settle();
    expect_refusal(weir_write(e->a, "x", 1), -EBUSY, ": another task is writing to it");
    expect_refusal(weir_shutdown(e->a), -EBUSY, ": another task is writing to it");
    weir_group_cancel(&g, NULL);
    assert_int_equal(weir_group_close(&g, 0), 0);
    free(d.buf);
    return 0;
}

STREAM_STORY(KINDS_ALL, one_reader_and_one_writer_go_together) {
    struct weir_group g;
    char buf[4];
    struct doing d = {.s = e->a, .buf = buf, .len = 4};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading, &d);
    settle();
    send_text(e->a, "ping");
    expect_bytes(e->b, "ping");
    send_text(e->b, "pong");
    int rc = weir_group_close(&g, 0);
    assert_int_equal(d.rc, 4);
    return rc;
}

STREAM_STORY(KINDS_ALL, a_cancelled_read_consumes_nothing) {
    int (*const calls[])(void *) = {reading, reading_exactly, peeking};
    char buf[64 << 10];
    size_t lens[] = {8, sizeof buf}; /* lent, and into the caller's memory */
    for (size_t i = 0; i < 6; i++) {
        struct weir_group g;
        struct doing d = {.s = e->b, .buf = buf, .len = lens[i % 2]};
        weir_group_open(&g, WEIR_TOGETHER);
        start(&g, calls[i / 2], &d);
        settle();
        assert_false(d.over);
        weir_group_cancel(&g, "test");
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_int_equal(d.rc, -ECANCELED);
        assert_int_equal(d.done, 0);
    }
    send_text(e->a, "all of it");
    expect_bytes(e->b, "all of it");
    return 0;
}

STREAM_STORY(KINDS_ALL, a_cancelled_peek_keeps_what_it_joined) {
    struct weir_group g;
    struct doing d = {.s = e->b, .len = 10};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, peeking, &d);
    send_text(e->a, "abc");
    settle();
    send_text(e->a, "def");
    settle();
    weir_group_cancel(&g, NULL);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(d.rc, -ECANCELED);
    send_text(e->a, "ghi");
    expect_bytes(e->b, "abcdefghi");
    return 0;
}

STREAM_STORY(KINDS_ALL, a_cancelled_read_exactly_counts_what_it_took) {
    struct weir_group g;
    char buf[8];
    struct doing d = {.s = e->b, .buf = buf, .len = 8};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading_exactly, &d);
    send_text(e->a, "abc");
    settle();
    weir_group_cancel(&g, NULL);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(d.rc, -ECANCELED);
    assert_int_equal(d.done, 3);
    send_text(e->a, "rest");
    expect_bytes(e->b, "rest");
    return 0;
}

STREAM_STORY(KINDS_ALL, a_deadline_ends_a_read) {
    struct weir_scope s;
    char buf[8];
    weir_ns begin = weir_now();
    weir_scope_enter(&s, WEIR_MILLISECONDS(20));
    int rc = (int)weir_read(e->b, buf, 8);
    assert_int_equal(rc, -ETIME);
    assert_int_equal(weir_read(e->b, buf, 8), -ETIME);
    assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    assert_true(weir_now() - begin >= WEIR_MILLISECONDS(20));
    send_text(e->a, "later");
    expect_bytes(e->b, "later");
    return 0;
}

STREAM_STORY(KINDS_ALL, a_write_cut_short_tears_the_stream) {
    struct weir_group g;
    struct doing d = {.s = e->a, .buf = calloc(1, A_LOT), .len = A_LOT};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, writing, &d);
    settle();
    assert_false(d.over);
    weir_group_cancel(&g, NULL);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(d.rc, -ECANCELED);
    assert_true(d.done > 0 && d.done < A_LOT);
    assert_int_equal(weir_write(e->a, "x", 1), WEIR_ETORN);
    assert_int_equal(weir_shutdown(e->a), WEIR_ETORN);
    char *buf = malloc(d.done);
    assert_int_equal(weir_read_exactly(e->b, buf, d.done), 0);
    free(buf);
    free(d.buf);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_write_not_begun_tears_nothing) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_cancel(&s, NULL);
    int rc = weir_write(e->a, "x", 1);
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(weir_scope_leave(&s, rc), WEIR_ESTOPPED);
    send_text(e->a, "whole");
    expect_bytes(e->b, "whole");
    return 0;
}

STREAM_STORY(KINDS_ALL, close_wakes_a_parked_reader_and_writer) {
    struct weir_group g;
    char buf[8];
    struct doing r = {.s = e->a, .buf = buf, .len = 8};
    struct doing w = {.s = e->a, .buf = calloc(1, A_LOT), .len = A_LOT};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading, &r);
    start(&g, writing, &w);
    settle();
    weir_close(&e->a);
    int rc = weir_group_close(&g, 0);
    assert_int_equal(r.rc, WEIR_ECLOSED);
    assert_int_equal(w.rc, WEIR_ECLOSED);
    free(w.buf);
    return rc;
}

STREAM_STORY(KINDS_ALL, close_wakes_a_large_read) {
    struct weir_group g;
    static char buf[256 << 10];
    struct doing r = {.s = e->a, .buf = buf, .len = sizeof buf};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading_exactly, &r);
    settle();
    weir_close(&e->a);
    int rc = weir_group_close(&g, 0);
    assert_int_equal(r.rc, WEIR_ECLOSED);
    return rc;
}

STREAM_STORY(KINDS_ALL, a_peer_that_closes_wakes_a_parked_writer) {
    struct weir_group g;
    struct doing w = {.s = e->a, .buf = calloc(1, A_LOT), .len = A_LOT};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, writing, &w);
    settle();
    weir_close(&e->b);
    int rc = weir_group_close(&g, 0);
    assert_true(w.rc == -ECONNRESET || w.rc == -EPIPE);
    assert_true(w.done > 0);
    assert_int_equal(weir_write(e->a, "x", 1), WEIR_ETORN);
    free(w.buf);
    return rc;
}

/* The cancel finds the reader ready, not parked: it must not park again. */
STREAM_STORY(KINDS_ALL, a_cancel_between_two_pieces_is_felt) {
    int (*const calls[])(void *) = {peeking, reading_exactly};
    char buf[64];
    for (size_t i = 0; i < 2; i++) {
        for (int turns = 0; turns < 4; turns++) {
            struct weir_group g;
            struct doing d = {.s = e->b, .buf = buf, .len = 20};
            weir_group_open(&g, WEIR_TOGETHER);
            start(&g, calls[i], &d);
            assert_int_equal(weir_yield(), 0);
            send_text(e->a, "abc");
            for (int t = 0; t < turns; t++)
                assert_int_equal(weir_yield(), 0);
            weir_group_cancel(&g, NULL);
            assert_int_equal(weir_group_close(&g, 0), 0);
            assert_int_equal(d.rc, -ECANCELED);
            expect_bytes(e->b, "abc" + d.done);
        }
    }
    return 0;
}

STREAM_STORY(KINDS_ALL, without_memory_a_peek_loses_nothing) {
    struct weir_view v;
    for (size_t nth = 1; nth < 6; nth++) {
        send_text(e->a, "abc");
        assert_int_equal(weir_peek(e->b, 1, &v), 3);
        send_text(e->a, "defghijklmnopqrstuvw");
        settle();
        weir__alloc_fail_at(nth);
        ssize_t n = weir_peek(e->b, 10, &v);
        weir__alloc_fail_at(0);
        assert_true(n == -ENOMEM || n >= 10);
        if (nth % 2 == 0)
            assert_true(weir_peek(e->b, 10, &v) >= 10);
        expect_bytes(e->b, "abcdefghijklmnopqrstuvw");
    }
    return 0;
}

static int make_pair(void *arg) {
    struct weir_stream *a = NULL, *b = NULL;
    for (size_t nth = 1; nth < 4; nth++) {
        weir__alloc_fail_at(nth);
        assert_int_equal(weir_memory_pair(64, &a, &b), -ENOMEM);
    }
    weir__alloc_fail_at(0);
    assert_null(a);
    assert_int_equal(weir_memory_pair(SIZE_MAX / 2, &a, &b), -ENOMEM);
    return 0;
}

WEIR_TEST(without_memory_there_is_no_pair) {
    assert_int_equal(weir_run(make_pair, NULL, NULL), 0);
}

STREAM_STORY(KINDS_ALL, a_cancel_in_the_turn_of_the_data_loses_nothing) {
    char got[64];
    size_t count = 0;
    for (int i = 0; i < 20; i++) {
        struct weir_group g;
        struct doing d = {.s = e->b, .buf = got + count, .len = 1};
        weir_group_open(&g, WEIR_TOGETHER);
        start(&g, reading, &d);
        assert_int_equal(weir_yield(), 0);
        send_text(e->a, "x");
        for (int turns = i % 4; turns > 0; turns--)
            assert_int_equal(weir_yield(), 0);
        weir_group_cancel(&g, NULL);
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_true(d.rc == 1 || d.rc == -ECANCELED);
        count += d.rc == 1;
    }
    while (count < 20) {
        ssize_t n = weir_read(e->b, got + count, sizeof got - count);
        assert_true(n > 0);
        count += (size_t)n;
    }
    assert_int_equal(count, 20);
    return 0;
}

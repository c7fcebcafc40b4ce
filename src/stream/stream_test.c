/* SPDX-License-Identifier: MIT */
/* The stream contract: each test runs on memory, tcp, unix and descriptors, on every backend. */
#include "stream/stream.h"

#include "stream/stream_test_util.h"

/* ---- reading ---- */

/* A seed may cut what is sent at once into parts. */
static void all_is_there(struct weir_stream *s, const char *text) {
    struct weir_view v;
    assert_int_equal(weir_peek(s, strlen(text), &v), strlen(text));
}

STREAM_STORY(KINDS_ALL, what_is_written_is_read) {
    char buf[16];
    send_text(e->a, "hello");
    all_is_there(e->b, "hello");
    assert_int_equal(weir_read(e->b, buf, sizeof buf), 5);
    assert_memory_equal(buf, "hello", 5);
    send_text(e->b, "back");
    expect_bytes(e->a, "back");
    return 0;
}

STREAM_STORY(KINDS_ALL, a_short_read_leaves_the_rest) {
    char buf[4];
    send_text(e->a, "abcdef");
    all_is_there(e->b, "abcdef");
    assert_int_equal(weir_read(e->b, buf, 4), 4);
    assert_memory_equal(buf, "abcd", 4);
    assert_int_equal(weir_read(e->b, buf, 4), 2);
    assert_memory_equal(buf, "ef", 2);
    assert_int_equal(weir_read(e->b, buf, 0), 0);
    return 0;
}

STREAM_STORY(KINDS_ALL, peek_shows_and_consume_takes) {
    struct weir_view v;
    send_text(e->a, "abc");
    all_is_there(e->b, "abc");
    assert_int_equal(weir_peek(e->b, 1, &v), 3);
    assert_int_equal(weir_peek(e->b, 3, &v), 3);
    assert_memory_equal(v.base, "abc", 3);
    weir_consume(e->b, 2);
    assert_int_equal(weir_peek(e->b, 1, &v), 1);
    assert_memory_equal(v.base, "c", 1);
    weir_consume(e->b, 1);
    weir_consume(e->b, 0);
    return 0;
}

struct drip_args {
    struct weir_stream *s;
    size_t len;
};

static int drip(void *args) {
    struct drip_args *a = args;
    for (size_t i = 0; i < a->len; i++) {
        uint8_t byte = pattern(i);
        int rc = weir_write(a->s, &byte, 1);
        if (rc == 0 && i % 7 == 0)
            rc = weir_sleep(WEIR_MILLISECONDS(1));
        if (rc < 0)
            return rc;
    }
    return weir_shutdown(a->s);
}

STREAM_STORY(KINDS_ALL, peek_joins_pieces_and_frees_what_it_joined) {
    struct weir_group g;
    struct weir_view v;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, drip, .s = e->a, .len = 50), 0);
    for (size_t at = 0; at < 50; at += 10) {
        assert_true(weir_peek(e->b, 10, &v) >= 10);
        pattern_check(v.base, at, 10);
        weir_consume(e->b, 10);
    }
    assert_null(e->b->hold);
    assert_int_equal(weir_peek(e->b, 1, &v), 0);
    return weir_group_close(&g, 0);
}

STREAM_STORY(KINDS_ALL, peek_past_the_end_tells_and_keeps_the_bytes) {
    struct weir_view v;
    send_text(e->a, "abc");
    assert_int_equal(weir_shutdown(e->a), 0);
    assert_int_equal(weir_peek(e->b, 4, &v), WEIR_EEOF);
    assert_int_equal(weir_peek(e->b, 3, &v), 3);
    weir_consume(e->b, 3);
    assert_int_equal(weir_peek(e->b, 1, &v), 0);
    assert_int_equal(weir_peek(e->b, 4, &v), 0);
    return 0;
}

STREAM_STORY(KINDS_ALL, peek_refuses_more_than_its_limit) {
    struct weir_view v;
    assert_int_equal(weir_peek(e->b, (1 << 20) + 1, &v), WEIR_ETOOBIG);
    send_text(e->a, "x");
    assert_int_equal(weir_peek(e->b, 1, &v), 1);
    return 0;
}

STREAM_STORY(KINDS_ALL, read_until_takes_lines) {
    char line[16];
    send_text(e->a, "one\ntwo\n\nrest");
    assert_int_equal(weir_shutdown(e->a), 0);
    assert_int_equal(weir_read_until(e->b, '\n', line, sizeof line), 4);
    assert_string_equal(line, "one\n");
    assert_int_equal(weir_read_until(e->b, '\n', line, sizeof line), 4);
    assert_string_equal(line, "two\n");
    assert_int_equal(weir_read_until(e->b, '\n', line, sizeof line), 1);
    assert_int_equal(weir_read_until(e->b, '\n', line, sizeof line), WEIR_EEOF);
    expect_bytes(e->b, "rest");
    assert_int_equal(weir_read_until(e->b, '\n', line, sizeof line), 0);
    return 0;
}

STREAM_STORY(KINDS_ALL, read_until_keeps_to_its_limit) {
    char line[5];
    send_text(e->a, "abc\nabcde\n");
    assert_int_equal(weir_read_until(e->b, '\n', line, 5), 4);
    assert_int_equal(weir_read_until(e->b, '\n', line, 5), WEIR_ETOOBIG);
    assert_non_null(strstr(weir_error(WEIR_ETOOBIG)->text, "set: no delimiter in 4 bytes"));
    assert_int_equal(weir_read_until(e->b, '\n', line, 0), WEIR_ETOOBIG);
    expect_bytes(e->b, "abcde\n");
    return 0;
}

STREAM_STORY(KINDS_ALL, read_until_joins_pieces) {
    struct weir_group g;
    char line[64];
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, drip, .s = e->a, .len = 40), 0);
    assert_int_equal(weir_read_until(e->b, pattern(39), line, sizeof line), 40);
    pattern_check((uint8_t *)line, 0, 40);
    return weir_group_close(&g, 0);
}

STREAM_STORY(KINDS_ALL, read_exactly_cut_short_counts) {
    char buf[8];
    send_text(e->a, "abc");
    assert_int_equal(weir_shutdown(e->a), 0);
    assert_int_equal(weir_read_exactly(e->b, buf, 8), WEIR_EEOF);
    const struct weir_error *err = weir_error(WEIR_EEOF);
    assert_non_null(err);
    assert_int_equal(err->done, 3);
    assert_memory_equal(buf, "abc", 3);
    return 0;
}

/* ---- much ---- */

enum { MUCH = 1 << 20 };

struct pour_args {
    struct weir_stream *s;
    size_t len;
};

static int pour(void *args) {
    struct pour_args *a = args;
    uint8_t *buf = malloc(a->len);
    pattern_fill(buf, 0, a->len);
    int rc = weir_write(a->s, buf, a->len);
    free(buf);
    return rc < 0 ? rc : weir_shutdown(a->s);
}

STREAM_STORY(KINDS_ALL, a_megabyte_comes_through_by_pieces) {
    struct weir_group g;
    struct weir_view v;
    size_t got = 0;
    ssize_t n;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, pour, .s = e->a, .len = MUCH), 0);
    while ((n = weir_peek(e->b, 1, &v)) > 0) {
        pattern_check(v.base, got, v.len);
        weir_consume(e->b, v.len);
        got += v.len;
    }
    assert_int_equal(n, 0);
    assert_int_equal(got, MUCH);
    return weir_group_close(&g, 0);
}

STREAM_STORY(KINDS_ALL, a_megabyte_comes_through_into_the_readers_memory) {
    struct weir_group g;
    uint8_t *buf = malloc(MUCH);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, pour, .s = e->a, .len = MUCH), 0);
    assert_int_equal(weir_read_exactly(e->b, buf, 3), 0);
    assert_int_equal(weir_read_exactly(e->b, buf + 3, MUCH - 3), 0);
    pattern_check(buf, 0, MUCH);
    assert_int_equal(weir_read(e->b, buf, MUCH), 0);
    free(buf);
    return weir_group_close(&g, 0);
}

STREAM_STORY(KINDS_ALL, a_megabyte_can_be_peeked_whole) {
    struct weir_group g;
    struct weir_view v;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, pour, .s = e->a, .len = MUCH), 0);
    assert_int_equal(weir_peek(e->b, MUCH, &v), MUCH);
    pattern_check(v.base, 0, MUCH);
    weir_consume(e->b, MUCH);
    return weir_group_close(&g, 0);
}

STREAM_STORY(KINDS_ALL, many_places_go_out_in_order) {
    char one[] = "one ", two[] = "two ", three[] = "three";
    struct iovec v[] = {{one, 4}, {two, 4}, {NULL, 0}, {three, 5}};
    assert_int_equal(weir__stream_writev(e->a, v, 4), 0);
    expect_bytes(e->b, "one two three");
    return 0;
}

STREAM_STORY(KINDS_ALL, a_writer_waits_for_a_slow_reader) {
    struct weir_group g;
    size_t len = 16 << 20;
    struct doing d = {.s = e->a, .buf = calloc(1, len), .len = len};
    char *buf = malloc(len);
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, writing, &d);
    settle();
    assert_false(d.over);
    assert_int_equal(weir_read_exactly(e->b, buf, len), 0);
    int rc = weir_group_close(&g, 0);
    assert_int_equal(d.rc, 0);
    free(d.buf);
    free(buf);
    return rc;
}

/* ---- ends ---- */

STREAM_STORY(KINDS_ALL, half_close_works_both_ways) {
    char buf[8];
    send_text(e->a, "question");
    assert_int_equal(weir_shutdown(e->a), 0);
    assert_int_equal(weir_shutdown(e->a), 0);
    expect_bytes(e->b, "question");
    assert_int_equal(weir_read(e->b, buf, 8), 0);
    assert_int_equal(weir_read(e->b, buf, 8), 0);
    send_text(e->b, "answer");
    expect_bytes(e->a, "answer");
    assert_int_equal(weir_shutdown(e->b), 0);
    assert_int_equal(weir_read(e->a, buf, 8), 0);
    expect_refusal(weir_write(e->a, "x", 1), -EPIPE, ": this side was shut down before");
    return 0;
}

STREAM_STORY(KINDS_ALL, after_close_the_peer_reads_what_was_sent_then_the_end) {
    char buf[8];
    send_text(e->a, "last");
    weir_close(&e->a);
    assert_null(e->a);
    expect_bytes(e->b, "last");
    assert_int_equal(weir_read(e->b, buf, 8), 0);
    return 0;
}

STREAM_STORY(KINDS_ALL, close_with_unread_bytes_resets) {
    char buf[8];
    send_text(e->a, "never read");
    settle();
    weir_close(&e->b);
    settle();
    assert_int_equal(weir_read(e->a, buf, 8), -ECONNRESET);
    assert_non_null(weir_error(-ECONNRESET));
    assert_string_equal(weir_error(-ECONNRESET)->what, "read");
    assert_int_equal(weir_read(e->a, buf, 8), -ECONNRESET);
    return 0;
}

/* Backends may have taken such bytes from the kernel already. */
STREAM_STORY(KIND_MEMORY | KIND_TCP, close_with_bytes_unread_after_a_read_resets) {
    char buf[8];
    send_text(e->a, "read");
    expect_bytes(e->b, "read");
    settle();
    send_text(e->a, "never read");
    settle();
    weir_close(&e->b);
    settle();
    assert_int_equal(weir_read(e->a, buf, 8), -ECONNRESET);
    return 0;
}

STREAM_STORY(KINDS_ALL, close_with_peeked_bytes_resets) {
    char buf[8];
    struct weir_view v;
    send_text(e->a, "seen, not read");
    assert_true(weir_peek(e->b, 1, &v) > 0);
    if (e->kind == KIND_UNIX || e->kind == KIND_FD) /* the kernel knows only its own bytes */
        return 0;
    weir_close(&e->b);
    settle();
    assert_int_equal(weir_read(e->a, buf, 8), -ECONNRESET);
    return 0;
}

STREAM_STORY(KINDS_ALL, writing_to_a_closed_peer_is_a_broken_pipe) {
    weir_close(&e->b);
    settle();
    int rc = 0;
    for (int i = 0; i < 10 && rc == 0; i++) {
        rc = weir_write(e->a, "x", 1);
        if (rc == 0)
            settle();
    }
    if (rc == -ECONNRESET) /* tcp may tell of the reset first */
        rc = weir_write(e->a, "x", 1);
    assert_int_equal(rc, -EPIPE);
    return 0;
}

STREAM_STORY(KINDS_ALL, the_ends_have_names) {
    assert_true(strlen(weir_stream_peer(e->a)) > 0);
    assert_true(strlen(weir_stream_local(e->a)) > 0);
    if (e->kind == KIND_TCP) {
        assert_string_equal(weir_stream_peer(e->a), weir_stream_local(e->b));
        assert_string_equal(weir_stream_peer(e->b), weir_stream_local(e->a));
        assert_memory_equal(weir_stream_peer(e->a), "127.0.0.1:", 10);
    }
    return 0;
}

WEIR_TEST(streams_need_a_loop) {
    struct weir_stream *a, *b;
    struct weir_listener *l;
    assert_int_equal(weir_memory_pair(0, &a, &b), WEIR_ENOLOOP);
    assert_int_equal(weir_stream_from_fd(0, &a), WEIR_ENOLOOP);
    assert_int_equal(weir_dial("tcp://127.0.0.1:1", NULL, &a), WEIR_ENOLOOP);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), WEIR_ENOLOOP);
    assert_int_equal(weir_wait_fd(0, 1), WEIR_ENOLOOP);
    weir_close(NULL);
    a = NULL;
    weir_close(&a);
}

static int consume_too_much(void *arg) {
    struct weir_stream *a, *b;
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    weir_consume(a, 1);
    return 0;
}

WEIR_TEST_ABORTS(consuming_more_than_was_shown_is_a_bug, "peek showed 0 bytes") {
    weir_run(consume_too_much, NULL, NULL);
}

struct peeks_ten_args {
    struct weir_stream *s;
    bool *ret_over;
};
static int peeks_ten(void *args) {
    struct peeks_ten_args *a = args;
    struct weir_view v;
    int rc = (int)weir_peek(a->s, 10, &v);
    assert_true(rc >= 10);
    assert_memory_equal(v.base, "0123456789", 10);
    *a->ret_over = true;
    return 0;
}

STREAM_STORY(KINDS_ALL, a_consume_while_a_peek_waits_costs_no_byte) {
    struct weir_group g;
    bool over = false;
    weir_group_open(&g, WEIR_TOGETHER);
    send_text(e->a, "abc");
    settle();
    assert_int_equal(weir_go(&g, peeks_ten, .s = e->b, .ret_over = &over), 0);
    settle();
    assert_int_equal(e->b->left, 3);
    weir_consume(e->b, 3);
    send_text(e->a, "01234");
    settle();
    send_text(e->a, "56789");
    return weir_group_close(&g, 0);
}

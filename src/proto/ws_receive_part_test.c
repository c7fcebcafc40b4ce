/* SPDX-License-Identifier: MIT */
/* Messages received part by part: whole, in fragments, compressed, larger than any buffer; and what
 * the other calls say meanwhile. A task serves one connection of a peer of bytes or of ours. */
#include <weir/testing.h>
#include <weir/ws_deflate.h>

#include "proto/ws_test_util.h"
#include "wire/deflate.h"

struct open_args {
    struct weir_stream *s;
    const struct weir_ws_options *o;
    struct weir_ws **ret;
};
static int open_server(void *args) {
    struct open_args *a = args;
    return weir_ws_accept(&a->s, a->o, a->ret);
}

static struct weir_stream *raw; /* a peer of bytes, with a server of ours */
static struct weir_ws *raw_server(struct world *w) {
    struct weir_ws *ws = NULL;
    struct weir_task *t = NULL;
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    struct world other = {.o = w->o};
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(other.tcp_url, sizeof other.tcp_url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    raw = raw_dial(&other);
    assert_int_equal(weir_accept(l, &s), 0);
    weir_unlisten(&l);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(open_server), open_server,
                                &(struct open_args){s, &w->o, &ws}, sizeof(struct open_args), NULL,
                                &t), 0);
    assert_int_equal(raw_ask(raw, plain_request), 101);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    return ws;
}

static void raw_end(struct weir_ws *ws) {
    weir_ws_drop(&ws);
    weir_close(&raw);
}

/* A part of these bytes; a seed may cut it into several. */
#define expect_part(ws, want, is_first, is_last)                                                   \
    do {                                                                                           \
        struct weir_ws_part p_;                                                                    \
        size_t at_ = 0, len_ = strlen(want);                                                       \
        do {                                                                                       \
            assert_int_equal(weir_ws_receive_part((ws), &p_), 0);                                  \
            assert_true(p_.data.len <= len_ - at_ && (p_.data.len > 0 || len_ == 0));              \
            assert_memory_equal(p_.data.base, (want) + at_, p_.data.len);                          \
            assert_int_equal(p_.first, (is_first) && at_ == 0);                                    \
            at_ += p_.data.len;                                                                    \
            assert_int_equal(p_.last, (is_last) && at_ == len_);                                   \
            assert_int_equal(p_.type, WEIR_WS_TEXT);                                               \
        } while (at_ < len_);                                                                      \
    } while (0)

WS_STORY(fragments_are_parts_and_a_whole_message_is_one) {
    struct weir_ws *ws = raw_server(w);
    struct weir_ws_message m;
    frame_send(raw, TEXT, "whole");
    expect_part(ws, "whole", true, true);
    frame_send(raw, TEXT, "");
    expect_part(ws, "", true, true);
    frame_send(raw, TEXT_PART, "one");
    expect_part(ws, "one", true, false);
    assert_int_equal(weir_ws_receive(ws, &m), -EBUSY);
    frame_send(raw, PING, "now");
    frame_send(raw, CONTINUATION, "");
    frame_send(raw, CONTINUATION, "two");
    expect_part(ws, "two", false, false);
    expect_frame(raw, PONG, "now");
    frame_send(raw, CONTINUATION_FIN, "");
    expect_part(ws, "", false, true);
    frame_send(raw, TEXT, "and whole");
    expect_message(ws, "and whole");
    raw_end(ws);
    return 0;
}

WS_STORY(half_a_frame_is_a_part_and_a_character_may_be_cut) {
    w->o.close_ns = MS(100); /* the raw peer does not end its side */
    struct weir_ws *ws = raw_server(w);
    struct weir_ws_part p;
    uint8_t frame[64];
    size_t n = frame_make(frame, TEXT, "ab\xc3\xa4" "cd", 6);
    assert_int_equal(weir_write(raw, frame, n - 3), 0);
    expect_part(ws, "ab\xc3", true, false);
    assert_int_equal(weir_write(raw, frame + n - 3, 3), 0);
    expect_part(ws, "\xa4" "cd", false, true);
    frame_send(raw, TEXT_PART, "good");
    expect_part(ws, "good", true, false);
    frame_send(raw, CONTINUATION_FIN, "\xff");
    assert_int_equal(weir_ws_receive_part(ws, &p), WEIR_EUTF8);
    raw_end(ws);
    return 0;
}

/* A receive that was cancelled half way has gathered what came. */
WS_STORY(parts_go_on_where_a_cancelled_receive_was) {
    struct weir_ws *ws = raw_server(w);
    struct weir_ws_message m;
    struct weir_scope s;
    frame_send(raw, TEXT_PART, "one");
    weir_scope_enter(&s, MS(5));
    assert_int_equal(weir_scope_leave(&s, weir_ws_receive(ws, &m)), -ETIME);
    expect_part(ws, "one", true, false);
    frame_send(raw, CONTINUATION_FIN, "two");
    expect_part(ws, "two", false, true);
    raw_end(ws);
    return 0;
}

WS_STORY(a_close_skips_the_rest_of_a_message_in_parts) {
    struct weir_ws *ws = raw_server(w);
    frame_send(raw, TEXT_PART, "one");
    expect_part(ws, "one", true, false);
    frame_send(raw, CONTINUATION, "two");
    frame_send(raw, CONTINUATION_FIN, "three");
    frame_send(raw, TEXT, "more");
    frame_send(raw, CLOSE, "\x03\xe8");
    assert_int_equal(weir_ws_close(ws, 1000, NULL), 0);
    raw_end(ws);
    return 0;
}

/* ---- compressed, and larger than what is kept of it ---- */

enum { LARGE = 3 << 20 };

struct send_large_args {
    const char *url;
    const struct weir_ws_options *o;
    bool in_parts;
};
static int send_large(void *args) {
    struct send_large_args *a = args;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    static uint8_t large[LARGE];
    int rc = weir_ws_dial(a->url, a->o, &ws);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (uint8_t)(i >> 10);
    if (rc == 0 && !a->in_parts)
        rc = weir_ws_send(ws, WEIR_WS_BINARY, large, LARGE);
    for (size_t at = 0; rc == 0 && a->in_parts && at <= LARGE; at += 100000) {
        size_t n = LARGE - at < 100000 ? LARGE - at : 100000;
        rc = weir_ws_send_part(ws, WEIR_WS_BINARY, large + at, n, n < 100000);
    }
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "the end", 7);
    return rc == 0 ? weir_ws_close(ws, 1000, NULL) : rc;
}

static int take_large(const struct weir_ws_options *o, bool in_parts) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_stream *s = NULL;
    struct weir_group g;
    struct weir_ws_part p = {0};
    size_t sum = 0, parts = 0;
    char url[64];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, send_large, .url = url, .o = o, .in_parts = in_parts);
    if (rc == 0 && (rc = weir_accept(l, &s)) == 0)
        rc = weir_ws_accept(&s, o, &ws);
    while (rc == 0 && !p.last && (rc = weir_ws_receive_part(ws, &p)) == 0) {
        const uint8_t *bytes = p.data.base;
        assert_int_equal(p.first, parts++ == 0);
        assert_true(p.data.len <= 128 << 10);
        for (size_t i = 0; i < p.data.len; i++)
            if (bytes[i] != (uint8_t)((sum + i) >> 10))
                fail_msg("byte %zu differs", sum + i);
        sum += p.data.len;
    }
    if (rc == 0) {
        struct weir_ws_message m;
        assert_int_equal(sum, LARGE);
        assert_true(parts > 20);
        if ((rc = weir_ws_receive(ws, &m)) == 0)
            assert_true(says(&m, "the end"));
    }
    if (rc == 0 && (rc = weir_ws_receive_part(ws, &p)) == WEIR_EWSCLOSED)
        rc = 0;
    weir_ws_drop(&ws);
    return weir_group_close(&g, rc);
}

static const struct weir_ws_deflate deflate = {.size = sizeof deflate, .server_takeover = true,
                                               .client_takeover = true};

WS_STORY(a_large_message_comes_in_small_parts) {
    struct weir_ws_options o = w->o;
    o.message_max = 4 << 20;
    o.queue_max = 4 << 20;
    for (int zipped = 0; zipped < (weir__deflate_table ? 2 : 1); zipped++) {
        o.deflate = zipped ? &deflate : NULL;
        assert_int_equal(take_large(&o, false), 0);
        assert_int_equal(take_large(&o, true), 0);
    }
    return 0;
}

WS_STORY(message_max_holds_for_parts_too) {
    struct weir_ws_options o = w->o;
    o.message_max = 1 << 20;
    o.queue_max = 4 << 20;
    for (int zipped = 0; zipped < (weir__deflate_table ? 2 : 1); zipped++) {
        o.deflate = zipped ? &deflate : NULL;
        assert_int_equal(take_large(&o, false), WEIR_ETOOBIG);
    }
    return 0;
}

static void zip_if_there(struct weir_ws_options *o) {
    o->deflate = weir__deflate_table != NULL ? &deflate : NULL;
}

/* What was received and not yet decompressed is gone with the bytes that it lies in. */
WS_STORY(after_a_close_there_are_no_more_parts_of_a_compressed_message, zip_if_there(o)) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    static uint8_t zeros[500000];
    struct weir_ws_part p;
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, zeros, sizeof zeros), 0);
    assert_int_equal(weir_ws_receive_part(ws, &p), 0);
    assert_true(p.first && !p.last);
    assert_int_equal(weir_ws_close(ws, 1000, NULL), 0);
    assert_int_equal(weir_ws_receive_part(ws, &p), WEIR_EWSCLOSED);
    return 0;
}

/* Else a message would come with a hole in it. */
static void close_in_a_message(struct world *w) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    static uint64_t noise[40000];
    struct weir_ws_part p;
    struct weir_scope s;
    for (size_t i = 0; i < 40000; i++)
        noise[i] = weir_random();
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, noise, sizeof noise), 0);
    assert_int_equal(weir_ws_receive_part(ws, &p), 0);
    assert_false(p.last);
    weir_scope_enter(&s, 1);
    int rc = weir_scope_leave(&s, weir_ws_close(ws, 1000, NULL));
    assert_true(rc == -ETIME || rc == 0);
    assert_int_equal(weir_ws_receive_part(ws, &p), WEIR_EWSCLOSED);
}

WS_STORY(a_close_that_was_cancelled_skips_the_rest_of_a_message) {
    close_in_a_message(w);
    return 0;
}

WS_STORY(a_close_that_was_cancelled_skips_the_rest_of_a_compressed_message, zip_if_there(o)) {
    close_in_a_message(w);
    return 0;
}

static int send_halves(void *args) {
    struct send_large_args *a = args;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    static uint8_t zeros[300000];
    int rc = weir_ws_dial(a->url, a->o, &ws);
    if (rc == 0)
        rc = weir_ws_send_part(ws, WEIR_WS_BINARY, zeros, sizeof zeros, false);
    if (rc == 0)
        rc = weir_sleep(MS(50));
    if (rc == 0)
        rc = weir_ws_send_part(ws, WEIR_WS_BINARY, zeros, sizeof zeros, true);
    return rc == 0 ? weir_ws_close(ws, 1000, NULL) : rc;
}

/* The buffer that a cancelled receive has filled is no measure for the parts that follow. */
WS_STORY(parts_of_a_compressed_message_stay_small_behind_a_cancelled_receive, zip_if_there(o)) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_stream *s = NULL;
    struct weir_ws_message m;
    struct weir_ws_part p = {0};
    struct weir_scope bound;
    struct weir_group g;
    char url[64];
    size_t sum = 300000;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(send_halves), send_halves,
                                &(struct send_large_args){.url = url, .o = &w->o},
                                sizeof(struct send_large_args), NULL, NULL), 0);
    assert_int_equal(weir_accept(l, &s), 0);
    assert_int_equal(weir_ws_accept(&s, &w->o, &ws), 0);
    weir_scope_enter(&bound, MS(30));
    assert_int_equal(weir_scope_leave(&bound, weir_ws_receive(ws, &m)), -ETIME);
    assert_int_equal(weir_ws_receive_part(ws, &p), 0);
    assert_true(p.first && p.data.len <= sum);
    for (sum = p.data.len; !p.last; sum += p.data.len) {
        assert_int_equal(weir_ws_receive_part(ws, &p), 0);
        assert_true(w->o.deflate == NULL || p.data.len <= 16 << 10);
    }
    assert_int_equal(sum, 600000);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_group_close(&g, 0), 0);
    return 0;
}

static int large_story(void *arg) {
    struct weir_ws_options o = {.size = sizeof o, .message_max = 4 << 20, .queue_max = 4 << 20,
                                .close_ns = MS(20), .deflate = &deflate};
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(10));
    return weir_scope_leave(&s, take_large(&o, arg != NULL));
}

WEIR_TEST(nothing_is_left_of_parts) {
    struct weir_story s = {.size = sizeof s, .name = "parts", .fn = large_story};
    struct weir_explored e;
    if (weir__deflate_table == NULL)
        return;
    s.last = 60;
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    s.arg = &s;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
}

enum { PARTS = 400 };

struct takes_parts_args {
    struct weir_ws *ws;
    size_t *sum;
    bool *over;
};
static int takes_parts(void *args) {
    struct takes_parts_args *a = args;
    struct weir_ws_part p = {0};
    int calls = 0;
    while (!p.last) {
        assert_int_equal(weir_ws_receive_part(a->ws, &p), 0);
        assert_int_equal(p.type, WEIR_WS_TEXT);
        assert_int_equal(p.first, *a->sum == 0);
        *a->sum += p.data.len;
        if (++calls == PARTS / 2) /* the turns of the others fall elsewhere from here on */
            assert_int_equal(ws_say(a->ws, "half"), 0);
    }
    *a->over = true;
    return 0;
}

/* Its calls let others run, also those that need not wait for a byte. */
WS_STORY(a_message_that_one_task_receives_in_parts_is_no_other_tasks) {
    struct weir_ws *ws = raw_server(w);
    struct weir_ws_message m;
    struct weir_ws_part p;
    struct weir_group g;
    size_t sum = 0;
    bool over = false;
    int refused = 0;
    for (int i = 0; i < PARTS; i++)
        frame_send(raw, i == 0 ? TEXT_PART : i < PARTS - 1 ? CONTINUATION : CONTINUATION_FIN,
                   "part");
    settle();
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, takes_parts, .ws = ws, .sum = &sum, .over = &over), 0);
    while (!over) {
        assert_int_equal(weir_yield(), 0);
        if (sum > 0 && !over && ++refused > 0)
            assert_int_equal(weir_ws_receive(ws, &m), -EBUSY);
    }
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(refused > 0 && sum == PARTS * strlen("part"));
    frame_send(raw, TEXT, "and whole");
    assert_int_equal(weir_ws_receive_part(ws, &p), 0);
    assert_true(p.first && p.last);
    raw_end(ws);
    return 0;
}

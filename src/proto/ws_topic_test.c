/* SPDX-License-Identifier: MIT */
/* Topics: what is published reaches every subscriber once and in order; slow subscribers are
 * skipped, closed or waited for, as the topic says; those that die in the middle are forgotten. */
#include <errno.h>
#include <stdlib.h>
#include <weir/testing.h>

#include "proto/ws_topic_test_util.h"

enum { FAN = 20 };

static ssize_t say(struct weir_ws_topic *t, const char *text) {
    return weir_ws_topic_publish(t, WEIR_WS_TEXT, text, strlen(text));
}

static ssize_t say_bulk(struct weir_ws_topic *t, uint8_t fill) {
    static uint8_t bulk[BULK];
    memset(bulk, fill, sizeof bulk);
    return weir_ws_topic_publish(t, WEIR_WS_BINARY, bulk, sizeof bulk);
}

static void expect_bulk(struct weir_stream *s, uint8_t fill) {
    static uint8_t bulk[BULK + 4];
    assert_int_equal(weir_read_exactly(s, bulk, sizeof bulk), 0);
    assert_true(bulk[0] == 0x82 && bulk[1] == 126 && bulk[4] == fill && bulk[BULK + 3] == fill);
}

static struct weir_ws_topic_stats stats(const struct weir_ws_topic *t) {
    struct weir_ws_topic_stats st;
    weir_ws_topic_stats(t, &st);
    return st;
}

WS_STORY(a_message_reaches_every_subscriber_once_and_in_order) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_SKIP, 0);
    struct weir_stream *s[FAN];
    for (int i = 0; i < FAN; i++)
        s[i] = join(w, t);
    assert_int_equal(say(t, "one"), FAN);
    assert_int_equal(weir_ws_try_send(w->lent, WEIR_WS_TEXT, "to the last alone", 17), 0);
    assert_int_equal(say(t, "two"), FAN);
    assert_int_equal(weir_ws_topic_unsubscribe(t, w->lent), 0);
    assert_int_equal(say(t, "three"), FAN - 1);
    for (int i = 0; i < FAN; i++) {
        expect_frame(s[i], TEXT, "one");
        if (i == FAN - 1)
            expect_frame(s[i], TEXT, "to the last alone");
        expect_frame(s[i], TEXT, "two");
        frame_send(s[i], TEXT, "hello"); /* what is behind */
        if (i != FAN - 1)
            expect_frame(s[i], TEXT, "three");
        expect_frame(s[i], TEXT, "hello");
        weir_close(&s[i]);
    }
    assert_int_equal(stats(t).published, 3);
    assert_int_equal(stats(t).queued, 3 * FAN - 1);
    weir_ws_topic_free(&t);
    assert_null(t);
    return 0;
}

WS_STORY(a_connection_that_closes_is_no_subscriber_any_more) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_SKIP, 0), *other = topic_new(0, 0);
    struct weir_stream *a = join(w, t), *b = join(w, t);
    assert_int_equal(weir_ws_topic_subscribe(other, w->lent), 0);
    weir_close(&b);
    wait_ended(w, 1);
    assert_int_equal(stats(t).subscribers, 1);
    assert_int_equal(stats(other).subscribers, 0);
    assert_int_equal(say(t, "on"), 1);
    expect_frame(a, TEXT, "on");
    weir_ws_topic_free(&t); /* with a subscriber */
    frame_send(a, TEXT, "still there");
    expect_frame(a, TEXT, "still there");
    weir_close(&a);
    weir_ws_topic_free(&other);
    return 0;
}

/* Publish until the connection that nobody reads has no room. Returns how many messages. */
static int fill_up(struct weir_ws_topic *t, struct weir_stream *reader) {
    int n = 0;
    while (stats(t).skipped + stats(t).closed == 0 && n < 2000) {
        assert_true(say_bulk(t, (uint8_t)n) >= (reader != NULL));
        if (reader != NULL)
            expect_bulk(reader, (uint8_t)n);
        n++;
    }
    assert_true(n < 2000);
    return n;
}

WS_STORY(a_slow_subscriber_is_skipped_and_the_others_get_all) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_SKIP, 0);
    struct weir_stream *fast = join(w, t), *slow = join(w, t);
    int n = fill_up(t, fast);
    assert_int_equal(stats(t).skipped, 1);
    assert_true(weir_ws_queued(w->lent) <= QUEUE);
    for (int i = 0; i < n - 1; i++) /* all but the last, which it had no room for */
        expect_bulk(slow, (uint8_t)i);
    settle();
    assert_int_equal(say_bulk(t, 77), 2);
    expect_bulk(slow, 77);
    weir_close(&fast);
    weir_close(&slow);
    weir_ws_topic_free(&t);
    return 0;
}

WS_STORY(a_slow_subscriber_is_closed_and_told_why) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_CLOSE, 0);
    struct weir_stream *fast = join(w, t), *slow = join(w, t);
    int n = fill_up(t, fast);
    assert_true(stats(t).closed == 1 && stats(t).skipped == 0 && stats(t).subscribers == 1);
    for (int i = 0; i < n - 1; i++)
        expect_bulk(slow, (uint8_t)i);
    expect_close(slow, 1013, "too slow");
    frame_send(slow, CLOSE, "\x03\xf5");
    assert_int_equal(say(t, "on"), 1);
    expect_frame(fast, TEXT, "on");
    weir_close(&fast);
    weir_close(&slow);
    weir_ws_topic_free(&t);
    return 0;
}

WS_STORY(a_slow_subscriber_that_reads_nothing_is_cut_off, o->close_ns = MS(50)) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_CLOSE, 0);
    struct weir_stream *fast = join(w, t), *slow = join(w, t);
    fill_up(t, fast);
    wait_ended(w, 1);
    weir_close(&fast);
    weir_close(&slow);
    weir_ws_topic_free(&t);
    return 0;
}

struct publisher {
    struct weir_ws_topic *t;
    uint8_t first;
    int count, done;
    ssize_t rc;
};

struct publisher_args {
    struct publisher *p;
};

static int publisher(void *args) {
    struct publisher *p = ((struct publisher_args *)args)->p;
    for (; p->done < p->count; p->done++)
        if ((p->rc = say_bulk(p->t, (uint8_t)(p->first + p->done))) < 0)
            return 0;
    return 0;
}

/* The publisher goes at the pace of the slow one, and nobody misses anything. */
WS_STORY(a_slow_subscriber_is_waited_for) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, WEIR_SECONDS(20));
    struct weir_stream *slow = join(w, t);
    struct publisher p = {.t = t, .count = strcmp(test_backend, "sim") == 0 ? 40 : 250};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, publisher, .p = &p), 0);
    settle();
    for (int i = 0; i < p.count; i++)
        expect_bulk(slow, (uint8_t)i);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(p.done == p.count && stats(t).skipped + stats(t).closed == 0);
    weir_close(&slow);
    weir_ws_topic_free(&t);
    return 0;
}

struct posted {
    struct weir_ws_topic *t;
    ssize_t n;
    bool done;
};

static void publish_posted(void *arg) {
    struct posted *p = arg;
    p->n = weir_ws_topic_try_publish(p->t, WEIR_WS_TEXT, "posted", 6);
    p->done = true;
}

WS_STORY(a_posted_function_publishes) {
    static const enum weir_ws_slow policies[] = {WEIR_WS_SLOW_SKIP, WEIR_WS_SLOW_CLOSE,
                                                 WEIR_WS_SLOW_WAIT};
    for (int i = 0; i < 3; i++) {
        struct posted p = {.t = topic_new(policies[i], 0)};
        struct weir_stream *a = join(w, p.t), *b = join(w, p.t);
        assert_int_equal(weir_post(weir_loop_current(), publish_posted, &p), 0);
        while (!p.done)
            settle();
        assert_int_equal(p.n, 2);
        expect_frame(a, TEXT, "posted");
        expect_frame(b, TEXT, "posted");
        assert_int_equal(stats(p.t).published, 1);
        assert_int_equal(weir_ws_topic_try_publish(p.t, WEIR_WS_TEXT, "\xff", 1), WEIR_EUTF8);
        weir_close(&a);
        weir_close(&b);
        weir_ws_topic_free(&p.t);
    }
    return 0;
}

static ssize_t try_bulk(struct weir_ws_topic *t) {
    static uint8_t bulk[BULK];
    memset(bulk, 7, sizeof bulk);
    return weir_ws_topic_try_publish(t, WEIR_WS_BINARY, bulk, sizeof bulk);
}

WS_STORY(a_try_publish_skips_or_closes_a_slow_subscriber) {
    for (int i = 0; i < 2; i++) {
        struct weir_ws_topic *t = topic_new(i == 0 ? WEIR_WS_SLOW_SKIP : WEIR_WS_SLOW_CLOSE, 0);
        struct weir_stream *slow = join(w, t);
        int count = 0;
        while (count < 1000 && try_bulk(t) == 1)
            count++;
        assert_true(count > 0 && count < 1000);
        assert_int_equal(stats(t).skipped, i == 0);
        assert_int_equal(stats(t).closed, i == 1);
        weir_close(&slow);
        weir_ws_topic_free(&t);
    }
    return 0;
}

WS_STORY(a_try_publish_that_would_have_to_wait_queues_for_nobody) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, WEIR_SECONDS(20));
    struct weir_stream *slow = join(w, t), *quick = join(w, t);
    ssize_t n;
    int count = 0;
    for (; count < 1000 && (n = try_bulk(t)) == 2; count++)
        expect_bulk(quick, 7);
    assert_int_equal(n, -EAGAIN);
    assert_true(stats(t).published == (uint64_t)count && stats(t).queued == 2 * (uint64_t)count);
    /* another publish waits, and comes first even if this one had room */
    struct publisher p = {.t = t, .count = 1};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, publisher, .p = &p), 0);
    settle();
    assert_int_equal(weir_ws_topic_try_publish(t, WEIR_WS_TEXT, "", 0), -EAGAIN);
    for (int i = 0; i < count; i++)
        expect_bulk(slow, 7);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(weir_ws_topic_try_publish(t, WEIR_WS_TEXT, "again", 5), 2);
    expect_bulk(quick, 0);
    expect_frame(quick, TEXT, "again");
    weir_close(&slow);
    weir_close(&quick);
    weir_ws_topic_free(&t);
    return 0;
}

WS_STORY(a_slow_subscriber_is_closed_when_the_wait_is_over) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, MS(20));
    struct weir_stream *slow = join(w, t);
    struct publisher p = {.t = t, .count = 1000};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, publisher, .p = &p), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(p.done == p.count && p.rc == 0 && stats(t).closed == 1);
    weir_close(&slow);
    weir_ws_topic_free(&t);
    return 0;
}

/* Two publishers while one subscriber is slow: all get the messages in the same order. */
WS_STORY(publishers_take_turns_so_that_all_get_the_same_order) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, WEIR_SECONDS(20));
    struct weir_stream *a = join(w, t), *b = join(w, t);
    int count = strcmp(test_backend, "sim") == 0 ? 20 : 120;
    struct publisher p[2] = {{.t = t, .count = count}, {.t = t, .first = 128, .count = count}};
    static uint8_t order[256];
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_go(&g, publisher, .p = &p[i]), 0);
    settle();
    for (int i = 0; i < 2 * count; i++) {
        static uint8_t frame[BULK + 4];
        assert_int_equal(weir_read_exactly(a, frame, sizeof frame), 0);
        order[i] = frame[4];
        expect_bulk(b, order[i]);
    }
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&a);
    weir_close(&b);
    weir_ws_topic_free(&t);
    return 0;
}

/* Let a publisher wait for a subscriber that reads nothing; and one behind it, for its turn. */
static void wait_two(struct weir_group *g, struct publisher *p, struct weir_task **ret_first) {
    weir_group_open(g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go_task(g, publisher, ret_first, .p = &p[0]), 0);
    int done = -1;
    while (p[0].done != done) {
        done = p[0].done;
        assert_int_equal(weir_sleep(MS(20)), 0);
    }
    assert_int_equal(weir_go(g, publisher, .p = &p[1]), 0);
    settle();
    assert_int_equal(p[1].done, 0);
}

WS_STORY(a_topic_that_is_freed_lets_its_publishers_go) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, WEIR_SECONDS(20));
    struct weir_stream *slow = join(w, t);
    struct publisher p[2] = {{.t = t, .count = 1000}, {.t = t, .count = 1}};
    struct weir_task *first = NULL;
    struct weir_group g;
    wait_two(&g, p, &first);
    weir_ws_topic_free(&t);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(p[0].rc == WEIR_ECLOSED && p[1].rc == WEIR_ECLOSED);
    weir_task_release(&first);
    weir_close(&slow);
    return 0;
}

WS_STORY(a_cancelled_publisher_hands_its_turn_on) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, WEIR_SECONDS(20));
    struct weir_stream *fast = join(w, t), *slow = join(w, t);
    struct publisher p[2] = {{.t = t, .count = 1000}, {.t = t, .count = 1}};
    struct weir_task *first = NULL;
    struct weir_group g;
    wait_two(&g, p, &first);
    weir_task_cancel(first, "test");
    settle();
    assert_int_equal(p[0].rc, -ECANCELED);
    uint64_t skipped = stats(t).skipped;
    assert_true(skipped == 1 || skipped == 2); /* who read nothing; fast does not read either */
    while (p[1].done == 0) {
        static uint8_t bytes[BULK];
        assert_true(weir_read(slow, bytes, sizeof bytes) > 0);
        assert_true(weir_read(fast, bytes, sizeof bytes) > 0);
    }
    assert_true(p[1].rc == 2);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_task_release(&first);
    weir_close(&fast);
    weir_close(&slow);
    weir_ws_topic_free(&t);
    return 0;
}

WS_STORY(a_slow_subscriber_that_dies_ends_the_wait) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, WEIR_SECONDS(20));
    struct weir_stream *slow = join(w, t);
    struct publisher p[2] = {{.t = t, .count = 1000}, {.t = t, .count = 1}};
    struct weir_task *first = NULL;
    struct weir_group g;
    wait_two(&g, p, &first);
    weir_close(&slow);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(p[0].rc == 0 && p[0].done == 1000 && p[1].rc == 0);
    assert_int_equal(stats(t).subscribers, 0);
    weir_task_release(&first);
    weir_ws_topic_free(&t);
    return 0;
}

/* Parts of another message may not be cut by this one. The peer is not to blame. */
WS_STORY(nobody_is_closed_for_a_message_in_parts) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_CLOSE, 0);
    struct weir_stream *s = join(w, t);
    assert_int_equal(weir_ws_send_part(w->lent, WEIR_WS_TEXT, "ha", 2, false), 0);
    assert_int_equal(say(t, "between"), 0);
    assert_int_equal(weir_ws_send_part(w->lent, WEIR_WS_TEXT, "lf", 2, true), 0);
    assert_int_equal(say(t, "behind"), 1);
    expect_frame(s, TEXT_PART, "ha");
    expect_frame(s, CONTINUATION_FIN, "lf");
    expect_frame(s, TEXT, "behind");
    assert_true(stats(t).skipped == 1 && stats(t).closed == 0);
    weir_close(&s);
    weir_ws_topic_free(&t);
    return 0;
}

/* A client's own connection masks each frame for itself. */
WS_STORY(a_dialled_connection_may_subscribe) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_SKIP, 0);
    struct weir_ws *ws = ws_open(w);
    assert_int_equal(weir_ws_topic_subscribe(t, ws), 0);
    assert_int_equal(say(t, "to the server"), 1);
    expect_message(ws, "to the server"); /* its echo */
    weir_ws_drop(&ws);
    assert_int_equal(stats(t).subscribers, 0);
    weir_ws_topic_free(&t);
    return 0;
}

WS_STORY(what_is_wrong_is_refused) {
    struct weir_ws_topic_options o = {.size = sizeof o, .subscribers_max = 1, .queue_max = 100};
    struct weir_ws_topic *t = NULL;
    o.close_code = 1006;
    assert_int_equal(weir_ws_topic_new(&o, &t), -EINVAL);
    o.close_code = 0;
    o.close_reason = "\xff";
    assert_int_equal(weir_ws_topic_new(&o, &t), WEIR_EUTF8);
    o.close_reason = NULL;
    assert_int_equal(weir_ws_topic_new(&o, &t), 0);
    struct weir_stream *s = join(w, t);
    assert_int_equal(weir_ws_topic_subscribe(t, w->lent), -EALREADY);
    struct weir_ws *mine = w->lent, *ws = ws_open(w);
    assert_int_equal(weir_ws_topic_subscribe(t, ws), -ENOSPC);
    assert_int_equal(weir_ws_topic_unsubscribe(t, ws), -ENOENT);
    assert_int_equal(weir_ws_topic_publish(t, WEIR_WS_TEXT, "\xc3", 1), WEIR_EUTF8);
    char large[101] = "";
    assert_int_equal(weir_ws_topic_publish(t, WEIR_WS_BINARY, large, sizeof large), WEIR_ETOOBIG);
    assert_int_equal(weir_ws_topic_publish(t, WEIR_WS_BINARY, large, sizeof large - 1), 1);
    assert_int_equal(weir_ws_topic_unsubscribe(t, mine), 0);
    assert_int_equal(weir_ws_close(ws, 1000, NULL), 0);
    assert_int_equal(weir_ws_topic_subscribe(t, ws), WEIR_EWSCLOSED);
    weir_ws_drop(&ws);
    weir_close(&s);
    weir_ws_topic_free(&t);
    return 0;
}

/* Small messages that nobody reads cost memory for each connection, which counts too. */
WS_STORY(many_small_messages_are_bounded_too) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_SKIP, 0);
    struct weir_stream *s = join(w, t);
    fill_up(t, NULL);
    static uint8_t small[600];
    uint64_t before = stats(t).skipped;
    for (int i = 0; i < 100000 && stats(t).skipped == before; i++)
        assert_true(weir_ws_topic_publish(t, WEIR_WS_BINARY, small, sizeof small) >= 0);
    assert_true(stats(t).skipped > before);
    assert_true(weir_ws_queued(w->lent) <= QUEUE - 20 * 64);
    weir_close(&s);
    weir_ws_topic_free(&t);
    return 0;
}

/* ---- a thousand ---- */

enum { MANY = 1000, ROUNDS = 10 };

struct listening_args {
    struct world *w;
    struct weir_ws_topic *t;
    int i;
    int *got;
};

/* Every 10th dies after some rounds, every 20th but one reads nothing for a while. */
static int listening(void *args) {
    struct listening_args *a = args;
    struct weir_stream *s = join(a->w, a->t);
    char want[16];
    for (int k = 0; k < ROUNDS; k++) {
        if (a->i % 10 == 3 && k == 4)
            break;
        if (a->i % 20 == 5 && k == 2 && weir_sleep(MS(50)) < 0)
            break;
        snprintf(want, sizeof want, "round %d", k);
        expect_frame(s, TEXT, want);
        ++*a->got;
    }
    weir_close(&s);
    return 0;
}

static int thousand(struct world *w) {
    struct weir_ws_topic *t = topic_new(WEIR_WS_SLOW_WAIT, WEIR_SECONDS(1));
    struct weir_group g;
    int got = 0;
    char text[16];
    weir_group_open(&g, WEIR_TOGETHER);
    for (size_t i = 0; i < MANY; i++) { /* one after the other, since the server lends the last */
        assert_int_equal(weir_go(&g, listening, .w = w, .t = t, .i = (int)i, .got = &got), 0);
        while (stats(t).subscribers == i)
            assert_int_equal(weir_sleep(MS(1)), 0);
    }
    for (int k = 0; k < ROUNDS; k++) {
        snprintf(text, sizeof text, "round %d", k);
        assert_true(say(t, text) >= MANY * 9 / 10);
        assert_int_equal(weir_sleep(MS(5)), 0);
    }
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(got, MANY * ROUNDS - MANY / 10 * (ROUNDS - 4));
    wait_ended(w, MANY);
    assert_int_equal(stats(t).subscribers, 0);
    weir_ws_topic_free(&t);
    return 0;
}

WEIR_TEST(a_thousand_subscribers_some_slow_and_some_dying_get_what_they_can) {
    test_backend = "sim";
    tell_both(NULL, thousand);
}

/* ---- disturbed at every point ---- */

static int quiet_opened(struct weir_ws *ws, void *state) {
    return weir_ws_topic_subscribe(weir_ws_arg(ws), ws);
}

static int quiet_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    ssize_t n = weir_ws_topic_publish(weir_ws_arg(ws), m->type, m->data.base, m->data.len);
    return n < 0 ? (int)n : 0;
}

struct quiet_serve_args {
    struct weir_listener *l;
    struct weir_group *g;
    struct weir_ws_topic *t;
};

static int quiet_serve(void *args) {
    struct quiet_serve_args *a = args;
    struct weir_ws_reactive r = {.size = sizeof r, .opened = quiet_opened,
                                 .message = quiet_message, .arg = a->t};
    return weir_ws_react(a->l, a->g, &r, NULL);
}

static int quiet_talk(const char *url, struct weir_ws **ws) {
    struct weir_ws_message m;
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_ws_dial(url, NULL, &ws[i]);
    if (rc == 0)
        rc = weir_sleep(MS(5)); /* all have subscribed */
    for (int k = 0; k < 2 && rc == 0; k++)
        rc = weir_ws_send(ws[k], WEIR_WS_TEXT, "to all", 6);
    for (int i = 0; i < 6 && rc == 0; i++)
        rc = weir_ws_receive(ws[i % 3], &m);
    return rc;
}

static int fan_story(void *arg) {
    struct weir_ws_topic_options o = {
        .size = sizeof o, .slow = WEIR_WS_SLOW_WAIT, .wait_ns = MS(10)};
    struct weir_ws *ws[3] = {NULL};
    struct quiet_serve_args a = {.t = NULL};
    struct weir_group clients, servers;
    struct weir_scope bound;
    char url[64];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &a.l);
    if (rc == 0)
        rc = weir_ws_topic_new(&o, &a.t);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go(&servers, quiet_serve, .l = a.l, .g = &clients, .t = a.t);
    if (rc == 0) {
        snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(a.l));
        weir_scope_enter(&bound, WEIR_SECONDS(1)); /* a message that is lost never comes */
        rc = weir_scope_leave(&bound, quiet_talk(url, ws));
    }
    for (int i = 0; i < 3; i++)
        weir_ws_drop(&ws[i]);
    weir_unlisten(&a.l);
    rc = weir_group_close(&servers, rc);
    weir_group_cancel(&clients, "over");
    rc = weir_group_close(&clients, rc);
    weir_ws_topic_free(&a.t);
    return rc;
}

static const struct weir_story fan = {.size = sizeof fan, .name = "a fan", .fn = fan_story};

WEIR_TEST(a_broadcast_lives_through_each_cancel_and_each_failed_allocation) {
    assert_int_equal(weir_explore_cancels(&fan, NULL), 0);
    assert_int_equal(weir_explore_allocations(&fan, NULL), 0);
}

WEIR_TEST(a_broadcast_lives_through_each_fault_of_its_sends_and_receives) {
    for (int effect = WEIR_FAULT_ERROR; effect <= WEIR_FAULT_LATE; effect++) {
        struct weir_fault fault = {.size = sizeof fault,
                                   .kinds = WEIR_FAULT_SEND | WEIR_FAULT_RECEIVE,
                                   .effect = (enum weir_fault_effect)effect};
        assert_int_equal(weir_explore_faults(&fan, &fault, NULL), 0);
    }
}

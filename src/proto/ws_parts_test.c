/* SPDX-License-Identifier: MIT */
/* Messages sent in parts: which task may send next, and what happens if a task never sends the last
 * part. */
#include "proto/ws_test_util.h"

static int part(struct weir_ws *ws, const char *text, bool fin) {
    return weir_ws_send_part(ws, WEIR_WS_TEXT, text, strlen(text), fin);
}

/* ---- turns ---- */

struct sender {
    struct weir_ws *ws;
    int rc;
    struct weir_task *task;
};
static int go(struct weir_group *g, int (*fn)(void *args), struct sender *s) {
    return weir_spawn(g, WEIR_SITE(fn), fn, &s, sizeof s, NULL, NULL);
}

static int sends_one(void *args) {
    struct sender *s = *(struct sender **)args;
    s->task = weir_task_current();
    s->rc = ws_say(s->ws, "whole");
    return 0;
}

WS_STORY(others_wait_for_the_end_of_a_message_in_parts) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct sender other = {.ws = ws, .rc = 1};
    struct weir_group g;
    assert_int_equal(part(ws, "one \xc3", false), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(go(&g, sends_one, &other), 0);
    weir_yield();
    assert_int_equal(other.rc, 1);
    assert_int_equal(part(ws, "\xa9 two", true), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(other.rc, 0);
    expect_message(ws, "one \xc3\xa9 two");
    expect_message(ws, "whole");
    return 0;
}

WS_STORY(text_in_parts_is_checked_as_a_whole) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    assert_int_equal(part(ws, "\xff", false), WEIR_EUTF8);
    assert_int_equal(part(ws, "\xc3", false), 0);
    assert_int_equal(part(ws, "(", false), WEIR_EUTF8);
    assert_int_equal(part(ws, "", true), WEIR_EUTF8);
    assert_int_equal(part(ws, "\xa9", true), 0);
    expect_message(ws, "\xc3\xa9");
    assert_int_equal(weir_ws_send_part(ws, WEIR_WS_BINARY, "\xff", 1, true), 0);
    expect_message(ws, "\xff");
    return 0;
}

static int tries_one(void *args) {
    struct sender *s = *(struct sender **)args;
    s->rc = weir_ws_try_send(s->ws, WEIR_WS_TEXT, "x", 1);
    return 0;
}

WS_STORY(a_whole_message_of_the_same_task_does_not_fit_between_its_parts) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct sender other = {.ws = ws, .rc = 1};
    struct weir_group g;
    assert_int_equal(part(ws, "half of A, ", false), 0);
    assert_int_equal(ws_say(ws, "another"), -EBUSY);
    assert_non_null(strstr(weir_error(-EBUSY)->text, "end it with fin"));
    assert_int_equal(weir_ws_try_send(ws, WEIR_WS_TEXT, "another", 7), -EBUSY);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(go(&g, tries_one, &other), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(other.rc, -EAGAIN);
    assert_int_equal(part(ws, "the rest", true), 0);
    assert_int_equal(ws_say(ws, "another"), 0);
    expect_message(ws, "half of A, the rest");
    expect_message(ws, "another");
    return 0;
}

struct in_parts_args {
    struct weir_ws *ws;
    const char *text; /* a letter is a part */
};
static int in_parts(void *args) {
    struct in_parts_args *a = args;
    char one[2] = "";
    int rc = 0;
    for (size_t i = 0; a->text[i] != '\0' && rc == 0; i++) {
        one[0] = a->text[i];
        rc = part(a->ws, one, a->text[i + 1] == '\0');
        if (rc == 0)
            rc = weir_yield();
    }
    return rc;
}

WS_STORY(two_messages_begun_at_once_are_read_one_after_the_other) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, in_parts, .ws = ws, .text = "first"), 0);
    weir_yield();
    assert_int_equal(weir_go(&g, in_parts, .ws = ws, .text = "second"), 0);
    weir_yield();
    assert_int_equal(weir_go(&g, in_parts, .ws = ws, .text = "third"), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    expect_message(ws, "first");
    expect_message(ws, "second");
    expect_message(ws, "third");
    return 0;
}

/* ---- messages that are never finished ---- */

static int begins_one(void *args) {
    struct sender *s = *(struct sender **)args;
    s->task = weir_task_current();
    s->rc = part(s->ws, "half of A, ", false);
    return 0;
}

/* The second task lies where the first one lay: its address is the same. */
WS_STORY(a_task_that_ends_with_its_message_open_closes_the_connection) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct sender a = {.ws = ws}, b = {.ws = ws, .rc = 1};
    struct weir_ws_message m;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(go(&g, begins_one, &a), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(a.rc, 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(go(&g, sends_one, &b), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_ptr_equal(a.task, b.task);
    assert_int_equal(b.rc, WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    wait_ended(w, 1);
    assert_int_equal(w->code, 1011);
    assert_string_equal(w->reason, "a message in parts was not finished");
    return 0;
}

static int begins_one_and_ends_later(void *args) {
    int rc = begins_one(args);
    return rc < 0 ? rc : weir_sleep(MS(1));
}

WS_STORY(senders_that_waited_for_the_end_of_the_message_get_an_error) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct sender a = {.ws = ws}, b[3];
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(go(&g, begins_one_and_ends_later, &a), 0);
    weir_yield();
    for (int i = 0; i < 3; i++) {
        b[i] = (struct sender){.ws = ws, .rc = 1};
        assert_int_equal(go(&g, sends_one, &b[i]), 0);
    }
    assert_int_equal(weir_group_close(&g, 0), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(b[i].rc, WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close(ws, 1000, ""), 0);
    wait_ended(w, 1);
    assert_int_equal(w->code, 1011);
    return 0;
}

static int begins_and_waits(void *args) {
    struct sender *s = *(struct sender **)args;
    s->rc = part(s->ws, "half of A, ", false);
    return s->rc == 0 ? weir_sleep(WEIR_NEVER) : s->rc;
}

WS_STORY(a_cancel_in_the_middle_of_a_message_closes_the_connection) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct sender a = {.ws = ws, .rc = 1};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(go(&g, begins_and_waits, &a), 0);
    weir_yield();
    assert_int_equal(a.rc, 0);
    weir_group_cancel(&g, "half is enough");
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(ws_say(ws, "more"), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close(ws, 1000, ""), 0);
    wait_ended(w, 1);
    assert_int_equal(w->code, 1011);
    return 0;
}

/* Whatever becomes of the connection, the task's own end finds nothing to do. */
static int goes_on(void *args) {
    struct sender *s = *(struct sender **)args;
    int rc = part(s->ws, "half of A, ", false);
    if (rc == 0)
        rc = weir_sleep(MS(20));
    s->rc = rc == 0 ? 1 : rc;
    return 0;
}

WS_STORY(a_connection_may_be_dropped_in_the_middle_of_a_message) {
    struct weir_ws *ws = ws_open(w);
    struct sender a = {.ws = ws};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(go(&g, goes_on, &a), 0);
    weir_yield();
    weir_ws_drop(&ws);
    wait_ended(w, 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(a.rc, 1);
    return 0;
}

WS_STORY(a_connection_may_be_closed_in_the_middle_of_a_message) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct sender a = {.ws = ws};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(go(&g, goes_on, &a), 0);
    weir_yield();
    assert_int_equal(weir_ws_close(ws, 4000, "enough"), 0);
    wait_ended(w, 1);
    assert_int_equal(w->code, 4000);
    assert_int_equal(weir_group_close(&g, 0), 0);
    return 0;
}

WS_STORY(a_task_may_end_its_connection_with_its_own_message_open) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    assert_int_equal(part(ws, "half", false), 0);
    assert_int_equal(weir_ws_close(ws, 4000, "enough"), 0);
    assert_int_equal(part(ws, "more", true), WEIR_EWSCLOSED);
    wait_ended(w, 1);
    assert_int_equal(w->code, 4000);
    return 0;
}

/* ---- on the server's side ---- */

struct leaves_open_args {
    struct weir_ws *ws;
};
static int leaves_open(void *args) {
    return part(((struct leaves_open_args *)args)->ws, "half", false);
}

/* The peer sees a frame without fin, and behind it no other data frame. */
WS_STORY(a_task_of_the_server_leaves_no_frame_that_the_peer_cannot_read) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    assert_int_equal(weir_go(&w->clients, leaves_open, .ws = w->lent), 0);
    expect_frame(s, TEXT_PART, "half");
    expect_close(s, 1011, "a message in parts was not finished");
    frame_send(s, CLOSE, "\x03\xf3");
    expect_end(s);
    wait_ended(w, 1);
    return 0;
}

WS_STORY(a_function_of_the_server_may_not_return_with_its_message_open) {
    if (!w->reacts)
        return 0; /* there the task goes on, and may finish it later */
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "leave open");
    frame_send(s, TEXT, "is not answered");
    expect_frame(s, TEXT_PART, "half");
    expect_close(s, 1011, "a message in parts was not finished");
    frame_send(s, CLOSE, "\x03\xf3");
    expect_end(s);
    wait_ended(w, 1);
    assert_int_equal(w->rc, -EBUSY);
    WEIR_AUTO(weir_close) struct weir_stream *next = raw_open(w); /* the same task serves it */
    frame_send(next, TEXT, "part");
    expect_frame(next, TEXT_PART, "p");
    expect_frame(next, CONTINUATION, "ar");
    expect_frame(next, CONTINUATION_FIN, "t");
    return 0;
}

WS_STORY(a_peer_that_does_not_answer_the_1011_is_left_in_time, o->close_ns = MS(20)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    weir_ns from = weir_now();
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    assert_int_equal(weir_go(&w->clients, leaves_open, .ws = w->lent), 0);
    wait_ended(w, 1);
    assert_true(weir_now() - from >= MS(19));
    assert_true(w->rc == WEIR_EEOF || w->rc == -EBUSY);
    return 0;
}

/* ---- many ---- */

struct many {
    struct weir_ws *ws;
    int told;
};
struct one_of_many_args {
    struct many *m;
    bool flushes;
};
static int one_of_many(void *args) {
    struct one_of_many_args *a = args;
    int rc = a->flushes ? weir_ws_flush(a->m->ws) : ws_say(a->m->ws, "one of many");
    a->m->told += rc == -ECANCELED || rc == WEIR_ECLOSED;
    return rc == -ECANCELED || rc == WEIR_ECLOSED ? 0 : rc;
}

/* Coming, going by a cancel and going by the connection's end: each took a walk over all who wait,
 * and 10,000 of them took more than ten seconds; now it is a tenth of one. */
static void many_wait_and_go(struct world *w, bool dropped) {
    enum { MANY = 10000 };
    static char bulk[60000];
    struct weir_ws *ws = ws_open(w);
    struct many m = {.ws = ws};
    struct weir_group g;
    weir_ns from = weir_now();
    assert_int_equal(part(ws, "a message that is not finished", false), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_ws_send_part(ws, WEIR_WS_TEXT, bulk, sizeof bulk, false), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(weir_go(&g, one_of_many, .m = &m, .flushes = i % 2), 0);
    assert_int_equal(weir_yield(), 0);
    if (dropped)
        weir_ws_drop(&ws);
    else
        weir_group_cancel(&g, "enough");
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_in_range(m.told, MANY / 2, MANY); /* some flushed in time */
    weir_ws_drop(&ws);
    assert_true(weir_now() - from < WEIR_SECONDS(5));
}

WS_STORY(ten_thousand_who_wait_come_and_go_in_a_moment) {
    if (w->reacts)
        return 0; /* the client's side is told */
    many_wait_and_go(w, false);
    many_wait_and_go(w, true);
    wait_ended(w, 2);
    return 0;
}

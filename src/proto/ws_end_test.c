/* SPDX-License-Identifier: MIT */
/* How a connection is closed: the closing handshake from both sides, its time limit, keepalive, and
 * a drop while tasks wait. */
#include <stdlib.h>

#include "proto/ws_test_util.h"
#include "wire/utf8.h"

/* ---- the closing handshake ---- */

WS_STORY(a_close_is_answered_and_reported_with_its_code_and_reason) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, CLOSE, "\x0f\xa0going"); /* 4000 */
    expect_close(s, 4000, "going");
    expect_end(s);
    wait_ended(w, 1);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->code, 4000);
    assert_string_equal(w->reason, "going");
    return 0;
}

WS_STORY(an_empty_close_is_1005) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, CLOSE, "");
    expect_frame(s, CLOSE, "");
    expect_end(s);
    wait_ended(w, 1);
    assert_int_equal(w->code, 1005);
    return 0;
}

WS_STORY(a_close_inside_a_fragmented_message_ends_it) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT_PART, "never whole");
    frame_send(s, CLOSE, "\x03\xe8");
    expect_close(s, 1000, "");
    expect_end(s);
    wait_ended(w, 1);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->messages, 0);
    return 0;
}

WS_STORY(the_server_closes_and_hears_the_answer) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "close");
    frame_send(s, TEXT, "too late to be heard");
    expect_close(s, 4000, "bye");
    frame_send(s, PING, "after the close");
    frame_send(s, CLOSE, "\x0f\xa0" "bye too");
    expect_end(s);
    wait_ended(w, 1);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->messages, 1);
    assert_string_equal(w->reason, "bye too");
    return 0;
}

WS_STORY(our_client_hears_the_servers_close) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct weir_ws_message m;
    assert_int_equal(ws_say(ws, "close"), 0);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_non_null(strstr(weir_error(WEIR_EWSCLOSED)->text, ": the WebSocket is closed: 4000 ("));
    assert_int_equal(weir_ws_close_code(ws), 4000);
    assert_string_equal(weir_ws_close_reason(ws), "bye");
    assert_int_equal(ws_say(ws, "more"), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close(ws, 1000, NULL), 0);
    wait_ended(w, 1);
    assert_int_equal(w->rc, 0);
    return 0;
}

struct close_lent_args { const char *reason; };
static int close_lent(void *args) {
    int rc = weir_ws_close(the_world->lent, 4000, ((struct close_lent_args *)args)->reason);
    return rc == WEIR_ECLOSED ? 0 : rc; /* the task that receives may drop it first */
}

/* One turn of everything that a time is for. */
static void lives(struct world *w, weir_ns time, weir_ns pause) {
    struct weir_ws_options o = {.size = sizeof o, .handshake_ns = time, .ping_ns = time,
                                .pong_ns = time, .close_ns = time};
    struct weir_ws *ws = NULL;
    assert_int_equal(weir_ws_dial(w->ws_url, &o, &ws), 0);
    assert_int_equal(ws_say(ws, "in time"), 0);
    expect_message(ws, "in time");
    assert_int_equal(weir_sleep(pause), 0);
    assert_int_equal(weir_ws_close(ws, 1000, ""), 0);
    weir_ws_drop(&ws);
}

WS_STORY(any_time_will_do_for_a_connection, o->handshake_ns = WEIR_NEVER,
         o->ping_ns = WEIR_NEVER - 1, o->pong_ns = INT64_MIN, o->close_ns = WEIR_NEVER) {
    static const weir_ns times[] = {WEIR_NEVER, WEIR_NEVER - 1, WEIR_NEVER / 2, 0, -1, INT64_MIN};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        lives(w, times[i], MS(1));
    return 0;
}

static int end_with(struct world *w, const char *reason) {
    return w->reacts ? weir_ws_begin_close(w->lent, 4000, reason)
                     : weir_ws_close(w->lent, 4000, reason);
}

/* Each of these cuts has whole characters before it. */
WS_STORY(a_reason_leaves_as_whole_characters) {
    static const struct {
        size_t blanks, len;
    } rows[] = {{0, 122}, {1, 123}, {2, 122}, {121, 123}, {122, 122}, {123, 123}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
        char reason[400], text[200] = "";
        memset(reason, ' ', rows[i].blanks);
        for (size_t at = rows[i].blanks; at < rows[i].blanks + 140; at += 2)
            memcpy(reason + at, "\xc3\xa9", 3);
        frame_send(s, TEXT, "lend");
        expect_frame(s, TEXT, "lend");
        if (w->reacts)
            assert_int_equal(end_with(w, reason), 0);
        else
            assert_int_equal(weir_go(&w->servers, close_lent, .reason = reason), 0);
        assert_int_equal(frame_read(s, text, sizeof text), CLOSE);
        assert_int_equal(strlen(text + 2), rows[i].len);
        assert_true(weir__utf8_valid(text + 2, rows[i].len));
        frame_send(s, CLOSE, "\x0f\xa0");
        wait_ended(w, (int)i + 1);
        settle();
    }
    return 0;
}

WS_STORY(a_reason_that_is_no_utf8_is_the_callers_mistake) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    assert_int_equal(ws_say(ws, "lend"), 0);
    expect_message(ws, "lend");
    assert_int_equal(end_with(w, "caf\xe9"), WEIR_EUTF8);
    assert_int_equal(weir_ws_close(ws, 4000, "\xc3"), WEIR_EUTF8);
    assert_int_equal(weir_ws_close(ws, 1005, "\xc3"), -EINVAL);
    assert_non_null(strstr(weir_error(-EINVAL)->text, "1005 is no code to send"));
    assert_int_equal(ws_say(ws, "still open"), 0);
    expect_message(ws, "still open");
    return 0;
}

WS_STORY(a_close_without_an_answer_is_bounded, o->close_ns = MS(20)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    weir_ns from = weir_now();
    frame_send(s, TEXT, "close");
    expect_close(s, 4000, "bye");
    wait_ended(w, 1);
    assert_int_equal(w->rc, WEIR_EEOF);
    assert_int_equal(w->code, 1006);
    assert_true(weir_now() - from >= MS(19));
    return 0;
}

/* Serving, it is the close that is bounded; a reactive server does not come to it, for it writes
 * first: there the keepalive sees that nothing is taken. */
WS_STORY(a_peer_that_reads_nothing_holds_nothing, o->close_ns = MS(20), o->queue_max = 8 << 20,
         o->ping_ns = MS(20), o->pong_ns = MS(20)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    static uint8_t bytes[14 + (1 << 20)];
    static char much[1 << 20];
    size_t n = frame_make(bytes, 0x82, much, sizeof much - 14);
    int rc = 0;
    for (int i = 0; i < 6 && rc == 0; i++) /* more than the kernel holds; echoes are never read */
        rc = weir_write(s, bytes, n);
    if (rc == 0)
        frame_send(s, TEXT, "close");
    wait_ended(w, 1);
    assert_true(w->rc == WEIR_EEOF || w->rc == WEIR_EKEEPALIVE || w->rc == -ECONNRESET);
    return 0;
}

WS_STORY(a_refusal_that_the_client_does_not_read_is_bounded, o->close_ns = MS(20)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    frame_send(s, CONTINUATION, "?");
    wait_ended(w, 1);
    assert_int_equal(w->rc, WEIR_EPROTO);
    return 0;
}

WS_STORY(a_handler_that_fails_closes_with_1011) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    char text[200];
    frame_send(s, TEXT, "fail");
    assert_int_equal(frame_read(s, text, sizeof text), CLOSE);
    assert_memory_equal(text, "\x03\xf3", 2); /* 1011 */
    frame_send(s, CLOSE, "\x03\xf3");
    expect_end(s);
    wait_ended(w, 1);
    assert_int_equal(w->rc, -EIO);
    return 0;
}

/* Stop the server, and go on though its group is a scope around us too. */
static void stop(struct world *w, struct weir_scope *shield) {
    weir_group_cancel(&w->clients, "the server goes");
    weir_shield_enter(shield, WEIR_SECONDS(10));
}

WS_STORY(a_stopped_server_says_1001_and_waits_for_the_answer) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    if (!w->reacts)
        return 0; /* a task of the user's is cancelled: its end is its own */
    struct weir_scope shield;
    stop(w, &shield);
    expect_close(s, 1001, "");
    frame_send(s, TEXT, "already on its way");
    settle();
    assert_int_equal(w->ended + w->messages, 0);
    frame_send(s, CLOSE, "\x03\xe9");
    expect_end(s);
    wait_ended(w, 1);
    weir_scope_leave(&shield, 0);
    assert_int_equal(w->rc, -ECANCELED);
    assert_int_equal(w->code, 1001);
    return 0;
}

WS_STORY(a_stopped_server_waits_no_longer_than_close_ns, o->close_ns = MS(30)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    if (!w->reacts)
        return 0;
    struct weir_scope shield;
    stop(w, &shield);
    expect_close(s, 1001, "");
    expect_end(s);
    wait_ended(w, 1);
    weir_scope_leave(&shield, 0);
    assert_int_equal(w->rc, -ECANCELED);
    return 0;
}

WS_STORY(a_stopped_server_sends_what_was_queued_and_whole, o->queue_max = 64 << 20) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    if (!w->reacts)
        return 0;
    struct weir_scope shield;
    frame_send(s, TEXT, "big");
    for (int i = 0; (w->lent == NULL || weir_ws_queued(w->lent) == 0) && i < 2000; i++)
        weir_sleep(MS(1));
    stop(w, &shield);
    settle();
    expect_big(s);
    expect_close(s, 1001, "");
    frame_send(s, CLOSE, "\x03\xe9");
    expect_end(s);
    wait_ended(w, 1);
    weir_scope_leave(&shield, 0);
    return 0;
}

/* A handler feels the stop; that it failed with it is no failure of its own. */
WS_STORY(a_handler_that_feels_the_stop_does_not_make_it_1011) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    if (!w->reacts)
        return 0;
    struct weir_scope shield;
    w->held = true;
    frame_send(s, TEXT, "hold");
    frame_send(s, TEXT, "never");
    settle();
    stop(w, &shield);
    expect_close(s, 1001, "");
    frame_send(s, CLOSE, "\x03\xe9");
    expect_end(s);
    wait_ended(w, 1);
    weir_scope_leave(&shield, 0);
    assert_int_equal(w->messages, 1);
    return 0;
}

WS_STORY(a_close_frame_is_found_behind_a_failed_write) {
    struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "slow");
    w->slow_ns = MS(10);
    frame_send(s, CLOSE, "\x0f\xa0");
    weir_close(&s); /* the echo of "slow" will find nobody */
    wait_ended(w, 1);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->code, 4000);
    return 0;
}

WS_STORY(codes_that_may_not_travel_are_refused) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    static const int bad[] = {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, -1};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(weir_ws_close(ws, bad[i], NULL), -EINVAL);
    assert_int_equal(weir_ws_close(ws, 3000, "is fine"), 0);
    assert_string_equal(weir_ws_code_text(1001), "going away");
    return 0;
}

/* ---- keepalive ---- */

WS_STORY(a_peer_that_never_pongs_is_cut_off, o->ping_ns = MS(20), o->pong_ns = MS(20)) {
    weir_ns from = weir_now();
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    expect_ping(s);
    assert_true(weir_now() - from >= MS(20));
    wait_ended(w, 1);
    assert_true(weir_now() - from >= MS(40));
    assert_int_equal(w->rc, WEIR_EKEEPALIVE);
    assert_int_equal(w->code, 1006);
    if (!w->reacts)
        assert_non_null(strstr(w->text, "127.0.0.1:")); /* says who */
    assert_string_equal(w->peer, weir_stream_local(s)); /* also with the stream gone */
    return 0;
}

WS_STORY(a_silent_peer_that_pongs_stays, o->ping_ns = MS(10), o->pong_ns = MS(40)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    for (int i = 0; i < 6; i++) {
        expect_ping(s);
        frame_send(s, PONG, "");
    }
    assert_int_equal(w->ended, 0);
    return 0;
}

/* No ping comes before the answer, unless a real machine held us up: both ends live in this loop,
 * so a loop that stands still is silence, and a ping then is right. */
WS_STORY(any_byte_is_a_sign_of_life, o->ping_ns = MS(40), o->pong_ns = MS(40)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    uint8_t bytes[64];
    char text[16] = "";
    weir_ns longest = 0, last = weir_now();
    size_t n = frame_make(bytes, TEXT, "0123456789", 10);
    for (size_t i = 0; i < n; i++) { /* one message in 160 ms */
        assert_int_equal(weir_write(s, bytes + i, 1), 0);
        weir_sleep(MS(10));
        weir_ns now = weir_now();
        longest = now - last > longest ? now - last : longest;
        last = now;
    }
    int got = frame_read(s, text, sizeof text);
    while (got == PING && longest >= MS(30))
        got = frame_read(s, text, sizeof text);
    assert_int_equal(got, TEXT);
    assert_string_equal(text, "0123456789");
    return 0;
}

/* Serving, nobody reads the pongs meanwhile; a reactive server does. */
WS_STORY(a_handler_that_takes_its_time_is_no_silence, o->ping_ns = MS(10), o->pong_ns = MS(40)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    char text[16] = "";
    int pings = 0, got;
    w->slow_ns = MS(150);
    frame_send(s, TEXT, "slow");
    for (; (got = frame_read(s, text, sizeof text)) == PING; pings++)
        frame_send(s, PONG, "");
    assert_int_equal(got, TEXT);
    assert_string_equal(text, "slow");
    assert_true(w->reacts ? pings > 1 : pings == 1);
    return 0;
}

/* The server's handler waits for room in the queue. */
WS_STORY(a_peer_that_takes_nothing_is_cut_off, o->ping_ns = MS(20), o->pong_ns = MS(20)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    static uint8_t bytes[14 + (1 << 20)];
    static char much[1 << 20];
    size_t n = frame_make(bytes, 0x82, much, sizeof much - 14);
    int rc = 0;
    for (int i = 0; i < 50 && rc == 0; i++)
        rc = weir_write(s, bytes, n);
    assert_true(rc < 0);
    wait_ended(w, 1);
    assert_int_equal(w->rc, WEIR_EKEEPALIVE);
    return 0;
}

/* The ping stands behind it. Simulated: a kernel's buffers would take it all at once. */
WS_STORY(a_peer_that_takes_a_large_message_slowly_is_alive, o->ping_ns = MS(20),
         o->pong_ns = MS(20)) {
    static char much[1 << 20];
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    if (!w->reacts || strcmp(test_backend, "sim") != 0)
        return 0;
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    assert_int_equal(weir_ws_send(w->lent, WEIR_WS_BINARY, much, sizeof much), 0);
    for (ssize_t got = 0, n; got < (ssize_t)sizeof much; got += n) {
        assert_true((n = weir_read(s, much, 32 << 10)) > 0);
        weir_sleep(MS(2));
    }
    assert_int_equal(w->ended, 0);
    return 0;
}

WS_STORY(two_of_ours_stay_connected, o->ping_ns = MS(5), o->pong_ns = MS(50)) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct weir_ws_message m;
    struct weir_scope while_silent;
    weir_scope_enter(&while_silent, MS(60));
    assert_int_equal(weir_scope_leave(&while_silent, weir_ws_receive(ws, &m)), -ETIME);
    assert_string_equal(weir_error(-ETIME)->what, "ws receive");
    assert_int_equal(ws_say(ws, "still there"), 0);
    expect_message(ws, "still there");
    return 0;
}

/* ---- drop under whoever waits ---- */

struct waiting {
    struct weir_ws *ws;
    int how, rc;
    bool over;
};
struct waiting_args {
    struct waiting *w;
};
static int waiting(void *args) {
    struct waiting *d = ((struct waiting_args *)args)->w;
    static char much[1 << 20];
    struct weir_ws_message m;
    switch (d->how) {
    case 0:
        d->rc = weir_ws_receive(d->ws, &m);
        break;
    case 1:
        do
            d->rc = weir_ws_send(d->ws, WEIR_WS_BINARY, much, sizeof much);
        while (d->rc == 0);
        break;
    case 2:
        weir_ws_send(d->ws, WEIR_WS_BINARY, much, sizeof much);
        do
            d->rc = weir_ws_flush(d->ws);
        while (d->rc == 0 && weir_ws_send(d->ws, WEIR_WS_BINARY, much, sizeof much) == 0);
        break;
    default:
        d->rc = weir_ws_close(d->ws, 1000, "");
    }
    d->over = true;
    return 0;
}

/* The server's handler waits, and a close behind this much is not read ahead. */
static int say_slow(struct weir_ws *ws, const char *how) {
    static char much[256 << 10];
    int rc = ws_say(ws, how);
    return rc < 0 ? rc : weir_ws_send(ws, WEIR_WS_BINARY, much, sizeof much);
}

WS_STORY(a_refused_peer_gets_the_reason) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct waiting reader = {.ws = ws, .how = 0, .rc = 1}, closer = {.ws = ws, .how = 3, .rc = 1};
    struct weir_ws_message m;
    struct weir_group g;
    w->held = true;
    assert_int_equal(say_slow(ws, "hold"), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, waiting, .w = &reader), 0);
    settle();
    assert_int_equal(weir_ws_receive(ws, &m), -EBUSY);
    assert_non_null(strstr(weir_error(-EBUSY)->text, ": another task is receiving from it"));
    assert_int_equal(weir_go(&g, waiting, .w = &closer), 0);
    settle();
    assert_int_equal(ws_say(ws, "more"), WEIR_EWSCLOSED);
    assert_non_null(strstr(weir_error(WEIR_EWSCLOSED)->text, ": this side has sent its close "));
    weir_group_cancel(&g, NULL);
    weir_group_close(&g, 0);
    w->held = false;
    weir_ws_drop(&ws);
    wait_ended(w, 1);
    return 0;
}

WS_STORY(drop_wakes_every_task_that_waits) {
    for (int how = 0; how < 4; how++) {
        struct weir_group g;
        struct waiting d = {.ws = ws_open(w), .how = how, .rc = 1};
        struct waiting second = {.ws = d.ws, .how = 3, .rc = 1};
        w->slow_ns = MS(1000);
        assert_int_equal(say_slow(d.ws, "slow"), 0);
        weir_group_open(&g, WEIR_TOGETHER);
        assert_int_equal(weir_go(&g, waiting, .w = &d), 0);
        weir_sleep(MS(20));
        if (how == 3)
            assert_int_equal(weir_go(&g, waiting, .w = &second), 0);
        weir_sleep(MS(20));
        assert_false(d.over);
        struct weir_ws *ws = d.ws;
        weir_ws_drop(&ws);
        assert_null(ws);
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_int_equal(d.rc, WEIR_ECLOSED);
        assert_int_equal(second.rc, how == 3 ? WEIR_ECLOSED : 1);
    }
    return 0;
}

WS_STORY(drop_after_an_answer_does_not_lose_it) {
    /* The other way round: our client is the raw one's server's mirror. */
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    assert_int_equal(ws_say(ws, "one"), 0);
    expect_message(ws, "one");
    assert_int_equal(ws_say(ws, "two"), 0);
    assert_int_equal(weir_ws_flush(ws), 0);
    weir_ws_drop(&ws); /* the message lent last was not given back: still no reset */
    wait_ended(w, 1);
    assert_int_equal(w->messages, 2);
    return 0;
}

WS_STORY(a_second_closer_goes_on_when_the_first_is_cancelled, o->close_ns = MS(5000)) {
    struct weir_group g;
    struct weir_task *first = NULL;
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct waiting a = {.ws = ws, .how = 3, .rc = 1}, b = {.ws = ws, .how = 3, .rc = 1};
    w->held = true;
    assert_int_equal(say_slow(ws, "hold"), 0);
    settle();
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go_task(&g, waiting, &first, .w = &a), 0);
    assert_int_equal(weir_go(&g, waiting, .w = &b), 0);
    settle();
    weir_task_cancel(first, "enough");
    weir_task_release(&first);
    w->held = false;
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(a.rc, -ECANCELED);
    assert_int_equal(b.rc, 0);
    return 0;
}

/* Whoever sends on a reactive connection from outside is let go before its memory is. */
WS_STORY(a_sender_from_outside_is_let_go, o->ping_ns = MS(20), o->pong_ns = MS(20)) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    static char much[100 << 10];
    int rc = 0;
    if (!w->reacts)
        return 0;
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    while (rc == 0)
        rc = weir_ws_send(w->lent, WEIR_WS_BINARY, much, sizeof much);
    assert_true(rc == WEIR_EKEEPALIVE || rc == WEIR_ECLOSED);
    wait_ended(w, 1);
    assert_int_equal(w->rc, WEIR_EKEEPALIVE);
    return 0;
}

static int reacts_to_nothing(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    return weir_ws_react(NULL, &g, &(struct weir_ws_reactive){0}, NULL);
}

WEIR_TEST_ABORTS(a_reactive_server_without_message_is_a_bug, "weir_ws_react: message is required") {
    weir_run(reacts_to_nothing, NULL, NULL);
}

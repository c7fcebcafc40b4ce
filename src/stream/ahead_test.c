/* SPDX-License-Identifier: MIT */
/* Reading on while a reactive connection's function is suspended. In these tests the
 * server asks for more at the beginning of message, sleeps until the test wakes it, and answers
 * with what message got. */
#include "stream/ahead.h"

#include <weir/testing.h>

#include "stream/stream_test_util.h"

enum { TOLD_MAX = 256 };

static const char *const listen_urls[] = {"tcp://127.0.0.1:0", "mem:ahead"};
static const char *listen_url = "tcp://127.0.0.1:0";

/* Each story is told with a socket, and with a stream that has an object of its own. */
#define AHEAD_STORY(sentence)                                                                      \
    static int sentence##_told(void);                                                              \
    LOOP_STORY_IN_ORDER(sentence) {                                                                \
        int rc = 0;                                                                                \
        for (int i = 0; i < 2 && rc == 0; i++) {                                                   \
            listen_url = listen_urls[i];                                                           \
            rc = sentence##_told();                                                                \
        }                                                                                          \
        return rc;                                                                                 \
    }                                                                                              \
    static int sentence##_told(void)

static struct {
    enum weir__ahead answer;
    struct weir_listener *l;
    struct weir_group clients, servers;
    struct weir_conn *conn;
    char ahead[TOLD_MAX], messages[TOLD_MAX]; /* what each was given, a '|' behind each piece */
    bool asleep, closes, in_opened;
    int ends, end_rc, closed, closed_rc;
} w;

static void note(char *text, struct weir_view v) {
    size_t used = strlen(text);
    assert_true(used + v.len + 2 < TOLD_MAX);
    memcpy(text + used, v.base, v.len);
    memcpy(text + used + v.len, "|", 2);
}

static enum weir__ahead came(struct weir_conn *c, void *state, struct weir_view v, int rc) {
    assert_true(!w.asleep || *weir__conn_aside(c) == &w); /* as message left it */
    if (v.len == 0) {
        w.ends++;
        w.end_rc = rc;
        return WEIR__AHEAD_KEEP;
    }
    if (w.answer != WEIR__AHEAD_KEEP)
        note(w.ahead, v);
    memset((void *)(uintptr_t)v.base, '?', w.answer == WEIR__AHEAD_KEEP ? 0 : v.len);
    return w.answer;
}

static int sleep_ahead(struct weir_conn *c) {
    int rc = 0;
    *weir__conn_aside(c) = &w;
    weir__conn_ahead(c);
    while (w.asleep && rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    *weir__conn_aside(c) = NULL;
    if (w.closes)
        weir_conn_close(c);
    return rc;
}

static int opened(struct weir_conn *c, void *state) {
    w.conn = c;
    return w.in_opened ? sleep_ahead(c) : 0;
}

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    int rc = w.asleep ? sleep_ahead(c) : 0;
    note(w.messages, v); /* untouched by what came meanwhile */
    return rc < 0 ? rc : weir_write(weir_conn_stream(c), v.base, v.len);
}

static void closed(struct weir_conn *c, void *state, int rc) {
    w.closed++;
    w.closed_rc = rc;
}

static const struct weir_reactive reactive = {
    .size = sizeof reactive, .opened = opened, .message = message, .closed = closed};

static int server(void *args) {
    static const struct weir__react_hooks hooks = {.ahead = came};
    return weir__react(w.l, &w.clients, &reactive, &hooks);
}

static int world_open(enum weir__ahead answer) {
    memset(&w, 0, sizeof w);
    w.answer = answer;
    w.asleep = true;
    int rc = weir_listen(listen_url, NULL, &w.l);
    if (rc < 0)
        return rc;
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&w.servers, WEIR_TOGETHER);
    return weir_go0(&w.servers, server);
}

static int world_dial(struct weir_stream **ret) {
    char url[64];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(w.l));
    return weir_dial(listen_url[0] == 'm' ? listen_url : url, NULL, ret);
}

static struct weir_stream *begin(enum weir__ahead answer) {
    struct weir_stream *s = NULL;
    assert_int_equal(world_open(answer), 0);
    assert_int_equal(world_dial(&s), 0);
    return s;
}

static void world_close(void) {
    weir_unlisten(&w.l);
    weir_group_close(&w.servers, 0);
    weir_group_cancel(&w.clients, "over");
    weir_group_close(&w.clients, 0);
}

static void say(struct weir_stream *s, const char *text) {
    send_text(s, text);
    settle();
}

AHEAD_STORY(pieces_are_taken_while_message_sleeps) {
    struct weir_stream *s = begin(WEIR__AHEAD_MORE);
    say(s, "first");
    say(s, "second");
    say(s, "third");
    assert_string_equal(w.ahead, "second|third|");
    assert_string_equal(w.messages, "");
    w.asleep = false;
    expect_bytes(s, "first");
    settle();
    say(s, "fourth"); /* by the RECV that was asked for ahead */
    expect_bytes(s, "fourth");
    assert_string_equal(w.messages, "first|fourth|");
    weir_close(&s);
    settle();
    assert_int_equal(w.closed, 1);
    assert_int_equal(w.closed_rc, 0);
    world_close();
    return 0;
}

AHEAD_STORY(a_piece_that_is_kept_is_the_next_message) {
    struct weir_stream *s = begin(WEIR__AHEAD_KEEP);
    say(s, "first");
    say(s, "second");
    w.asleep = false;
    expect_bytes(s, "firstsecond");
    assert_string_equal(w.ahead, "");
    assert_string_equal(w.messages, "first|second|");
    weir_close(&s);
    world_close();
    return 0;
}

AHEAD_STORY(after_stop_nothing_more_is_read_ahead) {
    struct weir_stream *s = begin(WEIR__AHEAD_STOP);
    say(s, "first");
    say(s, "second");
    say(s, "third");
    w.asleep = false;
    expect_bytes(s, "firstthird");
    assert_string_equal(w.ahead, "second|");
    assert_string_equal(w.messages, "first|third|");
    weir_close(&s);
    world_close();
    return 0;
}

AHEAD_STORY(the_end_of_stream_is_seen_ahead_and_again_in_its_place) {
    struct weir_stream *s = begin(WEIR__AHEAD_MORE);
    say(s, "first");
    assert_int_equal(weir_shutdown(s), 0);
    settle();
    assert_int_equal(w.ends, 1);
    assert_int_equal(w.end_rc, 0);
    assert_int_equal(w.closed, 0);
    w.asleep = false;
    expect_bytes(s, "first"); /* the other half is whole */
    settle();
    assert_int_equal(w.closed, 1);
    assert_int_equal(w.closed_rc, 0);
    weir_close(&s);
    world_close();
    return 0;
}

AHEAD_STORY(opened_may_read_ahead) {
    struct weir_stream *s = NULL;
    assert_int_equal(world_open(WEIR__AHEAD_MORE), 0);
    w.in_opened = true;
    assert_int_equal(world_dial(&s), 0);
    settle();
    say(s, "first");
    assert_string_equal(w.ahead, "first|");
    w.asleep = false;
    settle();
    say(s, "second");
    expect_bytes(s, "second");
    weir_close(&s);
    world_close();
    return 0;
}

/* However it ends, the read that was asked for is back before the descriptor is closed. */
AHEAD_STORY(a_read_ahead_ends_with_its_connection) {
    for (int how = 0; how < 4; how++) {
        struct weir_stream *s = begin(how == 3 ? WEIR__AHEAD_KEEP : WEIR__AHEAD_MORE);
        char byte;
        say(s, "first");
        if (how == 3)
            say(s, "never seen");
        w.closes = how != 2;
        if (how == 1)
            weir_conn_close(w.conn);
        if (how == 2)
            weir_group_cancel(&w.clients, "test");
        struct weir_scope shield; /* the group is a scope around us, too */
        weir_shield_enter(&shield, WEIR_SECONDS(2));
        w.asleep = false;
        if (how != 2)
            expect_bytes(s, "first");
        assert_int_equal(weir_read(s, &byte, 1), 0);
        settle();
        weir_scope_leave(&shield, 0);
        assert_int_equal(w.closed, 1);
        assert_int_equal(w.closed_rc, how == 2 ? -ECANCELED : 0);
        weir_close(&s);
        world_close();
    }
    return 0;
}

/* ---- disturbed ---- */

static int converse(struct weir_stream *s) {
    char text[16];
    int rc = weir_write(s, "first", 5);
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(2));
    if (rc == 0)
        rc = weir_write(s, "second", 6);
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(2));
    w.asleep = false;
    if (rc == 0)
        rc = weir_read_exactly(s, text, 5);
    return rc;
}

static int story(void *arg) {
    struct weir_stream *s = NULL;
    struct weir_scope patience;
    int rc = world_open((enum weir__ahead)(intptr_t)arg);
    if (w.l == NULL)
        return rc;
    weir_scope_enter(&patience, WEIR_MILLISECONDS(500));
    if (rc == 0 && (rc = weir_yield()) == 0 && (rc = world_dial(&s)) == 0)
        rc = converse(s);
    rc = weir_scope_leave(&patience, rc);
    weir_close(&s);
    weir_group_cancel(&w.servers, "over");
    weir_group_close(&w.servers, 0);
    weir_unlisten(&w.l);
    weir_group_cancel(&w.clients, "over");
    weir_group_close(&w.clients, 0);
    return rc;
}

static void quiet(enum weir_log_level level, const char *line, void *arg) {}

static void explore(bool deferred, enum weir__ahead answer) {
    struct weir_sim_options sim = {.size = sizeof sim, .deferred = deferred};
    struct weir_story s = {.size = sizeof s, .name = "ahead", .fn = story, .options = &sim,
                           .arg = (void *)(intptr_t)answer};
    struct weir_explored e;
    weir_log_to(quiet, NULL);
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 10);
    assert_int_equal(weir_explore_allocations(&s, NULL), 0);
    for (int effect = WEIR_FAULT_ERROR; effect <= WEIR_FAULT_NEVER; effect++) {
        struct weir_fault f = {.size = sizeof f, .effect = (enum weir_fault_effect)effect};
        assert_int_equal(weir_explore_faults(&s, &f, &e), 0);
        assert_true(e.points > 10);
    }
}

WEIR_TEST(disturbed_anywhere_nothing_is_left_behind) {
    for (int i = 0; i < 6; i++)
        explore(i % 2, (enum weir__ahead)(i / 2));
}

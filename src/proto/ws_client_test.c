/* SPDX-License-Identifier: MIT */
/* A client that connects again: what makes it, what ends it, how long it waits, what becomes of
 * messages meanwhile, and that nothing is left wherever it is cut short. */
#include <weir/testing.h>
#include <weir/ws_client.h>

#include "proto/ws_test_util.h"

/* What the client says on its first, second ... connection. */
static const char *const *script;
static unsigned opened_count;

static int say_next(struct weir_ws *ws, void *arg) {
    const char *line = script[opened_count];
    if (line != NULL)
        opened_count++;
    return line != NULL ? ws_say(ws, line) : 0;
}

static struct weir_ws_client *client_open(struct world *w, struct weir_ws_client_options o) {
    struct weir_ws_client *c = NULL;
    o.size = sizeof o;
    o.ws = &w->o;
    opened_count = 0;
    assert_int_equal(weir_ws_client_new(w->ws_url, &o, &c), 0);
    return c;
}

#define CLIENT_OPEN(w, ...) client_open((w), (struct weir_ws_client_options){__VA_ARGS__})

#define expect_client_message(c, want)                                                             \
    do {                                                                                           \
        struct weir_ws_message m_;                                                                 \
        assert_int_equal(weir_ws_client_receive((c), &m_), 0);                                     \
        assert_true(says(&m_, (want)));                                                            \
    } while (0)

static struct weir_ws_client_facts facts_of(const struct weir_ws_client *c) {
    struct weir_ws_client_facts f;
    weir_ws_client_look(c, &f);
    return f;
}

static int client_say(struct weir_ws_client *c, const char *text) {
    return weir_ws_client_send(c, WEIR_WS_TEXT, text, strlen(text));
}

WS_STORY(a_client_comes_back_after_1011_and_says_where_it_stands) {
    static const char *const lines[] = {"fail", "fail", "hello", NULL};
    script = lines;
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = say_next, .first_ns = MS(1));
    assert_int_equal(facts_of(c).state, WEIR_WS_CLIENT_AWAY);
    assert_null(weir_ws_client_ws(c));
    expect_client_message(c, "hello");
    assert_int_equal(facts_of(c).state, WEIR_WS_CLIENT_OPEN);
    assert_int_equal(facts_of(c).connections, 3);
    assert_int_equal(facts_of(c).last_error, WEIR_EWSCLOSED);
    assert_non_null(weir_ws_client_ws(c));
    assert_int_equal(client_say(c, "and on"), 0);
    expect_client_message(c, "and on");
    assert_int_equal(weir_ws_client_close(c, 1000, "done"), 0);
    assert_int_equal(facts_of(c).state, WEIR_WS_CLIENT_ENDED);
    assert_int_equal(client_say(c, "more"), WEIR_EWSCLOSED);
    weir_ws_client_drop(&c);
    assert_null(c);
    weir_ws_client_drop(&c);
    return 0;
}

WS_STORY(a_server_that_closes_for_good_ends_it) {
    static const char *const lines[] = {"close", NULL};
    struct weir_ws_message m;
    script = lines;
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = say_next, .first_ns = MS(1));
    assert_int_equal(weir_ws_client_receive(c, &m), WEIR_EWSCLOSED);
    assert_non_null(strstr(weir_error_message(WEIR_EWSCLOSED), "4000"));
    assert_int_equal(weir_ws_client_receive(c, &m), WEIR_EWSCLOSED);
    assert_int_equal(facts_of(c).connections, 1);
    weir_ws_client_drop(&c);
    return 0;
}

WS_STORY(messages_meanwhile_are_refused_or_kept_within_the_bound) {
    struct weir_ws_client *c = CLIENT_OPEN(w, .first_ns = MS(1));
    assert_int_equal(client_say(c, "x"), -ENOTCONN);
    assert_int_equal(client_say(c, "caf\xe9"), WEIR_EUTF8);
    weir_ws_client_drop(&c);
    c = CLIENT_OPEN(w, .first_ns = MS(1), .away_max = 10);
    assert_int_equal(client_say(c, "one"), 0);
    assert_int_equal(client_say(c, "two"), 0);
    assert_int_equal(client_say(c, "too many"), WEIR_EBUSYPEER);
    assert_int_equal(client_say(c, "four"), 0);
    assert_int_equal(client_say(c, "5"), WEIR_EBUSYPEER);
    assert_int_equal(facts_of(c).kept_messages, 3);
    assert_int_equal(facts_of(c).kept_bytes, 10);
    expect_client_message(c, "one");
    assert_int_equal(facts_of(c).kept_bytes, 0);
    expect_client_message(c, "two");
    expect_client_message(c, "four");
    weir_ws_client_drop(&c);
    return 0;
}

static const char *url_of_nobody(void) {
    static char url[64];
    struct weir_listener *l = NULL;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(l));
    weir_unlisten(&l);
    settle();
    return url;
}

WS_STORY(each_pause_is_longer_up_to_a_bound_and_attempts_may_be_counted) {
    struct weir_ws_message m;
    struct weir_ws_client *c = NULL;
    struct weir_ws_client_options o = {.size = sizeof o, .ws = &w->o, .attempts = 5,
                                       .first_ns = MS(20), .longest_ns = MS(50)};
    assert_int_equal(weir_ws_client_new(url_of_nobody(), &o, &c), 0);
    for (int round = 0; round < 2; round++) {
        weir_ns from = weir_now();
        assert_int_equal(weir_ws_client_receive(c, &m), -ECONNREFUSED);
        weir_ns took = weir_now() - from;
        assert_true(took >= MS(20 + 40 + 50 + 50) / 2);
        assert_true(strcmp(test_backend, "sim") != 0 || took <= MS(20 + 40 + 50 + 50 + 10));
        assert_int_equal(facts_of(c).failures, 5 * (round + 1));
        assert_int_equal(facts_of(c).last_error, -ECONNREFUSED);
        assert_int_equal(facts_of(c).state, WEIR_WS_CLIENT_AWAY);
    }
    weir_ws_client_drop(&c);
    return 0;
}

static struct {
    int calls, rc;
    weir_ns pause;
    char why[160];
    struct weir_ws_client *drops;
} gone;

static void went_away(int rc, weir_ns pause_ns, void *arg) {
    (void)arg;
    gone.calls++;
    gone.rc = rc;
    gone.pause = pause_ns;
    snprintf(gone.why, sizeof gone.why, "%s", weir_error_message(rc));
    if (gone.drops != NULL)
        weir_ws_client_drop(&gone.drops);
}

WS_STORY(a_program_hears_of_each_loss_and_each_failed_attempt) {
    static const char *const lines[] = {"fail", "hello", NULL};
    struct weir_ws_message m;
    script = lines;
    memset(&gone, 0, sizeof gone);
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = say_next, .away = went_away,
                                           .first_ns = MS(2));
    expect_client_message(c, "hello");
    assert_int_equal(gone.calls, 1);
    assert_int_equal(gone.rc, WEIR_EWSCLOSED);
    assert_non_null(strstr(gone.why, "1011"));
    assert_true(gone.pause >= MS(1) && gone.pause <= MS(2));
    weir_ws_client_drop(&c);
    struct weir_ws_client_options o = {.size = sizeof o, .away = went_away, .attempts = 3,
                                       .first_ns = MS(2)};
    assert_int_equal(weir_ws_client_new(url_of_nobody(), &o, &c), 0);
    assert_int_equal(weir_ws_client_receive(c, &m), -ECONNREFUSED);
    assert_int_equal(gone.calls, 3); /* for two of the attempts another follows */
    assert_int_equal(gone.rc, -ECONNREFUSED);
    assert_non_null(strstr(gone.why, "ECONNREFUSED"));
    gone.drops = c;
    assert_int_equal(weir_ws_client_receive(c, &m), WEIR_ECLOSED);
    return 0;
}

WS_STORY(what_cannot_help_is_not_repeated) {
    struct weir_ws_message m;
    struct weir_ws_options o = w->o;
    struct weir_ws_client *c = NULL;
    struct weir_ws_client_options co = {.size = sizeof co, .ws = &o};
    o.origin = "http://elsewhere";
    assert_int_equal(weir_ws_client_new(w->ws_url, &co, &c), 0);
    assert_int_equal(weir_ws_client_receive(c, &m), WEIR_EHTTP);
    assert_int_equal(weir_error(WEIR_EHTTP)->status, 403);
    assert_int_equal(facts_of(c).failures, 1);
    weir_ws_client_drop(&c);
    assert_int_equal(weir_ws_client_new("http://a", &co, &c), WEIR_EURL);
    assert_string_equal(weir_error_message(WEIR_EURL),
                        "ws dial http://a: the scheme must be ws or wss");
    assert_null(c);
    co.first_ns = -1;
    assert_int_equal(weir_ws_client_new("ws://a", &co, &c), -EINVAL);
    return 0;
}

static int refuse_to_begin(struct weir_ws *ws, void *arg) {
    return weir_fail(WEIR_EUSER - 7, "not today");
}

WS_STORY(what_opened_returns_reaches_the_caller) {
    struct weir_ws_message m;
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = refuse_to_begin);
    assert_int_equal(weir_ws_client_receive(c, &m), WEIR_EUSER - 7);
    assert_non_null(strstr(weir_error_message(WEIR_EUSER - 7), "not today"));
    assert_int_equal(facts_of(c).state, WEIR_WS_CLIENT_AWAY);
    weir_ws_client_drop(&c);
    return 0;
}

struct receiver_args {
    struct weir_ws_client *c;
    int rc;
};
static int receiver(void *args) {
    struct receiver_args *a = args;
    struct weir_ws_message m;
    while ((a->rc = weir_ws_client_receive(a->c, &m)) == 0)
        ;
    return 0;
}

static void end_while_it_receives(struct world *w, bool pausing, bool drops) {
    static const char *const lines[] = {"fail", NULL}, *const none[] = {NULL};
    struct weir_task *t = NULL;
    struct receiver_args got = {0};
    struct weir_ws_message m;
    script = pausing ? lines : none;
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = say_next, .first_ns = MS(60000));
    assert_int_equal(weir_go_task(NULL, receiver, &t, .c = c), 0);
    while (pausing ? facts_of(c).retry_ns == 0 : facts_of(c).state != WEIR_WS_CLIENT_OPEN)
        weir_sleep(MS(1));
    assert_int_equal(weir_ws_client_receive(c, &m), -EBUSY);
    if (drops)
        weir_ws_client_drop(&c);
    else
        assert_int_equal(weir_ws_client_close(c, 1000, NULL), 0);
    assert_int_equal(weir_await(&t, &got, sizeof got), 0);
    assert_int_equal(got.rc, drops ? WEIR_ECLOSED : WEIR_EWSCLOSED);
    weir_ws_client_drop(&c);
}

WS_STORY(a_close_or_a_drop_reaches_the_task_that_receives) {
    end_while_it_receives(w, false, false);
    end_while_it_receives(w, false, true);
    end_while_it_receives(w, true, false);
    end_while_it_receives(w, true, true);
    return 0;
}

/* The close comes in the turn in which the pause is over, before the task that paused has run: this
 * task is ready in each turn. */
WS_STORY(a_client_that_is_closed_when_its_pause_is_over_stays_closed) {
    static const char *const lines[] = {"fail", NULL};
    struct weir_task *t = NULL;
    struct receiver_args got = {0};
    struct weir_ws_message m;
    script = lines;
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = say_next, .first_ns = MS(1),
                                           .away_max = 100);
    assert_int_equal(weir_go_task(NULL, receiver, &t, .c = c), 0);
    while (facts_of(c).retry_ns == 0)
        assert_int_equal(weir_yield(), 0);
    for (weir_ns at = facts_of(c).retry_ns; weir_now() < at;)
        assert_int_equal(weir_yield(), 0);
    assert_int_equal(weir_ws_client_close(c, 1000, NULL), 0);
    assert_int_equal(weir_await(&t, &got, sizeof got), 0);
    assert_int_equal(got.rc, WEIR_EWSCLOSED);
    assert_int_equal(facts_of(c).state, WEIR_WS_CLIENT_ENDED);
    assert_int_equal(client_say(c, "more"), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_client_receive(c, &m), WEIR_EWSCLOSED);
    weir_ws_client_drop(&c);
    return 0;
}

static int does_not_mind(struct weir_ws *ws, void *arg) {
    (void)weir_sleep(MS(1000));
    return 0;
}

WS_STORY(a_close_while_opened_runs_leaves_no_connection) {
    struct weir_task *t = NULL;
    struct receiver_args got = {0};
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = does_not_mind);
    assert_int_equal(weir_go_task(NULL, receiver, &t, .c = c), 0);
    while (facts_of(c).connections == 0)
        weir_sleep(MS(1));
    assert_int_equal(weir_ws_client_close(c, 1000, NULL), 0);
    assert_int_equal(weir_await(&t, &got, sizeof got), 0);
    assert_int_equal(got.rc, WEIR_EWSCLOSED);
    for (int i = 0; i < 1000 && w->ended == 0; i++)
        weir_sleep(MS(1));
    assert_int_equal(w->ended, 1);
    weir_ws_client_drop(&c);
    return 0;
}

/* The first attempt fails, and a program looks for messages only for slice_ns at a time. */
static void hears_in_slices(struct world *w, weir_ns first_ns, weir_ns slice_ns) {
    static const char *const lines[] = {"fail", "hello", NULL};
    struct weir_ws_message m;
    struct weir_scope s;
    int rc, rounds = 0;
    script = lines;
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = say_next, .first_ns = first_ns);
    do {
        weir_scope_enter(&s, slice_ns);
        rc = weir_scope_leave(&s, weir_ws_client_receive(c, &m));
    } while (rc == -ETIME && ++rounds < 100);
    assert_int_equal(rc, 0);
    assert_true(says(&m, "hello"));
    weir_ws_client_drop(&c);
}

WS_STORY(a_cancel_loses_nothing) {
    hears_in_slices(w, MS(20), MS(30));
    return 0;
}

WS_STORY(a_close_that_the_server_does_not_answer_ends_the_client_too, o->close_ns = MS(20)) {
    static const char *const lines[] = {"hold", NULL};
    struct weir_task *t = NULL;
    struct receiver_args got = {0};
    if (w->reacts)
        return 0; /* that reads on while its function is suspended */
    w->held = true;
    script = lines;
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = say_next, .first_ns = MS(1));
    assert_int_equal(weir_go_task(NULL, receiver, &t, .c = c), 0);
    while (w->messages == 0)
        weir_sleep(MS(1));
    assert_int_equal(weir_ws_client_close(c, 1000, NULL), WEIR_EEOF);
    assert_int_equal(weir_await(&t, &got, sizeof got), 0);
    assert_int_equal(got.rc, WEIR_EWSCLOSED);
    w->held = false;
    weir_ws_client_drop(&c);
    return 0;
}

static int hides_the_loss(struct weir_ws *ws, void *arg) {
    struct weir_ws_message m;
    if (opened_count++ > 0)
        return ws_say(ws, "hello");
    int rc = ws_say(ws, "fail");
    while (rc == 0)
        rc = weir_ws_receive(ws, &m);
    return WEIR_EUSER - 7;
}

WS_STORY(a_connection_that_opened_has_lost_is_made_again_whatever_opened_returns) {
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = hides_the_loss, .first_ns = MS(1));
    expect_client_message(c, "hello");
    assert_int_equal(facts_of(c).connections, 2);
    assert_int_equal(facts_of(c).last_error, WEIR_EWSCLOSED);
    weir_ws_client_drop(&c);
    return 0;
}

static int loses_something_else(struct weir_ws *ws, void *arg) {
    return weir_fail(-EPIPE, "the log is gone");
}

WS_STORY(what_opened_loses_elsewhere_is_no_lost_connection) {
    struct weir_ws_message m;
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = loses_something_else, .attempts = 3,
                                           .first_ns = MS(1));
    assert_int_equal(weir_ws_client_receive(c, &m), -EPIPE);
    assert_non_null(strstr(weir_error_message(-EPIPE), "the log is gone"));
    assert_int_equal(facts_of(c).connections, 1);
    weir_ws_client_drop(&c);
    return 0;
}

static int waits_for_the_end(struct weir_ws *ws, void *arg) {
    struct weir_scope shield;
    struct weir_ws_message m;
    weir_shield_enter(&shield, MS(5000));
    int rc = ws_say(ws, "hold") < 0 ? WEIR_EEOF : ws_say(ws, "fail");
    while (rc == 0)
        rc = weir_ws_receive(ws, &m);
    weir_scope_leave(&shield, 0);
    return rc;
}

WS_STORY(a_client_that_is_closed_while_it_loses_its_connection_stays_closed) {
    struct weir_task *t = NULL;
    struct receiver_args got = {0};
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = waits_for_the_end, .first_ns = MS(1));
    w->held = true;
    assert_int_equal(weir_go_task(NULL, receiver, &t, .c = c), 0);
    while (w->messages == 0)
        weir_sleep(MS(1));
    assert_int_equal(weir_ws_client_close(c, 1000, NULL), 0);
    w->held = false;
    assert_int_equal(weir_await(&t, &got, sizeof got), 0);
    assert_int_equal(got.rc, WEIR_EWSCLOSED);
    assert_int_equal(facts_of(c).state, WEIR_WS_CLIENT_ENDED);
    weir_ws_client_drop(&c);
    return 0;
}

WS_STORY(messages_without_a_byte_are_kept_within_a_bound_too) {
    int rc = 0, count = 0;
    struct weir_ws_client *c = CLIENT_OPEN(w, .first_ns = MS(1), .away_max = 10);
    while (count < 200000 && (rc = client_say(c, "")) == 0)
        count++;
    assert_int_equal(rc, WEIR_EBUSYPEER);
    assert_int_equal(count, 65536);
    assert_int_equal(facts_of(c).kept_messages, 65536);
    weir_ws_client_drop(&c);
    return 0;
}

WS_STORY(a_message_that_no_connection_takes_is_refused_at_once, o->queue_max = 100) {
    static char much[101];
    struct weir_ws_client *c = CLIENT_OPEN(w, .first_ns = MS(1), .away_max = 1000);
    assert_int_equal(weir_ws_client_send(c, WEIR_WS_BINARY, much, 101), WEIR_ETOOBIG);
    assert_int_equal(weir_ws_client_send(c, WEIR_WS_BINARY, much, 100), 0);
    struct weir_ws_message m;
    assert_int_equal(weir_ws_client_receive(c, &m), 0);
    assert_int_equal(m.data.len, 100);
    weir_ws_client_drop(&c);
    return 0;
}

static int leaves_a_part(struct weir_ws *ws, void *arg) {
    return weir_ws_send_part(ws, WEIR_WS_TEXT, "half", 4, false);
}

WS_STORY(what_was_kept_and_cannot_be_sent_is_an_error_and_stays_kept) {
    struct weir_ws_message m;
    struct weir_ws_client *c = CLIENT_OPEN(w, .opened = leaves_a_part, .away_max = 100);
    assert_int_equal(client_say(c, "kept"), 0);
    assert_int_equal(weir_ws_client_receive(c, &m), -EBUSY);
    assert_int_equal(facts_of(c).connections, 1);
    assert_int_equal(facts_of(c).kept_messages, 1);
    weir_ws_client_drop(&c);
    return 0;
}

static int says_hello(struct weir_ws *ws, void *arg) {
    return ws_say(ws, "hello");
}

/* What comes in parts is gathered, for which there is no memory once. */
WS_STORY(a_connection_that_failed_for_want_of_memory_is_made_again_by_the_next_receive) {
    struct weir_ws_message m;
    int rc = -ENOMEM, failures = 0;
    for (size_t n = 1; rc == -ENOMEM && n < 10; n++) {
        struct weir_ws_client *c = CLIENT_OPEN(w, .opened = says_hello, .first_ns = MS(1));
        expect_client_message(c, "hello");
        assert_int_equal(client_say(c, "part"), 0);
        settle();
        weir__alloc_fail_at(n);
        rc = weir_ws_client_receive(c, &m);
        weir__alloc_fail_at(0);
        failures += rc == -ENOMEM;
        assert_int_equal(rc == -ENOMEM ? weir_ws_client_receive(c, &m) : rc, 0);
        assert_true(says(&m, facts_of(c).connections == 2 ? "hello" : "part"));
        weir_ws_client_drop(&c);
    }
    assert_true(rc == 0 && failures > 0);
    return 0;
}

/* The client has refused what came, and waits until the server has closed too. */
WS_STORY(a_message_is_kept_while_a_connection_that_failed_ends, o->close_ns = WEIR_SECONDS(60)) {
    struct weir_ws_options o = w->o;
    struct weir_ws_client *c = NULL;
    struct weir_ws_client_options co = {.size = sizeof co, .ws = &o, .opened = says_hello,
                                        .first_ns = MS(1), .away_max = 100};
    struct weir_task *t = NULL;
    if (w->reacts)
        return 0; /* that reads on while its function is suspended */
    o.message_max = 10;
    assert_int_equal(weir_ws_client_new(w->ws_url, &co, &c), 0);
    expect_client_message(c, "hello");
    w->held = true;
    assert_int_equal(client_say(c, "more than ten bytes"), 0);
    assert_int_equal(client_say(c, "hold"), 0);
    assert_int_equal(weir_go_task(NULL, receiver, &t, .c = c), 0);
    settle();
    assert_int_equal(client_say(c, "kept"), 0);
    assert_int_equal(facts_of(c).kept_messages, 1);
    w->held = false;
    weir_ws_client_drop(&c);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    return 0;
}

WS_STORY(a_pause_goes_on_where_a_cancelled_receive_left_it) {
    hears_in_slices(w, MS(100), MS(20));
    return 0;
}

/* ---- cut short anywhere ---- */

static int reconnect_story(void *arg) {
    static const char *const lines[] = {"fail", "hello", NULL};
    struct world w = {.reacts = true, .o = {.size = sizeof w.o, .close_ns = MS(20)}};
    struct weir_ws_client *c = NULL;
    struct weir_ws_client_options o = {.size = sizeof o, .ws = &w.o, .opened = say_next,
                                       .first_ns = MS(1), .attempts = 3, .away_max = 100};
    struct weir_ws_message m;
    struct weir_scope patience;
    script = lines;
    opened_count = 0;
    the_world = &w;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &w.l);
    if (rc < 0)
        return rc;
    snprintf(w.ws_url, sizeof w.ws_url, "ws://127.0.0.1:%d/x", weir_listener_port(w.l));
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&w.servers, WEIR_TOGETHER);
    rc = weir_go(&w.servers, server, .w = &w);
    weir_scope_enter(&patience, MS(3000));
    if (rc == 0 && (rc = weir_yield()) == 0)
        rc = weir_ws_client_new(w.ws_url, &o, &c);
    if (rc == 0)
        rc = client_say(c, "kept");
    if (rc == 0)
        rc = weir_ws_client_receive(c, &m);
    if (rc == 0)
        rc = weir_ws_client_close(c, 1000, NULL);
    weir_ws_client_drop(&c);
    rc = weir_scope_leave(&patience, rc);
    weir_group_cancel(&w.servers, "the story ends");
    int served = weir_group_close(&w.servers, 0);
    weir_unlisten(&w.l);
    weir_group_cancel(&w.clients, "the story ends");
    weir_group_close(&w.clients, 0);
    return rc < 0 ? rc : served == WEIR_ESTOPPED ? 0 : served;
}

WEIR_TEST(nothing_is_left_wherever_it_is_cut_short) {
    struct weir_story s = {.size = sizeof s, .name = "reconnect", .fn = reconnect_story};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 10);
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    assert_true(e.points > 20);
    static const enum weir_fault_effect effects[] = {WEIR_FAULT_ERROR, WEIR_FAULT_LATE,
                                                     WEIR_FAULT_SHORT};
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            weir_explore_faults(&s, &(struct weir_fault){.size = sizeof(struct weir_fault),
                                                         .effect = effects[i]}, &e), 0);
    assert_int_equal(weir_explore_seeds(&s, &e), 0);
}

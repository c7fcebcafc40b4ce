/* SPDX-License-Identifier: MIT */
/* Links under the virtual clock: they are kept open, dialled again, shared by name, and closed. */
#include "mesh/link.h"

#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/testing.h>

#include "mesh/nodes.h"
#include "mesh/retry.h"
#include "stream/tls_table.h"
#include "task/task.h"
#include "task/what.h"
#include "test/runner.h"

/* A receiver at port 8766 that misbehaves as told. */
static struct receiver {
    struct weir_listener *listener;
    struct weir_group clients;
    struct weir_ws_options options;
    int connections, messages, closed_code;
    int break_first;  /* so many messages break the connection, unanswered */
    int end_code;     /* not 0: a message is answered with this close code */
    weir_ns think_ns; /* before it answers */
    char last[64];
} r;

static int r_opened(struct weir_ws *ws, void *state) {
    r.connections++;
    return 0;
}

static int r_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    char ack[80];
    r.messages++;
    snprintf(r.last, sizeof r.last, "%.*s", (int)m->data.len, (const char *)m->data.base);
    if (r.end_code != 0)
        return weir_ws_begin_close(ws, r.end_code, "so it is");
    if (r.break_first > 0) {
        r.break_first--;
        weir_group_cancel(weir_ws_group(ws), "broken on purpose");
        return 0;
    }
    if (r.think_ns > 0) {
        int rc = weir_sleep(r.think_ns);
        if (rc < 0)
            return rc;
    }
    int len = snprintf(ack, sizeof ack, "ack of %s", r.last);
    return weir_ws_send(ws, m->type, ack, (size_t)len);
}

static void r_closed(struct weir_ws *ws, void *state, int rc) {
    r.closed_code = weir_ws_close_code(ws);
}

static int r_task(void *args) {
    static const struct weir_ws_reactive fn = {
        .size = sizeof fn, .opened = r_opened, .message = r_message, .closed = r_closed};
    return weir_ws_react(r.listener, &r.clients, &fn, &r.options);
}

static int r_start(struct weir_group *g) {
    int rc = weir_listen("tcp://localhost:8766", NULL, &r.listener);
    return rc == 0 ? weir_go0(g, r_task) : rc;
}

struct r_start_later_args {
    struct weir_group *g;
    weir_ns after;
};

static int r_start_later(void *args) {
    struct r_start_later_args *a = args;
    int rc = weir_sleep(a->after);
    return rc == 0 ? r_start(a->g) : rc;
}

static int mesh_fill(struct weir_mesh *m) {
    struct weir__node_change c = {WEIR__NODE_JOINED,
                                  {.name = "buzzer", .host = "localhost", .port = 8766}};
    int rc = weir__mesh_take(m, &c);
    strcpy(c.node.name, "clock");
    c.node.port = 0;
    return rc < 0 ? rc : weir__mesh_take(m, &c);
}

static struct weir_mesh mesh;

static int ask(struct weir__link *l, const char *text, const char *expected) {
    struct weir_ws_message ack;
    int rc = weir__link_ask(l, WEIR_WS_TEXT, text, strlen(text), &ack);
    if (rc == 0 && expected != NULL) {
        assert_int_equal(ack.data.len, strlen(expected));
        assert_memory_equal(ack.data.base, expected, ack.data.len);
    }
    return rc;
}

/* Take the turn, ask once, give it on. */
static int ask_at(const char *target, const char *channel, const char *text,
                  const char *expected) {
    struct weir__link *l = NULL;
    int rc = weir__link_take(&mesh, target, channel, &l);
    if (rc < 0)
        return rc;
    rc = ask(l, text, expected);
    weir__link_leave(l);
    return rc;
}

struct story {
    int (*tell)(struct weir_group *g);
    weir_ns listens_after; /* WEIR_NEVER: never; 0: before the story */
};

static int run_story(void *arg) {
    struct story *s = arg;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_group_open(&r.clients, WEIR_INDEPENDENT);
    weir__mesh_open(&mesh);
    int rc = s->listens_after == 0 ? r_start(&g) : 0;
    if (rc == 0 && s->listens_after > 0 && s->listens_after != WEIR_NEVER)
        rc = weir_go(&g, r_start_later, .g = &g, .after = s->listens_after);
    if (rc == 0)
        rc = mesh_fill(&mesh);
    if (rc == 0)
        rc = s->tell(&g);
    weir__mesh_close(&mesh, 1001);
    weir_group_cancel(&r.clients, "over");
    (void)weir_group_close(&r.clients, 0);
    weir_unlisten(&r.listener);
    weir_group_cancel(&g, "over");
    (void)weir_group_close(&g, 0);
    return rc;
}

static void tell(int (*fn)(struct weir_group *g), weir_ns listens_after, int expected) {
    struct story s = {fn, listens_after};
    weir_log_level_set(WEIR_LOG_ERROR);
    assert_int_equal(weir_sim_run(run_story, &s, NULL), expected);
}

/* ---- the text of a wait (task/what.h) ---- */

static int asks_x(void *args) {
    (void)args;
    return ask_at("buzzer", "x", "1", NULL);
}

static void check_wait(const struct weir_task *t, const char *wanted) {
    char buf[WEIR__WHAT_TEXT];
    assert_string_equal(weir__task_waits_text(t, buf), wanted);
}

static int two_wait(struct weir_group *unused) {
    struct weir_group g;
    struct weir_task *first = NULL, *second = NULL;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_spawn(&g, WEIR_SITE(first), asks_x, NULL, 0, NULL, &first);
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(1)); /* it has connected and sent its item */
    if (rc == 0)
        rc = weir_spawn(&g, WEIR_SITE(second), asks_x, NULL, 0, NULL, &second);
    if (rc == 0)
        rc = weir_yield();
    if (rc == 0) {
        check_wait(first, "an ack from ws://localhost:8766/x");
        check_wait(second, "a turn on the link to ws://localhost:8766/x");
    }
    weir_group_cancel(&g, "seen");
    rc = weir_group_close(&g, rc);
    weir_task_release(&first);
    weir_task_release(&second);
    return rc;
}

WEIR_TEST(the_text_of_a_wait_on_a_link_names_its_url) {
    r.think_ns = WEIR_SECONDS(600);
    tell(two_wait, 0, 0);
}

/* ---- kept ---- */

static int two_asks(struct weir_group *g) {
    int rc = ask_at("buzzer", "", "1", "ack of 1");
    return rc < 0 ? rc : ask_at("buzzer", "/", "2", "ack of 2");
}

WEIR_TEST(a_connection_is_kept_for_each_target_and_channel) {
    tell(two_asks, 0, 0);
    assert_int_equal(r.connections, 1);
    assert_int_equal(r.messages, 2);
    assert_int_equal(r.closed_code, 1001);
}

static int two_channels(struct weir_group *g) {
    int rc = ask_at("buzzer", "a", "1", "ack of 1");
    return rc < 0 ? rc : ask_at("buzzer", "/b", "2", "ack of 2");
}

WEIR_TEST(channels_have_connections_of_their_own) {
    tell(two_channels, 0, 0);
    assert_int_equal(r.connections, 2);
}

static int idle(struct weir_group *g) {
    int rc = ask_at("buzzer", "", "1", "ack of 1");
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(600));
    return rc == 0 ? ask_at("buzzer", "", "2", "ack of 2") : rc;
}

WEIR_TEST(pings_are_answered_while_no_task_asks) {
    r.options = (struct weir_ws_options){
        .size = sizeof r.options, .ping_ns = WEIR_SECONDS(1), .pong_ns = WEIR_SECONDS(1)};
    tell(idle, 0, 0);
    assert_int_equal(r.connections, 1);
}

static int holds_the_turn(struct weir_group *g) {
    struct weir__link *l;
    struct weir_ws_message ack;
    int rc = weir__link_take(&mesh, "buzzer", "", &l);
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = weir__link_ask(l, WEIR_WS_TEXT, "1", 1, &ack);
        weir__link_done(l);
        if (rc == 0)
            rc = weir_sleep(WEIR_SECONDS(600));
    }
    weir__link_leave(l);
    return rc;
}

static int uses_it_for_long(struct weir_group *g) {
    struct weir__link *l;
    struct weir_ws_message ack;
    int rc = weir__link_take(&mesh, "buzzer", "", &l);
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = weir__link_ask(l, WEIR_WS_TEXT, "1", 1, &ack);
        if (rc == 0)
            rc = weir_sleep(WEIR_SECONDS(600));
        assert_memory_equal(ack.data.base, "ack of 1", 8);
    }
    weir__link_leave(l);
    return rc;
}

WEIR_TEST(pings_are_answered_while_an_ack_is_used) {
    r.options = (struct weir_ws_options){
        .size = sizeof r.options, .ping_ns = WEIR_SECONDS(1), .pong_ns = WEIR_SECONDS(1)};
    tell(uses_it_for_long, 0, 0);
    assert_int_equal(r.connections, 1);
}

WEIR_TEST(pings_are_answered_between_two_asks_of_one_turn) {
    r.options = (struct weir_ws_options){
        .size = sizeof r.options, .ping_ns = WEIR_SECONDS(1), .pong_ns = WEIR_SECONDS(1)};
    tell(holds_the_turn, 0, 0);
    assert_int_equal(r.connections, 1);
}

static int many_channels(struct weir_group *g) {
    char channel[16], text[32];
    int rc = 0;
    for (int i = 0; i < WEIR__LINKS_MAX + 10 && rc == 0; i++) {
        snprintf(channel, sizeof channel, "c%d", i);
        snprintf(text, sizeof text, "ack of %s", channel);
        rc = ask_at("buzzer", channel, channel, text);
    }
    assert_int_equal(mesh.link_count <= WEIR__LINKS_MAX + 1, 1);
    return rc;
}

WEIR_TEST(the_link_unused_for_longest_makes_room) {
    tell(many_channels, 0, 0);
    assert_int_equal(r.connections, WEIR__LINKS_MAX + 10);
}

/* ---- turns ---- */

static char order[64];

struct asker_args {
    const char *first, *second;
};

static int asker(void *args) {
    struct asker_args *a = args;
    struct weir__link *l = NULL;
    int rc = weir__link_take(&mesh, "buzzer", "", &l);
    if (rc < 0)
        return rc;
    strcat(order, a->first);
    rc = ask(l, a->first, NULL);
    if (rc == 0)
        rc = ask(l, a->second, NULL);
    strcat(order, a->second);
    weir__link_leave(l);
    return rc;
}

static int three_askers(struct weir_group *outer) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, asker, .first = "a", .second = "A");
    if (rc == 0)
        rc = weir_go(&g, asker, .first = "b", .second = "B");
    if (rc == 0)
        rc = weir_go(&g, asker, .first = "c", .second = "C");
    return weir_group_close(&g, rc);
}

WEIR_TEST(askers_of_one_link_take_turns_in_order) {
    runner_plain_order();
    r.think_ns = WEIR_SECONDS(1);
    tell(three_askers, 0, 0);
    assert_string_equal(order, "aAbBcC");
    assert_int_equal(r.connections, 1);
}

static int cancelled_asker(struct weir_group *g) {
    struct weir_scope s;
    r.think_ns = WEIR_SECONDS(3);
    weir_scope_enter(&s, WEIR_SECONDS(1));
    int rc = weir_scope_leave(&s, ask_at("buzzer", "", "slow", NULL));
    assert_int_equal(rc, -ETIME);
    r.think_ns = 0;
    return ask_at("buzzer", "", "next", "ack of next");
}

WEIR_TEST(the_ack_of_a_cancelled_asker_reaches_no_other_asker) {
    tell(cancelled_asker, 0, 0);
    assert_int_equal(r.connections, 2);
}

/* ---- outages ---- */

WEIR_TEST(pauses_double_to_a_second_and_end_after_five) {
    struct weir__random random = {7};
    for (int round = 0; round < 1000; round++) {
        struct weir__retry retry = weir__retry_new(WEIR__RETRY_ALL);
        weir_ns nominal = WEIR_MILLISECONDS(100), sum = 0, pause;
        while ((pause = weir__retry_next(&retry, &random)) > 0) {
            assert_true(pause <= nominal / 100 * 120);
            assert_true(pause >= nominal / 100 * 80 || retry.left == 0);
            sum += pause;
            nominal = nominal * 2 < WEIR_SECONDS(1) ? nominal * 2 : WEIR_SECONDS(1);
        }
        assert_int_equal(sum, WEIR_SECONDS(5));
    }
}

static weir_ns took;

static int unreached(struct weir_group *g) {
    weir_ns begun = weir_now();
    int rc = ask_at("buzzer", "", "1", NULL);
    took = weir_now() - begun;
    const struct weir_error *e = weir_error(rc);
    assert_int_equal(rc, WEIR_EUNREACH);
    assert_non_null(strstr(e->text, "reach buzzer at ws://localhost:8766/: "));
    assert_non_null(strstr(e->text, "ECONNREFUSED"));
    assert_non_null(strstr(e->text, "tried for 5 s"));
    return 0;
}

WEIR_TEST(a_node_that_is_down_is_reported_after_five_seconds) {
    tell(unreached, WEIR_NEVER, 0);
    assert_true(took >= WEIR_SECONDS(5) && took < WEIR_SECONDS(5) + WEIR_MILLISECONDS(1));
}

static int one_ask(struct weir_group *g) {
    weir_ns begun = weir_now();
    int rc = ask_at("buzzer", "", "1", "ack of 1");
    took = weir_now() - begun;
    return rc;
}

WEIR_TEST(a_receiver_that_comes_late_is_found) {
    tell(one_ask, WEIR_MILLISECONDS(3000), 0);
    assert_true(took >= WEIR_SECONDS(3) && took < WEIR_MILLISECONDS(4250));
    assert_int_equal(r.messages, 1);
}

WEIR_TEST(an_unacked_item_is_sent_again) {
    r.break_first = 2;
    tell(one_ask, 0, 0);
    assert_int_equal(r.messages, 3);
    assert_int_equal(r.connections, 3);
    assert_true(took >= WEIR_MILLISECONDS(240) && took <= WEIR_MILLISECONDS(400));
}

static int poison(struct weir_group *g) {
    int rc = ask_at("buzzer", "", "1", NULL);
    assert_non_null(strstr(weir_error(rc)->text, "1001 (going away)"));
    return rc;
}

WEIR_TEST(an_item_that_always_breaks_it_ends_in_time) {
    r.break_first = 1000;
    tell(poison, 0, WEIR_EUNREACH);
    assert_true(r.messages > 5 && r.messages < 12);
}

static int slow(struct weir_group *g) {
    int rc = ask_at("buzzer", "", "1", "ack of 1");
    return rc;
}

WEIR_TEST(thinking_for_long_is_no_outage) {
    r.think_ns = WEIR_SECONDS(60);
    tell(slow, 0, 0);
    assert_int_equal(r.messages, 1);
}

static int refused(struct weir_group *g) {
    int rc = ask_at("buzzer", "", "1", NULL);
    assert_int_equal(rc, WEIR_EWSCLOSED);
    const struct weir_error *e = weir_error(rc);
    char code[16];
    snprintf(code, sizeof code, ": %d (", r.end_code);
    assert_non_null(strstr(e->text, code));
    assert_non_null(strstr(e->text, "so it is"));
    return 0;
}

WEIR_TEST(a_close_that_speaks_of_the_item_is_final) {
    static const int codes[] = {1003, 1007, 1008, 1009, 1011};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        memset(&r, 0, sizeof r);
        r.end_code = codes[i];
        tell(refused, 0, 0);
        assert_int_equal(r.messages, 1);
    }
}

static int down_and_back(struct weir_group *g) {
    int rc = ask_at("buzzer", "", "1", "ack of 1");
    r.break_first = 1;
    if (rc == 0)
        rc = ask_at("buzzer", "", "2", "ack of 2");
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(1));
    return rc == 0 ? ask_at("buzzer", "", "3", "ack of 3") : rc;
}

WEIR_TEST(down_and_back_loses_no_item) {
    tell(down_and_back, 0, 0);
    assert_int_equal(r.messages, 4);
}

/* ---- refusals ---- */

static int not_dialled(struct weir_group *g) {
    static char longer[WEIR__CHANNEL_MAX + 2];
    memset(longer, 'x', sizeof longer - 1);
    assert_int_equal(ask_at("clock", "", "1", NULL), WEIR_ENOLISTEN);
    assert_int_equal(ask_at("buzer", "", "1", NULL), WEIR_ENONODE);
    assert_int_equal(ask_at("buzzer", longer, "1", NULL), WEIR_ETOOBIG);
    assert_int_equal(ask_at(NULL, "http://localhost:8766/", "1", NULL), WEIR_EURL);
    const struct weir__tls_table *table = weir__tls_table;
    weir__tls_table = NULL; /* as without the library weir-tls */
    assert_int_equal(ask_at(NULL, "wss://localhost:8766/", "1", NULL), WEIR_ENOTLS);
    weir__tls_table = table;
    assert_int_equal(ask_at("buzzer", "", "\xff", NULL), WEIR_EUTF8);
    return ask_at("buzzer", "", "1", "ack of 1");
}

WEIR_TEST(what_time_cannot_mend_is_refused_at_once) {
    tell(not_dialled, 0, 0);
    assert_int_equal(r.connections, 1);
}

/* As long as a server of ours takes, whether it is a node's channel or a whole URL. */
static int far_away(struct weir_group *g) {
    static char channel[WEIR__CHANNEL_MAX + 1], url[8192 + 1];
    memset(channel, 'x', sizeof channel - 1);
    memset(url, 'x', sizeof url - 1);
    memcpy(url, "ws://localhost:8766/", 20);
    assert_int_equal(ask_at("buzzer", channel, "1", "ack of 1"), 0);
    return ask_at(NULL, url, "2", "ack of 2");
}

WEIR_TEST(a_channel_may_be_as_long_as_a_url) {
    r.options.head_max = 16384;
    tell(far_away, 0, 0);
    assert_int_equal(r.messages, 2);
}

WEIR_TEST(nacks_are_texts_that_say_so) {
    static const struct {
        enum weir_ws_type type;
        const char *text;
        bool is;
    } rows[] = {{WEIR_WS_TEXT, "nack: x", true},   {WEIR_WS_TEXT, "nack: ", true},
                {WEIR_WS_TEXT, "nack:", false},    {WEIR_WS_TEXT, "", false},
                {WEIR_WS_TEXT, "a nack: ", false}, {WEIR_WS_BINARY, "nack: x", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct weir_view v = {rows[i].text, strlen(rows[i].text)};
        assert_int_equal(weir__is_nack(rows[i].type, v), rows[i].is);
    }
}

/* ---- explored ---- */

static int explored(struct weir_group *g) {
    struct weir__link *l = NULL;
    int rc = weir__link_take(&mesh, "buzzer", "", &l);
    if (rc < 0)
        return rc;
    rc = ask(l, "1", "ack of 1");
    if (rc == 0)
        rc = ask(l, "2", "ack of 2");
    weir__link_leave(l);
    return rc == 0 ? three_askers(g) : rc;
}

static struct story explored_story = {explored, 0};

static int explored_run(void *arg) {
    order[0] = '\0';
    memset(&r, 0, sizeof r);
    weir_log_level_set(WEIR_LOG_ERROR);
    return run_story(&explored_story);
}

static const struct weir_story explored_whole = {
    .size = sizeof explored_whole, .name = "ask", .fn = explored_run};

WEIR_TEST(every_cancel_leaves_nothing_behind) {
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&explored_whole, &e), 0);
    assert_true(e.points > 20);
}

WEIR_TEST(every_fault_leaves_nothing_behind) {
    struct weir_fault fault = {.size = sizeof fault};
    struct weir_explored e;
    assert_int_equal(weir_explore_faults(&explored_whole, &fault, &e), 0);
    assert_true(e.points > 10);
}

WEIR_TEST(every_lack_of_memory_leaves_nothing_behind) {
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&explored_whole, &e), 0);
    assert_true(e.points > 10);
}

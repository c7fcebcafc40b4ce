/* SPDX-License-Identifier: MIT */
/* A mesh as any task uses it: nodes found, listed, added; items asked, sent and streamed; and what
 * its close does to those who are inside. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/mesh.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/ws.h>

#include "test/runner.h"

/* ---- a receiver, which does as the message says ---------------------------------------------- */

static struct receiver {
    struct weir_listener *listener;
    struct weir_group clients;
    char heard[256]; /* all messages, in order */
    int connections, closed_code;
} r;

static int r_opened(struct weir_ws *ws, void *state) {
    r.connections++;
    return 0;
}

static int r_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)m->data.len, (const char *)m->data.base);
    strncat(r.heard, text, sizeof r.heard - strlen(r.heard) - 1);
    if (strcmp(text, "silence") == 0)
        return 0;
    if (strcmp(text, "slow") == 0)
        weir_sleep(WEIR_MILLISECONDS(20));
    if (strcmp(text, "no") == 0)
        return weir_ws_send(ws, WEIR_WS_TEXT, "nack: no ink", 12);
    if (strcmp(text, "fail") == 0)
        return weir_ws_begin_close(ws, 1011, "jammed");
    return weir_ws_send(ws, m->type, text, strlen(text));
}

static void r_closed(struct weir_ws *ws, void *state, int rc) {
    r.closed_code = weir_ws_close_code(ws);
}

static int r_main(void *args) {
    static const struct weir_ws_reactive fn = {
        .size = sizeof fn, .opened = r_opened, .message = r_message, .closed = r_closed};
    return weir_ws_react(r.listener, &r.clients, &fn, NULL);
}

/* ---- a story beside the receiver ------------------------------------------------------------- */

static char nodes[128]; /* "there=127.0.0.1:PORT,clock=..." */
static struct weir_mesh *mesh;

static int open_mesh(weir_ns retry_ns) {
    const struct weir_mesh_options o = {
        .size = sizeof o, .nodes = nodes, .no_defaults = true, .retry_ns = retry_ns};
    return weir_mesh_open(&o, &mesh);
}

static int beside_receiver(void *arg) {
    struct weir_group g;
    int (*story)(void) = *(int (**)(void))arg;
    r = (struct receiver){.listener = NULL};
    weir_group_open(&g, WEIR_TOGETHER);
    weir_group_open(&r.clients, WEIR_INDEPENDENT);
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &r.listener);
    if (rc == 0) {
        snprintf(nodes, sizeof nodes, "there=127.0.0.1:%d,nobody=127.0.0.1:1",
                 weir_listener_port(r.listener));
        rc = weir_go0(&g, r_main);
    }
    if (rc == 0)
        rc = story();
    weir_group_drain(&r.clients, rc < 0 ? 0 : WEIR_SECONDS(1));
    weir_unlisten(&r.listener);
    weir_group_cancel(&g, "over");
    (void)weir_group_close(&g, 0);
    return rc;
}

static void tell(int (*story)(void)) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    weir_log_level_set(WEIR_LOG_ERROR);
    if (strcmp(test_backend, "sim") == 0)
        assert_int_equal(weir_sim_run(beside_receiver, &story, NULL), 0);
    else
        assert_int_equal(weir_run(beside_receiver, &story, &o), 0);
}

static struct weir_item item(const char *text) {
    return (struct weir_item){.data = text, .len = strlen(text)};
}

/* ---- sending --------------------------------------------------------------------------------- */

static int ask_twice(void) {
    struct weir_node_ack ack;
    struct weir_item text = item("hello"), bytes = {.data = "\0\1", .len = 2, .binary = true};
    assert_int_equal(open_mesh(0), 0);
    assert_int_equal(weir_node_connect(mesh, "there", NULL), 0);
    assert_int_equal(weir_node_ask(mesh, "there", "/", &text, &ack), 0);
    assert_string_equal(ack.data, "hello"); /* a NUL stands behind it */
    assert_true(ack.len == 5 && !ack.binary && !ack.nack);
    weir_node_ack_free(&ack);
    weir_node_ack_free(&ack);
    assert_int_equal(weir_node_ask(mesh, "there", "", &bytes, &ack), 0);
    assert_true(ack.binary);
    weir_node_ack_free(&ack);
    assert_int_equal(weir_node_ask(mesh, "there", "", &text, NULL), 0);
    assert_int_equal(r.connections, 1);
    assert_int_equal(weir_mesh_close(&mesh), 0);
    assert_null(mesh);
    return 0;
}

WEIR_TEST_BACKENDS(any_task_opens_a_mesh_and_asks) {
    tell(ask_twice);
    assert_int_equal(r.closed_code, 1000);
}

static int ask_for_no(void) {
    struct weir_node_ack ack = {.data = NULL};
    struct weir_item no = item("no"), fail = item("fail");
    assert_int_equal(open_mesh(-1), 0);
    assert_int_equal(weir_node_ask(mesh, "there", "", &no, &ack), WEIR_ENACK);
    assert_string_equal(weir_error_message(WEIR_ENACK), "stream there: no ink");
    assert_string_equal(ack.data, "nack: no ink");
    assert_true(ack.nack && ack.len == 12);
    weir_node_ack_free(&ack);
    ack.len = 77;
    assert_int_equal(weir_node_ask(mesh, "there", "", &fail, &ack), WEIR_EWSCLOSED);
    assert_non_null(strstr(weir_error_message(WEIR_EWSCLOSED), "1011 (internal error) jammed"));
    assert_true(ack.data == NULL && ack.len == 0);
    ack.len = 77;
    assert_int_equal(weir_node_ask(mesh, "ther", "", &no, &ack), WEIR_ENONODE);
    assert_non_null(strstr(weir_error_message(WEIR_ENONODE), "did you mean 'there'?"));
    assert_int_equal(ack.len, 0);
    return weir_mesh_close(&mesh);
}

WEIR_TEST_BACKENDS(an_ack_is_zeroed_where_there_is_none_and_whole_where_it_refuses) {
    tell(ask_for_no);
}

static int ask_nobody(void) {
    assert_int_equal(open_mesh(WEIR_MILLISECONDS(30)), 0);
    assert_int_equal(weir_node_send(mesh, "nobody", "x", "1"), WEIR_EUNREACH);
    const struct weir_error *e = weir_error(WEIR_EUNREACH);
    assert_int_equal(e->reason, -ECONNREFUSED);
    assert_non_null(strstr(e->text, "reach nobody at ws://127.0.0.1:1/x: "));
    assert_non_null(strstr(e->text, "(ECONNREFUSED), tried for 30 ms"));
    assert_int_equal(weir_mesh_close(&mesh), 0);
    assert_int_equal(open_mesh(-1), 0);
    assert_int_equal(weir_node_connect(mesh, "nobody", "x"), WEIR_EUNREACH);
    assert_int_equal(weir_error(WEIR_EUNREACH)->reason, -ECONNREFUSED);
    assert_null(strstr(weir_error_message(WEIR_EUNREACH), "tried"));
    return weir_mesh_close(&mesh);
}

WEIR_TEST_BACKENDS(an_unreached_node_is_reported_with_its_url_and_the_last_reason) {
    tell(ask_nobody);
}

/* ---- streaming ------------------------------------------------------------------------------- */

static struct seen {
    size_t sending, acked, nacks;
    int refuse_sending_at, refuse_ack_at; /* 1 is the first; 0: never */
} seen;

static int sending(void *arg, size_t index, const struct weir_item *one) {
    assert_ptr_equal(arg, &seen);
    assert_int_equal(index, seen.sending++);
    assert_int_equal(weir_yield(), 0); /* hooks may suspend */
    return (int)seen.sending == seen.refuse_sending_at ? -EDOM : 1;
}

static int acked(void *arg, size_t index, const struct weir_node_ack *ack) {
    assert_int_equal(index, seen.acked++);
    seen.nacks += ack->nack;
    assert_int_equal(ack->data[ack->len], '\0');
    assert_int_equal(weir_node_send(mesh, "nowhere", "", "x"), WEIR_ENONODE); /* another record */
    return (int)seen.acked == seen.refuse_ack_at ? -ERANGE : 1;
}

static const struct weir_node_stream_options hooks = {
    .size = sizeof hooks, .sending = sending, .acked = acked, .arg = &seen};

static int stream_with_hooks(void) {
    const struct weir_item items[] = {item("a"), item("b"), item("no"), item("d")};
    assert_int_equal(open_mesh(0), 0);
    seen = (struct seen){0};
    assert_int_equal(weir_node_stream(mesh, "there", "s", items, 2, &hooks), 0);
    assert_true(seen.sending == 2 && seen.acked == 2);
    seen = (struct seen){0};
    assert_int_equal(weir_node_stream(mesh, "there", "s", items, 4, &hooks), WEIR_ENACK);
    assert_true(seen.sending == 3 && seen.acked == 3 && seen.nacks == 1);
    assert_string_equal(weir_error(WEIR_ENACK)->text, "stream there: no ink");
    assert_int_equal(weir_error(WEIR_ENACK)->done, 2);
    seen = (struct seen){.refuse_sending_at = 2};
    assert_int_equal(weir_node_stream(mesh, "there", "s", items, 2, &hooks), -EDOM);
    seen = (struct seen){.refuse_ack_at = 1};
    assert_int_equal(weir_node_stream(mesh, "there", "s", items, 2, &hooks), -ERANGE);
    assert_int_equal(weir_node_stream(mesh, "there", "s", items, 0, &hooks), 0);
    assert_int_equal(weir_node_stream(mesh, "there", "s", items, 2, NULL), 0);
    assert_string_equal(r.heard, "ababnoaaab");
    return weir_mesh_close(&mesh);
}

WEIR_TEST_BACKENDS(hooks_see_each_item_once_and_may_end_the_stream) {
    tell(stream_with_hooks);
}

struct stream_three_args {
    const char *texts[3];
};

static int stream_three(void *args) {
    const struct stream_three_args *a = args;
    const struct weir_item items[] = {item(a->texts[0]), item(a->texts[1]), item(a->texts[2])};
    return weir_node_stream(mesh, "there", "one", items, 3, NULL);
}

static int two_at_a_time(void) {
    struct weir_group g;
    assert_int_equal(open_mesh(0), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, stream_three, .texts = {"1", "slow", "3"});
    rc = rc < 0 ? rc : weir_go(&g, stream_three, .texts = {"a", "b", "c"});
    rc = weir_group_close(&g, rc);
    assert_string_equal(r.heard, "1slow3abc");
    assert_int_equal(r.connections, 1);
    int closed = weir_mesh_close(&mesh);
    return rc < 0 ? rc : closed;
}

WEIR_TEST_BACKENDS(the_items_of_one_call_stay_together_among_tasks) {
    runner_plain_order();
    tell(two_at_a_time);
}

/* ---- closing --------------------------------------------------------------------------------- */

static int ended; /* how the other task's call ended */

static int ask_silence(void *args) {
    ended = weir_node_send(mesh, "there", "", "silence");
    return 0;
}

static int wait_for_turn(void *args) {
    return weir_node_send(mesh, "there", "", "late") == WEIR_ECLOSED ? 0 : -EPROTO;
}

static int await_heard(const char *what) {
    int rc = 0;
    while (rc == 0 && strstr(r.heard, what) == NULL)
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    return rc;
}

static int close_around_askers(void) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = open_mesh(0);
    if (rc == 0)
        rc = weir_go0(&g, ask_silence);
    if (rc == 0)
        rc = await_heard("silence");
    if (rc == 0)
        rc = weir_go0(&g, wait_for_turn);
    if (rc == 0)
        rc = weir_yield();
    int closed = weir_mesh_close(&mesh);
    rc = weir_group_close(&g, rc);
    return rc < 0 ? rc : closed;
}

WEIR_TEST_BACKENDS(the_close_ends_waits_for_an_ack_and_for_a_turn) {
    tell(close_around_askers);
    assert_int_equal(ended, WEIR_ECLOSED);
    assert_non_null(strstr(r.heard, "silence"));
    assert_null(strstr(r.heard, "late"));
}

static int close_late(void) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(60));
    int rc = open_mesh(0);
    if (rc == 0)
        rc = weir_node_send(mesh, "there", "", "1");
    assert_int_equal(rc, 0);
    weir_scope_cancel(&s, "enough");
    assert_int_equal(weir_mesh_close(&mesh), -ECANCELED);
    assert_null(mesh);
    return weir_scope_leave(&s, -ECANCELED) == WEIR_ESTOPPED ? 0 : -EPROTO;
}

WEIR_TEST_BACKENDS(where_a_scope_has_fired_the_close_shakes_no_hands) {
    tell(close_late);
    assert_int_equal(r.closed_code, 1006);
}

static struct weir_scope opener_scope;

static int keep_open(void *args) {
    struct weir_scope s;
    weir_scope_enter(&opener_scope, WEIR_NEVER);
    int rc = open_mesh(0);
    if (rc == 0)
        rc = weir_sleep(WEIR_NEVER);
    weir_shield_enter(&s, WEIR_SECONDS(60));
    while (ended == 1 && weir_sleep(WEIR_MILLISECONDS(1)) == 0)
        continue;
    weir_scope_leave(&s, 0);
    (void)weir_mesh_close(&mesh);
    return weir_scope_leave(&opener_scope, rc) == WEIR_ESTOPPED ? 0 : rc;
}

static int ask_from_outside(void) {
    struct weir_group g;
    ended = 1;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, keep_open);
    while (rc == 0 && mesh == NULL)
        rc = weir_yield();
    if (rc == 0)
        rc = weir_node_send(mesh, "there", "", "1");
    weir_scope_cancel(&opener_scope, "over");
    ended = weir_node_send(mesh, "there", "", "2");
    return weir_group_close(&g, rc);
}

WEIR_TEST_BACKENDS(a_mesh_whose_scope_has_fired_refuses_calls_from_outside) {
    tell(ask_from_outside);
    assert_int_equal(ended, WEIR_ECLOSED);
    assert_string_equal(r.heard, "1");
}

static int closing_hook(void *arg, size_t index, const struct weir_item *one) {
    return weir_mesh_close(&mesh);
}

static int close_inside(void) {
    const struct weir_node_stream_options o = {.size = sizeof o, .sending = closing_hook};
    const struct weir_item one = item("1");
    int rc = open_mesh(0);
    return rc == 0 ? weir_node_stream(mesh, "there", "", &one, 1, &o) : rc;
}

WEIR_TEST_ABORTS(a_hook_that_closes_its_mesh_aborts, "called inside a call on the same mesh") {
    test_backend = "sim";
    tell(close_inside);
}

/* ---- cut short ------------------------------------------------------------------------------- */

static char url_text[64]; /* "ws://127.0.0.1:PORT/work" */

static void record_says(int rc, const char *what, const char *node, const char *text) {
    const struct weir_error *e = weir_error(rc);
    char whole[160];
    assert_non_null(e);
    assert_string_equal(e->what, what);
    assert_string_equal(e->on, node);
    snprintf(whole, sizeof whole, text, url_text);
    assert_memory_equal(e->text, whole, strlen(whole)); /* then comes where the scope was entered */
    assert_non_null(e->site);
}

static int cut_by_deadlines(void) {
    const struct weir_item items[] = {item("a"), item("silence")};
    struct weir_scope s;
    assert_int_equal(open_mesh(0), 0);
    snprintf(url_text, sizeof url_text, "ws://127.0.0.1:%d/work", weir_listener_port(r.listener));
    weir_scope_enter(&s, WEIR_MILLISECONDS(30));
    assert_int_equal(weir_node_ask(mesh, "there", "work", &items[1], NULL), -ETIME);
    record_says(-ETIME, "ask", "there",
                "ask there at %s: no ack: the deadline has passed (ETIME), budget 30 ms");
    assert_int_equal(weir_error(-ETIME)->budget, WEIR_MILLISECONDS(30));
    assert_int_equal(weir_node_send(mesh, "nobody", "", "x"), -ETIME);
    record_says(-ETIME, "send", "nobody", "send nobody: not begun: "
                                          "the deadline has passed (ETIME), budget 30 ms");
    weir_scope_leave(&s, 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(30));
    assert_int_equal(weir_node_stream(mesh, "there", "work", items, 2, NULL), -ETIME);
    record_says(-ETIME, "stream", "there",
                "stream there at %s: no ack: the deadline has passed (ETIME), budget 30 ms");
    assert_int_equal(weir_error(-ETIME)->done, 1);
    weir_scope_leave(&s, 0);
    return weir_mesh_close(&mesh);
}

WEIR_TEST_BACKENDS(a_deadline_in_a_call_names_the_call_the_node_and_the_url) {
    tell(cut_by_deadlines);
}

static int cut_in_an_outage(void) {
    struct weir_scope s;
    assert_int_equal(open_mesh(0), 0);
    for (int i = 0; i < 2; i++) {
        weir_scope_enter(&s, WEIR_MILLISECONDS(30));
        int rc = i == 0 ? weir_node_connect(mesh, "nobody", "")
                        : weir_node_send(mesh, "nobody", "", "x");
        assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
        const struct weir_error *e = weir_error(-ETIME);
        assert_true(e != NULL && e->reason == -ECONNREFUSED && strcmp(e->what, "reach") == 0);
        assert_string_equal(e->on, "nobody");
        assert_non_null(strstr(e->text, "reach nobody at ws://127.0.0.1:1/: "));
        assert_non_null(strstr(e->text, "(ECONNREFUSED); the deadline has passed (ETIME)"));
    }
    return weir_mesh_close(&mesh);
}

WEIR_TEST_BACKENDS(a_deadline_in_an_outage_names_what_failed_last) {
    tell(cut_in_an_outage);
}

static int is_cancelled(void *args) {
    int rc = weir_node_send(mesh, "there", "", "silence");
    assert_int_equal(rc, -ECANCELED);
    assert_string_equal(weir_error(rc)->what, "send");
    assert_non_null(strstr(weir_error(rc)->text, ": no ack: "));
    assert_non_null(strstr(weir_error(rc)->text, ": enough"));
    return rc;
}

static int waits_for_its_turn(void *args) {
    int rc = weir_node_send(mesh, "there", "", "late");
    assert_int_equal(rc, -ECANCELED);
    assert_non_null(strstr(weir_error(rc)->text, ": no turn yet: "));
    return rc;
}

static int cancel_askers(void) {
    struct weir_group g;
    struct weir_task *silent = NULL, *waiter = NULL;
    assert_int_equal(open_mesh(0), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(is_cancelled), is_cancelled, NULL, 0, NULL, &silent),
                     0);
    assert_int_equal(await_heard("silence"), 0);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(waits_for_its_turn), waits_for_its_turn, NULL, 0,
                                NULL, &waiter), 0);
    assert_int_equal(weir_yield(), 0);
    weir_task_cancel(waiter, "enough");
    weir_task_cancel(silent, "enough");
    weir_task_release(&waiter);
    weir_task_release(&silent);
    assert_int_equal(weir_group_close(&g, 0), 0);
    return weir_mesh_close(&mesh);
}

WEIR_TEST_BACKENDS(a_cancel_in_a_call_names_the_call_and_the_cause) {
    tell(cancel_askers);
}

static int ask_nothing(void) {
    int rc = open_mesh(0);
    return rc == 0 ? weir_node_ask(mesh, "there", "", NULL, NULL) : rc;
}

WEIR_TEST_ABORTS(an_item_that_is_null_aborts, "weir_node_ask: item is NULL") {
    test_backend = "sim";
    tell(ask_nothing);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static int look_up(void) {
    struct weir_mesh *m = NULL;
    struct weir_node n = {.size = sizeof n}, again = {.size = 0};
    setenv("WEIR_GRID", "extra=h:7", 1);
    assert_int_equal(weir_mesh_open(NULL, &m), 0);
    unsetenv("WEIR_GRID");
    assert_int_equal(weir_node_find(m, "extra", &n), 0);
    assert_int_equal(weir_node_find(m, "iopin", &n), 0);
    assert_string_equal(n.name, "blink");
    assert_string_equal(n.alias, "iopin");
    assert_int_equal(n.port, 8765);
    assert_int_equal(weir_node_add(m, "mine=[::1]:9,iopin=elsewhere:10"), 0);
    assert_string_equal(n.host, "localhost"); /* lent until the close */
    assert_int_equal(weir_node_find(m, "blink", &again), 0);
    assert_string_equal(again.host, "elsewhere");
    assert_string_equal(again.alias, "iopin");
    assert_int_equal(weir_node_add(m, "one=h:1,two=h"), WEIR_EPARAM);
    assert_int_equal(weir_node_find(m, "one", &n), WEIR_ENONODE);
    size_t count = 0;
    while (weir_node_at(m, count, &n) == 1)
        count++;
    assert_int_equal(count, 5);
    assert_string_equal(n.name, "mine");
    assert_string_equal(n.host, "::1");
    return weir_mesh_close(&m);
}

WEIR_TEST_BACKENDS(nodes_are_found_listed_and_added_all_or_none) {
    tell(look_up);
}

static int refuse_options(void) {
    const struct weir_mesh_options bad = {.size = sizeof bad, .nodes = "no place"};
    struct weir_mesh *m = NULL;
    assert_int_equal(weir_mesh_open(&bad, &m), WEIR_EPARAM);
    assert_non_null(strstr(weir_error_message(WEIR_EPARAM), "'no place' is not NAME=HOST:PORT"));
    assert_null(m);
    return weir_mesh_close(&m);
}

WEIR_TEST_BACKENDS(a_mesh_with_bad_nodes_is_not_opened) {
    tell(refuse_options);
}

static int without_a_mesh(void *arg) {
    struct weir_node n = {.size = sizeof n};
    assert_int_equal(weir_node_find(NULL, "buzzer", &n), WEIR_ENOLOOP);
    assert_int_equal(weir_node_at(NULL, 0, &n), WEIR_ENOLOOP);
    assert_int_equal(weir_node_add(NULL, ""), WEIR_ENOLOOP);
    assert_int_equal(weir_node_send(NULL, "buzzer", "", "1"), WEIR_ENOLOOP);
    assert_non_null(strstr(weir_error_message(WEIR_ENOLOOP), "open a mesh (weir_mesh_open)"));
    return 0;
}

WEIR_TEST(null_is_a_mesh_in_workers_and_sources_only) {
    struct weir_mesh *m = NULL;
    assert_int_equal(weir_mesh_open(NULL, &m), WEIR_ENOLOOP);
    assert_int_equal(weir_node_connect(NULL, "buzzer", ""), WEIR_ENOLOOP);
    assert_int_equal(weir_sim_run(without_a_mesh, NULL, NULL), 0);
}

/* ---- explored -------------------------------------------------------------------------------- */

static int explored(void) {
    const struct weir_item items[] = {item("a"), item("slow")};
    struct weir_node_ack ack = {.data = NULL};
    struct weir_scope patience;
    struct weir_group g;
    weir_scope_enter(&patience, WEIR_SECONDS(60));
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = open_mesh(WEIR_MILLISECONDS(500));
    if (rc == 0)
        rc = weir_go(&g, stream_three, .texts = {"1", "2", "3"});
    if (rc == 0)
        rc = weir_node_add(mesh, "there=127.0.0.1:1,too=127.0.0.1:2");
    if (rc == 0)
        rc = weir_node_add(mesh, nodes);
    if (rc == 0)
        rc = weir_node_connect(mesh, "there", "two");
    if (rc == 0)
        rc = weir_node_ask(mesh, "there", "two", &items[0], &ack);
    weir_node_ack_free(&ack);
    if (rc == 0)
        rc = weir_node_stream(mesh, "there", "one", items, 2, NULL);
    if (rc == 0)
        rc = weir_go0(&g, ask_silence);
    if (rc == 0)
        rc = weir_yield();
    int closed = weir_mesh_close(&mesh);
    rc = weir_group_close(&g, rc < 0 ? rc : closed);
    return weir_scope_leave(&patience, rc);
}

static int (*const explored_story)(void) = explored;

static struct weir_story quiet_story(void) {
    weir_log_level_set(WEIR_LOG_ERROR);
    return (struct weir_story){.size = sizeof(struct weir_story),
                               .name = "a mesh",
                               .fn = beside_receiver,
                               .arg = (void *)(uintptr_t)&explored_story};
}

WEIR_TEST(every_cancel_around_a_mesh_leaves_nothing_behind) {
    struct weir_story s = quiet_story();
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 30);
}

WEIR_TEST(every_fault_around_a_mesh_leaves_nothing_behind) {
    struct weir_fault fault = {.size = sizeof fault};
    struct weir_story s = quiet_story();
    struct weir_explored e;
    assert_int_equal(weir_explore_faults(&s, &fault, &e), 0);
    assert_true(e.points > 20);
}

WEIR_TEST(every_lack_of_memory_around_a_mesh_leaves_nothing_behind) {
    struct weir_story s = quiet_story();
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    assert_true(e.points > 30);
}

/* SPDX-License-Identifier: MIT */
/* Both shapes of a server: a task per connection, and functions per connection. */
#include "stream/stream.h"

#include "base/alloc.h"
#include "stream/stream_test_util.h"

enum { CLIENTS = 200, ROUNDS = 5 };

struct server {
    struct weir_listener *l;
    struct weir_group clients; /* of the server */
    const struct weir_reactive *r;
    int rc;
};

static struct {
    int opened, messages, closed, last_rc, failed;
} seen;

static const char *url_of(const struct weir_listener *l) {
    static char url[64];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    return url;
}

static int echo(struct weir_conn *c, void *state, struct weir_view v) {
    seen.messages++;
    *(int *)state += 1;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static int opened(struct weir_conn *c, void *state) {
    assert_int_equal(*(int *)state, 0);
    seen.opened++;
    return 0;
}

static void closed(struct weir_conn *c, void *state, int rc) {
    assert_int_equal(weir_group_live(weir_conn_group(c)), 1); /* this task alone */
    seen.closed++;
    seen.last_rc = rc;
    seen.failed += rc < 0;
}

static const struct weir_reactive echoes = {
    .size = sizeof echoes, .state_size = sizeof(int), .opened = opened, .message = echo,
    .closed = closed};

static const struct weir_reactive bare = {
    .size = sizeof bare, .state_size = sizeof(int), .message = echo};

struct react_args {
    struct server *s;
};

static int react(void *args) {
    struct server *s = ((struct react_args *)args)->s;
    s->rc = weir_react(s->l, &s->clients, s->r);
    return 0;
}

/* weir_react runs in g, outside of the group that its connections are in. */
static void server_open(struct server *s, struct weir_group *g, const struct weir_reactive *r) {
    memset(&seen, 0, sizeof seen);
    s->r = r;
    s->rc = 1;
    s->l = NULL;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &s->l), 0);
    weir_group_open(g, WEIR_TOGETHER);
    weir_group_open(&s->clients, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(g, react, .s = s), 0);
}

static void server_close(struct server *s, struct weir_group *g) {
    weir_unlisten(&s->l);
    assert_int_equal(weir_group_close(&s->clients, 0), 0);
    assert_int_equal(weir_group_close(g, 0), 0);
    assert_int_equal(s->rc, 0);
}

/* ---- many clients at once ---- */

struct chat_args {
    const char *url;
    int id;
};

static int chat(void *args) {
    struct chat_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char out[32], in[32];
    int rc = weir_dial(a->url, NULL, &s);
    for (int i = 0; i < ROUNDS && rc == 0; i++) {
        size_t len = (size_t)snprintf(out, sizeof out, "client %d round %d\n", a->id, i);
        rc = weir_write(s, out, len);
        if (rc == 0)
            rc = weir_read_exactly(s, in, len);
        if (rc == 0 && memcmp(in, out, len) != 0)
            rc = -EBADMSG;
        if (rc == 0)
            rc = weir_yield();
    }
    return rc;
}

static void chat_with_all(const char *url) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(weir_go(&g, chat, .url = url, .id = i), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
}

LOOP_STORY(react_serves_200_connections) {
    struct server s;
    struct weir_group g;
    server_open(&s, &g, &echoes);
    chat_with_all(url_of(s.l));
    server_close(&s, &g);
    assert_int_equal(seen.opened, CLIENTS);
    assert_int_equal(seen.closed, CLIENTS);
    assert_int_equal(seen.failed, 0);
    assert_true(seen.messages >= CLIENTS * ROUNDS);
    return 0;
}

LOOP_STORY(react_without_opened_and_closed_serves_200_connections) {
    struct server s;
    struct weir_group g;
    server_open(&s, &g, &bare);
    chat_with_all(url_of(s.l));
    server_close(&s, &g);
    assert_true(seen.messages >= CLIENTS * ROUNDS);
    return 0;
}

struct client_args {
    struct weir_stream *peer;
};

static int client(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *peer = ((struct client_args *)args)->peer;
    struct weir_view v;
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = weir_peek(peer, 1, &v)) > 0)
        if ((rc = weir_write(peer, v.base, v.len)) == 0)
            weir_consume(peer, v.len);
    return rc < 0 ? rc : (int)n;
}

struct serve_args {
    struct weir_listener *l;
    struct weir_group *clients;
};

static int serve(void *args) {
    struct serve_args *a = args;
    struct weir_stream *peer;
    int rc;
    while ((rc = weir_accept(a->l, &peer)) == 0)
        if (weir_go(a->clients, client, .peer = peer) < 0)
            weir_close(&peer);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

LOOP_STORY(serve_serves_200_connections) {
    struct weir_listener *l = NULL;
    struct weir_group g, clients;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, serve, .l = l, .clients = &clients), 0);
    chat_with_all(url_of(l));
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(weir_group_close(&clients, 0), 0);
    assert_int_equal(weir_group_failed(&clients), 0);
    return 0;
}

/* ---- ends ---- */

LOOP_STORY(a_cancelled_server_group_ends_idle_connections) {
    struct server s;
    struct weir_group g;
    struct weir_stream *c[3] = {NULL};
    server_open(&s, &g, &echoes);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_dial(url_of(s.l), NULL, &c[i]), 0);
        send_text(c[i], "x");
        expect_bytes(c[i], "x");
    }
    settle();
    weir_group_cancel(&s.clients, "test");
    weir_group_close(&s.clients, 0);
    weir_group_close(&g, 0);
    assert_int_equal(s.rc, -ECANCELED); /* though react ran outside: told through the gate */
    weir_unlisten(&s.l);
    assert_int_equal(seen.closed, 3);
    assert_int_equal(seen.last_rc, -ECANCELED);
    for (int i = 0; i < 3; i++)
        weir_close(&c[i]);
    return 0;
}

static int refuse(struct weir_conn *c, void *state) {
    seen.opened++;
    return -EPERM;
}

LOOP_STORY(opened_may_refuse) {
    static const struct weir_reactive r = {.size = sizeof r, .state_size = sizeof(int),
                                           .opened = refuse, .message = echo, .closed = closed};
    struct server s;
    struct weir_group g;
    struct weir_stream *c = NULL;
    char byte;
    server_open(&s, &g, &r);
    assert_int_equal(weir_dial(url_of(s.l), NULL, &c), 0);
    assert_int_equal(weir_read(c, &byte, 1), 0);
    weir_close(&c);
    server_close(&s, &g);
    assert_int_equal(seen.opened, 1);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(seen.last_rc, -EPERM);
    return 0;
}

static int one_and_done(struct weir_conn *c, void *state, struct weir_view v) {
    seen.messages++;
    int rc = weir_write(weir_conn_stream(c), "bye", 3);
    weir_conn_close(c);
    return rc;
}

LOOP_STORY(conn_close_in_a_message_ends_politely) {
    static const struct weir_reactive r = {.size = sizeof r, .message = one_and_done,
                                           .closed = closed};
    struct server s;
    struct weir_group g;
    struct weir_stream *c = NULL;
    char byte;
    server_open(&s, &g, &r);
    assert_int_equal(weir_dial(url_of(s.l), NULL, &c), 0);
    send_text(c, "x");
    expect_bytes(c, "bye");
    assert_int_equal(weir_read(c, &byte, 1), 0);
    weir_close(&c);
    server_close(&s, &g);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(seen.last_rc, 0);
    return 0;
}

static int sleeps_long(void *args) {
    int rc = weir_sleep(WEIR_SECONDS(1000));
    seen.failed += rc == -ECANCELED;
    return rc;
}

static int with_child(struct weir_conn *c, void *state, struct weir_view v) {
    return weir_go0(weir_conn_group(c), sleeps_long);
}

LOOP_STORY(the_children_of_a_connection_end_before_closed) {
    static const struct weir_reactive r = {.size = sizeof r, .message = with_child,
                                           .closed = closed};
    struct server s;
    struct weir_group g;
    struct weir_stream *c = NULL;
    server_open(&s, &g, &r);
    assert_int_equal(weir_dial(url_of(s.l), NULL, &c), 0);
    send_text(c, "x");
    settle();
    weir_close(&c);
    server_close(&s, &g);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(seen.failed, 1);
    return 0;
}

static struct weir_conn *kept;

static int keep(struct weir_conn *c, void *state) {
    kept = c;
    return 0;
}

LOOP_STORY(conn_close_ends_an_idle_connection) {
    static const struct weir_reactive r = {.size = sizeof r, .state_size = sizeof(int),
                                           .opened = keep, .message = echo, .closed = closed};
    struct server s;
    struct weir_group g;
    struct weir_stream *c = NULL;
    char byte;
    server_open(&s, &g, &r);
    assert_int_equal(weir_dial(url_of(s.l), NULL, &c), 0);
    settle();
    weir_conn_close(kept);
    assert_int_equal(weir_read(c, &byte, 1), 0);
    weir_close(&c);
    server_close(&s, &g);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(seen.last_rc, 0);
    return 0;
}

static int reads_itself(struct weir_conn *c, void *state, struct weir_view v) {
    char byte;
    seen.last_rc = (int)weir_read(weir_conn_stream(c), &byte, 1);
    assert_non_null(strstr(weir_error(-EBUSY)->text, "its reactive server is reading it"));
    return weir_write(weir_conn_stream(c), "ok", 2);
}

LOOP_STORY(the_user_cannot_read_a_reactive_stream) {
    static const struct weir_reactive r = {.size = sizeof r, .message = reads_itself};
    struct server s;
    struct weir_group g;
    struct weir_stream *c = NULL;
    server_open(&s, &g, &r);
    assert_int_equal(weir_dial(url_of(s.l), NULL, &c), 0);
    send_text(c, "x");
    expect_bytes(c, "ok");
    assert_int_equal(seen.last_rc, -EBUSY);
    weir_close(&c);
    server_close(&s, &g);
    return 0;
}

LOOP_STORY(an_idle_reactive_connection_costs_one_block) {
    struct server s;
    struct weir_group g;
    struct weir_stream *c[CLIENTS] = {NULL};
    server_open(&s, &g, &echoes);
    settle();
    size_t before = weir__alloc_live();
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(weir_dial(url_of(s.l), NULL, &c[i]), 0);
    settle();
    /* And one for the client's own stream; what tables grow by is little. */
    assert_true(weir__alloc_live() - before <= 2 * CLIENTS + 20);
    for (int i = 0; i < CLIENTS; i++)
        weir_close(&c[i]);
    server_close(&s, &g);
    return 0;
}

enum { BURST = 100 }; /* more tasks at once than there is memory for before */

static int burst(void *nth) {
    static const struct weir_reactive r = {.size = sizeof r, .state_size = sizeof(int),
                                           .message = echo, .closed = closed};
    struct server s;
    struct weir_group g;
    struct weir_stream *c[BURST] = {NULL};
    server_open(&s, &g, &r);
    for (int i = 0; i < BURST; i++)
        assert_int_equal(weir_dial(url_of(s.l), NULL, &c[i]), 0);
    settle();
    for (int i = 0; i < BURST; i++)
        send_text(c[i], "x");
    weir__alloc_fail_at(*(size_t *)nth);
    settle();
    weir__alloc_fail_at(0);
    for (int i = 0; i < BURST; i++) {
        expect_bytes(c[i], "x");
        weir_close(&c[i]);
    }
    server_close(&s, &g);
    assert_int_equal(seen.closed, BURST);
    return 0;
}

static int said;

static void count_waits(enum weir_log_level level, const char *line, void *arg) {
    said += strstr(line, "waits for a task") != NULL;
}

/* Simulated: there all bytes come in one turn. */
WEIR_TEST(without_memory_for_a_task_a_message_waits) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    weir_log_to(count_waits, NULL);
    for (size_t nth = 1; nth <= 12; nth++)
        assert_int_equal(weir_run(burst, &nth, &o), 0);
    assert_true(said > 0);
}

static int tells_arg(struct weir_conn *c, void *state, struct weir_view v) {
    return weir_write(weir_conn_stream(c), weir_conn_arg(c), 5);
}

LOOP_STORY(a_connection_knows_its_servers_arg) {
    static char there[] = "there";
    static const struct weir_reactive r = {.size = sizeof r, .message = tells_arg, .arg = there};
    struct server s;
    struct weir_group g;
    struct weir_stream *c = NULL;
    server_open(&s, &g, &r);
    assert_int_equal(weir_dial(url_of(s.l), NULL, &c), 0);
    send_text(c, "x");
    expect_bytes(c, "there");
    weir_close(&c);
    server_close(&s, &g);
    return 0;
}

static int goes_deep(struct weir_conn *c, void *state, struct weir_view v) {
    volatile char frame[300 * 1024];
    for (size_t i = 0; i < sizeof frame; i += 1024)
        frame[i] = 1;
    return weir_write(weir_conn_stream(c), weir_task_name(weir_task_current()), 5);
}

static int tells_name(struct weir_conn *c, void *state, struct weir_view v) {
    return weir_write(weir_conn_stream(c), weir_task_name(weir_task_current()), 5);
}

static void expect_name(const struct weir_reactive *r, const char *name) {
    struct server s;
    struct weir_group g;
    struct weir_stream *c = NULL;
    server_open(&s, &g, r);
    assert_int_equal(weir_dial(url_of(s.l), NULL, &c), 0);
    send_text(c, "x");
    expect_bytes(c, name);
    weir_close(&c);
    server_close(&s, &g);
}

LOOP_STORY(a_connections_task_has_the_stack_and_the_name_that_its_server_says) {
    expect_name(&(struct weir_reactive){.size = sizeof(struct weir_reactive), .message = goes_deep,
                                        .stack_size = 1 << 20, .name = "diver"}, "diver");
    expect_name(&(struct weir_reactive){.size = sizeof(struct weir_reactive),
                                        .message = tells_name}, "conne");
    return 0;
}

LOOP_STORY(a_server_that_wants_more_stack_than_there_is_does_not_begin) {
    struct weir_reactive r = {.size = sizeof r, .message = echo, .stack_size = SIZE_MAX};
    struct weir_listener *l = NULL;
    struct weir_group g;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react(l, &g, &r), -ENOMEM);
    assert_string_equal(weir_error(-ENOMEM)->text, "react: no stack is that large");
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_unlisten(&l);
    return 0;
}

static int closes_its_stream(struct weir_conn *c, void *state, struct weir_view v) {
    struct weir_stream *s = weir_conn_stream(c);
    weir_close(&s);
    return 0;
}

static int serve_a_fool(void *arg) {
    static const struct weir_reactive r = {.size = sizeof r, .message = closes_its_stream};
    struct server s;
    struct weir_group g;
    struct weir_stream *c = NULL;
    server_open(&s, &g, &r);
    assert_int_equal(weir_dial(url_of(s.l), NULL, &c), 0);
    send_text(c, "x");
    settle();
    return 0;
}

WEIR_TEST_ABORTS(closing_a_reactive_connections_stream_is_a_bug, "use weir_conn_close") {
    weir_run(serve_a_fool, NULL, NULL);
}

/* A writer from outside of the connection's group: a broadcast, say. */
LOOP_STORY(a_writer_from_outside_gets_an_error_when_the_connection_ends) {
    static const struct weir_reactive r = {.size = sizeof r, .state_size = sizeof(int),
                                           .opened = keep, .message = echo, .closed = closed};
    struct server s;
    struct weir_group g;
    struct weir_stream *c = NULL;
    struct doing d = {.buf = calloc(1, 16 << 20), .len = 16 << 20};
    server_open(&s, &g, &r);
    assert_int_equal(weir_dial(url_of(s.l), NULL, &c), 0);
    settle();
    d.s = weir_conn_stream(kept);
    start(&g, writing, &d);
    settle();
    assert_false(d.over);
    weir_conn_close(kept);
    settle();
    assert_true(d.over);
    assert_int_equal(d.rc, WEIR_ECLOSED);
    weir_close(&c);
    server_close(&s, &g);
    free(d.buf);
    return 0;
}
